"""Gifts of the calls surface: for diamonds, to the anchor of the running call or of the room one watches (CA-27)."""

import msgspec

from engine import settings
from engine.billing.entries import diamond_gift_move, gift_note
from engine.billing.ledger import Ledger
from engine.billing.tariff import tariff_of
from engine.errors import NotFound
from engine.outbox import Outbox
from engine.services.calls import Calls
from engine.services.giving import Giving, Present, Recipient
from engine.services.live_rooms import LiveRooms
from engine.world import World
from store.interfaces.ids import PersonId
from store.interfaces.ledger import JournalEntry
from store.interfaces.people import PersonRecord

__all__ = ["GiftReceipt", "Gifts"]


class GiftReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A gift that was paid. ``balance_diamonds`` is what the giver had right after; a repeat tells the same."""

    entry: JournalEntry
    balance_diamonds: int


class Gifts:
    """Giving gifts for diamonds."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        ledger: Ledger,
        calls: Calls,
        rooms: LiveRooms,
        outbox: Outbox,
    ) -> None:
        self._calls = calls
        self._rooms = rooms
        self._giving = Giving(
            earned_by=tariff_of(options.billing).gift_points,
            move_of=diamond_gift_move,
            amount_max=options.billing.amount_max,
            ledger=ledger,
            outbox=outbox,
            rng=world.rng,
        )
        self.offer(options.gifts)

    def offer(self, catalogue: tuple[settings.Gift, ...]) -> None:
        """Have this catalogue from now on."""
        self._catalogue = catalogue
        self._giving.offer(
            Present(id=gift.id, name=gift.name, image_url=gift.image_url, price=gift.cost_diamonds)
            for gift in catalogue
        )

    def catalogue(self) -> tuple[settings.Gift, ...]:
        """What can be given, in the order of the configuration."""
        return self._catalogue

    async def give(
        self, guest: PersonRecord, gift_id: int, count: int, *, to: PersonId | None, key: str | None
    ) -> GiftReceipt:
        """Give ``count`` gifts to the anchor of the guest's running call, else of the room he watches (CA-27).

        ``to``, if given, must be that anchor. With a ``key``, giving again returns the first receipt.

        Raises:
            NotFound: no such gift, or nobody to give it to. BelowFloor: not enough diamonds.
            KeyReused: the key was used for another gift. StoreDown: not confirmed; with the same key, again is safe.
        """

        async def looked_up() -> Recipient:
            recipient = await self._recipient(guest)
            if to is not None and to != recipient.person_id:
                raise NotFound("recipient")
            return recipient

        entry = await self._giving.give(
            guest, gift_id, count, note=gift_note(gift_id, count), key=key, recipient=looked_up
        )
        assert entry.payer_balance is not None
        return GiftReceipt(entry=entry, balance_diamonds=entry.payer_balance)

    async def _recipient(self, guest: PersonRecord) -> Recipient:
        call = await self._calls.current_of(guest.id)
        if call is not None and call.started_at_ms is not None and call.guest_id == guest.id:
            return Recipient(person_id=call.anchor_id, call_id=call.id)
        room = self._rooms.watched_by(guest.id)
        if room is None:
            raise NotFound("recipient")
        return Recipient(person_id=room.anchor_id, room_id=room.id)
