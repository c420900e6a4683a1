"""The names of the collections."""

from typing import Final

__all__ = [
    "ACCOUNTS",
    "ANCHOR_RECORDS",
    "ATTEMPTS",
    "AUDIT",
    "BLOBS",
    "BLOBS_STAGED",
    "BLOB_CHUNKS",
    "BLOB_HOLDERS",
    "BLOB_HOLDINGS",
    "CALLS",
    "CODES",
    "COMMENTS",
    "COUNTERS",
    "CREDENTIALS",
    "DONATIONS",
    "DONATION_TOTALS",
    "ENTRIES",
    "FOLLOWS",
    "FORMS",
    "FRIENDSHIPS",
    "GROUPS",
    "LIKES",
    "LIKES_OF_THINGS",
    "MEMBERS",
    "MEMBERSHIPS",
    "MESSAGES",
    "NODES",
    "ORDERS",
    "OUTBOX",
    "PENDING",
    "PEOPLE",
    "QUOTAS",
    "ROOMS",
    "SESSIONS",
    "SHELVES",
    "SHOWS",
    "SHUFFLES",
    "SIGN_INS",
    "SUBSCRIPTIONS",
    "SUBSCRIPTION_PRICES",
    "TOLD",
    "USED_TOKENS",
    "VIDEOS",
    "VIEWER_LINES",
    "WARNINGS",
]

ACCOUNTS: Final = "accounts"
"""One document for each wallet: its folded balance and what it ever earned by kind of entry."""
ANCHOR_RECORDS: Final = "anchor_records"
ATTEMPTS: Final = "attempts"
"""One document for each name and address at which somebody has failed of late."""
AUDIT: Final = "audit"
BLOBS: Final = "uploads.files"
"""Files that people have sent in, and their chunks, as GridFS has them."""
BLOBS_STAGED: Final = "uploads.staged"
"""One document for each file that is on its way, or was."""
BLOB_CHUNKS: Final = "uploads.chunks"
BLOB_HOLDERS: Final = "uploads.holders"
"""One document for each person who has sent files in: how much."""
BLOB_HOLDINGS: Final = "uploads.holdings"
"""One document for each person and content."""
CALLS: Final = "calls"
CODES: Final = "codes"
"""One document for each address to which a code was mailed of late."""
COMMENTS: Final = "comments"
COUNTERS: Final = "counters"
CREDENTIALS: Final = "credentials"
"""One document for each person who signs in by a name of his own."""
DONATIONS: Final = "donations"
DONATION_TOTALS: Final = "donation_totals"
"""One document for each person and side: what he has given, or been given, as far as it is folded."""
ENTRIES: Final = "entries"
FOLLOWS: Final = "follows"
"""One document for each follow that stands."""
FORMS: Final = "forms"
FRIENDSHIPS: Final = "friendships"
"""One document for each two friends."""
GROUPS: Final = "groups"
LIKES: Final = "likes"
"""One document for each like that stands."""
LIKES_OF_THINGS: Final = "likes_of_things"
"""The same, of what people put up for others to like."""
MEMBERS: Final = "members"
"""One document for each person of the social app."""
MEMBERSHIPS: Final = "memberships"
"""One document for each group and person in it."""
MESSAGES: Final = "messages"
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
SHELVES: Final = "shelves"
"""One document for each shelf of videos: how many stand on it."""
SHOWS: Final = "shows"
SHUFFLES: Final = "shuffles"
"""One document for each viewer and seed of a shuffled list that he looks through."""
SIGN_INS: Final = "sign_ins"
SUBSCRIPTIONS: Final = "subscriptions"
"""One document for each user and anchor: the latest of them."""
SUBSCRIPTION_PRICES: Final = "subscription_prices"
"""One document for each anchor who has set one."""
TOLD: Final = "told"
"""One document for each person who chats: up to which message he has certainly been told."""
VIDEOS: Final = "videos"
USED_TOKENS: Final = "used_tokens"
"""One document for each ticket that was used of late."""
VIEWER_LINES: Final = "viewer_lines"
WARNINGS: Final = "warnings"
