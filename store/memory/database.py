"""What the memory stores keep: tables and the indexes over them, and nothing that acts.

Several bundles of stores may share one database, as several nodes share one server. Everything in it is a frozen record
or a plain number; whoever holds the database outlives whoever crashes.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from store.interfaces.attempts import Attempts
from store.interfaces.blobs import Blob, Staged
from store.interfaces.calls import CallRecord
from store.interfaces.chats import AnchorRecord, ViewerLine
from store.interfaces.codes import MailedCode
from store.interfaces.comments import CommentRecord
from store.interfaces.credentials import Credential
from store.interfaces.donations import DonationRecord
from store.interfaces.groups import GroupRecord
from store.interfaces.ids import AccountId, CallId, EntryId, NodeId, OrderId, PersonId, RoomId, Sequence, Snowflake
from store.interfaces.leases import NodeLease
from store.interfaces.ledger import Earned, EntryKind, JournalEntry, OutboxRow
from store.interfaces.members import Member
from store.interfaces.messages import ConversationId, MessageRecord
from store.interfaces.notices import AuditLine, MessageForm, WarningNotice
from store.interfaces.orders import OrderRecord
from store.interfaces.people import PersonRecord, Session
from store.interfaces.rooms import RoomRecord
from store.interfaces.shows import ShowRecord
from store.interfaces.sign_ins import SignIn
from store.interfaces.subscriptions import SubscriptionRecord
from store.interfaces.videos import Shelves, VideoRecord

__all__ = ["Bucket", "Credits", "MemoryDatabase", "Sighting"]

Credits = Mapping[AccountId, Mapping[EntryKind, Earned]]
"""What one batch of moves credited, waiting to be folded into balances (D-7)."""


class Sighting(NamedTuple):
    """Somebody was seen: until when that counts, and which publication it was (they only grow)."""

    expires_at_ms: int
    publication: int


class Bucket(NamedTuple):
    """A token bucket as it was at ``at_ms``. ``level`` counts in units of which a token costs ``per_ms``."""

    level: int
    at_ms: int
    full_at_ms: int


def _first_numbers() -> dict[Sequence, int]:
    # Numbers of people and calls are told apart at a glance, and from numbers of anything else.
    return {Sequence.PERSON: 10_001, Sequence.CALL: 50_001} | dict.fromkeys(
        (Sequence.ORDER, Sequence.DONATION, Sequence.AUDIT, Sequence.SNOWFLAKE_GIVER), 1
    )


@dataclass(slots=True)
class MemoryDatabase:
    """All tables, empty at first."""

    next_numbers: dict[Sequence, int] = field(default_factory=_first_numbers)

    people: dict[PersonId, PersonRecord] = field(default_factory=dict)
    person_by_external_id: dict[tuple[str, str], PersonId] = field(default_factory=dict)
    person_by_public_id: dict[tuple[str, str], PersonId] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    credentials: dict[PersonId, Credential] = field(default_factory=dict)
    person_by_name: dict[tuple[str, str], PersonId] = field(default_factory=dict)
    members: dict[PersonId, Member] = field(default_factory=dict)
    sign_ins: dict[str, SignIn] = field(default_factory=dict)
    used_tokens: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, Attempts] = field(default_factory=dict)
    codes: dict[str, MailedCode] = field(default_factory=dict)

    blobs: dict[str, Blob] = field(default_factory=dict)
    blob_extensions: dict[str, set[str]] = field(default_factory=dict)
    blob_chunks: dict[str, dict[int, bytes]] = field(default_factory=dict)
    blobs_staged: dict[str, Staged] = field(default_factory=dict)
    blobs_held: dict[PersonId, dict[str, int]] = field(default_factory=dict)

    entries: dict[EntryId, JournalEntry] = field(default_factory=dict)
    entries_of_account: dict[AccountId, list[JournalEntry]] = field(default_factory=dict)
    entries_of_call: dict[CallId, list[JournalEntry]] = field(default_factory=dict)
    balances: dict[AccountId, int] = field(default_factory=dict)
    earned: dict[AccountId, dict[EntryKind, Earned]] = field(default_factory=dict)
    pending: deque[Credits] = field(default_factory=deque)
    outbox: dict[str, OutboxRow] = field(default_factory=dict)

    likes: dict[tuple[PersonId, PersonId], int] = field(default_factory=dict)

    calls: dict[CallId, CallRecord] = field(default_factory=dict)
    calls_of_person: dict[PersonId, list[CallId]] = field(default_factory=dict)
    live_call_of: dict[PersonId, CallId] = field(default_factory=dict)
    rooms: dict[RoomId, RoomRecord] = field(default_factory=dict)
    orders: dict[OrderId, OrderRecord] = field(default_factory=dict)
    order_by_request: dict[tuple[PersonId, str], OrderId] = field(default_factory=dict)

    donations: dict[EntryId, DonationRecord] = field(default_factory=dict)
    donations_given: dict[PersonId, int] = field(default_factory=dict)
    donations_received: dict[PersonId, int] = field(default_factory=dict)
    subscriptions: dict[tuple[PersonId, PersonId], SubscriptionRecord] = field(default_factory=dict)
    subscription_prices: dict[PersonId, int] = field(default_factory=dict)
    shows: dict[RoomId, ShowRecord] = field(default_factory=dict)
    follows: dict[tuple[PersonId, RoomId], int] = field(default_factory=dict)
    viewer_lines: dict[RoomId, list[ViewerLine]] = field(default_factory=dict)
    anchor_records: dict[RoomId, list[AnchorRecord]] = field(default_factory=dict)
    quotas: dict[tuple[PersonId, int], int] = field(default_factory=dict)

    videos: dict[Snowflake, VideoRecord] = field(default_factory=dict)
    shelves: dict[PersonId, list[Snowflake]] = field(default_factory=dict)
    shuffles: dict[tuple[PersonId, str], tuple[Shelves, int]] = field(default_factory=dict)
    comments: dict[Snowflake, CommentRecord] = field(default_factory=dict)
    comments_below: dict[Snowflake, list[Snowflake]] = field(default_factory=dict)
    likes_of_things: dict[tuple[Snowflake, PersonId], int] = field(default_factory=dict)

    friendships: dict[tuple[PersonId, PersonId], int] = field(default_factory=dict)
    groups: dict[Snowflake, GroupRecord] = field(default_factory=dict)
    memberships: dict[tuple[Snowflake, PersonId], int] = field(default_factory=dict)
    messages: dict[Snowflake, MessageRecord] = field(default_factory=dict)
    messages_of: dict[ConversationId, list[Snowflake]] = field(default_factory=dict)
    told_up_to: dict[PersonId, Snowflake] = field(default_factory=dict)

    warnings: dict[str, WarningNotice] = field(default_factory=dict)
    forms: dict[str, MessageForm] = field(default_factory=dict)
    audit_lines: dict[int, AuditLine] = field(default_factory=dict)

    leases: dict[NodeId, NodeLease] = field(default_factory=dict)
    sightings: dict[str, dict[PersonId, Sighting]] = field(default_factory=dict)
    publications_count: int = 0
    listeners: list[Callable[[str], None]] = field(default_factory=list)
    buckets: dict[str, Bucket] = field(default_factory=dict)
