"""What every ``FriendStore`` promises."""

import asyncio

import pytest

from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId
from store.interfaces.stores import Stores
from tests.support.records import BOB, T0, TOM
from tests.support.stores import on_every_store

ANN = PersonId(TOM + BOB + 1)


@on_every_store
async def test_a_friendship_is_there_in_both_directions_at_once(stores: Stores) -> None:
    await stores.friends.befriend(TOM, BOB, T0)

    assert await stores.friends.are_friends(TOM, BOB)
    assert await stores.friends.are_friends(BOB, TOM)
    assert await stores.friends.friends_of(TOM, limit=10) == (BOB,)
    assert await stores.friends.friends_of(BOB, limit=10) == (TOM,)
    assert not await stores.friends.are_friends(TOM, ANN)
    assert not await stores.friends.are_friends(TOM, TOM)


@on_every_store
async def test_nobody_is_the_same_persons_friend_twice(stores: Stores) -> None:
    await stores.friends.befriend(TOM, BOB, T0)

    for one, other in ((TOM, BOB), (BOB, TOM)):
        with pytest.raises(Conflict):
            await stores.friends.befriend(one, other, T0 + 5)

    assert await stores.friends.friends_of(TOM, limit=10) == (BOB,)


@on_every_store
async def test_two_who_add_each_other_at_the_same_moment_make_one_friendship(stores: Stores) -> None:
    tries = [stores.friends.befriend(*pair, T0) for pair in ((TOM, BOB), (BOB, TOM)) * 10]

    ended = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(one is None for one in ended) == 1
    assert all(one is None or isinstance(one, Conflict) for one in ended)
    assert await stores.friends.friends_of(TOM, limit=10) == (BOB,)
    assert await stores.friends.friends_of(BOB, limit=10) == (TOM,)


@on_every_store
async def test_friends_are_listed_the_latest_first_page_by_page(stores: Stores) -> None:
    others = [PersonId(20_000 + number) for number in range(5)]
    for number, other in enumerate(others):
        await stores.friends.befriend(*((TOM, other) if number % 2 else (other, TOM)), T0 + number)
    await stores.friends.befriend(BOB, ANN, T0)

    pages = [await stores.friends.friends_of(TOM, skip=skip, limit=2) for skip in (0, 2, 4, 6)]

    assert [one for page in pages for one in page] == others[::-1]
    assert await stores.friends.friends_of(TOM, limit=0) == ()
