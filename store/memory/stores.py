"""All memory stores over one database."""

from collections.abc import Callable

from store.interfaces.stores import Stores
from store.memory.attempts import MemoryAttempts
from store.memory.blobs import MemoryBlobs
from store.memory.calls import MemoryCalls
from store.memory.chats import MemoryChats
from store.memory.codes import MemoryCodes
from store.memory.comments import MemoryComments
from store.memory.credentials import MemoryCredentials
from store.memory.database import MemoryDatabase
from store.memory.donations import MemoryDonations
from store.memory.follows import MemoryFollows
from store.memory.friends import MemoryFriends
from store.memory.groups import MemoryGroups
from store.memory.hints import MemoryHints
from store.memory.ids import MemoryIds
from store.memory.leases import MemoryLeases
from store.memory.ledger import MemoryLedger
from store.memory.likes import MemoryLikes
from store.memory.members import MemoryMembers
from store.memory.messages import MemoryMessages
from store.memory.notices import MemoryNotices
from store.memory.orders import MemoryOrders
from store.memory.people import MemoryPeople, MemorySessions
from store.memory.presence import MemoryLimits, MemoryPresence
from store.memory.quotas import MemoryQuotas
from store.memory.rooms import MemoryRooms
from store.memory.shows import MemoryShows
from store.memory.sign_ins import MemorySignIns
from store.memory.subscriptions import MemorySubscriptions
from store.memory.videos import MemoryVideos

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
        members=MemoryMembers(database),
        sign_ins=MemorySignIns(database),
        attempts=MemoryAttempts(database),
        codes=MemoryCodes(database),
        blobs=MemoryBlobs(database),
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
        videos=MemoryVideos(database),
        comments=MemoryComments(database),
        friends=MemoryFriends(database),
        groups=MemoryGroups(database),
        messages=MemoryMessages(database),
        hints=MemoryHints(database),
        leases=MemoryLeases(database, now_ms),
        presence=MemoryPresence(database, now_ms),
        limits=MemoryLimits(database, now_ms),
    )
