"""The cast and its papers: Tom the guest, Mei the anchor, their calls, rooms, orders and moves, ready to be varied."""

from typing import Any, Final

from msgspec.structs import replace

from engine.billing.entries import subscription_entry_id
from engine.events import SubscriptionBegun
from store.interfaces.calls import CallRecord, EndReason, Phase, Price, Side
from store.interfaces.donations import DonationRecord
from store.interfaces.ids import CallId, EntryId, OrderId, PersonId, RoomId
from store.interfaces.ledger import (
    Cost,
    DonationClaim,
    EntryKind,
    MinuteClaim,
    Move,
    OrderClaim,
    OutboxRow,
    Posting,
    SubscriptionClaim,
)
from store.interfaces.money import Currency, external, house, wallet
from store.interfaces.orders import OrderRecord
from store.interfaces.people import PersonRecord, Role
from store.interfaces.rooms import RoomKind, RoomRecord
from store.interfaces.subscriptions import SubscriptionRecord

__all__ = [
    "ANN",
    "BOB",
    "DIAMONDS",
    "GOLD",
    "INCOME",
    "MEI",
    "POINTS",
    "SITE",
    "T0",
    "TOM",
    "a_call",
    "a_donation",
    "a_gift",
    "a_gold_gift",
    "a_grant",
    "a_minute",
    "a_person",
    "a_recharge",
    "a_room",
    "a_subscription",
    "an_admission",
    "an_order",
    "diamonds_of",
    "donation_of",
    "ended",
    "gold_of",
    "income_of",
    "next_version",
    "points_of",
    "site_of",
    "subscription_begun",
    "subscription_of",
]

TOM: Final = PersonId(10_001)
BOB: Final = PersonId(10_002)
MEI: Final = PersonId(10_003)
ANN: Final = PersonId(10_004)

DIAMONDS: Final = Currency.CALLS_DIAMONDS
POINTS: Final = Currency.CALLS_POINTS
GOLD: Final = Currency.QLIVE_GOLD
INCOME: Final = Currency.QLIVE_INCOME
SITE: Final = Currency.SITE_DIAMONDS

T0: Final = 1_700_000_000_000
"""A moment in the past, for whatever does not depend on the store's clock."""


def diamonds_of(person_id: PersonId) -> Any:
    return wallet(DIAMONDS, person_id)


def points_of(person_id: PersonId) -> Any:
    return wallet(POINTS, person_id)


def gold_of(person_id: PersonId) -> Any:
    return wallet(GOLD, person_id)


def income_of(person_id: PersonId) -> Any:
    return wallet(INCOME, person_id)


def site_of(person_id: PersonId) -> Any:
    return wallet(SITE, person_id)


def a_person(person_id: PersonId = TOM, **changes: Any) -> PersonRecord:
    person = PersonRecord(
        id=person_id,
        surface="calls",
        external_id=f"openid-{person_id}",
        role=Role.GUEST,
        created_at_ms=T0,
        nickname=f"person {person_id}",
    )
    return replace(person, **changes)


def a_call(number: int = 50_001, **changes: Any) -> CallRecord:
    """Tom rings Mei, for 50 diamonds and 25 points a minute."""
    call = CallRecord(
        id=CallId(number),
        guest_id=TOM,
        anchor_id=MEI,
        rung_by=Side.GUEST,
        phase=Phase.RINGING,
        price=Price(points=50, diamonds=50, earned_points=25),
        rung_at_ms=T0,
        ring_until_ms=T0 + 30_000,
    )
    return replace(call, **changes)


def a_room(name: str = "room-1", **changes: Any) -> RoomRecord:
    room = RoomRecord(id=RoomId(name), kind=RoomKind.OPEN, anchor_id=MEI, info="welcome", created_at_ms=T0)
    return replace(room, **changes)


def next_version(record: Any, **changes: Any) -> Any:
    """The record as its owner saves it next."""
    return replace(record, version=record.version + 1, **changes)


def ended(record: Any) -> Any:
    """The record's last version: a call that has ended, a room that is closed."""
    if isinstance(record, CallRecord):
        at_ms = record.rung_at_ms + 1_000
        return next_version(
            record, phase=Phase.ENDED, ended_at_ms=at_ms, end_reason=EndReason.HUNG_UP, ended_by="guest"
        )
    return next_version(record, closed_at_ms=record.created_at_ms + 1_000)


def an_order(name: str = "order-1", **changes: Any) -> OrderRecord:
    order = OrderRecord(
        id=OrderId(name),
        person_id=TOM,
        product_id=1,
        currency=DIAMONDS,
        amount=100,
        price=1_000,
        created_at_ms=T0,
        request_key=None,
    )
    return replace(order, **changes)


def a_grant(person_id: PersonId, amount: int, key: str = "1", *, currency: Currency = DIAMONDS, **changes: Any) -> Move:
    """Diamonds, unless said, from outside."""
    move = Move(
        id=EntryId(f"grant:{person_id}:{key}"),
        kind=EntryKind.GRANT,
        postings=(Posting(external(currency), -amount), Posting(wallet(currency, person_id), amount)),
        person_id=person_id,
        note="for a test",
    )
    return replace(move, **changes)


