"""All stores over real servers: MongoDB for what must last, Redis for what may vanish."""

from dataclasses import dataclass
from typing import Self

from store.interfaces.stores import Stores
from store.mongo.attempts import MongoAttempts
from store.mongo.blobs import MongoBlobs
from store.mongo.calls import MongoCalls
from store.mongo.chats import MongoChats
from store.mongo.codes import MongoCodes
from store.mongo.comments import MongoComments
from store.mongo.connection import Mongo
from store.mongo.contended import Contended
from store.mongo.credentials import MongoCredentials
from store.mongo.donations import MongoDonations
from store.mongo.follows import MongoFollows
from store.mongo.friends import MongoFriends
from store.mongo.groups import MongoGroups
from store.mongo.ids import MongoIds
from store.mongo.indexes import prepare
from store.mongo.leases import MongoLeases
from store.mongo.ledger import MongoLedger
from store.mongo.likes import MongoLikes
from store.mongo.members import MongoMembers
from store.mongo.messages import MongoMessages
from store.mongo.notices import MongoNotices
from store.mongo.orders import MongoOrders
from store.mongo.people import MongoPeople, MongoSessions
from store.mongo.quotas import MongoQuotas
from store.mongo.rooms import MongoRooms
from store.mongo.shows import MongoShows
from store.mongo.sign_ins import MongoSignIns
from store.mongo.subscriptions import MongoSubscriptions
from store.mongo.videos import MongoVideos
from store.redis.connection import Redis
from store.redis.hints import RedisHints
from store.redis.limits import RedisLimits
from store.redis.presence import RedisPresence

__all__ = ["OpenedStores", "open_stores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStores(Stores):
    """Stores that hold connections; whoever opened them closes them."""

    mongo: Mongo
    redis: Redis

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; the stores answer no longer."""
        await self.redis.close()
        await self.mongo.close()


async def open_stores(
    *,
    mongo_uri: str,
    database: str,
    redis_url: str,
    read_deadline_ms: int = 2000,
    money_deadline_ms: int = 5000,
    redis_deadline_ms: int = 500,
) -> OpenedStores:
    """Open everything, and create the collections and indexes that are missing. Redis may be away, MongoDB not.

    Raises: Unavailable: MongoDB does not answer.
    """
    mongo = Mongo(mongo_uri, database, read_deadline_ms=read_deadline_ms, money_deadline_ms=money_deadline_ms)
    try:
        await prepare(mongo)
    except BaseException:
        await mongo.close()
        raise
    redis = Redis(redis_url, deadline_ms=redis_deadline_ms)
    contended = Contended(mongo)
    return OpenedStores(
        ids=MongoIds(mongo),
        people=MongoPeople(mongo),
        sessions=MongoSessions(mongo),
        credentials=MongoCredentials(mongo),
        members=MongoMembers(mongo),
        sign_ins=MongoSignIns(mongo),
        attempts=MongoAttempts(mongo),
        codes=MongoCodes(mongo),
        blobs=MongoBlobs(mongo),
        ledger=MongoLedger(mongo),
        calls=MongoCalls(mongo),
        rooms=MongoRooms(mongo),
        orders=MongoOrders(mongo),
        donations=MongoDonations(mongo),
        subscriptions=MongoSubscriptions(mongo),
        shows=MongoShows(mongo),
        follows=MongoFollows(mongo),
        chats=MongoChats(mongo),
        quotas=MongoQuotas(mongo),
        notices=MongoNotices(mongo),
        likes=MongoLikes(mongo),
        videos=MongoVideos(mongo, contended),
        comments=MongoComments(mongo, contended),
        friends=MongoFriends(mongo),
        groups=MongoGroups(mongo),
        messages=MongoMessages(mongo),
        hints=RedisHints(redis, channel=f"hints:{database}"),
        leases=MongoLeases(mongo),
        presence=RedisPresence(redis),
        limits=RedisLimits(redis),
        mongo=mongo,
        redis=redis,
    )
