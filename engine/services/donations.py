"""Donations of the site: whole diamonds from a user to an anchor, once per key, and who gave how much (SITE-20 … 25).

Money, record and event of a donation are one entry (INV-10).
"""

import msgspec

from engine import settings
from engine.billing.charging import charge, name_of_request
from engine.billing.entries import donation_entry_id, donation_move, donation_note
from engine.billing.ledger import Ledger
from engine.billing.tariff import share_of
from engine.errors import BadInput, KeyReused, NotFound
from engine.events import DonationMade
from engine.ids import Ids
from engine.node import Node
from engine.outbox import Outbox
from engine.services.welcome import require_welcome
from engine.storage import store_answers
from engine.world import World
from store.interfaces.donations import DonationRecord
from store.interfaces.ids import PersonId, RoomId, Sequence
from store.interfaces.ledger import JournalEntry
from store.interfaces.people import PersonRecord, Role

__all__ = ["DonationReceipt", "Donations"]


class DonationReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A donation that was paid. ``balance`` is what the user had right after; a repeat tells the same."""

    donation: DonationRecord
    balance: int


class Donations:
    """Donating, and looking at it afterwards."""

    def __init__(
        self, world: World, options: settings.Settings, *, node: Node, ids: Ids, ledger: Ledger, outbox: Outbox
    ) -> None:
        self._store = world.stores.donations
        self._rng = world.rng
        self._node = node
        self._ids = ids
        self._ledger = ledger
        self._outbox = outbox
        self._amount_max = options.billing.amount_max
        self._share_percent = options.site.anchor_share_percent

    async def donate(
        self, user: PersonRecord, anchor: PersonRecord, amount: int, *, key: str | None, room_id: RoomId | None
    ) -> DonationReceipt:
        """Give ``amount`` diamonds; ``room_id`` is the room that is to hear of it, if any.

        With a ``key``, donating again returns the first receipt.

        Raises:
            BadInput: to oneself (``anchor``), or not from 1 to the largest amount (``amount``). Banned.
            NotFound: that is no anchor. BelowFloor: not enough diamonds.
            KeyReused: the key was used for another donation.
            StoreDown: not confirmed; with the same key, again is safe.
        """
        entry_id = donation_entry_id(user.id, name_of_request(key, self._rng))
        if key is not None:
            # Before anything else: what has been given stays given, whatever either of the two is by now.
            paid = await self._ledger.entry(entry_id)
            if paid is not None:
                if paid.note != donation_note(anchor.id, amount):
                    raise KeyReused
                return await self._receipt(paid)
        if anchor.role is not Role.ANCHOR:
            raise NotFound("anchor")
        if anchor.id == user.id:
            raise BadInput("a donation to oneself", field="anchor")
        if not 1 <= amount <= self._amount_max:
            raise BadInput(field="amount")
        require_welcome(user, self._node)
        donation = DonationRecord(
            id=entry_id,
            number=await self._ids.next(Sequence.DONATION),
            user_id=user.id,
            anchor_id=anchor.id,
            user_name=user.nickname,
            anchor_name=anchor.nickname,
            amount=amount,
        )
        event = DonationMade(
            event_id=entry_id,
            room_id=room_id,
            number=donation.number,
            from_id=user.id,
            from_name=user.nickname,
            to_id=anchor.id,
            to_name=anchor.nickname,
            amount=amount,
        )
        move = donation_move(donation, event, earned=share_of(amount, percent=self._share_percent))
        entry = await charge(self._ledger, move, price=amount)
        self._outbox.kick()
        return await self._receipt(entry)

    async def of_user(self, user_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        """What the user has given, newest first.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.of_user(user_id, skip=skip, limit=limit)

    async def of_anchor(self, anchor_id: PersonId, *, skip: int = 0, limit: int) -> tuple[DonationRecord, ...]:
        """What the anchor has been given, newest first.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.of_anchor(anchor_id, skip=skip, limit=limit)

    async def given_by(self, user_id: PersonId) -> int:
        """All that the user has given.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.given_by(user_id)

    async def received_by(self, anchor_id: PersonId) -> int:
        """All that users have given to the anchor, whatever of it was hers to have. Source: SITE-24.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.received_by(anchor_id)

    async def _receipt(self, entry: JournalEntry) -> DonationReceipt:
        """Read, not remembered: of several at once with one key, only one has the number that counts."""
        with store_answers:
            donation = await self._store.get(entry.id)
        assert donation is not None, "a donation without its record"
        (left,) = entry.held
        return DonationReceipt(donation=donation, balance=left.amount)
