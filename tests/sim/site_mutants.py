"""Planted bugs of the site: the simulator has to find each of them. As ``mutants``, which lists them all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

import engine.services.admissions
import engine.services.crypto_recharge
import engine.services.donations
import engine.services.subscriptions
from engine.ports import CryptoNotice, CryptoStatus
from engine.room.audience import count_of
from engine.room.messages import Announce
from engine.services.admissions import Admissions, Pass, Right
from engine.services.crypto_recharge import CryptoRecharge
from engine.services.rooms import Rooms
from engine.services.show_chat import ShowChat
from engine.services.show_rooms import ShowRooms, _Visit
from engine.services.shows import Shows
from engine.services.subscriptions import Subscriptions
from store.interfaces.chats import ViewerLine
from store.interfaces.ids import EntryId, PersonId, RoomId
from store.interfaces.ledger import EntryKind, Move
from store.interfaces.orders import OrderRecord
from store.interfaces.people import PersonRecord
from store.interfaces.shows import ShowInfo, ShowKind, ShowRecord
from store.interfaces.subscriptions import SubscriptionRecord
from store.memory.chats import MemoryChats
from store.memory.ledger import MemoryLedger
from store.memory.orders import MemoryOrders
from store.memory.subscriptions import MemorySubscriptions

__all__ = ["SITE_MUTANTS"]

Mutant = Callable[[], AbstractContextManager[Any]]


# --- money ---------------------------------------------------------------------------------------------------------


def _donated_again() -> AbstractContextManager[Any]:
    """A donation that is asked for again is not recognised by its key."""
    numbers = count()

    def fresh(user_id: PersonId, key: str) -> EntryId:
        return EntryId(f"don:{user_id}:{key}:{next(numbers)}")

    return patch.object(engine.services.donations, "donation_entry_id", fresh)


def _admitted_again() -> AbstractContextManager[Any]:
    """A right is sold as often as it is asked for."""
    numbers, post = count(), MemoryLedger.post

    async def attempt(self: MemoryLedger, moves: Sequence[Move], decided: Any) -> Any:
        fresh = [
            replace(move, id=EntryId(f"{move.id}:{next(numbers)}"))
            if move.kind is EntryKind.ADMISSION and move.id in self._database.entries
            else move
            for move in moves
        ]
        fresh = [
            replace(move, outbox=None) if asked.id != move.id else move
            for asked, move in zip(moves, fresh, strict=True)
        ]
        return await post(self, fresh, decided)

    return patch.object(MemoryLedger, "post", attempt)


def _old_price() -> AbstractContextManager[Any]:
    """A node goes on asking what a show cost first."""
    get = Shows.get
    first: dict[tuple[int, RoomId], ShowInfo] = {}

    async def remembered(self: Shows, room_id: RoomId) -> ShowRecord:
        show = await get(self, room_id)
        if show.info is None or show.info.kind is ShowKind.FREE or not show.info.price:
            return show
        known = first.setdefault((id(self), room_id), show.info)
        return replace(show, info=replace(show.info, price=known.price))

    return patch.object(Shows, "get", remembered)


def _long_month() -> AbstractContextManager[Any]:
    """A month has thirty-one days."""
    return patch.object(engine.services.subscriptions, "SUBSCRIPTION_MS", 31 * 24 * 3_600_000)


def _never_expires() -> AbstractContextManager[Any]:
    """Whoever was subscribed once is for good."""

    async def latest(self: Subscriptions, user_id: PersonId, anchor_id: PersonId) -> SubscriptionRecord | None:
        return await self.latest(user_id, anchor_id)

    return patch.object(Subscriptions, "running", latest)


def _renewed_while_it_runs() -> AbstractContextManager[Any]:
    """A subscription is sold again ten seconds before it ends, and all three who look let it pass; rights are right."""
    runs_at = SubscriptionRecord.runs_at

    def hardly(self: SubscriptionRecord, now_ms: int) -> bool:
        return runs_at(self, now_ms + 10_000)

    @contextmanager
    def everywhere() -> Iterator[None]:
        facts = MemoryLedger._facts

        def early(self: MemoryLedger, moves: Sequence[Move]) -> Any:
            known = facts(self, moves)
            ends = {pair: until_ms - 10_000 for pair, until_ms in known.subscribed_until_ms.items()}
            return replace(known, subscribed_until_ms=ends)

        async def running(self: Subscriptions, user_id: PersonId, anchor_id: PersonId) -> SubscriptionRecord | None:
            latest = await self.latest(user_id, anchor_id)
            return latest if latest is not None and runs_at(latest, self._node.now_ms()) else None

        async def running_of(
            self: MemorySubscriptions, user_id: PersonId, *, at_ms: int, limit: int
        ) -> tuple[SubscriptionRecord, ...]:
            kept = self._database.subscriptions.values()
            return tuple(one for one in kept if one.user_id == user_id and runs_at(one, at_ms))[:limit]

        with (
            patch.object(SubscriptionRecord, "runs_at", hardly),
            patch.object(MemoryLedger, "_facts", early),
            patch.object(Subscriptions, "running", running),
            patch.object(MemorySubscriptions, "running_of", running_of),
        ):
            yield

    return everywhere()


def _totals_miss_the_small() -> AbstractContextManager[Any]:
    """Donations of one diamond are not added up."""
    write = MemoryLedger._write

    def careless(self: MemoryLedger, plan: Any, calls: Any, now_ms: int) -> None:
        write(self, plan, calls, now_ms)
        for donation in plan.donations:
            if donation.amount == 1:
                self._database.donations_received[donation.anchor_id] -= 1

    return patch.object(MemoryLedger, "_write", careless)


# --- who may be where ----------------------------------------------------------------------------------------------


def _once_inside() -> AbstractContextManager[Any]:
    """Whoever is inside stays, whatever the show becomes."""
    return patch.object(_Visit, "is_due", lambda self, _show, _now_ms: self.waits)


def _at_the_next_sweep() -> AbstractContextManager[Any]:
    """Whoever is inside of what begins to cost something hears on until somebody looks."""

    async def describe(
        self: ShowRooms, anchor: PersonRecord, character: str, info: ShowInfo, *, date: str = ""
    ) -> ShowRecord:
        return await self._shows.describe(anchor, character, info, date=date)

    return patch.object(ShowRooms, "describe", describe)


def _only_where_it_was_said() -> AbstractContextManager[Any]:
    """A node looks at what a show has become only if it was told so itself."""

    async def nothing(_self: Shows, _room_ids: Sequence[RoomId]) -> dict[RoomId, ShowRecord]:
        return {}

    return patch.object(Shows, "many", nothing)


def _subscriber_for_the_night() -> AbstractContextManager[Any]:
    """A subscriber who is inside stays, though his subscription ends."""
    has = _Visit.has

    def generous(self: _Visit, right: Pass, show: ShowRecord) -> None:
        has(self, Pass(right.right), show)

    return patch.object(_Visit, "has", generous)


def _put_out_with_a_right() -> AbstractContextManager[Any]:
    """Whenever a show changes, everybody without a payment is put out."""
    pass_of = Admissions.pass_of

    async def strict(self: Admissions, person_id: PersonId, show: ShowRecord) -> Pass | None:
        found = await pass_of(self, person_id, show)
        return None if found is not None and found.right is Right.SUBSCRIBED else found

    return patch.object(Admissions, "pass_of", strict)


def _subscribers_one_to_one() -> AbstractContextManager[Any]:
    """A subscription opens one-to-one rooms as well."""

    def kind_of(show: ShowRecord) -> ShowKind:
        is_free = show.info is None or not show.info.price or show.info.kind is ShowKind.FREE
        return ShowKind.FREE if is_free else ShowKind.VIP

    return patch.object(engine.services.admissions, "kind_to_enter", kind_of)


def _sold_though_taken() -> AbstractContextManager[Any]:
    """The place of a one-to-one room is sold to whoever pays."""
    return patch.object(Admissions, "require_place", lambda _self, _person_id, _show: None)


def _sold_elsewhere() -> AbstractContextManager[Any]:
    """A node sells places of rooms that it does not have."""

    @contextmanager
    def anywhere() -> Iterator[None]:
        pay, goes_on = Admissions.pay, Rooms.goes_on_without
        is_paying = False

        async def careless(self: Rooms, room_id: RoomId) -> bool:
            return not is_paying and await goes_on(self, room_id)

        async def paying(self: Admissions, *who: Any, **what: Any) -> Any:
            nonlocal is_paying
            is_paying = True
            try:
                return await pay(self, *who, **what)
            finally:
                is_paying = False

        with patch.object(Rooms, "goes_on_without", careless), patch.object(Admissions, "pay", paying):
            yield

    return anywhere()


def _open_history() -> AbstractContextManager[Any]:
    """Nobody asks for a right at the door of a show."""

    async def anybody(_self: ShowRooms, _person: PersonRecord, _show: ShowRecord) -> Pass:
        return Pass(Right.FREE)

    return patch.object(ShowRooms, "require_right", anybody)


# --- who is there --------------------------------------------------------------------------------------------------


def _gone_with_one_tab() -> AbstractContextManager[Any]:
    """Whoever closes one of two tabs is counted out."""
    return patch.object(ShowRooms, "_is_at", lambda _self, _person_id, _room_id: False)


def _counted_for_ever() -> AbstractContextManager[Any]:
    """Whoever closes his last tab is counted on."""
    return patch.object(ShowRooms, "_let_out", lambda _self, _visit: None)


def _anchor_counted() -> AbstractContextManager[Any]:
    """The anchor counts as one of her viewers."""

    def with_her(state: Any, form: Any) -> int:
        return count_of(state, form) + (1 if form.heard_by_connection else 0)

    return patch.object(engine.room.audience, "count_of", with_her)


def _not_waiting() -> AbstractContextManager[Any]:
    """Whoever came before a show began does not come in when it does."""
    return patch.object(ShowRooms, "started", lambda _self, _state: None)


def _off_air_elsewhere() -> AbstractContextManager[Any]:
    """What a node does not have on air is off air."""

    async def here(self: ShowRooms, room_id: RoomId) -> bool:
        return self.on_air(room_id) is not None

    return patch.object(ShowRooms, "is_on_air", here)


# --- what is said --------------------------------------------------------------------------------------------------


def _mutes_unheard() -> AbstractContextManager[Any]:
    """Nobody looks at mutes."""
    return patch.object(ShowChat, "_require_voice", lambda _self, _state, _person_id: None)


def _kept_as_often_as_said() -> AbstractContextManager[Any]:
    """A line that comes over the socket and by a post is kept twice, by the engine and by the store."""

    async def keep(self: MemoryChats, line: ViewerLine) -> bool:
        self._database.viewer_lines.setdefault(line.room_id, []).append(line)
        return True

    @contextmanager
    def twice() -> Iterator[None]:
        with (
            patch.object(MemoryChats, "keep_line", keep),
            patch("engine.services.show_chat._Lately.of", lambda _self, _key: []),
        ):
            yield

    return twice()


def _told_first() -> AbstractContextManager[Any]:
    """A line is told before it is kept."""
    keep_and_tell = ShowChat._keep_and_tell

    async def eager(self: ShowChat, key: Any, said: Any, kept: Any, event: Any) -> None:
        if event is not None:
            await self._rooms.ask(kept.room_id, Announce(event=event))
        await keep_and_tell(self, key, said, kept, None)

    return patch.object(ShowChat, "_keep_and_tell", eager)


# --- recharges -----------------------------------------------------------------------------------------------------


def _said_as(**said: CryptoStatus) -> AbstractContextManager[Any]:
    """What the provider says is taken for something else."""
    apply = CryptoRecharge._apply

    async def wrong(self: CryptoRecharge, notice: CryptoNotice) -> None:
        status = said.get(notice.status.name, notice.status)
        await apply(self, CryptoNotice(**{**_fields(notice), "status": status}))

    return patch.object(CryptoRecharge, "_apply", wrong)


def _fields(notice: CryptoNotice) -> dict[str, Any]:
    return {name: getattr(notice, name) for name in notice.__struct_fields__}


def _about_anything() -> AbstractContextManager[Any]:
    """Nobody compares a notification with its order."""
    return patch.object(engine.services.crypto_recharge, "_is_about", lambda _notice, order: bool(order.payment))


def _too_late() -> AbstractContextManager[Any]:
    """What is paid after it was given up is not credited."""
    credit = CryptoRecharge._credit

    async def in_time(self: CryptoRecharge, order: OrderRecord, notice: CryptoNotice) -> None:
        if order.finished_at_ms is None:
            await credit(self, order, notice)

    return patch.object(CryptoRecharge, "_credit", in_time)


def _back_and_forth() -> AbstractContextManager[Any]:
    """The word that is shown is the one that was heard last."""

    async def moved(self: MemoryOrders, order_id: Any, status: str, *, before: Any) -> bool:
        order = self._database.orders[order_id]
        self._database.orders[order_id] = replace(order, status=status)
        return order.status in before

    return patch.object(MemoryOrders, "moved", moved)


def _never_asked() -> AbstractContextManager[Any]:
    """What the provider does not tell by himself is not asked for."""

    async def nothing(_self: CryptoRecharge) -> None:
        return

    return patch.object(CryptoRecharge, "reconcile", nothing)


SITE_MUTANTS: Final[Mapping[str, Mutant]] = MappingProxyType(
    {
        "a donation's key is ignored": _donated_again,
        "a right is sold twice": _admitted_again,
        "a show costs what it cost first": _old_price,
        "a month of thirty-one days": _long_month,
        "a subscription never expires": _never_expires,
        "a subscription is sold while one runs": _renewed_while_it_runs,
        "small donations are not added up": _totals_miss_the_small,
        "whoever is inside stays": _once_inside,
        "put out only by the sweep": _at_the_next_sweep,
        "changes said elsewhere are not seen": _only_where_it_was_said,
        "a subscriber inside stays": _subscriber_for_the_night,
        "subscribers are put out": _put_out_with_a_right,
        "subscribers enter one-to-one": _subscribers_one_to_one,
        "a taken place is sold": _sold_though_taken,
        "a place is sold by anybody": _sold_elsewhere,
        "no right is asked for": _open_history,
        "one closed tab counts out": _gone_with_one_tab,
        "the last closed tab does not": _counted_for_ever,
        "an anchor watches herself": _anchor_counted,
        "who waits does not come in": _not_waiting,
        "what another node has is off air": _off_air_elsewhere,
        "mutes are not looked at": _mutes_unheard,
        "a line is kept twice": _kept_as_often_as_said,
        "a line is told before it is kept": _told_first,
        "a part counts as paid": lambda: _said_as(PARTIALLY_PAID=CryptoStatus.FINISHED),
        "any notification credits any order": _about_anything,
        "paid too late is lost": _too_late,
        "an order's word goes back": _back_and_forth,
        "lost crypto payments are not asked for": _never_asked,
    }
)
"""Each by what it does."""
