"""What every ``AttemptStore`` promises."""

import asyncio

from msgspec.structs import replace

from store.interfaces.attempts import Attempts
from store.interfaces.stores import Stores
from tests.support.stores import on_every_store

# In the future of every store, as the real one forgets what is to be forgotten.
T1 = 4_000_000_000_000
ONE = Attempts(count=1, until_ms=T1, forget_at_ms=T1 + 1_000)


@on_every_store
async def test_what_was_put_is_there(stores: Stores) -> None:
    assert await stores.attempts.get("k") is None
    assert await stores.attempts.swap("k", None, ONE)

    assert await stores.attempts.get("k") == ONE
    assert await stores.attempts.get("K") is None


@on_every_store
async def test_only_what_is_there_can_be_replaced(stores: Stores) -> None:
    two = replace(ONE, count=2)
    await stores.attempts.swap("k", None, ONE)

    assert not await stores.attempts.swap("k", None, two)
    assert not await stores.attempts.swap("k", two, ONE)
    assert not await stores.attempts.swap("other", ONE, two)
    assert await stores.attempts.get("k") == ONE

    assert await stores.attempts.swap("k", ONE, two)
    assert await stores.attempts.get("k") == two


@on_every_store
async def test_what_is_replaced_by_nothing_is_gone(stores: Stores) -> None:
    await stores.attempts.swap("k", None, ONE)

    assert not await stores.attempts.swap("k", replace(ONE, count=2), None)
    assert await stores.attempts.swap("k", ONE, None)
    assert not await stores.attempts.swap("k", ONE, None)
    assert await stores.attempts.get("k") is None


@on_every_store
async def test_of_many_who_swap_the_same_one_succeeds(stores: Stores) -> None:
    for before in (None, ONE):
        after = [Attempts(count=number, until_ms=T1, forget_at_ms=T1) for number in range(2, 10)]
        if before is not None:
            await stores.attempts.swap("k", await stores.attempts.get("k"), before)

        done = await asyncio.gather(*(stores.attempts.swap("k", before, one) for one in after))

        assert sum(done) == 1
        assert await stores.attempts.get("k") == after[done.index(True)]
