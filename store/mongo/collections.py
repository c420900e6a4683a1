"""The names of the collections."""

from typing import Final

__all__ = [
    "ACCOUNTS",
    "AUDIT",
    "CALLS",
    "COUNTERS",
    "DONATIONS",
    "ENTRIES",
    "FOLLOWS",
    "FORMS",
    "LIKES",
    "NODES",
    "ORDERS",
    "OUTBOX",
    "PENDING",
    "PEOPLE",
    "ROOMS",
    "SESSIONS",
    "SHOWS",
    "SUBSCRIPTIONS",
    "SUBSCRIPTION_PRICES",
    "WARNINGS",
]

ACCOUNTS: Final = "accounts"
"""One document for each wallet: its folded balance and what it ever earned by kind of entry."""
AUDIT: Final = "audit"
CALLS: Final = "calls"
COUNTERS: Final = "counters"
DONATIONS: Final = "donations"
ENTRIES: Final = "entries"
FOLLOWS: Final = "follows"
"""One document for each follow that stands."""
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
SHOWS: Final = "shows"
SUBSCRIPTIONS: Final = "subscriptions"
"""One document for each user and anchor: the latest of them."""
SUBSCRIPTION_PRICES: Final = "subscription_prices"
"""One document for each anchor who has set one."""
WARNINGS: Final = "warnings"
