"""What every ``QuotaStore`` promises."""

import asyncio

from store.interfaces.stores import Stores
from tests.support.records import BOB, TOM
from tests.support.stores import on_every_store

TODAY = 40_000


@on_every_store
async def test_uses_are_counted_up_to_the_limit_and_not_beyond(stores: Stores) -> None:
    counts = [await stores.quotas.take(TOM, TODAY, count_max=3) for _ in range(5)]

    assert counts == [1, 2, 3, None, None]
    assert await stores.quotas.take(TOM, TODAY, count_max=4) == 4


@on_every_store
async def test_everybody_has_his_own_and_every_day_anew(stores: Stores) -> None:
    assert await stores.quotas.take(TOM, TODAY, count_max=1) == 1

    assert await stores.quotas.take(BOB, TODAY, count_max=1) == 1
    assert await stores.quotas.take(TOM, TODAY + 1, count_max=1) == 1
    assert await stores.quotas.take(TOM, TODAY, count_max=1) is None


@on_every_store
async def test_where_nothing_may_be_used_nothing_is_counted(stores: Stores) -> None:
    assert await stores.quotas.take(TOM, TODAY, count_max=0) is None
    assert await stores.quotas.take(TOM, TODAY, count_max=1) == 1


@on_every_store
async def test_of_many_at_once_as_many_pass_as_may(stores: Stores) -> None:
    counts = await asyncio.gather(*(stores.quotas.take(TOM, TODAY, count_max=7) for _ in range(20)))

    assert sorted(count for count in counts if count is not None) == [1, 2, 3, 4, 5, 6, 7]
