"""Rate limits over two nodes: exact, per endpoint and per client, also without Redis (SO-8, ALL-13)."""

from contextlib import suppress
from typing import Any

import pytest

from engine.errors import TooMany
from handlers import social
from handlers.social.limits import OF_RENEWALS, OF_SIGN_INS, OF_UPLOADS, OFTEN, a_second
from handlers.wire.limits import Limit, Limiter, SharedLimit
from store.interfaces.errors import Unavailable
from store.interfaces.stores import Stores
from tests.support.fakes import FakeClock
from tests.support.stores import on_every_store
from tests.surfaces.social.scene import OPTIONS, Scene, on_line

gen_test = pytest.mark.gen_test
OK, TOO_OFTEN, NOT_COUNTED = 20000, -20007, 60004
MY_INFO, LOGIN = "/api/user/get-my-info", "/api/login/login"
LIMITS = {one.path: one.limit for one in social.surface(OPTIONS).endpoints if one.limit is not None}


class Away:
    """A Redis that does not answer."""

    async def take(self, key: str, *, rate: int, per_ms: int, burst: int) -> int:
        raise Unavailable


def count_by(scene: Scene, shared: SharedLimit) -> None:
    """From now on this node's limits are counted there."""
    for admission in scene.door.admissions.values():
        admission.limiter = Limiter(scene.limits_clock, shared=shared)


async def code(scene: Scene, who: Any, path: str = MY_INFO, sent: Any = None) -> int:
    method = "GET" if path == MY_INFO else "POST"
    return int((await scene.call(who, method, path.lstrip("/"), sent)).body["code"])


@gen_test
async def test_a_burst_is_one_burst_over_two_nodes():
    async with on_line() as here, on_line() as there:
        for scene in (here, there):
            count_by(scene, here.engine.world.stores.limits)
        limit = LIMITS[MY_INFO]

        codes = [await code(scene, scene.wxy) for _ in range(limit.burst) for scene in (here, there)]

        assert codes.count(OK) == limit.burst == 10
        assert codes[: limit.burst] == [OK] * limit.burst
        assert set(codes[limit.burst :]) == {TOO_OFTEN}
        # Others have a bucket of their own, and so has every other endpoint.
        assert await code(there, there.zhao) == OK
        assert (await there.told(there.wxy, "GET", "/api/user/get-profile"))["id"] == there.wxy.id
        # What flows in flows in once: five a second.
        await here.clock.advance(1_000)
        codes = [await code(scene, scene.wxy) for _ in range(5) for scene in (here, there)]
        assert codes.count(OK) == 5


@gen_test
async def test_it_is_said_when_one_may_come_back():
    async with on_line() as scene:
        count_by(scene, scene.engine.world.stores.limits)
        sent = {"email": "nobody@example.com", "password": "x"}
        answers = [await scene.call(None, "POST", "api/login/login", sent) for _ in range(5)]

        assert [one.body["code"] for one in answers] == [10009] * 4 + [TOO_OFTEN]
        assert answers[-1].headers["Retry-After"] == "15"


@gen_test
async def test_without_redis_each_node_counts_for_itself_but_nobody_signs_in_and_no_code_is_mailed():
    async with on_line() as scene:
        count_by(scene, Away())
        burst = LIMITS[MY_INFO].burst

        codes = [await code(scene, scene.wxy) for _ in range(burst + 1)]

        assert codes == [OK] * burst + [TOO_OFTEN]
        fine = {"email": scene.wxy.email, "password": "123456"}
        for path, sent in (
            (LOGIN, fine),
            ("/api/login/send-code", {"email": "new@example.com"}),
            ("/api/login/register", fine | {"code": "1", "username": "new"}),
        ):
            assert await code(scene, scene.wxy, path, sent) == NOT_COUNTED, path
        assert scene.mail.sent == []
        # Whoever is in stays in, and may leave.
        assert await code(scene, scene.wxy, "/api/login/refresh-token", {"rtoken": scene.wxy.rtoken}) == OK
        assert await code(scene, scene.wxy, "/api/login/logout", {}) == OK


@gen_test
async def test_nobody_gets_round_a_limit_by_a_header():
    async with on_line() as scene:
        sent = {"email": "nobody@example.com", "password": "x"}
        codes = []
        for number in range(6):
            headers = {"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"}
            codes.append((await scene.call(None, "POST", "api/login/login", sent, headers=headers)).body["code"])

        assert codes == [10009] * 4 + [TOO_OFTEN] * 2


@on_every_store
@pytest.mark.parametrize(
    "limit",
    [OFTEN, OF_UPLOADS, OF_SIGN_INS, OF_RENEWALS, a_second(20, burst=40), a_second(5, burst=10)],
    ids=lambda limit: f"{limit.rate} in {limit.per_ms}, {limit.burst} at once",
)
async def test_every_documented_burst_is_exact_over_two_nodes(stores: Stores, limit: Limit) -> None:
    clock = FakeClock()
    nodes = [Limiter(clock, shared=stores.limits) for _ in range(2)]
    began_ms, passed = clock.mono_ms(), 0

    for number in range(2 * limit.burst):
        with suppress(TooMany):
            await nodes[number % 2].take("/path", "#1", limit)
            passed += 1

    # A real store's time goes on meanwhile, and lets some flow in.
    flowed_in = (clock.mono_ms() - began_ms) * limit.rate // limit.per_ms
    assert limit.burst <= passed <= limit.burst + flowed_in + 1
    await nodes[0].take("/other", "#1", limit)
    await nodes[1].take("/path", "#2", limit)
