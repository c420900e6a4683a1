"""The kept facts that the services hand out, as those above the engine may name them.

A surface reads people, calls, rooms and orders; it never sees the stores that keep them. So it takes the words from
here and leaves ``store.interfaces`` to the engine.
"""

from store.interfaces.calls import CallRecord, EndReason, Phase, Side
from store.interfaces.orders import OrderRecord, OrderState
from store.interfaces.people import Ban, BanKind, PersonRecord, Role
from store.interfaces.rooms import PusherRecord, RoomRecord

__all__ = [
    "Ban",
    "BanKind",
    "CallRecord",
    "EndReason",
    "OrderRecord",
    "OrderState",
    "PersonRecord",
    "Phase",
    "PusherRecord",
    "Role",
    "RoomRecord",
    "Side",
]
