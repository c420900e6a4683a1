"""Pages, as the documents cut them: eight lines each, numbered from 1. Knows no endpoint."""

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

import msgspec

from handlers.wire.fields import blank
from store.interfaces.ids import ID_MAX

__all__ = ["PAGE_SIZE", "Page", "page_of"]

ItemT = TypeVar("ItemT")

PAGE_SIZE: Final = 8

Page = Annotated[Annotated[int, msgspec.Meta(ge=1, le=ID_MAX)], blank()]
"""Which page. What cannot be one is ``Invalid page.`` (404), see ``envelope``."""


def page_of(items: Sequence[ItemT], page: int) -> Sequence[ItemT]:
    """The lines of that page; none behind the last one."""
    return items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
