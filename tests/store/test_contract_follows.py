"""What every ``FollowStore`` promises."""

from store.interfaces.ids import RoomId
from store.interfaces.stores import Stores
from tests.support.records import BOB, T0, TOM
from tests.support.stores import on_every_store

TINA, SERA = RoomId("site:gGAlOXloThS9r8d5HgeBzg_Tina"), RoomId("site:qwWaYqUnT6qJLr_7iRlQoA_Seraphina")


@on_every_store
async def test_following_twice_is_following_once(stores: Stores) -> None:
    await stores.follows.follow(TOM, TINA, T0)
    await stores.follows.follow(TOM, TINA, T0 + 5)

    assert await stores.follows.follows(TOM, TINA)
    assert await stores.follows.rooms_of(TOM, limit=10) == (TINA,)
    assert not await stores.follows.follows(TOM, SERA)
    assert not await stores.follows.follows(BOB, TINA)


@on_every_store
async def test_who_does_not_follow_any_longer_can_begin_again(stores: Stores) -> None:
    await stores.follows.unfollow(TOM, TINA)
    await stores.follows.follow(TOM, TINA, T0)
    await stores.follows.unfollow(TOM, TINA)

    assert not await stores.follows.follows(TOM, TINA)

    await stores.follows.follow(TOM, TINA, T0)
    assert await stores.follows.follows(TOM, TINA)


@on_every_store
async def test_a_toggle_turns_it_round_and_the_first_one_follows(stores: Stores) -> None:
    turned = [await stores.follows.toggle(TOM, TINA, T0) for _ in range(3)]

    assert turned == [True, False, True]
    assert await stores.follows.follows(TOM, TINA)


@on_every_store
async def test_rooms_come_with_those_followed_last_first(stores: Stores) -> None:
    await stores.follows.follow(TOM, SERA, T0 + 2)
    await stores.follows.follow(TOM, TINA, T0 + 1)
    await stores.follows.follow(BOB, TINA, T0 + 3)

    assert await stores.follows.rooms_of(TOM, limit=10) == (SERA, TINA)
    assert await stores.follows.rooms_of(TOM, limit=1) == (SERA,)
