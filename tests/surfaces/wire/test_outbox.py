"""The queue of one socket."""

from asyncio import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.wire.outbox import Outbox, OutboxLimits, Pushed, text_frame


class Pipe:
    """A stream whose socket takes ``room`` bytes at a time."""

    def __init__(self, room=0) -> None:
        self.room = room
        self.taken = b""
        self.buffer = b""
        self.future = None
        self.is_closed = False
        self.writes_count = 0

    def closed(self):
        return self.is_closed

    def writing(self):
        return bool(self.buffer)

    @property
    def socket(self):
        return self

    def send(self, data):
        assert not self.buffer, "sent past what the stream still holds"
        if not self.room:
            raise BlockingIOError
        sent = bytes(data[: self.room])
        self.room -= len(sent)
        self.taken += sent
        return len(sent)

    def write(self, data):
        self.writes_count += 1
        self.buffer += data
        self.future = FakeFuture()
        return self.future

    def drain(self, count):
        """The reader takes ``count`` bytes out of the stream's buffer."""
        self.taken += self.buffer[:count]
        self.buffer = self.buffer[count:]
        if not self.buffer and self.future is not None:
            future, self.future = self.future, None
            future.finish()


class FakeFuture:
    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def add_done_callback(self, callback):
        self.callbacks.append(callback)

    def cancelled(self):
        return False

    def exception(self):
        return None

    def finish(self):
        for callback in self.callbacks:
            callback(self)


def outbox_on(pipe, *, bytes_max=1_000, frames_max=10, stalls=None):
    limits = OutboxLimits(bytes_max=bytes_max, frames_max=frames_max, age_ms_max=10_000)
    return Outbox(pipe, limits=limits, on_stall=lambda: stalls.append(1) if stalls is not None else None)


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f" + (65_536).to_bytes(8, "big")),
    ],
)
def test_a_text_frame_has_the_head_of_its_length(length, head):
    assert text_frame(b"x" * length) == head + b"x" * length


def test_what_was_queued_leaves_in_one_piece():
    pipe = Pipe(room=100)
    outbox = outbox_on(pipe)

    for part in (b"a", b"b", b"c"):
        assert outbox.push(part, droppable=False, now_ms=0) is Pushed.QUEUED
    before = pipe.taken
    outbox.flush()

    assert (before, pipe.taken, outbox.waiting_bytes, pipe.writes_count) == (b"", b"abc", 0, 0)


def test_what_the_socket_does_not_take_goes_through_the_stream_and_the_rest_behind_it():
    pipe, stalls = Pipe(room=2), []
    outbox = outbox_on(pipe, stalls=stalls)

    outbox.push(b"abcd", droppable=False, now_ms=0)
    outbox.flush()
    pipe.room = 100
    outbox.push(b"ef", droppable=False, now_ms=1)
    outbox.flush()
    held = (pipe.taken, pipe.buffer, outbox.waiting_bytes, outbox.waiting_count)
    pipe.drain(2)

    assert held == (b"ab", b"cd", 4, 2)
    assert pipe.taken == b"abcdef"
    assert (outbox.waiting_bytes, stalls) == (0, [1])


def test_nothing_is_sent_past_a_pong_that_waits_in_the_stream():
    pipe = Pipe(room=100)
    pipe.buffer = b"pong"
    outbox = outbox_on(pipe)

    outbox.push(b"a", droppable=False, now_ms=0)
    outbox.flush()
    pipe.drain(5)

    assert pipe.taken == b"ponga"


def test_behind_half_way_what_may_be_lost_is_lost_and_the_rest_is_not():
    outbox = outbox_on(Pipe(room=0))

    results = [outbox.push(b"x" * 100, droppable=index % 2 == 1, now_ms=0) for index in range(12)]

    kept = [result for index, result in enumerate(results) if index % 2 == 0]
    assert results[1] is Pushed.QUEUED
    assert results[9] is Pushed.DROPPED
    assert kept == 6 * [Pushed.QUEUED]


