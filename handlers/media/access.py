"""The credential of media servers: none that a request could carry for a person."""

from engine.errors import NotSignedIn
from handlers.wire.access import Incoming, Presented, Principal

__all__ = ["nothing_presented", "unsigned"]


def nothing_presented(_incoming: Incoming) -> Presented | None:
    """Media servers present nothing; what there is instead each action checks first."""
    return None


async def unsigned(_presented: Presented) -> Principal:
    """Nobody's.

    Raises: NotSignedIn: always.
    """
    raise NotSignedIn
