"""Gifts of the blind-date rooms: paid with gold, then with income, from anybody to anybody (QL-30 … QL-35)."""

from functools import partial
from typing import Final

import msgspec

from engine import settings
from engine.billing.entries import gift_note, gold_gift_move
from engine.billing.ledger import Ledger
from engine.billing.tariff import share_of
from engine.errors import BadInput
from engine.node import Node
from engine.outbox import Outbox
from engine.room.roster import face_of
from engine.services.giving import Giving, Present, Recipient
from engine.services.welcome import require_welcome
from engine.world import World
from store.interfaces.ids import RoomId
from store.interfaces.ledger import JournalEntry
from store.interfaces.people import PersonRecord

__all__ = ["COUNT_MAX", "GoldGifts", "GoldReceipt"]

COUNT_MAX: Final = 9_999
"""Source: QL-35."""


class GoldReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A gift that was paid. ``gold`` and ``income`` are what the giver had right after; a repeat tells the same."""

    entry: JournalEntry
    gold: int
    income: int


class GoldGifts:
    """Giving gifts for gold."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node, ledger: Ledger, outbox: Outbox) -> None:
        self._node = node
        self._giving = Giving(
            # Of the whole cost, whichever purse has paid it. Source: QL-32.
            earned_by=partial(share_of, percent=options.qlive.income_percent),
            move_of=gold_gift_move,
            amount_max=options.billing.amount_max,
            ledger=ledger,
            outbox=outbox,
            rng=world.rng,
        )
        self.offer(options.qlive.gifts)

    def offer(self, catalogue: tuple[settings.QliveGift, ...]) -> None:
        """Have this catalogue from now on."""
        self._catalogue = catalogue
        self._giving.offer(
            Present(id=gift.id, name=gift.name, image_url=gift.image_url, price=gift.gold) for gift in catalogue
        )

    def catalogue(self) -> tuple[settings.QliveGift, ...]:
        """What can be given, in the order of the configuration."""
        return self._catalogue

    async def give(
        self,
        giver: PersonRecord,
        recipient: PersonRecord,
        gift_id: int,
        count: int,
        *,
        key: str | None,
        room_id: RoomId | None,
    ) -> GoldReceipt:
        """Give ``count`` gifts, wherever the two are; ``room_id`` is the room that is to hear of it, if any.

        With a ``key``, giving again returns the first receipt.

        Raises:
            BadInput: to oneself, or too few, too many or too dear. NotFound: no such gift. Banned.
            BelowFloor: both purses together do not suffice; ``purses`` are gold and income.
            KeyReused: the key was used for another gift or recipient.
            StoreDown: not confirmed; with the same key, again is safe.
        """
        if recipient.id == giver.id:
            raise BadInput("a gift to oneself", field="recipient")
        if not 1 <= count <= COUNT_MAX:
            raise BadInput(field="count")
        require_welcome(giver, self._node)

        async def chosen() -> Recipient:
            return Recipient(person_id=recipient.id, face=face_of(recipient), room_id=room_id)

        entry = await self._giving.give(
            giver, gift_id, count, note=gift_note(gift_id, count, to_id=recipient.id), key=key, recipient=chosen
        )
        gold, income = (held.amount for held in entry.held)
        return GoldReceipt(entry=entry, gold=gold, income=income)
