"""What is said at shows: by viewers, and in the anchor's own conversation with her character.

A line is kept before anybody is told of it, and one that comes twice is one: clients send what viewers say over the
socket and post it as well (SITE-47). Knows no wire words.

Source: SITE-34, SITE-37, SITE-42 … 48, ALL-18, INV-23.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

import msgspec

from engine import settings
from engine.errors import Banned, Silenced, TooMany
from engine.events import AnchorLineShown, Event, RoomTextSaid
from engine.node import Node
from engine.ports import Clock
from engine.room.messages import Announce
from engine.room.roster import face_of
from engine.room.state import RoomState
from engine.services.rooms import Rooms
from engine.services.show_rooms import ShowRooms
from engine.services.shows import Shows
from engine.services.turns import Turns
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.chats import DOUBLE_MS, SPOKEN, AnchorRecord, RecordKind, ViewerLine
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord
from store.interfaces.rooms import SanctionKind
from store.interfaces.shows import ShowRecord

__all__ = ["Said", "ShowChat"]

PLACEHOLDER: Final = "..."
"""What a client says while it waits for what will be said. Source: seed behaviour §2.7 (Anchor lines)."""

KeyT = TypeVar("KeyT", bound=Hashable)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One record of an anchor's conversation, as her client has it; the fields are those of ``AnchorRecord``."""

    kind: RecordKind
    sent: str = ""
    text: str = ""
    html: str = ""
    data: str = ""


class ShowChat:
    """Talking at shows, and reading it later."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        rooms: Rooms,
        shows: Shows,
        show_rooms: ShowRooms,
    ) -> None:
        self._store = world.stores.chats
        self._options = options.site
        self._node = node
        self._rooms = rooms
        self._shows = shows
        self._show_rooms = show_rooms
        self._turns: Turns[PersonId | RoomId] = Turns()
        self._told: _Lately[PersonId | RoomId] = _Lately(world.clock, DOUBLE_MS)
        """What a person said, and what was said in a room's conversation, just now."""
        self._unsure: _Lately[PersonId | RoomId] = _Lately(world.clock, DOUBLE_MS)
        """The same, of which nobody knows whether it is kept, or who was told of it."""

    # --- talking ---------------------------------------------------------------------------------------------------

    async def say(self, person: PersonRecord, room_id: RoomId, text: str, *, shown_id: str) -> None:
        """Say something at a show that is on air; the same again at once is said once.

        ``shown_id`` is what the surface shows of the person, nothing where he has no account.

        Raises: NotFound: no such show, or off air. Forbidden: no right to enter. Silenced. Banned. TooMany.
            SessionEnded: another node has it, for now. StoreDown: not confirmed; again is safe.
        """
        require_welcome(person, self._node)
        if self._rooms.place_in(await self._show_rooms.require_on_air(room_id), person.id) is None:
            await self._show_rooms.require_right(person, await self._shows.get(room_id))
        said = (room_id, text)
        async with self._turns.of(person.id):
            self._require_voice(self._show_rooms.get(room_id), person.id)
            lately = self._told.of(person.id)
            if said in lately:
                return
            if len(lately) >= self._options.lines_max:
                raise TooMany(retry_after_ms=self._told.left_ms(person.id))
            at_ms = self._node.now_ms()
            line = ViewerLine(
                room_id=room_id,
                person_id=person.id,
                shown_id=shown_id,
                name=person.nickname,
                text=text,
                at_ms=at_ms,
            )
            event = RoomTextSaid(room_id=room_id, from_id=person.id, face=face_of(person), text=text, at_ms=at_ms)
            await self._keep_and_tell(person.id, said, line, event)

    async def record(self, anchor: PersonRecord, character: str, said: Said, *, date: str = "") -> None:
        """Keep one record of the anchor's conversation; her show is on air from then on, and what is spoken is told.

        Raises: as ``ShowRooms.start``. StoreDown: not confirmed; again is safe.
        """
        show = await self._show_rooms.start(anchor, character, date=date)
        if said.text == PLACEHOLDER:
            return
        async with self._turns.of(show.id):
            if said in self._told.of(show.id):
                return
            speaker = {RecordKind.ANCHOR: anchor.nickname, RecordKind.AI: show.character}.get(said.kind, "")
            kept = AnchorRecord(
                room_id=show.id, at_ms=self._node.now_ms(), speaker=speaker, **msgspec.structs.asdict(said)
            )
            shown = AnchorLineShown(
                room_id=show.id,
                anchor=face_of(anchor),
                is_anchor=said.kind is RecordKind.ANCHOR,
                speaker=speaker,
                sent=said.sent,
                text=said.text,
                html=said.html,
            )
            await self._keep_and_tell(show.id, said, kept, shown if said.kind in SPOKEN else None)

    # --- reading ---------------------------------------------------------------------------------------------------

    async def lines(self, person: PersonRecord, show: ShowRecord) -> tuple[ViewerLine, ...]:
        """The last that viewers said, oldest first.

        Raises: Forbidden: he has no right to enter. StoreDown.
        """
        await self._show_rooms.require_right(person, show)
        with store_answers:
            newest = await self._store.last_lines(show.id, limit=self._options.viewer_lines_shown)
        return newest[::-1]

    async def conversation(self, person: PersonRecord, show: ShowRecord) -> tuple[AnchorRecord, ...]:
        """The last that the anchor and her character said, oldest first.

        Raises: Forbidden: he has no right to enter. StoreDown.
        """
        await self._show_rooms.require_right(person, show)
        with store_answers:
            newest = await self._store.last_spoken(show.id, limit=self._options.anchor_lines_shown)
        return newest[::-1]

    # --- parts -----------------------------------------------------------------------------------------------------

    def _require_voice(self, state: RoomState, person_id: PersonId) -> None:
        """Raises: Banned, Silenced: in this room."""
        now_ms = self._node.now_ms()
        if state.sanction_of(person_id, SanctionKind.BAN, now_ms=now_ms) is not None:
            raise Banned
        if state.sanction_of(person_id, SanctionKind.MUTE, now_ms=now_ms) is not None:
            raise Silenced

    async def _keep_and_tell(
        self, key: PersonId | RoomId, said: Hashable, kept: ViewerLine | AnchorRecord, event: Event | None
    ) -> None:
        """Tell what is kept, unless it had been kept before this node had the room: then somebody else has told it."""
        is_repeat = said in self._unsure.of(key)
        self._unsure.note(key, said)
        with store_answers:
            if isinstance(kept, ViewerLine):
                is_new = await self._store.keep_line(kept)
            else:
                is_new = await self._store.keep_record(kept)
        if event is not None and (is_new or is_repeat):
            await self._rooms.ask(kept.room_id, Announce(event=event))
        self._told.note(key, said)