@pytest.mark.parametrize(("bytes_max", "frames_max"), [(500, 100), (10_000, 5)])
def test_a_full_queue_says_so_and_keeps_its_bound(bytes_max, frames_max):
    outbox = outbox_on(Pipe(room=0), bytes_max=bytes_max, frames_max=frames_max)

    results = [outbox.push(b"x" * 100, droppable=False, now_ms=0) for _ in range(7)]

    assert results == 5 * [Pushed.QUEUED] + 2 * [Pushed.FULL]
    assert outbox.waiting_bytes <= 500


def test_much_in_one_turn_is_no_slow_reader():
    pipe = Pipe(room=1_000_000)
    outbox = outbox_on(pipe)

    results = {outbox.push(b"x" * 90, droppable=False, now_ms=0) for _ in range(1_000)}
    outbox.flush()

    assert results == {Pushed.QUEUED}
    assert len(pipe.taken) == 90_000


def test_the_age_is_that_of_the_oldest_frame_still_here():
    pipe = Pipe(room=0)
    outbox = outbox_on(pipe)
    assert outbox.oldest_age_ms(5) == 0

    outbox.push(b"a", droppable=False, now_ms=100)
    outbox.flush()
    outbox.push(b"b", droppable=False, now_ms=9_000)
    slow = [outbox.is_too_slow(now_ms) for now_ms in (10_100, 10_101)]
    pipe.drain(1)

    assert slow == [False, True]
    assert outbox.oldest_age_ms(10_000) == 1_000


def test_a_closed_stream_takes_nothing_and_complains_about_nothing():
    pipe = Pipe(room=10)
    pipe.is_closed = True
    outbox = outbox_on(pipe)

    outbox.push(b"a", droppable=False, now_ms=0)
    outbox.flush()
    outbox.clear()

    assert (pipe.taken, outbox.waiting_bytes) == (b"", 0)


def test_under_tls_everything_goes_through_the_stream():
    pipe = Pipe(room=100)
    limits = OutboxLimits()
    outbox = Outbox(pipe, limits=limits, on_stall=lambda: None, may_send_directly=False)

    outbox.push(b"a", droppable=False, now_ms=0)
    outbox.flush()

    assert (pipe.taken, pipe.buffer) == (b"", b"a")


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.integers(1, 400), st.booleans()),
            st.tuples(st.just("flush"), st.just(0), st.just(False)),
            st.tuples(st.just("room"), st.integers(0, 600), st.just(False)),
            st.tuples(st.just("drain"), st.integers(1, 600), st.just(False)),
            st.tuples(st.just("pong"), st.just(0), st.just(False)),
        ),
        max_size=60,
    )
)
def test_frames_leave_whole_once_and_in_order_and_the_bound_holds(steps):
    pipe = Pipe()
    outbox = outbox_on(pipe)
    accepted = b""

    for number, (what, amount, droppable) in enumerate(steps):
        if what == "push":
            data = bytes([number + 1]) * amount
            if outbox.push(data, droppable=droppable, now_ms=number) is Pushed.QUEUED:
                accepted += data
        elif what == "flush":
            outbox.flush()
        elif what == "room":
            pipe.room = amount
        elif what == "drain":
            pipe.drain(amount)
        else:
            pipe.buffer += b"\x00"
        assert outbox.waiting_bytes <= 1_000
        assert outbox.waiting_count <= 10
    for _ in range(20):
        pipe.room = 10_000
        pipe.drain(10_000)
        outbox.flush()

    assert pipe.taken.replace(b"\x00", b"") == accepted
    assert outbox.waiting_bytes == 0


def test_a_broken_stream_stops_the_queue():
    class Broken(FakeFuture):
        def exception(self):
            return OSError()

    pipe = Pipe(room=0)
    outbox = outbox_on(pipe)
    broken: Future = Broken()
    pipe.write = lambda data: broken

    outbox.push(b"a", droppable=False, now_ms=0)
    outbox.flush()
    broken.finish()

    assert outbox.waiting_bytes == 0
