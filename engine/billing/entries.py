"""From causes to moves: which entry a minute, a gift, a recharge or a grant makes, and under which key.

The key is the cause, so that asking twice is posting once (D-6, INV-4). A charge touches two currencies and converts
neither: diamonds go from the guest to the house, points from the house to the anchor, in one entry.
"""

from engine.events import GiftSent, encode_event
from store.interfaces.calls import CallRecord
from store.interfaces.ids import CallId, EntryId, PersonId, RoomId
from store.interfaces.ledger import EntryKind, MinuteClaim, Move, OrderClaim, OutboxRow, Posting
from store.interfaces.money import Currency, external, house, wallet
from store.interfaces.orders import OrderRecord

__all__ = ["gift_entry_id", "gift_move", "gift_note", "grant_move", "minute_move", "recharge_move"]


def _charge(*, payer: PersonId, diamonds: int, payee: PersonId, points: int) -> tuple[Posting, ...]:
    legs = (
        Posting(wallet(Currency.CALLS_DIAMONDS, payer), -diamonds),
        Posting(house(Currency.CALLS_DIAMONDS), diamonds),
        Posting(house(Currency.CALLS_POINTS), -points),
        Posting(wallet(Currency.CALLS_POINTS, payee), points),
    )
    return tuple(leg for leg in legs if leg.amount != 0)


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


def gift_entry_id(guest_id: PersonId, key: str) -> EntryId:
    """The natural key of a gift."""
    return EntryId(f"gift:{guest_id}:{key}")


def gift_note(gift_id: int, count: int) -> str:
    """What the entry says was given."""
    return f"{gift_id}×{count}"


def gift_move(
    *,
    key: str,
    guest_id: PersonId,
    anchor_id: PersonId,
    gift_id: int,
    name: str,
    count: int,
    cost_diamonds: int,
    points: int,
    call_id: CallId | None,
    room_id: RoomId | None,
) -> Move:
    """``count`` gifts for ``cost_diamonds`` in all. ``key`` is the client's idempotency key or one of ours."""
    entry_id = gift_entry_id(guest_id, key)
    event = GiftSent(
        event_id=entry_id,
        call_id=call_id,
        room_id=room_id,
        from_id=guest_id,
        to_id=anchor_id,
        gift_id=gift_id,
        name=name,
        count=count,
        points=points,
    )
    return Move(
        id=entry_id,
        kind=EntryKind.GIFT,
        postings=_charge(payer=guest_id, diamonds=cost_diamonds, payee=anchor_id, points=points),
        person_id=guest_id,
        call_id=call_id,
        note=gift_note(gift_id, count),
        outbox=OutboxRow(id=entry_id, person_ids=(guest_id, anchor_id), payload=encode_event(event)),
    )


def recharge_move(order: OrderRecord, *, transaction_id: str) -> Move:
    """The diamonds of a paid order, once per order."""
    return Move(
        id=EntryId(f"order:{order.id}"),
        kind=EntryKind.RECHARGE,
        postings=(
            Posting(external(Currency.CALLS_DIAMONDS), -order.diamonds),
            Posting(wallet(Currency.CALLS_DIAMONDS, order.person_id), order.diamonds),
        ),
        person_id=order.person_id,
        note=transaction_id,
        claim=OrderClaim(order_id=order.id, transaction_id=transaction_id),
    )


def grant_move(*, key: str, person_id: PersonId, currency: Currency, amount: int, note: str) -> Move:
    """An operator's gift of ``amount`` units out of nothing; negative takes back what is there."""
    return Move(
        id=EntryId(f"grant:{key}"),
        kind=EntryKind.GRANT,
        postings=(Posting(external(currency), -amount), Posting(wallet(currency, person_id), amount)),
        person_id=person_id,
        note=note,
    )