class _Lately(Generic[KeyT]):
    """What was noted by key within the last ``length_ms``, and nothing before that."""

    def __init__(self, clock: Clock, length_ms: int) -> None:
        self._clock = clock
        self._length_ms = length_ms
        self._noted: OrderedDict[KeyT, list[tuple[int, Hashable]]] = OrderedDict()

    def of(self, key: KeyT) -> list[Hashable]:
        """What was noted, oldest first."""
        return [what for _, what in self._fresh(key)]

    def left_ms(self, key: KeyT) -> int:
        """How long until the oldest of it is too old."""
        noted = self._fresh(key)
        return noted[0][0] + self._length_ms - self._clock.mono_ms() if noted else 0

    def note(self, key: KeyT, what: Hashable) -> None:
        """Note one thing now."""
        now_mono_ms = self._clock.mono_ms()
        self._noted[key] = [*self._fresh(key), (now_mono_ms, what)]
        self._noted.move_to_end(key)
        # Those noted last longest ago come first; so each is looked at once when it comes, and once when it goes.
        while self._noted:
            oldest, noted = next(iter(self._noted.items()))
            if now_mono_ms - noted[-1][0] < self._length_ms:
                return
            del self._noted[oldest]

    def _fresh(self, key: KeyT) -> list[tuple[int, Hashable]]:
        since_mono_ms = self._clock.mono_ms() - self._length_ms
        return [one for one in self._noted.get(key, []) if one[0] > since_mono_ms]
