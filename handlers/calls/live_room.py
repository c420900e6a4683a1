"""The live_room protocol: rooms, pushers, audience, custom fields, mixing, in Tencent's words.

``userID`` is a person's number as text; *pusher* and *anchor*, its older and newer word, mean the same here. Source:
seed behaviour §6, LR-1 … LR-9; seeds/004 §10, §23.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from engine.errors import BadInput
from engine.greenroom import Greenroom
from engine.room.messages import SetField
from engine.room.state import RoomState
from handlers.calls.access import CallsCaller, weapp_pair, weapp_pair_about_others
from handlers.calls.envelope import WEAPP, CallsEnvelope
from handlers.calls.shapes import Done, RoomName, Weapp
from handlers.wire.access import ReadCredential
from handlers.wire.codec import write_json
from handlers.wire.fields import Count, Id, text
from handlers.wire.language import Said
from handlers.wire.surface import Endpoint
from store.interfaces.ids import ID_MAX, PersonId, RoomId

__all__ = [
    "ENDPOINTS",
    "add_audience",
    "add_pusher",
    "audience",
    "beat",
    "create_room",
    "custom_info",
    "delete_audience",
    "delete_pusher",
    "destroy_room",
    "merge_stream",
    "push_address",
    "pushers",
    "room_list",
    "set_custom_field",
]

WantedT = TypeVar("WantedT", bound=msgspec.Struct)
ReplyT = TypeVar("ReplyT")

_WHOLE: Final = re.compile(r"-?[0-9]{1,16}")

OptionalRoomName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}(?!\n)$")]
"""As ``RoomName``; clients also send an empty one where they mean none."""

FieldName = Annotated[str, msgspec.Meta(pattern=r"^[^$.\s]{1,64}(?!\n)$")]
"""What a custom field may be called; no ``$`` and no dot, which are syntax where fields are kept. Source: SEC-21."""


class CreateRoom(Weapp, kw_only=True):
    """A room's text and wished id; ``guestId`` makes it the room of the call with that guest."""

    room_info: str = msgspec.field(name="roomInfo", default="")
    room_id: OptionalRoomName = msgspec.field(name="roomID", default="")
    guest_id: Id | None = msgspec.field(name="guestId", default=None)


