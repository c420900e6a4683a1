"""From causes to moves: which entry a minute, a gift, a recharge or a grant makes, and under which key.

The key is the cause, so that asking twice is posting once (D-6, INV-4). A charge touches two currencies and converts
neither: diamonds go from the guest to the house, points from the house to the anchor, in one entry. So do gold and
income, only that income may pay too. Diamonds of the site go by way of the house from one wallet to another of the same
kind.
"""

from engine.events import AdmissionPaid, DonationMade, GiftSent, SubscriptionBegun, encode_event
from store.interfaces.calls import CallRecord
from store.interfaces.donations import DonationRecord
from store.interfaces.ids import AccountId, EntryId, PersonId, RoomId
from store.interfaces.ledger import (
    Claim,
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
from store.interfaces.subscriptions import SubscriptionRecord

__all__ = [
    "admission_entry_id",
    "admission_move",
    "diamond_gift_move",
    "donation_entry_id",
    "donation_move",
    "donation_note",
    "gift_entry_id",
    "gift_note",
    "gold_gift_move",
    "grant_move",
    "minute_move",
    "recharge_move",
    "subscription_entry_id",
    "subscription_move",
]


def _transfer(giver: AccountId, taker: AccountId, amount: int) -> tuple[Posting, ...]:
    """Both legs of one currency; nothing moved is no leg."""
    return (Posting(giver, -amount), Posting(taker, amount)) if amount else ()


def _charge(*, payer: PersonId, diamonds: int, payee: PersonId, points: int) -> tuple[Posting, ...]:
    return (
        *_transfer(wallet(Currency.CALLS_DIAMONDS, payer), house(Currency.CALLS_DIAMONDS), diamonds),
        *_transfer(house(Currency.CALLS_POINTS), wallet(Currency.CALLS_POINTS, payee), points),
    )


def minute_move(call: CallRecord, *, minute: int, begins_at_ms: int, early_ms_max: int) -> Move:
    """Minute ``minute`` of ``call``, guarded by the epoch under which ``call`` was read."""
    return Move(
        id=EntryId(f"call:{call.id}:m:{minute}"),
        kind=EntryKind.MINUTE,
        postings=_charge(
            payer=call.guest_id,
            diamonds=call.price.diamonds,
            payee=call.anchor_id,
            points=call.price.earned_points,
        ),
        person_id=call.guest_id,
        call_id=call.id,
        minute=minute,
        claim=MinuteClaim(
            call_id=call.id,
            epoch=call.epoch,
            minute=minute,
            begins_at_ms=begins_at_ms,
            early_ms_max=early_ms_max,
            connects=minute == 1,
        ),
    )


def gift_entry_id(giver_id: PersonId, key: str) -> EntryId:
    """The natural key of a gift. ``key`` is the client's idempotency key or one of ours."""
    return EntryId(f"gift:{giver_id}:{key}")


def gift_note(gift_id: int, count: int, *, to_id: PersonId | None = None) -> str:
    """What the entry says was given, and to whom where the giver has the choice: who earns nothing has no leg."""
    return f"{gift_id}×{count}" if to_id is None else f"{gift_id}×{count} → {to_id}"


def diamond_gift_move(gift: GiftSent, *, cost: int, note: str) -> Move:
    """A gift for ``cost`` diamonds in all; the anchor earns points."""
    return _gift_move(
        gift,
        note=note,
        postings=_charge(payer=gift.from_id, diamonds=cost, payee=gift.to_id, points=gift.earned),
    )


def gold_gift_move(gift: GiftSent, *, cost: int, note: str) -> Move:
    """A gift for ``cost`` in all, paid with gold and, where that does not suffice, with income (QL-31).

    Who is given it earns income; the rest stays with the house. Source: QL-32.
    """
    purses = (wallet(Currency.QLIVE_GOLD, gift.from_id), wallet(Currency.QLIVE_INCOME, gift.from_id))
    return _gift_move(
        gift,
        note=note,
        postings=_transfer(house(Currency.QLIVE_INCOME), wallet(Currency.QLIVE_INCOME, gift.to_id), gift.earned),
        cost=Cost(wallets=purses, amount=cost),
    )


def _gift_move(gift: GiftSent, *, note: str, postings: tuple[Posting, ...], cost: Cost | None = None) -> Move:
    return Move(
        id=EntryId(gift.event_id),
        kind=EntryKind.GIFT,
        postings=postings,
        person_id=gift.from_id,
        cost=cost,
        call_id=gift.call_id,
        note=note,
        outbox=OutboxRow(id=gift.event_id, person_ids=(gift.from_id, gift.to_id), payload=encode_event(gift)),
    )


def donation_entry_id(user_id: PersonId, key: str) -> EntryId:
    """The natural key of a donation; ``key`` as in ``gift_entry_id``."""
    return EntryId(f"don:{user_id}:{key}")


def donation_note(anchor_id: PersonId, amount: int) -> str:
    """What tells a donation from another one under the same key: of a small one the anchor may have no leg."""
    return f"{amount} → {anchor_id}"


def donation_move(donation: DonationRecord, event: DonationMade, *, earned: int) -> Move:
    """``donation``, of which the anchor gets ``earned``; both hear of it. Source: SITE-21."""
    return _site_move(
        donation.id,
        EntryKind.DONATION,
        payer=donation.user_id,
        price=donation.amount,
        payee=donation.anchor_id,
        earned=earned,
        note=donation_note(donation.anchor_id, donation.amount),
        claim=DonationClaim(donation=donation),
        event=event,
    )


def subscription_entry_id(user_id: PersonId, anchor_id: PersonId, since_ms: int) -> EntryId:
    """The natural key of a subscription."""
    return EntryId(f"sub:{user_id}:{anchor_id}:{since_ms}")


def subscription_move(subscription: SubscriptionRecord, event: SubscriptionBegun, *, earned: int) -> Move:
    """What ``subscription`` costs, of which the anchor gets ``earned``; both hear of it. Source: SITE-26."""
    return _site_move(
        EntryId(event.event_id),
        EntryKind.SUBSCRIPTION,
        payer=subscription.user_id,
        price=subscription.price,
        payee=subscription.anchor_id,
        earned=earned,
        note=f"→ {subscription.anchor_id}",
        claim=SubscriptionClaim(subscription=subscription),
        event=event,
    )


def admission_entry_id(person_id: PersonId, room_id: RoomId) -> EntryId:
    """The natural key of a right to enter. Source: SITE-30."""
    return EntryId(f"vip:{person_id}:{room_id}")


def admission_move(event: AdmissionPaid, *, earned: int, note: str) -> Move:
    """The right to enter, of which the anchor gets ``earned``; both hear of it. ``note`` tells whose request paid."""
    return _site_move(
        EntryId(event.event_id),
        EntryKind.ADMISSION,
        payer=event.from_id,
        price=event.price,
        payee=event.to_id,
        earned=earned,
        note=note,
        event=event,
    )


def _site_move(
    entry_id: EntryId,
    kind: EntryKind,
    *,
    payer: PersonId,
    price: int,
    payee: PersonId,
    earned: int,
    note: str,
    event: DonationMade | SubscriptionBegun | AdmissionPaid,
    claim: Claim | None = None,
) -> Move:
    """Payer to house to payee. A cost, though of one wallet only: its receipt counts what is not folded yet."""
    return Move(
        id=entry_id,
        kind=kind,
        postings=_transfer(house(Currency.SITE_DIAMONDS), wallet(Currency.SITE_DIAMONDS, payee), earned),
        person_id=payer,
        cost=Cost(wallets=(wallet(Currency.SITE_DIAMONDS, payer),), amount=price),
        note=note,
        claim=claim,
        outbox=OutboxRow(id=entry_id, person_ids=(payer, payee), payload=encode_event(event)),
    )


def recharge_move(order: OrderRecord, *, transaction_id: str) -> Move:
    """What a paid order bought, once per order."""
    return Move(
        id=EntryId(f"order:{order.id}"),
        kind=EntryKind.RECHARGE,
        postings=_transfer(external(order.currency), wallet(order.currency, order.person_id), order.amount),
        person_id=order.person_id,
        note=transaction_id,
        claim=OrderClaim(order_id=order.id, transaction_id=transaction_id),
    )


def grant_move(*, key: str, person_id: PersonId, currency: Currency, amount: int, note: str) -> Move:
    """An operator's gift of ``amount`` units out of nothing; negative takes back what is there."""
    return Move(
        id=EntryId(f"grant:{key}"),
        kind=EntryKind.GRANT,
        postings=_transfer(external(currency), wallet(currency, person_id), amount),
        person_id=person_id,
        note=note,
    )
