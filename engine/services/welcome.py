"""Whom an operator has not excluded."""

from engine.errors import Banned
from engine.node import Node
from store.interfaces.people import BanKind, PersonRecord

__all__ = ["is_shut_out", "require_let_in", "require_welcome"]


def require_welcome(person: PersonRecord, node: Node) -> None:
    """Raises: Banned: an operator has excluded this person, from whatever."""
    ban = person.ban_at(node.now_ms())
    if ban is not None:
        raise Banned(ban.text)


def is_shut_out(person: PersonRecord, node: Node) -> bool:
    """Whether an operator has excluded this person from everything, and not only from being on air (CA-16)."""
    ban = person.ban_at(node.now_ms())
    return ban is not None and ban.kind is BanKind.ACCOUNT


def require_let_in(person: PersonRecord, node: Node) -> None:
    """Raises: Banned: an operator has excluded this person from everything."""
    if is_shut_out(person, node):
        require_welcome(person, node)
