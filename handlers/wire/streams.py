"""Bodies too large to hold: requests piece by piece as they come in, answers piece by piece as the client takes them.

Knows how a sender and a reader wait for each other: of a request there is one piece here at a time, and the next is
read from the connection when that one has been used. Knows no HTTP; ``http`` moves the pieces, ``forms`` finds the
file in them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import msgspec

from engine.errors import EngineError

__all__ = ["Inflow", "Streamed", "StreamedRequest"]


class StreamedRequest(msgspec.Struct, frozen=True):
    """The request of an endpoint that takes its body while it comes in.

    Nothing of the body is read before ``body`` is iterated, so whatever the action refuses first it refuses at once.
    ``length`` is what the client has declared, None where it has not. Iterating raises: BodyTooLarge, BodyTooSlow,
    BodyCut.
    """

    body: AsyncIterator[bytes]
    length: int | None
    headers: Mapping[str, str]
    query: Mapping[str, object]
    in_path: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """A reply that is bytes as they are kept, which no envelope writes; refusals still come in one.

    ``length`` is exact. ``body`` is iterated only when the client wants it, and closed when it goes away; None is an
    answer without any, such as "not modified".
    """

    status: int
    content_type: str = ""
    length: int = 0
    body: AsyncIterator[bytes] | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Inflow:
    """One body on its way from a connection that puts it in to an action that iterates over it."""

    __slots__ = (
        "_arrived",
        "_asked",
        "_bytes_max",
        "_error",
        "_piece",
        "_taken",
        "_too_large",
        "is_dropped",
        "is_over",
        "received",
    )

    def __init__(self, *, bytes_max: int, too_large: EngineError) -> None:
        """``too_large`` is what the reader is told when more than ``bytes_max`` come."""
        self._bytes_max = bytes_max
        self._too_large = too_large
        self._piece = b""
        self._error: EngineError | None = None
        self._asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrived: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None
        self.received = 0
        """Bytes put in."""
        self.is_over = False
        """Whether all has come that will."""
        self.is_dropped = False
        """Whether nobody reads any more; what still comes is forgotten."""

    # --- where it comes from ------------------------------------------------------------------------------------------

    def asked_for(self) -> asyncio.Future[None]:
        """Done once somebody wants the body, or nobody does any more."""
        return self._asked

    @property
    def was_asked_for(self) -> bool:
        """Whether anybody has begun to read."""
        return self._asked.done()

    @property
    def is_awaited(self) -> bool:
        """Whether the reader has nothing to do but wait for the client."""
        return self._arrived is not None

    def put(self, piece: bytes) -> asyncio.Future[None] | None:
        """Hand over the next piece; the one after it is wanted when the future is done, at once where there is none."""
        self.received += len(piece)
        if self.received > self._bytes_max:
            self.fail(self._too_large)
        if self.is_dropped or self._error is not None:
            return None
        self._piece = piece
        self._taken = asyncio.get_running_loop().create_future()
        self._wake()
        return self._taken

    def end(self, error: EngineError | None = None) -> None:
        """No more will come; ``error`` says why, when that is not because it is complete."""
        self.is_over = True
        if error is not None:
            self.fail(error)
        self._wake()

    # --- where it goes ------------------------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        _resolve(self._asked)
        if not self._piece:
            self._release()
        while not self._piece:
            if self._error is not None:
                raise self._error
            if self.is_over:
                raise StopAsyncIteration
            self._arrived = asyncio.get_running_loop().create_future()
            try:
                await self._arrived
            finally:
                self._arrived = None
        piece, self._piece = self._piece, b""
        return piece

    def drop(self) -> None:
        """Nobody reads any more."""
        self.is_dropped = True
        self._piece = b""
        self._release()
        _resolve(self._asked)

    def fail(self, error: EngineError) -> None:
        """Tell the reader this instead of all that has not been read."""
        self._error = self._error or error
        self._piece = b""
        self._release()
        self._wake()

    def _release(self) -> None:
        if self._taken is not None:
            _resolve(self._taken)
            self._taken = None

    def _wake(self) -> None:
        if self._arrived is not None:
            _resolve(self._arrived)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
