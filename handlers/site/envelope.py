"""The outer form of this surface's replies: ``{code, message?, data?}``, code 0 or 1, and an HTTP status.

Holds the one table from what the engine refuses to statuses and sentences. Knows no endpoint; an endpoint whose
document words a refusal in its own way asks for a copy that says it so. Source: SITE-16 … SITE-18, ALL-13, ALL-14.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from engine.errors import (
    BadInput,
    Banned,
    EngineError,
    NotFound,
    ProviderDown,
    TooLong,
)
from handlers.wire.codec import write_json
from handlers.wire.fields import MissingInput
from handlers.wire.language import Language, Said
from handlers.wire.refusals import NO_KIND, Refusals, Row, headers_of
from handlers.wire.surface import Answer, TransportError, row_for, total

__all__ = ["DONE", "ENVELOPE", "Done", "Row", "SiteEnvelope", "Told", "row_of"]

DataT = TypeVar("DataT")


class Told(msgspec.Struct, Generic[DataT], kw_only=True):
    """The reply of most endpoints. ``code`` is 0 but where a document has an answer under 1 that is no refusal.

    The name of ``DataT`` must be one of a kind on this surface: msgspec describes no two that share theirs.
    """

    code: int = 0
    message: str | UnsetType = UNSET
    data: DataT


class Done(msgspec.Struct, kw_only=True):
    """It worked, and there is nothing to tell, or a sentence of the documents."""

    code: int = 0
    message: str | UnsetType = UNSET


DONE: Final = Done()


_WRONG: Final = HTTPStatus.BAD_REQUEST
_REFUSED: Final = HTTPStatus.FORBIDDEN
_CONFLICT: Final = HTTPStatus.CONFLICT
_NOT_NOW: Final = Row(HTTPStatus.SERVICE_UNAVAILABLE, Said("服务繁忙，请稍后再试", "not now, try again"))

_ROWS: Final[Mapping[str, Row]] = total(
    {
        "INTERNAL": Row(HTTPStatus.INTERNAL_SERVER_ERROR, Said("内部错误", "internal error")),
        "BAD_INPUT": Row(_WRONG, Said("参数错误", "the request is not acceptable")),
        "NOT_SIGNED_IN": Row(HTTPStatus.UNAUTHORIZED, Said("请先登录", "sign in first")),
        "WRONG_ROLE": Row(_REFUSED, Said("仅限主播", "for anchors only")),
        "BANNED": Row(_REFUSED, Said("账号已被封禁", "this account is banned")),
        "FORBIDDEN": Row(_REFUSED, Said("无权限", "not allowed")),
        "NOT_FOUND": Row(HTTPStatus.NOT_FOUND, Said("不存在", "no such thing")),
        "UNREACHABLE": Row(HTTPStatus.NOT_FOUND, Said("不存在", "no such person")),
        "BUSY": Row(_CONFLICT, Said("房间已被占用", "occupied")),
        "WRONG_PHASE": Row(_CONFLICT, Said("当前状态不允许", "not possible in this state")),
        "INSUFFICIENT_BALANCE": Row(_WRONG, Said("钻石余额不足", "not enough diamonds")),
        "KEY_REUSED": Row(_CONFLICT, Said("请求标识已被使用", "this key belongs to another request")),
        "TOO_LONG": Row(_WRONG, Said("内容过长", "too long")),
        "ALREADY_EXISTS": Row(_CONFLICT, Said("已存在", "exists already")),
        "NOT_A_MEMBER": Row(_REFUSED, Said("不在直播间", "not in this room")),
        "ROOM_FULL": Row(_CONFLICT, Said("直播间人数已满", "the room is full")),
        "TOO_MANY_REQUESTS": Row(HTTPStatus.TOO_MANY_REQUESTS, Said("请求过于频繁", "too many requests")),
        "OVERLOADED": _NOT_NOW,
        "SESSION_ENDED": _NOT_NOW,
        "DEADLINE_PASSED": _NOT_NOW,
        "DRAINING": _NOT_NOW,
        "STORE_UNAVAILABLE": _NOT_NOW,
    }
)

_NO_PROVIDER: Final = Row(HTTPStatus.BAD_GATEWAY, Said("支付服务暂不可用", "the payment provider does not answer"))
"""Of the recharge only, which is the only one to ask him. Source: SITE 2.5."""

_THINGS: Final = MappingProxyType(
    {
        "anchor": Said("主播不存在", "no such anchor"),
        "character": Said("角色不存在", "no such character"),
        "order": Said("订单不存在", "no such order"),
        "package": Said("充值套餐不存在", "no such recharge package"),
        "path": Said("接口不存在", "no such path"),
        "person": Said("用户不存在", "no such user"),
        "room": Said("直播间不存在", "no such room"),
    }
)
"""What may not be there, by the engine's names."""

