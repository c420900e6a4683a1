"""Names that people of the social app sign in by: what one may look like, and what it is found by (SO-11, SEC-32).

Knows forms. Knows no store and nobody.
"""

import re
from typing import Final

from engine.errors import BadInput
from engine.services.site_names import folded, require_email
from engine.texts import is_web_address, one_line, seen

__all__ = ["NAME_CHARS_MAX", "found_by", "found_by_email", "require_email", "require_image", "require_name"]

NAME_CHARS_MAX: Final = 30
"""Source: contract (social-login-register)."""

UPLOADED: Final = re.compile(r"/uploads/[0-9a-z]+\.[0-9a-z]+")
"""Of the form of what was uploaded here, and of nothing that leads elsewhere from there."""

EMAIL: Final = "mail:"
"""Before an address; no name that people choose has a colon."""


def found_by(name: str) -> str:
    """What somebody of this name is found by."""
    return folded(name)


def found_by_email(address: str) -> str:
    """What somebody of this address is found by."""
    return EMAIL + folded(address)


def require_image(address: str, *, field: str = "avatar") -> None:
    """Raises: BadInput: neither where a picture could be, nor nothing (``field``)."""
    if address and not is_web_address(address) and not UPLOADED.fullmatch(address):
        raise BadInput("not the address of a picture", field=field)


def require_name(name: str) -> None:
    """Raises: BadInput: not a name (``username``)."""
    is_name = seen(name).strip() and len(name) <= NAME_CHARS_MAX and one_line(name) == name and name.isprintable()
    if not is_name or any(sign in name for sign in ':/\\<>"'):
        raise BadInput("1 to 30 characters", field="username")
