"""The kept facts that the services hand out, as those above the engine may name them.

A surface reads people, calls, rooms and orders; it never sees the stores that keep them. So it takes the words from
here and leaves ``store.interfaces`` to the engine.
"""

from store.interfaces.calls import CallRecord, EndReason, Phase, Side
from store.interfaces.chats import AnchorRecord, RecordKind, ViewerLine
from store.interfaces.donations import DonationRecord
from store.interfaces.orders import OrderRecord, OrderState
from store.interfaces.people import Ban, BanKind, PersonRecord, Profile, Role
from store.interfaces.rooms import Face, RoomKind, RoomRecord, SanctionKind, SeatRecord
from store.interfaces.shows import ShowInfo, ShowKind, ShowRecord
from store.interfaces.subscriptions import SubscriptionRecord

__all__ = [
    "AnchorRecord",
    "Ban",
    "BanKind",
    "CallRecord",
    "DonationRecord",
    "EndReason",
    "Face",
    "OrderRecord",
    "OrderState",
    "PersonRecord",
    "Phase",
    "Profile",
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
    "ViewerLine",
]
