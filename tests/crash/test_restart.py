"""Out and in again: what a second ``run`` makes of the calls that the first one left, and how the first one leaves.

Source: DS-5, CA-28, D-13, D-18, G-5.
"""

import asyncio
import time
from typing import Final

import pytest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from engine.billing.posting import decide
from engine.room.formats import PUSHER
from store.interfaces.calls import CallRecord, EndReason, HistoryLine, Phase
from store.interfaces.ids import NOBODY, CallId, NodeId, PersonId
from store.interfaces.ledger import Verdict
from store.interfaces.rooms import Face, SeatRecord
from store.opened import OpenedStores
from tests.crash.load import PRICE_DIAMONDS, Person, Tally, open_directly, sign_in
from tests.crash.processes import ServerProcess, figure, running_stores
from tests.invariants import snapshot_of, violations
from tests.support.records import a_call, a_grant, a_minute, a_room, next_version

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.mongo]

MINUTE_MS: Final = 8_000
GRACE_MS: Final = 5_000
FIRST_ALONE_S: Final = 6.0
HEARD_S_MAX: Final = 10.0
RESTART: Final = 1012

CALLS: Final = 1_000
ROOMS: Final = 200
AT_ONCE: Final = 100
RESUMED_S_MAX: Final = 5.0
DEAD: Final = NodeId("left#1")


class Pair:
    """Tom and Mei, or two like them."""

    def __init__(self, guest: Person, anchor: Person) -> None:
        self.guest = guest
        self.anchor = anchor
        self.call_id = CallId(0)

    async def show_themselves(self) -> None:
        """Ask anything, so that the server sees both."""
        await self.anchor.insist("/app/live/getMatchInfo", targetUserId=self.guest.id)
        await self.guest.insist("/app/live/getGiftList")

    async def call(self) -> None:
        """Ring, start, and pay minute 1."""
        await self.show_themselves()
        rung = await self.guest.insist("/app/live/callApplyGirl", targetUserId=self.anchor.id)
        self.call_id = CallId(rung["recordId"])
        started = await self.anchor.insist("/app/live/startCall", targetUserId=self.guest.id)
        assert started["code"] == 0
        assert await self.bill() == (1, PRICE_DIAMONDS)

    async def hang_up(self) -> None:
        over = await self.guest.insist("/app/live/hangUpGirl", targetUserId=self.anchor.id)
        assert over["code"] == 0

    async def bill(self) -> tuple[int, int]:
        """Minutes and diamonds, as the guest is told."""
        bill = await self.guest.insist("/app/live/getCallResultGuest", roomInstanceId=self.call_id)
        assert bill["code"] == 0, bill
        minutes, diamonds = bill["callTime"], bill["callDiamond"]
        return int(minutes.removesuffix("分钟")), int(diamonds.removeprefix("消耗").removesuffix("钻石"))

    async def close(self) -> None:
        await self.guest.http.close()
        await self.anchor.http.close()


async def a_pair(server: ServerProcess, name: str) -> Pair:
    def port() -> int:
        return server.http_port

    return Pair(
        await sign_in(port, Tally(), f"tom-{name}", diamonds=1_000),
        await sign_in(port, Tally(), f"mei-{name}", role="master", price=PRICE_DIAMONDS),
    )


async def socket_of(server: ServerProcess, person: Person) -> WebSocketClientConnection:
    address = f"ws://127.0.0.1:{server.http_port}/weapp/live_room/ws?userID={person.id}&token={person.token}"
    async with asyncio.timeout(HEARD_S_MAX):
        return await websocket_connect(address)


async def closed_with(socket: WebSocketClientConnection) -> int | None:
    """The close code, once the other side has closed."""
    async with asyncio.timeout(HEARD_S_MAX):
        while await socket.read_message() is not None:
            pass
    code = socket.close_code
    socket.close()
    return code


async def looked_at(server: ServerProcess) -> dict[CallId, CallRecord]:
    """The calls that a server with its own stores left behind, once nothing is wrong with any."""
    async with (
        running_stores(server.data_dir) as stores,
        await open_directly(stores.mongo_uri, stores.redis_url) as opened,
    ):
        now = await snapshot_of(opened)
    assert violations(now, minute_ms=MINUTE_MS, is_settled=True) == []
    return dict(now.calls)


