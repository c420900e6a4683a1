"""How a surface that speaks HTTP statuses words a refusal: a row for each kind, and others where an endpoint says so.

Knows rows and which of them counts. Knows no dialect: the table is the surface's, and so is the form around a row.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import msgspec

from engine.errors import EngineError, NotNow, NotSignedIn, TooMany
from handlers.wire.language import Said

__all__ = ["NO_KIND", "Refusals", "Row", "headers_of"]


class Row(msgspec.Struct, frozen=True):
    """What a client gets for one kind of refusal; ``beside`` makes further fields for it."""

    status: HTTPStatus
    said: Said
    beside: Callable[[Any], Mapping[str, object]] | None = None


_NOTHING: Final[Mapping[str, Row]] = MappingProxyType({})
NO_KIND: Final[Mapping[type[EngineError], Row]] = MappingProxyType({})
"""No refusal has a row of its own."""


class Refusals:
    """The rows of one endpoint: what it words in its own way, and for all else the surface's table."""

    __slots__ = ("_kinds", "_row_of", "_rows")

    def __init__(
        self,
        row_of: Callable[[EngineError], Row],
        *,
        rows: Mapping[str, Row] = _NOTHING,
        kinds: Mapping[type[EngineError], Row] = NO_KIND,
    ) -> None:
        """``row_of`` is the table; ``rows`` are by engine error code, ``kinds`` for some that share theirs."""
        self._row_of = row_of
        self._rows = rows
        self._kinds = kinds

    def saying(self, kinds: Mapping[type[EngineError], Row], rows: Mapping[str, Row]) -> "Refusals":
        """The same with other rows for some refusals."""
        return Refusals(self._row_of, rows={**self._rows, **rows}, kinds={**self._kinds, **kinds})

    def row(self, error: EngineError) -> Row:
        """The one for ``error``."""
        return self._kinds.get(type(error)) or self._rows.get(error.code) or self._row_of(error)

    @property
    def has_status_of_success(self) -> bool:
        """Whether some refusal is answered with 200."""
        return any(row.status is HTTPStatus.OK for row in (*self._rows.values(), *self._kinds.values()))


def headers_of(error: EngineError, row: Row, *, challenge: str) -> tuple[tuple[str, str], ...]:
    """What HTTP wants beside such a status: ``challenge`` for whoever is nobody, and when to come back.

    After how long it may be again over a rate limit, the door says itself.
    """
    if row.status is HTTPStatus.UNAUTHORIZED and isinstance(error, NotSignedIn):
        return (("WWW-Authenticate", challenge),)
    if isinstance(error, NotNow) and not isinstance(error, TooMany):
        return (("Retry-After", "1"),)
    return ()
