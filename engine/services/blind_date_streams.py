"""Which streams of blind-date rooms may be on air: the matchmaker's, and those of the two who sit beside her.

A stream is named for who sends it, by the id he shows; he is in one such room at a time, so the name says which. Rooms
live on presence and not on pictures, so a stream changes nothing in its room. Whoever the engine knows to send none any
more is not shown as on air. Knows no media server. Source: seed behaviour §3.2 (addresses), QL-20.
"""

from engine.errors import Forbidden, NotFound, SessionEnded, StoreDown
from engine.node import Node
from engine.room.state import Standing
from engine.services.accounts import QLIVE
from engine.services.blind_dates import BlindDates
from engine.services.rooms import Place
from engine.services.streams import Sender
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord
from store.interfaces.rooms import RoomKind

__all__ = ["BlindDateStreams"]


class BlindDateStreams:
    """``StreamRule`` over the blind-date rooms of this node."""

    def __init__(self, world: World, *, rooms: BlindDates, node: Node) -> None:
        self.addresses = world.blind_date_media
        self._world = world
        self._rooms = rooms
        self._node = node
        self._dark: dict[PersonId, RoomId] = {}

    def push_address(self, person: PersonRecord) -> str:
        """A fresh address under which this person, and nobody else, sends."""
        return self.addresses.push(person.public_id, now_s=self._node.now_ms() // 1000)

    def play_address(self, stream: str) -> str:
        """The address under which everybody watches a stream."""
        return self.addresses.accelerated(stream, now_s=self._node.now_ms() // 1000)

    def is_dark(self, person_id: PersonId) -> bool:
        """Whether a media server has seen this person's pictures stop, and none since, in the room he is in.

        Without a media server that says so, everybody on the stage is taken to be seen.
        """
        return person_id in self._dark and self._room_id(person_id) == self._dark[person_id]

    # --- the rule --------------------------------------------------------------------------------------------------

    async def sender_of(self, stream: str) -> Sender | None:
        """Who may send this stream now.

        Raises:
            NotFound: no such person. Forbidden: neither a matchmaker whose live runs nor on a seat. Banned.
            SessionEnded: the room where he is on is open, and not (yet) this node's. StoreDown.
        """
        with store_answers:
            person = await self._world.stores.people.by_public_id(QLIVE, stream)
        if person is None:
            raise NotFound("person")
        require_welcome(person, self._node)
        place = self._rooms.place_of(person.id)
        if place is None and await self._is_on_elsewhere(person.id):
            raise SessionEnded
        if place is None or not _is_on_stage(place):
            raise Forbidden
        return Sender(stream=stream, person=person, room_id=place.state.record.id)

    async def began(self, sender: Sender) -> None:
        """He is seen.

        Raises: Forbidden: he has left the stage meanwhile.
        """
        assert sender.person is not None
        place = self._rooms.place_of(sender.person.id)
        if place is None or not _is_on_stage(place):
            raise Forbidden
        self._dark.pop(sender.person.id, None)

    def heard(self, sender: Sender) -> None:
        """He goes on; that holds him as a socket would, and a room asks for no more."""

    def ended(self, sender: Sender, *, heard_at_ms: int) -> None:  # noqa: ARG002 - his seat waits for him as for any other
        """He is not seen; presence, which has lost a line of his, decides how long he is waited for."""
        assert sender.person is not None
        assert sender.room_id is not None
        self._dark = {one: room for one, room in self._dark.items() if self._room_id(one) == room}
        if self._room_id(sender.person.id) == sender.room_id:
            self._dark[sender.person.id] = sender.room_id

    async def is_over(self, sender: Sender) -> bool:
        """Whether he certainly has no business sending it: the live is over, or he is on its stage no more."""
        assert sender.person is not None
        place = self._rooms.place_of(sender.person.id)
        if place is not None:
            return not _is_on_stage(place) or place.state.record.id != sender.room_id
        try:
            return not await self._is_on_elsewhere(sender.person.id)
        except StoreDown:
            return False

    # --- parts -----------------------------------------------------------------------------------------------------

    def _room_id(self, person_id: PersonId) -> RoomId | None:
        place = self._rooms.place_of(person_id)
        return None if place is None else place.state.record.id

    async def _is_on_elsewhere(self, person_id: PersonId) -> bool:
        """Whether the store has him on a stage, which then is one that this node does not own just now.

        Raises: StoreDown.
        """
        with store_answers:
            rooms = await self._world.stores.rooms.open_rooms()
        return any(
            record.kind is RoomKind.BLIND_DATE
            and (person_id == record.anchor_id or any(seat.person_id == person_id for seat in record.seats))
            for record in rooms
        )


def _is_on_stage(place: Place) -> bool:
    return place.standing in (Standing.ANCHOR, Standing.SEATED)
