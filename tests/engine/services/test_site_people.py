"""Accounts of the site: names, passwords, and people whom Google answers for."""

import asyncio
import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import AlreadyExists, BadInput, NotFound, NotSignedIn, StoreDown, TooMany
from engine.greenroom import Greenroom
from engine.ports import Departure, GoogleIdentity
from engine.services.site_names import folded, google_name, google_sub
from store.interfaces.money import Currency
from store.interfaces.people import PersonRecord, Role
from tests.people import Cast, on_stage
from tests.support.web_services import PlainPasswords

PASSWORD = "diamonds 960 for me"
HOME = "192.0.2.1"


async def sign_in(cast: Cast, name: str, password: str = PASSWORD, *, role: Role = Role.GUEST) -> PersonRecord:
    return await cast.engine.site_people.check_password(name, password, role=role, address=HOME)


async def by_google(cast: Cast, code: str) -> PersonRecord:
    departure = cast.engine.site_people.depart()
    state = departure.bound.partition(".")[0]
    return await cast.engine.site_people.arrive(code=code, state=state, bound=departure.bound)


def passwords_of(cast: Cast) -> PlainPasswords:
    passwords = cast.stage.world.passwords
    assert isinstance(passwords, PlainPasswords)
    return passwords


# --- names -----------------------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_folding_a_name_twice_is_folding_it_once(name):
    assert folded(folded(name)) == folded(name)
    assert folded(name.upper()) == folded(folded(name.upper()))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Wei", "wEI"), ("ｗｅｉ", "wei"), ("Straße", "STRASSE"), ("易昭", "易昭"), ("①", "1"), ("é", "e\u0301")],
)
def test_names_that_look_the_same_are_the_same(one, other):
    assert folded(one) == folded(other)


def test_whom_google_answers_for_is_found_by_no_name_that_anybody_can_choose():
    assert google_sub(google_name("109")) == "109"
    assert google_sub("wei") == ""


# --- viewers and anchors ---------------------------------------------------------------------------------------------


async def test_a_viewer_signs_in_by_the_name_however_it_is_written():
    async with on_stage() as cast:
        wei = await cast.engine.site_people.register_viewer("Wei_易", PASSWORD, email="wei@example.com")

        assert await sign_in(cast, "wEI_易") == wei == await sign_in(cast, "Ｗｅｉ＿易")
        assert (wei.surface, wei.role, wei.nickname, wei.public_id) == ("site", Role.GUEST, "Wei_易", "")
        assert await cast.engine.site_people.email_of(wei.id) == "wei@example.com"


async def test_an_anchor_has_a_uid_and_signs_in_by_name_or_handle():
    async with on_stage() as cast:
        jliu = await cast.engine.site_people.register_anchor("J Liu", "jliu", PASSWORD)

        assert re.fullmatch(r"[A-Za-z0-9_-]{22}", jliu.public_id)
        assert await cast.engine.site_people.anchor(jliu.public_id) == jliu
        for name in ("j liu", "JLIU"):
            assert await sign_in(cast, name, role=Role.ANCHOR) == jliu
        with pytest.raises(NotFound):
            await cast.engine.site_people.anchor(jliu.public_id[1:])


async def test_names_and_handles_are_everybodys_once():
    async with on_stage() as cast:
        people = cast.engine.site_people
        await people.register_viewer("wei", PASSWORD, email="")
        await people.register_anchor("J Liu", "jliu", PASSWORD)

        for again in (
            people.register_viewer("WEI", PASSWORD, email=""),
            people.register_viewer("JLiu", PASSWORD, email=""),
            people.register_anchor("Wei", "other", PASSWORD),
            people.register_anchor("other", "ｗｅｉ", PASSWORD),
            people.register_anchor("jliu", "other", PASSWORD),
        ):
            with pytest.raises(AlreadyExists):
                await again
        # Nothing of a refused account stays.
        assert await people.register_anchor("other", "another", PASSWORD)


async def test_of_many_who_want_a_name_at_once_one_gets_it():
    async with on_stage() as cast:
        wanted = (cast.engine.site_people.register_viewer("wei", PASSWORD, email="") for _ in range(10))

        got = await asyncio.gather(*wanted, return_exceptions=True)

        assert sorted(type(one).__name__ for one in got) == ["AlreadyExists"] * 9 + ["PersonRecord"]


