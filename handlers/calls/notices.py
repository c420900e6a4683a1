"""What the platform says to an anchor, and the form ids that let it write to a guest.

Source: seeds/004 §26–§28; CA-16, CA-17.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

from handlers.calls.access import CallsCaller, anchor_of, app_token, guest_of
from handlers.calls.shapes import Done, Nothing
from handlers.wire.claims import even_banned
from handlers.wire.fields import text
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS", "exit_message", "message_form", "warn_message"]


class WarnMessage(msgspec.Struct, rename="camel"):
    """A warning, or nothing."""

    warn_message: str


class ExitMessage(msgspec.Struct, rename="camel"):
    """Why she may not broadcast, or nothing."""

    exit_message: str


class MessageForm(msgspec.Struct, rename="camel"):
    """A form id of the mini-program, and where it came from."""

    form_id: Annotated[str, text(256, length_min=1)]
    module_name: Literal["login", "pay", "main"]


async def warn_message(caller: CallsCaller, _wanted: Nothing) -> WarnMessage:
    """The newest unread warning; reading marks it read."""
    return WarnMessage(warn_message=await caller.engine.notices.warning_for(anchor_of(caller)))


async def exit_message(caller: CallsCaller, _wanted: Nothing) -> ExitMessage:
    """The text of the ban in force; reading changes nothing."""
    ban = anchor_of(caller).ban_at(caller.engine.node.now_ms())
    return ExitMessage(exit_message="" if ban is None else ban.text)


async def message_form(caller: CallsCaller, wanted: MessageForm) -> Done:
    """Keep a form id."""
    await caller.engine.notices.keep_form(guest_of(caller), wanted.form_id, wanted.module_name)
    return Done()


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/app/live/getWarnMessage",
        Nothing,
        WarnMessage,
        warn_message,
        credential=even_banned(app_token),
        summary="Platform warning (获取平台警告信息)",
        source_id="calls-get-warn-message",
    ),
    Endpoint(
        "/app/live/getExitMessage",
        Nothing,
        ExitMessage,
        exit_message,
        credential=even_banned(app_token),
        summary="Broadcast ban message (获取平台禁播信息)",
        source_id="calls-get-exit-message",
    ),
    Endpoint(
        "/app/live/messageForm",
        MessageForm,
        Done,
        message_form,
        summary="Store a form id for template messages (模板消息触发表单)",
        source_id="calls-message-form",
    ),
)
