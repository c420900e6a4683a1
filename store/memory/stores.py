"""All memory stores over one database."""

from collections.abc import Callable

from store.interfaces.stores import Stores
from store.memory.attempts import MemoryAttempts
from store.memory.calls import MemoryCalls
from store.memory.chats import MemoryChats
from store.memory.credentials import MemoryCredentials
from store.memory.database import MemoryDatabase
from store.memory.donations import MemoryDonations
from store.memory.follows import MemoryFollows
from store.memory.ids import MemoryIds
from store.memory.leases import MemoryLeases
from store.memory.ledger import MemoryLedger
from store.memory.likes import MemoryLikes
from store.memory.notices import MemoryNotices
from store.memory.orders import MemoryOrders
from store.memory.people import MemoryPeople, MemorySessions
from store.memory.presence import MemoryLimits, MemoryPresence
from store.memory.quotas import MemoryQuotas
from store.memory.rooms import MemoryRooms
from store.memory.shows import MemoryShows
from store.memory.sign_ins import MemorySignIns
from store.memory.subscriptions import MemorySubscriptions

__all__ = ["memory_stores"]


def memory_stores(database: MemoryDatabase, now_ms: Callable[[], int]) -> Stores:
    """Stores over ``database``. ``now_ms`` is the store's clock: milliseconds since 1970.

    Each call happens at once: nothing else runs between what it reads and what it writes.
    """
    return Stores(
        ids=MemoryIds(database),
        people=MemoryPeople(database),
        sessions=MemorySessions(database),
        credentials=MemoryCredentials(database),
        sign_ins=MemorySignIns(database),
        attempts=MemoryAttempts(database),
        ledger=MemoryLedger(database, now_ms),
        calls=MemoryCalls(database),
        rooms=MemoryRooms(database),
        orders=MemoryOrders(database),
        donations=MemoryDonations(database),
        subscriptions=MemorySubscriptions(database),
        shows=MemoryShows(database),
        follows=MemoryFollows(database),
        chats=MemoryChats(database),
        quotas=MemoryQuotas(database),
        notices=MemoryNotices(database),
        likes=MemoryLikes(database),
        leases=MemoryLeases(database, now_ms),
        presence=MemoryPresence(database, now_ms),
        limits=MemoryLimits(database, now_ms),
    )
