"""The names of the collections."""

from typing import Final

__all__ = [
    "ACCOUNTS",
    "ANCHOR_RECORDS",
    "ATTEMPTS",
    "AUDIT",
    "CALLS",
    "COUNTERS",
    "CREDENTIALS",
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
    "QUOTAS",
    "ROOMS",
    "SESSIONS",
    "SHOWS",
    "SIGN_INS",
    "SUBSCRIPTIONS",
    "SUBSCRIPTION_PRICES",
    "VIEWER_LINES",
    "WARNINGS",
]

ACCOUNTS: Final = "accounts"
"""One document for each wallet: its folded balance and what it ever earned by kind of entry."""
ANCHOR_RECORDS: Final = "anchor_records"
ATTEMPTS: Final = "attempts"
"""One document for each name and address at which somebody has failed of late."""
AUDIT: Final = "audit"
CALLS: Final = "calls"
COUNTERS: Final = "counters"
CREDENTIALS: Final = "credentials"
"""One document for each person who signs in by a name of his own."""
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
QUOTAS: Final = "quotas"
"""One document for each person and day on which he used something."""
ROOMS: Final = "rooms"
SESSIONS: Final = "sessions"
SHOWS: Final = "shows"
SIGN_INS: Final = "sign_ins"
SUBSCRIPTIONS: Final = "subscriptions"
"""One document for each user and anchor: the latest of them."""
SUBSCRIPTION_PRICES: Final = "subscription_prices"
"""One document for each anchor who has set one."""
VIEWER_LINES: Final = "viewer_lines"
WARNINGS: Final = "warnings"
