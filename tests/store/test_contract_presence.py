"""What every ``PresenceStore`` promises."""

from store.interfaces.ids import PersonId
from store.interfaces.stores import Stores
from tests.support.records import ANN, BOB, MEI, TOM
from tests.support.stores import let_pass, on_every_store

LONG_MS = 60_000


@on_every_store
async def test_nobody_is_here_at_first(stores: Stores) -> None:
    assert await stores.presence.present("calls", limit=10) == ()
    assert not await stores.presence.is_present("calls", TOM)


@on_every_store
async def test_who_was_published_is_here_on_that_surface_only(stores: Stores) -> None:
    await stores.presence.publish("calls", [TOM, MEI], expires_in_ms=LONG_MS)

    assert set(await stores.presence.present("calls", limit=10)) == {TOM, MEI}
    assert await stores.presence.is_present("calls", TOM)
    assert not await stores.presence.is_present("calls", BOB)
    assert await stores.presence.present("qlive", limit=10) == ()
    assert not await stores.presence.is_present("qlive", TOM)


@on_every_store
async def test_publishing_nobody_or_withdrawing_nobody_changes_nothing(stores: Stores) -> None:
    await stores.presence.publish("calls", [TOM], expires_in_ms=LONG_MS)

    await stores.presence.publish("calls", [], expires_in_ms=LONG_MS)
    await stores.presence.withdraw("calls", [])
    await stores.presence.withdraw("calls", [BOB])

    assert await stores.presence.present("calls", limit=10) == (TOM,)


@on_every_store
async def test_who_was_withdrawn_is_gone(stores: Stores) -> None:
    await stores.presence.publish("calls", [TOM, MEI], expires_in_ms=LONG_MS)

    await stores.presence.withdraw("calls", [TOM, BOB])
    await stores.presence.withdraw("qlive", [MEI])

    assert await stores.presence.present("calls", limit=10) == (MEI,)
    assert not await stores.presence.is_present("calls", TOM)


@on_every_store
async def test_presence_expires_unless_published_again(stores: Stores) -> None:
    await stores.presence.publish("calls", [TOM, MEI], expires_in_ms=40)
    await stores.presence.publish("calls", [MEI], expires_in_ms=LONG_MS)
    await let_pass(60)

    assert await stores.presence.present("calls", limit=10) == (MEI,)
    assert not await stores.presence.is_present("calls", TOM)
    assert await stores.presence.is_present("calls", MEI)


@on_every_store
async def test_the_latest_publication_counts_even_if_it_expires_sooner(stores: Stores) -> None:
    await stores.presence.publish("calls", [TOM], expires_in_ms=LONG_MS)
    await stores.presence.publish("calls", [TOM], expires_in_ms=10)
    await let_pass(20)

    assert await stores.presence.present("calls", limit=10) == ()
    assert not await stores.presence.is_present("calls", TOM)


@on_every_store
async def test_the_most_recently_published_come_first(stores: Stores) -> None:
    for person_id in (TOM, BOB, MEI, TOM):
        await stores.presence.publish("calls", [person_id], expires_in_ms=LONG_MS)
        await let_pass(3)

    assert await stores.presence.present("calls", limit=10) == (TOM, MEI, BOB)
    assert await stores.presence.present("calls", limit=2) == (TOM, MEI)


@on_every_store
async def test_recent_means_published_not_longest_to_live(stores: Stores) -> None:
    await stores.presence.publish("calls", [TOM], expires_in_ms=10 * LONG_MS)
    await let_pass(3)
    await stores.presence.publish("calls", [ANN], expires_in_ms=LONG_MS)

    assert await stores.presence.present("calls", limit=10) == (ANN, TOM)


@on_every_store
async def test_a_thousand_people_at_once_are_fine(stores: Stores) -> None:
    people = [PersonId(20_000 + number) for number in range(1_000)]

    await stores.presence.publish("calls", people, expires_in_ms=LONG_MS)

    assert set(await stores.presence.present("calls", limit=2_000)) == set(people)
    assert len(await stores.presence.present("calls", limit=30)) == 30
