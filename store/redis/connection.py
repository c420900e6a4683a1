"""The driver of what may vanish: the only place in this package that names it, and that knows its errors.

No retries: a command that got no answer in time is told as ``Unavailable``, once, within its deadline. With the
driver's own ten retries a deadline of one second took fifteen.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from store.circuit import Circuit
from store.interfaces.errors import Unavailable

__all__ = ["Redis", "Script"]

CONNECTIONS_MAX: Final = 64
QUIET_S: Final = 2.0
"""A server from which a listener has heard nothing for so long is asked for a sign of life."""


class Script:
    """A script that runs on the server, where nothing comes between its commands."""

    __slots__ = ("_redis", "_run")

    def __init__(self, redis: "Redis", run: Any) -> None:
        self._redis = redis
        self._run = run

    async def __call__(self, keys: list[str], arguments: list[int | str]) -> Any:
        """Run it.

        Raises: Unavailable.
        """
        async with self._redis.within():
            return await self._run(keys=keys, args=arguments)


class Redis:
    """One server or cluster entry behind one pool."""

    def __init__(self, url: str, *, deadline_ms: int) -> None:
        """Connects at first use."""
        self._deadline_s = deadline_ms / 1000
        self._client: aioredis.Redis = aioredis.Redis.from_pool(
            aioredis.BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS_MAX,
                timeout=self._deadline_s,
                socket_timeout=self._deadline_s,
                socket_connect_timeout=self._deadline_s,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
        )
        self._circuit = Circuit(self.ping)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop probing and close every connection."""
        await self._circuit.close()
        await self._client.aclose()

    def script(self, source: str) -> Script:
        """A script to be run again and again; the server is given its text once, and again after it forgot."""
        return Script(self, self._client.register_script(source))

    async def publish(self, channel: str, text: str) -> None:
        """Say ``text`` to whoever listens on ``channel`` at the moment.

        Raises: Unavailable.
        """
        async with self.within():
            await self._client.publish(channel, text)

    async def subscribe(self, channel: str) -> AsyncIterator[str | None]:
        """None once it listens, and then what is said on ``channel``, over a connection of its own.

        A server that says nothing is asked whether it is there.

        Raises: Unavailable: the connection is lost, or was not to be had; nothing is said of what was missed.
        """
        pubsub = self._client.pubsub()
        try:
            async with self._translated():
                await pubsub.subscribe(channel)
            is_asked = False
            while True:
                try:
                    said = await pubsub.get_message(timeout=self._deadline_s if is_asked else QUIET_S)
                    if said is None:
                        if is_asked:
                            raise Unavailable("no answer in time")
                        await pubsub.ping()
                except (TimeoutError, RedisTimeoutError, RedisConnectionError, RedisError, OSError) as error:
                    raise Unavailable(type(error).__name__) from error
                is_asked = said is None
                if said is not None and said["type"] == "subscribe":
                    yield None
                elif said is not None and said["type"] == "message":
                    yield said["data"]
        finally:
            with suppress(TimeoutError, RedisError, OSError):
                async with asyncio.timeout(self._deadline_s):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]  # the driver's

    async def ping(self) -> None:
        """See whether the server answers, whatever the circuit says.

        Raises: Unavailable.
        """
        async with self._translated():
            await self._client.ping()

    @asynccontextmanager
    async def within(self) -> AsyncIterator[None]:
        """The deadline and the circuit of one command."""
        self._circuit.check()
        async with self._translated():
            yield
        self._circuit.answered()

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline_s):
                yield
        except (TimeoutError, RedisTimeoutError) as error:
            self._circuit.missed()
            raise Unavailable("no answer in time") from error
        except ResponseError:
            # A mistake in a command of ours, or a server that will not write: the latter answers, and means it.
            raise
        except (RedisConnectionError, RedisError, OSError) as error:
            raise Unavailable(type(error).__name__) from error
