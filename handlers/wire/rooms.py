"""Who hears which room, over which sockets: what a room is told is one piece of bytes for all of them.

Knows rooms as keys, people as ids, and sockets as outboxes with a dialect. Knows no event, and neither who may hear a
room nor why: the engine says who enters.

What a room is told during one turn of the loop is kept once for each dialect, not once for each socket, and is joined
and sent when the turn ends. Most sockets have nothing else to be sent, and take the piece as it is; the others queue
its frames. A socket that is told something of its own in between is first given what the room was told before that, so
each socket hears its own things and its room's in the order in which they were told. Two rooms have no common order.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from handlers.wire.outbox import Outbox, OutboxLimits, send_past
from handlers.wire.surface import SocketDialect

__all__ = ["Circle", "Listener", "Rooms"]


class Listener(Protocol):
    """A socket, as its rooms see it."""

    circles: "tuple[Circle, ...]"
    """Where it listens; kept by the circles themselves."""

    @property
    def dialect(self) -> SocketDialect:
        """How it speaks."""

    @property
    def outbox(self) -> Outbox:
        """Where its frames wait."""

    def queue(self, frame: bytes, *, droppable: bool, now_ms: int) -> bool:
        """Let ``frame`` wait there; False when the socket is too slow, and has been closed for it."""


class Circle:
    """The sockets of one dialect that hear one room, and what they have not been sent yet."""

    __slots__ = ("_apart", "_frames", "_frames_bytes", "_limits", "_sockets", "dialect", "room_id")

    def __init__(self, room_id: str, dialect: SocketDialect, *, limits: OutboxLimits) -> None:
        self.room_id = room_id
        self.dialect = dialect
        self._limits = limits
        self._sockets: dict[Listener, Outbox] = {}
        # Who was given some of this turn's frames already, or entered after them, and how many of them that are.
        self._apart: dict[Listener, int] = {}
        self._frames: list[tuple[bytes, bool]] = []
        self._frames_bytes = 0

    def __len__(self) -> int:
        return len(self._sockets) + len(self._apart)

    @property
    def sockets(self) -> tuple[Listener, ...]:
        """Everybody in it."""
        return (*self._sockets, *self._apart)

    @property
    def is_behind(self) -> bool:
        """Whether something was told that has not been sent."""
        return bool(self._frames)

    @property
    def is_full(self) -> bool:
        """Whether so much was told in this turn that it should be sent before the turn ends."""
        # Half of what one socket may have waiting, so that a socket that takes none of it is still within its bounds.
        limits = self._limits
        return self._frames_bytes > limits.bytes_max // 2 or len(self._frames) >= limits.frames_max // 2

    def join(self, socket: Listener) -> None:
        """``socket``, which did not so far, hears what is told from now on."""
        socket.circles += (self,)
        if self._frames:
            self._apart[socket] = len(self._frames)
        else:
            self._sockets[socket] = socket.outbox

    def forget(self, socket: Listener) -> None:
        """Nothing goes to ``socket`` any more."""
        self._sockets.pop(socket, None)
        self._apart.pop(socket, None)
        socket.circles = tuple(circle for circle in socket.circles if circle is not self)

    def tell(self, frame: bytes, *, droppable: bool) -> None:
        """Keep ``frame`` for everybody who is here now."""
        self._frames.append((frame, droppable))
        self._frames_bytes += len(frame)

    def catch_up(self, socket: Listener, *, now_ms: int) -> None:
        """Queue for ``socket`` what it has not got of this turn, so that what follows there comes after it."""
        if not self._frames:
            return
        taken_count = self._apart.get(socket, 0)
        self._sockets.pop(socket, None)
        self._apart[socket] = len(self._frames)
        for frame, droppable in self._frames[taken_count:]:
            if not socket.queue(frame, droppable=droppable, now_ms=now_ms):
                return

    def flush(self, *, now_ms: int) -> None:
        """Send what was told, to each as far as its socket takes it; the rest waits in its outbox."""
        frames, self._frames = self._frames, []
        self._frames_bytes = 0
        apart, self._apart = self._apart, {}
        if not frames:
            return
        piece = frames[0][0] if len(frames) == 1 else b"".join([frame for frame, _ in frames])
        if len(piece) <= self._limits.bytes_max // 2:
            behind = send_past(self._sockets.items(), piece, count=len(frames), now_ms=now_ms)
        else:
            behind = list(self._sockets)
        for socket in apart:
            self._sockets[socket] = socket.outbox
        # Whoever is too slow leaves, and with that this circle: never while it is walked.
        for socket in (*behind, *apart):
            for frame, droppable in frames[apart.get(socket, 0) :]:
                if not socket.queue(frame, droppable=droppable, now_ms=now_ms):
                    break


class _Room:
    """One room: the people who are in it with all their sockets, and one circle for each dialect that is heard."""

    __slots__ = ("circles", "people")

    def __init__(self) -> None:
        self.people: set[int] = set()
        self.circles: dict[int, Circle] = {}


class Rooms:
    """All rooms that somebody on this node is in. ``wake`` asks for a ``flush`` at the end of the turn."""

    def __init__(self, *, limits: OutboxLimits, wake: Callable[[], None]) -> None:
        self._limits = limits
        self._wake = wake
        self._rooms: dict[str, _Room] = {}
        # The other way round, for sockets that open later.
        self._entered: dict[int, dict[str, _Room]] = {}
        self._behind: list[Circle] = []

    def __len__(self) -> int:
        return len(self._rooms)

    def enter(self, person_id: int, room_id: str) -> None:
        """The sockets that this person opens from now on hear the room; those he has, ``listen``."""
        room = self._room(room_id)
        room.people.add(person_id)
        self._entered.setdefault(person_id, {})[room_id] = room

    def leave(self, person_id: int, room_id: str) -> None:
        """The sockets that this person opens from now on do not hear the room."""
        entered = self._entered.get(person_id, {})
        room = entered.pop(room_id, None)
        if room is None:
            return
        if not entered:
            del self._entered[person_id]
        room.people.discard(person_id)
        self._tidy(room_id, room)

    def entered_by(self, person_id: int) -> tuple[str, ...]:
        """The rooms that the person is in with whatever socket he opens."""
        return tuple(self._entered.get(person_id, ()))

    def listen(
        self, socket: Listener, room_id: str, *, backlog: Callable[[SocketDialect], Iterable[bytes]], now_ms: int
    ) -> None:
        """``socket`` hears first ``backlog`` and then what the room is told from now on, without a gap.

        Nothing happens when it hears the room already: then it has missed nothing.
        """
        room = self._room(room_id)
        circle = room.circles.get(id(socket.dialect))
        if circle is None:
            circle = room.circles[id(socket.dialect)] = Circle(room_id, socket.dialect, limits=self._limits)
        if circle in socket.circles:
            return
        # In the circle before anything can fail, and out of it again like everybody else.
        circle.join(socket)
        for frame in backlog(socket.dialect):
            if not socket.queue(frame, droppable=False, now_ms=now_ms):
                return

    def unlisten(self, socket: Listener, room_id: str, *, now_ms: int) -> None:
        """``socket`` hears what the room was told so far, and nothing more."""
        for circle in socket.circles:
            if circle.room_id == room_id:
                circle.catch_up(socket, now_ms=now_ms)
                self._forget(socket, circle)

    def catch_up(self, socket: Listener, *, now_ms: int) -> None:
        """Queue for ``socket`` what its rooms were told in this turn, before it is told something of its own."""
        for circle in socket.circles:
            circle.catch_up(socket, now_ms=now_ms)

    def quit(self, socket: Listener) -> None:
        """Nothing goes to ``socket`` any more."""
        for circle in socket.circles:
            self._forget(socket, circle)

    def tell(
        self, room_id: str, frame_of: Callable[[SocketDialect], bytes | None], *, droppable: bool, now_ms: int
    ) -> None:
        """Everybody who hears the room now hears the frame of his dialect; None: that dialect does not show it."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        for circle in room.circles.values():
            frame = frame_of(circle.dialect)
            if frame is None:
                continue
            if not circle.is_behind:
                self._behind.append(circle)
                self._wake()
            circle.tell(frame, droppable=droppable)
        for circle in [circle for circle in room.circles.values() if circle.is_full]:
            circle.flush(now_ms=now_ms)

    def end(self, room_id: str, *, now_ms: int) -> None:
        """Everybody leaves the room, after having heard what it was told; harmless when there is no such room."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        for circle in tuple(room.circles.values()):
            circle.flush(now_ms=now_ms)
            for socket in circle.sockets:
                self._forget(socket, circle)
        for person_id in tuple(room.people):
            self.leave(person_id, room_id)

    def flush(self, *, now_ms: int) -> None:
        """Send what the rooms were told."""
        behind, self._behind = self._behind, []
        for circle in behind:
            circle.flush(now_ms=now_ms)

    def _room(self, room_id: str) -> _Room:
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room()
        return room

    def _forget(self, socket: Listener, circle: Circle) -> None:
        circle.forget(socket)
        room = self._rooms.get(circle.room_id)
        if room is not None and not len(circle):
            room.circles.pop(id(circle.dialect), None)
            self._tidy(circle.room_id, room)

    def _tidy(self, room_id: str, room: _Room) -> None:
        if not room.people and not room.circles:
            self._rooms.pop(room_id, None)
