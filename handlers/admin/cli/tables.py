"""Tables as values, and as plain text.

At most eight columns; ids are never cut, numbers stand right, zero is 0 and unknown is –. Knows nothing of terminals:
``screen`` decides who gets which form. Source: ecosystem 2 (Command line), 4.3, 4.4.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from handlers.admin.cli.words import UNKNOWN, clean

__all__ = ["COLUMNS_MAX", "Cell", "Column", "Kind", "Table", "facts", "ids", "numbers", "plain", "texts", "width"]

COLUMNS_MAX: Final = 8
GAP: Final = "  "
Cell = int | str | None
"""None is unknown."""


class Kind(Enum):
    """What is in a column."""

    TEXT = "text"
    ID = "id"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    kind: Kind


def texts(*names: str) -> tuple[Column, ...]:
    """Columns of text; a narrow terminal may break their lines."""
    return tuple(Column(name, Kind.TEXT) for name in names)


def ids(*names: str) -> tuple[Column, ...]:
    """Columns of names and ids, which stay whole."""
    return tuple(Column(name, Kind.ID) for name in names)


def numbers(*names: str) -> tuple[Column, ...]:
    """Columns of numbers and times, which stand right."""
    return tuple(Column(name, Kind.NUMBER) for name in names)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows; ``foot`` is a last row below a line of its own."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Cell] | None = None

    def __post_init__(self) -> None:
        assert len(self.columns) <= COLUMNS_MAX, "nobody can read that many"
        assert all(len(row) == len(self.columns) for row in self.every_row)

    @property
    def every_row(self) -> tuple[Sequence[Cell], ...]:
        """The rows, and the foot where there is one."""
        return (*self.rows, self.foot) if self.foot is not None else tuple(self.rows)


def facts(**values: Cell) -> Table:
    """What is known of one thing, a line each; ``_`` in a name is a space."""
    rows = [(name.replace("_", " "), str(value) if isinstance(value, int) else value) for name, value in values.items()]
    return Table(ids("what") + texts("value"), rows)


def width(text: str) -> int:
    """How many places of a terminal ``text`` takes: Chinese characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def written(cell: Cell) -> str:
    """A cell as text."""
    return UNKNOWN if cell is None else clean(str(cell))


def plain(table: Table) -> str:
    """``table`` without colour, and as wide as it needs to be."""
    rows = [[column.name for column in table.columns], *([written(cell) for cell in row] for row in table.every_row)]
    widths = [max(width(row[index]) for row in rows) for index in range(len(table.columns))]
    rule = "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
    lines = [_line(row, widths, table.columns) for row in rows]
    lines.insert(1, rule)
    if table.foot is not None:
        lines.insert(-1, rule)
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    cells = []
    for text, wide, column in zip(row, widths, columns, strict=True):
        space = " " * (wide - width(text))
        cells.append(space + text if column.kind is Kind.NUMBER else text + space)
    return GAP.join(cells).rstrip()
