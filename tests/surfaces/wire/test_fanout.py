"""Rooms: one event for everybody in them, in order, once, whatever else their sockets are told."""

import asyncio
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ports import Position
from handlers.wire.codec import read_json, write_json
from handlers.wire.outbox import Outbox, OutboxLimits, Pushed, send_past
from handlers.wire.rooms import Rooms
from handlers.wire.socket import SocketHandler, SocketLimits
from tests.surfaces.wire.test_outbox import FakeFuture, Pipe
from tests.surfaces.wire.test_socket import _hang_up, frame, listen, read_frames, shaken, until  # noqa: F401 - the fixture closes what listens
from tests.surfaces.wire.toy import DIALECT, Happened, Liked, Toy, serving

gen_test = pytest.mark.gen_test
real_loop = pytest.mark.real_loop

ROOM = "room_1"


# -- without sockets: orders and bounds -------------------------------------------------------------------------------


class Member:
    """A socket as its rooms see it, over a pipe that takes ``room`` bytes at a time."""

    def __init__(self, *, room=10_000_000, dialect=DIALECT, limits=OutboxLimits()) -> None:  # noqa: B008 - frozen
        self.pipe = Pipe(room)
        self.dialect = dialect
        self.outbox = Outbox(self.pipe, limits=limits, on_stall=lambda: None)
        self.circles = ()
        self.dropped = 0
        self.is_out = False

    def queue(self, data, *, droppable, now_ms):
        pushed = self.outbox.push(data, droppable=droppable, now_ms=now_ms)
        self.dropped += pushed is Pushed.DROPPED
        self.is_out = self.is_out or pushed is Pushed.FULL
        return pushed is not Pushed.FULL


def rooms_with(*members, limits=OutboxLimits()):  # noqa: B008 - frozen
    wakes = []
    rooms = Rooms(limits=limits, wake=lambda: wakes.append(1))
    for member in members:
        rooms.listen(member, ROOM, backlog=lambda _: (), now_ms=0)
    return rooms, wakes


def tell(rooms, data, *, room=ROOM, droppable=False):
    rooms.tell(room, lambda _dialect: data, droppable=droppable, now_ms=0)


def test_what_a_room_is_told_in_one_turn_leaves_in_one_piece_for_each():
    members = [Member() for _ in range(3)]
    rooms, wakes = rooms_with(*members)
    sends = []
    for member in members:
        send = member.outbox._send
        member.outbox._send = lambda data, send=send: sends.append(data) or send(data)

    for data in (b"a", b"b", b"c"):
        tell(rooms, data)
    before = [member.pipe.taken for member in members]
    rooms.flush(now_ms=0)

    assert before == [b"", b"", b""]
    assert [member.pipe.taken for member in members] == 3 * [b"abc"]
    assert (len(sends), len({id(data) for data in sends})) == (3, 1), "one send each, and the very same bytes"
    assert len(wakes) == 1


def test_own_things_and_the_rooms_come_in_the_order_they_were_told():
    speaker, other = Member(), Member()
    rooms, _ = rooms_with(speaker, other)

    tell(rooms, b"1")
    for own in (b"x", b"y"):
        rooms.catch_up(speaker, now_ms=0)
        speaker.queue(own, droppable=False, now_ms=0)
        tell(rooms, b"2")
    rooms.flush(now_ms=0)
    speaker.outbox.flush()

    assert speaker.pipe.taken == b"1x2y2"
    assert other.pipe.taken == b"122"


def test_whoever_enters_or_leaves_in_the_middle_of_a_turn_hears_just_his_part():
    early, late = Member(), Member()
    rooms, _ = rooms_with(early)

    tell(rooms, b"1")
    rooms.listen(late, ROOM, backlog=lambda _: (b"-",), now_ms=0)
    tell(rooms, b"2")
    rooms.unlisten(early, ROOM, now_ms=0)
    tell(rooms, b"3")
    rooms.flush(now_ms=0)
    for member in (early, late):
        member.outbox.flush()

    assert early.pipe.taken == b"12"
    assert late.pipe.taken == b"-23"
    assert early.circles == ()


def test_a_room_nobody_is_in_is_forgotten():
    member = Member()
    rooms, wakes = rooms_with(member)
    rooms.enter(7, "room_2")

    rooms.quit(member)
    tell(rooms, b"1")
    rooms.leave(7, "room_2")
    rooms.leave(7, "room_2")
    rooms.end("room_3", now_ms=0)

    assert (len(rooms), rooms.entered_by(7), wakes) == (0, (), [])


