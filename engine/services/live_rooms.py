"""Rooms of the live_room protocol, and those of calls: make, send pictures, watch, leave.

A room for a call is bound to that call, and closes with it. Hands out stream addresses. Which node has a room, and
what is the same in rooms of every kind, is ``rooms``'. Knows no wire words. Source: seed behaviour §6.
"""

from typing import Final

import msgspec

from engine import settings
from engine.errors import (
    AlreadyExists,
    Forbidden,
    NotAMember,
    NotFound,
    TooLong,
    WrongPhase,
    WrongRole,
)
from engine.events import LinkMicSaid
from engine.node import Node
from engine.room.messages import (
    Beat,
    Destroy,
    Enter,
    Leave,
    Message,
    SetField,
    Sit,
    StreamBegan,
    StreamEnded,
    StreamHeard,
)
from engine.room.roster import face_of
from engine.room.state import RoomState
from engine.room.streams import stream_of
from engine.services.calls import Calls
from engine.services.rooms import Rooms, is_on_air
from engine.services.welcome import require_welcome
from engine.world import World
from store.interfaces.calls import CallRecord
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.rooms import Face, RoomKind, RoomRecord, SeatRecord

__all__ = ["Addresses", "LiveRooms"]

LISTED_MAX: Final = 100
KINDS: Final = (RoomKind.OPEN, RoomKind.CALL)


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send one's own pictures and, where somebody else sends, where to watch them."""

    push: str
    accelerated: str
    play: str