@pytest.mark.parametrize("name", ["ab", "a" * 31, "a b", "a-b", "a.b", "emoji😀", "a\u202eb", "google:1", "", "éé é"])
async def test_what_is_no_name_for_a_viewer_is_refused(name):
    async with on_stage() as cast:
        with pytest.raises(BadInput) as refused:
            await cast.engine.site_people.register_viewer(name, PASSWORD, email="")

        assert refused.value.field == "username"


@pytest.mark.parametrize("name", ["", "a" * 65, " a", "a ", "a/b", "google:1", "a\nb", "a\u202eb", "<b>", "e\u0301"])
@pytest.mark.parametrize("field", ["username", "handle"])
async def test_what_is_no_name_for_an_anchor_is_refused(name, field):
    names = {"username": "fine", "handle": "fine", field: name}
    async with on_stage() as cast:
        with pytest.raises(BadInput) as refused:
            await cast.engine.site_people.register_anchor(names["username"], names["handle"], PASSWORD)

        assert refused.value.field == field


@pytest.mark.parametrize(
    "email", ["x", "@example.com", "a@b", "a b@example.com", "a@example.com\n", "a@ex ample.com", "<a@b.c>"]
)
async def test_what_is_no_address_is_refused(email):
    async with on_stage() as cast:
        with pytest.raises(BadInput) as refused:
            await cast.engine.site_people.register_viewer("wei", PASSWORD, email=email)

        assert refused.value.field == "email"


@pytest.mark.parametrize("password", ["short 1", "no digits here", "1234567890"])
async def test_a_password_has_letters_and_digits_and_is_not_short(password):
    async with on_stage() as cast:
        with pytest.raises(BadInput) as refused:
            await cast.engine.site_people.register_viewer("wei", password, email="")

        assert refused.value.field == "password"


async def test_a_wrong_name_a_wrong_password_and_the_wrong_door_look_the_same_and_compare_the_same():
    async with on_stage() as cast:
        await cast.engine.site_people.register_viewer("wei", PASSWORD, email="")
        await by_google(cast, "dev:yi")
        compared = passwords_of(cast).checked

        refusals = []
        for name, password, role in (
            ("nobody", PASSWORD, Role.GUEST),
            ("wei", PASSWORD + "!", Role.GUEST),
            ("wei", PASSWORD, Role.ANCHOR),
            (google_name("dev:yi"), "", Role.GUEST),
        ):
            with pytest.raises(NotSignedIn) as refused:
                await sign_in(cast, name, password, role=role)
            refusals.append(str(refused.value))

        assert len(set(refusals)) == 1
        # Somebody who does not exist takes as long as somebody who does (SEC-16).
        assert len(compared) == 4
        assert [hashed is None for _, hashed in compared] == [True, False, False, True]


async def test_guessing_at_a_password_gets_slow_and_the_right_one_has_to_wait_too():
    async with on_stage() as cast:
        await cast.engine.site_people.register_viewer("wei", PASSWORD, email="")
        for number in range(6):
            with pytest.raises(NotSignedIn):
                await sign_in(cast, "wei", f"guess number {number}")

        with pytest.raises(TooMany):
            await sign_in(cast, "WEI")

        assert len(passwords_of(cast).checked) == 6
        await cast.stage.clock.advance(1_000)
        assert await sign_in(cast, "wei")
        # And is forgiven.
        for _ in range(5):
            with pytest.raises(NotSignedIn):
                await sign_in(cast, "wei", "wrong 1 again")
        assert await sign_in(cast, "wei")


async def test_a_hash_of_another_cost_is_renewed_at_the_next_sign_in():
    async with on_stage() as cast:
        wei = await cast.engine.site_people.register_viewer("wei", PASSWORD, email="")
        await cast.stage.stores.credentials.set_password(wei.id, f"old hash of {PASSWORD}")

        await sign_in(cast, "wei")

        kept = await cast.stage.stores.credentials.of(wei.id)
        assert kept is not None
        assert kept.password_hash == f"hash of {PASSWORD}"


