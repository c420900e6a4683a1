"""What WeChat Pay reports, and what it wants to hear: the same on every surface that sells something.

An order says what was bought, so it does not matter by whose path a report comes in. Knows no surface. Source: CA-29,
QL-39, protocols 4.4.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.errors import EngineError, Forbidden
from engine.greenroom import Greenroom
from handlers.wire.access import PROVIDER, Caller
from handlers.wire.language import Language
from handlers.wire.limits import per_second
from handlers.wire.surface import Answer, Endpoint, RawRequest

__all__ = ["notice_endpoint"]

_XML: Final = "<xml><return_code><![CDATA[{code}]]></return_code><return_msg><![CDATA[{text}]]></return_msg></xml>"
_TAKEN: Final = _XML.format(code="SUCCESS", text="OK").encode()
_NOT_AUTHENTIC: Final = _XML.format(code="FAIL", text="sign error").encode()
_NOT_TAKEN: Final = _XML.format(code="FAIL", text="not taken").encode()


class Taken(msgspec.Struct):
    """Dealt with."""


class NoticeEnvelope:
    """What the payment provider wants to hear: that it may stop telling us, or that it has to tell us again."""

    media_type = "text/xml"

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:  # noqa: ARG002 - the same in both cases
        """XML of ``return_code`` and ``return_msg``."""
        properties = {name: {"type": "string"} for name in ("return_code", "return_msg")}
        return {"type": "object", "properties": properties, "xml": {"name": "xml"}}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Dealt with, also when it changed nothing."""
        return _xml(_TAKEN)

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002
        """Not authentic, or not dealt with."""
        return _xml(_NOT_AUTHENTIC if isinstance(error, Forbidden) else _NOT_TAKEN)


_NOTICE: Final = NoticeEnvelope()


async def notified(caller: Caller[Greenroom, Any], wanted: RawRequest) -> Taken:
    """The provider says that something was paid; its signature covers the bytes, so nothing here reads them."""
    await caller.engine.recharge.notified(wanted.body)
    return Taken()


def notice_endpoint(path: str, *, summary: str, source_id: str) -> Endpoint[Any, Any]:
    """A path that the provider may be told to report to."""
    return Endpoint(
        path,
        RawRequest,
        Taken,
        notified,
        access=PROVIDER,
        envelope=_NOTICE,
        # One address reports for everybody, and what it reports is money: it must not wait behind a default.
        limit=per_second(1_000),
        summary=summary,
        source_id=source_id,
    )


def _xml(body: bytes) -> Answer:
    return Answer(200, body, content_type="text/xml; charset=UTF-8")
