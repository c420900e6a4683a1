"""The outer form of this surface's replies: ``{code, message, …}`` in one object, always with HTTP status 200.

Holds the one table from what the engine refuses to the codes of the documents. Knows no endpoint; an endpoint whose
document words a refusal in its own way asks for a copy that says it so. Source: CA-1, CA-6.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.errors import BadInput, Banned, EngineError, NotFound, NotNow, Refused, TooLong, TooMany
from handlers.wire.codec import write_json
from handlers.wire.language import Language, Said
from handlers.wire.surface import Answer, row_for, total

__all__ = ["APP", "WEAPP", "CallsEnvelope", "FeatureOff", "Row", "row_of"]


class Row(msgspec.Struct, frozen=True):
    """What a client gets for one kind of refusal."""

    code: int
    said: Said


class FeatureOff(Refused):
    """The build is under review, so its features are off: a refusal in form, and the answer in fact. Source: 5.4."""

    code = "FEATURE_OFF"


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_BAD_INPUT: Final = Row(2, Said("参数错误", "the request is not acceptable"))
_NO_CALL: Final = Row(1004, Said("通话不存在", "no such call"))
_NO_PERSON: Final = Row(1003, Said("对方不在线", "not reachable"))
_NO_ROOM: Final = Row(3, Said("房间不存在", "no such room"))
_TRY_AGAIN: Final = Row(5003, Said("服务繁忙，请稍后再试", "not now, try again"))

_ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        **total(
            {
                "INTERNAL": Row(5000, Said("内部错误", "internal error")),
                "BAD_INPUT": _BAD_INPUT,
                "NOT_SIGNED_IN": Row(7, Said("token无效", "the token is not valid")),
                "WRONG_ROLE": Row(1005, Said("无权限", "not for this role")),
                "BANNED": Row(1006, Said("账号已被封禁", "this account is banned")),
                "FORBIDDEN": Row(3, Said("无权操作该房间", "the room is not yours")),
                "NOT_FOUND": _NO_CALL,
                "UNREACHABLE": _NO_PERSON,
                "BUSY": Row(1002, Said("对方忙线中", "busy")),
                "WRONG_PHASE": _NO_CALL,
                "INSUFFICIENT_BALANCE": Row(1001, Said("钻石不足", "not enough diamonds")),
                "KEY_REUSED": Row(2, Said("请求标识已被使用", "this key belongs to another request")),
                "TOO_LONG": Row(2, Said("参数过长", "too long")),
                "ALREADY_EXISTS": Row(11, Said("房间已存在", "the room exists already")),
                "NOT_A_MEMBER": Row(5, Said("成员不在房间", "not a member of the room")),
                "ROOM_FULL": Row(5001, Said("房间人数已满", "the room is full")),
                "TOO_MANY_REQUESTS": Row(1429, Said("请求过于频繁", "too many requests")),
                "OVERLOADED": _TRY_AGAIN,
                "SESSION_ENDED": _TRY_AGAIN,
                "DEADLINE_PASSED": _TRY_AGAIN,
                "DRAINING": _TRY_AGAIN,
                "STORE_UNAVAILABLE": _TRY_AGAIN,
            }
        ),
        FeatureOff.code: Row(1, Said("功能关闭", "switched off for this version")),
    }
)

_MISSING: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "call": _NO_CALL,
        "command": Row(2, Said("未知的消息类型", "no such message type")),
        "gift": Row(1004, Said("礼物不存在", "no such gift")),
        "path": Row(2, Said("接口不存在", "no such path")),
        "person": _NO_PERSON,
        "product": Row(2, Said("商品不存在", "no such product")),
        "recipient": Row(1004, Said("没有收礼对象", "nobody to give it to")),
        "room": _NO_ROOM,
    }
)
"""What ``NotFound`` is about → its row; anything else that is missing is a missing call or record."""

_SPECIAL_FIELDS: Final[Mapping[tuple[type[EngineError], str], Row]] = MappingProxyType(
    {
        (TooLong, "roomInfo"): Row(10, Said("roomInfo字段超出长度", "roomInfo is too long")),
        (TooLong, "mergeParams"): Row(10, Said("mergeParams参数错误", "mergeParams is not acceptable")),
        (BadInput, "mergeParams"): Row(10, Said("mergeParams参数错误", "mergeParams is not acceptable")),
    }
)
"""Fields whose refusal has a code of its own. Source: LR-8 and merge_stream."""


def row_of(error: EngineError) -> Row:
    """The code and the text for ``error``."""
    if isinstance(error, NotFound):
        return _MISSING.get(error.what, _NO_CALL)
    for (kind, field), row in _SPECIAL_FIELDS.items():
        if isinstance(error, kind) and getattr(error, "field", "") == field:
            return row
    return row_for(error, _ROWS)


class CallsEnvelope:
    """``{"code": 0, "message", …}`` or ``{"code", "message", "error", "request_id"}``.

    ``error`` is the engine's stable name of the refusal; several of them share a code.
    """

    media_type = "application/json"

    def __init__(
        self, done: Said, *, texts: Mapping[str, Said] = _NOTHING, codes: Mapping[str, int] = _NOTHING
    ) -> None:
        """``texts`` and ``codes`` replace those of the table, by engine error code."""
        self._done = done
        self._texts = texts
        self._codes = codes

    def saying(self, *, codes: Mapping[str, int] = _NOTHING, **texts: Said) -> "CallsEnvelope":
        """The same envelope with other words for some refusals, by engine error code."""
        return CallsEnvelope(self._done, texts={**self._texts, **texts}, codes={**self._codes, **codes})

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The outer fields, and beside them those of the reply."""
        outer: dict[str, Any] = {"code": {"type": "integer"}, "message": {"type": "string"}}
        if reply is None:
            outer |= {"error": {"type": "string"}, "request_id": {"type": "string"}}
        described: dict[str, Any] = {"type": "object", "properties": outer, "required": list(outer)}
        return described if reply is None else {"allOf": [described, reply]}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002 - in the header
        """Code 0 and the reply's own fields."""
        assert isinstance(reply, dict)
        return Answer(200, write_json({"code": 0, "message": self._done.to(language), **reply}))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """The code of the documents and a sentence."""
        row = self.row(error)
        # What an operator wrote to the banned person says more than we could.
        message = error.text if isinstance(error, Banned) and error.text else row.said.to(language)
        body = {"code": row.code, "message": message, "error": error.code, "request_id": request_id}
        wait = (("Retry-After", "1"),) if isinstance(error, NotNow) and not isinstance(error, TooMany) else ()
        return Answer(200, write_json(body), wait)

    def row(self, error: EngineError) -> Row:
        """The code and the text that this envelope has for ``error``."""
        row = row_of(error)
        return replace(row, code=self._codes.get(error.code, row.code), said=self._texts.get(error.code, row.said))


APP: Final = CallsEnvelope(Said("成功", "ok"))
"""What the ``/app`` documents say on success."""

WEAPP: Final = CallsEnvelope(
    Said("请求成功", "ok"), texts={"NOT_SIGNED_IN": Said("请求鉴权失败", "the credential is not valid")}
)
"""What the live_room documents say on success."""
