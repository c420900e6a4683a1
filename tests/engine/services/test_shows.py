"""The anchors' rooms: how they are named and described, and who follows them."""

import pytest
from msgspec.structs import replace

from engine.errors import BadInput, NotFound, StoreDown, TooLong
from engine.services.shows import name_of_show, show_id, show_named
from store.interfaces.ids import RoomId
from store.interfaces.shows import ShowInfo, ShowKind
from tests.people import on_a_visit

UID = "gGAlOXloThS9r8d5HgeBzg"
INFO = ShowInfo(title="Tina's room", describe="hello", price=10, kind=ShowKind.VIP)


@pytest.mark.parametrize("character", ["Tina", "T", "蒂娜 2", "a_b", "x" * 64, "%2e", "..."])
@pytest.mark.parametrize("uid", [UID, "________-_____________", "qwWaYqUnT6qJLr_7iRlQoA"])
def test_a_room_goes_by_uid_and_character_wherever_underscores_are(uid: str, character: str):
    room_id = show_id(uid, character)

    assert room_id == f"site:{uid}_{character}"
    assert name_of_show(room_id) == f"{uid}_{character}"
    assert show_named(name_of_show(room_id)) == room_id


@pytest.mark.parametrize(
    "character", ["", "x" * 65, "a/b", "a\nb", "a\x00", "\u202eabc", " Tina", "e\u0301", "Tina\u200e"]
)
def test_what_no_character_can_be_called_names_no_room(character: str):
    with pytest.raises(BadInput):
        show_id(UID, character)
    with pytest.raises(NotFound):
        show_named(f"{UID}_{character}")


@pytest.mark.parametrize("name", ["", UID, f"{UID}-Tina", f"{UID[1:]}_Tina", f"site:{UID}_Tina", f"{UID[:-1]}é_Tina"])
def test_what_begins_with_no_uid_is_no_room(name: str):
    with pytest.raises(NotFound):
        show_named(name)


async def test_there_is_one_room_for_each_character_and_a_newer_card_only_brings_its_date():
    async with on_a_visit() as visit:
        shows = visit.engine.shows
        first = await shows.introduce(visit.jliu, "Tina", date="2025-07-03@18h17m20s")
        await shows.describe(visit.jliu, "Tina", INFO)

        newer = await shows.introduce(visit.jliu, "Tina", date="2026-01-01@00h00m00s")
        unsaid = await shows.introduce(visit.jliu, "Tina")

        assert newer == unsaid == replace(first, character_date="2026-01-01@00h00m00s", info=INFO)
        assert await shows.of_anchor(visit.jliu.id) == (newer,)


async def test_a_room_can_be_described_at_any_time_and_again():
    async with on_a_visit() as visit:
        shows = visit.engine.shows
        described = await shows.describe(visit.jliu, "Tina", INFO, date="2025")
        again = await shows.describe(visit.jliu, "Tina", replace(INFO, price=0, kind=ShowKind.FREE))

        assert described.info == INFO
        assert again == replace(described, info=replace(INFO, price=0, kind=ShowKind.FREE))
        assert await shows.get(described.id) == again


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"price": -1}, BadInput),
        ({"price": 1_000_000_001}, BadInput),
        ({"title": "x" * 201}, TooLong),
        ({"describe": "x" * 2_001}, TooLong),
    ],
)
async def test_what_cannot_be_said_of_a_room_makes_none(changes: dict[str, object], refusal: type[Exception]):
    async with on_a_visit() as visit:
        with pytest.raises(refusal):
            await visit.engine.shows.describe(visit.jliu, "Tina", replace(INFO, **changes))

        assert await visit.engine.shows.of_anchor(visit.jliu.id) == ()


async def test_many_are_looked_up_at_once_and_an_unknown_one_is_not_there():
    async with on_a_visit() as visit:
        tina, sera = await visit.show(), await visit.show(character="Seraphina")
        unknown = [RoomId(f"site:{number}") for number in range(1_500)]

        assert await visit.engine.shows.many([sera.id, *unknown, tina.id]) == {sera.id: sera, tina.id: tina}
        with pytest.raises(NotFound):
            await visit.engine.shows.get(unknown[0])


@pytest.mark.parametrize(
    ("steps", "follows"),
    [
        ([True], True),
        ([True, True], True),
        ([False], False),
        ([None], True),
        ([None, None], False),
        ([True, None], False),
    ],
)
async def test_following_is_set_or_where_nothing_is_said_turned_round(steps: list[bool | None], follows: bool):
    async with on_a_visit() as visit:
        show = await visit.show()

        for step in steps:
            told = await visit.engine.follows.set(visit.yi.id, show, follows=step)

        assert told is follows
        assert await visit.engine.follows.follows(visit.yi.id, show.id) is follows
        assert await visit.engine.follows.rooms_of(visit.yi.id) == ((show.id,) if follows else ())
        assert await visit.engine.follows.rooms_of(visit.wei.id) == ()


async def test_a_store_that_is_down_is_said_to_be():
    async with on_a_visit() as visit:
        show = await visit.show()
        visit.switch.is_down = True

        for question in (
            visit.engine.shows.get(show.id),
            visit.engine.shows.many([show.id]),
            visit.engine.shows.introduce(visit.jliu, "Tina"),
            visit.engine.follows.set(visit.yi.id, show, follows=None),
            visit.engine.follows.rooms_of(visit.yi.id),
        ):
            with pytest.raises(StoreDown):
                await question
        visit.switch.is_down = False
