"""The bundle of all stores that ``server.py`` builds and the engine receives."""

from dataclasses import dataclass

from store.interfaces.attempts import AttemptStore
from store.interfaces.calls import CallStore
from store.interfaces.chats import ChatStore
from store.interfaces.credentials import CredentialStore
from store.interfaces.donations import DonationStore
from store.interfaces.follows import FollowStore
from store.interfaces.ids import IdStore
from store.interfaces.leases import LeaseStore
from store.interfaces.ledger import LedgerStore
from store.interfaces.likes import LikeStore
from store.interfaces.notices import NoticeStore
from store.interfaces.orders import OrderStore
from store.interfaces.people import PeopleStore, SessionStore
from store.interfaces.presence import LimitStore, PresenceStore
from store.interfaces.quotas import QuotaStore
from store.interfaces.rooms import RoomStore
from store.interfaces.shows import ShowStore
from store.interfaces.sign_ins import SignInStore
from store.interfaces.subscriptions import SubscriptionStore

__all__ = ["Stores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything that is kept, whatever keeps it."""

    ids: IdStore
    people: PeopleStore
    sessions: SessionStore
    credentials: CredentialStore
    sign_ins: SignInStore
    attempts: AttemptStore
    ledger: LedgerStore
    calls: CallStore
    rooms: RoomStore
    orders: OrderStore
    donations: DonationStore
    subscriptions: SubscriptionStore
    shows: ShowStore
    follows: FollowStore
    chats: ChatStore
    quotas: QuotaStore
    notices: NoticeStore
    likes: LikeStore
    leases: LeaseStore
    presence: PresenceStore
    limits: LimitStore
