"""Asking a server: where it is, with which token, and what it says.

Knows HTTP and the two files of a data folder that a client needs. Knows no endpoint. JSON is the standard library's
here: the server's own reader brings the server along.
"""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Refused", "Server", "Unreachable", "find"]

DEADLINE_S: Final = 20.0
OK: Final = 200


class Unreachable(Exception):
    """There is no server, or none that answers. The message says what to do."""


class Refused(Exception):
    """The server said no. ``code`` is the stable name of its reason."""

    def __init__(self, *, code: str, message: str, request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class Server:
    """One server's operators' API."""

    def __init__(self, url: str, token: str) -> None:
        """``url`` is where ``/admin/v1`` is found below.

        Raises: ValueError: that is no address, or the token is none.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url} is no address such as http://127.0.0.1:8001")
        if not token.isascii() or not token.isprintable():
            raise ValueError("the token has characters that no token has")
        self.url = url.rstrip("/")
        self._https = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._token = token

    def get(
        self, *path: object, query: Mapping[str, object] = MappingProxyType({}), deadline_s: float = DEADLINE_S
    ) -> dict[str, Any]:
        """The reply to a question. A query field that is None is left out.

        Raises: Refused, Unreachable.
        """
        asked = {name: str(value) for name, value in query.items() if value is not None}
        return self._ask("GET", _joined(path) + (f"?{urlencode(asked)}" if asked else ""), None, {}, deadline_s)

    def post(self, *path: object, body: Mapping[str, object], key: str = "") -> dict[str, Any]:
        """The reply to an act. ``key`` makes it happen once, however often it is sent.

        Raises: Refused. Unreachable: also when the answer got lost, so that it may have happened.
        """
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        return self._ask("POST", _joined(path), json.dumps(body).encode(), headers, DEADLINE_S)

    def _ask(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], deadline_s: float
    ) -> dict[str, Any]:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=deadline_s)
        try:
            connection.request(
                method,
                f"{self._prefix}/admin/v1/{target}",
                body,
                {"Authorization": f"Bearer {self._token}", "Accept-Language": "en", **headers},
            )
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url} does not answer ({_reason(error)})") from None
        finally:
            connection.close()
        return _reply(self.url, status, text)


def find(*, data_dir: str, url: str | None, token: str | None) -> Server:
    """The server that is meant: the one at ``url``, else the one that runs over ``data_dir``.

    Raises: ValueError: ``url`` without a token, or no address. Unreachable: no server runs over ``data_dir``.
    """
    if url:
        if not token:
            raise ValueError("--url needs --token, or GREENROOM_ADMIN_TOKEN")
        return Server(url, token)
    folder = Path(data_dir)
    try:
        ports = json.loads((folder / "ports.json").read_text("ascii"))
        port = int(ports["admin"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Unreachable(
            f"no server runs over {data_dir}: start one (python server.py run), or say --data-dir, or --url and --token"
        ) from None
    try:
        kept = token or (folder / "admin.token").read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise Unreachable(f"{folder / 'admin.token'} cannot be read ({_reason(error)}): say --token") from None
    return Server(f"http://127.0.0.1:{port}", kept)


def _joined(path: tuple[object, ...]) -> str:
    return "/".join(quote(str(segment), safe="") for segment in path)


def _reply(url: str, status: int, text: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(text)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise Unreachable(f"{url} answers, but not like Greenroom (HTTP {status})")
    if status == OK:
        return reply
    raise Refused(
        code=str(reply.get("error", status)),
        message=str(reply.get("detail") or reply.get("message") or f"HTTP {status}"),
        request_id=str(reply.get("request_id", "")),
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
