"""What the operators' surface is told by whoever builds it. Knows no file and no environment."""

from dataclasses import dataclass
from datetime import tzinfo

__all__ = ["AdminOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminOptions:
    """The facts about this deployment that operators' questions depend on."""

    zone: tzinfo
    """Where a day begins."""
    is_dev: bool
    """Whether sessions may be opened for other people."""
