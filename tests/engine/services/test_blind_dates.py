"""Blind dates from the outside: opening, coming, sitting, going, one room each, and what the lists show."""

import asyncio

import pytest
from msgspec.structs import replace

from engine import settings
from engine.errors import Banned, Busy, Forbidden, NotAMember, NotFound, RoomFull, WrongPhase, WrongRole
from engine.room.state import Standing
from engine.services.blind_dates import room_of
from store.interfaces.ids import RoomId
from store.interfaces.people import BanKind
from store.interfaces.rooms import RoomKind, SanctionKind
from tests.people import on_a_date

NOWHERE = RoomId("qlive:10000000")


async def another_matchmaker(date, name="fang"):
    """One whose room is open, too."""
    fang = await date.stage.join(f"dev:{name}?gender=2&matchmaker=1")
    await date.engine.blind_dates.open(fang)
    return fang


def is_what(date, person) -> str | None:
    place = date.engine.blind_dates.place_of(person.id)
    return None if place is None else place.standing.value


# --- opening and ending --------------------------------------------------------------------------------------------


async def test_a_matchmakers_room_is_made_with_its_first_use_and_is_listed_while_it_is_live():
    async with on_a_date() as date:
        state = await date.open()

        assert (state.record.id, state.record.kind) == (date.room_id, RoomKind.BLIND_DATE)
        assert date.engine.blind_dates.listed() == [state]
        assert is_what(date, date.hong) == Standing.ANCHOR

        await date.engine.blind_dates.end(date.hong, date.room_id)
        assert date.engine.blind_dates.listed() == []
        assert is_what(date, date.hong) is None
        with pytest.raises(NotFound):
            date.engine.blind_dates.get(date.room_id)


async def test_only_a_matchmaker_who_is_welcome_opens_a_room():
    async with on_a_date() as date:
        with pytest.raises(WrongRole):
            await date.engine.blind_dates.open(date.lin)
        await date.engine.notices.ban(date.hong.id, BanKind.BROADCAST, "no", until_ms=None)
        banned = await date.stage.stores.people.get(date.hong.id)
        with pytest.raises(Banned):
            await date.engine.blind_dates.open(banned)


async def test_coming_back_to_a_live_that_runs_resets_nothing():
    async with on_a_date() as date:
        before = await date.open(date.bo)
        await date.seat(date.bo)
        await date.stage.advance(5_000, seen=date.all)

        after = await date.open()

        assert after.record.created_at_ms == before.record.created_at_ms
        assert [seat.person_id for seat in after.record.seats] == [date.bo.id]
        assert after.record.epoch == before.record.epoch


async def test_a_room_that_is_opened_again_begins_anew_but_forgives_nobody():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.seat(date.lin)
        await date.engine.rooms.like(date.lin, date.room_id, 3)
        await date.engine.rooms.impose(date.hong, date.room_id, date.bo.id, SanctionKind.BAN, until_ms=None)
        await date.engine.rooms.impose(date.hong, date.room_id, date.lin.id, SanctionKind.MUTE, until_ms=None)
        before = date.room
        await date.engine.blind_dates.end(date.hong, date.room_id)
        await date.stage.advance(1_000, seen=date.all)

        state = await date.open(date.lin)

        assert (state.record.seats, state.likes_count, list(state.audience)) == ((), 0, [date.lin.id])
        assert state.record.created_at_ms > before.record.created_at_ms
        assert state.record.status_code > before.record.status_code
        assert state.record.epoch == before.record.epoch + 1
        with pytest.raises(Banned):
            await date.engine.blind_dates.enter(date.bo, date.room_id)
        with pytest.raises(Forbidden):
            await date.engine.rooms.say(date.lin, date.room_id, "hello")


async def test_only_she_ends_her_live_and_ending_it_again_is_fine():
    async with on_a_date() as date:
        await date.open(date.bo)

        with pytest.raises(Forbidden):
            await date.engine.blind_dates.end(date.bo, date.room_id)
        for _ in range(2):
            await date.engine.blind_dates.end(date.hong, date.room_id)
        with pytest.raises(NotFound):
            await date.engine.blind_dates.end(date.bo, date.room_id)
        with pytest.raises(NotFound):
            await date.engine.blind_dates.end(date.bo, room_of(date.bo.public_id))

        assert date.heard(date.bo) == ["RoomShown", "RoomClosed"]


async def test_the_end_puts_everybody_out():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)

        await date.engine.blind_dates.leave_everywhere(date.hong)

        assert [is_what(date, person) for person in date.all] == [None] * 3
        assert date.room_id not in date.stage.heard.rooms
        for person in (date.bo, date.lin):
            assert date.heard(person)[-1] == "RoomClosed"


# --- a date --------------------------------------------------------------------------------------------------------


