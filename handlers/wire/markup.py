"""HTML that somebody else wrote, made harmless before it is kept or passed on.

Knows tags. Knows no surface. What stays is text and how it is laid out: nothing that acts, looks like a part of the
page it will stand in, or is fetched from anywhere by being shown. Source: ALL-18, SEC-32.
"""

from types import MappingProxyType
from typing import Final

import nh3

__all__ = ["harmless"]

_TAGS: Final = """
a abbr b blockquote br caption cite code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q s samp
small span strong sub sup table tbody td tfoot th thead tr u ul var
"""
_ATTRIBUTES: Final = MappingProxyType(
    {"*": set[str](), "a": {"href", "title"}, "abbr": {"title"}, "td": {"align"}, "th": {"align"}}
)
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_LINK_REL: Final = "noopener noreferrer nofollow"

_cleaner: Final = nh3.Cleaner(
    tags=set(_TAGS.split()),
    attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
    url_schemes=set(_SCHEMES),
    link_rel=_LINK_REL,
)


def harmless(html: str) -> str:
    """``html`` without whatever could act; what is shown of its text stays."""
    return _cleaner.clean(html)
