"""The chat's socket, in both of its dialects.

A connection speaks the dialect of its first frame. Until then it hears frames of both at once: nothing has to wait for
a client that only listens, and nothing is told in words that it does not understand. The text ``ping`` is of both, and
decides nothing.

Who speaks is the server's word. What somebody says comes back to him as it comes to the others, with its id: that is
how he knows that it is kept. Source: seed behaviour §4.6, SO-45 … SO-52, ALL-16, ALL-18.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from engine.errors import BadInput, EngineError, TooMany
from engine.records import Media
from engine.services.conversations import Draft, NoAssistant
from handlers.social.access import CHAT_PATH, SocialCaller, known_of, socket_credential
from handlers.social.envelope import ENVELOPE, Row
from handlers.social.frames import (
    BothSaid,
    NewSaid,
    OldSaid,
    ToType,
    encode_both,
    encode_new,
    encode_old,
    new_said,
)
from handlers.social.options import SocialOptions
from handlers.social.paging import MESSAGES_COUNT, PageNumber
from handlers.social.shapes import NOBODY, Nothing, SnowflakeText, snowflake_of
from handlers.wire.codec import read_json, write_json
from handlers.wire.fields import Count, also, blank, text
from handlers.wire.home import home_of
from handlers.wire.language import Language, Said
from handlers.wire.surface import Command, Frame, Opening, SocketDialect
from store.interfaces.ids import Snowflake

__all__ = ["dialect"]

WORDS_MAX: Final = 1_000
"""Characters that one message may have. Source: ALL-18."""

Words = Annotated[str, Meta(max_length=WORDS_MAX, extra={"spoken": True})]
"""What is said; nothing, where a file says it."""

TALKING: Final = ENVELOPE.saying(
    {NoAssistant: Row(-43960, Said("AI助手未开启", "there is no assistant here"))},
)

OLD_KINDS: Final = {"1": "private", "2": "group", "3": "heartbeat"}


# --- opening, and its end ------------------------------------------------------------------------------------------


class Begin(msgspec.Struct):
    """The last message that the client has, if it knows: what came after is told first."""

    last_id: Annotated[SnowflakeText, also("after")] = ""


async def begin(caller: SocialCaller, wanted: Begin) -> None:
    """Hear what was missed, and then what is said."""
    insider = caller.principal
    caller.engine.social_sign_ins.watch(known_of(insider))
    after_id = snowflake_of(wanted.last_id, "last_id") if wanted.last_id else None
    await caller.engine.conversations.deliveries.open(insider.person, caller.request_id, after_id=after_id)


def ended(caller: SocialCaller) -> None:
    """The connection has gone."""
    caller.engine.conversations.deliveries.closed(caller.request_id)


def mark(caller: SocialCaller) -> object | None:
    """Up to where everything has been told to this connection."""
    return caller.engine.conversations.deliveries.mark(caller.request_id)


def proved(caller: SocialCaller, told: Snowflake) -> None:
    """It has arrived."""
    caller.engine.conversations.deliveries.prove(caller.request_id, told)


OPENING: Final = Opening(Begin, begin, summary="What the client has already", ended=ended, mark=mark, proved=proved)


# --- the older dialect ---------------------------------------------------------------------------------------------


class OldSay(msgspec.Struct, kw_only=True):
    """Something to say; who says it is the server's word, whatever stands beside it.

    A sticker, a voice or an image is a file that was uploaded here: its address in ``Url``, ``Pic`` or ``Content``.
    """

    target_id: SnowflakeText = field(name="TargetId")
    media: Annotated[Media, blank()] = field(name="Media", default=Media.TEXT)
    content: Words = field(name="Content", default="")
    pic: Annotated[str, text(2_000), blank()] = field(name="Pic", default="")
    url: Annotated[str, text(2_000), blank()] = field(name="Url", default="")
    desc: Annotated[str, text(1_000), blank()] = field(name="Desc", default="")
    amount: Annotated[Count, blank()] = field(name="Amount", default=0)


class Heartbeat(msgspec.Struct):
    """The client is there."""

    type: int = field(name="Type")
    create_time: str = field(name="CreateTime")


async def say_privately(options: SocialOptions, caller: SocialCaller, wanted: OldSay) -> Nothing:
    """Say something to a friend."""
    draft = _draft(options, caller, wanted)
    await caller.engine.conversations.say_to_person(
        caller.principal.person_id, snowflake_of(wanted.target_id, "TargetId"), draft
    )
    return Nothing()


async def say_to_group(options: SocialOptions, caller: SocialCaller, wanted: OldSay) -> Nothing:
    """Say something to a group."""
    draft = _draft(options, caller, wanted)
    await caller.engine.conversations.say_to_group(
        caller.principal.person_id, snowflake_of(wanted.target_id, "TargetId"), draft
    )
    return Nothing()


async def heartbeat(caller: SocialCaller, _wanted: Nothing) -> Heartbeat:
    """Be there."""
    caller.engine.presence.seen(caller.principal.person)
    caller.engine.online.heard(caller.principal.person_id)
    return Heartbeat(type=3, create_time=str(caller.engine.node.now_ms()))


def _draft(options: SocialOptions, caller: SocialCaller, wanted: OldSay) -> Draft:
    is_text = wanted.media is Media.TEXT
    address = wanted.url if is_text else wanted.url or wanted.pic or wanted.content
    if not (wanted.content if is_text else address):
        raise BadInput(field="Content")
    _require_ours(options, caller, address, wanted.pic)
    return Draft(
        text=wanted.content,
        media=wanted.media,
        url=address,
        picture_url=wanted.pic,
        description=wanted.desc,
        amount=wanted.amount,
    )


def _require_ours(options: SocialOptions, caller: SocialCaller, *addresses: str) -> None:
    """Chat carries no bytes, and leads to no other place: its files are ours. Source: SO-52."""
    home = home_of(options.public_url, caller.host)
    for address in filter(None, addresses):
        if not caller.engine.files.is_ours(address.removeprefix(home)):
            raise BadInput(field="Url")


def _read_old(value: Mapping[str, object]) -> Frame:
    kind = value.get("Type")
    name = OLD_KINDS.get(str(kind)) if type(kind) in (int, str) else None
    if name is None:
        raise BadInput("a frame is of Type 1, 2 or 3", field="Type")
    return Frame(name, None, value)


def _answer_old(kind: str, _frame_id: object, reply: object) -> bytes | tuple[bytes, ...]:
    return write_json(reply) if kind == "heartbeat" else ()


# --- the newer dialect ---------------------------------------------------------------------------------------------


class NewSay(msgspec.Struct, kw_only=True):
    """Something to say, as the JSON text in ``content`` has it."""

    content: Annotated[str, Meta(min_length=1, max_length=WORDS_MAX, extra={"spoken": True})]
    to_type: ToType
    to: SnowflakeText = ""


class HistoryAsked(msgspec.Struct, kw_only=True):
    """How much of which conversation, before which message; of all that the caller is in, when none is named."""

    before: Annotated[str, blank()] = ""
    count: PageNumber = MESSAGES_COUNT
    to_type: Annotated[ToType | None, blank()] = None
    to: SnowflakeText = ""


class AskAssistant(msgspec.Struct):
    """Something to say to an assistant."""

    content: Annotated[str, Meta(min_length=1, max_length=WORDS_MAX, extra={"spoken": True})]


class History(msgspec.Struct):
    """What was said, newest first; each comes in a frame of its own."""

    messages: list[NewSaid]


class Assisted(msgspec.Struct):
    """What an assistant says."""

    id: str
    content: str
    user_id: str
    timestamp: int


async def say(caller: SocialCaller, wanted: NewSay) -> Nothing:
    """Say something to a friend, a group or everybody."""
    conversations, sender_id = caller.engine.conversations, caller.principal.person_id
    draft = Draft(text=wanted.content)
    match wanted.to_type:
        case ToType.USER:
            await conversations.say_to_person(sender_id, snowflake_of(wanted.to, "to"), draft)
        case ToType.GROUP:
            await conversations.say_to_group(sender_id, snowflake_of(wanted.to, "to"), draft)
        case ToType.ALL:
            await conversations.say_to_all(sender_id, draft)
    return Nothing()


async def history(caller: SocialCaller, wanted: HistoryAsked) -> History:
    """What was said before."""
    conversations, person_id = caller.engine.conversations, caller.principal.person_id
    # A client that has nothing yet says so with 0.
    before_id = snowflake_of(wanted.before, "before") if wanted.before not in ("", "0") else None
    match wanted.to_type:
        case ToType.USER:
            ask = partial(conversations.with_person, person_id, snowflake_of(wanted.to, "to"))
        case ToType.GROUP:
            ask = partial(conversations.in_group, person_id, snowflake_of(wanted.to, "to"))
        case ToType.ALL:
            ask = partial(conversations.to_all)
        case None:
            ask = partial(conversations.everywhere, person_id)
    found = await ask(before_id=before_id, count=wanted.count or MESSAGES_COUNT)
    return History([new_said(message, kind="history") for message in found])


async def ask_assistant(caller: SocialCaller, wanted: AskAssistant) -> Assisted:
    """Say something to an assistant, who answers."""
    sender_id = caller.principal.person_id
    answered_id, said, at_ms = await caller.engine.conversations.ask_assistant(sender_id, wanted.content)
    return Assisted(id=str(answered_id), content=said, user_id=NOBODY, timestamp=at_ms)


def _read_new(value: Mapping[str, object]) -> Frame:
    kind, content = value.get("type"), value.get("content", {})
    if not isinstance(kind, str):
        raise BadInput("a frame has a type", field="type")
    if isinstance(content, str):
        content = _inside(kind, content)
    if not isinstance(content, dict):
        raise BadInput("content is the text of an object", field="content")
    return Frame(kind, None, content)


def _inside(kind: str, content: str) -> object:
    """What the text in ``content`` says; to an assistant it may simply be what is said."""
    try:
        inside = read_json(content.encode()) if content else {}
    except BadInput:
        inside = None
    if not isinstance(inside, dict) and kind in ("ai", "common_ai"):
        return {"content": content}
    return inside


def _answer_new(kind: str, _frame_id: object, reply: Any) -> bytes | tuple[bytes, ...]:
    match kind:
        case "history":
            return tuple(write_json(message) for message in reply["messages"])
        case "ai" | "common_ai":
            return write_json({"type": kind, **reply})
    return ()


# --- both ----------------------------------------------------------------------------------------------------------


def _refuse(error: EngineError, _frame_id: object, language: Language) -> bytes:
    row = TALKING.row(error)
    refusal: dict[str, object] = {
        "type": "error",
        "code": row.code,
        "message": row.said.to(language),
        "error": error.code,
    }
    if isinstance(error, TooMany):
        refusal["retry_after_ms"] = error.retry_after_ms
    return write_json(refusal)


def _reason(error: EngineError, language: Language) -> str:
    return TALKING.row(error).said.to(language)


def dialect(options: SocialOptions) -> SocketDialect:
    """The socket with these settings."""
    old = SocketDialect(
        path=CHAT_PATH,
        aliases=("/ws",),
        summary="Talking with friends, in groups and to everybody",
        source_id="social-chat-ws",
        credential=socket_credential,
        encode=encode_old,
        events={"message": OldSaid},
        opening=OPENING,
        commands={
            "private": Command(
                OldSay, Nothing, partial(say_privately, options), summary="Type 1: say something to a friend"
            ),
            "group": Command(
                OldSay, Nothing, partial(say_to_group, options), summary="Type 2: say something to a group"
            ),
            "heartbeat": Command(Nothing, Heartbeat, heartbeat, summary="Type 3: be there"),
        },
        read=_read_old,
        answer=_answer_old,
        refuse=_refuse,
        reason=_reason,
        words={"ping": b"pong"},
        is_admitted_first=True,
    )
    new = replace(
        old,
        encode=encode_new,
        events={"chat": NewSaid},
        commands={
            "chat": Command(NewSay, Nothing, say, summary="Say something to a friend, a group or everybody"),
            "history": Command(HistoryAsked, History, history, summary="What was said before, in frames of its own"),
            "ai": Command(AskAssistant, Assisted, ask_assistant, summary="Say something to the assistant"),
            "common_ai": Command(AskAssistant, Assisted, ask_assistant, summary="Say something to the other one"),
        },
        read=_read_new,
        answer=_answer_new,
    )

    def spoken_as(value: Mapping[str, object]) -> SocketDialect:
        spoken = old if "Type" in value else new if "type" in value else None
        if spoken is None:
            raise BadInput("a frame has a type", field="type")
        (spoken.read or _read_new)(value)
        return spoken

    return replace(
        old,
        encode=encode_both,
        events={"message": BothSaid, "message.old": OldSaid, "message.new": NewSaid},
        commands={**old.commands, **new.commands},
        spoken_as=spoken_as,
    )
