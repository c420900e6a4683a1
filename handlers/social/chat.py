"""What of the chat is no socket: tickets for one, and what was said before. Source: seed behaviour §4.6."""

from typing import Annotated, Any, Final

import msgspec

from handlers.social.access import CHAT_PATH, SocialCaller, known_of
from handlers.social.frames import GROUP, PRIVATE, OldSaid, old_said
from handlers.social.paging import MESSAGES_COUNT, PageNumber
from handlers.social.shapes import SnowflakeText, snowflake_of
from handlers.wire.fields import blank, text
from handlers.wire.surface import Endpoint

__all__ = ["ENDPOINTS"]


class TicketWanted(msgspec.Struct):
    """Whatever it says, the ticket is the caller's."""

    user_id: Annotated[str, text(64)] = ""
    user_name: Annotated[str, text(200)] = ""
    role: Annotated[str, text(64)] = ""


class Ticket(msgspec.Struct):
    """What opens one socket, once, within 30 seconds."""

    ticket: str


class HistoryWanted(msgspec.Struct):
    """Which conversation: with ``target_id``, who is a person or a group; before which message, and how much."""

    target_id: SnowflakeText
    type: Annotated[int, msgspec.Meta(ge=PRIVATE, le=GROUP), blank()]
    before: SnowflakeText = ""
    count: PageNumber = MESSAGES_COUNT


class Messages(msgspec.Struct):
    """What was said, newest first."""

    messages: list[OldSaid]


async def ticket(caller: SocialCaller, _wanted: TicketWanted) -> Ticket:
    """A ticket for the chat's socket."""
    return Ticket(caller.engine.social_sign_ins.issue_ticket(known_of(caller.principal), path=CHAT_PATH))


async def history(caller: SocialCaller, wanted: HistoryWanted) -> Messages:
    """What was said in a conversation that the caller is in."""
    conversations = caller.engine.conversations
    ask = conversations.with_person if wanted.type == PRIVATE else conversations.in_group
    found = await ask(
        caller.principal.person_id,
        snowflake_of(wanted.target_id, "target_id"),
        before_id=snowflake_of(wanted.before, "before") if wanted.before else None,
        count=wanted.count or MESSAGES_COUNT,
    )
    return Messages([old_said(message) for message in found])


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    Endpoint(
        "/api/chat/ws-ticket",
        TicketWanted,
        Ticket,
        ticket,
        method="GET",
        summary="A ticket for the chat's socket (生成一次性 30 秒 WebSocket ticket)",
        source_id="social-chat-ws-ticket",
    ),
    Endpoint(
        "/api/chat/history",
        HistoryWanted,
        Messages,
        history,
        method="GET",
        summary="What was said in a conversation, newest first",
        source_id="social-chat-history",
    ),
)