async def test_from_watching_to_the_stage_and_back():
    async with on_a_date() as date:
        await date.open(date.bo)
        assert is_what(date, date.bo) == Standing.WATCHING

        await date.engine.blind_dates.apply(date.bo, date.room_id)
        assert is_what(date, date.bo) == Standing.APPLIED
        place = await date.engine.blind_dates.sit(date.bo, date.room_id)
        assert (place.standing, place.seat) == (Standing.SEATED, "male")
        assert place.state.record.seats[0].stream == date.bo.public_id
        await date.engine.blind_dates.get_up(date.bo, date.room_id, date.bo.id)
        assert is_what(date, date.bo) == Standing.WATCHING

        assert date.heard(date.bo) == ["RoomShown", "SeatTaken", "SeatLeft"]
        assert date.heard(date.hong) == ["RoomShown", "SeatTaken", "SeatLeft"]


async def test_an_invitation_is_told_and_so_is_the_answer():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)

        await date.engine.blind_dates.invite(date.hong, date.room_id, date.bo.id)
        await date.engine.blind_dates.invite(date.hong, date.room_id, date.lin.id)
        await date.engine.blind_dates.decline(date.lin, date.room_id)
        await date.engine.blind_dates.sit(date.bo, date.room_id)

        assert date.heard(date.bo) == ["RoomShown", "SeatOffered", "SeatTaken"]
        assert date.heard(date.lin) == ["RoomShown", "SeatOffered", "SeatTaken"]
        assert date.heard(date.hong) == ["RoomShown", "OfferAnswered", "OfferAnswered", "SeatTaken"]


async def test_an_invitation_runs_out():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo)
        await date.engine.blind_dates.invite(date.hong, date.room_id, date.bo.id)

        await date.stage.advance(30_000)

        with pytest.raises(Forbidden):
            await date.engine.blind_dates.sit(date.bo, date.room_id)


@pytest.mark.parametrize("is_invited", [False, True])
async def test_of_two_who_want_the_seat_at_once_one_gets_it(is_invited):
    async with on_a_date() as date:
        jim = await date.stage.join("dev:jim?gender=1")
        await date.open(date.bo, jim)
        for person in (date.bo, jim):
            await date.engine.blind_dates.apply(person, date.room_id)
            if is_invited:
                await date.engine.blind_dates.invite(date.hong, date.room_id, person.id)

        outcomes = await asyncio.gather(
            *(date.engine.blind_dates.sit(person, date.room_id) for person in (jim, date.bo)), return_exceptions=True
        )

        assert [type(outcome).__name__ for outcome in outcomes] == ["Place", "RoomFull"]
        assert [is_what(date, person) for person in (jim, date.bo)] == [Standing.SEATED, Standing.APPLIED]


async def test_who_was_invited_too_late_is_told_that_the_seat_is_taken():
    async with on_a_date() as date:
        jim = await date.stage.join("dev:jim?gender=1")
        await date.open(date.bo, jim)
        await date.seat(jim)
        await date.engine.blind_dates.invite(date.hong, date.room_id, date.bo.id)

        with pytest.raises(RoomFull):
            await date.engine.blind_dates.sit(date.bo, date.room_id)

        assert is_what(date, date.bo) == Standing.WATCHING
        with pytest.raises(Forbidden):
            await date.engine.blind_dates.sit(date.bo, date.room_id)


async def test_the_matchmaker_takes_somebody_off_the_stage_and_nobody_else_does():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)

        with pytest.raises(Forbidden):
            await date.engine.blind_dates.get_up(date.lin, date.room_id, date.bo.id)
        for _ in range(2):  # He does not sit any more the second time, and that is fine.
            await date.engine.blind_dates.get_up(date.hong, date.room_id, date.bo.id)

        assert date.heard(date.bo)[-2:] == ["SeatLeft", "SeatTakenAway"]
        assert is_what(date, date.bo) == Standing.WATCHING


async def test_who_sits_in_one_room_according_to_the_store_sits_in_no_other():
    async with on_a_date() as date:
        await date.open(date.bo)
        fang = await another_matchmaker(date)
        await date.seat(date.bo)
        # Another node's word: it moved him while this one did not look.
        state = date.engine.blind_dates.get(room_of(fang.public_id))
        elsewhere = replace(state.record, seats=date.room.record.seats, version=state.record.version + 1)

        await date.engine.blind_dates.get_up(date.bo, date.room_id, date.bo.id)
        await date.stage.stores.rooms.save(elsewhere)

        await date.engine.blind_dates.apply(date.bo, date.room_id)
        with pytest.raises(Busy):
            await date.engine.blind_dates.sit(date.bo, date.room_id)
        assert is_what(date, date.bo) == Standing.APPLIED


# --- where one is --------------------------------------------------------------------------------------------------