_WIRE_NAMES: Final = MappingProxyType({"anchor": "anchor_id", "price": "amount"})
"""Fields by the engine's names → by those of the documents, where they differ."""

_CHOICES: Final = MappingProxyType(
    {
        "live_status": Said("live_status 只能是 start 或 stop", "live_status is start or stop"),
        "room_type": Said("room_type 只能是 0、1 或 2", "room_type is 0, 1 or 2"),
    }
)
"""Of fields with few values, which they are."""

_FIT_PASSWORD: Final = "密码须为 8 至 64 个字符，同时包含字母和数字，且不能过于常见"  # noqa: S105 - says what one is


def row_of(error: EngineError) -> Row:
    """The status and the sentence for ``error``."""
    if isinstance(error, ProviderDown):
        return _NO_PROVIDER
    row = row_for(error, _ROWS)
    status = HTTPStatus(error.http_status) if isinstance(error, TransportError) else row.status
    return Row(status, _said(error) or row.said)


def _said(error: EngineError) -> Said | None:
    """What is said of this very error, where that is more than of its kind."""
    match error:
        case MissingInput(field=field):
            return Said(f"缺少参数 {field}", f"{field} is missing")
        case BadInput(field="usdt"):
            return _THINGS["package"]
        case BadInput(field="password"):
            return Said(_FIT_PASSWORD, str(error))
        case BadInput(field=field) if field in _CHOICES:
            return _CHOICES[field]
        case BadInput(field=field) if field:
            name = _WIRE_NAMES.get(field, field)
            return Said(f"参数 {name} 不正确", f"{name} is not acceptable")
        case TooLong(field=field) if field:
            return Said(f"{field} 过长", f"{field} is too long")
        case NotFound(what=what):
            return _THINGS.get(what)
        case Banned(text=text) if text:
            # What an operator wrote to the banned person says more than we could.
            return Said(text, text)
    return None


class SiteEnvelope:
    """``{"code": 0, …}`` as the endpoint's reply has it, or ``{"code": 1, "message", "error", "request_id"}``.

    ``error`` is the engine's stable name of the refusal; several of them share a status.
    """

    media_type = "application/json"

    def __init__(self, refusals: Refusals, *, has_err_message: bool = False) -> None:
        """``has_err_message``: a refusal is told once more as the anchors' document calls it, and in its language."""
        self._refusals = refusals
        self._has_err_message = has_err_message

    def saying(
        self, kinds: Mapping[type[EngineError], Row] = NO_KIND, /, *, has_err_message: bool = False, **rows: Row
    ) -> "SiteEnvelope":
        """The same envelope with other rows for some refusals: by engine error code, or by a class of its own."""
        has_err_message = has_err_message or self._has_err_message
        return SiteEnvelope(self._refusals.saying(kinds, rows), has_err_message=has_err_message)

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """A success is what ``reply`` says."""
        if reply is not None:
            return reply
        names = ("message", "error", "request_id", *(["err_message"] if self._has_err_message else []))
        return {
            "type": "object",
            "properties": {"code": {"const": 1}, **{name: {"type": "string"} for name in names}},
            "required": ["code", *names],
        }

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002 - the reply's own
        """The reply as it is."""
        return Answer(HTTPStatus.OK, write_json(reply))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """What was wrong, in a sentence."""
        row = self.row(error)
        body = {"code": 1, "message": row.said.to(language), "error": error.code, "request_id": request_id}
        if self._has_err_message:
            body["err_message"] = row.said.zh
        return Answer(row.status, write_json(body), headers_of(error, row, challenge="Bearer"))

    def row(self, error: EngineError) -> Row:
        """The status and the sentence that this envelope has for ``error``."""
        if isinstance(error, Banned) and error.text:
            return row_of(error)
        return self._refusals.row(error)


ENVELOPE: Final = SiteEnvelope(Refusals(row_of))
"""What most endpoints answer in."""
