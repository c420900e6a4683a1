"""Live rooms at the operators' desk: what is told of them, what acts do, and which faults ``doctor`` finds."""

from urllib.parse import quote

import pytest
from msgspec.structs import replace

from engine.actors.alarms import cancel_alarms
from engine.services.rooms import Rooms
from store.interfaces.ids import NOBODY, NodeId, RoomId
from store.interfaces.rooms import Applicant, Face, RoomKind, RoomRecord, Sanction, SanctionKind, SeatRecord
from tests.surfaces.admin.desk import at_the_desk

pytestmark = pytest.mark.real_loop

ROOM = RoomId("room_1")


def path_of(room_id, *more):
    return "/".join(("/admin/v1/rooms", room_id, *more))


async def failed(desk):
    """What ``doctor`` finds: the detail of each failed check by its name."""
    checks = (await desk.get("/admin/v1/doctor"))["checks"]
    return {check["name"]: check["detail"] for check in checks if check["result"] == "fail"}


# --- questions -----------------------------------------------------------------------------------------------------


async def test_a_room_is_told_with_everybody_in_it():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        await desk.engine.blind_dates.apply(date.lin, date.room_id)
        await desk.engine.blind_dates.invite(date.hong, date.room_id, date.lin.id)
        await desk.engine.rooms.like(date.lin, date.room_id, 7)

        room = await desk.get(path_of(date.room_id))

        assert room["kind"] == "blind_date"
        assert room["anchor"] == {
            "person_id": date.hong.id,
            "public_id": date.hong.public_id,
            "nickname": "红娘",
        }
        assert [(one["person_id"], one["public_id"], one["seat"]) for one in room["seats"]] == [
            (date.bo.id, date.bo.public_id, "male")
        ]
        assert [one["person_id"] for one in room["applicants"]] == [date.lin.id]
        assert [one["person_id"] for one in room["invitations"]] == [date.lin.id]
        assert [one["person_id"] for one in room["viewers"]] == [date.lin.id]
        assert (room["audience_count"], room["likes_count"], room["sanctions"]) == (1, 7, [])
        position = desk.engine.rooms.position(date.room_id)
        assert (room["epoch"], room["position"]) == (position.epoch, position.seq)
        assert room["owner"] == desk.engine.node.id


async def test_an_invitation_is_told_while_it_is_open():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.lin)
        date.connect(date.hong, date.lin)
        await desk.engine.blind_dates.invite(date.hong, date.room_id, date.lin.id)

        await desk.stage.advance(29_000)
        before = await desk.get(path_of(date.room_id))
        await desk.stage.advance(1_000)
        after = await desk.get(path_of(date.room_id))

        assert (len(before["invitations"]), after["invitations"]) == (1, [])


async def test_of_a_large_audience_the_first_are_told_and_all_are_counted():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open()
        crowd = [await desk.stage.join(f"dev:guest{number}?gender=1") for number in range(60)]
        for person in reversed(crowd):
            await desk.stage.advance(1)
            await desk.engine.blind_dates.enter(person, date.room_id)

        room = await desk.get(path_of(date.room_id))

        assert room["audience_count"] == 60
        assert [one["person_id"] for one in room["viewers"]] == [person.id for person in crowd[:-51:-1]]


async def test_seats_are_told_free_or_taken_and_whether_somebody_holds_them():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)
        date.connect(date.bo)
        await date.seat(date.bo)

        held = await desk.get(path_of(date.room_id, "seats"))
        await desk.stage.advance(10_000)
        date.hang_up(date.bo)
        await desk.stage.advance(10_000)
        lost = await desk.get(path_of(date.room_id, "seats"))

        assert [(one["seat"], one["taken"] and one["taken"]["person_id"], one["is_held"]) for one in held["seats"]] == [
            ("male", date.bo.id, True),
            ("female", None, False),
        ]
        assert (lost["seats"][0]["is_held"], lost["now_ms"] - lost["seats"][0]["heard_at_ms"]) == (False, 10_000)


async def test_a_room_of_another_node_is_told_as_it_is_kept():
    async with at_the_desk() as desk:
        elsewhere = await desk.stage.stores.leases.begin("other", lease_ms=60_000, supersedes=False)
        desk.database.rooms[ROOM] = an_open_room(desk, owner=elsewhere.id)

        room = await desk.get(path_of(ROOM))
        listed = await desk.get("/admin/v1/rooms")
        status, reply = await desk.act(path_of(ROOM, "close"))

        assert (room["owner"], room["audience_count"], room["position"]) == (elsewhere.id, None, None)
        assert listed["rooms"] == []
        assert (status, reply["error"]) == (404, "NOT_FOUND")
        assert await desk.audit() == []