async def test_whoever_enters_another_room_leaves_the_first_and_its_seat():
    async with on_a_date() as date:
        fang = await another_matchmaker(date)
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)

        await date.engine.blind_dates.enter(date.bo, room_of(fang.public_id))

        assert date.engine.blind_dates.place_of(date.bo.id).state.record.id == room_of(fang.public_id)
        assert date.room.record.seats == ()
        assert date.heard(date.lin)[-1] == "SeatLeft"


async def test_however_one_runs_about_one_is_in_one_room():
    async with on_a_date() as date:
        fang = await another_matchmaker(date)
        await date.open()
        rooms = [date.room_id, room_of(fang.public_id)]

        for last in (0, 1):
            await asyncio.gather(
                *(date.engine.blind_dates.enter(date.bo, rooms[(last + turn) % 2]) for turn in range(5))
            )

            found = date.engine.rooms.of(date.bo.id, RoomKind.BLIND_DATE)
            assert [state.record.id for state in found] == [rooms[last]]
            assert [len(date.engine.blind_dates.get(room_id).audience) for room_id in rooms] == [1 - last, last]


async def test_running_about_leaves_nothing_behind():
    async with on_a_date() as date:
        await date.open()

        await asyncio.gather(
            *(date.engine.blind_dates.enter(date.bo, date.room_id) for _ in range(3)),
            date.engine.blind_dates.leave_everywhere(date.bo),
        )

        assert is_what(date, date.bo) is None
        assert len(date.engine.blind_dates._moves) == 0


async def test_a_refused_entry_costs_nobody_his_place():
    async with on_a_date() as date:
        fang = await another_matchmaker(date)
        await date.open(date.bo)
        await date.seat(date.bo)
        await date.engine.rooms.kick(fang, room_of(fang.public_id), date.bo.id)

        with pytest.raises(Banned):
            await date.engine.blind_dates.enter(date.bo, room_of(fang.public_id))

        assert is_what(date, date.bo) == Standing.SEATED


async def test_a_matchmaker_stays_in_her_live_and_leaves_others_for_it():
    async with on_a_date() as date:
        fang = await another_matchmaker(date)
        await date.engine.blind_dates.enter(date.hong, room_of(fang.public_id))
        await date.open()

        assert [state.record.id for state in date.engine.rooms.of(date.hong.id, RoomKind.BLIND_DATE)] == [date.room_id]
        with pytest.raises(WrongPhase):
            await date.engine.blind_dates.enter(date.hong, room_of(fang.public_id))
        with pytest.raises(WrongPhase):
            await date.engine.blind_dates.leave(date.hong, date.room_id)


async def test_leaving_is_fine_whether_or_not_one_is_there():
    async with on_a_date() as date:
        await date.open(date.bo)

        for _ in range(2):
            await date.engine.blind_dates.leave(date.bo, date.room_id)
        await date.engine.blind_dates.leave_everywhere(date.bo)

        assert is_what(date, date.bo) is None
        with pytest.raises(NotFound):
            await date.engine.blind_dates.leave(date.bo, NOWHERE)


@pytest.mark.parametrize("name", ["enter", "leave", "apply", "sit", "decline"])
async def test_there_is_nothing_to_do_in_a_room_that_is_not_there_or_of_another_kind(name):
    async with on_a_date() as date:
        mei = await date.stage.sign_in("dev:mei")
        await date.engine.live_rooms.create(mei, room_id=RoomId("public"), info="", guest_id=None)

        for room_id in (NOWHERE, date.room_id, RoomId("public")):
            with pytest.raises(NotFound):
                await getattr(date.engine.blind_dates, name)(date.bo, room_id)


async def test_somebody_of_another_surface_reaches_no_blind_date():
    async with on_a_date() as date:
        await date.open()
        mei = await date.stage.sign_in("dev:mei")

        for attempt in (
            date.engine.live_rooms.enter(mei, date.room_id, described="{}"),
            date.engine.live_rooms.leave(mei, date.room_id),
            date.engine.live_rooms.destroy(mei, date.room_id),
            date.engine.live_rooms.beat(mei, date.room_id),
            date.engine.live_rooms.remove_pusher(mei, date.room_id, mei.id),
            date.engine.live_rooms.stream_began(mei, date.room_id, "s"),
        ):
            with pytest.raises(NotFound):
                await attempt

        assert list(date.room.audience) == []


# --- lists ---------------------------------------------------------------------------------------------------------


async def test_the_fullest_room_comes_first_and_of_equally_full_ones_the_newest():
    async with on_a_date() as date:
        await date.open(date.bo)
        await date.seat(date.bo)
        matchmakers = []
        for name in ("fang", "gao", "he"):
            await date.stage.advance(1_000, seen=date.all)
            matchmakers.append(await another_matchmaker(date, name))
        fang, gao, he = matchmakers
        await date.engine.blind_dates.enter(date.lin, room_of(fang.public_id))

        listed = [state.record.anchor_id for state in date.engine.blind_dates.listed()]

        assert listed == [fang.id, date.hong.id, he.id, gao.id]