def test_the_end_of_a_room_is_heard_before_it():
    member = Member()
    rooms, _ = rooms_with(member)
    rooms.enter(7, ROOM)

    tell(rooms, b"1")
    rooms.end(ROOM, now_ms=0)
    tell(rooms, b"2")
    rooms.flush(now_ms=0)

    assert (member.pipe.taken, len(rooms), rooms.entered_by(7)) == (b"1", 0, ())


def test_dialects_get_their_own_bytes_and_a_dialect_that_shows_nothing_gets_none():
    blind = replace(DIALECT, path="/toy/blind")
    one, two = Member(), Member(dialect=blind)
    rooms, _ = rooms_with(one, two)
    asked = []

    def frame_of(dialect):
        asked.append(dialect.path)
        return None if dialect is blind else b"1"

    rooms.tell(ROOM, frame_of, droppable=False, now_ms=0)
    rooms.flush(now_ms=0)

    assert (one.pipe.taken, two.pipe.taken) == (b"1", b"")
    assert sorted(asked) == ["/toy/blind", "/toy/ws"]


@pytest.mark.parametrize(("size", "count"), [(100, 100_000), (40_000, 100), (200_000, 20), (300_000, 2)])
def test_much_in_one_turn_reaches_those_who_read_and_stays_within_bounds_for_those_who_do_not(size, count):
    limits = OutboxLimits()
    reader, sleeper = Member(room=10**9), Member(room=5_000)
    rooms, _ = rooms_with(reader, sleeper)
    most = 0

    for _ in range(min(count, 3_000)):
        tell(rooms, b"x" * size)
        most = max(most, sleeper.outbox.waiting_bytes)
        if sleeper.is_out:
            rooms.quit(sleeper)
    rooms.flush(now_ms=0)
    reader.outbox.flush()

    assert most <= limits.bytes_max
    if size <= limits.bytes_max:
        assert len(reader.pipe.taken) == min(count, 3_000) * size
        assert sleeper.is_out
    else:
        assert reader.is_out, "a frame that is larger than all that may wait is nobody's"


def test_those_who_are_behind_lose_what_may_be_lost_and_nobody_else_does():
    reader, sleeper = Member(), Member(room=0)
    rooms, _ = rooms_with(reader, sleeper)

    for _ in range(300):
        tell(rooms, b"x" * 1_000, droppable=True)
        rooms.flush(now_ms=0)
        sleeper.outbox.flush()

    assert len(reader.pipe.taken) == 300_000
    assert sleeper.dropped > 100
    assert not sleeper.is_out


def test_nothing_overtakes_what_others_wrote_to_the_stream():
    pipe = Pipe(room=100)
    outbox = Outbox(pipe, limits=OutboxLimits(), on_stall=lambda: None)
    written = FakeFuture()
    pipe.buffer = b"pong"
    outbox.follow(written)

    held = send_past([("me", outbox)], b"1", count=1, now_ms=0)
    pipe.drain(4)
    written.finish()
    sent = send_past([("me", outbox)], b"2", count=1, now_ms=0)

    assert (held, sent) == (["me"], [])
    assert pipe.taken == b"pong2"


STEPS = st.tuples(
    st.sampled_from(["tell", "own", "enter", "leave", "flush", "turn", "take", "other"]),
    st.integers(0, 2),
    st.integers(1, 60),
)


@given(st.lists(STEPS, max_size=80))
def test_each_hears_exactly_what_was_told_while_he_was_in_and_in_its_order(steps):
    limits = OutboxLimits(bytes_max=10**9, frames_max=10**6)
    members = [Member(room=0, limits=limits) for _ in range(3)]
    rooms, _ = rooms_with(limits=limits)
    expected = [b"", b"", b""]
    inside: set[int] = set()

    for number, (what, who, amount) in enumerate(steps):
        member, data = members[who], bytes([number % 250 + 1]) * amount
        if what == "tell":
            tell(rooms, data)
            for one in inside:
                expected[one] += data
        elif what == "own":
            rooms.catch_up(member, now_ms=0)
            member.queue(data, droppable=False, now_ms=0)
            expected[who] += data
        elif what == "enter":
            rooms.listen(member, ROOM, backlog=lambda _, data=data: (data,), now_ms=0)
            expected[who] += b"" if who in inside else data
            inside.add(who)
        elif what == "leave":
            rooms.unlisten(member, ROOM, now_ms=0)
            inside.discard(who)
        elif what == "flush":
            member.outbox.flush()
        elif what == "turn":
            rooms.flush(now_ms=0)
        else:
            member.pipe.room = amount
            member.pipe.drain(amount)
    rooms.flush(now_ms=0)
    for member in members:
        for _ in range(3):
            member.pipe.room = 10**6
            member.pipe.drain(10**6)
            member.outbox.flush()

    assert [member.pipe.taken for member in members] == expected


