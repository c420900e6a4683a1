"""The configuration for operators: what it is, who said so, and reading it again."""

from functools import partial
from typing import Any

import msgspec

from engine.errors import NotFound
from handlers.admin.access import Desk
from handlers.admin.options import AdminOptions, RunningConfig
from handlers.admin.shapes import Act, Nothing
from handlers.wire.surface import Endpoint

__all__ = ["endpoints"]


class SettingShown(msgspec.Struct):
    """One setting; a secret shows no more than that it is set."""

    path: str
    value: Any
    origin: str


class Settings(msgspec.Struct):
    """In the order of the file."""

    settings: list[SettingShown]


class ReloadShown(msgspec.Struct):
    """With ``mistakes`` nothing has changed; without, what could take effect has."""

    changed: list[str]
    needs_restart: list[str]
    mistakes: list[str]


async def show(options: AdminOptions, _desk: Desk, _wanted: Nothing) -> Settings:
    """Every setting."""
    settings = _running(options).settings()
    return Settings([SettingShown(path, setting.value, setting.origin) for path, setting in settings.items()])


async def reload(options: AdminOptions, desk: Desk, wanted: Act) -> ReloadShown:
    """Read file and environment again."""
    running = _running(options)
    await desk.engine.operator.note(wanted.actor, "config.reload", "config", wanted.reason)
    reloaded = await running.reload()
    return ReloadShown(list(reloaded.changed), list(reloaded.needs_restart), list(reloaded.mistakes))


def _running(options: AdminOptions) -> RunningConfig:
    if options.config is None:
        raise NotFound("configuration")
    return options.config


def endpoints(options: AdminOptions) -> tuple[Endpoint[Any, Any], ...]:
    """What can be asked about the configuration, and done with it."""
    return (
        Endpoint(
            "/admin/v1/config",
            Nothing,
            Settings,
            partial(show, options),
            method="GET",
            summary="Every setting and who said so",
            source_id="admin-config",
        ),
        Endpoint(
            "/admin/v1/config/reload",
            Act,
            ReloadShown,
            partial(reload, options),
            summary="Read the configuration again",
            source_id="admin-config-reload",
        ),
    )
