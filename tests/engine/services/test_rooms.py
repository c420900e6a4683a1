"""What is the same for rooms of every kind: nothing is told before it is kept, owners change, people are waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import Banned, DeadlinePassed, EngineError, NotAMember, NotFound, SessionEnded, StoreDown
from engine.events import GiftSent, RoomShown, RoomTextSaid
from engine.ports import Position
from engine.room import actor as room_actor
from engine.room.messages import Say
from engine.room.state import Standing
from engine.services.blind_dates import room_of
from store.interfaces.ids import RoomId
from store.interfaces.people import BanKind
from store.interfaces.rooms import RoomKind, SanctionKind
from tests.people import Date, Stage, on_a_date

SWEEP_MS = 5_000
ROSE = 1


@asynccontextmanager
async def next_owner(date: Date, *, takes_over: bool = True) -> AsyncIterator[Date]:
    """The same people after a restart of the server, or without ``takes_over`` with another server."""
    options = date.engine.options
    if not takes_over:
        options = replace(options, node=replace(options.node, name="another"))
    stage = Stage(date.stage.stores, options, seed=1)
    await stage.start(supersedes=takes_over)
    try:
        yield Date(stage, date.switch, *date.all)
    finally:
        await stage.tasks.cancel_all()


def story(date: Date) -> list[tuple[str, Position]]:
    """What the room was told, and where in its story that stands; counts have no place there."""
    told = date.stage.heard.stories[date.room_id]
    return [(type(event).__name__, position) for event, position in told if position is not None]


def attended(date: Date) -> int:
    """In how many rooms people are, in the eyes of presence."""
    return sum(person.rooms_count for person in date.engine.presence._people.values())


def is_what(date: Date, person) -> str | None:
    place = date.engine.blind_dates.place_of(person.id)
    return None if place is None else place.standing.value


# --- kept, then told -----------------------------------------------------------------------------------------------


async def test_nothing_is_told_and_nothing_has_changed_until_the_store_has_it():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo)
        await date.engine.blind_dates.apply(date.bo, date.room_id)
        date.switch.is_down, date.switch.only = True, "rooms.save"

        sitting = asyncio.ensure_future(date.engine.blind_dates.sit(date.bo, date.room_id))
        await date.stage.advance(3_000)
        assert date.heard(date.bo) == ["RoomShown"]
        assert date.room.record.seats == ()
        assert not sitting.done()

        date.switch.is_down = False
        await date.stage.advance(1_000)
        assert (await sitting).standing == Standing.SEATED
        assert date.heard(date.bo) == ["RoomShown", "SeatTaken"]
        assert (await date.stage.stores.rooms.get(date.room_id)) == date.room.record


async def test_an_answer_that_was_lost_is_asked_for_again_and_told_once():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo)
        before = date.room.record.version
        date.switch.loses_answers, date.switch.only = True, "rooms.save"

        applying = asyncio.ensure_future(date.engine.blind_dates.apply(date.bo, date.room_id))
        await date.stage.advance(2_500)
        date.switch.loses_answers = False
        await date.stage.advance(1_000)

        assert (await applying).record.version == before + 1
        assert (await date.stage.stores.rooms.get(date.room_id)).version == before + 1


async def test_whoever_stops_waiting_for_a_store_does_not_undo_what_it_keeps_later():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo)
        date.switch.is_down, date.switch.only = True, "rooms.save"

        with pytest.raises(DeadlinePassed):
            await date.engine.blind_dates.apply(date.bo, date.room_id)
        date.switch.is_down = False
        await date.stage.advance(1_000)

        assert is_what(date, date.bo) == Standing.APPLIED
        assert [one.person_id for one in (await date.stage.stores.rooms.get(date.room_id)).applicants] == [date.bo.id]


async def test_a_room_whose_reopening_nobody_confirmed_gets_an_owner():
    async with on_a_date() as date:
        await date.open()
        await date.engine.blind_dates.end(date.hong, date.room_id)
        date.switch.loses_answers, date.switch.only = True, "rooms.reopen"

        with pytest.raises(StoreDown):
            await date.open()
        date.switch.loses_answers = False
        await date.stage.advance(2 * SWEEP_MS, seen=date.all)

        assert is_what(date, date.hong) == Standing.ANCHOR
        await date.open(date.bo)


# --- owners --------------------------------------------------------------------------------------------------------


async def test_an_owner_who_has_been_replaced_stops_and_nobody_listens_to_him():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.stage.stores.rooms.release(date.room_id, date.room.record.epoch)

        with pytest.raises(SessionEnded):
            await date.engine.blind_dates.apply(date.bo, date.room_id)
        await date.stage.clock.settle()

        assert date.stage.log.take("room_fenced")["room_id"] == date.room_id
        assert date.room_id not in date.stage.heard.rooms
        assert (attended(date), is_what(date, date.bo)) == (0, None)
        with pytest.raises(SessionEnded):
            date.engine.blind_dates.get(date.room_id)


async def test_a_room_that_is_nobodys_is_taken_over_by_the_sweep():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo)
        await date.stage.advance(3_000)
        await date.stage.stores.rooms.release(date.room_id, date.room.record.epoch)
        with pytest.raises(SessionEnded):
            await date.engine.blind_dates.apply(date.bo, date.room_id)
        date.stage.log.take("room_fenced")

        await date.stage.advance(2 * SWEEP_MS)

        assert is_what(date, date.bo) == Standing.WATCHING
        await date.engine.blind_dates.apply(date.bo, date.room_id)


async def test_who_watched_a_room_that_was_lost_is_in_it_again_with_it_whatever_the_presence_store_knows():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo, date.lin)
        await date.stage.stores.rooms.release(date.room_id, date.room.record.epoch)
        with pytest.raises(SessionEnded):
            await date.engine.blind_dates.apply(date.bo, date.room_id)
        date.stage.log.take("room_fenced")

        # While nobody has it, it is not gone.
        with pytest.raises(SessionEnded):
            await date.engine.blind_dates.enter(date.lin, date.room_id)
        await date.stage.advance(2 * SWEEP_MS)

        assert [is_what(date, person) for person in date.all] == ["anchor", "watching", "watching"]
        assert date.stage.heard.closed == []


async def test_who_waits_where_a_room_will_not_be_again_is_sent_to_look_for_it():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo, date.lin)
        await date.stage.stores.rooms.release(date.room_id, date.room.record.epoch)

        async with next_owner(date, takes_over=False):
            with pytest.raises(SessionEnded):
                await date.engine.blind_dates.apply(date.bo, date.room_id)
            date.stage.log.take("room_fenced")
            await date.stage.advance(2 * SWEEP_MS)

            assert sorted(date.stage.heard.closed) == sorted((person.id, 1012) for person in date.all)
            with pytest.raises(NotFound):
                date.engine.blind_dates.get(date.room_id)


async def test_a_room_that_crashed_goes_on_from_the_store_in_an_epoch_of_its_own(monkeypatch):
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        await date.stage.advance(3_000)
        before = date.engine.rooms.position(date.room_id)
        honest = room_actor.step

        def crash(state, message, **more):
            if isinstance(message, Say):
                raise ZeroDivisionError
            return honest(state, message, **more)

        monkeypatch.setattr(room_actor, "step", crash)
        with pytest.raises(EngineError):
            await date.engine.rooms.say(date.bo, date.room_id, "crash")
        monkeypatch.setattr(room_actor, "step", honest)
        await date.stage.advance(1_000)
        date.stage.log.take("actor_crashed")

        after = date.engine.rooms.position(date.room_id)
        assert (after.epoch, after.seq) == (before.epoch + 1, 0)
        assert [is_what(date, person) for person in date.all] == ["anchor", "seated", "watching"]
        assert attended(date) == 3
        await date.engine.rooms.say(date.bo, date.room_id, "hello")
        assert [date.heard(person)[-1] for person in date.all] == ["RoomTextSaid"] * 3


@pytest.mark.parametrize("takes_over", [True, False], ids=["restart", "another server"])
async def test_what_was_acknowledged_survives_its_owner(takes_over):
    async with on_a_date() as date:
        jim, ann = await date.stage.join("dev:jim?gender=1"), await date.stage.join("dev:ann?gender=2")
        eve = await date.stage.join("dev:eve?gender=2")
        date.connect(*date.all, jim, ann, eve)
        await date.open(date.bo, date.lin, jim, ann, eve)
        await date.seat(date.bo)
        await date.engine.blind_dates.apply(date.lin, date.room_id)
        await date.engine.rooms.like(jim, date.room_id, 7)
        await date.stage.advance(3_000)
        await date.engine.rooms.impose(date.hong, date.room_id, jim.id, SanctionKind.MUTE, until_ms=None)
        await date.engine.rooms.kick(date.hong, date.room_id, eve.id)  # The presence store does not know yet.
        before = date.room
        await date.stage.kill()

        async with next_owner(date, takes_over=takes_over) as then:
            if not takes_over:
                await then.stage.advance(20_000)

            state = then.room
            assert [is_what(then, person) for person in (*date.all, jim, ann, eve)] == [
                "anchor", "seated", "applied", "watching", "watching", None,
            ]  # fmt: skip
            assert (state.record.seats, state.record.applicants) == (before.record.seats, before.record.applicants)
            assert (state.likes_count, state.record.sanctions) == (7, before.record.sanctions)
            assert state.record.epoch == before.record.epoch + 1
            with pytest.raises(Banned):
                await then.engine.blind_dates.enter(eve, date.room_id)


async def test_after_a_restart_those_who_do_not_come_back_are_waited_for_as_ever():
    async with on_a_date() as date:
        jim, ann = await date.stage.join("dev:jim?gender=1"), await date.stage.join("dev:ann?gender=2")
        date.connect(*date.all, jim, ann)
        await date.open(date.bo, date.lin, jim, ann)
        for person in (date.bo, date.lin):
            await date.seat(person)
        await date.stage.advance(3_000)
        await date.stage.kill()

        async with next_owner(date) as then:
            then.connect(date.hong, date.bo, jim)  # Lin and ann do not come back.

            await then.stage.advance(29_000)
            assert [is_what(then, person) for person in (date.lin, ann)] == ["seated", "watching"]
            await then.stage.advance(SWEEP_MS + 1_500)
            assert [is_what(then, person) for person in (date.lin, ann)] == ["seated", None]
            await then.stage.advance(30_000)
            assert [is_what(then, person) for person in (*date.all, jim)] == ["anchor", "seated", None, "watching"]


async def test_after_a_restart_a_live_whose_matchmaker_does_not_come_back_ends():
    async with on_a_date() as date:
        await date.open(date.bo)
        await date.stage.advance(3_000)
        await date.stage.kill()

        async with next_owner(date) as then:
            then.connect(date.bo)
            await then.stage.advance(60_000 + SWEEP_MS + 1_000)

            assert then.engine.blind_dates.listed() == []
            assert then.heard(date.bo)[-1] == "RoomClosed"


async def test_a_presence_store_that_has_forgotten_everybody_costs_only_who_watches():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo, date.lin)
        await date.engine.blind_dates.apply(date.bo, date.room_id)
        await date.stage.advance(3_000)
        await date.stage.kill()
        await date.stage.stores.presence.withdraw(f"room/{date.room_id}", [person.id for person in date.all])

        async with next_owner(date) as then:
            assert [is_what(then, person) for person in date.all] == ["anchor", "applied", None]
            await then.engine.blind_dates.enter(date.lin, date.room_id)
            assert is_what(then, date.lin) == Standing.WATCHING


async def test_a_presence_store_that_is_down_stops_no_take_over():
    async with on_a_date() as date:
        await date.open(date.bo)
        await date.stage.kill()
        date.switch.is_down, date.switch.only = True, "presence.present"

        async with next_owner(date) as then:
            assert [is_what(then, person) for person in (date.hong, date.bo)] == ["anchor", None]
            then.stage.log.take("roster_not_read")


async def test_viewers_are_published_until_they_go_and_a_failing_store_is_told_again():
    async with on_a_date() as date:
        date.connect(*date.all)
        key = f"room/{date.room_id}"
        date.switch.is_down, date.switch.only = True, "presence.publish"
        await date.open(date.bo, date.lin)
        await date.stage.advance(2_500)
        date.stage.log.take("roster_not_published")
        date.switch.is_down = False

        await date.stage.advance(60_000)
        assert set(await date.stage.stores.presence.present(key, limit=9)) == {person.id for person in date.all}

        await date.engine.blind_dates.leave(date.lin, date.room_id)
        await date.stage.advance(2_500)
        assert date.lin.id not in await date.stage.stores.presence.present(key, limit=9)
        await date.engine.blind_dates.end(date.hong, date.room_id)
        await date.stage.advance(2_500)
        assert await date.stage.stores.presence.present(key, limit=9) == ()


async def test_a_restart_that_was_asked_for_keeps_everybody_where_he_is():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        await date.stage.advance(3_000)

        await date.stage.drain()

        assert attended(date) == 0
        async with next_owner(date) as then:
            assert [is_what(then, person) for person in date.all] == ["anchor", "seated", "watching"]


# --- who is waited for, and how long -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_what_before", "has_line", "grace_ms"),
    [
        ("watching", True, 30_000),
        ("applied", True, 30_000),
        ("seated", True, 60_000),
        ("anchor", True, 60_000),
        ("watching", False, 1_800_000),
        ("applied", False, 1_800_000),
        ("seated", False, 1_800_000),
        ("anchor", False, 1_800_000),
    ],
)
async def test_somebody_who_is_lost_is_waited_for(is_what_before, has_line, grace_ms):
    async with on_a_date() as date:
        who = date.hong if is_what_before == "anchor" else date.bo
        date.connect(*(person for person in date.all if person is not who))
        await date.open(date.bo, date.lin)
        if is_what_before == "applied":
            await date.engine.blind_dates.apply(date.bo, date.room_id)
        elif is_what_before == "seated":
            await date.seat(date.bo)
        if has_line:
            date.connect(who)
            await date.stage.advance(100_000)
            date.hang_up(who)
        else:
            date.engine.presence.seen(who)

        await date.stage.advance(grace_ms - 100)
        assert is_what(date, who) == is_what_before

        await date.stage.advance(SWEEP_MS + 200)
        assert is_what(date, who) is None
        assert bool(date.engine.blind_dates.listed()) is (who is not date.hong)


async def test_a_line_that_comes_back_in_time_changes_nothing():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo)
        await date.seat(date.bo)

        for _ in range(3):
            date.hang_up(date.bo)
            await date.stage.advance(50_000)
            date.connect(date.bo)
            await date.stage.advance(5_000)

        assert is_what(date, date.bo) == Standing.SEATED


async def test_whoever_asks_something_now_and_then_is_there_without_a_line():
    async with on_a_date() as date:
        await date.open(date.bo)

        await date.stage.advance(2_000_000, seen=(date.hong, date.bo))
        assert [is_what(date, person) for person in (date.hong, date.bo)] == ["anchor", "watching"]

        # Who had a line, and goes on without, is waited for from one question to the next.
        date.connect(date.bo)
        date.hang_up(date.bo)
        await date.stage.advance(100_000, seen=(date.hong, date.bo))
        assert is_what(date, date.bo) == Standing.WATCHING


# --- hearing a room ------------------------------------------------------------------------------------------------


async def listen(date: Date, person, connection="c", since=None):
    await date.engine.rooms.listen(person, date.room_id, connection=connection, since=since)
    (shown, stands_at), *missed = date.stage.heard.backlogs[connection]
    assert isinstance(shown, RoomShown)
    return shown, stands_at, missed


async def test_who_comes_back_hears_exactly_what_he_missed():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        shown, stands_at, missed = await listen(date, date.bo)
        assert (shown.is_recovered, missed) == (False, [])
        assert stands_at == date.engine.rooms.position(date.room_id)

        for number in range(3):
            await date.engine.rooms.say(date.lin, date.room_id, str(number))
        await date.seat(date.bo)
        shown, then_at, missed = await listen(date, date.bo, since=Position(stands_at.epoch, stands_at.seq + 1))

        assert (shown.is_recovered, shown.standing, shown.seat) == (True, "seated", "male")
        assert then_at == Position(stands_at.epoch, stands_at.seq + 1)
        kept = [entry for entry in date.stage.heard.stories[date.room_id] if entry[1] is not None]
        assert missed == kept[-3:]
        assert [type(event).__name__ for event, _ in missed] == ["RoomTextSaid", "RoomTextSaid", "SeatTaken"]


async def test_a_story_has_no_hole_and_counts_are_no_part_of_it():
    async with on_a_date() as date:
        await date.open()
        for _ in range(4):
            for person in (date.bo, date.lin):
                await date.engine.blind_dates.enter(person, date.room_id)
                await date.engine.rooms.say(person, date.room_id, "hello")
                await date.seat(person)
                await date.engine.rooms.like(person, date.room_id, 1)
                await date.stage.advance(600, seen=date.all)
                await date.engine.blind_dates.leave(person, date.room_id)
        await date.engine.blind_dates.end(date.hong, date.room_id)

        told = story(date)

        assert [position.seq for _, position in told] == list(range(1, len(told) + 1))
        assert {name for name, _ in told} == {"RoomTextSaid", "SeatTaken", "SeatLeft", "RoomClosed"}
        assert any(position is None for _, position in date.stage.heard.stories[date.room_id])


async def test_who_was_away_for_too_long_is_shown_the_room_as_it_is():
    async with on_a_date(settings.Settings(rooms=settings.Rooms(history_events_max=2))) as date:
        await date.open(date.bo)
        start = date.engine.rooms.position(date.room_id)
        for number in range(3):
            await date.engine.rooms.say(date.bo, date.room_id, str(number))

        shown, stands_at, missed = await listen(date, date.bo, since=start)

        assert (shown.is_recovered, stands_at, missed) == (False, Position(start.epoch, 3), [])


async def test_a_new_owner_does_not_pretend_to_know_what_the_former_one_told():
    async with on_a_date() as date:
        await date.open(date.bo)
        await date.engine.rooms.say(date.bo, date.room_id, "hello")
        since = date.engine.rooms.position(date.room_id)
        await date.stage.advance(3_000, seen=date.all)
        await date.stage.kill()

        async with next_owner(date) as then:
            for number in range(3):
                await then.engine.rooms.say(date.hong, date.room_id, str(number))

            shown, stands_at, missed = await listen(then, date.bo, since=since)

            assert (shown.is_recovered, missed) == (False, [])
            assert stands_at == Position(since.epoch + 1, 3)


async def test_a_live_that_was_ended_and_begun_again_has_another_story():
    async with on_a_date() as date:
        await date.open()
        since = date.engine.rooms.position(date.room_id)
        await date.engine.blind_dates.end(date.hong, date.room_id)
        await date.open()

        shown, stands_at, _ = await listen(date, date.hong, since=since)

        assert (shown.is_recovered, stands_at) == (False, Position(since.epoch + 1, 0))


async def test_only_who_is_inside_listens():
    async with on_a_date() as date:
        await date.open(date.bo)

        with pytest.raises(NotAMember):
            await listen(date, date.lin)
        with pytest.raises(NotFound):
            await date.engine.rooms.listen(date.bo, RoomId("qlive:10000000"), connection="c", since=None)
        assert date.stage.heard.backlogs == {}


async def test_a_mute_is_of_one_room_and_a_kick_ends_by_itself():
    async with on_a_date() as date:
        fang = await date.stage.join("dev:fang?gender=2&matchmaker=1")
        await date.engine.blind_dates.open(fang)
        date.connect(*date.all, fang)
        await date.open(date.bo)
        await date.engine.rooms.impose(date.hong, date.room_id, date.bo.id, SanctionKind.MUTE, until_ms=None)
        await date.engine.rooms.kick(date.hong, date.room_id, date.bo.id)
        assert date.heard(date.bo)[-1] == "SentAway"

        with pytest.raises(Banned):
            await date.engine.blind_dates.enter(date.bo, date.room_id)
        await date.engine.blind_dates.enter(date.bo, room_of(fang.public_id))
        await date.engine.rooms.say(date.bo, room_of(fang.public_id), "hello")
        await date.stage.advance(600_000)
        await date.engine.blind_dates.enter(date.bo, date.room_id)

        assert is_what(date, date.bo) == Standing.WATCHING


# --- gifts ---------------------------------------------------------------------------------------------------------


def gifts(date: Date, person) -> list[GiftSent]:
    return [event for event in date.stage.heard.events[person.id] if isinstance(event, GiftSent)]


async def give(date: Date, giver, recipient, *, key=None):
    await date.engine.gold_gifts.give(giver, recipient, ROSE, 1, key=key, room_id=date.room_id)
    await date.stage.clock.settle()


async def test_a_gift_is_seen_by_the_whole_room_in_the_order_of_its_story():
    async with on_a_date() as date:
        await date.stage.grant(date.bo, 100)
        await date.open(date.bo, date.lin)

        await date.engine.rooms.say(date.bo, date.room_id, "for you")
        await give(date, date.bo, date.lin)
        await give(date, date.bo, date.lin)
        await date.engine.rooms.say(date.bo, date.room_id, "do you like them?")

        for person in date.all:
            assert date.heard(person) == ["RoomShown", "RoomTextSaid", "GiftSent", "GiftSent", "RoomTextSaid"]
            assert [gift.combo for gift in gifts(date, person)] == [1, 2]
        assert [position.seq for _, position in story(date)] == [1, 2, 3, 4]


async def test_whoever_is_not_in_the_room_is_told_of_his_gift_himself():
    async with on_a_date() as date:
        await date.stage.grant(date.bo, 100)
        await date.open(date.bo)

        await give(date, date.bo, date.lin)

        assert [len(gifts(date, person)) for person in date.all] == [1, 1, 1]


async def test_a_gift_is_written_down_as_told_when_it_has_been_handed_over(monkeypatch):
    async with on_a_date() as date:
        await date.open(date.bo)
        heard, sent = date.stage.heard, date.stage.stores.ledger.sent
        found = []

        async def seen(rows):
            found.append((heard.kinds(date.bo).count("GiftSent"), heard.flushed_count))
            await sent(rows)

        monkeypatch.setattr(date.stage.stores.ledger, "sent", seen, raising=False)
        await date.stage.grant(date.bo, 10)
        await date.engine.gold_gifts.give(date.bo, date.hong, ROSE, 1, key=None, room_id=date.room_id)
        await date.stage.clock.settle()

        assert found == [(1, 1)]


async def test_a_gift_that_the_outbox_tells_again_is_shown_once():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.stage.grant(date.bo, 100)
        await date.open(date.bo, date.lin)
        date.switch.is_down, date.switch.only = True, "ledger.sent"  # What was told cannot be noted as told.

        await give(date, date.bo, date.lin)
        await date.stage.advance(12_000)
        date.switch.is_down = False
        await date.stage.advance(12_000)

        assert [len(gifts(date, person)) for person in date.all] == [1, 1, 1]
        assert await date.stage.stores.ledger.unsent(10) == ()
        while "outbox_not_reached" in date.stage.log.events():
            date.stage.log.take("outbox_not_reached")


async def test_a_gift_of_a_room_that_has_ended_reaches_the_two():
    async with on_a_date() as date:
        await date.stage.grant(date.bo, 100)
        await date.open(date.bo, date.lin)
        await date.engine.blind_dates.end(date.hong, date.room_id)

        await give(date, date.bo, date.lin)

        assert [len(gifts(date, person)) for person in date.all] == [0, 1, 1]


# --- the end -------------------------------------------------------------------------------------------------------


async def test_when_all_is_over_nothing_is_left():
    async with on_a_date() as date:
        fang = await date.stage.join("dev:fang?gender=2&matchmaker=1")
        mei, tom = await date.stage.sign_in("dev:mei"), await date.stage.sign_in("dev:tom")
        everybody = (*date.all, fang, mei, tom)
        date.connect(*everybody)
        await date.engine.blind_dates.open(fang)
        await date.open(date.bo, date.lin)
        for person in (date.bo, date.lin):
            await date.seat(person)
        address = f"push:public_{mei.id}"
        await date.engine.live_rooms.add_pusher(
            mei, RoomId("public"), name="", avatar_url="", push_address=address, info=None
        )
        await date.engine.live_rooms.enter(tom, RoomId("public"), described="{}")
        await date.stage.advance(3_000)
        assert attended(date) == 6

        await date.engine.notices.ban(date.hong.id, BanKind.ACCOUNT, "no", until_ms=None)
        await date.engine.blind_dates.leave_everywhere(fang)
        await date.engine.live_rooms.destroy(mei, RoomId("public"))
        date.hang_up(*everybody)
        await date.stage.advance(3_000)

        rooms = date.engine.rooms
        assert (attended(date), rooms.owned(), rooms._of_person, rooms._doubtful) == (0, (), {}, {})
        assert (len(rooms._tools.alarms), len(rooms._directory)) == (0, 0)
        assert (rooms._roster._here, rooms._roster._changes) == ({}, {})
        assert date.stage.heard.rooms == {}
        keys = [f"room/{room_id}" for room_id in (date.room_id, room_of(fang.public_id), "public")]
        assert [await date.stage.stores.presence.present(key, limit=9) for key in keys] == [(), (), ()]
        await date.stage.advance(70_000)
        assert date.engine.presence.here_count == 0


async def test_rooms_of_all_kinds_are_counted_and_told_apart():
    async with on_a_date() as date:
        mei = await date.stage.sign_in("dev:mei")
        await date.open(date.bo)
        await date.engine.live_rooms.create(mei, room_id=RoomId("public"), info="", guest_id=None)

        rooms = date.engine.rooms

        assert {state.record.id for state in rooms.owned()} == {date.room_id, "public"}
        assert [state.record.id for state in rooms.owned(RoomKind.OPEN)] == ["public"]
        assert rooms.of(date.bo.id, RoomKind.OPEN) == ()
        assert date.engine.live_rooms.listed(skip=0, limit=9) == ()
        assert [state.record.id for state in date.engine.blind_dates.listed()] == [date.room_id]


async def test_what_somebody_says_is_heard_by_everybody_inside_and_nobody_else():
    async with on_a_date() as date:
        await date.open(date.bo)

        await date.engine.rooms.say(date.bo, date.room_id, "hello")

        texts = [
            [event.text for event in date.stage.heard.events[person.id] if isinstance(event, RoomTextSaid)]
            for person in date.all
        ]
        assert texts == [["hello"], ["hello"], []]
        with pytest.raises(NotAMember):
            await date.engine.rooms.say(date.lin, date.room_id, "hello")
