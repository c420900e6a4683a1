"""The ``greenroom`` command: the server, or, for every other word, the operators' command line.

Imports neither before it knows which: an operator waits for an answer, and the server's drivers take longer to load
than the question to ask.
"""

import sys
from typing import Final

__all__ = ["is_for_operators", "main"]

WITH_VALUE: Final = frozenset(
    {"--admin-port", "--config", "--data-dir", "--env", "--host", "--port", "--token", "--url"}
)
"""Options, of either, that take the next word as their value."""


def is_for_operators(words: list[str]) -> bool:
    """Whether ``words`` are an operator's: their first bare word is not ``run``, or they only want help."""
    is_value = False
    for word in words:
        if is_value or word.startswith("-"):
            is_value = not is_value and word in WITH_VALUE
            continue
        return word != "run"
    return not {"-h", "--help"}.isdisjoint(words)


def main(words: list[str] | None = None) -> int:
    """Run what ``words`` (default: the process's arguments) ask for; returns the exit code."""
    words = sys.argv[1:] if words is None else words
    if is_for_operators(words):
        from handlers.admin.cli.main import main as operate  # noqa: PLC0415  # see above

        return operate(words)
    from server import run  # noqa: PLC0415  # see above

    return run([word for word in words if word != "run"])
