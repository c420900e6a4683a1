"""The bundle of all stores that ``server.py`` builds and the engine receives."""

from dataclasses import dataclass

from store.interfaces.attempts import AttemptStore
from store.interfaces.blobs import BlobStore
from store.interfaces.calls import CallStore
from store.interfaces.chats import ChatStore
from store.interfaces.codes import CodeStore
from store.interfaces.comments import CommentStore
from store.interfaces.credentials import CredentialStore
from store.interfaces.donations import DonationStore
from store.interfaces.follows import FollowStore
from store.interfaces.friends import FriendStore
from store.interfaces.groups import GroupStore
from store.interfaces.hints import HintLine
from store.interfaces.ids import IdStore
from store.interfaces.leases import LeaseStore
from store.interfaces.ledger import LedgerStore
from store.interfaces.likes import LikeStore
from store.interfaces.members import MemberStore
from store.interfaces.messages import MessageStore
from store.interfaces.notices import NoticeStore
from store.interfaces.orders import OrderStore
from store.interfaces.people import PeopleStore, SessionStore
from store.interfaces.presence import LimitStore, PresenceStore
from store.interfaces.quotas import QuotaStore
from store.interfaces.rooms import RoomStore
from store.interfaces.shows import ShowStore
from store.interfaces.sign_ins import SignInStore
from store.interfaces.subscriptions import SubscriptionStore
from store.interfaces.videos import VideoStore

__all__ = ["Stores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything that is kept, whatever keeps it."""

    ids: IdStore
    people: PeopleStore
    sessions: SessionStore
    credentials: CredentialStore
    members: MemberStore
    sign_ins: SignInStore
    attempts: AttemptStore
    codes: CodeStore
    blobs: BlobStore
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
    videos: VideoStore
    comments: CommentStore
    friends: FriendStore
    groups: GroupStore
    messages: MessageStore
    hints: HintLine
    leases: LeaseStore
    presence: PresenceStore
    limits: LimitStore
