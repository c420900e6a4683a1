"""What every ``LikeStore`` promises."""

import asyncio

from store.interfaces.stores import Stores
from tests.support.records import ANN, BOB, MEI, T0, TOM
from tests.support.stores import on_every_store


@on_every_store
async def test_a_like_is_there_until_it_is_taken_back(stores: Stores) -> None:
    assert not await stores.likes.likes(TOM, MEI)

    await stores.likes.like(TOM, MEI, T0)
    assert await stores.likes.likes(TOM, MEI)

    await stores.likes.unlike(TOM, MEI)
    assert not await stores.likes.likes(TOM, MEI)


@on_every_store
async def test_liking_again_and_taking_back_nothing_is_fine(stores: Stores) -> None:
    for at_ms in (T0, T0 + 1):
        await stores.likes.like(TOM, MEI, at_ms)
    await asyncio.gather(*(stores.likes.like(BOB, MEI, T0 + number) for number in range(8)))
    for _ in range(2):
        await stores.likes.unlike(ANN, MEI)

    assert [await stores.likes.likes(giver, MEI) for giver in (TOM, BOB, ANN)] == [True, True, False]

    await stores.likes.unlike(BOB, MEI)
    assert not await stores.likes.likes(BOB, MEI)


@on_every_store
async def test_a_like_goes_one_way_between_two_people(stores: Stores) -> None:
    await stores.likes.like(TOM, MEI, T0)

    assert not await stores.likes.likes(MEI, TOM)
    assert not await stores.likes.likes(TOM, ANN)
    assert not await stores.likes.likes(BOB, MEI)
