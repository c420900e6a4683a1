"""What every ``SessionStore`` promises."""

import asyncio

import pytest
from msgspec.structs import replace

from store.interfaces.ids import PersonId
from store.interfaces.people import Session
from store.interfaces.stores import Stores
from tests.support.records import BOB, T0, TOM
from tests.support.stores import on_every_store


def a_session(name: str = "hash-1", person_id: PersonId = TOM, device: str = "phone") -> Session:
    return Session(token_hash=name, person_id=person_id, device=device, created_at_ms=T0, seen_at_ms=T0)


async def found(stores: Stores, *names: str) -> list[str]:
    """Those of the sessions that are there."""
    return [name for name in names if await stores.sessions.find(name, idle_since_ms=0)]


@on_every_store
async def test_a_session_comes_back_as_opened(stores: Stores) -> None:
    await stores.sessions.open(a_session())

    assert await stores.sessions.find("hash-1", idle_since_ms=T0) == a_session()
    assert await stores.sessions.find("hash-2", idle_since_ms=T0) is None


@on_every_store
async def test_opening_the_same_session_again_is_fine(stores: Stores) -> None:
    await stores.sessions.open(a_session())
    await stores.sessions.open(a_session())

    assert await stores.sessions.find("hash-1", idle_since_ms=T0) == a_session()


@on_every_store
async def test_a_new_session_replaces_the_one_of_the_same_person_and_device_only(stores: Stores) -> None:
    await stores.sessions.open(a_session("old"))
    await stores.sessions.open(a_session("of a tablet", device="tablet"))
    await stores.sessions.open(a_session("of bob", BOB))

    await stores.sessions.open(a_session("new"))

    assert await found(stores, "old", "of a tablet", "of bob", "new") == ["of a tablet", "of bob", "new"]


@on_every_store
async def test_one_of_many_opened_at_once_remains(stores: Stores) -> None:
    names = [f"hash-{number}" for number in range(8)]

    await asyncio.gather(*(stores.sessions.open(a_session(name)) for name in names))

    assert len(await found(stores, *names)) == 1


@on_every_store
@pytest.mark.parametrize(("idle_since_ms", "is_there"), [(T0 - 1, True), (T0, True), (T0 + 1, False)])
async def test_a_session_last_seen_too_long_ago_is_not_found(
    stores: Stores, idle_since_ms: int, is_there: bool
) -> None:
    await stores.sessions.open(a_session())

    assert (await stores.sessions.find("hash-1", idle_since_ms=idle_since_ms) is not None) is is_there


@on_every_store
async def test_use_prolongs_a_session(stores: Stores) -> None:
    await stores.sessions.open(a_session())

    await stores.sessions.touch("hash-1", T0 + 5_000)
    await stores.sessions.touch("hash-1", T0 + 4_000)  # A late note of an earlier use takes nothing back.

    assert await stores.sessions.find("hash-1", idle_since_ms=T0 + 5_000) == replace(a_session(), seen_at_ms=T0 + 5_000)


@on_every_store
async def test_touching_an_unknown_session_makes_none(stores: Stores) -> None:
    await stores.sessions.touch("hash-1", T0)

    assert await found(stores, "hash-1") == []


@on_every_store
async def test_the_sessions_of_a_person_are_listed_and_nobody_elses_those_least_lately_used_first(
    stores: Stores,
) -> None:
    assert await stores.sessions.of(TOM) == ()
    for number, device in enumerate(("phone", "tablet", "watch")):
        await stores.sessions.open(replace(a_session(device, device=device), seen_at_ms=T0 + number))
    await stores.sessions.open(a_session("of bob", BOB))
    await stores.sessions.touch("phone", T0 + 9)

    assert [session.token_hash for session in await stores.sessions.of(TOM)] == ["tablet", "watch", "phone"]


@on_every_store
async def test_a_closed_session_is_gone_and_closing_it_again_is_fine(stores: Stores) -> None:
    await stores.sessions.open(a_session("a"))
    await stores.sessions.open(a_session("b", device="tablet"))

    await stores.sessions.close("a")
    await stores.sessions.close("a")

    assert await found(stores, "a", "b") == ["b"]


@on_every_store
async def test_all_sessions_of_a_person_are_closed_and_nobody_elses(stores: Stores) -> None:
    await stores.sessions.open(a_session("a"))
    await stores.sessions.open(a_session("b", device="tablet"))
    await stores.sessions.open(a_session("of bob", BOB))

    await stores.sessions.close_all(TOM)
    await stores.sessions.close_all(TOM)

    assert await found(stores, "a", "b", "of bob") == ["of bob"]