@pytest.mark.real_loop(deadline_s=120)
async def test_a_second_run_after_a_kill_resumes_what_is_paid_for_and_ends_what_is_not(tmp_path):
    async with ServerProcess(tmp_path / "server", billing__minute_ms=MINUTE_MS, calls__grace_ms=GRACE_MS) as server:
        await server.start()
        late, early = await a_pair(server, "late"), await a_pair(server, "early")
        await late.call()
        late_until_s = time.monotonic() + MINUTE_MS / 1_000
        await asyncio.sleep(FIRST_ALONE_S)
        await early.call()
        early_until_s = time.monotonic() + MINUTE_MS / 1_000

        await server.kill()
        # However fast this machine is: what the one paid for is over before the next life looks.
        await asyncio.sleep(max(0.0, late_until_s - time.monotonic()))
        # The stores of the killed one may be there still; the new ones get the better of them.
        await server.start()
        assert time.monotonic() < early_until_s, "this machine is too slow for this test"
        await early.show_themselves()

        # The minute that was paid for goes on by as much as was missed; then the next one begins.
        async with asyncio.timeout(2 * MINUTE_MS / 1_000):
            while await early.bill() == (1, PRICE_DIAMONDS):
                await asyncio.sleep(0.1)
        second_minute_s = time.monotonic()
        await early.hang_up()
        assert await early.bill() == (2, 2 * PRICE_DIAMONDS)
        assert await late.bill() == (1, PRICE_DIAMONDS)
        await early.close()
        await late.close()
        assert await server.stop() == 0
    calls = await looked_at(server)

    figure("G-5", "ready-with-own-stores-s", f"{server.ready_s[-1]:.1f}", "<=5", ok=server.ready_s[-1] <= 5)
    resumed, ended = calls[early.call_id], calls[late.call_id]
    assert (resumed.epoch, resumed.end_reason, resumed.minutes_paid) == (2, EndReason.HUNG_UP, 2)
    assert [line.event for line in resumed.history if line.by == "store"] == ["taken over"]
    assert resumed.unbilled_ms > 0
    assert second_minute_s - early_until_s >= resumed.unbilled_ms / 1_000 - 0.5
    assert (ended.end_reason, ended.minutes_paid) == (EndReason.OUTAGE, 1)
    assert ended.started_at_ms is not None
    assert ended.ended_at_ms == ended.started_at_ms + MINUTE_MS


@pytest.mark.real_loop(deadline_s=120)
async def test_a_server_that_is_told_to_stop_says_so_and_the_next_run_resumes_its_calls(tmp_path):
    async with ServerProcess(tmp_path / "server", billing__minute_ms=60_000, calls__grace_ms=GRACE_MS) as server:
        await server.start()
        pair = await a_pair(server, "both")
        await pair.call()
        sockets = [await socket_of(server, pair.guest), await socket_of(server, pair.anchor)]

        began_s = time.monotonic()
        stopping = asyncio.create_task(server.stop())
        codes = [await closed_with(socket) for socket in sockets]
        exit_code = await stopping
        stopped_s = time.monotonic() - began_s

        await server.start()
        sockets = [await socket_of(server, pair.guest), await socket_of(server, pair.anchor)]
        match = await pair.anchor.insist("/app/live/getMatchInfo", targetUserId=pair.guest.id)
        gift = await pair.guest.insist("/app/live/sendGift", key="after", giftId=1, amount=1)
        await pair.hang_up()
        bill = await pair.bill()
        for socket in sockets:
            socket.close()
            await closed_with(socket)
        await pair.close()
        assert await server.stop() == 0
    calls = await looked_at(server)

    figure("drain", "exit-after-sigterm-s", f"{stopped_s:.1f}", "<=30", ok=stopped_s <= 30)
    assert codes == [RESTART, RESTART]
    assert exit_code == 0
    assert (match["matchStatus"], match["recordId"]) == (1, pair.call_id)
    assert gift["code"] == 0
    assert bill == (1, PRICE_DIAMONDS)
    call = calls[pair.call_id]
    assert (call.end_reason, call.minutes_paid, call.epoch) == (EndReason.HUNG_UP, 1, 2)
    assert [line.event for line in call.history if line.event in ("taken over", "back")] == [
        "taken over",
        "back",
        "back",
    ]


