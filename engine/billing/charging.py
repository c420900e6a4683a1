"""Posting what somebody pays for: what names his request, and what each verdict means to him."""

from engine.billing.ledger import Ledger
from engine.errors import BelowFloor, KeyReused, WrongPhase
from engine.ports import Rng
from store.interfaces.ledger import JournalEntry, Move, Verdict

__all__ = ["charge", "name_of_request"]


def name_of_request(key: str | None, rng: Rng) -> str:
    """What tells a request from all others of the same person: its idempotency key, or one of ours where it has none.

    They are marked, so that nobody can guess one of ours into being.
    """
    return f"s:{rng.hex(12)}" if key is None else f"k:{key}"


async def charge(ledger: Ledger, move: Move, *, price: int) -> JournalEntry:
    """Post ``move``, which costs ``price``; its entry, also when it was there already.

    Raises:
        BelowFloor: he cannot pay. KeyReused: its key was used for something else.
        WrongPhase: its claim has no place. StoreDown: not confirmed; the same move again is safe.
    """
    outcome = await ledger.post(move)
    match outcome.verdict:
        case Verdict.POSTED | Verdict.ALREADY:
            assert outcome.entry is not None
            return outcome.entry
        case Verdict.BELOW_FLOOR:
            purses = tuple(held.amount for held in outcome.held)
            raise BelowFloor(need=price, have=sum(purses) if purses else outcome.balance or 0, purses=purses)
        case Verdict.MISMATCH:
            raise KeyReused
        case Verdict.OUT_OF_TURN:
            raise WrongPhase
        case verdict:
            msg = f"what somebody pays for cannot be {verdict}"
            raise AssertionError(msg)