async def test_watchers_come_before_applicants_and_who_changed_longest_ago_first():
    async with on_a_date() as date:
        men = [await date.stage.join(f"dev:man{number}?gender=1") for number in range(5)]
        await date.open(date.lin)
        for moment, person in enumerate([*men, men[0], men[1], men[2]]):
            await date.stage.advance(1_000, seen=(*date.all, *men))
            if moment < len(men):
                await date.engine.blind_dates.enter(person, date.room_id)
            else:
                await date.engine.blind_dates.apply(person, date.room_id)
        await date.stage.advance(1_000, seen=(*date.all, *men))
        await date.engine.blind_dates.decline(men[0], date.room_id)
        await date.engine.blind_dates.sit(men[1], date.room_id)

        listed = date.engine.blind_dates.without_a_seat(date.room, gender=1)

        assert [(person_id, has_applied) for person_id, _, has_applied in listed] == [
            (men[3].id, False),
            (men[4].id, False),
            (men[0].id, False),
            (men[2].id, True),
        ]
        assert [row[0] for row in date.engine.blind_dates.without_a_seat(date.room, gender=2)] == [date.lin.id]


async def test_who_must_be_inside_is_told_what_he_is_there():
    async with on_a_date() as date:
        await date.open(date.bo)

        assert date.engine.blind_dates.require_inside(date.bo, date.room_id).standing == Standing.WATCHING
        with pytest.raises(NotAMember):
            date.engine.blind_dates.require_inside(date.lin, date.room_id)
        with pytest.raises(NotFound):
            date.engine.blind_dates.require_inside(date.lin, NOWHERE)


@pytest.mark.parametrize(
    ("policy", "sits"), [("open", {"watching", "applied"}), ("applied", {"applied"}), ("invited", set())]
)
async def test_the_configuration_says_what_it_takes_to_sit(policy, sits):
    async with on_a_date(settings.Settings(qlive=settings.Qlive(seat_policy=policy))) as date:
        await date.open(date.bo, date.lin)
        await date.engine.blind_dates.apply(date.lin, date.room_id)

        for person, before in ((date.bo, "watching"), (date.lin, "applied")):
            if before in sits:
                await date.engine.blind_dates.sit(person, date.room_id)
            else:
                with pytest.raises(Forbidden):
                    await date.engine.blind_dates.sit(person, date.room_id)


# --- banned by the platform ----------------------------------------------------------------------------------------


async def test_whoever_is_banned_from_broadcasting_gets_up_and_may_watch():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)

        await date.engine.notices.ban(date.bo.id, BanKind.BROADCAST, "no", until_ms=None)
        banned = await date.stage.stores.people.get(date.bo.id)

        assert is_what(date, date.bo) == Standing.WATCHING
        assert date.heard(date.lin)[-1] == "SeatLeft"
        for refused in (date.engine.blind_dates.apply, date.engine.blind_dates.sit):
            with pytest.raises(Banned):
                await refused(banned, date.room_id)
        with pytest.raises(Banned):
            await date.engine.rooms.say(banned, date.room_id, "hello")


async def test_whoever_is_banned_altogether_is_out():
    async with on_a_date() as date:
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)

        for person in (date.bo, date.lin):
            await date.engine.notices.ban(person.id, BanKind.ACCOUNT, "no", until_ms=None)

        assert (date.room.record.seats, list(date.room.audience)) == ((), [])


@pytest.mark.parametrize("kind", list(BanKind))
async def test_a_matchmaker_who_is_banned_has_no_live(kind):
    async with on_a_date() as date:
        await date.open(date.bo)

        await date.engine.notices.ban(date.hong.id, kind, "no", until_ms=None)

        assert date.engine.blind_dates.listed() == []
        assert date.heard(date.bo)[-1] == "RoomClosed"


async def test_who_gets_up_while_he_is_being_banned_is_banned_all_the_same():
    async with on_a_date() as date:
        date.connect(*date.all)
        await date.open(date.bo)
        await date.seat(date.bo)
        date.switch.is_down, date.switch.only = True, "rooms.save"
        getting_up = asyncio.ensure_future(date.engine.blind_dates.get_up(date.bo, date.room_id, date.bo.id))
        await date.stage.clock.settle()
        banning = asyncio.ensure_future(date.engine.notices.ban(date.bo.id, BanKind.BROADCAST, "no", until_ms=None))
        await date.stage.advance(1_500)
        date.switch.is_down = False

        await date.stage.advance(1_000)

        await asyncio.gather(getting_up, banning)
        assert is_what(date, date.bo) == Standing.WATCHING
