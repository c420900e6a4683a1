"""Shows as they happen: on air and off, who is inside, and who goes on after a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from engine.errors import Banned, Busy, Forbidden, NotFound, SessionEnded, StoreDown, WrongRole
from engine.events import RightEnded, RoomClosed, RoomShown
from engine.ports import Position
from engine.services.shows import show_id
from engine.settings import Settings, Site
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import Ban, BanKind
from store.interfaces.rooms import SanctionKind
from store.interfaces.shows import ShowInfo, ShowKind
from tests.people import Stage, Visit, on_a_visit

SWEEP_MS = 10_000
VIP = ShowInfo(title="", price=10, kind=ShowKind.VIP)


async def here(visit: Visit, person, room_id: RoomId, connection: str = "", since: Position | None = None):
    """The person opens a socket at the show."""
    connection = connection or f"{person.nickname}-1"
    visit.engine.presence.line_opened(person.id)
    return await visit.engine.show_rooms.visit(person, room_id, connection=connection, since=since)


def away(visit: Visit, person, connection: str = "") -> None:
    """It closes."""
    visit.engine.presence.line_closed(person.id, heard_at_ms=visit.engine.node.now_ms())
    visit.engine.show_rooms.gone(person.id, connection or f"{person.nickname}-1")


def inside(visit: Visit, room_id: RoomId) -> list[PersonId]:
    return list(visit.engine.show_rooms.get(room_id).audience)


def put_out(visit: Visit, person) -> list[RightEnded]:
    """What the person was told of rights that ended."""
    return [event for event in visit.stage.heard.events[person.id] if isinstance(event, RightEnded)]


def told(visit: Visit, connection: str) -> list[str]:
    """What a connection was given when it began to hear the room last."""
    return [type(event).__name__ for event, _ in visit.stage.heard.backlogs.get(connection, [])]


@asynccontextmanager
async def next_owner(visit: Visit) -> AsyncIterator[Visit]:
    """The same people after a restart of the server."""
    stage = Stage(visit.stage.stores, visit.engine.options, seed=1)
    await stage.start(supersedes=True)
    try:
        restarted = Visit.__new__(Visit)
        restarted.stage, restarted.switch, restarted.engine = stage, visit.switch, stage.engine
        restarted.jliu, restarted.yi, restarted.wei = visit.jliu, visit.yi, visit.wei
        yield restarted
    finally:
        await stage.tasks.cancel_all()


# --- on air ----------------------------------------------------------------------------------------------------------


async def test_a_show_is_on_air_from_start_to_stop_and_both_can_be_said_again():
    async with on_a_visit() as visit:
        shows = visit.engine.show_rooms

        show = await shows.start(visit.jliu, "Tina", date="2025-07-03@18h17m20s")
        began = shows.get(show.id).record
        await visit.stage.advance(1_000)
        await shows.start(visit.jliu, "Tina")

        assert show.id == show_id(visit.jliu.public_id, "Tina")
        assert shows.get(show.id).record == began
        assert await shows.is_on_air(show.id)

        await shows.stop(visit.jliu, show.id)
        await shows.stop(visit.jliu, show.id)
        assert not await shows.is_on_air(show.id)
        assert shows.on_air(show.id) is None
        with pytest.raises(NotFound):
            shows.get(show.id)


async def test_of_many_starts_at_once_all_find_the_show_on_air():
    async with on_a_visit() as visit:
        shows = visit.engine.show_rooms

        started = await asyncio.gather(*(shows.start(visit.jliu, "Tina") for _ in range(10)))

        assert len(set(started)) == 1
        assert [state.record.epoch for state in shows.listed()] == [1]


async def test_only_an_anchor_starts_a_show_and_only_her_own_is_hers_to_stop():
    async with on_a_visit() as visit:
        shows = visit.engine.show_rooms
        with pytest.raises(WrongRole):
            await shows.start(visit.yi, "Tina")
        with pytest.raises(NotFound):
            await shows.stop(visit.jliu, show_id(visit.jliu.public_id, "Nobody"))

        show = await shows.start(visit.jliu, "Tina")
        with pytest.raises(Forbidden):
            await shows.stop(visit.yi, show.id)
        banned = replace(visit.jliu, ban=Ban(kind=BanKind.BROADCAST, text="no", since_ms=0))
        with pytest.raises(Banned):
            await shows.start(banned, "Sera")

        assert [state.record.id for state in shows.listed()] == [show.id]


async def test_a_show_of_which_nothing_is_heard_for_long_is_off_air():
    assert Site().on_air_ms == 7 * 86_400_000
    async with on_a_visit(Settings(site=Site(on_air_ms=600_000))) as visit:
        shows = visit.engine.show_rooms
        show = await shows.start(visit.jliu, "Tina")
        await visit.stage.advance(300_000)
        other = await shows.start(visit.jliu, "Sera")

        await visit.stage.advance(300_000 - SWEEP_MS)
        assert await shows.is_on_air(show.id)
        await visit.stage.advance(2 * SWEEP_MS)

        assert not await shows.is_on_air(show.id)
        assert await shows.is_on_air(other.id)


# --- inside ----------------------------------------------------------------------------------------------------------


async def test_viewers_are_people_with_a_connection_and_go_with_their_last_one():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")

        await here(visit, visit.jliu, show.id)
        await here(visit, visit.yi, show.id, "a")
        await here(visit, visit.yi, show.id, "b")
        await here(visit, visit.wei, show.id)
        assert inside(visit, show.id) == [visit.yi.id, visit.wei.id]
        assert told(visit, "a") == told(visit, "b") == told(visit, "jliu-1") == ["RoomShown"]

        away(visit, visit.yi, "a")
        away(visit, visit.wei)
        await visit.stage.clock.settle()
        assert inside(visit, show.id) == [visit.yi.id]
        away(visit, visit.yi, "b")
        away(visit, visit.jliu)
        await visit.stage.clock.settle()
        assert inside(visit, show.id) == []
        assert visit.engine.show_rooms.visits_count == 0


async def test_somebody_at_two_shows_is_inside_only_of_those_where_he_still_has_a_connection():
    async with on_a_visit() as visit:
        shows = visit.engine.show_rooms
        tina, sera = [await shows.start(visit.jliu, name) for name in ("Tina", "Sera")]
        await here(visit, visit.yi, tina.id, "a")
        await here(visit, visit.yi, sera.id, "b")

        away(visit, visit.yi, "a")
        await visit.stage.advance(60_000)

        assert inside(visit, tina.id) == []
        assert inside(visit, sera.id) == [visit.yi.id]
        assert shows.shared_by(visit.yi.id, visit.jliu.id) == sera.id
        assert shows.shared_by(visit.wei.id, visit.jliu.id) is None


async def test_whoever_goes_before_he_was_let_in_is_not_inside():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")

        coming = asyncio.ensure_future(here(visit, visit.yi, show.id))
        await asyncio.sleep(0)
        away(visit, visit.yi)
        await coming
        await visit.stage.clock.settle()

        assert inside(visit, show.id) == []
        assert visit.engine.show_rooms.visits_count == 0


async def test_of_a_show_that_is_off_air_one_is_told_so_and_comes_in_when_it_begins():
    async with on_a_visit() as visit:
        show = await visit.show()

        assert await here(visit, visit.yi, show.id) == RoomClosed(room_id=show.id, status_code=0)
        assert await here(visit, visit.wei, show.id) == RoomClosed(room_id=show.id, status_code=0)
        away(visit, visit.wei)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.stage.clock.settle()
        assert inside(visit, show.id) == [visit.yi.id]
        assert told(visit, "yi zhao-1") == ["RoomShown"]

        await visit.engine.show_rooms.stop(visit.jliu, show.id)
        visit.stage.heard.backlogs.clear()
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.stage.clock.settle()
        assert inside(visit, show.id) == [visit.yi.id]
        assert told(visit, "yi zhao-1") == ["RoomShown"]


async def test_nobody_is_at_a_show_that_there_is_not():
    async with on_a_visit() as visit:
        with pytest.raises(NotFound):
            await here(visit, visit.yi, show_id(visit.jliu.public_id, "Nobody"))

        assert visit.engine.show_rooms.visits_count == 0


@pytest.mark.parametrize("is_on_air", [True, False])
async def test_into_a_show_that_costs_something_come_those_who_have_the_right(is_on_air: bool):
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.VIP, 10)
        if is_on_air:
            await visit.engine.show_rooms.start(visit.jliu, "Tina")
        guest = replace(visit.yi, id=PersonId(2**52 + 5), nickname="游客a1B2c3")

        for person in (visit.yi, visit.wei, guest):
            with pytest.raises(Forbidden):
                await here(visit, person, show.id)
        await visit.engine.admissions.pay(visit.yi, show, amount=None, key=None)
        await visit.subscribed(visit.wei, left_ms=60_000)
        for person in (visit.yi, visit.wei, visit.jliu):
            await here(visit, person, show.id)

        if is_on_air:
            assert inside(visit, show.id) == [visit.yi.id, visit.wei.id]
        assert visit.engine.show_rooms.visits_count == 3


async def test_a_one_to_one_show_holds_one():
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.ONE_TO_ONE, 10)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.engine.admissions.pay(visit.yi, show, amount=None, key=None)
        await here(visit, visit.yi, show.id)
        await here(visit, visit.jliu, show.id)
        await here(visit, visit.yi, show.id, "again")

        with pytest.raises(Busy):
            await visit.engine.admissions.pay(visit.wei, show, amount=None, key=None)
        assert await visit.diamonds(visit.wei) == [1_000]
        away(visit, visit.yi)
        away(visit, visit.yi, "again")
        await visit.stage.advance(60_000)
        await visit.engine.admissions.pay(visit.wei, show, amount=None, key=None)
        await here(visit, visit.wei, show.id)

        with pytest.raises(Busy):
            await here(visit, visit.yi, show.id)
        assert inside(visit, show.id) == [visit.wei.id]


async def test_whoever_loses_the_right_while_he_waits_is_not_let_in():
    async with on_a_visit() as visit:
        show = await visit.show()
        await here(visit, visit.yi, show.id)

        await visit.engine.shows.describe(visit.jliu, "Tina", ShowInfo(title="", price=10, kind=ShowKind.VIP))
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.stage.advance(2 * SWEEP_MS)

        assert inside(visit, show.id) == []
        assert told(visit, "yi zhao-1") == []
        assert put_out(visit, visit.yi) == [RightEnded(room_id=show.id, kind=ShowKind.VIP, price=10)]
        assert visit.engine.show_rooms.visits_count == 0


async def test_whoever_is_inside_without_a_right_when_a_show_begins_to_cost_something_is_told_so_and_out():
    async with on_a_visit() as visit:
        show, guest = await visit.show(), replace(visit.yi, id=PersonId(2**52 + 5), nickname="游客a1B2c3")
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.subscribed(visit.wei, left_ms=60_000)
        for person, connection in ((visit.jliu, ""), (visit.yi, "a"), (visit.yi, "b"), (visit.wei, ""), (guest, "")):
            await here(visit, person, show.id, connection)

        dear = await visit.engine.show_rooms.describe(visit.jliu, "Tina", VIP)
        await visit.stage.clock.settle()

        assert inside(visit, show.id) == [visit.wei.id]
        assert put_out(visit, visit.yi) == put_out(visit, guest)
        assert put_out(visit, guest) == [RightEnded(room_id=show.id, kind=ShowKind.VIP, price=10)]
        assert put_out(visit, visit.wei) == put_out(visit, visit.jliu) == []
        with pytest.raises(Forbidden):
            await here(visit, visit.yi, show.id, "c")
        await visit.engine.admissions.pay(visit.yi, dear, amount=None, key=None)
        await here(visit, visit.yi, show.id, "c")
        assert set(inside(visit, show.id)) == {visit.wei.id, visit.yi.id}


async def test_another_price_puts_nobody_out_and_asks_nobody():
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.VIP, 10)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.engine.admissions.pay(visit.yi, show, amount=None, key=None)
        await here(visit, visit.yi, show.id)
        visit.switch.is_down, visit.switch.only = True, "ledger.entry"

        await visit.engine.show_rooms.describe(visit.jliu, "Tina", replace(VIP, price=99))
        await visit.stage.advance(2 * SWEEP_MS)

        assert inside(visit, show.id) == [visit.yi.id]
        assert put_out(visit, visit.yi) == []


async def test_a_show_that_becomes_one_to_one_keeps_those_who_have_paid_and_no_subscribers():
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.VIP, 10)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.subscribed(visit.wei, left_ms=60_000)
        await visit.engine.admissions.pay(visit.yi, show, amount=None, key=None)
        for person in (visit.yi, visit.wei):
            await here(visit, person, show.id)

        await visit.engine.show_rooms.describe(visit.jliu, "Tina", replace(VIP, kind=ShowKind.ONE_TO_ONE))
        await visit.stage.clock.settle()

        assert inside(visit, show.id) == [visit.yi.id]
        assert put_out(visit, visit.wei) == [RightEnded(room_id=show.id, kind=ShowKind.ONE_TO_ONE, price=10)]


async def test_a_subscriber_is_out_when_his_subscription_ends_unless_there_is_another_right():
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.VIP, 10)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        for person in (visit.yi, visit.wei):
            await visit.subscribed(person, left_ms=30_000)
            await here(visit, person, show.id)
        await visit.engine.admissions.pay(visit.yi, show, amount=None, key=None)

        await visit.stage.advance(29_000)
        assert inside(visit, show.id) == [visit.yi.id, visit.wei.id]
        await visit.stage.advance(1_000 + SWEEP_MS)

        assert inside(visit, show.id) == [visit.yi.id]
        assert len(put_out(visit, visit.wei)) == 1


async def test_what_another_node_was_told_of_a_show_is_found_by_the_sweep_and_by_the_next_where_the_store_was_away():
    async with on_a_visit() as visit:
        show = await visit.show()
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await here(visit, visit.yi, show.id)
        visit.switch.is_down, visit.switch.only = True, "ledger.entry"

        await visit.engine.shows.describe(visit.jliu, "Tina", VIP)
        await visit.stage.advance(2 * SWEEP_MS)
        assert inside(visit, show.id) == [visit.yi.id]

        visit.switch.is_down = False
        await visit.stage.advance(2 * SWEEP_MS)
        assert inside(visit, show.id) == []
        assert len(put_out(visit, visit.yi)) == 1


async def test_whoever_waits_for_the_place_of_a_one_to_one_show_comes_in_when_it_is_free():
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.ONE_TO_ONE, 0)
        await here(visit, visit.yi, show.id)
        await here(visit, visit.wei, show.id)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.stage.clock.settle()
        assert inside(visit, show.id) == [visit.yi.id]

        away(visit, visit.yi)
        await visit.stage.advance(2 * SWEEP_MS)

        assert inside(visit, show.id) == [visit.wei.id]


async def test_a_store_that_is_away_keeps_people_waiting_and_the_sweep_lets_them_in():
    async with on_a_visit() as visit:
        show = await visit.show(ShowKind.VIP, 10)
        await visit.engine.admissions.pay(visit.yi, show, amount=None, key=None)
        await here(visit, visit.yi, show.id)
        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.engine.show_rooms.stop(visit.jliu, show.id)
        visit.switch.is_down, visit.switch.only = True, "ledger.entry"

        await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await visit.stage.clock.settle()
        assert inside(visit, show.id) == []

        visit.switch.is_down = False
        await visit.stage.advance(2 * SWEEP_MS)
        assert inside(visit, show.id) == [visit.yi.id]


async def test_whoever_is_banned_from_a_show_is_out_and_stays_out():
    async with on_a_visit() as visit:
        shows = visit.engine.show_rooms
        show = await shows.start(visit.jliu, "Tina")
        await here(visit, visit.yi, show.id)

        await visit.engine.rooms.impose(None, show.id, visit.yi.id, SanctionKind.BAN, until_ms=None)
        assert inside(visit, show.id) == []
        with pytest.raises(Banned):
            await here(visit, visit.yi, show.id, "again")
        await shows.stop(visit.jliu, show.id)
        await shows.start(visit.jliu, "Tina")
        await visit.stage.advance(2 * SWEEP_MS)

        assert inside(visit, show.id) == []


async def test_shows_with_more_viewers_come_first_then_those_that_began_last():
    async with on_a_visit() as visit:
        shows = visit.engine.show_rooms
        ids = []
        for name in ("A", "B", "C"):
            ids.append((await shows.start(visit.jliu, name)).id)
            await visit.stage.advance(1_000)
        a, b, c = ids
        assert [state.record.id for state in shows.listed()] == [c, b, a]

        await here(visit, visit.yi, a, "1")
        await here(visit, visit.wei, a, "2")
        await here(visit, visit.yi, b, "3")

        assert [state.record.id for state in shows.listed()] == [a, b, c]


# --- owners ----------------------------------------------------------------------------------------------------------


async def test_after_a_restart_the_show_goes_on_and_viewers_are_inside_again_as_they_come_back():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        await here(visit, visit.yi, show.id)
        await here(visit, visit.wei, show.id)
        await visit.stage.advance(5_000)
        await visit.stage.kill()

        async with next_owner(visit) as restarted:
            assert await restarted.engine.show_rooms.is_on_air(show.id)
            await here(restarted, visit.yi, show.id, since=Position(1, 0))
            (shown, position), *_ = restarted.stage.heard.backlogs["yi zhao-1"]
            assert isinstance(shown, RoomShown)
            assert not shown.is_recovered
            assert position is not None
            assert position.epoch > 1
            await restarted.stage.advance(60_000)

            assert inside(restarted, show.id) == [visit.yi.id]


async def test_whoever_was_at_a_show_before_the_restart_and_is_at_another_now_is_not_inside():
    async with on_a_visit() as visit:
        tina, sera = [await visit.engine.show_rooms.start(visit.jliu, name) for name in ("Tina", "Sera")]
        await here(visit, visit.yi, tina.id)
        await visit.stage.advance(5_000)
        await visit.stage.kill()

        async with next_owner(visit) as restarted:
            await here(restarted, visit.yi, sera.id)
            await restarted.stage.advance(60_000)

            assert inside(restarted, tina.id) == []
            assert inside(restarted, sera.id) == [visit.yi.id]


async def test_a_show_that_is_on_air_elsewhere_is_not_here():
    async with on_a_visit() as visit:
        show = await visit.engine.show_rooms.start(visit.jliu, "Tina")
        options = visit.engine.options
        stage = Stage(visit.stage.stores, replace(options, node=replace(options.node, name="another")), seed=1)
        await stage.start(supersedes=False)

        for asked in (
            stage.engine.show_rooms.is_on_air(show.id),
            stage.engine.show_rooms.start(visit.jliu, "Tina"),
            stage.engine.show_rooms.stop(visit.jliu, show.id),
            stage.engine.show_rooms.visit(visit.yi, show.id, connection="a", since=None),
            stage.engine.show_chat.say(visit.yi, show.id, "hi", shown_id="30002"),
        ):
            with pytest.raises(SessionEnded):
                await asked
        one_to_one = await visit.show(ShowKind.ONE_TO_ONE, 10)
        with pytest.raises(SessionEnded):
            await stage.engine.admissions.pay(visit.yi, one_to_one, amount=None, key=None)
        assert await visit.diamonds(visit.yi) == [1_000]
        assert stage.engine.show_rooms.visits_count == 0
        await stage.drain()


async def test_of_a_store_that_is_away_nobody_is_told_that_a_show_is_off_air():
    async with on_a_visit() as visit:
        show = await visit.show()
        visit.switch.is_down, visit.switch.only = True, "rooms.get"

        with pytest.raises(StoreDown):
            await here(visit, visit.yi, show.id)

        assert visit.engine.show_rooms.visits_count == 0
