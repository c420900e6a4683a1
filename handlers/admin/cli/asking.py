"""What all commands share: how they find the server, how a question is answered, how an act is done.

A question may be asked as JSON, and some over and over; an act shows what it would do unless ``--yes`` is said, and
always says why. The options stand before or after the name of a command, as people type them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from handlers.admin.cli import screen
from handlers.admin.cli.client import Refused, Server, find
from handlers.admin.cli.screen import Part

__all__ = [
    "FINE",
    "FOUND",
    "REFUSED",
    "UNREACHABLE",
    "USAGE",
    "act",
    "actor",
    "acts",
    "answer",
    "reads",
    "server",
    "user_id",
]

FINE: Final = 0
FOUND: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
REFUSED: Final = 4

WATCH_S: Final = 2.0
DATA_DIR: Final = "./var"
FITTING_MAX: Final = 100
"""People looked at for the one who is meant; those that fit by an id may be behind newer ones that fit by a name."""
KEY: Final = "greenroom."

Reply = dict[str, Any]
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    # Options of the group and of the command end up in one place; what was said last, and nearest, wins.
    if value is not None and value is not False:
        context.meta[f"{KEY}{parameter.name}"] = value


def _option(*names: str, **settings: Any) -> Callable[[CommandT], CommandT]:
    return click.option(*names, expose_value=False, callback=_remember, **settings)


def reads(*, live: bool = False) -> Callable[[CommandT], CommandT]:
    """The options of a question; ``live`` ones can be watched."""

    def decorate(command: CommandT) -> CommandT:
        if live:
            command = _option(
                "--watch",
                is_flag=False,
                flag_value=WATCH_S,
                type=click.FloatRange(min=0.1, max=3_600),
                metavar="[SECONDS]",
                help="Ask again and again.",
            )(command)
        return _finding(_as_json(command))

    return decorate


def acts(command: CommandT) -> CommandT:
    """The options of an act."""
    command = _option("--actor", help="Who does it; your login name unless said.")(command)
    command = click.option("--reason", required=True, help="Why; the audit keeps it.")(command)
    command = _option("--yes", is_flag=True, help="Do it; without it, only tell what would happen.")(command)
    return _finding(_as_json(command))


def _finding(command: CommandT) -> CommandT:
    command = _option("--token", metavar="TEXT", help="The operators' token, or GREENROOM_ADMIN_TOKEN.")(command)
    command = _option("--url", help="Where the server's admin API is, or GREENROOM_URL.")(command)
    return _option("--data-dir", metavar="DIR", help=f"The server's data folder; {DATA_DIR} unless said.")(command)


def _as_json(command: CommandT) -> CommandT:
    return _option("--json", is_flag=True, help="The answer as JSON.")(command)


def _said(name: str) -> Any:
    return click.get_current_context().meta.get(f"{KEY}{name}")


def server() -> Server:
    """The server that is meant: flags, then the environment, then ``./var``.

    Raises: click.UsageError. Unreachable.
    """
    url = _said("url")
    data_dir = _said("data_dir")
    # A folder that is said aloud is meant, whatever the environment holds.
    if not url and not data_dir:
        url = os.environ.get("GREENROOM_URL")
    token = _said("token") or (os.environ.get("GREENROOM_ADMIN_TOKEN") if not data_dir or url else None)
    try:
        return find(data_dir=data_dir or os.environ.get("GREENROOM_DATA_DIR") or DATA_DIR, url=url, token=token)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def answer(
    ask: Callable[[], Reply],
    view: Callable[[Reply], Sequence[Part]],
    verdict: Callable[[Reply], int] = lambda _reply: FINE,
) -> int:
    """Ask, show, and return the exit code: ``FOUND`` where ``verdict`` finds something in the reply."""
    every_s = _said("watch")
    if every_s is None:
        reply = ask()
        if _said("json"):
            screen.dump(reply)
        else:
            screen.show(view(reply))
        return verdict(reply)
    last: list[int] = [FINE]

    def look() -> Reply:
        reply = ask()
        last[0] = verdict(reply)
        return reply

    if _said("json"):
        screen.watch_json(look, every_s)
    else:
        screen.watch(lambda: view(look()), every_s)
    return last[0]


def act(
    would: str,
    do: Callable[[], Reply],
    did: Callable[[Reply], str],
    verdict: Callable[[Reply], int] = lambda _reply: FINE,
) -> int:
    """Tell what ``would`` happen, or with ``--yes`` do it and tell what it did; the exit code is ``verdict``'s."""
    if _said("yes"):
        reply = do()
        if _said("json"):
            screen.dump(reply)
        else:
            screen.show([did(reply)])
        return verdict(reply)
    if _said("json"):
        screen.dump({"done": False, "would": would})
    else:
        screen.show([f"would {would}", "nothing has been done; add --yes to do it"])
    return FINE


def actor() -> str:
    """Who does it, for the audit."""
    return str(_said("actor") or os.environ.get("USER") or os.environ.get("LOGNAME") or f"uid {os.getuid()}")


def signed(reason: str, **more: object) -> Mapping[str, object]:
    """The body of an act."""
    return {"actor": actor(), "reason": reason, **more}


def user_id(asked: Server, person: str) -> int:
    """The id of a person by any of his ids or the beginning of a nickname, if only one fits; digits are an id.

    Raises: Refused: nobody does, or several do.
    """
    users = asked.get("users", query={"text": person, "limit": FITTING_MAX})["users"]
    exact = [user for user in users if person in (str(user["id"]), user["external_id"], user["public_id"])]
    # Whoever calls himself by a number is not meant by it; an id that is nobody's the server refuses better.
    exact = exact or ([{"id": person}] if person.isascii() and person.isdigit() else users)
    if len(exact) == 1:
        return int(exact[0]["id"])
    raise Refused(
        code="NOT_FOUND",
        message=f"{'nobody' if not exact else 'more than one person'} fits {person}: greenroom users find {person}",
    )
