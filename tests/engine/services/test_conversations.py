"""Who may say what to whom, and read what (SO-37 … SO-52)."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.errors import AlreadyExists, BadInput, Banned, Forbidden, NotAMember, NotFound, StoreDown, WrongRole
from engine.services.conversations import HISTORY_MAX, Draft, NoAssistant
from engine.services.friends import NotYourself
from engine.services.groups import NameMissing, NameOfDigits
from store.interfaces.ids import Snowflake
from store.interfaces.members import Member
from store.interfaces.people import Ban, BanKind, PersonRecord
from tests.support.socializing import Socializing, socializing

HI = Draft(text="hi")


def shown(person: PersonRecord) -> Snowflake:
    return Snowflake(int(person.public_id))


def database_of(app: Socializing) -> Any:
    """The tables themselves."""
    return app.stage.stores.people._store._database  # type: ignore[attr-defined]


async def all_are_members(app: Socializing, *, level: int = 0) -> None:
    """What the app keeps of them beside their accounts."""
    for person in (app.mei, app.tom, app.ann):
        database_of(app).members[person.id] = Member(person_id=person.id, level=level)


async def test_friends_talk_in_private_and_strangers_do_not():
    async with socializing() as app:
        await all_are_members(app)
        say = app.engine.conversations.say_to_person
        with pytest.raises(Forbidden):
            await say(app.tom.id, shown(app.mei), HI)

        await app.engine.friends.add(app.tom, "mei")
        said = await say(app.mei.id, shown(app.tom), HI)

        assert (said.sender_id, said.people, said.text) == (app.mei.id, (app.mei.id, app.tom.id), "hi")
        assert (said.sender_name, said.target_name, said.target_public_id) == ("mei", "tom", app.tom.public_id)
        for nobody in (Snowflake(7), shown(app.mei)):
            with pytest.raises((NotFound, BadInput)):
                await say(app.mei.id, nobody, HI)


async def test_the_name_and_the_rights_are_those_of_now():
    async with socializing() as app:
        await all_are_members(app)
        await app.engine.friends.add(app.tom, "mei")
        people = database_of(app).people
        people[app.tom.id] = replace(app.tom, nickname="thomas")

        said = await app.engine.conversations.say_to_person(app.tom.id, shown(app.mei), HI)
        assert said.sender_name == "thomas"

        people[app.tom.id] = replace(app.tom, ban=Ban(kind=BanKind.ACCOUNT, text="no", since_ms=0, until_ms=None))
        with pytest.raises(Banned):
            await app.engine.conversations.say_to_person(app.tom.id, shown(app.mei), HI)


@pytest.mark.parametrize(("level", "may"), [(0, False), (2, False), (3, True), (4, True)])
async def test_only_administrators_speak_to_everybody(level, may):
    async with socializing() as app:
        await all_are_members(app, level=level)
        if may:
            await app.engine.conversations.say_to_all(app.tom.id, HI)
        else:
            with pytest.raises(WrongRole):
                await app.engine.conversations.say_to_all(app.tom.id, HI)

        assert len(await app.engine.conversations.to_all(before_id=None, count=5)) == may


async def test_history_is_for_those_who_were_in_it_and_has_an_end():
    async with socializing() as app:
        await all_are_members(app)
        conversations = app.engine.conversations
        group = await app.engine.groups.create(app.mei, "三")
        for number in range(HISTORY_MAX + 5):
            await conversations.say_to_group(app.mei.id, group.id, Draft(text=str(number)))

        told = await conversations.in_group(app.mei.id, group.id, before_id=None, count=1_000)
        older = await conversations.in_group(app.mei.id, group.id, before_id=told[-1].id, count=1_000)

        assert [int(one.text) for one in (*told, *older)] == list(range(HISTORY_MAX + 5))[::-1]
        assert len(told) == HISTORY_MAX
        assert len(await conversations.everywhere(app.mei.id, before_id=None, count=1_000)) == HISTORY_MAX
        assert await conversations.everywhere(app.tom.id, before_id=None, count=9) == ()
        for refused in (
            conversations.in_group(app.tom.id, group.id, before_id=None, count=9),
            conversations.say_to_group(app.tom.id, group.id, HI),
        ):
            with pytest.raises(NotAMember):
                await refused


async def test_assistants_are_not_there_unless_they_are_set():
    async with socializing() as app:
        await all_are_members(app)
        with pytest.raises(NoAssistant):
            await app.engine.conversations.ask_assistant(app.tom.id, "hi")


async def test_how_friends_and_groups_are_refused():
    async with socializing() as app:
        await all_are_members(app)
        friends, groups = app.engine.friends, app.engine.groups
        await friends.add(app.tom, "mei")
        for error, refused in (
            (NotYourself, friends.add(app.tom, "tom")),
            (AlreadyExists, friends.add(app.mei, "tom")),
            (NotFound, friends.add(app.tom, "nobody")),
            (NameMissing, groups.create(app.tom, "\u200e ")),
            (NameOfDigits, groups.create(app.tom, "٣٤")),
            (BadInput, groups.create(app.tom, "x" * 31)),
            (NotFound, groups.join(app.tom, Snowflake(7))),
            (NotFound, groups.members(app.tom.id, Snowflake(7))),
        ):
            with pytest.raises(error):
                await refused

        assert [one.person.nickname for one in await friends.by_name(app.tom.id)] == ["mei"]
        assert await groups.of(app.tom.id) == ()


async def test_without_a_store_nothing_is_known():
    async with socializing() as app:
        await all_are_members(app)
        app.stores.is_down = True
        for asked in (
            app.engine.friends.add(app.tom, "mei"),
            app.engine.friends.are_friends(app.tom.id, app.mei.id),
            app.engine.groups.create(app.tom, "三"),
            app.engine.groups.of(app.tom.id),
            app.engine.conversations.to_all(before_id=None, count=1),
            app.engine.conversations.everywhere(app.tom.id, before_id=None, count=1),
            app.engine.conversations.say_to_all(app.tom.id, HI),
        ):
            with pytest.raises(StoreDown):
                await asked
