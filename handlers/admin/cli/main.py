"""The ``greenroom`` command itself: its commands, and what becomes of errors.

Exit codes: 0 fine, 1 something found, 2 usage, 3 server not reachable, 4 refused.
"""

import os
import sys

import click

from handlers.admin.cli.asking import FINE, REFUSED, UNREACHABLE, reads
from handlers.admin.cli.calls import calls
from handlers.admin.cli.client import Refused, Unreachable
from handlers.admin.cli.config import config
from handlers.admin.cli.money import income, ledger, wallet
from handlers.admin.cli.nodes import audit, doctor, status
from handlers.admin.cli.rooms import rooms
from handlers.admin.cli.screen import complain
from handlers.admin.cli.users import token, users

__all__ = ["main"]

INTERRUPTED = 130
"""As shells have it for Ctrl-C."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@reads()
def greenroom() -> None:
    """Ask and steer a running Greenroom server.

    Exit codes: 0 fine, 1 something found, 2 usage, 3 server not reachable, 4 refused.
    """


@greenroom.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(arguments: tuple[str, ...]) -> None:
    """Start a server, as ``python server.py run`` does."""
    # The server is another program with imports of its own; this one makes way for it.
    os.execv(sys.executable, [sys.executable, "-m", "server", "run", *arguments])  # noqa: S606 - no shell wanted


for command in (status, doctor, calls, users, wallet, income, ledger, rooms, token, audit, config):
    greenroom.add_command(command)


def main(argv: list[str] | None = None) -> int:
    """Run the command ``argv`` (without the program's name; None: as it was typed) and return its exit code."""
    try:
        code = _run(argv)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # Whoever read has read enough (``| head``); click leaves for the same reason. What is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    return code


def _run(argv: list[str] | None) -> int:
    try:
        code = greenroom.main(args=argv, prog_name="greenroom", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except Unreachable as error:
        complain(f"not reachable: {error}")
        return UNREACHABLE
    except Refused as error:
        where = f", request {error.request_id}" if error.request_id else ""
        complain(f"refused: {error} ({error.code}{where})")
        return REFUSED
    return code if isinstance(code, int) else FINE


if __name__ == "__main__":
    sys.exit(main())
