"""Cutting a running stream, at nginx-rtmp and at Tencent's live service.

Knows each one's way of being told. Knows no rooms and no reasons. Source: protocols 1.3, 7.1.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import msgspec
from tornado.httpclient import AsyncHTTPClient

from adapters.asking import DEADLINE_MS, OutsideService
from engine.errors import StoreDown
from engine.ports import Log

__all__ = ["CssCutter", "NginxCutter", "tc3_authorization"]

API: Final = "https://live.tencentcloudapi.com/"
API_HOST: Final = "live.tencentcloudapi.com"
VERSION: Final = "2018-08-01"
DROP: Final = "DropLiveStream"
JSON: Final = "application/json; charset=utf-8"
ALGORITHM: Final = "TC3-HMAC-SHA256"
SERVICE: Final = "live"
SIGNED_HEADERS: Final = "content-type;host;x-tc-action"

DROPPED: Final = re.compile(rb"\s*[0-9]+\s*")
"""nginx-rtmp answers how many connections it has dropped."""


class NginxCutter:
    """``StreamCutter`` for one nginx-rtmp with one worker; ``control_url`` is where its ``rtmp_control`` is."""

    def __init__(
        self, *, control_url: str, app: str, http: AsyncHTTPClient, log: Log, deadline_ms: int = DEADLINE_MS
    ) -> None:
        self._base = f"{control_url.rstrip('/')}/drop/publisher"
        self._app = app
        self._service = OutsideService(name="nginx_control", http=http, log=log, deadline_ms=deadline_ms)

    async def cut(self, name: str) -> None:
        """Drop the publisher, if there is one.

        Raises: StoreDown: no answer, or from somebody else.
        """
        answer = await self._service.ask(f"{self._base}?{urlencode({'app': self._app, 'name': name})}")
        if not DROPPED.fullmatch(answer):
            raise StoreDown("nginx_control: not its answer")


class CssCutter:
    """``StreamCutter`` for Tencent's live service: DropLiveStream, after which the client may push again."""

    def __init__(
        self,
        *,
        secret_id: str,
        secret_key: str,
        push_host: str,
        app: str,
        http: AsyncHTTPClient,
        log: Log,
        api_url: str = API,
        deadline_ms: int = DEADLINE_MS,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        """Raise ``ValueError`` where half of the credential is missing."""
        if not secret_id or not secret_key:
            raise ValueError("an id and a key are needed")
        self._secret_id = secret_id
        self._secret_key = secret_key
        self._push_host = push_host
        self._app = app
        self._api_url = api_url
        self._service = OutsideService(name="css_api", http=http, log=log, deadline_ms=deadline_ms)
        self._log = log
        self._now_s = now_s

    async def cut(self, name: str) -> None:
        """Have the stream dropped; fine as well when it is not on air.

        Raises: StoreDown: no answer, or a refusal. What only an operator can mend is logged as an error.
        """
        body = msgspec.json.encode({"AppName": self._app, "DomainName": self._push_host, "StreamName": name})
        at_s = self._now_s()
        answer = await self._service.ask(
            self._api_url,
            body=body,
            content_type=JSON,
            headers={
                "Host": API_HOST,
                "X-TC-Action": DROP,
                "X-TC-Version": VERSION,
                "X-TC-Timestamp": str(at_s),
                "Authorization": tc3_authorization(
                    self._secret_id, self._secret_key, action=DROP, body=body, at_s=at_s
                ),
            },
        )
        try:
            response = msgspec.json.decode(answer, type=_Envelope).response
        except msgspec.DecodeError:
            raise StoreDown("css_api: not its answer") from None
        if response.error is not None:
            code = response.error.code[:64]
            self._log.error("css_api_refused", reason=code)
            raise StoreDown(f"css_api: {code}")


class _Error(msgspec.Struct):
    code: str = msgspec.field(name="Code")


class _Response(msgspec.Struct):
    request_id: str = msgspec.field(name="RequestId")
    error: _Error | None = msgspec.field(name="Error", default=None)


class _Envelope(msgspec.Struct):
    response: _Response = msgspec.field(name="Response")


def tc3_authorization(secret_id: str, secret_key: str, *, action: str, body: bytes, at_s: int) -> str:
    """The ``Authorization`` header of a request to the live service's API. Source: protocols 1.3."""
    headers = f"content-type:{JSON}\nhost:{API_HOST}\nx-tc-action:{action.lower()}\n"
    request = f"POST\n/\n\n{headers}\n{SIGNED_HEADERS}\n{hashlib.sha256(body).hexdigest()}"
    date = datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{SERVICE}/tc3_request"
    text = f"{ALGORITHM}\n{at_s}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (date, SERVICE, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}"
