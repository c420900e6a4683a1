"""The kept facts that the services hand out, as those above the engine may name them.

A surface reads people, calls, rooms and orders; it never sees the stores that keep them. So it takes the words from
here and leaves ``store.interfaces`` to the engine.
"""

from store.interfaces.calls import CallRecord, EndReason, Phase, Side
from store.interfaces.orders import OrderRecord, OrderState
from store.interfaces.people import Ban, BanKind, PersonRecord, Profile, Role
from store.interfaces.rooms import Face, RoomKind, RoomRecord, SanctionKind, SeatRecord

__all__ = [
    "Ban",
    "BanKind",
    "CallRecord",
    "EndReason",
    "Face",
    "OrderRecord",
    "OrderState",
    "PersonRecord",
    "Phase",
    "Profile",
    "Role",
    "RoomKind",
    "RoomRecord",
    "SanctionKind",
    "SeatRecord",
    "Side",
]
