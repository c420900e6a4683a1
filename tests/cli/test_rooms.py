"""``greenroom rooms``: what it prints of live rooms, and what it does in them."""

import time

import pytest

from adapters.datadir import DataDir
from store.interfaces.ids import RoomId
from tests.surfaces.admin.desk import at_the_desk

ROOM = RoomId("room_1")

pytestmark = pytest.mark.real_loop


@pytest.fixture(autouse=True)
def shanghai(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.setenv("USER", "ada")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def data_dir(tmp_path):
    with DataDir(tmp_path / "var") as data_dir:
        yield data_dir


def words(out):
    return [line.split() for line in out.splitlines()]


async def test_rooms_are_listed_in_every_spelling(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)
        await desk.stage.advance(1_000)

        for spelling in (("rooms",), ("rooms", "ls")):
            code, out, _ = await desk.type(*spelling)

            assert code == 0
            assert words(out)[0] == ["room", "kind", "anchor", "call", "seated", "applied", "viewers", "age"]
            assert words(out)[2:] == [
                [date.room_id, "blind_date", str(date.hong.id), "–", "1", "0", "1", "00:00:01"],
                ["room_1", "open", str(desk.mei.id), "–", "0", "0", "0", "00:00:01"],
                ["2", "rooms"],
            ]


async def test_a_room_is_shown_with_everybody_in_it(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        await desk.engine.blind_dates.apply(date.lin, date.room_id)
        await desk.engine.blind_dates.invite(date.hong, date.room_id, date.lin.id)
        await desk.act(f"/admin/v1/rooms/{date.room_id}/mute", person_id=date.lin.id, length_ms=60_000)
        await desk.act(f"/admin/v1/rooms/{date.room_id}/ban", person_id=desk.tom.id)

        code, out, _ = await desk.type("rooms", "show", date.room_id)

        assert code == 0
        facts = {line[0]: line[1:] for line in words(out)[2:13]}
        assert facts["anchor"] == [str(date.hong.id), date.hong.public_id, "红娘"]
        assert (facts["kind"], facts["viewers"], facts["likes"]) == (["blind_date"], ["1"], ["0"])
        assert (facts["node"], facts["epoch"], facts["position"]) == (["#1"], ["1"], ["1"])
        bo, lin = ([str(one.id), one.public_id, one.nickname] for one in (date.bo, date.lin))
        noon = ["2026-01-01", "12:00:00"]
        assert words(out)[15:18] == [
            [*bo, "sits:", "male", *noon],
            [*lin, "has", "applied", *noon],
            [*lin, "is", "invited", "2026-01-01", "12:00:30"],
        ]
        assert words(out)[20:] == [
            [lin[0], "mute", "2026-01-01", "12:01:00", "operator"],
            [str(desk.tom.id), "ban", "it", "is", "lifted", "operator"],
        ]

        await desk.stage.advance(60_000, seen=date.all)
        _, out, _ = await desk.type("rooms", "show", date.room_id)
        assert "12:01:00 (over)" in out


async def test_more_viewers_than_are_shown_are_said_to_be_more(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(*[await desk.stage.join(f"dev:guest{number}") for number in range(51)])

        _, out, _ = await desk.type("rooms", "show", date.room_id)

        assert "51, the first 50 below" in out
        assert out.count(" watches ") == 50


async def test_seats_are_shown_free_held_and_lost(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(date.bo)
        date.connect(date.bo)
        await date.seat(date.bo)
        _, held, _ = await desk.type("rooms", "seats", date.room_id)

        date.hang_up(date.bo)
        await desk.stage.advance(10_000)
        _, lost, _ = await desk.type("rooms", "seats", date.room_id)

        bo = ["male", str(date.bo.id), date.bo.public_id, "bo", "2026-01-01", "12:00:00"]
        assert words(held)[0] == ["seat", "person", "shown", "as", "nickname", "since", "line", "silent"]
        assert words(held)[2:] == [[*bo, "open", "–"], ["female", "free"]]
        assert words(lost)[2:] == [[*bo, "none", "00:00:10"], ["female", "free"]]


async def test_a_room_is_closed_when_that_is_meant(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="hello", guest_id=None)
        await desk.engine.live_rooms.enter(desk.tom, ROOM, described="Tom")

        code, out, _ = await desk.type("rooms", "close", "room_1", "--reason", "a test")
        assert code == 0
        assert out.startswith("would close room_1 of 10001 阿宁: 0 on the stage, 1 viewer\n")
        code, out, _ = await desk.type("rooms", "close", "room_1", "--reason", "a test", "--yes")
        assert (code, out) == (0, "room room_1 is closed\n")
        code, _, err = await desk.type("rooms", "show", "room_1")
        assert code == 4
        assert err.startswith("refused: no such room (NOT_FOUND, request ")


async def test_acts_on_people_are_dry_runs_until_they_are_meant(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(date.bo)
        await date.seat(date.bo)
        bo = f"{date.bo.id} {date.bo.public_id} bo"
        where = f"{bo} in {date.room_id}"
        cases = (
            (("mute",), f"mute {where} until it is lifted (now: seated as male)"),
            (("mute", "--for", "10m"), f"mute {where} for 00:10:00 (now: seated as male)"),
            (("unmute",), f"unmute {where} (now: seated as male)"),
            (("unseat",), f"unseat {where} (now: seated as male)"),
            (("kick",), f"kick {where} for a while (now: seated as male)"),
            (("kick", "--for", "1h"), f"kick {where} for 01:00:00 (now: seated as male)"),
            (("ban", "--for", "7d"), f"ban {where} for 7d 00:00:00 (now: seated as male)"),
            (("unban",), f"unban {where} (now: seated as male)"),
        )
        for (act, *more), would in cases:
            line = ("rooms", act, date.room_id, date.bo.public_id, *more)
            code, out, _ = await desk.type(*line, "--reason", "a test")

            assert (code, out) == (0, f"would {would}\nnothing has been done; add --yes to do it\n")
            assert (await desk.type(*line))[0] == 2, "an act says why"
        assert await desk.audit() == []
        assert [seat.person_id for seat in date.room.record.seats] == [date.bo.id]

        told = []
        for (act, *more), _ in cases:
            line = ("rooms", act, date.room_id, date.bo.public_id, *more, "--reason", "a test", "--yes")
            code, out, _ = await desk.type(*line, "--actor", "eve")
            assert code == 0
            assert out.startswith(f"{where}: ")
            told.append(out.partition(": ")[2].rstrip())

        assert told == [
            "seated as male, mute until it is lifted",
            "seated as male, mute until 2026-01-01 12:10:00",
            "seated as male",
            "watching",
            "not inside, ban until 2026-01-01 12:10:00",
            "not inside, ban until 2026-01-01 13:00:00",
            "not inside, ban until 2026-01-08 12:00:00",
            "not inside",
        ]
        assert [(actor, action) for actor, action, *_ in reversed(await desk.audit())] == [
            ("eve", f"room.{act}") for (act, *_), _ in cases
        ]
        assert {target for _, _, target, _ in await desk.audit()} == {f"{date.room_id}/{date.bo.id}"}


async def test_a_person_can_be_named_in_every_way(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(date.lin)

        for person in (str(date.lin.id), date.lin.public_id, "dev:lin", "lin"):
            code, out, _ = await desk.type("rooms", "kick", date.room_id, person, "--reason", "a test")
            assert (code, out.split()[2]) == (0, str(date.lin.id)), person
        code, _, err = await desk.type("rooms", "kick", date.room_id, "99999999", "--reason", "a test")
        assert (code, "no such person (NOT_FOUND" in err) == (4, True)


async def test_what_the_room_refuses_is_said(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(date.lin)

        for act, person, error in (("ban", date.hong, "FORBIDDEN"), ("unseat", date.lin, "NOT_A_MEMBER")):
            code, _, err = await desk.type("rooms", act, date.room_id, person.public_id, "--reason", "a test", "--yes")
            assert (code, error in err) == (4, True)


async def test_status_tells_who_waits_for_a_seat(data_dir):
    async with at_the_desk(data_dir) as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        await desk.engine.blind_dates.apply(date.lin, date.room_id)

        _, out, _ = await desk.type("status")

        assert [line for line in words(out) if line[0] in ("rooms", "seats", "viewers")] == [
            ["rooms", "open", "1", "–", "1", "on", "air"],
            ["seats", "taken", "1", "–", "1", "applicant", "waiting"],
            ["viewers", "1", "–"],
        ]


async def test_a_fault_names_the_room_to_look_at(data_dir):
    async with at_the_desk(data_dir) as desk:
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)
        del desk.database.rooms[ROOM]

        code, out, _ = await desk.type("doctor")

        assert (code, out.splitlines()[-1]) == (1, "11 checks, 1 FAIL")
        assert next(line for line in words(out) if line[0] == "FAIL")[-4:] == ["greenroom", "rooms", "show", "room_1"]
