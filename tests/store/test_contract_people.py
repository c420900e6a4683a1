"""What every ``PeopleStore`` promises."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from store.interfaces.errors import Conflict, NotThere
from store.interfaces.ids import PersonId
from store.interfaces.people import Ban, BanKind, Profile, Role
from store.interfaces.stores import Stores
from tests.support.records import BOB, MEI, T0, TOM, a_person
from tests.support.stores import on_every_store

NOBODY_KNOWN = PersonId(99_999)
BAN = Ban(kind=BanKind.ACCOUNT, text="骚扰", since_ms=T0, until_ms=T0 + 1_000)


@on_every_store
async def test_a_person_comes_back_as_kept(stores: Stores) -> None:
    mei = a_person(
        MEI,
        role=Role.ANCHOR,
        nickname="梅",
        avatar_url="https://pictures/mei",
        age=23,
        gender=2,
        height=165,
        area="310100",
        public_id="66766865",
        points_per_minute=50,
        is_hidden=True,
        last_login_at_ms=T0 + 1,
        ban=BAN,
    )

    assert await stores.people.add(mei) == mei
    assert await stores.people.get(MEI) == mei
    assert await stores.people.by_external_id("calls", mei.external_id) == mei
    assert await stores.people.by_public_id("calls", "66766865") == mei


@on_every_store
async def test_who_is_unknown_is_none(stores: Stores) -> None:
    await stores.people.add(a_person(TOM))

    assert await stores.people.get(NOBODY_KNOWN) is None
    assert await stores.people.by_external_id("calls", "nobody") is None
    assert await stores.people.by_external_id("qlive", a_person(TOM).external_id) is None
    assert await stores.people.by_public_id("calls", "") is None
    assert await stores.people.by_public_id("calls", "66766865") is None


@on_every_store
async def test_a_known_external_id_gives_the_person_who_has_it(stores: Stores) -> None:
    tom = await stores.people.add(a_person(TOM))

    again = await stores.people.add(a_person(BOB, external_id=tom.external_id, nickname="somebody else"))

    assert again == tom
    assert await stores.people.get(BOB) is None


@on_every_store
async def test_the_same_external_id_on_another_surface_is_another_person(stores: Stores) -> None:
    tom = await stores.people.add(a_person(TOM))
    elsewhere = a_person(BOB, surface="qlive", external_id=tom.external_id)

    assert await stores.people.add(elsewhere) == elsewhere
    assert await stores.people.by_external_id("calls", tom.external_id) == tom
    assert await stores.people.by_external_id("qlive", tom.external_id) == elsewhere


@on_every_store
async def test_only_one_of_many_at_once_becomes_the_person(stores: Stores) -> None:
    wanted = [a_person(PersonId(20_000 + number), external_id="same") for number in range(10)]

    kept = await asyncio.gather(*(stores.people.add(person) for person in wanted))

    assert len({person.id for person in kept}) == 1
    assert await stores.people.by_external_id("calls", "same") == kept[0]
    assert len(await stores.people.many([person.id for person in wanted])) == 1


@on_every_store
async def test_a_shown_id_belongs_to_one_person_of_a_surface(stores: Stores) -> None:
    tom = await stores.people.add(a_person(TOM, public_id="66766865"))
    elsewhere = await stores.people.add(a_person(MEI, surface="qlive", public_id="66766865"))

    with pytest.raises(Conflict):
        await stores.people.add(a_person(BOB, public_id="66766865"))
    again = await stores.people.add(a_person(BOB, external_id=tom.external_id, public_id="75003883"))

    assert again == tom
    assert await stores.people.by_public_id("calls", "66766865") == tom
    assert await stores.people.by_public_id("qlive", "66766865") == elsewhere
    assert await stores.people.by_public_id("calls", "75003883") is None
    assert await stores.people.get(BOB) is None


@on_every_store
async def test_any_number_of_people_may_have_no_shown_id(stores: Stores) -> None:
    people = [await stores.people.add(a_person(person_id)) for person_id in (TOM, BOB)]

    assert [person.public_id for person in people] == ["", ""]


@on_every_store
@pytest.mark.parametrize(
    "changed",
    [
        {"nickname": "小明"},
        {"avatar_url": "https://pictures/tom"},
        {"age": 31},
        {"gender": 1},
        {"height": 180},
        {"area": "310100"},
        {"nickname": "", "avatar_url": "", "age": 0, "gender": 0, "height": 0, "area": ""},
        {},
    ],
)
async def test_a_profile_changes_what_it_says_and_nothing_else(stores: Stores, changed: dict[str, Any]) -> None:
    tom = a_person(TOM, nickname="Tom", avatar_url="https://x", age=30, gender=2, height=1, area="1", ban=BAN)
    await stores.people.add(tom)

    await stores.people.set_profile(TOM, Profile(**changed))

    assert await stores.people.get(TOM) == replace(tom, **changed)


@on_every_store
async def test_the_last_login_is_the_latest(stores: Stores) -> None:
    await stores.people.add(a_person(TOM))

    for at_ms in (T0 + 5, T0 + 9, T0 + 7):
        await stores.people.note_login(TOM, at_ms)

    assert await stores.people.get(TOM) == a_person(TOM, last_login_at_ms=T0 + 9)


@on_every_store
async def test_many_gives_those_who_exist(stores: Stores) -> None:
    tom, mei = await stores.people.add(a_person(TOM)), await stores.people.add(a_person(MEI))

    assert await stores.people.many([TOM, NOBODY_KNOWN, MEI, TOM]) == {TOM: tom, MEI: mei}
    assert await stores.people.many([]) == {}
    assert await stores.people.many([PersonId(number) for number in range(30_000, 31_000)]) == {}


@on_every_store
async def test_price_hiding_and_ban_change_nothing_else(stores: Stores) -> None:
    tom = await stores.people.add(a_person(TOM))

    await stores.people.set_price(TOM, 80)
    await stores.people.set_hidden(TOM, is_hidden=True)
    await stores.people.set_ban(TOM, BAN)
    assert await stores.people.get(TOM) == replace(tom, points_per_minute=80, is_hidden=True, ban=BAN)
    assert await stores.people.by_external_id("calls", tom.external_id) == await stores.people.get(TOM)

    await stores.people.set_price(TOM, 0)
    await stores.people.set_hidden(TOM, is_hidden=False)
    await stores.people.set_ban(TOM, None)
    assert await stores.people.get(TOM) == tom


@on_every_store
async def test_a_guest_becomes_an_anchor_with_a_price_and_a_guest_again(stores: Stores) -> None:
    tom = await stores.people.add(a_person(TOM, ban=BAN))

    await stores.people.set_role(TOM, Role.ANCHOR, points_per_minute=50)
    assert await stores.people.get(TOM) == replace(tom, role=Role.ANCHOR, points_per_minute=50)
    assert await stores.people.search(role=Role.ANCHOR) == (await stores.people.get(TOM),)

    await stores.people.set_role(TOM, Role.GUEST, points_per_minute=0)
    assert await stores.people.get(TOM) == tom


@on_every_store
async def test_setting_what_is_set_already_is_fine(stores: Stores) -> None:
    await stores.people.add(a_person(TOM))

    for _ in range(2):
        await stores.people.set_price(TOM, 80)
        await stores.people.set_hidden(TOM, is_hidden=True)
        await stores.people.set_ban(TOM, replace(BAN, until_ms=None))

    tom = await stores.people.get(TOM)
    assert tom is not None
    assert (tom.points_per_minute, tom.is_hidden, tom.ban) == (80, True, replace(BAN, until_ms=None))


@on_every_store
async def test_nothing_can_be_changed_of_somebody_unknown(stores: Stores) -> None:
    with pytest.raises(NotThere):
        await stores.people.set_role(NOBODY_KNOWN, Role.ANCHOR, points_per_minute=1)
    with pytest.raises(NotThere):
        await stores.people.set_price(NOBODY_KNOWN, 1)
    with pytest.raises(NotThere):
        await stores.people.set_hidden(NOBODY_KNOWN, is_hidden=True)
    with pytest.raises(NotThere):
        await stores.people.set_ban(NOBODY_KNOWN, None)
    for profile in (Profile(age=20), Profile()):
        with pytest.raises(NotThere):
            await stores.people.set_profile(NOBODY_KNOWN, profile)
    with pytest.raises(NotThere):
        await stores.people.note_login(NOBODY_KNOWN, T0)

    assert await stores.people.get(NOBODY_KNOWN) is None


@on_every_store
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [10_014, 10_013, 10_012, 10_011]),
        ({"limit": 2}, [10_014, 10_013]),
        ({"text": "10012"}, [10_012]),
        ({"text": "wx-13"}, [10_013]),
        ({"text": "80010011"}, [10_011]),
        ({"text": "8001001"}, []),
        ({"text": "wx-1"}, []),  # An external id is equal or not; only nicknames match by their beginning.
        ({"text": "1001"}, []),
        ({"text": "to"}, [10_013, 10_011]),
        ({"text": "tom"}, [10_011]),
        ({"text": "om"}, []),
        ({"text": ".*"}, [10_014]),  # Text, not a pattern.
        ({"role": Role.ANCHOR}, [10_014, 10_012]),
        ({"text": "to", "role": Role.ANCHOR}, []),
    ],
)
async def test_search_finds_by_any_id_or_the_beginning_of_the_nickname_newest_first(
    stores: Stores, asked: dict[str, object], found: list[int]
) -> None:
    people = [(10_011, "tom", Role.GUEST), (10_012, "mei", Role.ANCHOR), (10_013, "tony", Role.GUEST)]
    for number, nickname, role in [*people, (10_014, ".*", Role.ANCHOR)]:
        person = a_person(PersonId(number), nickname=nickname, role=role, external_id=f"wx-{number - 10_000}")
        await stores.people.add(replace(person, created_at_ms=T0 + number, public_id=str(80_000_000 + number)))

    assert [person.id for person in await stores.people.search(**asked)] == found  # type: ignore[arg-type]
