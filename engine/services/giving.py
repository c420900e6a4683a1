"""Giving a gift, as far as it is the same wherever gifts are given: the price, the key, the money, the verdict.

Knows no surface: who may give, to whom and with which money is said by the service that asks.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec

from engine.billing.charging import charge, name_of_request
from engine.billing.entries import gift_entry_id
from engine.billing.ledger import Ledger
from engine.errors import BadInput, KeyReused, NotFound
from engine.events import GiftSent
from engine.outbox import Outbox
from engine.ports import Rng
from engine.room.roster import face_of
from store.interfaces.ids import CallId, PersonId, RoomId
from store.interfaces.ledger import JournalEntry, Move
from store.interfaces.people import PersonRecord
from store.interfaces.rooms import Face

__all__ = ["Giving", "MoveOf", "Present", "Recipient"]


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a catalogue; ``price`` is that of a single one, in what its surface's people pay with."""

    id: int
    name: str
    image_url: str
    price: int


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who is given something, and in which call or room."""

    person_id: PersonId
    face: Face = Face()
    call_id: CallId | None = None
    room_id: RoomId | None = None


class MoveOf(Protocol):
    """Makes the entry of a gift: one of ``engine.billing.entries``."""

    def __call__(self, gift: GiftSent, *, cost: int, note: str) -> Move:
        """The move that pays ``cost`` for ``gift``."""


class Giving:
    """Gifts out of one catalogue. Money, record and event of a gift are one entry (INV-10)."""

    def __init__(
        self,
        *,
        earned_by: Callable[[int], int],
        move_of: MoveOf,
        amount_max: int,
        ledger: Ledger,
        outbox: Outbox,
        rng: Rng,
    ) -> None:
        """``earned_by`` says what a gift of some cost is worth to whom it is given."""
        self._catalogue: dict[int, Present] = {}
        self._earned_by = earned_by
        self._move_of = move_of
        self._amount_max = amount_max
        self._ledger = ledger
        self._outbox = outbox
        self._rng = rng

    def offer(self, catalogue: Iterable[Present]) -> None:
        """Have this catalogue from now on, and no other."""
        self._catalogue = {present.id: present for present in catalogue}

    async def give(
        self,
        giver: PersonRecord,
        gift_id: int,
        count: int,
        *,
        note: str,
        key: str | None,
        recipient: Callable[[], Awaitable[Recipient]],
    ) -> JournalEntry:
        """Give ``count`` gifts to whom ``recipient`` names. With a ``key``, giving again returns the first entry.

        ``note`` is all by which a repeat is told from another gift under the same key. ``recipient`` is not asked at
        a repeat: the first receipt counts, even if the call in which the gift was given is long over.

        Raises:
            NotFound: no such gift. BadInput: that many cost too much. BelowFloor: the giver cannot pay.
            KeyReused: the key was used for another gift. StoreDown: not confirmed; with the same key, again is safe.
        """
        entry_id = gift_entry_id(giver.id, name_of_request(key, self._rng))
        if key is not None:
            # Before the catalogue: what has been given stays given when nobody can give it any more.
            given = await self._ledger.entry(entry_id)
            if given is not None:
                if given.note != note:
                    raise KeyReused
                return given
        present = self._catalogue.get(gift_id)
        if present is None:
            raise NotFound("gift")
        cost = present.price * count
        if cost > self._amount_max:
            raise BadInput(field="count")
        to = await recipient()
        gift = GiftSent(
            event_id=entry_id,
            call_id=to.call_id,
            room_id=to.room_id,
            from_id=giver.id,
            to_id=to.person_id,
            giver=face_of(giver),
            recipient=to.face,
            gift_id=present.id,
            name=present.name,
            image_url=present.image_url,
            count=count,
            earned=self._earned_by(cost),
        )
        entry = await charge(self._ledger, self._move_of(gift, cost=cost, note=note), price=cost)
        self._outbox.kick()
        return entry
