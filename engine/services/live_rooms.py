"""Live rooms from the outside: make, enter, send pictures, watch, leave.

Finds or makes the actor that owns a room and puts the question to it; hands out stream addresses. A room for a call
is bound to that call, and closes with it. Knows no wire words. Source: seed behaviour §6.
"""

import asyncio
import contextlib
from typing import Final

import msgspec

from engine import settings
from engine.actors.actor import Actor
from engine.actors.alarms import AlarmClock
from engine.actors.directory import Directory
from engine.actors.supervisor import Supervisor
from engine.errors import (
    AlreadyExists,
    Banned,
    EngineError,
    Forbidden,
    NotAMember,
    NotFound,
    SessionEnded,
    StoreDown,
    TooLong,
    WrongPhase,
    WrongRole,
)
from engine.events import LinkMicSaid, RoomTextSaid
from engine.metrics import Metrics
from engine.node import Node
from engine.presence import Presence
from engine.room.actor import RoomActor, RoomTools
from engine.room.lifecycle import RoomState, Rules
from engine.room.messages import (
    AddPusher,
    Beat,
    Destroy,
    EnterAudience,
    LeaveAudience,
    Message,
    RemovePusher,
    SetField,
    StreamBegan,
    StreamEnded,
    StreamHeard,
)
from engine.room.streams import stream_of
from engine.services.calls import Calls
from engine.world import World
from store.interfaces.calls import CallRecord
from store.interfaces.errors import Conflict, StoreError, Unavailable
from store.interfaces.ids import NOBODY, NodeId, PersonId, RoomId
from store.interfaces.people import PersonRecord, Role
from store.interfaces.rooms import PusherRecord, RoomRecord

__all__ = ["Addresses", "LiveRooms"]

ASK_DEADLINE_MS: Final = 6_000
CALL_PUSHERS_MAX: Final = 2
LISTED_MAX: Final = 100
ADOPTED_MAX: Final = 100_000
ADOPTED_AT_ONCE_MAX: Final = 32


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send one's own pictures and, where somebody else sends, where to watch them."""

    push: str
    accelerated: str
    play: str


