"""The sockets of one simulated node, and what their clients make of what they hear.

``Hub`` keeps the promises of the ``Sink``: it knows who is in which room and which connection hears it. A
``Connection`` of the kind that resumes hears a room only after it has asked to; a plain one hears at once whatever its
person is in. A client that resumes keeps of each room its ``Place`` in the story, over connections and restarts, and
notices by itself when something is missing, comes twice, or does not fit what it was shown (INV-15).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.events import (
    AdmissionPaid,
    CallStarted,
    DonationMade,
    Event,
    GiftSent,
    Given,
    MinuteBegan,
    RightEnded,
    RoomShown,
    SeatLeft,
    SeatTaken,
    SubscriptionBegun,
)
from engine.ports import Position
from store.interfaces.ids import PersonId, RoomId

if TYPE_CHECKING:
    from tests.sim.world import SimNode, World

__all__ = ["Client", "Connection", "Hub"]


class Place:
    """How far a client is in one room's story, and who sits there as far as it knows."""

    __slots__ = ("position", "seats")

    def __init__(self, position: Position, seats: dict[PersonId, str]) -> None:
        self.position = position
        self.seats = seats


class Client:
    """What somebody's device knows: it outlives its connections."""

    __slots__ = ("name", "places", "world")

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.places: dict[RoomId, Place] = {}

    def where(self, room_id: RoomId) -> Place | None:
        """How far it is, to ask for the rest."""
        place = self.places.get(room_id)
        return None if place is None else Place(place.position, dict(place.seats))

    def show(self, shown: RoomShown, position: Position, asked_from: Place | None) -> None:
        """A room as it is, or that what was missed since ``asked_from`` follows."""
        if asked_from is not None:
            self.world.rare["resumed with all that was missed" if shown.is_recovered else "resumed without it"] += 1
        if not shown.is_recovered:
            self.places[shown.room_id] = Place(position, {seat.person_id: seat.seat for seat in shown.seats})
        elif asked_from is None or position != asked_from.position:
            self._broken(f"asked from {asked_from and asked_from.position} in {shown.room_id}, and got {position}")
        else:
            self.places[shown.room_id] = asked_from

    def hear(self, room_id: RoomId, event: Event, position: Position) -> None:
        """The next event of a room's story."""
        place = self.places.get(room_id)
        if place is None or (place.position.epoch, place.position.seq + 1) != (position.epoch, position.seq):
            self._broken(f"was at {place and place.position} in {room_id} and hears {position}")
            return
        place.position = position
        if isinstance(event, SeatTaken):
            place.seats[event.person_id] = event.seat
        elif isinstance(event, SeatLeft):
            place.seats.pop(event.person_id, None)

    def compare(self, room_id: RoomId, seats: dict[PersonId, str]) -> None:
        """Whether what was put together from events is what the room is."""
        place = self.places[room_id]
        if place.seats != seats:
            self._broken(f"believes that {place.seats} sit in {room_id}, and there sit {seats}")

    def _broken(self, finding: str) -> None:
        self.world.break_off(f"INV-15: {self.name} {finding}")


class Connection:
    """One socket, from both its ends. ``client`` is None for the kind that does not resume.

    ``put_out`` are the shows of which it was told that its person may be there no longer.
    """

    __slots__ = ("asked_from", "client", "has_closed", "id", "node", "person_id", "put_out", "was_shown")

    def __init__(self, node: "SimNode", person_id: PersonId, name: str, client: Client | None) -> None:
        self.node = node
        self.person_id = person_id
        self.id = name
        self.client = client
        self.has_closed = False
        self.asked_from: Place | None = None
        self.was_shown: set[RoomId] = set()
        self.put_out: set[RoomId] = set()

    @property
    def is_well(self) -> bool:
        """Whether the client has no reason to believe that it is gone."""
        return not self.has_closed and not self.node.is_dead

    def told(self, event: Event) -> None:
        """One frame for its person arrives."""
        if isinstance(event, RightEnded):
            self.put_out.add(event.room_id)
            self.node.world.site.went(self.node, event.room_id, self.person_id, self.id)

    def hear(self, room_id: RoomId, event: Event, position: Position | None) -> None:
        """One frame about a room arrives."""
        if self.client is None:
            return
        if isinstance(event, RoomShown):
            assert position is not None
            self.was_shown.add(room_id)
            asked_from = self.asked_from
            if event.is_recovered:
                self.asked_from = None
            self.client.show(event, position, asked_from)
        # Before it is shown the room, a client cannot know where in the story it is.
        elif position is not None and room_id in self.was_shown:
            self.client.hear(room_id, event, position)


