"""Which streams of live rooms may be on air, whose they are, and what becoming so does to a room.

The rule of the calls surface for ``Streams``; another surface brings one of its own. Knows no media server.
"""

from engine.errors import EngineError, Forbidden, NotFound, SessionEnded
from engine.node import Node
from engine.room.streams import is_trial, read_stream
from engine.services.accounts import CALLS
from engine.services.live_rooms import LiveRooms
from engine.services.streams import Sender
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord
from store.interfaces.rooms import RoomRecord

__all__ = ["RoomStreams"]


class RoomStreams:
    """``StreamRule`` over the rooms of this node."""

    def __init__(self, world: World, *, rooms: LiveRooms, node: Node) -> None:
        self.addresses = world.media
        self._world = world
        self._rooms = rooms
        self._node = node

    async def sender_of(self, stream: str) -> Sender | None:
        """Who may send this stream now; None: it is no stream of a room nor of a person.

        Raises:
            NotFound: no such person, or the room is closed. Forbidden: the room is for others. Banned.
            SessionEnded: the room is open, and not (yet) this node's. StoreDown.
        """
        if is_trial(stream):
            return Sender(stream=stream)
        name = read_stream(stream)
        if name is None:
            return None
        person = await self._person(name.person_id)
        if name.room_id is not None:
            record = await self._room(name.room_id)
            if record.call_id is not None and person.id not in record.members:
                raise Forbidden
        return Sender(stream=stream, person=person, room_id=name.room_id)

    async def began(self, sender: Sender) -> None:
        """The room gets its pusher.

        Raises: NotFound, Forbidden, RoomFull; or what says that it was not possible just now.
        """
        if sender.person is not None and sender.room_id is not None:
            await self._room(sender.room_id)  # That it is not ours just now must not look as if it were closed.
            await self._rooms.stream_began(sender.person, sender.room_id, sender.stream)

    def heard(self, sender: Sender) -> None:
        """A heartbeat for the rooms he sends it into."""
        if sender.person is not None:
            self._rooms.stream_heard(sender.person.id, sender.room_id, sender.stream)

    def ended(self, sender: Sender, *, heard_at_ms: int) -> None:
        """Those rooms lose his line."""
        if sender.person is not None:
            self._rooms.stream_ended(sender.person.id, sender.room_id, sender.stream, heard_at_ms=heard_at_ms)

    async def is_over(self, sender: Sender) -> bool:
        """Whether he certainly has no business sending it any more: the room is closed, or he was taken off it."""
        if sender.person is None or sender.room_id is None:
            return False
        try:
            record = await self._room(sender.room_id)
        except NotFound:
            return True
        except EngineError:
            return False
        return all(seat.person_id != sender.person.id for seat in record.seats)

    async def _person(self, person_id: PersonId) -> PersonRecord:
        with store_answers:
            person = await self._world.stores.people.get(person_id)
        if person is None or person.surface != CALLS:
            raise NotFound("person")
        require_welcome(person, self._node)
        return person

    async def _room(self, room_id: RoomId) -> RoomRecord:
        """The room as its owner knows it. That this node does not own it does not make it closed: the store knows."""
        try:
            return self._rooms.get(room_id).record
        except NotFound:
            pass
        with store_answers:
            record = await self._world.stores.rooms.get(room_id)
        if record is None or not record.is_open:
            raise NotFound("room")
        raise SessionEnded
