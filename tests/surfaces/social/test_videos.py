"""Videos as clients meet them: lists, likes, and what of a request is believed."""

import pytest

from tests.surfaces.social.golden_videos import VIDEO, publish
from tests.surfaces.social.scene import Scene, on_line

gen_test = pytest.mark.gen_test

LIST, CREATE, LIKE, LIKES = (
    "/api/videos",
    "/api/videos/create-video",
    "/api/videos/like-video",
    "/api/videos/get-video-likes",
)


async def titles(scene: Scene, who, **asked) -> list[str]:
    return [one["title"] for one in (await scene.told(who, "GET", LIST, asked))["data"]]


@gen_test
@pytest.mark.parametrize(
    ("asked", "page", "size"),
    [
        ({}, "1", "10"),
        ({"page": "0", "page_size": "0"}, "1", "10"),
        ({"page": "", "page_size": ""}, "1", "10"),
        ({"page": "2", "page_size": "3"}, "2", "3"),
        ({"page": 2, "page_size": 3}, "2", "3"),
        ({"page": "1", "page_size": "101"}, "1", "100"),
        ({"page": "900719925474099", "page_size": "100"}, "900719925474099", "100"),
    ],
)
async def test_a_page_says_what_was_meant_and_whether_there_is_more(asked, page, size):
    async with on_line() as scene:
        for number in range(12):
            await publish(scene, title=str(number))

        told = await scene.told(scene.wxy, "GET", LIST, {"order_by": "latest", **asked})

        assert (told["page"], told["page_size"], told["total"]) == (page, size, "12")
        first = (int(page) - 1) * int(size)
        assert [one["title"] for one in told["data"]] == [str(11 - number) for number in range(12)][first:][: int(size)]
        assert told["has_more"] is (first + int(size) < 12)


@gen_test
async def test_what_every_order_shows():
    async with on_line() as scene:
        ids = [await publish(scene, title=str(number)) for number in range(5)]
        await scene.told(scene.wxy, "POST", LIKE, {"video_id": ids[1]})

        assert await titles(scene, scene.zhao, order_by="latest") == ["4", "3", "2", "1", "0"]
        assert await titles(scene, scene.zhao, order_by="popular") == ["1", "4", "3", "2", "0"]
        for asked in ({}, {"order_by": ""}, {"order_by": "random"}):
            assert sorted(await titles(scene, scene.zhao, **asked)) == ["0", "1", "2", "3", "4"]
        assert await scene.refused(scene.zhao, "GET", LIST, {"order_by": "oldest"}) == 10001
        assert await scene.refused(scene.zhao, "GET", LIST, {"page": "-1"}) == 10001


@gen_test
async def test_pages_of_one_seed_are_one_list():
    async with on_line() as scene:
        for number in range(9):
            await publish(scene, title=str(number))

        pages = [await titles(scene, scene.wxy, seed="s1", page=page, page_size=4) for page in (1, 2, 3)]
        again = [await titles(scene, scene.wxy, seed="s1", page=page, page_size=4) for page in (3, 2)]
        shuffled = {tuple(await titles(scene, scene.wxy)) for _ in range(8)}

        assert sorted(title for page in pages for title in page) == [str(number) for number in range(9)]
        assert again == [pages[2], pages[1]]
        assert len(shuffled) > 1
        assert await scene.refused(scene.wxy, "GET", LIST, {"seed": "x" * 65}) == 10001


@gen_test
async def test_private_videos_are_not_there_for_anybody_else():
    async with on_line() as scene:
        video_id = await publish(scene, is_private=True)
        sent = {"video_id": video_id}

        (own,) = (await scene.told(scene.jhinih, "GET", LIST, {}))["data"]
        assert (own["id"], own["is_private"]) == (video_id, True)
        assert await scene.told(scene.jhinih, "POST", LIKE, sent) == {}
        assert (await scene.told(scene.wxy, "GET", LIST, {}))["total"] == "0"
        # Not for administrators either.
        for who in (scene.wxy, scene.ann):
            assert await scene.refused(who, "POST", LIKE, sent) == 10001
            assert await scene.refused(who, "GET", LIKES, sent) == 10001
        assert await scene.told(scene.jhinih, "GET", LIKES, sent) == {"video_likes": "1"}


