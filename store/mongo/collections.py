"""The names of the collections."""

from typing import Final

__all__ = [
    "ACCOUNTS",
    "AUDIT",
    "CALLS",
    "COUNTERS",
    "ENTRIES",
    "FORMS",
    "LIKES",
    "NODES",
    "ORDERS",
    "OUTBOX",
    "PENDING",
    "PEOPLE",
    "ROOMS",
    "SESSIONS",
    "WARNINGS",
]

ACCOUNTS: Final = "accounts"
"""One document for each wallet: its folded balance and what it ever earned by kind of entry."""
AUDIT: Final = "audit"
CALLS: Final = "calls"
COUNTERS: Final = "counters"
ENTRIES: Final = "entries"
FORMS: Final = "forms"
LIKES: Final = "likes"
"""One document for each like that stands."""
NODES: Final = "nodes"
ORDERS: Final = "orders"
OUTBOX: Final = "outbox"
PENDING: Final = "pending_credits"
"""One document for each batch of the ledger that credited somebody, until it is folded (D-7)."""
PEOPLE: Final = "people"
ROOMS: Final = "rooms"
SESSIONS: Final = "sessions"
WARNINGS: Final = "warnings"
