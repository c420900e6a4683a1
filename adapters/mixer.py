"""The mixer of a server that has none: remembers what it was asked for.

Knows that a description is a JSON object of bounded size. Knows no pictures and no layouts.
"""

from collections import OrderedDict
from typing import Any, Final

import msgspec

from engine.errors import BadInput

__all__ = ["RecordingMixer"]

BYTES_MAX: Final = 16_384  # Sixteen inputs, described at length, are a quarter of it.
ROOMS_MAX: Final = 1_000


class RecordingMixer:
    """``Mixer`` that keeps the last description of each room, of at most ``rooms_max`` rooms, the latest ones."""

    def __init__(self, *, rooms_max: int = ROOMS_MAX) -> None:
        self._rooms_max = rooms_max
        # As text, so that nobody can change a description that has been accepted.
        self._descriptions: OrderedDict[str, bytes] = OrderedDict()

    async def mix(self, room_id: str, description: object) -> None:
        """Keep ``description``: a JSON object, or the text of one, as clients of both kinds exist.

        Raises: BadInput: anything else, or more than 16 kB; what was kept before stays.
        """
        text = _written(description)
        self._descriptions[room_id] = text
        self._descriptions.move_to_end(room_id)
        if len(self._descriptions) > self._rooms_max:
            self._descriptions.popitem(last=False)

    def last(self, room_id: str) -> dict[str, Any] | None:
        """The last description accepted for the room; None when there is none, or it was long ago."""
        text = self._descriptions.get(room_id)
        return None if text is None else msgspec.json.decode(text, type=dict[str, Any])


def _written(description: object) -> bytes:
    # Before it is read; what was read is measured again below, in bytes.
    if isinstance(description, str) and len(description) > BYTES_MAX:
        raise BadInput("mergeParams is too long", field="mergeParams")
    try:
        if isinstance(description, str):
            description = msgspec.json.decode(description)
        text = msgspec.json.encode(description)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        raise BadInput("mergeParams is not JSON", field="mergeParams") from None
    if not isinstance(description, dict):
        raise BadInput("mergeParams is not an object", field="mergeParams")
    if len(text) > BYTES_MAX:
        raise BadInput("mergeParams is too long", field="mergeParams")
    return text
