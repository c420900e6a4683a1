"""What a development code promises to somebody new, given once."""

from engine.billing.entries import grant_move
from engine.billing.ledger import Ledger
from store.interfaces.money import Currency
from store.interfaces.people import PersonRecord

__all__ = ["grant_at_first"]


async def grant_at_first(ledger: Ledger, person: PersonRecord, currency: Currency, amount: int) -> None:
    """Give ``amount`` if nothing was given yet, also if the sign-in that made the account was cut short."""
    if not amount:
        return
    move = grant_move(
        key=f"first:{person.id}",
        person_id=person.id,
        currency=currency,
        amount=amount,
        note="development sign-in",
    )
    if await ledger.entry(move.id) is None:
        await ledger.post(move)
