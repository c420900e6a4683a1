"""Comments as clients meet them: what is said comes back as it was sent, and who said it is who asked."""

from base64 import b64decode

import pytest

from handlers.wire.codec import write_json
from tests.surfaces.social.golden_comments import WORDS, a_comment_is_answered
from tests.surfaces.social.golden_videos import publish
from tests.surfaces.social.scene import Scene, on_line

gen_test = pytest.mark.gen_test

COMMENT, ANSWER, LIKE, LIST, ONE, COUNT, LIKES = (
    f"/api/videos/{name}"
    for name in (
        "comment-video",
        "comment-comments",
        "like-comments",
        "get-comments",
        "get-comment-all",
        "get-comment-member",
        "get-comment-likes",
    )
)


async def comment(scene: Scene, who, video_id: str, content: object = WORDS) -> str:
    made = await scene.told(who, "POST", COMMENT, {"video_id": video_id, "content": content})
    assert made["id"] == made["comment_id"]
    return str(made["id"])


async def answer(scene: Scene, who, father_id: str, content: object = WORDS) -> str:
    made = await scene.told(who, "POST", ANSWER, {"father_id": father_id, "content": content})
    assert made["id"] == made["comment_id"]
    return str(made["id"])


async def ids(scene: Scene, **asked) -> list[str]:
    told = await scene.told(scene.ann, "GET", LIST, asked)
    assert told["length"] == str(len(told["comments"]))
    return [one["id"] for one in told["comments"]]


@gen_test
@pytest.mark.parametrize(
    "content",
    [
        "社团学姐",
        " with space ",
        '<script>alert("x")</script>',
        "line\nline\u0000\u202e",
        "😀",
        5,
        -0.25,
        1e-7,
        2**70,
        True,
        False,
        0,
        [],
        {},
        [1, [2, {"a": None}]],
        {"$gt": "", "a.b": {"$where": "1"}, "": [False]},
    ],
    ids=repr,
)
async def test_what_is_said_comes_back_as_it_was_sent(content):
    async with on_line() as scene:
        root = await comment(scene, scene.wxy, await publish(scene), content)

        shown = (await scene.told(scene.zhao, "GET", ONE, {"id": root}))["comment"]

        assert shown["content"] == content
        assert type(shown["content"]) is type(content)
        meant = content if isinstance(content, str) else write_json(content).decode()
        assert b64decode(shown["content_b64"]).decode() == meant


@gen_test
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, 10004),
        ("", 10002),
        ("x" * 1_999, 10001),
        (["x" * 20] * 100, 10001),
    ],
    ids=["null", "empty", "long text", "long list"],
)
async def test_what_is_nothing_or_too_much_is_not_kept(content, code):
    async with on_line() as scene:
        video_id = await publish(scene)
        root = await comment(scene, scene.wxy, video_id, "x" * 1_998)
        before = scene.dump()

        assert await scene.refused(scene.wxy, "POST", COMMENT, {"video_id": video_id, "content": content}) == code
        assert await scene.refused(scene.wxy, "POST", ANSWER, {"father_id": root, "content": content}) == code
        assert scene.dump() == before


@gen_test
async def test_a_comment_is_the_callers_and_owners_are_looked_up_whatever_the_body_says():
    async with on_line() as scene:
        video_id = await publish(scene)
        root = await comment(scene, scene.wxy, video_id)
        before = scene.dump()

        for path, sent in (
            (COMMENT, {"video_id": video_id, "content": "x"}),
            (ANSWER, {"father_id": root, "content": "x"}),
            (LIKE, {"id": root}),
        ):
            assert await scene.refused(scene.zhao, "POST", path, {**sent, "user_id": scene.wxy.id}) == -20008
        assert scene.dump() == before

        sent = {"father_id": root, "content": "x", "owner_id": scene.zhao.id, "user_id": int(scene.zhao.id)}
        deep = await answer(scene, scene.ann, (await scene.told(scene.zhao, "POST", ANSWER, sent))["id"])
        whose = []
        for one in (root, deep):
            shown = (await scene.told(scene.zhao, "GET", ONE, {"id": one}))["comment"]
            whose.append((shown["user_id"], shown["owner_id"], shown["video_id"], shown["father_id"] == one))
        assert whose == [(scene.wxy.id, scene.jhinih.id, video_id, True), (scene.ann.id, scene.zhao.id, "0", False)]