@pytest.mark.real_loop(deadline_s=60)
async def test_a_second_server_on_the_same_folder_is_told_who_has_it(tmp_path):
    async with (
        running_stores(tmp_path / "stores") as stores,
        ServerProcess(tmp_path / "server", stores) as first,
        ServerProcess(tmp_path / "server", stores) as second,
    ):
        await first.start()

        await second.launch()
        exit_code = await second.wait()

        assert exit_code == 1
        assert f"is in use by process {first.pid}" in second.log
        assert first.is_running
        assert await first.stop() == 0


@pytest.mark.real_loop(deadline_s=120)
async def test_a_thousand_calls_and_two_hundred_rooms_are_resumed_within_five_seconds(tmp_path):
    async with (
        running_stores(tmp_path / "stores") as stores,
        await open_directly(stores.mongo_uri, stores.redis_url) as opened,
        ServerProcess(tmp_path / "server", stores) as server,
    ):
        await _leave_behind(opened)

        took_s = await server.start()

        calls, rooms = await opened.calls.live(limit=2 * CALLS), await opened.rooms.open_rooms(limit=2 * ROOMS)
        owners = {call.owner for call in calls} | {room.owner for room in rooms}
        epochs = [call.epoch for call in calls] + [room.epoch for room in rooms]
        audit = await opened.ledger.audit()
        assert await server.stop() == 0

    figure("G-5", "1000-calls-200-rooms-resumed-s", f"{took_s:.1f}", "<=5", ok=took_s <= RESUMED_S_MAX)
    assert len(owners) == 1
    assert not owners & {NOBODY, DEAD}
    assert epochs == [2] * (CALLS + ROOMS)
    assert {call.phase for call in calls} == {Phase.RINGING, Phase.CONNECTED}
    assert audit.findings == ()


async def _leave_behind(stores: OpenedStores) -> None:
    """What a node leaves that dies with half of its calls ringing and the other half connected."""
    lease = await stores.leases.begin(DEAD.partition("#")[0], lease_ms=60_000, supersedes=True)
    assert lease.id == DEAD
    now_ms = lease.now_ms
    for first in range(0, CALLS, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        ringing = [
            a_call(
                50_001 + number,
                guest_id=PersonId(100_000 + number),
                anchor_id=PersonId(200_000 + number),
                owner=lease.id,
                rung_at_ms=now_ms,
                ring_until_ms=now_ms + 60_000,
                history=(HistoryLine(at_ms=now_ms, event="rang", by="guest"),),
            )
            for number in numbers
        ]
        await asyncio.gather(*(stores.calls.add(call) for call in ringing))
        if first < CALLS // 2:
            continue
        joining = [
            next_version(
                call,
                phase=Phase.JOINING,
                answered_at_ms=now_ms,
                join_until_ms=now_ms + 60_000,
                start_stated=True,
                history=(
                    *call.history,
                    HistoryLine(at_ms=now_ms, event="answered", by="anchor"),
                    HistoryLine(at_ms=now_ms, event="start", by="anchor"),
                ),
            )
            for call in ringing
        ]
        await asyncio.gather(*(stores.calls.save(call) for call in joining))
        await stores.ledger.post([a_grant(call.guest_id, 1_000) for call in joining], decide)
        while await stores.ledger.fold(10):
            pass
        paid = await stores.ledger.post([a_minute(call, 1, begins_at_ms=now_ms) for call in joining], decide)
        assert {outcome.verdict for outcome in paid} == {Verdict.POSTED}
    await stores.ledger.sent([row.id for row in await stores.ledger.unsent(CALLS)])
    rooms = [
        a_room(
            f"room-{number}",
            anchor_id=PersonId(300_000 + number),
            created_at_ms=now_ms,
            owner=lease.id,
            seats=(
                SeatRecord(
                    person_id=PersonId(300_000 + number),
                    seat=PUSHER,
                    stream=f"s{number}",
                    face=Face(nickname="anchor"),
                    since_ms=now_ms,
                ),
            ),
        )
        for number in range(ROOMS)
    ]
    await asyncio.gather(*(stores.rooms.add(room) for room in rooms))
    await stores.leases.end(lease.id)
