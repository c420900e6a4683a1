"""What every ``SignInStore`` promises."""

import asyncio

from msgspec.structs import replace

from store.interfaces.sign_ins import SignIn, TokenPair
from store.interfaces.stores import Stores
from tests.support.records import BOB, TOM
from tests.support.stores import on_every_store

# In the future of every store, as the real one forgets what has expired.
T1 = 4_000_000_000_000
PAIR = TokenPair(refresh_id="r1", access_id="a1", issued_at_s=T1 // 1_000)
NEXT = TokenPair(refresh_id="r2", access_id="a2", issued_at_s=T1 // 1_000 + 5)


def a_sign_in(name: str = "s1", cookie: str = "c1", at_ms: int = T1) -> SignIn:
    return SignIn(
        id=name,
        person_id=TOM,
        opened_at_ms=at_ms,
        expires_at_ms=at_ms + 1_000,
        cookie_hash=cookie,
        cookie_until_ms=at_ms + 500,
        pair=PAIR,
    )


@on_every_store
async def test_a_sign_in_comes_back_as_opened(stores: Stores) -> None:
    await stores.sign_ins.open(a_sign_in(), keep_max=5)
    # The answer got lost.
    await stores.sign_ins.open(a_sign_in(), keep_max=5)

    assert await stores.sign_ins.get("s1") == a_sign_in()
    assert await stores.sign_ins.by_cookie("c1") == a_sign_in()
    assert await stores.sign_ins.get("c1") is None
    assert await stores.sign_ins.by_cookie("s1") is None


@on_every_store
async def test_nobody_has_the_empty_cookie(stores: Stores) -> None:
    await stores.sign_ins.open(a_sign_in("s1", ""), keep_max=5)
    await stores.sign_ins.open(a_sign_in("s2", ""), keep_max=5)

    assert await stores.sign_ins.by_cookie("") is None
    assert await stores.sign_ins.among(["s1", "s2"]) == {"s1", "s2"}


@on_every_store
async def test_a_refresh_token_has_one_use(stores: Stores) -> None:
    await stores.sign_ins.open(a_sign_in(), keep_max=5)

    rotated = await stores.sign_ins.rotate("s1", "r1", NEXT, expires_at_ms=T1 + 9_000)
    again = await stores.sign_ins.rotate("s1", "r1", replace(NEXT, refresh_id="r3"), expires_at_ms=T1 + 99_000)

    expected = replace(a_sign_in(), pair=NEXT, former_refresh_id="r1", expires_at_ms=T1 + 9_000)
    assert rotated == again == await stores.sign_ins.get("s1") == expected
    assert await stores.sign_ins.rotate("s2", "r1", NEXT, expires_at_ms=T1) is None


@on_every_store
async def test_of_many_who_use_one_token_at_once_one_wins(stores: Stores) -> None:
    await stores.sign_ins.open(a_sign_in(), keep_max=5)
    pairs = [replace(NEXT, refresh_id=f"r{number}") for number in range(2, 12)]

    kept = await asyncio.gather(*(stores.sign_ins.rotate("s1", "r1", one, expires_at_ms=T1 + 1) for one in pairs))

    winners = [one for one, answer in zip(pairs, kept, strict=True) if answer is not None and answer.pair == one]
    now = await stores.sign_ins.get("s1")
    assert now is not None
    assert winners == [now.pair]


@on_every_store
async def test_only_the_newest_of_a_person_are_kept(stores: Stores) -> None:
    await stores.sign_ins.open(replace(a_sign_in("bob", "cb"), person_id=BOB), keep_max=5)
    for number in range(5):
        await stores.sign_ins.open(a_sign_in(f"s{number}", f"c{number}", T1 + number), keep_max=3)

    assert await stores.sign_ins.among([*(f"s{number}" for number in range(5)), "bob"]) == {"s2", "s3", "s4", "bob"}


@on_every_store
async def test_a_closed_sign_in_is_gone_and_closing_it_again_is_fine(stores: Stores) -> None:
    await stores.sign_ins.open(a_sign_in(), keep_max=5)
    await stores.sign_ins.open(a_sign_in("s2", "c2"), keep_max=5)

    await stores.sign_ins.close("s1")
    await stores.sign_ins.close("s1")

    assert await stores.sign_ins.among(["s1", "s2"]) == {"s2"}
    assert await stores.sign_ins.by_cookie("c1") is None
    assert await stores.sign_ins.rotate("s1", "r1", NEXT, expires_at_ms=T1) is None


@on_every_store
async def test_all_of_a_person_go_at_once_and_no_others(stores: Stores) -> None:
    await stores.sign_ins.open(a_sign_in(), keep_max=5)
    await stores.sign_ins.open(a_sign_in("s2", "c2"), keep_max=5)
    await stores.sign_ins.open(replace(a_sign_in("s3", "c3"), person_id=BOB), keep_max=5)

    await stores.sign_ins.close_all(TOM)

    assert await stores.sign_ins.among(["s1", "s2", "s3"]) == {"s3"}


@on_every_store
async def test_a_token_that_works_once_is_used_by_one_of_many(stores: Stores) -> None:
    used = await asyncio.gather(*(stores.sign_ins.use("a" * 32, forget_at_ms=T1) for _ in range(50)))

    assert sum(used) == 1
    assert await stores.sign_ins.use("b" * 32, forget_at_ms=T1)
