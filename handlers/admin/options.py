"""What the operators' surface is told by whoever builds it. Knows no file and no environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

__all__ = ["AdminOptions", "Reloaded", "RunningConfig", "Setting"]


class Setting(Protocol):
    """One setting as it may be shown: secrets are masked."""

    @property
    def value(self) -> object:
        """What it is."""

    @property
    def origin(self) -> str:
        """Who said so: ``built-in``, a file, a variable, ``flag``."""


class Reloaded(Protocol):
    """What came of reading the configuration again."""

    @property
    def changed(self) -> Sequence[str]:
        """Paths of the settings that have another value now."""

    @property
    def needs_restart(self) -> Sequence[str]:
        """Paths of those that will have one after the next start."""

    @property
    def mistakes(self) -> Sequence[str]:
        """Why it cannot be used; then nothing has changed."""


class RunningConfig(Protocol):
    """The configuration of the server that is asked."""

    def settings(self) -> Mapping[str, Setting]:
        """Every setting by its path."""

    async def reload(self) -> Reloaded:
        """Read it again, and let take effect what can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminOptions:
    """The facts about this deployment that operators' questions depend on."""

    zone: tzinfo
    """Where a day begins."""
    is_dev: bool
    """Whether sessions may be opened for other people."""
    config: RunningConfig | None = None
    """The configuration, where there is a server around this surface that has one."""