async def test_another_password_signs_the_person_out_everywhere():
    async with on_stage() as cast:
        wei = await cast.engine.site_people.register_viewer("wei", PASSWORD, email="")
        opened = await cast.engine.web_sign_ins.open(wei)
        await cast.engine.web_sign_ins.who_by_token(opened.tokens.access)

        await cast.engine.site_people.change_password(wei.id, "another 1 of mine")

        with pytest.raises(NotSignedIn):
            await cast.engine.web_sign_ins.who_by_token(opened.tokens.access)
        with pytest.raises(NotSignedIn):
            await cast.engine.web_sign_ins.renew(opened.tokens.refresh)
        assert cast.stage.heard.closed == [(wei.id, 4001)]
        assert (await sign_in(cast, "wei", "another 1 of mine")).id == wei.id
        with pytest.raises(NotSignedIn):
            await sign_in(cast, "wei")


async def test_who_has_no_password_gets_none():
    async with on_stage() as cast:
        yi = await by_google(cast, "dev:yi")

        for person_id in (yi.id, cast.tom.id):
            with pytest.raises(NotFound):
                await cast.engine.site_people.change_password(person_id, "another 1 of mine")


# --- by Google -------------------------------------------------------------------------------------------------------


async def test_google_makes_an_account_once_and_knows_it_by_sub():
    async with on_stage() as cast:
        yi = await by_google(cast, "dev:yi?nickname=yi zhao&email=yi@example.com")
        again = await by_google(cast, "dev:yi?nickname=somebody else&email=new@example.com")
        namesake = await by_google(cast, "dev:yi2?nickname=yi zhao")

        assert again.id == yi.id != namesake.id
        assert (yi.nickname, again.nickname, namesake.nickname) == ("yi zhao", "yi zhao", "yi zhao")
        assert await cast.engine.site_people.email_of(yi.id) == "new@example.com"
        assert await cast.engine.site_people.email_of(namesake.id) == ""


async def test_an_address_that_google_does_not_tell_is_not_forgotten():
    async with on_stage() as cast:
        yi = await by_google(cast, "dev:yi?email=yi@example.com")

        await by_google(cast, "dev:yi")

        assert await cast.engine.site_people.email_of(yi.id) == "yi@example.com"


class SaysSo:
    """A Google that calls whoever comes by ``name``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def begin(self) -> Departure:
        return Departure(address="https://google.example", bound="x.y", life_s=1)

    async def finish(self, *, code: str, state: str, bound: str) -> GoogleIdentity:
        return GoogleIdentity(sub="109", name=self.name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("易昭", "易昭"), ("", "用户"), ("\u202e\n", "用户"), ("x" * 200, "x" * 64), ("a\nb", "a b"), ("e\u0301", "é")],
)
async def test_whatever_google_calls_somebody_is_shown_in_one_line(name, shown):
    async with on_stage() as cast:
        world = dataclasses.replace(cast.stage.world, google=SaysSo(name))
        engine = Greenroom(world, cast.engine.options)
        await engine.start(supersedes=True)

        person = await engine.site_people.arrive(code="x", state="x", bound="x")

        assert (person.nickname, person.external_id) == (shown, "google:109")


async def test_two_windows_at_once_make_one_account():
    async with on_stage() as cast:
        people = await asyncio.gather(*(by_google(cast, "dev:yi?diamonds=500") for _ in range(5)))

        assert len({person.id for person in people}) == 1
        assert await cast.engine.statements.held(people[0].id, Currency.SITE_DIAMONDS) == 500


async def test_in_development_the_code_says_what_somebody_has_and_is():
    async with on_stage() as cast:
        mei = await by_google(cast, "dev:mei?role=master&diamonds=50")

        assert mei.role is Role.ANCHOR
        assert len(mei.public_id) == 22
        assert await cast.engine.statements.held(mei.id, Currency.SITE_DIAMONDS) == 50


async def test_a_store_that_does_not_answer_is_no_verdict_on_anybody():
    async with on_stage() as cast:
        await cast.engine.site_people.register_viewer("wei", PASSWORD, email="")
        for call in ("credentials.by_name", "people.get"):
            cast.switch.is_down, cast.switch.only = True, call
            with pytest.raises(StoreDown):
                await sign_in(cast, "wei")
        cast.switch.only = "credentials.register"
        with pytest.raises(StoreDown):
            await cast.engine.site_people.register_viewer("other", PASSWORD, email="")