class RoomCreated(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The room, and the call it is for."""

    room_id: str = msgspec.field(name="roomID")
    record_id: int | None = msgspec.field(name="recordId", default=None)
    room_instance_id: int | None = msgspec.field(name="roomInstanceId", default=None)


class InRoom(Weapp, kw_only=True):
    """Which room."""

    room_id: RoomName = msgspec.field(name="roomID")


class WantedAddress(Weapp, kw_only=True):
    """For which room, or for none."""

    room_id: OptionalRoomName = msgspec.field(name="roomID", default="")


class PushAddress(msgspec.Struct, kw_only=True):
    """Where the caller sends his own pictures, where they are watched, and where he watches the other one."""

    push_url: str = msgspec.field(name="pushURL")
    accelerate_url: str = msgspec.field(name="accelerateURL")
    play_url: str = msgspec.field(name="playURL")


class WantedRooms(Weapp, kw_only=True):
    """``cnt`` rooms from row ``index`` on."""

    cnt: Count
    index: Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class Pusher(msgspec.Struct, kw_only=True):
    """One who sends pictures."""

    user_id: str = msgspec.field(name="userID")
    user_name: str = msgspec.field(name="userName")
    user_avatar: str = msgspec.field(name="userAvatar")
    accelerate_url: str = msgspec.field(name="accelerateURL")


class Room(msgspec.Struct, kw_only=True):
    """A room; ``anchors`` is the newer name of ``pushers``."""

    room_id: str = msgspec.field(name="roomID")
    room_info: str = msgspec.field(name="roomInfo")
    room_creator: str = msgspec.field(name="roomCreator")
    mixed_play_url: str = msgspec.field(name="mixedPlayURL")
    custom: dict[str, str | int]
    audience_count: int = msgspec.field(name="audienceCount")
    pushers: list[Pusher]
    anchors: list[Pusher]


class Rooms(msgspec.Struct):
    """Rooms on air."""

    rooms: list[Room]


class RoomWithStatus(Room, kw_only=True):
    """A room, and the number that grows whenever its pushers change."""

    room_status_code: int = msgspec.field(name="roomStatusCode")


class AddPusher(InRoom, kw_only=True):
    """Who sends, as he describes himself, and the address he was given for it."""

    user_name: Annotated[str, text(100)] = msgspec.field(name="userName")
    user_avatar: Annotated[str, text(2_000)] = msgspec.field(name="userAvatar")
    push_url: Annotated[str, text(2_000)] = msgspec.field(name="pushURL")
    room_info: str = msgspec.field(name="roomInfo", default="")


class DeletePusher(msgspec.Struct, kw_only=True):
    """Whose pictures stop: one's own, or as the creator anybody's."""

    room_id: RoomName = msgspec.field(name="roomID")
    user_id: Id | None = msgspec.field(name="userID", default=None)


class Heartbeat(InRoom, kw_only=True):
    """A pusher is there; ``roomStatusCode`` is the one it saw last."""

    room_status_code: Count | None = msgspec.field(name="roomStatusCode", default=None)


class Beaten(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Empty without a status code in the request; with one the present one, and the pushers if they have changed."""

    room_status_code: int | None = msgspec.field(name="roomStatusCode", default=None)
    pushers: list[Pusher] | None = None
    anchors: list[Pusher] | None = None


class AddAudience(InRoom, kw_only=True):
    """``userInfo`` is the client's own JSON text about the viewer."""

    user_info: str = msgspec.field(name="userInfo", default="")


class Viewer(msgspec.Struct, kw_only=True):
    """One of the audience."""

    user_id: str = msgspec.field(name="userID")
    user_info: str = msgspec.field(name="userInfo")


class Audience(msgspec.Struct, kw_only=True):
    """How many watch, and the first of them."""

    audience_count: int = msgspec.field(name="audienceCount")
    audiences: list[Viewer]


class CustomInfo(msgspec.Struct, kw_only=True):
    """The custom fields, as JSON text (older clients) and as an object (newer ones)."""

    custom_info: str = msgspec.field(name="customInfo")
    custom: dict[str, str | int]


class SetCustomField(InRoom, kw_only=True):
    """*set* needs a value; *inc* and *dec* count by it, or by one."""

    field_name: FieldName = msgspec.field(name="fieldName")
    operation: Literal["set", "inc", "dec"]
    value: Any = None


class MergeStream(InRoom, kw_only=True):
    """The mixing description: a JSON object, or the text of one. The mixer checks it."""

    merge_params: Any = msgspec.field(name="mergeParams")


class Merging(msgspec.Struct):
    """The media server's answer; ``timestamp`` in seconds."""

    code: int
    message: str
    timestamp: int


class Merged(msgspec.Struct):
    """The media server's answer under its older and its newer names."""

    result: Merging
    merge_code: int
    merge_msg: str


async def create_room(caller: CallsCaller, wanted: CreateRoom) -> RoomCreated:
    """Make a room: a public one, or with ``guestId`` the one of an accepted call."""
    record = await caller.engine.live_rooms.create(
        caller.principal.person,
        room_id=_room_id(wanted.room_id),
        info=wanted.room_info,
        guest_id=None if wanted.guest_id is None else PersonId(wanted.guest_id),
    )
    return RoomCreated(room_id=record.id, record_id=record.call_id, room_instance_id=record.call_id)


async def destroy_room(caller: CallsCaller, wanted: InRoom) -> Done:
    """Close one's own room; the call it is for ends with it."""
    await caller.engine.live_rooms.destroy(caller.principal.person, RoomId(wanted.room_id))
    return Done()


async def push_address(caller: CallsCaller, wanted: WantedAddress) -> PushAddress:
    """The caller's own address, never anybody else's. Source: 5.4 (get_push_url), 7.4."""
    addresses = caller.engine.live_rooms.addresses(caller.principal.person, _room_id(wanted.room_id))
    return PushAddress(push_url=addresses.push, accelerate_url=addresses.accelerated, play_url=addresses.play)


async def room_list(caller: CallsCaller, wanted: WantedRooms) -> Rooms:
    """Public rooms on air; rooms of calls are in no list. Source: LR-7."""
    engine = caller.engine
    return Rooms(
        rooms=[Room(**_room(engine, state)) for state in engine.live_rooms.listed(skip=wanted.index, limit=wanted.cnt)]
    )


async def pushers(caller: CallsCaller, wanted: InRoom) -> RoomWithStatus:
    """One room and who sends into it."""
    state = caller.engine.live_rooms.for_person(caller.principal.person, RoomId(wanted.room_id))
    return RoomWithStatus(**_room(caller.engine, state), room_status_code=state.record.status_code)


async def add_pusher(caller: CallsCaller, wanted: AddPusher) -> Done:
    """Begin to send; a room that does not exist yet is made."""
    await caller.engine.live_rooms.add_pusher(
        caller.principal.person,
        RoomId(wanted.room_id),
        name=wanted.user_name,
        avatar_url=wanted.user_avatar,
        push_address=wanted.push_url,
        info=wanted.room_info,
    )
    return Done()


async def delete_pusher(caller: CallsCaller, wanted: DeletePusher) -> Done:
    """Stop sending, or stop somebody else's pictures as the creator."""
    pusher_id = caller.person_id if wanted.user_id is None else wanted.user_id
    await caller.engine.live_rooms.remove_pusher(caller.principal.person, RoomId(wanted.room_id), PersonId(pusher_id))
    return Done()


async def beat(caller: CallsCaller, wanted: Heartbeat) -> Beaten:
    """A pusher's sign of life."""
    state = await caller.engine.live_rooms.beat(caller.principal.person, RoomId(wanted.room_id))
    if wanted.room_status_code is None:
        return Beaten()
    status_code = state.record.status_code
    if status_code == wanted.room_status_code:
        return Beaten(room_status_code=status_code)
    shown = _pushers(caller.engine, state)
    return Beaten(room_status_code=status_code, pushers=shown, anchors=shown)


async def add_audience(caller: CallsCaller, wanted: AddAudience) -> Done:
    """Watch a room."""
    await caller.engine.live_rooms.enter(caller.principal.person, RoomId(wanted.room_id), described=wanted.user_info)
    return Done()


async def delete_audience(caller: CallsCaller, wanted: InRoom) -> Done:
    """Watch it no longer."""
    await caller.engine.live_rooms.leave(caller.principal.person, RoomId(wanted.room_id))
    return Done()


async def audience(caller: CallsCaller, wanted: InRoom) -> Audience:
    """How many watch, exactly; and some of them."""
    engine = caller.engine
    state = engine.live_rooms.for_person(caller.principal.person, RoomId(wanted.room_id))
    listed = list(state.audience.items())[: engine.options.rooms.audience_listed_max]
    return Audience(
        audience_count=len(state.audience),
        audiences=[Viewer(user_id=str(person_id), user_info=viewer.described) for person_id, viewer in listed],
    )


async def custom_info(caller: CallsCaller, wanted: InRoom) -> CustomInfo:
    """A room's custom fields."""
    return _custom(caller.engine.live_rooms.for_person(caller.principal.person, RoomId(wanted.room_id)))


async def set_custom_field(caller: CallsCaller, wanted: SetCustomField) -> CustomInfo:
    """Change one of them."""
    person = caller.principal.person
    value = _field_value(wanted.value, counts=wanted.operation != "set")
    message = SetField(by=person.id, name=wanted.field_name, operation=wanted.operation, value=value)
    return _custom(await caller.engine.live_rooms.set_field(RoomId(wanted.room_id), message))


async def merge_stream(caller: CallsCaller, wanted: MergeStream) -> Merged:
    """Mix the streams of one's room."""
    engine = caller.engine
    await engine.live_rooms.mix(caller.principal.person, RoomId(wanted.room_id), wanted.merge_params)
    result = Merging(code=0, message="", timestamp=engine.node.now_ms() // 1000)
    return Merged(result=result, merge_code=result.code, merge_msg=result.message)


def _room_id(name: str) -> RoomId | None:
    return RoomId(name) if name else None


def _room(engine: Greenroom, state: RoomState) -> dict[str, Any]:
    record, shown = state.record, _pushers(engine, state)
    return {
        "room_id": record.id,
        "room_info": record.info,
        "room_creator": str(record.anchor_id),
        "mixed_play_url": engine.live_rooms.mixed(record),
        "custom": dict(record.custom),
        "audience_count": len(state.audience),
        "pushers": shown,
        "anchors": shown,
    }


def _pushers(engine: Greenroom, state: RoomState) -> list[Pusher]:
    return [
        Pusher(
            user_id=str(pusher.person_id),
            user_name=pusher.face.nickname,
            user_avatar=pusher.face.avatar_url,
            accelerate_url=engine.live_rooms.accelerated(pusher),
        )
        for pusher in state.record.seats
    ]


def _custom(state: RoomState) -> CustomInfo:
    custom = dict(state.record.custom)
    return CustomInfo(custom_info=write_json(custom).decode(), custom=custom)


def _field_value(value: object, *, counts: bool) -> str | int | None:
    """A custom field's new value: a text or a whole number; where it is counted with, a number may come as text.

    Raises: BadInput: anything else, or a number that not every client reads back exactly.
    """
    if counts and isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if type(value) is int:
        if abs(value) > ID_MAX:
            raise BadInput(field="value")
        return value
    if value is None or isinstance(value, str):
        return value
    raise BadInput(field="value")


def _endpoint(
    names: str,
    request: type[WantedT],
    reply: type[ReplyT],
    action: Callable[[CallsCaller, WantedT], Awaitable[ReplyT]],
    *,
    summary: str,
    source_id: str,
    envelope: CallsEnvelope = WEAPP,
    credential: ReadCredential = weapp_pair,
) -> Endpoint[WantedT, ReplyT]:
    """An endpoint of the live_room protocol, by all its names, with the pair in the query and 请求成功 on success."""
    path, *aliases = (f"/weapp/live_room/{name}" for name in names.split())
    return Endpoint(
        path,
        request,
        reply,
        action,
        aliases=tuple(aliases),
        envelope=envelope,
        credential=credential,
        security=("token", "userID"),
        summary=summary,
        source_id=source_id,
    )


ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    _endpoint(
        "create_room",
        CreateRoom,
        RoomCreated,
        create_room,
        summary="Create a live room, optionally for one guest (视频服务创建房间)",
        source_id="calls-weapp-create-room",
    ),
    _endpoint(
        "get_push_url",
        WantedAddress,
        PushAddress,
        push_address,
        summary="Push address (获取主播推流url)",
        source_id="calls-weapp-get-push-url",
        envelope=WEAPP.saying(NOT_SIGNED_IN=Said("鉴权失败", "the credential is not valid")),
    ),
    _endpoint(
        "get_anchor_url",
        WantedAddress,
        PushAddress,
        push_address,
        summary="Push address, newer name of get_push_url",
        source_id="calls-weapp-get-anchor-url",
    ),
    _endpoint(
        "get_room_list", WantedRooms, Rooms, room_list, summary="Active rooms", source_id="calls-weapp-get-room-list"
    ),
    _endpoint(
        "get_pushers get_anchors",
        InRoom,
        RoomWithStatus,
        pushers,
        summary="Pushers of a room",
        source_id="calls-weapp-get-pushers",
    ),
    _endpoint(
        "destroy_room", InRoom, Done, destroy_room, summary="Destroy a room", source_id="calls-weapp-destroy-room"
    ),
    _endpoint(
        "add_pusher add_anchor",
        AddPusher,
        Done,
        add_pusher,
        summary="Become a pusher",
        source_id="calls-weapp-add-pusher",
    ),
    _endpoint(
        "delete_pusher delete_anchor",
        DeletePusher,
        Done,
        delete_pusher,
        summary="Stop being a pusher",
        source_id="calls-weapp-delete-pusher",
        credential=weapp_pair_about_others,
    ),
    _endpoint(
        "pusher_heartbeat anchor_heartbeat",
        Heartbeat,
        Beaten,
        beat,
        summary="Heartbeat of a pusher",
        source_id="calls-weapp-pusher-heartbeat",
    ),
    _endpoint(
        "add_audience",
        AddAudience,
        Done,
        add_audience,
        summary="Enter as audience",
        source_id="calls-weapp-add-audience",
        envelope=WEAPP.saying(ROOM_FULL=Said("观众人数已满", "the room has no place left")),
    ),
    _endpoint(
        "delete_audience",
        InRoom,
        Done,
        delete_audience,
        summary="Leave as audience",
        source_id="calls-weapp-delete-audience",
    ),
    _endpoint(
        "get_audiences", InRoom, Audience, audience, summary="Audience of a room", source_id="calls-weapp-get-audiences"
    ),
    _endpoint(
        # The second is the spelling of the iOS client.
        "get_custom_info get_custom_Info",
        InRoom,
        CustomInfo,
        custom_info,
        summary="Custom fields of a room",
        source_id="calls-weapp-get-custom-info",
    ),
    _endpoint(
        "set_custom_field",
        SetCustomField,
        CustomInfo,
        set_custom_field,
        summary="Change a custom field",
        source_id="calls-weapp-set-custom-field",
    ),
    _endpoint(
        "merge_stream",
        MergeStream,
        Merged,
        merge_stream,
        summary="Mix the streams of a room",
        source_id="calls-weapp-merge-stream",
    ),
)
