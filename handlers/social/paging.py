"""Pages of lists, and stretches of a conversation, as this surface asks for them. Source: SO-21, SO-22."""

from typing import Annotated, Final

from handlers.wire.fields import Count, blank

__all__ = ["MESSAGES_COUNT", "PAGE_SIZE_MAX", "PageNumber", "page_of", "size_of"]

PAGE_SIZE: Final = 10
PAGE_SIZE_MAX: Final = 100

MESSAGES_COUNT: Final = 20
"""So much of a conversation comes at once, unless it is said. Source: contract (social-chat-history)."""

PageNumber = Annotated[Count, blank()]
"""Which page, or how many on one: text or a number; nothing and 0 say no more than their absence."""


def page_of(asked: int) -> int:
    """Which page that means, from 1."""
    return asked or 1


def size_of(asked: int) -> int:
    """How many on a page that means."""
    return min(asked or PAGE_SIZE, PAGE_SIZE_MAX)