async def test_a_store_that_does_not_answer_is_no_missing_room():
    async with at_the_desk() as desk:
        desk.cast.switch.is_down = True

        status, reply = await desk.ask("GET", path_of(ROOM))

        assert (status, reply["error"]) == (503, "STORE_UNAVAILABLE")


async def test_status_counts_people_and_not_places():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        await date.seat(date.bo)
        await desk.engine.blind_dates.apply(date.lin, date.room_id)
        for room_id in ("a", "b"):
            await desk.engine.live_rooms.create(desk.mei, room_id=RoomId(room_id), info="", guest_id=None)
            await desk.engine.live_rooms.enter(desk.tom, RoomId(room_id), described="{}")

        status = await desk.get("/admin/v1/status")

        told = ("rooms_open", "rooms_on_air", "seats_taken", "applicants", "viewers")
        assert {name: status[name] for name in told} == {
            "rooms_open": 3,
            "rooms_on_air": 1,
            "seats_taken": 1,
            "applicants": 1,
            "viewers": 2,
        }


# --- acts ----------------------------------------------------------------------------------------------------------


async def test_a_person_is_found_by_his_id_and_by_what_others_see():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)

        by_id = await desk.get(path_of(date.room_id, "people", str(date.bo.id)))
        by_public_id = await desk.get(path_of(date.room_id, "people", date.bo.public_id))
        outside = await desk.get(path_of(date.room_id, "people", date.lin.public_id))

        assert by_id == by_public_id
        assert (by_id["person_id"], by_id["standing"], outside["standing"]) == (date.bo.id, "watching", "")
        for nobody in ("7", "99999999", "bo", "1e3", "٣", str(2**80), str(desk.tom.id)):
            status, reply = await desk.ask("GET", path_of(date.room_id, "people", quote(nobody)))
            assert (status, reply["error"]) == (404, "NOT_FOUND"), nobody


async def test_an_id_that_somebody_else_shows_names_neither():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)
        desk.database.person_by_public_id[("qlive", str(date.bo.id))] = date.lin.id

        status, reply = await desk.ask("GET", path_of(date.room_id, "people", str(date.bo.id)))

        assert (status, reply["error"]) == (400, "BAD_INPUT")
        assert str(date.lin.id) in reply["detail"]


async def test_who_is_kicked_is_out_and_stays_out_for_as_long_as_was_said():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)
        date.connect(date.hong)
        await date.seat(date.bo)

        _, kicked = await desk.act(path_of(date.room_id, "kick"), person_id=date.bo.id, length_ms=60_000)

        assert (kicked["standing"], kicked["seat"]) == ("", "")
        assert [one["kind"] for one in kicked["sanctions"]] == ["ban"]
        assert "SentAway" in date.heard(date.bo)
        assert date.room.record.seats == ()
        await desk.stage.advance(60_000)
        free = await desk.get(path_of(date.room_id, "people", date.bo.public_id))
        assert free["sanctions"] == []


async def test_a_kick_lasts_as_long_as_an_anchors_unless_said():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)

        _, kicked = await desk.act(path_of(date.room_id, "kick"), person_id=date.bo.id)

        assert kicked["sanctions"][0]["until_ms"] == desk.engine.node.now_ms() + 600_000
        assert kicked["sanctions"][0]["by"] is None


@pytest.mark.parametrize(("imposed", "lifted"), [("mute", "unmute"), ("ban", "unban"), ("kick", "unban")])
async def test_what_was_imposed_can_be_lifted_and_lifted_again(imposed, lifted):
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)

        _, before = await desk.act(path_of(date.room_id, imposed), person_id=date.bo.id)
        _, after = await desk.act(path_of(date.room_id, lifted), person_id=date.bo.id)
        status, again = await desk.act(path_of(date.room_id, lifted), person_id=date.bo.id)

        assert (len(before["sanctions"]), after["sanctions"], status, again) == (1, [], 200, after)


async def test_who_is_taken_off_the_stage_goes_on_watching():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)
        await date.seat(date.bo)

        _, unseated = await desk.act(path_of(date.room_id, "unseat"), person_id=date.bo.id)
        status, reply = await desk.act(path_of(date.room_id, "unseat"), person_id=date.bo.id)

        assert unseated["standing"] == "watching"
        assert "SeatTakenAway" in date.heard(date.bo)
        assert (status, reply["error"]) == (403, "NOT_A_MEMBER")