class Hub:
    """The ``Sink`` of one node. Money must be in the store before anybody hears of it (INV-17)."""

    def __init__(self, node: "SimNode") -> None:
        self._node = node
        self._world = node.world
        self._sockets: dict[PersonId, list[Connection]] = {}
        self._entered: dict[RoomId, dict[PersonId, None]] = defaultdict(dict)
        self._hearing: dict[RoomId, dict[Connection, None]] = defaultdict(dict)

    # --- for the engine --------------------------------------------------------------------------------------------

    def tell(self, person_id: PersonId, event: Event) -> None:
        if not self._node.is_dead:
            self._require_paid(event, person_id)
            self._world.trace(self._node, "tells", person_id, type(event).__name__)
            self._world.journal.event_told(person_id, event)
            self._world.rooms.told(self._node, person_id, event)
            self._world.site.told(person_id, event)
            for socket in self._sockets.get(person_id, ()):
                socket.told(event)

    def enter(
        self,
        person_id: PersonId,
        room_id: RoomId,
        *,
        connection: str | None = None,
        backlog: Sequence[tuple[Event, Position | None]] = (),
    ) -> None:
        if self._node.is_dead:
            return
        if connection is None:
            self._world.trace(self._node, person_id, "comes into", room_id)
            self._entered[room_id][person_id] = None
            self._world.rooms.came(self._node, room_id, person_id)
        for socket in self._of(person_id, connection):
            if socket in self._hearing[room_id]:
                continue
            self._hearing[room_id][socket] = None
            self._world.site.listens(self._node, room_id, person_id)
            for event, position in backlog:
                if isinstance(event, RoomShown):
                    self._world.rooms.shown(self._node, event)
                socket.hear(room_id, event, position)
            if backlog and socket.client is not None:
                self._compare(socket.client, backlog[0][0])

    def leave(self, person_id: PersonId, room_id: RoomId, *, connection: str | None = None) -> None:
        if self._node.is_dead:
            return
        if connection is None:
            self._world.trace(self._node, person_id, "goes out of", room_id)
            if self._entered[room_id].pop(person_id, self) is None:
                self._world.rooms.went(self._node, room_id, person_id)
        for socket in self._of(person_id, connection):
            self._hearing[room_id].pop(socket, None)
            socket.was_shown.discard(room_id)

    def tell_room(self, room_id: RoomId, event: Event, *, position: Position | None = None) -> None:
        if self._node.is_dead:
            return
        self._require_paid(event, None)
        self._world.trace(self._node, "tells", room_id, type(event).__name__, "" if position is None else position.seq)
        if isinstance(event, Given):
            for person_id in {**self._entered[room_id], **dict.fromkeys(self._node.engine.rooms.people_in(room_id))}:
                self._world.journal.event_told(person_id, event)
        self._world.rooms.told_room(self._node, room_id, event, position)
        self._world.site.told_room(self._node, self._world.database.rooms[room_id], event)
        for socket in self._hearing[room_id]:
            socket.hear(room_id, event, position)

    def end_room(self, room_id: RoomId) -> None:
        for socket in self._hearing.pop(room_id, ()):
            socket.was_shown.discard(room_id)
        self._entered.pop(room_id, None)

    def flush(self) -> None:
        """Everything leaves as it is told here."""

    def close(self, person_id: PersonId, *, code: int, reason: str, sign_in_id: str = "") -> None:
        self._world.trace(self._node, "closes", person_id, code)
        for socket in tuple(self._sockets.get(person_id, ())):
            self.quit(socket)

    # --- for the sockets -------------------------------------------------------------------------------------------

    def join(self, socket: Connection) -> None:
        """A socket opens; harmless when it is closed already, as a node that thaws may hear of both at once."""
        if socket.has_closed:
            return
        sockets = self._sockets.setdefault(socket.person_id, [])
        sockets.append(socket)
        self._world.trace(self._node, socket.id, "opens")
        if len(sockets) == 1:
            self._world.rooms.line(self._node, socket.person_id, is_open=True)
            self._node.engine.presence.person_connected(socket.person_id, at_mono_ms=self._node.clock.mono_ms())
        if socket.client is None:
            for room_id, people in self._entered.items():
                if socket.person_id in people:
                    self._hearing[room_id][socket] = None

    def quit(self, socket: Connection, *, dead_for_ms: int = 0) -> None:
        """A socket closes, or is found to have been dead for some time; harmless when it is closed."""
        if socket.has_closed:
            return
        socket.has_closed = True
        self._node.engine.show_rooms.gone(socket.person_id, socket.id)
        self._world.site.closed(self._node, socket.person_id, socket.id)
        sockets = self._sockets.get(socket.person_id, [])
        if socket not in sockets:
            return
        sockets.remove(socket)
        for hearing in self._hearing.values():
            hearing.pop(socket, None)
        self._world.trace(self._node, socket.id, "closes")
        if not sockets:
            del self._sockets[socket.person_id]
            now_ms = self._node.clock.mono_ms()
            self._world.rooms.line(self._node, socket.person_id, is_open=False, dead_for_ms=dead_for_ms)
            self._node.engine.presence.person_disconnected(
                socket.person_id, at_mono_ms=now_ms, heard_at_mono_ms=now_ms - dead_for_ms
            )

    def people_in(self, room_id: RoomId) -> tuple[PersonId, ...]:
        """Who hears what the room is told."""
        return tuple(self._entered.get(room_id, ()))

    def has_line(self, person_id: PersonId) -> bool:
        """Whether the person has a socket here."""
        return person_id in self._sockets

    def heard_rooms(self) -> tuple[RoomId, ...]:
        """Rooms that anybody or anything here still hears."""
        return tuple(room_id for room_id in self._entered if self._entered[room_id] or self._hearing.get(room_id))

    # --- parts -----------------------------------------------------------------------------------------------------

    def _of(self, person_id: PersonId, connection: str | None) -> tuple[Connection, ...]:
        sockets = self._sockets.get(person_id, ())
        return tuple(socket for socket in sockets if connection is None or socket.id == connection)

    def _compare(self, client: Client, shown: Any) -> None:
        if isinstance(shown, RoomShown):
            client.compare(shown.room_id, {seat.person_id: seat.seat for seat in shown.seats})

    def _require_paid(self, event: Event, person_id: PersonId | None) -> None:
        match event:
            case GiftSent(event_id=entry_id) | DonationMade(event_id=entry_id) | AdmissionPaid(event_id=entry_id):
                needed = entry_id
            case SubscriptionBegun(event_id=entry_id, price=price) if price:
                needed = entry_id
            case MinuteBegan(call_id=call_id, minute=minute):
                needed = f"call:{call_id}:m:{minute}"
            case CallStarted(call_id=call_id):
                needed = f"call:{call_id}:m:1"
            case _:
                return
        if needed not in self._world.database.entries:
            self._world.break_off(f"INV-17: person {person_id} hears {event} before it is paid")
