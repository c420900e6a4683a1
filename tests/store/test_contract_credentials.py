"""What every ``CredentialStore`` promises."""

import asyncio

import pytest
from msgspec.structs import replace

from store.interfaces.credentials import Credential
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord, Profile, Role
from store.interfaces.stores import Stores
from tests.support.records import BOB, T0, TOM
from tests.support.stores import on_every_store

HASH = "$2b$12$abcdefghijklmnopqrstuv"


def a_viewer(person_id: PersonId = TOM, name: str = "tom", surface: str = "site") -> tuple[PersonRecord, Credential]:
    person = PersonRecord(
        id=person_id, surface=surface, external_id=name, role=Role.GUEST, created_at_ms=T0, nickname=name
    )
    return person, Credential(person_id=person_id, surface=surface, names=(name,), password_hash=HASH)


@on_every_store
async def test_a_person_and_his_way_in_come_back_as_registered(stores: Stores) -> None:
    person, credential = a_viewer()

    await stores.credentials.register(person, credential)

    assert await stores.people.get(TOM) == person
    assert await stores.credentials.of(TOM) == credential
    assert await stores.credentials.by_name("site", "tom") == credential
    assert await stores.credentials.by_name("site", "Tom") is None
    assert await stores.credentials.by_name("social", "tom") is None
    assert await stores.credentials.of(BOB) is None


@on_every_store
async def test_somebody_with_several_names_is_found_by_each(stores: Stores) -> None:
    person, credential = a_viewer()
    credential = replace(credential, names=("tom", "tommy"))

    await stores.credentials.register(person, credential)

    assert await stores.credentials.by_name("site", "tommy") == credential
    assert await stores.credentials.by_name("site", "tom") == credential


@on_every_store
async def test_a_name_that_is_taken_leaves_neither_a_person_nor_a_way_in(stores: Stores) -> None:
    person, credential = a_viewer()
    await stores.credentials.register(person, replace(credential, names=("tom", "tommy")))
    bob, way_in = a_viewer(BOB, "bob")

    with pytest.raises(Conflict):
        await stores.credentials.register(bob, replace(way_in, names=("bob", "tommy")))

    assert await stores.people.get(BOB) is None
    assert await stores.credentials.of(BOB) is None
    assert await stores.credentials.by_name("site", "bob") is None


@on_every_store
async def test_an_id_a_public_id_or_an_external_id_that_is_taken_is_refused_in_the_same_way(stores: Stores) -> None:
    person, credential = a_viewer()
    await stores.credentials.register(replace(person, public_id="uid"), credential)
    bob, way_in = a_viewer(BOB, "bob")

    for other, way in (
        (replace(bob, id=TOM), replace(way_in, person_id=TOM)),
        (replace(bob, public_id="uid"), way_in),
        (replace(bob, external_id="tom"), way_in),
    ):
        with pytest.raises(Conflict):
            await stores.credentials.register(other, way)

    assert await stores.credentials.by_name("site", "bob") is None
    assert await stores.people.get(BOB) is None


@on_every_store
async def test_the_same_name_may_be_two_peoples_on_two_surfaces(stores: Stores) -> None:
    await stores.credentials.register(*a_viewer())
    await stores.credentials.register(*a_viewer(BOB, "tom", "social"))

    found = await stores.credentials.by_name("social", "tom")
    assert found is not None
    assert found.person_id == BOB


@on_every_store
async def test_of_many_who_want_one_name_at_once_one_gets_it(stores: Stores) -> None:
    async def register(number: int) -> bool:
        try:
            await stores.credentials.register(*a_viewer(PersonId(20_000 + number), "wanted"))
        except Conflict:
            return False
        return True

    got = await asyncio.gather(*map(register, range(8)))

    assert sum(got) == 1
    winner = PersonId(20_000 + got.index(True))
    found = await stores.credentials.by_name("site", "wanted")
    assert found is not None
    assert found.person_id == winner
    assert set(await stores.people.many([PersonId(20_000 + number) for number in range(8)])) == {winner}


@on_every_store
async def test_password_and_address_change_and_nothing_else(stores: Stores) -> None:
    person, credential = a_viewer()
    await stores.credentials.register(person, credential)

    await stores.credentials.set_password(TOM, "other")
    await stores.credentials.set_email(TOM, "tom@example.com")

    assert await stores.credentials.of(TOM) == replace(credential, password_hash="other", email="tom@example.com")
    assert await stores.people.get(TOM) == person
    with pytest.raises(NotThere):
        await stores.credentials.set_password(BOB, "other")
    with pytest.raises(NotThere):
        await stores.credentials.set_email(BOB, "bob@example.com")


@on_every_store
async def test_changes_at_the_same_moment_that_do_not_contradict_each_other_are_all_made(stores: Stores) -> None:
    person, credential = a_viewer()
    await stores.credentials.register(person, credential)

    await asyncio.gather(
        *(stores.credentials.change(credential, credential, profile=Profile(avatar_url=f"/{n}")) for n in range(24))
    )

    changed = await stores.people.get(TOM)
    assert changed is not None
    assert changed.avatar_url in {f"/{n}" for n in range(24)}


def test_a_credential_that_is_printed_tells_neither_hash_nor_address() -> None:
    _, credential = a_viewer()

    assert HASH not in repr(replace(credential, email="tom@example.com"))
    assert "@" not in repr(replace(credential, email="tom@example.com"))
