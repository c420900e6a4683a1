"""The kept facts that the services hand out, as those above the engine may name them.

A surface reads people, calls, rooms and orders; it never sees the stores that keep them. So it takes the words from
here and leaves ``store.interfaces`` to the engine.
"""

from store.interfaces.calls import CallRecord, EndReason, Phase, Side
from store.interfaces.chats import AnchorRecord, RecordKind, ViewerLine
from store.interfaces.comments import CommentRecord
from store.interfaces.donations import DonationRecord
from store.interfaces.groups import GroupRecord
from store.interfaces.likable import Ranking
from store.interfaces.members import Member
from store.interfaces.messages import Media, MessageRecord
from store.interfaces.orders import OrderRecord, OrderState
from store.interfaces.people import Ban, BanKind, PersonRecord, Profile, Role
from store.interfaces.rooms import Face, RoomKind, RoomRecord, SanctionKind, SeatRecord
from store.interfaces.shows import ShowInfo, ShowKind, ShowRecord
from store.interfaces.subscriptions import SubscriptionRecord
from store.interfaces.videos import VideoRecord

__all__ = [
    "AnchorRecord",
    "Ban",
    "BanKind",
    "CallRecord",
    "CommentRecord",
    "DonationRecord",
    "EndReason",
    "Face",
    "GroupRecord",
    "Media",
    "Member",
    "MessageRecord",
    "OrderRecord",
    "OrderState",
    "PersonRecord",
    "Phase",
    "Profile",
    "Ranking",
    "RecordKind",
    "Role",
    "RoomKind",
    "RoomRecord",
    "SanctionKind",
    "SeatRecord",
    "ShowInfo",
    "ShowKind",
    "ShowRecord",
    "Side",
    "SubscriptionRecord",
    "VideoRecord",
    "ViewerLine",
]
