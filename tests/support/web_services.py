"""The outside services of the site as tests have them: the development Google, real tokens, and passwords in no time.

``web_services(now_s)`` are fields of a ``World``.
"""

from collections.abc import Callable
from typing import Any

from adapters.departures import Departures
from adapters.file_contents import MagicContents
from adapters.google_login import DevGoogle
from adapters.qr import draw
from adapters.seals import KeyedSeal
from adapters.web_tokens import SignedWebTokens, SigningKey, SocialForm
from engine.errors import BadInput, MailDown, TooLong
from engine.ports import PasswordCheck, PasswordRules, TokenKind
from tests.support.fakes import SeededRng

__all__ = ["TOKEN_KEY", "PlainPasswords", "RecordingMail", "web_services"]

TOKEN_KEY = "0f3b9c5e7a2d4861f0e9d8c7b6a59483"
LIVES_S = {TokenKind.ACCESS: 6 * 3_600, TokenKind.REFRESH: 7 * 86_400, TokenKind.GUEST: 30 * 86_400}
SOCIAL_LIVES_S = {TokenKind.ACCESS: 2 * 3_600, TokenKind.REFRESH: 7 * 86_400, TokenKind.TICKET: 30}


class PlainPasswords:
    """A hash is the password behind a mark; ``checked`` are all that were compared, with what was known."""

    mark = "hash of "

    def __init__(self) -> None:
        self.checked: list[tuple[str, str | None]] = []

    async def hash(self, password: str, rules: PasswordRules) -> str:
        if len(password) > rules.characters_max:
            raise TooLong("password")
        is_mixed = any(map(str.isalpha, password)) and any(map(str.isdigit, password))
        if len(password) < rules.characters_min or (rules.must_mix and not is_mixed):
            raise BadInput("not a good one", field="password")
        return self.mark + password

    async def check(self, password: str, hashed: str | None) -> PasswordCheck:
        self.checked.append((password, hashed))
        is_right = hashed is not None and hashed.removeprefix("old ") == self.mark + password
        is_old = hashed is not None and hashed.startswith("old ")
        return PasswordCheck(is_right=is_right, renewed=self.mark + password if is_right and is_old else "")


class RecordingMail:
    """Every mail is taken; ``sent`` are (to, subject, text). While ``is_down`` none is."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.is_down = False

    async def send(self, *, to: str, subject: str, text: str) -> None:
        if self.is_down:
            raise MailDown("not handed over")
        self.sent.append((to, subject, text))

    def code_for(self, address: str) -> str:
        """The code in the last mail to that address."""
        (text,) = [text for to, _, text in self.sent if to == address][-1:]
        return text.partition("code is ")[2][:6]


def web_services(now_s: Callable[[], int], *, seed: int = 0) -> dict[str, Any]:
    """Fields of a ``World``; everything random in them follows from ``seed``."""
    rng = SeededRng(seed)
    return {
        "google": DevGoogle(
            env="dev", departures=Departures(keys=(TOKEN_KEY,), now_s=now_s, new_state=lambda: rng.hex(16))
        ),
        "passwords": PlainPasswords(),
        "web_tokens": SignedWebTokens(
            keys=(SigningKey(TOKEN_KEY),),
            issuer="greenroom",
            audience="site",
            lives_s=LIVES_S,
        ),
        "social_tokens": SignedWebTokens(
            keys=(SigningKey(TOKEN_KEY),),
            issuer="greenroom",
            audience="social",
            lives_s=SOCIAL_LIVES_S,
            form=SocialForm(),
        ),
        "draw_qr": draw,
        "mail": RecordingMail(),
        "seal_code": KeyedSeal(TOKEN_KEY),
        "contents": MagicContents(),
    }
