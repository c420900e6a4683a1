"""Where answers go: a terminal gets colour and fitting lines, everything else plain text that is never cut.

Rich is imported for a terminal only; it takes as long as everything else together.
"""

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from handlers.admin.cli.tables import Kind, Table, plain, width, written
from handlers.admin.cli.words import clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Part", "complain", "dump", "show", "watch", "watch_json"]

Part = Table | str
"""A table, or lines of text."""

WORDS: Final = {"FAIL": "bold red", "ok": "green"}
GAP_PLACES: Final = 3
"""Between two columns on a terminal."""


def show(parts: Sequence[Part]) -> None:
    """Write ``parts`` to standard output."""
    if _is_terminal():
        _print(_console(), parts)
    else:
        for part in parts:
            _write(part if isinstance(part, str) else plain(part))


def dump(reply: object, *, indent: int | None = 2) -> None:
    """Write ``reply`` as JSON."""
    _write(json.dumps(reply, indent=indent, ensure_ascii=False))


def complain(line: str) -> None:
    """Say what went wrong, on standard error."""
    sys.stderr.write(clean(line) + "\n")


def watch(look: Callable[[], Sequence[Part]], every_s: float) -> None:
    """Show what ``look`` returns again and again, on a terminal in the same place, until somebody presses Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            parts = look()
            if _is_terminal():
                console = _console()
                console.clear()
                _print(console, parts)
            else:
                show(parts)
                _write("")
            sys.stdout.flush()
            time.sleep(every_s)


def watch_json(ask: Callable[[], Any], every_s: float) -> None:
    """Write what ``ask`` returns again and again, a line each, until somebody presses Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            dump(ask(), indent=None)
            sys.stdout.flush()
            time.sleep(every_s)


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _write(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of another age shows ? for what it has no letter for; it does not stop the answer.
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(text + "\n")


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(highlight=False)


def _print(console: "Console", parts: Sequence[Part]) -> None:
    for part in parts:
        if isinstance(part, Table):
            # In less than this rich takes columns away until the rest fits; the terminal itself only breaks the line.
            console.width = max(console.width, sum(map(_least, range(len(part.columns)), repeat(part))))
            console.print(_grid(part))
        else:
            console.print(_text(part), soft_wrap=True)


def _text(text: str) -> "RenderableType":
    from rich.text import Text  # noqa: PLC0415 - see above

    line = Text(text)
    for word, style in WORDS.items():
        line.highlight_words([word], style)
    return line


def _grid(table: Table) -> "RenderableType":
    from rich import box  # noqa: PLC0415 - see above
    from rich.table import Table as Grid  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_footer=table.foot is not None)
    foot = table.foot or [""] * len(table.columns)
    for column, last in zip(table.columns, foot, strict=True):
        is_whole = column.kind is not Kind.TEXT
        grid.add_column(
            Text(column.name),
            footer=Text(_shown(last)),
            justify="right" if column.kind is Kind.NUMBER else "left",
            no_wrap=is_whole,
            overflow="ignore" if is_whole else "fold",
            min_width=_least(len(grid.columns), table) - GAP_PLACES,
        )
    for row in table.rows:
        cells = [_shown(cell) for cell in row]
        grid.add_row(*(Text(cell, style=WORDS.get(cell, "")) for cell in cells))
    return grid


def _least(index: int, table: Table) -> int:
    """How many places a column needs with its gap: what must stay whole all of it, text some."""
    names = [table.columns[index].name]
    if table.columns[index].kind is not Kind.TEXT:
        names += [_shown(row[index]) for row in table.every_row]
    return max(map(width, names)) + GAP_PLACES


def _shown(cell: int | str | None) -> str:
    """As plain, with thousands set apart: 88 310."""
    return f"{cell:,}".replace(",", " ") if isinstance(cell, int) else written(cell)