@gen_test
async def test_a_like_is_the_callers_whatever_the_body_says():
    async with on_line() as scene:
        video_id = await publish(scene)
        before = scene.dump()

        sent = {"video_id": video_id, "owner_id": scene.zhao.id, "user_id": scene.zhao.id}
        assert await scene.refused(scene.wxy, "POST", LIKE, sent) == -20008
        assert scene.dump() == before

        likes = []
        for user_id in (scene.wxy.id, int(scene.wxy.id), ""):
            sent = {"video_id": int(video_id), "owner_id": {"$gt": ""}, "user_id": user_id}
            await scene.told(scene.wxy, "POST", LIKE, sent)
            likes.append((await scene.told(scene.zhao, "GET", LIKES, {"video_id": video_id}))["video_likes"])
        assert likes == ["1", "0", "1"]


@gen_test
async def test_a_video_is_its_publishers_whatever_the_body_says():
    async with on_line() as scene:
        before = scene.dump()

        assert await scene.refused(scene.wxy, "POST", CREATE, {**VIDEO, "user_id": scene.jhinih.id}) == -20008
        assert scene.dump() == before

        await publish(scene, scene.wxy, owner_id=scene.jhinih.id)
        (video,) = (await scene.told(scene.zhao, "GET", LIST, {}))["data"]
        assert video["user_id"] == scene.wxy.id


@gen_test
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"title": ""}, 10002),
        ({"title": None}, 10004),
        ({"title": "\u202e"}, 10001),
        ({"title": "x" * 101}, 10001),
        ({"title": ["x"]}, 10003),
        ({"video_path": ""}, 10002),
        ({"cover_path": None}, 10004),
        ({"video_path": "javascript:alert(1)"}, 10001),
        ({"cover_path": "data:text/html,<script>"}, 10001),
        ({"video_path": "/etc/passwd"}, 10001),
        ({"cover_path": "/uploads/../etc/passwd"}, 10001),
        ({"video_path": "//evil.example/v.mp4"}, 10001),
        ({"is_private": "perhaps"}, 10003),
        ({"type": "image"}, 10001),
        ({"description": "x" * 2_001}, 10001),
    ],
)
async def test_what_is_no_video_is_refused_by_its_code(changed, code):
    async with on_line() as scene:
        before = scene.dump()

        assert await scene.refused(scene.jhinih, "POST", CREATE, {**VIDEO, **changed}) == code
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("is_private", [True, "true", "1", 1, False, "false", "0", "", None])
async def test_flags_are_understood_however_they_are_written(is_private):
    async with on_line() as scene:
        await publish(scene, is_private=is_private, type="")

        assert (await scene.told(scene.wxy, "GET", LIST, {}))["total"] == (
            "0" if is_private in (True, "true", "1") else "1"
        )


@gen_test
@pytest.mark.parametrize(
    ("video_id", "code"),
    [
        ("1956590792665344", 10001),
        ("9223372036854775807", 10001),
        ("9223372036854775808", 10003),
        ("", 10002),
        (None, 10004),
        ("0", 10003),
        (0, 10003),
        (-1, 10003),
        ("x", 10003),
        (1.5, 10003),
        ("1.0", 10003),
        (True, 10003),
        ({"$gt": ""}, 10003),
        (["1"], 10003),
    ],
)
async def test_an_id_that_is_none_is_never_row_zero(video_id, code):
    async with on_line() as scene:
        await publish(scene)

        assert await scene.refused(scene.wxy, "POST", LIKE, {"video_id": video_id}) == code


@gen_test
async def test_a_burst_of_forty_passes_and_each_call_has_its_own():
    async with on_line() as scene:
        video_id = await publish(scene)
        asked = {"video_id": video_id}

        for _ in range(40):
            await scene.told(scene.wxy, "GET", LIKES, asked)

        assert await scene.refused(scene.wxy, "GET", LIKES, asked) == -20007
        await scene.told(scene.wxy, "POST", LIKE, asked)
        await scene.told(scene.zhao, "GET", LIKES, asked)
        await scene.limits_clock.advance(3_000)
        await scene.told(scene.wxy, "GET", LIKES, asked)
        assert await scene.refused(scene.wxy, "GET", LIKES, asked) == -20007