class LiveRooms:
    """All rooms this node owns."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        presence: Presence,
        alarms: AlarmClock,
        calls: Calls,
        metrics: Metrics,
    ) -> None:
        self._world = world
        self._options = options.rooms
        self._node = node
        self._calls = calls
        self._owned: dict[RoomId, RoomActor] = {}
        self._doubtful: set[RoomId] = set()  # Perhaps ours, without an actor.
        self._directory: Directory[RoomId] = Directory(
            supervisor=Supervisor(
                "room", clock=world.clock, log=world.log, on_crash=lambda _kind: metrics.actor_crashes.add()
            ),
            clock=world.clock,
            spawn=world.spawn,
            messages_max=options.rooms.mailbox_messages_max,
        )
        self._tools = RoomTools(
            store=world.stores.rooms,
            node=node,
            clock=world.clock,
            alarms=alarms,
            sink=world.sink,
            log=world.log,
            rules=Rules(
                pushers_max=options.rooms.pushers_max,
                call_pushers_max=CALL_PUSHERS_MAX,
                audience_max=options.rooms.audience_max,
                pusher_silent_ms=options.rooms.pusher_silent_ms,
                empty_ms=options.rooms.empty_ms,
                custom_fields_max=options.rooms.custom_fields_max,
                custom_field_bytes_max=options.rooms.custom_field_bytes_max,
            ),
            options=options.rooms,
            retry_ms=options.calls.retry_ms,
            is_here=presence.is_here,
            line_opened=presence.line_opened,
            line_closed=lambda person_id, heard_at_ms: presence.line_closed(person_id, heard_at_ms=heard_at_ms),
            on_started=self._started,
            on_gone=self._gone,
            on_closed=self._closed,
        )
        metrics.rooms_live.read = lambda: len(self._owned)

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
        self._require_welcome(person)
        if guest_id is not None:
            return await self._create_for_call(person, guest_id, room_id=room_id, info=info)
        if room_id is not None:
            actor = self._owned.get(room_id)
            if actor is not None:
                if actor.record.creator_id == person.id:
                    return actor.record
                raise AlreadyExists
        return await self._make(
            RoomRecord(
                id=room_id or self._new_id(),
                creator_id=person.id,
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

    async def close(self, room_id: RoomId) -> None:
        """Close a room from the platform's side; harmless when it is closed."""
        if room_id in self._owned:
            await self._ask(room_id, Destroy(by=None, at_ms=self._node.now_ms()))

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
        self._require_welcome(person)
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
        if room_id not in self._owned:
            await self.create(person, room_id=room_id, info=info or "", guest_id=None)
        return await self._ask(
            room_id,
            AddPusher(person_id=person.id, stream=stream, name=name, avatar_url=avatar_url, at_ms=self._node.now_ms()),
        )

    async def remove_pusher(self, person: PersonRecord, room_id: RoomId, pusher_id: PersonId) -> None:
        """Stop sending, or as the creator stop somebody else; the creator's own leaving closes the room.

        Raises: NotFound, NotAMember, Forbidden.
        """
        await self._ask(room_id, RemovePusher(by=person.id, person_id=pusher_id, at_ms=self._node.now_ms()))

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
            name=person.nickname,
            avatar_url=person.avatar_url,
            at_ms=self._node.now_ms(),
        )
        return await self._ask(room_id, message)

    def stream_heard(self, person_id: PersonId, room_id: RoomId | None, stream: str) -> None:
        """Pictures keep coming; with no room given, into whichever room the person sends this stream."""
        message = StreamHeard(person_id=person_id, stream=stream, at_ms=self._node.now_ms())
        for actor in self._fed_by(person_id, room_id, stream):
            actor.ref.tell(message)

    def stream_ended(self, person_id: PersonId, room_id: RoomId | None, stream: str, *, heard_at_ms: int) -> None:
        """No more pictures, the last of which came at ``heard_at_ms``."""
        message = StreamEnded(person_id=person_id, stream=stream, heard_at_ms=heard_at_ms)
        for actor in self._fed_by(person_id, room_id, stream):
            actor.ref.tell(message)

    async def enter(self, person: PersonRecord, room_id: RoomId, *, described: str) -> RoomState:
        """Watch a room.

        Raises: NotFound, Forbidden: it belongs to a call. RoomFull, TooLong, Banned.
        """
        if len(described.encode()) > self._options.info_bytes_max:
            raise TooLong("userInfo")
        self._require_welcome(person)
        return await self._ask(
            room_id, EnterAudience(person_id=person.id, described=described, at_ms=self._node.now_ms())
        )

    async def leave(self, person: PersonRecord, room_id: RoomId) -> None:
        """Watch no longer; fine as well for somebody who did not.

        Raises: NotFound.
        """
        await self._ask(room_id, LeaveAudience(person_id=person.id, at_ms=self._node.now_ms()))

    async def set_field(self, room_id: RoomId, message: SetField) -> RoomState:
        """Change a custom field of a room one is in.

        Raises: NotFound, NotAMember, BadInput, TooLong.
        """
        return await self._ask(room_id, message)

    async def mix(self, person: PersonRecord, room_id: RoomId, description: object) -> None:
        """Hand the creator's mixing description to the mixer.

        Raises: NotFound, Forbidden, BadInput.
        """
        if self.get(room_id).record.creator_id != person.id:
            raise Forbidden
        await self._world.mixer.mix(room_id, description)

    def say(self, person: PersonRecord, room_id: RoomId, text: str) -> None:
        """Say something to everybody in a room one is in.

        Raises: NotFound, NotAMember, Banned.
        """
        self._require_welcome(person)
        self._entered(person, room_id)
        event = RoomTextSaid(
            room_id=room_id,
            from_id=person.id,
            nickname=person.nickname,
            avatar_url=person.avatar_url,
            text=text,
        )
        self._world.sink.tell_room(room_id, event)

    def link_mic(
        self, person: PersonRecord, room_id: RoomId, *, to: PersonId, kind: str, result: str, reason: str
    ) -> None:
        """Pass a word about linking microphones to somebody in the same room (LR-4). Only the creator may kick out.

        Raises: NotFound, NotAMember, Forbidden.
        """
        state = self._entered(person, room_id)
        if not state.is_member(to):
            raise NotAMember
        if kind == "kickout" and state.record.creator_id != person.id:
            raise Forbidden
        event = LinkMicSaid(room_id=room_id, from_id=person.id, kind=kind, result=result, reason=reason)
        self._world.sink.tell(to, event)

    # --- questions -------------------------------------------------------------------------------------------------

    def get(self, room_id: RoomId) -> RoomState:
        """The room as its owner knows it now.

        Raises: NotFound.
        """
        actor = self._owned.get(room_id)
        if actor is None or not actor.record.is_open:
            raise NotFound("room")
        return actor.state

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
        active = [actor.state for actor in self._owned.values() if _is_on_air(actor.record)]
        return tuple(active[skip : skip + min(limit, LISTED_MAX)])

    def owned(self) -> tuple[RoomState, ...]:
        """All rooms this node owns, for operators."""
        return tuple(actor.state for actor in self._owned.values())

    def is_on_air(self, person_id: PersonId) -> bool:
        """Whether the person has an active public room."""
        return any(_is_on_air(actor.record) and actor.record.creator_id == person_id for actor in self._owned.values())

    def watched_by(self, person_id: PersonId) -> RoomRecord | None:
        """The public room that this person watches, if any."""
        for actor in self._owned.values():
            if person_id in actor.state.audience:
                return actor.record
        return None

    def addresses(self, person: PersonRecord, room_id: RoomId | None) -> Addresses:
        """The caller's own push address, for a room or for himself; never anybody else's.

        Raises: NotFound: no such room, or one that is not for him. Banned.
        """
        self._require_welcome(person)
        now_s = self._node.now_ms() // 1000
        stream = stream_of(person.id, room_id)
        play = ""
        if room_id is not None:
            state = self.for_person(person, room_id)
            others = [pusher for pusher in state.record.pushers if pusher.person_id != person.id]
            others.sort(key=lambda pusher: pusher.person_id != state.record.creator_id)
            if others:
                play = self.accelerated(others[0])
        return Addresses(
            push=self._world.media.push(stream, now_s=now_s),
            accelerated=self._world.media.accelerated(stream, now_s=now_s),
            play=play,
        )

    def accelerated(self, pusher: PusherRecord) -> str:
        """Where to watch a pusher with little delay."""
        return self._world.media.accelerated(pusher.stream, now_s=self._node.now_ms() // 1000)

    def mixed(self, record: RoomRecord) -> str:
        """Where to watch a room's creator with an ordinary player."""
        streams = (pusher.stream for pusher in record.pushers if pusher.person_id == record.creator_id)
        return self._world.media.mixed(next(streams, stream_of(record.creator_id, record.id)))

    # --- taking over and calls -------------------------------------------------------------------------------------

    async def call_ended(self, call: CallRecord) -> None:
        """The room of an ended call closes."""
        if call.room_id is not None:
            await self.close(call.room_id)

    async def run(self) -> None:
        """Sweep until cancelled: take over the rooms of dead nodes."""
        while True:
            await self._world.clock.sleep(self._node.sweep_pause_ms())
            try:
                await self._adopt(NOBODY)
                for room_id in tuple(self._doubtful):
                    record = await self._world.stores.rooms.get(room_id)
                    self._doubtful.discard(room_id)
                    is_mine = record is not None and record.is_open and record.owner == self._node.id
                    if record is not None and is_mine and room_id not in self._owned:
                        await self._adopt_one(record)
                await self._close_after_calls()
            except (StoreError, EngineError):
                self._world.log.warning("sweep_failed")

    async def take_over(self) -> None:
        """Take over all rooms that are nobody's, a dead node's, or this node's from before.

        Raises: StoreError.
        """
        await self._adopt(self._node.id)

    async def drop_all(self) -> None:
        """Stop every actor without closing its room; somebody will take it over."""
        await self._directory.stop_all()

    async def _adopt(self, me: NodeId) -> None:
        """Claim and own what ``RoomStore.adoptable`` shows, some at a time."""
        found = await self._world.stores.rooms.adoptable(me, limit=ADOPTED_MAX)
        records = [record for record in found if record.id not in self._owned]
        for first in range(0, len(records), ADOPTED_AT_ONCE_MAX):
            await asyncio.gather(*(self._adopt_one(record) for record in records[first : first + ADOPTED_AT_ONCE_MAX]))

    async def _adopt_one(self, record: RoomRecord) -> None:
        """Claim and own one room, unless somebody else was faster. One that resists holds up none of the others."""
        try:
            claimed = await self._world.stores.rooms.claim(record, self._node.id)
        except Unavailable:
            # It may be ours by now, and would have no actor: the sweep looks.
            self._doubtful.add(record.id)
            self._world.log.warning("room_not_claimed", room_id=record.id)
            return
        if claimed is None:
            return
        with contextlib.suppress(SessionEnded):  # It closed as it was taken over.
            await self._own(claimed)

    async def _close_after_calls(self) -> None:
        """Close the rooms of calls that have ended where this node could not see it."""
        for record in [actor.record for actor in self._owned.values()]:
            if record.call_id is not None:
                call = await self._calls.get(record.call_id)
                if call is None or not call.is_live:
                    await self.close(record.id)

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
        room = await self._make(
            RoomRecord(
                id=room_id or self._new_id(),
                creator_id=anchor.id,
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
            await self.close(room.id)
            raise
        return room

    async def _make(self, room: RoomRecord) -> RoomRecord:
        try:
            kept = await self._world.stores.rooms.add(room)
        except Conflict as error:
            raise AlreadyExists from error
        except StoreError as error:
            self._doubtful.add(room.id)
            raise StoreDown from error
        await self._own(kept)
        self._world.log.info("room_made", room_id=kept.id, creator=kept.creator_id, call_id=kept.call_id)
        return kept

    async def _own(self, room: RoomRecord) -> None:
        first = [room]

        async def make() -> Actor:
            if first:
                return RoomActor(first.pop(), self._tools)
            try:
                record = await self._world.stores.rooms.get(room.id)
            except StoreError as error:
                raise StoreDown from error
            if record is None or not record.is_open or record.owner != self._node.id:
                raise NotFound("room")
            return RoomActor(record, self._tools)

        await self._directory.spawn(room.id, make)

    async def _ask(self, room_id: RoomId, message: Message) -> RoomState:
        actor = self._owned.get(room_id)
        if actor is None:
            raise NotFound("room")
        state = await actor.ref.ask(message, deadline_ms=ASK_DEADLINE_MS)
        assert isinstance(state, RoomState)
        return state

    def _fed_by(self, person_id: PersonId, room_id: RoomId | None, stream: str) -> list[RoomActor]:
        if room_id is not None:
            actor = self._owned.get(room_id)
            return [] if actor is None else [actor]
        return [
            actor
            for actor in self._owned.values()
            if any(pusher.person_id == person_id and pusher.stream == stream for pusher in actor.record.pushers)
        ]

    def _entered(self, person: PersonRecord, room_id: RoomId) -> RoomState:
        state = self.get(room_id)
        if not state.is_member(person.id):
            raise NotAMember
        return state

    def _require_welcome(self, person: PersonRecord) -> None:
        ban = person.ban_at(self._node.now_ms())
        if ban is not None:
            raise Banned(ban.text)

    def _new_id(self) -> RoomId:
        return RoomId(f"room_{self._world.rng.hex(4)}_{self._world.rng.hex(2)}")

    def _started(self, actor: RoomActor) -> None:
        self._owned[actor.record.id] = actor

    def _gone(self, actor: RoomActor) -> None:
        if self._owned.get(actor.record.id) is actor:
            del self._owned[actor.record.id]
            self._world.sink.end_room(actor.record.id)
        if actor.record.is_open:
            self._doubtful.add(actor.record.id)  # Fenced by ourselves, or cut short: the sweep looks.

    def _closed(self, record: RoomRecord, by_creator: bool) -> None:  # noqa: FBT001  # a callback's shape
        if record.call_id is not None and by_creator:
            self._world.spawn(self._calls.hang_up_call(record.call_id, record.creator_id), name="room-ends-call")


def _is_on_air(record: RoomRecord) -> bool:
    return record.is_open and record.call_id is None and bool(record.pushers)
