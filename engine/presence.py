"""Who is here, as this node sees it, and who of the two in a call has been lost.

A person is *held* by open lines: sockets, or pictures sent into a room. Whoever uses no line shows himself by asking
something now and then. A person in a call is lost the moment his last line closes or, without lines, when he has been
silent for ``silent_ms``; once he has had a line in this call, only a line brings him back (CA-12, D-17).

A live room asks now and then who of those in it is still here; it remembers them longer than they would be otherwise.

Other nodes learn who is here through the presence store, which may be empty at any moment; nothing about money depends
on it.
"""

from collections.abc import Iterable
from typing import Final

from engine import settings
from engine.actors.ref import ActorRef
from engine.call.messages import Arrived, Left
from engine.node import Node
from engine.ports import Clock, Log, Timer
from engine.room.messages import Attendance
from store.interfaces.calls import Side
from store.interfaces.errors import StoreError
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord
from store.interfaces.presence import PresenceStore

__all__ = ["Presence"]

LISTED_MAX: Final = 1000


class _Person:
    __slots__ = (
        "call",
        "gone_at_ms",
        "had_line",
        "is_lost",
        "lines_count",
        "lines_ever_count",
        "rooms_count",
        "seen_at_ms",
        "side",
        "silence",
        "surface",
    )

    def __init__(self) -> None:
        self.surface = ""  # Until he is seen; whoever is nobody's guest is not published.
        self.lines_count = 0
        self.lines_ever_count = 0
        self.rooms_count = 0
        self.gone_at_ms = 0
        self.seen_at_ms = 0
        self.call: ActorRef | None = None
        self.side = Side.GUEST
        self.had_line = False
        self.is_lost = False
        self.silence: Timer | None = None