@pytest.mark.parametrize("act", ["kick", "mute", "ban"])
async def test_nothing_is_imposed_on_the_anchor_of_a_room(act):
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open()

        status, reply = await desk.act(path_of(date.room_id, act), person_id=date.hong.id)

        assert (status, reply["error"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("act", ["kick", "mute", "unmute", "ban", "unban", "unseat"])
async def test_what_is_not_there_leaves_no_line(act):
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open()

        for room_id, person_id in (("nowhere", date.bo.id), (date.room_id, 7)):
            status, reply = await desk.act(path_of(room_id, act), person_id=person_id)

            assert (status, reply["error"]) == (404, "NOT_FOUND")
        assert await desk.audit() == []


@pytest.mark.parametrize("length_ms", [0, -1, 1.5, "long", True, 2**53, []], ids=repr)
async def test_a_length_that_is_none_is_refused(length_ms):
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo)

        status, reply = await desk.act(path_of(date.room_id, "ban"), person_id=date.bo.id, length_ms=length_ms)

        assert (status, reply["error"]) == (400, "BAD_INPUT")
        assert date.room.record.sanctions == ()


# --- doctor --------------------------------------------------------------------------------------------------------


def an_open_room(desk, *, owner=None, room_id=ROOM, **more):
    """A record that nobody's actor knows of; old enough that nobody is just about to."""
    return RoomRecord(
        id=room_id,
        kind=more.pop("kind", RoomKind.OPEN),
        anchor_id=desk.mei.id,
        created_at_ms=desk.engine.node.now_ms() - 60_000,
        owner=desk.engine.node.id if owner is None else owner,
        **more,
    )


def a_seat(person, seat="male"):
    return SeatRecord(person_id=person.id, seat=seat, stream="s", face=Face(), since_ms=0)


def plant(desk, room_id, **changes):
    """Change a room behind the back of its actor."""
    desk.database.rooms[room_id] = replace(desk.database.rooms[room_id], **changes)


def plant_here(desk, room_id, **changes):
    """Change what the actor of a room believes."""
    actor = desk.engine.rooms._owned[room_id]
    record = changes.pop("record", {})
    actor.state = replace(actor.state, record=replace(actor.state.record, **record), **changes)


async def test_doctor_finds_nothing_in_rooms_where_everything_is_well():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        date.connect(*date.all)
        await date.seat(date.bo)
        await desk.engine.blind_dates.apply(date.lin, date.room_id)
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)
        await desk.act(path_of(ROOM, "ban"), person_id=desk.tom.id)

        for _ in range(20):
            await desk.stage.advance(2_500)
            assert await failed(desk) == {}

        date.hang_up(date.lin, date.bo)
        for _ in range(40):
            await desk.stage.advance(2_500)
            assert await failed(desk) == {}
        assert (len(date.room.audience), date.room.record.seats, date.room.record.applicants) == (0, (), ())


async def test_an_open_room_of_this_node_without_an_actor_is_found():
    async with at_the_desk() as desk:
        desk.database.rooms[ROOM] = an_open_room(desk)

        found = await failed(desk)

        assert found == {"rooms = actors": "room_1 is ours and open, and has no actor"}


async def test_a_room_that_is_only_just_open_is_given_a_moment():
    async with at_the_desk() as desk:
        desk.database.rooms[ROOM] = replace(an_open_room(desk), created_at_ms=desk.engine.node.now_ms() - 4_999)

        assert await failed(desk) == {}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"closed_at_ms": 1}, "has an actor, and is closed"),
        ({"epoch": 9, "owner": NodeId("#8")}, "has an actor of epoch 1, and belongs to #8 in epoch 9"),
        ({"epoch": 9}, "has an actor of epoch 1, and belongs to #1 in epoch 9"),
        ({"version": 7}, "is kept in version 7, and its actor has 0"),
    ],
)
async def test_an_actor_that_has_something_else_than_is_kept_is_found(changes, what):
    async with at_the_desk() as desk:
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)
        plant(desk, ROOM, **changes)

        found = await failed(desk)

        assert found["rooms = actors"] == f"room_1 {what}"


async def test_an_actor_whose_room_is_not_kept_is_found():
    async with at_the_desk() as desk:
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)
        del desk.database.rooms[ROOM]

        found = await failed(desk)

        assert found == {"rooms = actors": "room_1 has an actor, and is not kept"}


async def test_a_write_whose_answer_is_on_its_way_is_no_fault():
    async with at_the_desk() as desk:
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)
        plant(desk, ROOM, version=1, closed_at_ms=desk.engine.node.now_ms())

        assert await failed(desk) == {}


async def test_a_room_that_was_seen_between_two_states_is_looked_at_again(monkeypatch):
    async with at_the_desk() as desk:
        await desk.engine.live_rooms.create(desk.mei, room_id=ROOM, info="", guest_id=None)
        told = []

        def first_nothing(rooms, kind=None):
            told.append(kind)
            return () if len(told) == 1 else owned(rooms, kind)

        owned = Rooms.owned
        monkeypatch.setattr(Rooms, "owned", first_nothing)
        plant(desk, ROOM, created_at_ms=0)

        assert await failed(desk) == {}


