"""A word from node to node that something new is in the store. It may get lost: the store is what counts."""

from collections.abc import Callable
from typing import Protocol

__all__ = ["HintLine"]


class HintLine(Protocol):
    """Short texts that everybody who listens at that moment hears, once each, and nobody keeps."""

    async def give(self, hint: str) -> None:
        """Say ``hint`` to all who listen, the speaker among them.

        Raises: Unavailable: whether anybody heard it is unknown.
        """

    async def listen(self, heard: Callable[[str], None], *, ready: Callable[[], None]) -> None:
        """Call ``ready`` once, and from then on ``heard`` with each hint, until cancelled or the line breaks.

        Raises: Unavailable: the line is broken, or never was; what was said since it broke is lost.
        """
