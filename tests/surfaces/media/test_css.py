"""Tencent's callbacks: the vendor's vector, and what a captured or made-up notice can do. Source: protocols 1.2."""

import hashlib

import pytest

from handlers.media.css import BEGAN, ENDED, Notice, is_authentic
from tests.surfaces.media.booth import CSS_KEY, NOW_S, PUSH_HOST, in_booth

pytestmark = pytest.mark.real_loop(deadline_s=20)
VECTOR_T = 1_767_226_200
VECTOR_SIGN = "46c73cafd4a1cfd35de974de7f1f08e6"


def notice(booth, kind=BEGAN, sequence="6674468118806626493", **changes) -> dict[str, object]:
    """A notice as the service sends it, with what it is known to hold besides."""
    t = changes.pop("t", NOW_S + 600)
    query = booth.addresses.push(booth.name.removeprefix("8888_"), now_s=NOW_S).partition("?")[2]
    said = {
        "app": PUSH_HOST, "appid": 1_234_567, "appname": "live", "channel_id": booth.name, "errcode": 0,
        "errmsg": "The push client actively stopped the push", "event_time": NOW_S - 2, "event_type": kind,
        "height": 720, "idc_id": 35, "node": "192.0.2.35", "push_duration": "3000", "sequence": sequence, "set_id": 2,
        "sign": hashlib.md5(f"{CSS_KEY}{t}".encode()).hexdigest(), "stream_id": booth.name, "stream_param": query,
        "t": t, "user_ip": "192.0.2.7", "width": 1_280,
    }  # fmt: skip
    return {**said, **changes}


@pytest.mark.parametrize("t", [VECTOR_T, str(VECTOR_T)])
def test_the_vendors_vector(t):
    said = Notice(event_type=1, t=t, sign=VECTOR_SIGN)

    assert is_authentic(said, ("greenroom-cb-key",), now_s=VECTOR_T - 1)
    assert is_authentic(said, ("new", "greenroom-cb-key"), now_s=VECTOR_T - 1)
    assert not is_authentic(said, ("greenroom-cb-key",), now_s=VECTOR_T)
    assert not is_authentic(said, ("other",), now_s=VECTOR_T - 1)
    assert not is_authentic(said, (), now_s=VECTOR_T - 1)


@pytest.mark.parametrize("sign", ["", VECTOR_SIGN[:-1], VECTOR_SIGN.upper(), VECTOR_SIGN + "0", "é"])
def test_another_sign_is_none(sign):
    assert not is_authentic(Notice(event_type=1, t=VECTOR_T, sign=sign), ("greenroom-cb-key",), now_s=0)


def test_a_time_that_is_no_number_is_past():
    for t in ("", "soon", "-1", "1e12", "９９９９９９９９９９"):
        sign = hashlib.md5(f"{CSS_KEY}{t}".encode()).hexdigest()
        assert not is_authentic(Notice(event_type=1, t=t, sign=sign), (CSS_KEY,), now_s=0)


async def test_a_stream_begins_and_ends_by_notices():
    async with in_booth() as booth:
        assert await booth.notice(notice(booth)) == 200
        assert booth.on_air() != []

        assert await booth.notice(notice(booth, ENDED, "another")) == 200
        assert booth.running() == [booth.name]
        assert await booth.notice(notice(booth, ENDED)) == 200
        assert booth.running() == []
        assert await booth.notice(notice(booth)) == 200  # Repeated late.
        assert booth.running() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"app": "push.other.example"},
        {"appname": "other"},
        {"stream_id": "8888_room_none_10001"},
        {"stream_param": ""},
        {"stream_param": "txSecret=0&txTime=7FFFFFFF"},
        {"event_time": NOW_S - 3_600},
        {"event_type": 100},
        {"event_type": 321},
    ],
)
async def test_an_authentic_notice_of_nothing_of_ours_is_heard_and_changes_nothing(changes):
    async with in_booth() as booth:
        assert await booth.notice(notice(booth, **changes)) == 200
        assert booth.running() == []


async def test_what_is_not_authentic_is_refused():
    async with in_booth() as booth:
        wrong = notice(booth, sign="0" * 32)
        late = notice(booth, t=NOW_S)
        no_sign = {key: value for key, value in notice(booth).items() if key != "sign"}

        for sent in (wrong, late, no_sign, {}, notice(booth, event_type="1"), notice(booth, t=None)):
            assert await booth.notice(sent) == 403
        assert booth.running() == []


async def test_another_path_does_not_exist():
    async with in_booth() as booth:
        for path in ("0f3b9c5e7a2d4861f0e8", "x", "é", "%2e%2e"):
            assert await booth.notice(notice(booth), path=path) == 404
    async with in_booth(css=False) as booth:
        assert await booth.notice(notice(booth)) == 404


async def test_the_path_and_the_signatures_are_written_down_nowhere():
    async with in_booth() as booth:
        await booth.notice(notice(booth))
        described = await booth.post("people", "/openapi.json", "", method="GET")

        said = repr(booth.log.lines) + described.body.decode()
        assert "/media/css/{secret}" in said
        for secret in (booth.config.media.hooks.css_path, dict(booth.pushed())["txSecret"], CSS_KEY):
            assert secret not in said


async def test_the_service_is_told_to_repeat_what_could_not_be_judged():
    async with in_booth() as booth:
        await booth.engine.rooms.drop_all()

        assert await booth.notice(notice(booth)) in (409, 503)
        assert booth.running() == []
