"""Who may enter the anchors' rooms of the site, and paying for it once and for good (SITE-30 … 32, SITE-34).

The entry that pays is the record: a right is never sold twice, so it needs no other. Who is inside is asked of whoever
has the room; only he sells the places of a one-to-one room.
"""

from enum import StrEnum

import msgspec

from engine import settings
from engine.billing.charging import charge, name_of_request
from engine.billing.entries import admission_entry_id, admission_move
from engine.billing.ledger import Ledger
from engine.billing.tariff import share_of
from engine.errors import AlreadyExists, BadInput, Busy, SessionEnded, WrongPhase
from engine.events import AdmissionPaid
from engine.node import Node
from engine.outbox import Outbox
from engine.services.guests import is_guest
from engine.services.rooms import Rooms
from engine.services.subscriptions import Subscriptions
from engine.services.welcome import require_welcome
from engine.world import World
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.ledger import JournalEntry
from store.interfaces.people import PersonRecord
from store.interfaces.shows import ShowKind, ShowRecord

__all__ = ["AdmissionReceipt", "Admissions", "Pass", "Right", "kind_to_enter", "price_to_enter"]


class Right(StrEnum):
    """Why somebody may enter."""

    FREE = "free"
    """There is nothing to pay."""
    OWNER = "owner"
    PAID = "paid"
    SUBSCRIBED = "subscribed"


class Pass(msgspec.Struct, frozen=True):
    """A right, and when it expires (None: never). At a show of another kind it is worth nothing."""

    right: Right
    until_ms: int | None = None


class AdmissionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A right that was paid for. ``balance`` is what the person had right after; a repeat tells the same."""

    entry: JournalEntry
    price: int
    balance: int


def price_to_enter(show: ShowRecord) -> int:
    """What entering costs whoever has no other right to; 0 where there is nothing to pay. Source: SITE-33."""
    return 0 if show.info is None or show.info.kind is ShowKind.FREE else show.info.price


def kind_to_enter(show: ShowRecord) -> ShowKind:
    """What the show is to whoever wants to enter. What it costs makes no difference to those who are inside."""
    return ShowKind.FREE if show.info is None or not price_to_enter(show) else show.info.kind


class Admissions:
    """Rights to enter."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        ledger: Ledger,
        outbox: Outbox,
        subscriptions: Subscriptions,
        rooms: Rooms,
    ) -> None:
        self._clock = world.clock
        self._rng = world.rng
        self._node = node
        self._ledger = ledger
        self._outbox = outbox
        self._subscriptions = subscriptions
        self._rooms = rooms
        self._options = options.site
        self._kept_until_ms: dict[RoomId, dict[PersonId, int]] = {}
        """Places of one-to-one rooms that are being paid for, or were a moment ago."""

    async def pass_of(self, person_id: PersonId, show: ShowRecord) -> Pass | None:
        """Why the person may enter, and for how long; None when he may not. Source: SITE-31.

        Raises: StoreDown.
        """
        kind = kind_to_enter(show)
        if kind is ShowKind.FREE:
            return Pass(Right.FREE)
        if person_id == show.anchor_id:
            return Pass(Right.OWNER)
        if is_guest(person_id):
            return None
        if await self._ledger.entry(admission_entry_id(person_id, show.id)) is not None:
            return Pass(Right.PAID)
        # A one-to-one room sells its only place; that comes with no subscription.
        if kind is ShowKind.VIP:
            subscription = await self._subscriptions.running(person_id, show.anchor_id)
            if subscription is not None:
                return Pass(Right.SUBSCRIBED, subscription.until_ms)
        return None

    def require_place(self, person_id: PersonId, show: ShowRecord) -> None:
        """Raises: Busy: it is a one-to-one room, and as many others as may be are inside or about to be."""
        if not _is_one_to_one(show) or person_id == show.anchor_id:
            return
        others = {*self._places_kept(show.id), *self._rooms.people_in(show.id)} - {person_id, show.anchor_id}
        if len(others) >= self._options.one_to_one_guests_max:
            raise Busy

    async def pay(
        self, person: PersonRecord, show: ShowRecord, *, amount: int | None, key: str | None
    ) -> AdmissionReceipt:
        """Pay what entering costs; ``amount``, if given, must be that. With the ``key`` that paid, the first receipt.

        Raises:
            AlreadyExists: it is paid; nothing is charged. WrongPhase: there is nothing to pay, or it is one's own room.
            Busy: somebody else is in the one-to-one room; nothing is charged. BadInput: another price (``amount``).
            SessionEnded: a one-to-one room that another node has, for now; nothing is charged.
            Banned. BelowFloor: not enough diamonds. StoreDown: not confirmed; again is safe.
        """
        request = name_of_request(key, self._rng)
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
        if _is_one_to_one(show):
            if not self._rooms.has(show.id) and await self._rooms.goes_on_without(show.id):
                raise SessionEnded
            self.require_place(person.id, show)
            self._keep_place(person.id, show.id)
        event = AdmissionPaid(
            event_id=entry_id,
            room_id=show.id,
            from_id=person.id,
            from_name=person.nickname,
            to_id=show.anchor_id,
            price=price,
        )
        move = admission_move(event, earned=share_of(price, percent=self._options.anchor_share_percent), note=request)
        try:
            entry = await charge(self._ledger, move, price=price)
        except BaseException:
            self._kept_until_ms.get(show.id, {}).pop(person.id, None)
            raise
        self._outbox.kick()
        return _receipt(entry, request)

    def _keep_place(self, person_id: PersonId, room_id: RoomId) -> None:
        """Until he is inside: two who pay at once are not to pay for one place."""
        until_ms = self._clock.mono_ms() + self._options.place_kept_ms
        kept = {one: places for one in self._kept_until_ms if (places := self._places_kept(one))}
        self._kept_until_ms = {**kept, room_id: {**kept.get(room_id, {}), person_id: until_ms}}

    def _places_kept(self, room_id: RoomId) -> dict[PersonId, int]:
        """For whom, and until when."""
        now_mono_ms = self._clock.mono_ms()
        kept = self._kept_until_ms.get(room_id, {})
        return {person_id: until_ms for person_id, until_ms in kept.items() if now_mono_ms < until_ms}


def _is_one_to_one(show: ShowRecord) -> bool:
    """Also where it costs nothing: there is one place all the same."""
    return show.info is not None and show.info.kind is ShowKind.ONE_TO_ONE


def _receipt(entry: JournalEntry, request: str) -> AdmissionReceipt:
    """What the first payment says to itself; ``AlreadyExists`` to any other."""
    if entry.note != request:
        raise AlreadyExists
    (left,) = entry.held
    return AdmissionReceipt(entry=entry, price=-entry.postings[0].amount, balance=left.amount)