class LiveRooms:
    """The live_room protocol's view of this node's rooms."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node, rooms: Rooms, calls: Calls) -> None:
        self._world = world
        self._options = options.rooms
        self._node = node
        self._rooms = rooms
        self._calls = calls

    # --- commands --------------------------------------------------------------------------------------------------

    async def create(
        self, person: PersonRecord, *, room_id: RoomId | None, info: str, guest_id: PersonId | None
    ) -> RoomRecord:
        """Make a room; with ``guest_id`` it is for the pair's call and answers his ring.

        Making one's own again is fine.

        Raises:
            TooLong: ``info``. AlreadyExists: the id is somebody else's or closed. Banned.
            WrongRole: a guest asks for a call's room. NotFound, WrongPhase: there is no such call to make it for.
        """
        if len(info.encode()) > self._options.info_bytes_max:
            raise TooLong("roomInfo")
        require_welcome(person, self._node)
        if guest_id is not None:
            return await self._create_for_call(person, guest_id, room_id=room_id, info=info)
        if room_id is not None and self._rooms.has(room_id):
            record = self.get(room_id).record
            if record.anchor_id == person.id:
                return record
            raise AlreadyExists
        return await self._rooms.make(
            RoomRecord(
                id=room_id or self._new_id(),
                kind=RoomKind.OPEN,
                anchor_id=person.id,
                anchor=face_of(person),
                info=info,
                created_at_ms=self._node.now_ms(),
                owner=self._node.id,
            )
        )

    async def destroy(self, person: PersonRecord, room_id: RoomId) -> None:
        """Close one's own room; a running call ends with it.

        Raises: NotFound, Forbidden.
        """
        await self._ask(room_id, Destroy(by=person.id, at_ms=self._node.now_ms()))

    async def add_pusher(
        self,
        person: PersonRecord,
        room_id: RoomId,
        *,
        name: str,
        avatar_url: str,
        push_address: str,
        info: str | None,
    ) -> RoomState:
        """Begin to send pictures; a room that does not exist yet is made.

        Raises: Forbidden: the address was not given to this person for this room, or the room is for others.
            RoomFull, Banned, TooLong, AlreadyExists.
        """
        require_welcome(person, self._node)
        now_s = self._node.now_ms() // 1000
        stream = next(
            (
                stream
                for stream in (stream_of(person.id, room_id), stream_of(person.id, None))
                if self._world.media.is_push_address(push_address, stream, now_s=now_s)
            ),
            None,
        )
        if stream is None:
            raise Forbidden
        if not self._rooms.has(room_id):
            await self.create(person, room_id=room_id, info=info or "", guest_id=None)
        return await self._ask(
            room_id,
            Sit(
                person_id=person.id,
                stream=stream,
                face=Face(nickname=name, avatar_url=avatar_url, gender=person.gender),
                at_ms=self._node.now_ms(),
            ),
        )

    async def remove_pusher(self, person: PersonRecord, room_id: RoomId, pusher_id: PersonId) -> None:
        """Stop sending, or as the creator stop somebody else; the creator's own leaving closes the room.

        Raises: NotFound, NotAMember, Forbidden.
        """
        self.get(room_id)
        await self._rooms.unseat(person, room_id, pusher_id)

    async def beat(self, person: PersonRecord, room_id: RoomId) -> RoomState:
        """A pusher's sign of life.

        Raises: NotFound, NotAMember.
        """
        return await self._ask(room_id, Beat(person_id=person.id, at_ms=self._node.now_ms()))

    async def stream_began(self, person: PersonRecord, room_id: RoomId, stream: str) -> RoomState:
        """Pictures are about to come: the person sends into the room, and is what the platform knows of him.

        Raises: NotFound, Forbidden: the room is for others. RoomFull.
        """
        message = StreamBegan(
            person_id=person.id,
            stream=stream,
            face=face_of(person),
            at_ms=self._node.now_ms(),
        )
        return await self._ask(room_id, message)

    def stream_heard(self, person_id: PersonId, room_id: RoomId | None, stream: str) -> None:
        """Pictures keep coming; with no room given, into whichever room the person sends this stream."""
        message = StreamHeard(person_id=person_id, stream=stream, at_ms=self._node.now_ms())
        for fed_id in self._fed_by(person_id, room_id, stream):
            self._rooms.tell(fed_id, message)

    def stream_ended(self, person_id: PersonId, room_id: RoomId | None, stream: str, *, heard_at_ms: int) -> None:
        """No more pictures, the last of which came at ``heard_at_ms``."""
        message = StreamEnded(person_id=person_id, stream=stream, heard_at_ms=heard_at_ms)
        for fed_id in self._fed_by(person_id, room_id, stream):
            self._rooms.tell(fed_id, message)

    async def enter(self, person: PersonRecord, room_id: RoomId, *, described: str) -> RoomState:
        """Watch a room.

        Raises: NotFound, Forbidden: it belongs to a call. RoomFull, TooLong, Banned.
        """
        if len(described.encode()) > self._options.info_bytes_max:
            raise TooLong("userInfo")
        require_welcome(person, self._node)
        return await self._ask(
            room_id,
            Enter(person_id=person.id, face=face_of(person), described=described, at_ms=self._node.now_ms()),
        )

    async def leave(self, person: PersonRecord, room_id: RoomId) -> None:
        """Watch no longer; fine as well for somebody who did not.

        Raises: NotFound.
        """
        await self._ask(room_id, Leave(person_id=person.id, at_ms=self._node.now_ms()))

    async def set_field(self, room_id: RoomId, message: SetField) -> RoomState:
        """Change a custom field of a room one is in.

        Raises: NotFound, NotAMember, BadInput, TooLong.
        """
        return await self._ask(room_id, message)

    async def mix(self, person: PersonRecord, room_id: RoomId, description: object) -> None:
        """Hand the creator's mixing description to the mixer.

        Raises: NotFound, Forbidden, BadInput.
        """
        if self.get(room_id).record.anchor_id != person.id:
            raise Forbidden
        await self._world.mixer.mix(room_id, description)

    def link_mic(
        self, person: PersonRecord, room_id: RoomId, *, to: PersonId, kind: str, result: str, reason: str
    ) -> None:
        """Pass a word about linking microphones to somebody in the same room (LR-4). Only the creator may kick out.

        Raises: NotFound, NotAMember, Forbidden.
        """
        state = self._entered(person, room_id)
        if not state.is_member(to):
            raise NotAMember
        if kind == "kickout" and state.record.anchor_id != person.id:
            raise Forbidden
        event = LinkMicSaid(room_id=room_id, from_id=person.id, kind=kind, result=result, reason=reason)
        self._world.sink.tell(to, event)

    # --- questions -------------------------------------------------------------------------------------------------

    def get(self, room_id: RoomId) -> RoomState:
        """The room as its owner knows it now.

        Raises: NotFound.
        """
        state = self._rooms.get(room_id)
        if state.record.kind not in KINDS:
            raise NotFound("room")
        return state

    def for_person(self, person: PersonRecord, room_id: RoomId) -> RoomState:
        """The room, if this person may look into it: rooms of calls are there for their two people only.

        Raises: NotFound.
        """
        state = self.get(room_id)
        if state.record.call_id is not None and person.id not in state.record.members:
            raise NotFound("room")
        return state

    def listed(self, *, skip: int, limit: int) -> tuple[RoomState, ...]:
        """Active public rooms, oldest first; at most 100."""
        active = [state for state in self._rooms.owned(RoomKind.OPEN) if is_on_air(state.record)]
        return tuple(active[skip : skip + min(limit, LISTED_MAX)])

    def is_on_air(self, person_id: PersonId) -> bool:
        """Whether the person has an active public room."""
        states = self._rooms.of(person_id, RoomKind.OPEN)
        return any(is_on_air(state.record) and state.record.anchor_id == person_id for state in states)

    def watched_by(self, person_id: PersonId) -> RoomRecord | None:
        """The public room that this person watches, if any."""
        states = self._rooms.of(person_id, RoomKind.OPEN)
        return next((state.record for state in states if person_id in state.audience), None)

    def addresses(self, person: PersonRecord, room_id: RoomId | None) -> Addresses:
        """The caller's own push address, for a room or for himself; never anybody else's.

        Raises: NotFound: no such room, or one that is not for him. Banned.
        """
        require_welcome(person, self._node)
        now_s = self._node.now_ms() // 1000
        stream = stream_of(person.id, room_id)
        play = ""
        if room_id is not None:
            state = self.for_person(person, room_id)
            others = [seat for seat in state.record.seats if seat.person_id != person.id]
            others.sort(key=lambda seat: seat.person_id != state.record.anchor_id)
            if others:
                play = self.accelerated(others[0])
        return Addresses(
            push=self._world.media.push(stream, now_s=now_s),
            accelerated=self._world.media.accelerated(stream, now_s=now_s),
            play=play,
        )

    def accelerated(self, pusher: SeatRecord) -> str:
        """Where to watch a pusher with little delay."""
        return self._world.media.accelerated(pusher.stream, now_s=self._node.now_ms() // 1000)

    def mixed(self, record: RoomRecord) -> str:
        """Where to watch a room's creator with an ordinary player."""
        streams = (pusher.stream for pusher in record.seats if pusher.person_id == record.anchor_id)
        return self._world.media.mixed(next(streams, stream_of(record.anchor_id, record.id)))

    # --- calls -----------------------------------------------------------------------------------------------------

    async def call_ended(self, call: CallRecord) -> None:
        """The room of an ended call closes."""
        if call.room_id is not None:
            await self._rooms.close(call.room_id)

    def closed(self, record: RoomRecord, by_anchor: bool) -> None:  # noqa: FBT001  # a callback's shape
        """A call ends with its room, when that was closed by its anchor."""
        if record.call_id is not None and by_anchor:
            self._world.spawn(self._calls.hang_up_call(record.call_id, record.anchor_id), name="room-ends-call")

    async def close_after_calls(self) -> None:
        """Close the rooms of calls that have ended where this node could not see it.

        Raises: StoreError, EngineError: could not be done for all.
        """
        for state in self._rooms.owned(RoomKind.CALL):
            call_id = state.record.call_id
            call = None if call_id is None else await self._calls.get(call_id)
            if call is None or not call.is_live:
                await self._rooms.close(state.record.id)

    # --- parts -----------------------------------------------------------------------------------------------------

    async def _create_for_call(
        self, anchor: PersonRecord, guest_id: PersonId, *, room_id: RoomId | None, info: str
    ) -> RoomRecord:
        if anchor.role is not Role.ANCHOR:
            raise WrongRole
        call = await self._calls.current_of(anchor.id)
        if call is None or call.guest_id != guest_id:
            raise NotFound("call")
        if call.room_id is not None:
            return self.get(call.room_id).record
        room = await self._rooms.make(
            RoomRecord(
                id=room_id or self._new_id(),
                kind=RoomKind.CALL,
                anchor_id=anchor.id,
                anchor=face_of(anchor),
                info=info,
                created_at_ms=self._node.now_ms(),
                call_id=call.id,
                members=(call.guest_id, call.anchor_id),
                owner=self._node.id,
            )
        )
        try:
            await self._calls.open_room(anchor, guest_id, room.id)
        except (WrongPhase, NotFound):
            await self._rooms.close(room.id)
            raise
        return room

    def _fed_by(self, person_id: PersonId, room_id: RoomId | None, stream: str) -> list[RoomId]:
        if room_id is not None:
            return [room_id]
        rooms = (state for kind in KINDS for state in self._rooms.of(person_id, kind))
        return [
            state.record.id
            for state in rooms
            if any(seat.person_id == person_id and seat.stream == stream for seat in state.record.seats)
        ]

    async def _ask(self, room_id: RoomId, message: Message) -> RoomState:
        """Put ``message`` to a room of this protocol; those of others are none of its people's business."""
        self.get(room_id)
        return await self._rooms.ask(room_id, message)

    def _entered(self, person: PersonRecord, room_id: RoomId) -> RoomState:
        state = self.get(room_id)
        if not state.is_member(person.id):
            raise NotAMember
        return state

    def _new_id(self) -> RoomId:
        return RoomId(f"room_{self._world.rng.hex(4)}_{self._world.rng.hex(2)}")
