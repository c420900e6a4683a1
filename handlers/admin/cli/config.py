"""``config``: what is set and by whom, and having it read again."""

import json
from collections.abc import Sequence
from typing import Any

import click

from handlers.admin.cli.asking import FINE, FOUND, act, acts, answer, reads, server, signed
from handlers.admin.cli.client import Refused
from handlers.admin.cli.screen import Part
from handlers.admin.cli.tables import Table, ids, texts
from handlers.admin.cli.words import count

__all__ = ["config"]


@click.group()
def config() -> None:
    """The settings of a running server."""


@config.command("show")
@click.argument("path", default="")
@reads()
def show(path: str) -> int:
    """Every setting and who said so, or those at and below PATH (calls, qlive.gifts). Secrets are masked."""
    asked = server()
    return answer(lambda: _below(asked.get("config"), path), _settings)


@config.command("reload")
@acts
def reload(reason: str) -> int:
    """Read file and environment again; what can takes effect, and what waits for the next start is named."""
    asked = server()
    return act(
        "read the configuration again",
        lambda: asked.post("config", "reload", body=signed(reason)),
        _reloaded,
        lambda reply: FOUND if reply["mistakes"] else FINE,
    )


def _below(reply: dict[str, Any], path: str) -> dict[str, Any]:
    settings = [
        setting
        for setting in reply["settings"]
        if not path or setting["path"] == path or setting["path"].startswith(f"{path}.")
    ]
    if not settings:
        raise Refused(code="NOT_FOUND", message=f"there is no setting {path}")
    return {"settings": settings}


def _settings(reply: dict[str, Any]) -> Sequence[Part]:
    rows = [(setting["path"], _value(setting["value"]), setting["origin"]) for setting in reply["settings"]]
    return [Table(ids("setting") + texts("value", "said by"), rows), count(len(rows), "setting")]


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reloaded(reply: dict[str, Any]) -> str:
    if reply["mistakes"]:
        return "\n".join(("nothing has changed, because of", *(f"  {mistake}" for mistake in reply["mistakes"])))
    changed = ", ".join(reply["changed"]) or "nothing"
    waiting = ", ".join(reply["needs_restart"])
    return f"changed: {changed}" + (f"\nneeds a restart: {waiting}" if waiting else "")