def a_gift(sender: PersonId, receiver: PersonId, amount: int, key: str = "1", **changes: Any) -> Move:
    """``amount`` diamonds from one, half as many points to the other (at least one)."""
    points = max(1, amount // 2)
    move = Move(
        id=EntryId(f"gift:{sender}:{key}"),
        kind=EntryKind.GIFT,
        postings=(
            Posting(diamonds_of(sender), -amount),
            Posting(house(DIAMONDS), amount),
            Posting(house(POINTS), -points),
            Posting(points_of(receiver), points),
        ),
        person_id=sender,
    )
    return replace(move, **changes)


def a_gold_gift(sender: PersonId, receiver: PersonId, amount: int, key: str = "1", **changes: Any) -> Move:
    """Something for ``amount``, paid with gold, then income; half as much income to the other."""
    income = amount // 2
    move = Move(
        id=EntryId(f"gift:{sender}:{key}"),
        kind=EntryKind.GIFT,
        postings=(Posting(house(INCOME), -income), Posting(income_of(receiver), income)) if income else (),
        person_id=sender,
        cost=Cost(wallets=(gold_of(sender), income_of(sender)), amount=amount),
    )
    return replace(move, **changes)


def a_minute(call: CallRecord, minute: int, *, begins_at_ms: int = T0, **changes: Any) -> Move:
    """Minute ``minute`` of the call at its price; minute 1 connects it."""
    price = call.price
    claim = MinuteClaim(
        call_id=call.id,
        epoch=call.epoch,
        minute=minute,
        begins_at_ms=begins_at_ms,
        early_ms_max=1_000,
        connects=minute == 1,
    )
    move = Move(
        id=EntryId(f"call:{call.id}:m:{minute}"),
        kind=EntryKind.MINUTE,
        postings=(
            Posting(diamonds_of(call.guest_id), -price.diamonds),
            Posting(house(DIAMONDS), price.diamonds),
            Posting(house(POINTS), -price.earned_points),
            Posting(points_of(call.anchor_id), price.earned_points),
        ),
        person_id=call.guest_id,
        call_id=call.id,
        minute=minute,
        claim=claim,
        outbox=OutboxRow(
            id=f"call:{call.id}:m:{minute}", person_ids=(call.guest_id, call.anchor_id), payload=b"minute"
        ),
    )
    return replace(move, **changes)


def a_recharge(order: OrderRecord, transaction_id: str = "wx-1", **changes: Any) -> Move:
    """What was ordered, paid by that transaction."""
    move = Move(
        id=EntryId(f"order:{order.id}"),
        kind=EntryKind.RECHARGE,
        postings=(
            Posting(external(order.currency), -order.amount),
            Posting(wallet(order.currency, order.person_id), order.amount),
        ),
        person_id=order.person_id,
        claim=OrderClaim(order_id=order.id, transaction_id=transaction_id),
    )
    return replace(move, **changes)


def _site_move(entry_id: str, kind: EntryKind, payer: PersonId, payee: PersonId, price: int) -> Move:
    return Move(
        id=EntryId(entry_id),
        kind=kind,
        postings=(Posting(house(SITE), -price), Posting(site_of(payee), price)),
        person_id=payer,
        cost=Cost(wallets=(site_of(payer),), amount=price),
        note="bought",
    )


def a_donation(user: PersonId, anchor: PersonId, amount: int, key: str = "1", *, number: int = 1) -> Move:
    """All of it for the anchor."""
    move = _site_move(f"don:{user}:{key}", EntryKind.DONATION, user, anchor, amount)
    donation = DonationRecord(
        id=move.id,
        number=number,
        user_id=user,
        anchor_id=anchor,
        user_name=f"user {user}",
        anchor_name=f"anchor {anchor}",
        amount=amount,
    )
    return replace(move, claim=DonationClaim(donation=donation))


def a_subscription(user: PersonId, anchor: PersonId, since_ms: int = T0, *, price: int = 10, **changes: Any) -> Move:
    """For a thousand milliseconds."""
    subscription = SubscriptionRecord(
        user_id=user, anchor_id=anchor, since_ms=since_ms, until_ms=since_ms + 1_000, price=price
    )
    move = _site_move(f"sub:{user}:{anchor}:{since_ms}", EntryKind.SUBSCRIPTION, user, anchor, price)
    return replace(move, claim=SubscriptionClaim(subscription=replace(subscription, **changes)))


def an_admission(person: PersonId, room: str = "room-1", *, price: int = 10, note: str = "s:1") -> Move:
    """To one of Mei's rooms."""
    move = _site_move(f"vip:{person}:{room}", EntryKind.ADMISSION, person, MEI, price)
    return replace(move, note=note)


def donation_of(move: Move) -> DonationRecord:
    """The record that a donation's move keeps."""
    assert isinstance(move.claim, DonationClaim)
    return move.claim.donation


def subscription_begun(subscription: SubscriptionRecord, user: PersonRecord, anchor: PersonRecord) -> SubscriptionBegun:
    """What the two are told of it."""
    return SubscriptionBegun(
        event_id=subscription_entry_id(user.id, anchor.id, subscription.since_ms),
        from_id=user.id,
        from_name=user.nickname,
        to_id=anchor.id,
        to_name=anchor.nickname,
        price=subscription.price,
        until_ms=subscription.until_ms,
    )


def subscription_of(move: Move) -> SubscriptionRecord:
    """The record that a subscription's move keeps."""
    assert isinstance(move.claim, SubscriptionClaim)
    return move.claim.subscription
