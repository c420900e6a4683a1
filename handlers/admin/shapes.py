"""Shapes that several endpoints share, and how a record becomes one."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from handlers.wire.fields import Count, text

__all__ = ["Act", "Limited", "Nothing", "Reason", "shown"]

ShapeT = TypeVar("ShapeT", bound=msgspec.Struct)

Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
"""Why somebody does something; the audit keeps it."""


class Nothing(msgspec.Struct):
    """A question that says nothing beyond itself."""


class Limited(msgspec.Struct):
    """How many lines are wanted at most."""

    limit: Annotated[Count, Meta(ge=1, le=1_000)] = 100


class Act(msgspec.Struct, kw_only=True):
    """What every act says beside its content: who does it, and why. Source: SEC-31."""

    actor: Annotated[str, text(64, length_min=1), Meta(pattern=r"\S")]
    reason: Reason


def shown(shape: type[ShapeT], record: object, **more: object) -> ShapeT:
    """``record`` in the fields that ``shape`` has, with ``more`` that the record does not know.

    A record never goes on the wire: whatever ``shape`` does not name stays behind.
    """
    fields = msgspec.to_builtins(record)
    assert isinstance(fields, dict)
    return msgspec.convert({**fields, **msgspec.to_builtins(more)}, shape)