class Presence:
    """The people this node has seen lately."""

    def __init__(
        self,
        store: PresenceStore,
        options: settings.Presence,
        *,
        silent_ms: int,
        clock: Clock,
        node: Node,
        log: Log,
    ) -> None:
        self._store = store
        self._options = options
        self._silent_ms = silent_ms
        self._clock = clock
        self._node = node
        self._log = log
        self._people: dict[PersonId, _Person] = {}
        self._unpublished: set[PersonId] = set()

    # --- evidence --------------------------------------------------------------------------------------------------

    def seen(self, who: PersonRecord) -> None:
        """The person has asked something."""
        person = self._person(who.id)
        person.surface = who.surface
        self._show(who.id, person)
        if person.call is not None and person.is_lost and not person.had_line:
            self._found(person)

    def line_opened(self, person_id: PersonId) -> None:
        """A socket opened, or the person began to send pictures."""
        person = self._person(person_id)
        person.lines_count += 1
        person.lines_ever_count += 1
        self._show(person_id, person)
        person.had_line = True
        if person.call is not None and person.is_lost:
            self._found(person)

    def line_closed(self, person_id: PersonId, *, heard_at_ms: int) -> None:
        """A line that had been opened is gone; anything last came over it at ``heard_at_ms``."""
        person = self._person(person_id)
        assert person.lines_count > 0, f"person {person_id} has no open line"
        person.lines_count -= 1
        person.seen_at_ms = max(person.seen_at_ms, heard_at_ms)
        if person.lines_count == 0 and person.call is not None and person.had_line and not person.is_lost:
            self._lose(person, heard_at_ms)

    def person_connected(self, person_id: int, *, at_mono_ms: int) -> None:  # noqa: ARG002  # the hub's shape
        """The first socket of this person has opened."""
        self.line_opened(PersonId(person_id))

    def person_disconnected(self, person_id: int, *, at_mono_ms: int, heard_at_mono_ms: int) -> None:
        """The last socket of this person has gone; it may have been dead since ``heard_at_mono_ms``."""
        now_ms = self._node.now_ms()
        heard_at_ms = now_ms - (at_mono_ms - heard_at_mono_ms)
        self.line_closed(PersonId(person_id), heard_at_ms=heard_at_ms)
        # A line that lives is silent between two pings. Nobody pays for that time; but nor has he been away in it.
        self._people[PersonId(person_id)].gone_at_ms = min(now_ms, heard_at_ms + self._options.heard_every_ms)

    # --- people in calls -------------------------------------------------------------------------------------------

    def watch(self, person_id: PersonId, call: ActorRef, side: Side, *, is_lost: bool) -> None:
        """From now on tell ``call`` when the person is lost or back. ``is_lost``: the call does not see him so far."""
        person = self._person(person_id)
        person.call = call
        person.side = side
        # Of a call that is taken over, somebody may have had a line already, before this node knew of the call.
        person.had_line = person.lines_count > 0 or (is_lost and person.had_line)
        person.is_lost = is_lost
        if is_lost and person.lines_count > 0:
            self._found(person)
        self._listen_for_silence(person)

    def unwatch(self, person_id: PersonId, call: ActorRef) -> None:
        """The call is over; harmless when another call is watched by now."""
        person = self._people.get(person_id)
        if person is None or person.call is not call:
            return
        person.call = None
        if person.silence is not None:
            person.silence.cancel()
            person.silence = None

    def stated(self, person_id: PersonId) -> None:
        """The person has said that he talks: he is here, whatever became of his line before (CA-12)."""
        person = self._people.get(person_id)
        if person is not None and person.call is not None and person.is_lost:
            person.had_line = person.lines_count > 0
            self._found(person)

    def is_away(self, person_id: PersonId) -> bool:
        """Whether the server knows that this person, who is in a call, is not there."""
        person = self._people.get(person_id)
        return person is None or person.is_lost

    # --- people in rooms -------------------------------------------------------------------------------------------

    def attend(self, person_id: PersonId) -> None:
        """A live room wants to be able to ask for this person's attendance: he is not forgotten until ``unattend``."""
        self._person(person_id).rooms_count += 1

    def unattend(self, person_id: PersonId) -> None:
        """It does not any more."""
        person = self._people[person_id]
        assert person.rooms_count > 0, f"person {person_id} is in no room"
        person.rooms_count -= 1

    def attendance(self, person_id: PersonId) -> Attendance | None:
        """When the person was last here; None: this node has never seen him."""
        person = self._people.get(person_id)
        if person is None or (person.lines_count == 0 and person.seen_at_ms == 0):
            return None
        seen_at_ms = max(person.seen_at_ms, person.gone_at_ms)
        return Attendance(person.lines_count > 0, seen_at_ms, person.lines_ever_count > 0)

    # --- questions -------------------------------------------------------------------------------------------------

    def is_here(self, person_id: PersonId) -> bool:
        """Whether this node has seen the person within ``reachable_ms``."""
        person = self._people.get(person_id)
        if person is None:
            return False
        return person.lines_count > 0 or self._node.now_ms() - person.seen_at_ms < self._options.reachable_ms

    def held(self, surface: str) -> tuple[PersonId, ...]:
        """People of a surface who have open lines to this node."""
        return tuple(
            person_id
            for person_id, person in self._people.items()
            if person.surface == surface and person.lines_count > 0
        )

    async def is_reachable(self, surface: str, person_id: PersonId) -> bool:
        """Whether any node has seen the person on his surface within ``reachable_ms`` (CA-10)."""
        if self.is_here(person_id):
            return True
        try:
            return await self._store.is_present(surface, person_id)
        except StoreError:
            return False

    async def everybody(self, surface: str) -> tuple[PersonId, ...]:
        """People of a surface seen lately, on any node; at most 1,000."""
        here = [
            person_id
            for person_id, person in self._people.items()
            if person.surface == surface and self.is_here(person_id)
        ]
        elsewhere: Iterable[PersonId] = ()
        try:
            elsewhere = await self._store.present(surface, limit=LISTED_MAX)
        except StoreError:
            self._log.warning("presence_store_unavailable")
        return tuple(dict.fromkeys((*here, *elsewhere)))[:LISTED_MAX]

    @property
    def here_count(self) -> int:
        """How many people this node remembers."""
        return len(self._people)

    # --- telling other nodes ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Publish who is here and forget who is not, until cancelled."""
        while True:
            await self._clock.sleep(self._options.publish_every_ms)
            for person_id in [known for known, person in self._people.items() if self._is_forgettable(person)]:
                del self._people[person_id]
                self._unpublished.discard(person_id)
            held = (person_id for person_id, person in self._people.items() if person.lines_count > 0)
            unpublished, self._unpublished = self._unpublished.union(held), set()
            here: dict[str, list[PersonId]] = {}
            for person_id in sorted(unpublished):
                person = self._people.get(person_id)
                if person is not None and person.surface:
                    here.setdefault(person.surface, []).append(person_id)
            for surface, publish in here.items():
                try:
                    await self._store.publish(surface, publish, expires_in_ms=self._options.reachable_ms)
                except StoreError:
                    # Whoever is still here is published again soon; the store is allowed to know less.
                    self._unpublished |= publish & self._people.keys()

    # --- parts -----------------------------------------------------------------------------------------------------

    def _person(self, person_id: PersonId) -> _Person:
        person = self._people.get(person_id)
        if person is None:
            person = self._people[person_id] = _Person()
        return person

    def _show(self, person_id: PersonId, person: _Person) -> None:
        person.seen_at_ms = self._node.now_ms()
        self._unpublished.add(person_id)

    def _is_forgettable(self, person: _Person) -> bool:
        if person.lines_count > 0 or person.call is not None:
            return False
        return person.rooms_count == 0 and self._node.now_ms() - person.seen_at_ms >= self._options.reachable_ms

    def _lose(self, person: _Person, at_ms: int) -> None:
        assert person.call is not None
        person.is_lost = True
        person.call.tell(Left(person.side, at_ms))

    def _found(self, person: _Person) -> None:
        assert person.call is not None
        person.is_lost = False
        person.call.tell(Arrived(person.side, self._node.now_ms()))
        self._listen_for_silence(person)

    def _listen_for_silence(self, person: _Person) -> None:
        """Without lines, somebody who says nothing for long is gone; look again when that could first be true."""
        if person.silence is not None:
            person.silence.cancel()
            person.silence = None
        if person.is_lost or person.call is None:
            return
        due_ms = max(person.seen_at_ms, self._node.now_ms() - self._silent_ms) + self._silent_ms
        person.silence = self._clock.call_at(
            self._node.store_clock.mono_ms(due_ms), lambda: self._judge_silence(person)
        )

    def _judge_silence(self, person: _Person) -> None:
        person.silence = None
        if person.call is None or person.is_lost:
            return
        silent_ms = self._node.now_ms() - person.seen_at_ms
        if person.lines_count == 0 and silent_ms >= self._silent_ms:
            self._lose(person, self._node.now_ms())
        else:
            if person.lines_count > 0:
                person.seen_at_ms = self._node.now_ms()
            self._listen_for_silence(person)
