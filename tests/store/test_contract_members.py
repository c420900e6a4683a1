"""What every ``MemberStore`` promises."""

import asyncio
from typing import Any

import pytest

from store.interfaces.credentials import Credential
from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId
from store.interfaces.members import TOP_LEVEL, Member, MemberChange
from store.interfaces.people import Profile
from store.interfaces.stores import Stores
from tests.support.records import BOB, T0, TOM, a_person
from tests.support.stores import on_every_store

SOCIAL = "social"


async def join(stores: Stores, person_id: PersonId, name: str, level: int = 0) -> Member:
    """Somebody new."""
    person = a_person(person_id, surface=SOCIAL, external_id=name, public_id=str(10**18 + person_id), nickname=name)
    names = (name, f"mail:{name}@example.com")
    credential = Credential(
        person_id=person_id, surface=SOCIAL, names=names, password_hash="x", email=f"{name}@example.com"
    )
    member = Member(person_id=person_id, level=level, bio=f"{name} is lazy")
    await stores.credentials.register(person, credential, member)
    return member


@on_every_store
async def test_a_member_is_made_with_the_account_or_not_at_all(stores: Stores) -> None:
    tom = await join(stores, TOM, "tom")

    assert await stores.members.get(TOM) == tom
    assert await stores.members.many([TOM, BOB]) == {TOM: tom}

    person = a_person(BOB, surface=SOCIAL, external_id="bob", public_id="2", nickname="bob")
    with pytest.raises(Conflict):
        await stores.credentials.register(
            person, Credential(person_id=BOB, surface=SOCIAL, names=("bob", "tom")), Member(person_id=BOB)
        )
    assert await stores.members.get(BOB) is None


@on_every_store
async def test_a_profile_changes_as_a_whole_and_the_person_is_found_by_his_new_names_only(stores: Stores) -> None:
    await join(stores, TOM, "tom")
    before = await stores.credentials.by_name(SOCIAL, "tom")
    assert before is not None
    after = Credential(
        person_id=TOM, surface=SOCIAL, names=("tim", "mail:tom@example.com"), password_hash="x", email=before.email
    )

    await stores.credentials.change(
        before,
        after,
        profile=Profile(nickname="Tim", avatar_url="https://img.example/t.png"),
        member=MemberChange(bio="awake", level_min=1, at_ms=T0),
    )

    person, member = await stores.people.get(TOM), await stores.members.get(TOM)
    assert person is not None
    assert (person.external_id, person.nickname, person.avatar_url) == ("tim", "Tim", "https://img.example/t.png")
    assert member == Member(person_id=TOM, level=1, bio="awake", updated_at_ms=T0)
    assert await stores.credentials.by_name(SOCIAL, "tom") is None
    assert await stores.credentials.by_name(SOCIAL, "tim") == after
    assert await stores.people.by_external_id(SOCIAL, "tim") == person
    assert await stores.people.by_external_id(SOCIAL, "tom") is None


@on_every_store
async def test_nothing_of_a_profile_changes_when_a_name_is_somebody_elses_or_was_changed_meanwhile(
    stores: Stores,
) -> None:
    tom = await join(stores, TOM, "tom")
    await join(stores, BOB, "bob")
    before = await stores.credentials.by_name(SOCIAL, "tom")
    assert before is not None
    taken = Credential(person_id=TOM, surface=SOCIAL, names=("bob", before.names[1]), password_hash="x")
    other = Credential(person_id=TOM, surface=SOCIAL, names=("tim", before.names[1]), password_hash="x")
    change: Any = {"profile": Profile(nickname="Bob"), "member": MemberChange(bio="mine", at_ms=T0)}

    with pytest.raises(Conflict):
        await stores.credentials.change(before, taken, **change)
    with pytest.raises(Conflict):
        await stores.credentials.change(taken, other, **change)
    nobody = PersonId(77)
    with pytest.raises(NotThere):
        await stores.credentials.change(
            Credential(person_id=nobody, surface=SOCIAL, names=("a",)),
            Credential(person_id=nobody, surface=SOCIAL, names=("b",)),
            **change,
        )

    person = await stores.people.get(TOM)
    assert person is not None
    assert (person.nickname, person.external_id) == ("tom", "tom")
    assert await stores.members.get(TOM) == tom
    assert await stores.credentials.by_name(SOCIAL, "tom") == before


@on_every_store
async def test_a_profile_lifts_nobody_down(stores: Stores) -> None:
    await join(stores, TOM, "tom", level=3)
    before = await stores.credentials.of(TOM)
    assert before is not None

    await stores.credentials.change(before, before, profile=Profile(), member=MemberChange(level_min=1, at_ms=T0))

    member = await stores.members.get(TOM)
    assert member is not None
    assert (member.level, member.bio) == (3, "tom is lazy")


@on_every_store
async def test_the_last_of_the_top_level_stays(stores: Stores) -> None:
    await join(stores, TOM, "tom")

    assert await stores.members.set_level(TOM, TOP_LEVEL, at_ms=T0)
    assert not await stores.members.set_level(TOM, 1, at_ms=T0 + 1)

    member = await stores.members.get(TOM)
    assert member is not None
    assert (member.level, member.updated_at_ms) == (TOP_LEVEL, T0)
    with pytest.raises(NotThere):
        await stores.members.set_level(BOB, 1, at_ms=T0)


@on_every_store
async def test_of_many_at_the_top_who_step_down_at_once_one_stays(stores: Stores) -> None:
    people = [PersonId(TOM + place) for place in range(8)]
    for person_id in people:
        await join(stores, person_id, f"person{person_id}", level=TOP_LEVEL)

    done = await asyncio.gather(*(stores.members.set_level(one, 0, at_ms=T0) for one in people))

    assert sorted(done) == [False] + [True] * 7
    left = [one for one in (await stores.members.many(people)).values() if one.level == TOP_LEVEL]
    assert len(left) == 1


@on_every_store
async def test_who_was_heard_of_is_there_until_he_signs_out(stores: Stores) -> None:
    for person_id, name in ((TOM, "tom"), (BOB, "bob")):
        await join(stores, person_id, name)
    await stores.members.note_login(TOM, T0, device="a phone", address="192.0.2.1")
    await stores.members.note_active({BOB: T0 + 5, PersonId(77): T0 + 5})

    assert await stores.members.active(T0, limit=10) == (BOB, TOM)
    assert await stores.members.active(T0, limit=1) == (BOB,)
    assert await stores.members.active(T0 + 1, limit=10) == (BOB,)

    await stores.members.note_logout(BOB, T0 + 6)
    await stores.members.note_logout(BOB, T0 + 4)
    await stores.members.note_active({BOB: T0 + 3})
    assert await stores.members.active(T0, limit=10) == (TOM,)

    await stores.members.note_active({BOB: T0 + 7})
    assert await stores.members.active(T0, limit=10) == (BOB, TOM)
    member = await stores.members.get(TOM)
    assert member is not None
    assert (member.login_at_ms, member.active_at_ms, member.device, member.address) == (T0, T0, "a phone", "192.0.2.1")
    bob = await stores.members.get(BOB)
    assert bob is not None
    assert (bob.active_at_ms, bob.logged_out_at_ms, bob.is_logged_out) == (T0 + 7, T0 + 6, False)


@on_every_store
async def test_nobody_who_is_no_member_signs_in_or_out(stores: Stores) -> None:
    with pytest.raises(NotThere):
        await stores.members.note_login(BOB, T0, device="", address="")
    with pytest.raises(NotThere):
        await stores.members.note_logout(BOB, T0)
    await stores.members.note_active({})
