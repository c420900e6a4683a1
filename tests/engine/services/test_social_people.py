"""Accounts of the social app: names, addresses, passwords, profiles and levels (SO-6, SO-9, SO-11 … SO-17)."""

import asyncio

import pytest

from engine.errors import (
    AlreadyExists,
    BadInput,
    Forbidden,
    NotFound,
    NotSignedIn,
    StoreDown,
    TooLong,
    TooMany,
    WrongRole,
)
from engine.greenroom import Greenroom
from engine.services.social_people import ProfileChange, SocialPerson
from store.interfaces.ids import Snowflake
from store.interfaces.members import TOP_LEVEL
from tests.people import Cast, on_stage
from tests.support.web_services import PlainPasswords

PASSWORD, HOME = "123456", "192.0.2.1"
IMAGE = "https://img.example/a.png"


async def newcomer(engine: Greenroom, name: str = "wxy", *, level: int = 0) -> SocialPerson:
    made = await engine.social_people.register(name, PASSWORD, email=f"{name}@example.com", avatar_url=IMAGE)
    if level:
        await engine.social_people.appoint(made.person.id, level)
    return made


def shown(person: SocialPerson) -> Snowflake:
    return Snowflake(int(person.person.public_id))


def passwords_of(cast: Cast) -> PlainPasswords:
    passwords = cast.stage.world.passwords
    assert isinstance(passwords, PlainPasswords)
    return passwords


async def test_somebody_new_is_as_documented():
    async with on_stage() as cast:
        made = await newcomer(cast.engine, "王鑫宇")

        person, member = made.person, made.member
        assert (person.surface, person.nickname, person.avatar_url) == ("social", "王鑫宇", IMAGE)
        assert (len(person.public_id), person.public_id.isdigit()) == (19, True)
        assert (member.level, member.bio, member.phone) == (0, "王鑫宇很懒，什么都没留下", "")
        assert await cast.engine.social_people.own(person.id) == made
        assert (await cast.engine.social_people.find(shown(made))).email == ""


async def test_ids_grow():
    async with on_stage() as cast:
        made = [await newcomer(cast.engine, f"somebody{number}") for number in range(5)]

        assert [shown(one) for one in made] == sorted(shown(one) for one in made)


@pytest.mark.parametrize(
    ("name", "email"),
    [("wxy", "new@example.com"), ("WXY", "new@example.com"), ("ｗｘｙ", "new@example.com"), ("new", "WXY@example.com")],
)
async def test_a_name_or_an_address_is_one_persons(name, email):
    async with on_stage() as cast:
        await newcomer(cast.engine)

        with pytest.raises(AlreadyExists):
            await cast.engine.social_people.register(name, PASSWORD, email=email)


async def test_of_two_who_register_the_same_name_at_once_one_does():
    async with on_stage() as cast:
        done = await asyncio.gather(
            *(
                cast.engine.social_people.register("wxy", PASSWORD, email=f"wxy{number}@example.com")
                for number in range(10)
            ),
            return_exceptions=True,
        )

        assert sum(isinstance(one, SocialPerson) for one in done) == 1
        assert sum(isinstance(one, AlreadyExists) for one in done) == 9


@pytest.mark.parametrize("password", ["12345", "p" * 73, "密" * 25])
async def test_a_password_has_six_characters_at_least_and_72_bytes_at_most(password):
    async with on_stage() as cast:
        with pytest.raises((BadInput, TooLong)):
            cast.engine.social_people.require_fit(password=password, avatar_url="")
        cast.engine.social_people.require_fit(password=PASSWORD, avatar_url="")


# --- signing in ------------------------------------------------------------------------------------------------------


async def test_somebody_is_found_by_his_address_however_it_is_written():
    async with on_stage() as cast:
        made = await newcomer(cast.engine)

        person = await cast.engine.social_people.check_password("WXY@Example.com", PASSWORD, address=HOME)
        assert person == made.person


