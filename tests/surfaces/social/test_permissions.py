"""Who may ask what: every route the router has, for six kinds of callers. A route without a row fails (G-22)."""

from dataclasses import replace

import pytest

from engine.records import BanKind
from handlers import social
from handlers.wire.access import SIGNED_IN
from tests.surfaces.goldens import send
from tests.surfaces.social.goldens import GOLDENS
from tests.surfaces.social.scene import OPTIONS, on_line

gen_test = pytest.mark.gen_test
KINDS = ("nobody", "bob", "jhinih", "wxy", "zhao", "ann")

OK, NOBODY, NOT_ALLOWED = 20000, -20001, -20008

# What each of them gets when he sends what the page shows: nobody, bob who is banned, and jhinih, wxy, zhao and ann,
# who is a super administrator. Where it says who asks, it is right for one of them only.
ANYBODY = (OK,) * 6
MEMBERS = (NOBODY, NOT_ALLOWED, OK, OK, OK, OK)
NOT_THE_BANNED = (OK, NOT_ALLOWED, OK, OK, OK, OK)
TABLE: dict[str, tuple[int, ...]] = {
    "POST /api/login/send-code": ANYBODY,
    "POST /api/login/register": ANYBODY,
    "POST /api/login/login": ANYBODY,
    "POST /api/login/refresh-token": ANYBODY,
    # Whoever is banned may still leave.
    "POST /api/login/logout": (NOBODY, OK, OK, OK, OK, OK),
    "GET /api/user/get-user-info": MEMBERS,
    "GET /api/user/get-my-info": MEMBERS,
    "GET /api/user/get-profile": MEMBERS,
    # Administrators may.
    "POST /api/user/set-profile": (NOBODY, NOT_ALLOWED, NOT_ALLOWED, OK, NOT_ALLOWED, OK),
    "POST /api/user/set-role": (NOBODY, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED, OK),
    "GET /api/videos": MEMBERS,
    "POST /api/videos/create-video": MEMBERS,
    "POST /api/videos/like-video": MEMBERS,
    "GET /api/videos/get-video-likes": MEMBERS,
    "POST /api/videos/comment-video": MEMBERS,
    "POST /api/videos/comment-comments": MEMBERS,
    "POST /api/videos/like-comments": MEMBERS,
    "GET /api/videos/get-comments": MEMBERS,
    "GET /api/videos/get-comment-all": MEMBERS,
    "GET /api/videos/get-comment-member": MEMBERS,
    "GET /api/videos/get-comment-likes": MEMBERS,
    "POST /api/contact/add-friend": MEMBERS,
    "POST /api/contact/get-friend-list": MEMBERS,
    "GET /api/contact/get-user-list-online": NOT_THE_BANNED,
    "GET /api/contact/get-group-users": MEMBERS,
    "GET /api/contact/get-group-list": MEMBERS,
    "POST /api/contact/create-community": MEMBERS,
    "POST /api/contact/join-community": MEMBERS,
    "POST /api/contact/load-community": MEMBERS,
    "GET /api/chat/ws-ticket": MEMBERS,
    "GET /api/chat/history": MEMBERS,
}
# Files come and go as streams (test_files), and a socket has no code (test_socket).
OTHERS = {"POST /api/file/upload", "GET /uploads/{name}", "GET /api/chat/ws", "GET /ws"}
BY_CALL = {golden.call: golden for golden in reversed(GOLDENS)}
ENDPOINTS = {f"{one.method} {one.path}": one for one in social.surface(OPTIONS).endpoints}
SIGNED = [row for row in TABLE if row in ENDPOINTS and ENDPOINTS[row].access is SIGNED_IN]


@gen_test
async def test_every_route_has_a_row():
    async with on_line() as scene:
        routes = {f"{method} {path}" for method, path, _ in scene.door.routes()}

        assert routes == TABLE.keys() | OTHERS


@gen_test
@pytest.mark.parametrize("row", [row for row in TABLE if row in BY_CALL])
async def test_a_route_lets_in_whom_it_should(row):
    codes = []
    for kind in KINDS:
        async with on_line() as scene:
            scene.bob = await scene.newcomer("bob")
            golden = BY_CALL[row]
            if golden.given:
                await golden.given(scene)
            await scene.ban(scene.bob, BanKind.ACCOUNT)
            before = scene.dump()

            answered = await send(scene, replace(golden, who=kind), row)

            codes.append(answered.body["code"])
            # Whoever was refused has changed nothing.
            assert answered.body["code"] == OK or scene.dump() == before

    says_who = BY_CALL[row].sent.get("user_id")
    assert codes == [
        code if code != OK or says_who in (None, f"<{kind}>") else NOT_ALLOWED
        for kind, code in zip(KINDS, TABLE[row], strict=True)
    ]


CREDENTIALS: tuple[tuple[str | None, int], ...] = (
    (None, -20001),
    ("", -20001),
    ("Bearer", -20001),
    ("Bearer ", -20001),
    ("<atoken>", -20005),
    ("Basic <atoken>", -20005),
    ("Token token=<atoken>", -20005),
    ("Bearer x", -20004),
    ("Bearer a.b.c", -20004),
    ("Bearer <atoken>.x", -20004),
    ("Bearer Bearer <atoken>", -20004),
    ("Bearer <forged>", -20002),
    ("Bearer <signed out>", -20002),
    ("Bearer <expired>", -20000),
    ("Bearer <rtoken>", -20003),
    ("Bearer <ticket>", -20003),
)


@gen_test
@pytest.mark.parametrize("row", SIGNED)
async def test_a_credential_that_is_not_good_is_told_what_is_wrong_with_it(row):
    async with on_line() as scene:
        golden = BY_CALL[row]
        if golden.given:
            await golden.given(scene)
        words = await scene.words(scene.wxy)
        before = scene.dump()
        for header, code in CREDENTIALS:
            written = header or ""
            for name, word in words.items():
                written = written.replace(f"<{name}>", word)
            headers = {} if header is None else {"Authorization": written}
            # They count for the address that they come from.
            await scene.limits_clock.advance(60_000)

            answered = await send(scene, replace(golden, who="nobody", headers=headers), row)

            assert (answered.status, answered.body["code"], answered.body["data"]) == (200, code, {}), header
        assert scene.dump() == before


@gen_test
@pytest.mark.parametrize("row", SIGNED)
async def test_the_level_that_a_path_needs_is_a_setting(row):
    endpoint = ENDPOINTS[row]
    options = social.SocialOptions(minimum_levels={endpoint.path: 2})
    async with on_line(surface=options) as scene:
        answered = await scene.call(scene.wxy, endpoint.method, endpoint.path.lstrip("/"), dict(BY_CALL[row].sent))

        # Whoever asks for what is not acceptable either is told that first.
        assert answered.body["code"] in (NOT_ALLOWED, 10001, 10003)


@gen_test
@pytest.mark.parametrize("level", [1, 2])
async def test_whoever_has_the_level_passes_at_once(level):
    options = social.SocialOptions(minimum_levels={"/api/user/get-my-info": level})
    async with on_line(surface=options) as scene:
        assert await scene.refused(scene.wxy, "GET", "/api/user/get-my-info") == NOT_ALLOWED

        await scene.told(scene.ann, "POST", "/api/user/set-role", {"id": scene.wxy.id, "role": str(level)})

        assert (await scene.told(scene.wxy, "GET", "/api/user/get-my-info"))["role"] == str(level)
