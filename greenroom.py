"""The ``greenroom`` command: the server, or, for every other word, the operators' command line.

Imports neither before it knows which: an operator waits for an answer, and the server's drivers take longer to load
than the question to ask.
"""

import sys

__all__ = ["main"]


def main(words: list[str] | None = None) -> int:
    """Run what ``words`` (default: the process's arguments) ask for; returns the exit code."""
    words = sys.argv[1:] if words is None else words
    if words and words[0] != "run" and not words[0].startswith("-"):
        from handlers.admin.cli.main import main as operate  # noqa: PLC0415  # see above

        return operate(words)
    from server import run  # noqa: PLC0415  # see above

    return run(words[1:] if words[:1] == ["run"] else words)
