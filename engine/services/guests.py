"""Guests of the site: people without an account who are the same ones when they come back (SITE-7, SITE-8).

A guest is an id in a range of its own and the name that follows from it; nothing is kept of him here. What he keeps is
a token that is good for no right.
"""

from string import ascii_letters, digits
from typing import Final

import msgspec

from engine.errors import NotSignedIn
from engine.node import Node
from engine.ports import TokenKind
from engine.world import World
from store.interfaces.ids import PersonId

__all__ = ["GUESTS_FROM", "GUEST_S", "Guest", "Guests", "is_guest"]

GUESTS_FROM: Final = 2**52
"""Ids from here on are guests' and never anybody's with an account; all of them are below 2^53 (DS-8)."""

GUESTS_COUNT: Final = 2**48
"""Drawn from so many, two who meet are two people."""

GUEST_S: Final = 30 * 86_400
"""How long somebody is known again. Source: SITE-7."""

NAME: Final = "游客"
LETTERS: Final = ascii_letters + digits
LETTERS_COUNT: Final = 6


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody without an account. ``token`` is what he comes back with; it is empty when he has just done so."""

    id: PersonId
    name: str
    token: str = ""


class Guests:
    """Guests, new ones and those who come back."""

    def __init__(self, world: World, *, node: Node) -> None:
        self._tokens = world.web_tokens
        self._rng = world.rng
        self._node = node

    def new(self) -> Guest:
        """Somebody who was never here."""
        person_id = PersonId(GUESTS_FROM + self._rng.below(GUESTS_COUNT))
        token, _ = self._tokens.issue(
            TokenKind.GUEST,
            user_id=person_id,
            now_s=self._now_s(),
            family_id=self._rng.hex(16),
            token_id=self._rng.hex(16),
        )
        return Guest(id=person_id, name=_name_of(person_id), token=token)

    def known(self, token: str) -> Guest | None:
        """Who was given ``token``; None when nobody was, or too long ago."""
        try:
            said = self._tokens.read(token, TokenKind.GUEST, now_s=self._now_s())
        except NotSignedIn:
            return None
        person_id = PersonId(said.user_id)
        return Guest(id=person_id, name=_name_of(person_id)) if is_guest(person_id) else None

    def _now_s(self) -> int:
        return self._node.now_ms() // 1_000


def is_guest(person_id: PersonId) -> bool:
    """Whether that is a guest's id."""
    return GUESTS_FROM <= person_id < GUESTS_FROM + GUESTS_COUNT


def _name_of(person_id: PersonId) -> str:
    left, letters = person_id - GUESTS_FROM, ""
    for _ in range(LETTERS_COUNT):
        left, letter = divmod(left, len(LETTERS))
        letters += LETTERS[letter]
    return NAME + letters
