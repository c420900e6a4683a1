"""The figures of the reliability goals, gathered in ``build/reliability.txt``: one line each, newest counts."""

from pathlib import Path
from typing import Final

__all__ = ["REPORT_PATH", "report"]

REPORT_PATH: Final = Path(__file__).parents[2] / "build" / "reliability.txt"


def report(goal: str, *figures: tuple[str, object, str, bool]) -> None:
    """Put the figures of ``goal`` (``G-1`` …) in place of its former ones.

    Each is a name, a value, the aim, and whether that is reached.
    """
    former = REPORT_PATH.read_text().splitlines() if REPORT_PATH.exists() else []
    lines = [
        f"{goal} {name} {value} {aim} {'ok' if is_reached else 'MISS'}" for name, value, aim, is_reached in figures
    ]
    kept = [line for line in former if line.split(" ")[0] != goal]
    REPORT_PATH.parent.mkdir(exist_ok=True)
    REPORT_PATH.write_text("\n".join(sorted([*kept, *lines])) + "\n")
    print(*lines, sep="\n")
