"""Gifts: the catalogue, and giving one. Money, record and event are one entry (INV-10)."""

import msgspec

from engine import settings
from engine.billing.entries import gift_entry_id, gift_move, gift_note
from engine.billing.ledger import Ledger
from engine.billing.tariff import Tariff
from engine.errors import BadInput, BelowFloor, KeyReused, NotFound
from engine.outbox import Outbox
from engine.services.calls import Calls
from engine.services.live_rooms import LiveRooms
from engine.world import World
from store.interfaces.ids import CallId, PersonId, RoomId
from store.interfaces.ledger import JournalEntry, Verdict
from store.interfaces.people import PersonRecord

__all__ = ["GiftReceipt", "Gifts"]


class GiftReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A gift that was paid. ``balance_diamonds`` is what the giver had right after; a repeat tells the same."""

    entry: JournalEntry
    balance_diamonds: int


class Gifts:
    """Giving gifts."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        ledger: Ledger,
        tariff: Tariff,
        calls: Calls,
        rooms: LiveRooms,
        outbox: Outbox,
    ) -> None:
        self._world = world
        self._options = options
        self._ledger = ledger
        self._tariff = tariff
        self._calls = calls
        self._rooms = rooms
        self._outbox = outbox
        self._catalogue = {gift.id: gift for gift in options.gifts}

    def catalogue(self) -> tuple[settings.Gift, ...]:
        """What can be given, in the order of the configuration."""
        return self._options.gifts

    async def give(
        self, guest: PersonRecord, gift_id: int, count: int, *, to: PersonId | None, key: str | None
    ) -> GiftReceipt:
        """Give ``count`` gifts to the anchor of the guest's running call, else of the room he watches (CA-27).

        ``to``, if given, must be that anchor. With a ``key``, giving again returns the first receipt.

        Raises:
            NotFound: no such gift, or nobody to give it to. BelowFloor: not enough diamonds.
            KeyReused: the key was used for another gift. StoreDown: not confirmed; with the same key, again is safe.
        """
        gift = self._catalogue.get(gift_id)
        if gift is None:
            raise NotFound("gift")
        cost = gift.cost_diamonds * count
        if cost > self._options.billing.amount_max:
            raise BadInput(field="count")
        entry_key = f"k:{key}" if key is not None else f"s:{self._world.rng.hex(12)}"
        if key is not None:
            # The first receipt counts, even if the call in which it was given is long over.
            given = await self._ledger.entry(gift_entry_id(guest.id, entry_key))
            if given is not None:
                if given.note != gift_note(gift_id, count):
                    raise KeyReused
                return _receipt(given)
        anchor_id, call_id, room_id = await self._recipient(guest)
        if to is not None and to != anchor_id:
            raise NotFound("recipient")
        move = gift_move(
            key=entry_key,
            guest_id=guest.id,
            anchor_id=anchor_id,
            gift_id=gift.id,
            name=gift.name,
            count=count,
            cost_diamonds=cost,
            points=self._tariff.gift_points(cost),
            call_id=call_id,
            room_id=room_id,
        )
        outcome = await self._ledger.post(move)
        match outcome.verdict:
            case Verdict.POSTED | Verdict.ALREADY:
                assert outcome.entry is not None
                self._outbox.kick()
                return _receipt(outcome.entry)
            case Verdict.BELOW_FLOOR:
                raise BelowFloor(need=cost, have=outcome.balance or 0)
            case Verdict.MISMATCH:
                raise KeyReused
            case verdict:
                msg = f"a gift cannot be {verdict}"
                raise AssertionError(msg)

    async def _recipient(self, guest: PersonRecord) -> tuple[PersonId, CallId | None, RoomId | None]:
        call = await self._calls.current_of(guest.id)
        if call is not None and call.started_at_ms is not None and call.guest_id == guest.id:
            return call.anchor_id, call.id, None
        room = self._rooms.watched_by(guest.id)
        if room is None:
            raise NotFound("recipient")
        return room.creator_id, None, room.id


def _receipt(entry: JournalEntry) -> GiftReceipt:
    assert entry.payer_balance is not None
    return GiftReceipt(entry=entry, balance_diamonds=entry.payer_balance)
