"""Who may enter the anchors' rooms of the site, and paying for it once and for good (SITE-30 … 32, SITE-34).

The entry that pays is the record: a right is never sold twice, so it needs no other. Who is inside is asked of whoever
has the room.
"""

from collections.abc import Callable, Collection
from enum import StrEnum

import msgspec

from engine import settings
from engine.billing.charging import charge
from engine.billing.entries import admission_entry_id, admission_move
from engine.billing.ledger import Ledger
from engine.billing.tariff import share_of
from engine.errors import AlreadyExists, BadInput, Busy, WrongPhase
from engine.node import Node
from engine.services.subscriptions import Subscriptions
from engine.services.welcome import require_welcome
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.ledger import JournalEntry
from store.interfaces.people import PersonRecord
from store.interfaces.shows import ShowKind, ShowRecord

__all__ = ["AdmissionReceipt", "Admissions", "Right", "price_to_enter"]


class Right(StrEnum):
    """Why somebody may enter."""

    FREE = "free"
    """There is nothing to pay."""
    OWNER = "owner"
    PAID = "paid"
    SUBSCRIBED = "subscribed"


class AdmissionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A right that was paid for. ``balance`` is what the person had right after; a repeat tells the same."""

    entry: JournalEntry
    price: int
    balance: int


def price_to_enter(show: ShowRecord) -> int:
    """What entering costs whoever has no other right to; 0 where there is nothing to pay. Source: SITE-33."""
    return 0 if show.info is None or show.info.kind is ShowKind.FREE else show.info.price


class Admissions:
    """Rights to enter."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        ledger: Ledger,
        subscriptions: Subscriptions,
        inside: Callable[[RoomId], Collection[PersonId]],
    ) -> None:
        """``inside`` names who is in a room now, as far as this node knows; nobody in one that it has not."""
        self._clock = world.clock
        self._rng = world.rng
        self._node = node
        self._ledger = ledger
        self._subscriptions = subscriptions
        self._inside = inside
        self._options = options.site
        self._kept_until_ms: dict[tuple[RoomId, PersonId], int] = {}
        """Places of one-to-one rooms that are being paid for, or were a moment ago."""

    async def right_of(self, person_id: PersonId | None, show: ShowRecord) -> Right | None:
        """Why the person (None: somebody without an account) may enter; None when he may not. Source: SITE-31.

        Raises: StoreDown.
        """
        if not price_to_enter(show):
            return Right.FREE
        if person_id is None:
            return None
        if person_id == show.anchor_id:
            return Right.OWNER
        if await self._ledger.entry(admission_entry_id(person_id, show.id)) is not None:
            return Right.PAID
        assert show.info is not None
        # A one-to-one room sells its only place; that comes with no subscription.
        is_open_to_subscribers = show.info.kind is ShowKind.VIP
        if is_open_to_subscribers and await self._subscriptions.running(person_id, show.anchor_id) is not None:
            return Right.SUBSCRIBED
        return None

    def require_place(self, person_id: PersonId, show: ShowRecord) -> None:
        """Raises: Busy: it is a one-to-one room, and as many others as may be are inside or about to be."""
        if show.info is None or show.info.kind is not ShowKind.ONE_TO_ONE or person_id == show.anchor_id:
            return
        now_mono_ms = self._clock.mono_ms()
        kept = {
            who
            for (room_id, who), until_ms in self._kept_until_ms.items()
            if room_id == show.id and now_mono_ms < until_ms
        }
        others = (kept | set(self._inside(show.id))) - {person_id, show.anchor_id}
        if len(others) >= self._options.one_to_one_guests_max:
            raise Busy

    async def pay(
        self, person: PersonRecord, show: ShowRecord, *, amount: int | None, key: str | None
    ) -> AdmissionReceipt:
        """Pay what entering costs; ``amount``, if given, must be that. With the ``key`` that paid, the first receipt.

        Raises:
            AlreadyExists: it is paid; nothing is charged. WrongPhase: there is nothing to pay, or it is one's own room.
            Busy: somebody else is in the one-to-one room; nothing is charged. BadInput: another price (``amount``).
            Banned. BelowFloor: not enough diamonds. StoreDown: not confirmed; again is safe.
        """
        request = f"s:{self._rng.hex(12)}" if key is None else f"k:{key}"
        entry_id = admission_entry_id(person.id, show.id)
        paid = await self._ledger.entry(entry_id)
        if paid is not None:
            return _receipt(paid, request)
        require_welcome(person, self._node)
        price = price_to_enter(show)
        if not price or person.id == show.anchor_id:
            raise WrongPhase("nothing to pay")
        if amount is not None and amount != price:
            raise BadInput(f"it costs {price}", field="amount")
        self.require_place(person.id, show)
        self._keep_place(person.id, show.id)
        move = admission_move(
            person.id,
            show.id,
            price=price,
            anchor_id=show.anchor_id,
            earned=share_of(price, percent=self._options.anchor_share_percent),
            note=request,
        )
        try:
            entry = await charge(self._ledger, move, price=price)
        except BaseException:
            self._kept_until_ms.pop((show.id, person.id), None)
            raise
        return _receipt(entry, request)

    def _keep_place(self, person_id: PersonId, room_id: RoomId) -> None:
        """Until he is inside: two who pay at once are not to pay for one place. Of other rooms it means nothing."""
        now_mono_ms = self._clock.mono_ms()
        self._kept_until_ms = {
            place: until_ms for place, until_ms in self._kept_until_ms.items() if now_mono_ms < until_ms
        }
        self._kept_until_ms[room_id, person_id] = now_mono_ms + self._options.place_kept_ms


def _receipt(entry: JournalEntry, request: str) -> AdmissionReceipt:
    """What the first payment says to itself; ``AlreadyExists`` to any other."""
    if entry.note != request:
        raise AlreadyExists
    (left,) = entry.held
    return AdmissionReceipt(entry=entry, price=-entry.postings[0].amount, balance=left.amount)
