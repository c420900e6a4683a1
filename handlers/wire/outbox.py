"""What waits to be sent to one socket: bounded, in order, and written as rarely as possible.

Knows frames as bytes and a stream to write them to. Knows no event, no person and no clock: callers pass ``now_ms`` in.

A frame that is the same for everybody is built once and shared. What was queued during a turn of the loop leaves in one
piece; it goes to the socket itself while the stream's own buffer is empty, and behind that buffer when it is not, so
the order never changes. A reader that does not keep up loses what may be lost first, and then its connection: memory is
bounded either way.
"""

import struct
from asyncio import Future
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Final, Protocol, TypeVar

import msgspec

__all__ = ["Outbox", "OutboxLimits", "Pushed", "Socket", "Stream", "send_past", "text_frame"]

OwnerT = TypeVar("OwnerT")

_FINAL_TEXT: Final = 0x81


def text_frame(payload: bytes) -> bytes:
    """``payload`` as one unmasked text frame: the same bytes for every client. Source: RFC 6455 §5.2."""
    length = len(payload)
    if length < 126:  # noqa: PLR2004 - RFC 6455: 126 and 127 say that a longer length follows
        return struct.pack("!BB", _FINAL_TEXT, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", _FINAL_TEXT, 126, length) + payload
    return struct.pack("!BBQ", _FINAL_TEXT, 127, length) + payload


class Socket(Protocol):
    """The part of a socket that sending needs."""

    def send(self, data: bytes, /) -> int:
        """Send at once; how much went. Raises: OSError: nothing did, as it is full, or closed."""


class Stream(Protocol):
    """The part of Tornado's ``IOStream`` that sending needs."""

    def closed(self) -> bool:
        """Whether nothing can be written any more."""

    def writing(self) -> bool:
        """Whether its buffer holds something."""

    def write(self, data: bytes) -> "Future[None]":
        """Append to the buffer; done when the buffer has been sent."""

    @property
    def socket(self) -> Socket:
        """Where it writes to; None once it is closed."""


class OutboxLimits(msgspec.Struct, frozen=True):
    """How much may wait for one reader, and for how long. Source: ALL-16, G-17."""

    bytes_max: int = 256 * 1024
    frames_max: int = 512
    age_ms_max: int = 10_000


class Pushed(Enum):
    """What became of a frame."""

    QUEUED = auto()
    DROPPED = auto()
    """It may be lost, and the reader is behind."""
    FULL = auto()
    """There is no room, and nothing that could make some: this reader is too slow."""


class Outbox:
    """The queue of one socket. ``may_send_directly`` is off where bytes must pass through the stream, as under TLS."""

    __slots__ = (
        "_batch_at_ms",
        "_batch_bytes",
        "_batch_count",
        "_frames",
        "_frames_bytes",
        "_limits",
        "_may_send_directly",
        "_on_stall",
        "_others_count",
        "_send",
        "_stream",
    )

    def __init__(
        self,
        stream: Stream,
        *,
        limits: OutboxLimits,
        on_stall: Callable[[], None],
        may_send_directly: bool = True,
    ) -> None:
        self._stream = stream
        # Looked up once, because a room asks thousands of them a thousand times a second.
        self._send = stream.socket.send
        self._limits = limits
        self._may_send_directly = may_send_directly
        self._on_stall = on_stall
        # A list, as it only ever goes as a whole: an empty deque is half a kilobyte, and most are empty at any time.
        self._frames: list[tuple[bytes, int]] = []
        self._frames_bytes = 0
        # What the socket did not take at once lies in the stream, and counts until all of it has gone.
        self._batch_bytes = 0
        self._batch_count = 0
        self._batch_at_ms = 0
        # What others wrote to the stream, and may still lie there; under TLS one never knows.
        self._others_count = 0 if may_send_directly else 1
        if stream.writing():
            self.follow(stream.write(b""))

    @property
    def waiting_bytes(self) -> int:
        """Bytes not yet taken by the operating system."""
        return self._frames_bytes + self._batch_bytes

    @property
    def waiting_count(self) -> int:
        """Frames not yet taken whole."""
        return len(self._frames) + self._batch_count

    @property
    def is_holding_back(self) -> bool:
        """Whether something waits here that is not even in the stream, and would come after what is written there."""
        return bool(self._frames)

    def oldest_age_ms(self, now_ms: int) -> int:
        """How long the oldest frame has waited; 0 when none does."""
        if self._batch_bytes:
            return now_ms - self._batch_at_ms
        return now_ms - self._frames[0][1] if self._frames else 0

    def is_too_slow(self, now_ms: int) -> bool:
        """Whether the reader has been behind for longer than may be."""
        return self.oldest_age_ms(now_ms) > self._limits.age_ms_max

    def push(self, frame: bytes, *, droppable: bool, now_ms: int) -> Pushed:
        """Queue ``frame``; it leaves with the next ``flush``."""
        if self._over(len(frame), share=2 if droppable else 1):
            # Much in one turn is no slow reader: let the socket take it before judging.
            self.flush()
            if self._over(len(frame), share=2 if droppable else 1):
                return Pushed.DROPPED if droppable else Pushed.FULL
        self._frames.append((frame, now_ms))
        self._frames_bytes += len(frame)
        return Pushed.QUEUED

    def flush(self) -> None:
        """Send all that waits, unless an earlier batch is still on its way; then it follows that by itself."""
        frames = self._frames
        stream = self._stream
        if not frames or self._batch_bytes or stream.closed():
            return
        data = frames[0][0] if len(frames) == 1 else b"".join([frame for frame, _ in frames])
        sent = 0
        # Never past what the stream still holds, be it only a pong.
        if self._may_send_directly and not stream.writing():
            try:
                sent = self._send(data)
            except OSError:
                # Full for the moment, or broken: the stream finds out which, and does what is to be done.
                sent = 0
        count, queued_at_ms = len(frames), frames[0][1]
        frames.clear()
        self._frames_bytes = 0
        if sent != len(data):
            self._hand_over(data[sent:], count, queued_at_ms)

    def follow(self, written: "Future[None]") -> None:
        """Send nothing past what somebody else has just written to the stream: a pong, say. All such is to be told."""
        if self._stream.writing():
            self._others_count += 1
            written.add_done_callback(self._other_gone)

    def finish(self) -> None:
        """Hand all that waits to the stream, for its last words to follow."""
        frames, self._frames = self._frames, []
        self._frames_bytes = 0
        if frames and not self._stream.closed():
            self._stream.write(b"".join([frame for frame, _ in frames]))

    def clear(self) -> None:
        """Forget what waits and is not yet in the stream."""
        self._frames.clear()
        self._frames_bytes = 0

    def _hand_over(self, rest: bytes, count: int, queued_at_ms: int) -> None:
        """Leave ``rest``, of ``count`` frames, to the stream; nothing else is sent until all of it has gone."""
        self._batch_bytes = len(rest)
        self._batch_count = count
        self._batch_at_ms = queued_at_ms
        self._stream.write(rest).add_done_callback(self._batch_gone)
        self._on_stall()

    def _over(self, more_bytes: int, *, share: int) -> bool:
        limits = self._limits
        return (
            self.waiting_bytes + more_bytes > limits.bytes_max // share
            or self.waiting_count + 1 > limits.frames_max // share
        )

    def _other_gone(self, _written: "Future[None]") -> None:
        self._others_count -= 1

    def _batch_gone(self, future: "Future[None]") -> None:
        self._batch_bytes = 0
        self._batch_count = 0
        if not future.cancelled() and future.exception() is None:
            self.flush()


def send_past(outboxes: Iterable[tuple[OwnerT, Outbox]], piece: bytes, *, count: int, now_ms: int) -> list[OwnerT]:
    """Send ``piece``, ``count`` frames joined, to many without queueing it; for whom it has to queue after all.

    What a socket does not take at once of a piece that is no larger than half of what may wait is within its bounds.
    """
    # One loop, and nothing that need not be in it: this is what a message costs, times the people who hear it.
    size = len(piece)
    behind = []
    for owner, outbox in outboxes:
        # Never past what waits in the queue, nor past what the stream still holds, be it only a pong.
        if outbox._frames or outbox._batch_bytes or outbox._others_count:  # noqa: SLF001 - the same module
            behind.append(owner)
            continue
        try:
            sent = outbox._send(piece)  # noqa: SLF001
        except OSError:
            behind.append(owner)
            continue
        if sent != size:
            outbox._hand_over(piece[sent:], count, now_ms)  # noqa: SLF001
    return behind
