"""Whom an operator has not excluded."""

from engine.errors import Banned
from engine.node import Node
from store.interfaces.people import PersonRecord

__all__ = ["require_welcome"]


def require_welcome(person: PersonRecord, node: Node) -> None:
    """Raises: Banned: an operator has excluded this person, from whatever."""
    ban = person.ban_at(node.now_ms())
    if ban is not None:
        raise Banned(ban.text)