# -- with sockets -----------------------------------------------------------------------------------------------------


async def in_room(toy, port, *people):
    ears = [await listen(port, f"t-{person}") for person in people]
    await until(lambda: toy.hub.sockets_count >= len(people))
    for person in people:
        toy.hub.enter(person, ROOM)
    return ears


async def texts(ear, count):
    return [(await ear.hear())["data"]["text"] for _ in range(count)]


@gen_test
async def test_a_room_hears_what_it_is_told_with_all_sockets_of_everybody_in_it(toy, http_server, http_port):
    ears = await in_room(toy, http_port, 1, 1, 2)
    (outside,) = [await listen(http_port, "t-3")]
    await until(lambda: toy.hub.is_connected(3))

    toy.hub.tell_room(ROOM, Happened("早"))
    toy.hub.tell_room("room_2", Happened("elsewhere"))
    toy.hub.tell(3, Happened("own"))
    late = await listen(http_port, "t-2")
    await until(lambda: toy.hub.sockets_count == 5)
    toy.hub.tell_room(ROOM, Happened("again"))

    assert [await texts(ear, 2) for ear in ears] == 3 * [["早", "again"]]
    assert await texts(late, 1) == ["again"]
    assert await texts(outside, 1) == ["own"]


@gen_test
async def test_whoever_leaves_hears_no_more_and_an_ended_room_is_gone(toy, http_server, http_port):
    one, two = await in_room(toy, http_port, 1, 2)

    toy.hub.tell_room(ROOM, Happened("1"))
    toy.hub.leave(1, ROOM)
    toy.hub.tell_room(ROOM, Happened("2"))
    toy.hub.end_room(ROOM)
    toy.hub.tell_room(ROOM, Happened("3"))
    for person_id in (1, 2):
        toy.hub.tell(person_id, Happened("last"))

    assert await texts(one, 2) == ["1", "last"]
    assert await texts(two, 3) == ["1", "2", "last"]
    assert toy.hub.rooms_count == 0


@gen_test
async def test_a_closed_socket_has_heard_its_room_first_and_leaves_nothing_behind(toy, http_server, http_port):
    one, two = await in_room(toy, http_port, 1, 2)

    toy.hub.tell_room(ROOM, Happened("1"))
    toy.hub.close(1, code=4003, reason="banned")
    toy.hub.tell_room(ROOM, Happened("2"))

    assert await texts(one, 1) == ["1"]
    assert await one.ended() == (4003, "banned")
    assert await texts(two, 2) == ["1", "2"]
    toy.hub.leave(1, ROOM)
    toy.hub.leave(2, ROOM)
    assert toy.hub.rooms_count == 0


@gen_test
async def test_an_event_is_encoded_once_for_a_room_and_shows_its_position(toy, http_server, http_port, monkeypatch):
    encoded = []

    def encode_at(event, position):
        encoded.append(event)
        data = {"text": event.text}
        return write_json({"type": "at", "epoch": position.epoch, "seq": position.seq, "data": data})

    monkeypatch.setattr(SocketHandler, "dialect", replace(DIALECT, encode_at=encode_at))
    ears = await in_room(toy, http_port, 1, 1, 2, 3)

    toy.hub.tell_room(ROOM, Happened("once"), position=Position(3, 17))

    for ear in ears:
        assert await ear.hear() == {"type": "at", "epoch": 3, "seq": 17, "data": {"text": "once"}}
    assert len(encoded) == 1


@gen_test
async def test_what_is_to_be_handed_over_waits_for_no_rest(toy, http_server, http_port):
    ears = await in_room(toy, http_port, 1, 2)
    toy.hub._rests_until_s = asyncio.get_running_loop().time() + 3_600

    toy.hub.tell_room(ROOM, Happened("paid"))
    toy.hub.flush()

    for ear in ears:
        assert (await ear.hear())["data"]["text"] == "paid"