async def test_rooms_of_nobody_and_of_a_node_that_is_dead_are_found_after_some_patience():
    async with at_the_desk() as desk:
        other = await desk.stage.stores.leases.begin("other", lease_ms=10_000, supersedes=False)
        desk.database.rooms[ROOM] = an_open_room(desk, owner=other.id)
        desk.cast.switch.is_down, desk.cast.switch.only = True, "rooms.adoptable"

        await desk.stage.advance(25_000)
        patient = await failed(desk)
        await desk.stage.advance(1_000)
        of_the_dead = await failed(desk)
        plant(desk, ROOM, owner=NOBODY)
        of_nobody = await failed(desk)
        plant(desk, ROOM, owner=NodeId("ghost#1"))
        of_a_ghost = await failed(desk)
        desk.cast.switch.is_down = False
        while "sweep_failed" in desk.stage.log.events():
            desk.stage.log.take("sweep_failed")

        assert patient == {}
        assert of_the_dead == {"rooms have owners": "room_1 belongs to other#1, which is dead"}
        assert of_nobody == {"rooms have owners": "room_1 has no owner"}
        assert of_a_ghost == {"rooms have owners": "room_1 belongs to ghost#1, of which nothing is known"}


async def test_somebody_on_two_seats_is_found_in_one_room_and_in_two():
    async with at_the_desk() as desk:
        date = await desk.date()
        elsewhere = await desk.stage.stores.leases.begin("other", lease_ms=60_000, supersedes=False)
        room = an_open_room(desk, owner=elsewhere.id, kind=RoomKind.BLIND_DATE, seats=(a_seat(date.bo),))

        desk.database.rooms[ROOM] = replace(room, seats=(a_seat(date.bo), a_seat(date.bo, "female")))
        in_one = await failed(desk)
        desk.database.rooms[ROOM] = room
        desk.database.rooms[RoomId("room_2")] = replace(room, id=RoomId("room_2"))
        in_two = await failed(desk)
        desk.database.rooms[RoomId("room_2")] = replace(room, id=RoomId("room_2"), kind=RoomKind.OPEN)
        in_two_of_which_one_is_no_date = await failed(desk)
        desk.database.rooms[ROOM] = replace(room, seats=(a_seat(date.bo), a_seat(date.lin)))
        two_on_one = await failed(desk)

        assert in_one == {"seats": f"room_1 has {date.bo.id} on 2 seats"}
        assert in_two == {"seats": f"room_2 has {date.bo.id} on a seat, who sits in room_1 as well"}
        assert in_two_of_which_one_is_no_date == {}
        assert two_on_one == {"seats": "room_1 has 2 people on male, where 1 may sit"}


async def test_an_applicant_who_is_not_inside_is_found():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open()
        plant_here(
            desk, date.room_id, record={"applicants": (Applicant(person_id=date.bo.id, face=Face(), since_ms=0),)}
        )

        found = await failed(desk)

        what = f"{date.room_id} has an application of {date.bo.id}, who is not inside"
        assert found == {"people in rooms": what}


async def test_somebody_inside_who_is_banned_there_is_found():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        now_ms = desk.engine.node.now_ms()
        ban = Sanction(person_id=date.bo.id, kind=SanctionKind.BAN, until_ms=None, by=None)
        others = (
            replace(ban, person_id=date.lin.id, kind=SanctionKind.MUTE),
            replace(ban, person_id=date.lin.id, until_ms=now_ms),
        )

        plant_here(desk, date.room_id, record={"sanctions": others})
        of_others = await failed(desk)
        plant_here(desk, date.room_id, record={"sanctions": (*others, ban)})
        of_his = await failed(desk)

        assert of_others == {}
        assert of_his == {"people in rooms": f"{date.room_id} has {date.bo.id} inside, who is banned from it"}


async def test_who_has_been_away_for_longer_than_his_grace_is_found_when_no_sweep_comes():
    async with at_the_desk() as desk:
        date = await desk.date()
        await date.open(date.bo, date.lin)
        date.connect(*date.all)
        await date.seat(date.bo)
        cancel_alarms(desk.engine.rooms._owned[date.room_id].ref)

        date.hang_up(date.bo, date.lin)
        await desk.stage.advance(39_000)
        nobody_yet = await failed(desk)
        await desk.stage.advance(1_000)
        who_watched = await failed(desk)
        await desk.stage.advance(30_000)
        who_sat_too = await failed(desk)
        date.hang_up(date.hong)
        await desk.stage.advance(70_000)
        all_of_them = await failed(desk)

        assert nobody_yet == {}
        gone = "inside, who has been gone for too long"
        assert who_watched == {"people in rooms": f"{date.room_id} has {date.lin.id} {gone}"}
        assert who_sat_too == {"people in rooms": f"{date.room_id} has {date.bo.id} {gone}, and 1 more"}
        assert all_of_them == {
            "people in rooms": f"{date.room_id} should have closed by now: whoever held it open is gone"
        }