@gen_test
async def test_counts_are_of_all_below_a_video_and_of_the_answers_of_a_comment():
    async with on_line() as scene:
        video_id = await publish(scene)
        root = await comment(scene, scene.wxy, video_id)
        reply = await answer(scene, scene.zhao, root)
        await answer(scene, scene.wxy, reply)
        await comment(scene, scene.zhao, video_id)

        async def member(**asked) -> str:
            return str((await scene.told(scene.ann, "GET", COUNT, asked))["member"])

        assert await member(id=video_id) == await member(video_id=video_id, is_video="true") == "4"
        assert await member(comment_id=root, is_video="false") == await member(id=root, is_video=False) == "1"
        assert await member(id=reply, is_video="0") == "1"
        (video,) = (await scene.told(scene.ann, "GET", "/api/videos", {}))["data"]
        assert (video["comments"], video["comment_count"]) == ("4", "4")


@gen_test
async def test_lists_of_a_video_have_its_roots_and_those_of_a_comment_itself_and_its_answers():
    async with on_line() as scene:
        video_id = await publish(scene)
        roots = [await comment(scene, scene.wxy, video_id) for _ in range(4)]
        replies = [await answer(scene, scene.zhao, roots[0]) for _ in range(2)]
        await answer(scene, scene.zhao, replies[0])
        await scene.told(scene.zhao, "POST", LIKE, {"id": roots[1]})

        assert await ids(scene, id=video_id) == roots[::-1]
        assert await ids(scene, video_id=video_id, is_video="") == roots[::-1]
        assert await ids(scene, comment_id=roots[0], is_video="false") == [*replies[::-1], roots[0]]
        assert await ids(scene, id=video_id, order_by="popular") == [roots[1], roots[3], roots[2], roots[0]]
        assert await ids(scene, id=video_id, page="2", page_size="3") == [roots[0]]
        assert await ids(scene, id=video_id, before_id=roots[2]) == [roots[1], roots[0]]
        assert await ids(scene, id=video_id, before_id=int(roots[2]), page_size=1, page=2) == [roots[0]]
        assert await ids(scene, id=video_id, before_id=roots[0]) == []
        assert await ids(scene, id=video_id, before_id="", page="0", page_size="0", order_by="") == roots[::-1]


@gen_test
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"order_by": "random"}, 10001),
        ({"before_id": "x"}, 10003),
        ({"page": "-1"}, 10001),
        ({"page_size": "x"}, 10003),
        ({"is_video": "perhaps"}, 10003),
        ({"is_video": "false"}, 10001),  # It is a video's id.
        ({"id": ""}, 10002),
    ],
)
async def test_a_list_that_cannot_be_is_refused_by_its_code(changed, code):
    async with on_line() as scene:
        video_id = await publish(scene)

        assert await scene.refused(scene.wxy, "GET", LIST, {"id": video_id, **changed}) == code


@gen_test
async def test_a_like_of_a_comment_is_taken_back_by_the_next():
    async with on_line() as scene:
        await a_comment_is_answered(scene)
        root = scene.root

        async def likes(**asked) -> str:
            return str((await scene.told(scene.wxy, "GET", LIKES, asked))["comment_likes"])

        counts = [await likes(comment_id=root)]
        for who, sent in ((scene.wxy, {"comment_id": root}), (scene.zhao, {"id": int(root)})):
            await scene.told(who, "POST", LIKE, sent)
            counts.append(await likes(id=root))

        assert counts == ["1", "2", "1"]


@gen_test
async def test_below_a_private_video_there_is_nothing_for_others():
    async with on_line() as scene:
        video_id = await publish(scene, is_private=True)
        root = await comment(scene, scene.jhinih, video_id)
        before = scene.dump()

        for method, path, sent in (
            ("POST", COMMENT, {"video_id": video_id, "content": "x"}),
            ("POST", ANSWER, {"father_id": root, "content": "x"}),
            ("POST", LIKE, {"id": root}),
            ("GET", LIST, {"id": video_id}),
            ("GET", LIST, {"id": root, "is_video": False}),
            ("GET", ONE, {"id": root}),
            ("GET", COUNT, {"id": video_id}),
            ("GET", COUNT, {"id": root, "is_video": False}),
            ("GET", LIKES, {"comment_id": root}),
        ):
            assert await scene.refused(scene.wxy, method, path, sent) == 10001
        assert scene.dump() == before
        assert await scene.told(scene.jhinih, "GET", COUNT, {"id": video_id}) == {"member": "1"}
