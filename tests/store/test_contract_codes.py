"""What every ``CodeStore`` promises."""

import asyncio

from store.interfaces.codes import MailedCode
from store.interfaces.stores import Stores
from tests.support.records import T0
from tests.support.stores import on_every_store

# A store forgets by its own clock, so the times are far ahead of any.
AT = T0 + 10**12
KEY = "address a@example.com"


def a_code(sealed: str = "s", *, tries_left: int = 5, sent_at_ms: int = AT) -> MailedCode:
    return MailedCode(sealed=sealed, tries_left=tries_left, sent_at_ms=sent_at_ms, expires_at_ms=sent_at_ms + 300)


@on_every_store
async def test_a_code_is_tried_as_often_as_it_may_be_and_no_longer_than_it_lives(stores: Stores) -> None:
    await stores.codes.keep(KEY, a_code(), unless_since_ms=AT - 60)

    tried = [await stores.codes.try_once(KEY, now_ms=AT + 299) for _ in range(6)]

    assert [one.tries_left if one else None for one in tried] == [4, 3, 2, 1, 0, None]
    await stores.codes.keep(KEY, a_code(sent_at_ms=AT + 61), unless_since_ms=AT + 1)
    assert await stores.codes.try_once(KEY, now_ms=AT + 361) is None
    assert await stores.codes.try_once("another", now_ms=AT) is None


@on_every_store
async def test_a_code_replaces_the_former_one_unless_that_is_too_young(stores: Stores) -> None:
    first, second = a_code("first"), a_code("second", sent_at_ms=AT + 60)

    assert await stores.codes.keep(KEY, first, unless_since_ms=AT - 60) is None
    assert await stores.codes.keep(KEY, a_code("hasty", sent_at_ms=AT + 59), unless_since_ms=AT - 1) == first
    assert await stores.codes.keep(KEY, second, unless_since_ms=AT) is None

    kept = await stores.codes.try_once(KEY, now_ms=AT + 61)
    assert kept is not None
    assert kept.sealed == "second"


@on_every_store
async def test_of_many_who_mail_to_one_address_at_once_one_does(stores: Stores) -> None:
    kept = await asyncio.gather(
        *(stores.codes.keep(KEY, a_code(f"{number}"), unless_since_ms=AT - 60) for number in range(20))
    )

    assert sum(one is None for one in kept) == 1


@on_every_store
async def test_of_many_who_take_a_code_one_has_it(stores: Stores) -> None:
    await stores.codes.keep(KEY, a_code(), unless_since_ms=AT - 60)

    assert not await stores.codes.take(KEY, "another")
    taken = await asyncio.gather(*(stores.codes.take(KEY, "s") for _ in range(50)))

    assert sum(taken) == 1
    assert await stores.codes.try_once(KEY, now_ms=AT) is None
