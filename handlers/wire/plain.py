"""The envelope of what belongs to no surface: HTTP status, and an object that says what was wrong.

Knows HTTP. Knows no dialect; surfaces whose documents speak HTTP statuses share its table.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from engine.errors import EngineError
from handlers.wire.codec import write_json
from handlers.wire.language import Language, Said
from handlers.wire.surface import Answer, TransportError, row_for, total

__all__ = ["PLAIN", "PlainEnvelope", "http_status_of", "said_of"]

_TABLE: Final = total(
    {
        "INTERNAL": (HTTPStatus.INTERNAL_SERVER_ERROR, Said("内部错误", "internal error")),
        "BAD_INPUT": (HTTPStatus.BAD_REQUEST, Said("参数错误", "the request is not acceptable")),
        "NOT_SIGNED_IN": (HTTPStatus.UNAUTHORIZED, Said("未登录", "not signed in")),
        "WRONG_ROLE": (HTTPStatus.FORBIDDEN, Said("无权限", "not for this role")),
        "BANNED": (HTTPStatus.FORBIDDEN, Said("账号已被封禁", "this account is banned")),
        "FORBIDDEN": (HTTPStatus.FORBIDDEN, Said("无权限", "not allowed")),
        "NOT_FOUND": (HTTPStatus.NOT_FOUND, Said("不存在", "no such thing")),
        "UNREACHABLE": (HTTPStatus.CONFLICT, Said("对方不在线", "not reachable")),
        "BUSY": (HTTPStatus.CONFLICT, Said("忙线中", "busy")),
        "WRONG_PHASE": (HTTPStatus.CONFLICT, Said("当前状态不允许", "not in this state")),
        "INSUFFICIENT_BALANCE": (HTTPStatus.CONFLICT, Said("余额不足", "not enough balance")),
        "KEY_REUSED": (HTTPStatus.CONFLICT, Said("重复的请求键", "this key belongs to another request")),
        "TOO_LONG": (HTTPStatus.BAD_REQUEST, Said("内容过长", "too long")),
        "ALREADY_EXISTS": (HTTPStatus.CONFLICT, Said("已存在", "exists already")),
        "NOT_A_MEMBER": (HTTPStatus.FORBIDDEN, Said("不是房间成员", "not a member of the room")),
        "ROOM_FULL": (HTTPStatus.CONFLICT, Said("房间已满", "the room is full")),
        "TOO_MANY_REQUESTS": (HTTPStatus.TOO_MANY_REQUESTS, Said("请求过于频繁", "too many requests")),
        "OVERLOADED": (HTTPStatus.SERVICE_UNAVAILABLE, Said("服务繁忙", "overloaded")),
        "SESSION_ENDED": (HTTPStatus.CONFLICT, Said("会话已结束", "the session has ended")),
        "DEADLINE_PASSED": (HTTPStatus.GATEWAY_TIMEOUT, Said("处理超时", "no answer in time")),
        "DRAINING": (HTTPStatus.SERVICE_UNAVAILABLE, Said("服务正在重启", "the server is restarting")),
        "STORE_UNAVAILABLE": (HTTPStatus.SERVICE_UNAVAILABLE, Said("服务暂不可用", "the store does not answer")),
    }
)


def http_status_of(error: EngineError) -> int:
    """The HTTP status that fits ``error``."""
    if isinstance(error, TransportError):
        return error.http_status
    return row_for(error, _TABLE)[0].value


def said_of(error: EngineError) -> Said:
    """What ``error`` is called in a sentence."""
    return row_for(error, _TABLE)[1]


class PlainEnvelope:
    """``{"error", "message", "request_id"}`` and an HTTP status; successes are the bare reply."""

    media_type = "application/json"

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """A success is what ``reply`` says."""
        if reply is not None:
            return reply
        names = ("error", "message", "request_id")
        return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": list(names)}

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002 - the bare reply
        """The reply as it is."""
        return Answer(200, write_json(reply))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """What was wrong, by its stable name and in a sentence."""
        body = {"error": error.code, "message": said_of(error).to(language), "request_id": request_id}
        return Answer(http_status_of(error), write_json(body))


PLAIN: Final = PlainEnvelope()
"""For paths below no surface's prefix."""
