"""Following rooms over HTTP."""

import asyncio

import pytest

from tests.surfaces.served import Answered
from tests.surfaces.site.scene import Scene, on_air

gen_test = pytest.mark.gen_test


async def toggle(scene: Scene, character: str = "Tina", **sent: object) -> Answered:
    """Wei follows a room of jliu's, or does not."""
    room = {"room_id": f"{scene.jliu.id}_{character}"}
    return await scene.call(scene.wei, "POST", "follow_live/toggle_follow_room/", {**room, **sent})


async def introduce(scene: Scene, *characters: str) -> None:
    for character in characters:
        await scene.engine.shows.introduce(await scene.record(scene.jliu), character)


async def follows(scene: Scene, character: str = "Tina") -> bool:
    query = {"room_id": f"{scene.jliu.id}_{character}"}
    shown = (await scene.call(scene.wei, "GET", "live/get_live_info", query)).body["data"]["follow_info"]
    return bool(shown["follow_status"])


@gen_test
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([{}, {}, {}], [True, False, True]),
        ([{"follow_status": True}] * 2, [True, True]),
        ([{"follow_status": False}] * 2, [False, False]),
        ([{"follow_status": "true"}, {"follow_status": "0"}], [True, False]),
        ([{"follow_status": None}, {"follow_status": ""}], [True, False]),
    ],
)
async def test_what_is_said_is_set_and_what_is_not_said_is_the_other_way_round(asked, expected):
    async with on_air() as scene:
        await introduce(scene, "Tina")

        answers = [(await toggle(scene, **sent)).body for sent in asked]

        assert [one["data"]["status"] for one in answers] == expected
        words = {True: "Followed the room successfully", False: "Unfollowed the room successfully"}
        assert [one["message"] for one in answers] == [words[status] for status in expected]
        assert await follows(scene) is expected[-1]
        assert {one["data"]["user_id"] for one in answers} == {scene.wei.id}


@gen_test
async def test_the_room_goes_by_either_name_and_the_stored_one_is_shown():
    async with on_air() as scene:
        await introduce(scene, "Tina")
        name = f"{scene.jliu.id}_Tina"

        by_name = await toggle(scene, room_id="", room_name=name)
        both = await toggle(scene, room_name="whatever")

        for answered in (by_name, both):
            assert (answered.body["data"]["room_id"], answered.body["data"]["room_name"]) == (name, name)


@gen_test
async def test_a_hundred_at_once_follow_it_once():
    async with on_air() as scene:
        await introduce(scene, "Tina")

        answers = await asyncio.gather(*(toggle(scene, follow_status=True) for _ in range(100)))

        assert {one.status for one in answers} == {200}
        assert len(scene.database.follows) == 1


@gen_test
async def test_the_list_has_followed_rooms_that_are_on_air_with_those_first_that_most_people_watch():
    async with on_air() as scene:
        await introduce(scene, "Tina", "Sera", "Lily", "Mona")
        for character in ("Tina", "Sera", "Lily"):
            await toggle(scene, character)
        for character in ("Tina", "Sera", "Mona"):
            await scene.clock.advance(1_000)
            await scene.engine.show_rooms.start(await scene.record(scene.jliu), character)
        guest = await scene.open_ear(f"/ws/chat/{scene.jliu.id}_Tina/", {})
        await guest.hear_next("room_status")

        shown = (await scene.call(scene.wei, "GET", "follow_live/get_followed_rooms/")).body["data"]["lives_info"]

        assert [(one["character_name"], one["live_num"]) for one in shown] == [("Tina", 1), ("Sera", 0)]
        every = (await scene.call(None, "GET", "live/get_all_lives")).body["data"]["lives_info"]
        assert [one for one in every if one["character_name"] != "Mona"] == shown


@gen_test
async def test_whoever_follows_nothing_that_is_on_air_gets_an_empty_list():
    async with on_air() as scene:
        answered = await scene.call(scene.wei, "GET", "follow_live/get_followed_rooms/")

        assert (answered.status, answered.body) == (200, {"code": 0, "data": {"lives_info": []}})
