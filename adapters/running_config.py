"""The configuration of a server that runs: shown to operators, and read again when they say so.

Knows how a configuration is read and compared. Knows nothing of what the values are used for: whoever runs the server
says what happens when some have changed.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from adapters.config import Config, ConfigError, Loaded, Shown, overtake, show
from engine.ports import Log

__all__ = ["Reloaded", "RunningConfig"]


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading again. With ``mistakes`` nothing has changed; ``needs_restart`` waits for the next start."""

    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()


class RunningConfig:
    """``handlers.admin.options.RunningConfig`` of this process. ``read`` reads all voices as at the start."""

    def __init__(self, loaded: Loaded, read: Callable[[], Loaded], *, log: Log) -> None:
        self._loaded = loaded
        self._read = read
        self._log = log
        self._reading = asyncio.Lock()
        self.on_change: Callable[[Config], None] = lambda _config: None
        """Called with the whole configuration when some of it has changed; raises if it cannot be used after all."""

    def settings(self) -> Mapping[str, Shown]:
        """Every setting by its path, as it is in force."""
        return show(self._loaded)

    async def reload(self) -> Reloaded:
        """Read again, and let take effect what can; all of it or, when there is a mistake anywhere, nothing."""
        async with self._reading:
            try:
                # Reading takes longer than a turn of the loop may.
                fresh = await asyncio.to_thread(self._read)
            except ConfigError as error:
                self._log.error("config_refused", mistakes=error.mistakes)
                return Reloaded(mistakes=error.mistakes)
            overtaken, difference = overtake(self._loaded, fresh)
            if difference.changed:
                self.on_change(overtaken.config)
            self._loaded = overtaken
        self._log.info("config_reloaded", changed=difference.changed, needs_restart=difference.needs_restart)
        return Reloaded(changed=difference.changed, needs_restart=difference.needs_restart)
