"""The cookies of the website: what they are called, how long they live, and where browsers may send them.

Knows values as opaque strings. Source: SITE-7, SITE-11, SEC-13.
"""

from typing import Final

from engine.services.guests import GUEST_S
from handlers.site.options import SiteOptions

__all__ = ["DEPARTURE", "GUEST", "SESSION", "Cookies"]

SESSION: Final = "sessionid"
GUEST: Final = "guestid"
DEPARTURE: Final = "google_departure"

Header = tuple[str, str]


class Cookies:
    """``Set-Cookie`` headers of this deployment."""

    def __init__(self, options: SiteOptions) -> None:
        # Browsers refuse None without Secure.
        is_for_others = options.has_other_origins and options.has_tls
        secure = "; Secure" if options.has_tls else ""
        self._anywhere = f"; Path=/; HttpOnly; SameSite={'None' if is_for_others else 'Lax'}{secure}"
        self._here = f"; Path=/api/users; HttpOnly; SameSite=Lax{secure}"

    def session(self, value: str, *, life_s: int) -> Header:
        """The session of somebody who has just signed in."""
        return _set(SESSION, value, life_s, self._anywhere)

    def no_session(self) -> Header:
        """He has signed out."""
        return _set(SESSION, "", 0, self._anywhere)

    def guest(self, token: str) -> Header:
        """What a new guest comes back with."""
        return _set(GUEST, token, GUEST_S, self._anywhere)

    def departure(self, bound: str, *, life_s: int) -> Header:
        """What a browser keeps while it is at Google; it brings it back by a link, so Lax is enough."""
        return _set(DEPARTURE, bound, life_s, self._here)

    def no_departure(self) -> Header:
        """It is back."""
        return _set(DEPARTURE, "", 0, self._here)


def _set(name: str, value: str, life_s: int, attributes: str) -> Header:
    return "Set-Cookie", f"{name}={value}; Max-Age={life_s}{attributes}"
