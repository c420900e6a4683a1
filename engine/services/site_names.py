"""Names that people of the site sign in by: what one may look like, and when two are the same (SEC-32).

Knows forms. Knows no store and nobody.
"""

import re
import unicodedata
from typing import Final

from engine.errors import BadInput
from engine.texts import one_line, seen

__all__ = ["folded", "google_name", "google_sub", "require_anchor_name", "require_email", "require_viewer_name"]

VIEWER_NAME: Final = re.compile(r"[A-Za-z0-9_\u3400-\u4dbf\u4e00-\u9fff]{3,30}")
"""Source: contract (site-client-register)."""

ANCHOR_NAME_CHARS_MAX: Final = 64
EMAIL: Final = re.compile(r"[^\s@<>\"',;:\\()\[\]]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}")

GOOGLE: Final = "google:"
"""Before the id of somebody whom Google answers for; no name that people choose has a colon."""


def folded(name: str) -> str:
    """``name`` as it is compared: letters of any case or width are the same ones, and what nobody sees is none."""
    once = unicodedata.normalize("NFKC", seen(name)).casefold()
    # Folding may undo the normal form, and the other way round.
    return unicodedata.normalize("NFKC", once).casefold()


def require_viewer_name(name: str) -> None:
    """Raises: BadInput: not a name for a viewer (``username``)."""
    if not VIEWER_NAME.fullmatch(name):
        raise BadInput("3 to 30 letters, digits, underscores or Chinese characters", field="username")


def require_anchor_name(name: str, *, field: str) -> None:
    """Raises: BadInput: not a name for an anchor, or not a handle; ``field`` says which it was to be."""
    is_fit = len(name) <= ANCHOR_NAME_CHARS_MAX and one_line(name) == name and name.isprintable()
    if not is_fit or not seen(name).strip() or any(sign in name for sign in ':/\\<>"'):
        raise BadInput("not a name", field=field)


def require_email(address: str) -> None:
    """Raises: BadInput: of the form of no e-mail address (``email``)."""
    if not EMAIL.fullmatch(address):
        raise BadInput("not an e-mail address", field="email")


def google_name(sub: str) -> str:
    """What somebody is found by whom Google calls ``sub``."""
    return GOOGLE + sub


def google_sub(name: str) -> str:
    """What Google calls whoever is found by ``name``; empty when Google does not answer for him."""
    return name.removeprefix(GOOGLE) if name.startswith(GOOGLE) else ""