@pytest.mark.parametrize(("email", "password"), [("wxy@example.com", "654321"), ("nobody@example.com", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_address_are_the_same_and_cost_the_same(email, password):
    async with on_stage() as cast:
        await newcomer(cast.engine)

        with pytest.raises(NotSignedIn, match="wrong address or password"):
            await cast.engine.social_people.check_password(email, password, address=HOME)

        # A comparison each, with somebody's hash or with nobody's.
        assert len(passwords_of(cast).checked) == 1


async def test_a_name_is_no_address():
    async with on_stage() as cast:
        await newcomer(cast.engine)
        for name in ("wxy", "mail:wxy@example.com"):
            with pytest.raises(NotSignedIn):
                await cast.engine.social_people.check_password(name, PASSWORD, address=HOME)


async def test_guessing_gets_slower_and_stops_for_nobody():
    async with on_stage() as cast:
        await newcomer(cast.engine)
        looked_at = 0
        for number in range(1_000):
            try:
                await cast.engine.social_people.check_password(
                    "wxy@example.com", f"{number:06d}", address=f"192.0.2.{number % 250}"
                )
            except NotSignedIn:
                looked_at += 1
            except TooMany:
                pass
            await cast.stage.clock.advance(1_000)

        assert looked_at <= 40
        await cast.stage.clock.advance(60_000)
        await cast.engine.social_people.check_password("wxy@example.com", PASSWORD, address=HOME)


async def test_a_hash_of_another_cost_is_renewed_when_it_is_used():
    async with on_stage() as cast:
        made = await newcomer(cast.engine)
        await cast.stage.stores.credentials.set_password(made.person.id, f"old {PlainPasswords.mark}{PASSWORD}")

        await cast.engine.social_people.check_password("wxy@example.com", PASSWORD, address=HOME)

        credential = await cast.stage.stores.credentials.of(made.person.id)
        assert credential is not None
        assert credential.password_hash == f"{PlainPasswords.mark}{PASSWORD}"


# --- profiles --------------------------------------------------------------------------------------------------------


async def test_the_first_profile_makes_a_user_of_a_guest_and_later_ones_nobody_less():
    async with on_stage() as cast:
        wxy = await newcomer(cast.engine)
        people = cast.engine.social_people

        await people.set_profile(wxy.person.id, ProfileChange(bio="awake"), is_own=True)
        assert (await people.own(wxy.person.id)).member.level == 1
        await people.appoint(wxy.person.id, 3)
        await people.set_profile(wxy.person.id, ProfileChange(bio="", phone="110"), is_own=True)

        found = await people.own(wxy.person.id)
        assert (found.member.level, found.member.bio, found.member.phone) == (3, "", "110")
        assert found.person.avatar_url == IMAGE


async def test_what_others_change_makes_nobody_a_user():
    async with on_stage() as cast:
        wxy = await newcomer(cast.engine)

        await cast.engine.social_people.set_profile(wxy.person.id, ProfileChange(bio="spam removed"), is_own=False)

        assert (await cast.engine.social_people.own(wxy.person.id)).member.level == 0


async def test_who_has_another_name_is_found_by_that_and_his_old_one_is_free():
    async with on_stage() as cast:
        wxy = await newcomer(cast.engine)
        people = cast.engine.social_people

        await people.set_profile(wxy.person.id, ProfileChange(username="Xin", email="xin@example.com"), is_own=True)

        assert (await people.named("xin")).person.id == wxy.person.id
        assert (await people.check_password("xin@example.com", PASSWORD, address=HOME)).nickname == "Xin"
        with pytest.raises(NotFound):
            await people.named("wxy")
        await newcomer(cast.engine)


async def test_nobody_takes_the_name_or_the_address_of_another():
    async with on_stage() as cast:
        wxy, _ = await newcomer(cast.engine), await newcomer(cast.engine, "ann")
        people = cast.engine.social_people

        for change in (ProfileChange(username="ANN"), ProfileChange(email="Ann@example.com")):
            with pytest.raises(AlreadyExists):
                await people.set_profile(wxy.person.id, change, is_own=True)
        for change in (
            ProfileChange(username="a:b"),
            ProfileChange(email="nobody"),
            ProfileChange(avatar_url="javascript:alert(1)"),
        ):
            with pytest.raises(BadInput):
                await people.set_profile(wxy.person.id, change, is_own=True)

        assert await people.own(wxy.person.id) == wxy


async def test_changes_at_the_same_moment_are_all_made():
    async with on_stage() as cast:
        wxy = await newcomer(cast.engine)
        people = cast.engine.social_people

        await asyncio.gather(
            people.set_profile(wxy.person.id, ProfileChange(username="Xin"), is_own=True),
            people.set_profile(wxy.person.id, ProfileChange(email="xin@example.com"), is_own=True),
            people.set_profile(wxy.person.id, ProfileChange(bio="awake"), is_own=True),
        )

        found = await people.own(wxy.person.id)
        assert (found.person.nickname, found.email, found.member.bio) == ("Xin", "xin@example.com", "awake")
        assert (await people.named("xin")).person.id == wxy.person.id


async def test_the_addresses_of_one_who_is_not_there_cannot_be_changed():
    async with on_stage() as cast:
        with pytest.raises(NotFound):
            await cast.engine.social_people.set_profile(cast.tom.id, ProfileChange(bio="x"), is_own=True)


# --- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 2, 3])
async def test_only_super_administrators_change_levels(level):
    async with on_stage() as cast:
        wxy, ann = await newcomer(cast.engine, level=level), await newcomer(cast.engine, "ann", level=TOP_LEVEL)

        with pytest.raises(WrongRole):
            await cast.engine.social_people.set_level(shown(wxy), TOP_LEVEL, by=wxy.person.id)
        await cast.engine.social_people.set_level(shown(wxy), 2, by=ann.person.id)

        assert (await cast.engine.social_people.find(shown(wxy))).member.level == 2


async def test_whoever_is_one_no_longer_changes_nothing_although_he_was_a_moment_ago():
    async with on_stage() as cast:
        ann, bob = [await newcomer(cast.engine, name, level=TOP_LEVEL) for name in ("ann", "bob")]
        people = cast.engine.social_people

        await people.set_level(shown(bob), 1, by=ann.person.id)

        with pytest.raises(WrongRole):
            await people.set_level(shown(ann), 1, by=bob.person.id)
        with pytest.raises(Forbidden):
            await people.set_level(shown(ann), 1, by=ann.person.id)


async def test_nobody_of_another_surface_has_a_level():
    async with on_stage() as cast:
        ann = await newcomer(cast.engine, "ann", level=TOP_LEVEL)

        with pytest.raises(NotFound):
            await cast.engine.social_people.appoint(cast.tom.id, 1)
        with pytest.raises(NotFound):
            await cast.engine.social_people.set_level(Snowflake(7), 1, by=ann.person.id)
        with pytest.raises(WrongRole):
            await cast.engine.social_people.set_level(shown(ann), 1, by=cast.tom.id)


@pytest.mark.parametrize(
    "call", ["credentials.by_name", "credentials.register", "credentials.of", "credentials.change", "members.set_level"]
)
async def test_a_store_that_does_not_answer_is_no_refusal(call):
    async with on_stage() as cast:
        wxy = await newcomer(cast.engine)
        people = cast.engine.social_people
        cast.switch.is_down, cast.switch.only = True, call
        asked = {
            "credentials.by_name": lambda: people.check_password("wxy@example.com", PASSWORD, address=HOME),
            "credentials.register": lambda: newcomer(cast.engine, "ann"),
            "credentials.of": lambda: people.own(wxy.person.id),
            "credentials.change": lambda: people.set_profile(wxy.person.id, ProfileChange(bio="x"), is_own=True),
            "members.set_level": lambda: people.appoint(wxy.person.id, 1),
        }

        with pytest.raises(StoreDown):
            await asked[call]()
        cast.switch.is_down = False
