"""Shapes that several endpoints share, and how a record becomes one."""

from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

__all__ = ["Act", "Length", "Limited", "LineCount", "Nothing", "shown"]

ShapeT = TypeVar("ShapeT", bound=msgspec.Struct)

LENGTH_MS_MAX: Final = 10 * 366 * 86_400_000
"""Longer than ten years is for ever, or a unit mistaken."""

Length = Annotated[int, Meta(ge=1, le=LENGTH_MS_MAX)]
"""For how long something is imposed, in milliseconds."""

LineCount = Annotated[int, Meta(ge=1, le=1_000)]
"""How many lines somebody wants to read at once."""


class Nothing(msgspec.Struct):
    """A question that says nothing beyond itself."""


class Limited(msgspec.Struct):
    """How many lines are wanted at most."""

    limit: LineCount = 100


class Act(msgspec.Struct, kw_only=True):
    """What every act says beside its content: who does it, and why. Source: SEC-31."""

    actor: Annotated[str, Meta(max_length=64, pattern=r"\S")]
    reason: Annotated[str, Meta(max_length=500, pattern=r"\S")]


def shown(shape: type[ShapeT], record: object, **more: object) -> ShapeT:
    """``record`` in the fields that ``shape`` has, with ``more`` that the record does not know.

    A record never goes on the wire: whatever ``shape`` does not name is not looked at.
    """
    known = {name: getattr(record, name) for name in shape.__struct_fields__ if hasattr(record, name)}
    return msgspec.convert({**known, **more}, shape, from_attributes=True)