@gen_test
async def test_one_connection_resumes_with_what_it_missed_while_the_others_go_on(toy, http_server, http_port):
    steady = await listen(http_port, "t-1", **{"X-Request-Id": "steady-0001"})
    back = await listen(http_port, "t-1", **{"X-Request-Id": "back-000001"})
    await until(lambda: toy.hub.sockets_count == 2)
    steady_id, back_id = (socket.request_id for socket in toy.hub._sockets(1, None))
    missed = [(Happened("1"), Position(1, 1)), (Happened("2"), Position(1, 2))]

    toy.hub.enter(1, ROOM, connection=steady_id)
    for event, position in missed:
        toy.hub.tell_room(ROOM, event, position=position)
    toy.hub.enter(1, ROOM, connection=back_id, backlog=missed)
    toy.hub.tell_room(ROOM, Happened("3"), position=Position(1, 3))
    toy.hub.enter(1, ROOM, connection=back_id, backlog=missed)
    toy.hub.leave(1, ROOM, connection=steady_id)
    toy.hub.tell_room(ROOM, Happened("4"), position=Position(1, 4))
    toy.hub.tell(1, Happened("end"))

    assert await texts(steady, 4) == ["1", "2", "3", "end"]
    assert await texts(back, 5) == ["1", "2", "3", "4", "end"]


@real_loop
async def test_pongs_and_pieces_of_a_room_never_cut_into_each_other():
    toy = Toy(limits=SocketLimits(outbox=OutboxLimits(bytes_max=8 * 1024 * 1024, frames_max=100_000)))
    async with serving(toy) as port:
        reader, writer = await shaken(port, buffer_bytes=4096)
        await until(lambda: toy.hub.is_connected(1))
        toy.hub.enter(1, ROOM)
        reading = asyncio.ensure_future(read_frames(reader))

        for number in range(2_000):
            toy.hub.tell_room(ROOM, Happened(f"{number} {'x' * (number % 1_500)}"))
            if number % 20 == 0:
                writer.write(frame(9, b"p" * 100))
                await asyncio.sleep(0)
        toy.hub.close(1, code=4003, reason="")
        frames = await reading
        writer.close()

    told = [read_json(payload)["data"]["text"] for opcode, payload in frames if opcode == 0x1]
    assert told == [f"{number} {'x' * (number % 1_500)}" for number in range(2_000)]
    assert {opcode for opcode, _ in frames} == {0x1, 0x8, 0xA}
    assert frames[-1] == (0x8, struct.pack(">H", 4003))


@real_loop
async def test_readers_that_never_read_are_closed_and_the_others_hear_everything():
    toy = Toy(limits=SocketLimits(outbox=OutboxLimits(bytes_max=64 * 1024)))
    async with serving(toy) as port:
        sleepers = [await shaken(port, buffer_bytes=4096, token=f"t-{person}") for person in range(2, 12)]
        reader, writer = await shaken(port)
        await until(lambda: toy.hub.sockets_count == 11)
        for person in range(1, 12):
            toy.hub.enter(person, ROOM)
        sockets = [socket for person in range(1, 12) for socket in toy.hub._sockets(person, None)]
        reading = asyncio.ensure_future(read_frames(reader))
        told_count = most_bytes = 0

        async with asyncio.timeout(30):
            while toy.hub.people_count > 1:
                toy.hub.tell_room(ROOM, Happened(f"{told_count} {'x' * 8_000}"))
                toy.hub.tell_room(ROOM, Liked("y" * 8_000))
                told_count += 1
                most_bytes = max(most_bytes, *(socket.outbox.waiting_bytes for socket in sockets))
                await asyncio.sleep(0.001)
        toy.hub.tell_room(ROOM, Happened("end"))
        await asyncio.sleep(0.02)
        toy.hub.close(1, code=4003, reason="")
        frames = await reading
        for _, one in (*sleepers, (reader, writer)):
            one.close()

    heard = [read_json(payload) for opcode, payload in frames if opcode == 0x1]
    numbers = [frame["data"]["text"].partition(" ")[0] for frame in heard if frame["type"] == "happened"]
    assert numbers == [*map(str, range(told_count)), "end"]
    assert most_bytes <= 64 * 1024
    assert toy.hub.dropped_count > 0
    assert [line.fields["code"] for line in toy.log.lines if line.event == "socket_closed"].count(4008) == 10
