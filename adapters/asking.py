"""One question to an outside service over HTTP, bounded in time and size.

Knows deadlines, sizes and what counts as no answer. Knows no service: what the bytes mean is for the caller to say. An
address may carry a secret in its query, so addresses appear in no log line, no message and no chained error.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders

from engine.errors import StoreDown
from engine.ports import Log

__all__ = ["BYTES_MAX", "DEADLINE_MS", "Answer", "OutsideService"]

BYTES_MAX: Final = 65_536
"""Longest answer that is read; the services used here answer with less than a tenth of it."""

DEADLINE_MS: Final = 5_000
"""How long an answer may take in all: waiting for a free connection, connecting, and the last byte of the body."""

HTTP_OK: Final = 200
HTTP_REDIRECTION: Final = 300
HTTP_MISTAKE_OF_OURS: Final = 400
HTTP_MISTAKE_OF_THEIRS: Final = 500
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Answer(NamedTuple):
    """What came back: the HTTP status, whole body and headers."""

    code: int
    body: bytes
    headers: HTTPHeaders


class OutsideService:
    """A service that is asked. ``name`` is what operators read in the log (``wechat_login``)."""

    def __init__(self, *, name: str, http: AsyncHTTPClient, log: Log, deadline_ms: int = DEADLINE_MS) -> None:
        self._name = name
        self._http = http
        self._log = log
        self._deadline_ms = deadline_ms

    async def ask(
        self,
        address: str,
        *,
        body: bytes | None = None,
        content_type: str = "",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> bytes:
        """GET ``address``, or POST ``body`` to it, and return the body of the answer.

        Raises: StoreDown: as ``exchange``, and every answer other than 200.
        """
        answer = await self.exchange(address, body=body, content_type=content_type, headers=headers)
        if answer.code != HTTP_OK:
            raise self._unanswered(f"HTTP {answer.code}")
        return answer.body

    async def exchange(
        self,
        address: str,
        *,
        body: bytes | None = None,
        content_type: str = "",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:
        """GET ``address``, or POST ``body`` to it; for services that tell by the status what is wrong (4xx).

        Redirections are not followed: they would carry the address, and a secret in it, to somebody else.

        Raises: StoreDown: no answer in time, one that is a redirection or a failure of theirs, or one over
            ``BYTES_MAX``.
        """
        received = bytearray()

        def receive(chunk: bytes) -> None:
            # What is over the bound is dropped instead of kept; the one byte more tells that there was more.
            received.extend(chunk[: BYTES_MAX + 1 - len(received)])

        deadline_s = self._deadline_ms / 1_000
        request = HTTPRequest(
            address,
            method="GET" if body is None else "POST",
            headers={**headers, "Content-Type": content_type} if content_type else dict(headers),
            body=body,
            connect_timeout=deadline_s / 2,  # Also how long a question may queue; what waited longer is too late.
            request_timeout=deadline_s,
            follow_redirects=False,
            decompress_response=False,  # A small body that inflates to a large one.
            streaming_callback=receive,
        )
        answer = self._http.fetch(request, raise_error=False)
        # Whoever asked may have gone by the time it fails; then its error interests nobody.
        answer.add_done_callback(_retrieve)
        # The client's own limit begins anew after its queue, hence a deadline around everything.
        done, _ = await asyncio.wait({answer}, timeout=deadline_s)
        if not done:
            raise self._unanswered("deadline")
        # Looked at instead of caught: a chained error could carry the address along.
        error = answer.exception()
        if isinstance(error, HTTPClientError | OSError | ValueError):
            raise self._unanswered(type(error).__name__)
        response = answer.result()
        if HTTP_REDIRECTION <= response.code < HTTP_MISTAKE_OF_OURS or response.code >= HTTP_MISTAKE_OF_THEIRS:
            raise self._unanswered(f"HTTP {response.code}")
        if len(received) > BYTES_MAX:
            raise self._unanswered("answer too long")
        return Answer(response.code, bytes(received), response.headers)

    def _unanswered(self, reason: str) -> StoreDown:
        self._log.warning("outside_service_unanswered", service=self._name, reason=reason)
        return StoreDown(f"{self._name}: {reason}")


def _retrieve(answer: "asyncio.Future[HTTPResponse]") -> None:
    if not answer.cancelled():
        answer.exception()
