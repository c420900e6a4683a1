"""Stores that can be switched off, or whose answers get lost after what was asked has happened."""

from dataclasses import fields
from typing import Any

from store.interfaces.errors import Unavailable
from store.interfaces.stores import Stores

__all__ = ["Switch", "switchable"]


class Switch:
    """``is_down``: nothing happens. ``loses_answers``: it does, unheard. ``only``: one call, by its name."""

    def __init__(self) -> None:
        self.is_down = False
        self.loses_answers = False
        self.only: str = ""

    def concerns(self, name: str) -> bool:
        return self.only in ("", name)


class _Switched:
    def __init__(self, name: str, store: object, switch: Switch) -> None:
        self._name = name
        self._store = store
        self._switch = switch

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def switched(*arguments: Any, **named: Any) -> Any:
            concerned = self._switch.concerns(f"{self._name}.{name}")
            if self._switch.is_down and concerned:
                raise Unavailable
            answer = await method(*arguments, **named)
            if self._switch.loses_answers and concerned:
                raise Unavailable
            return answer

        return switched


def switchable(stores: Stores) -> tuple[Stores, Switch]:
    """``stores`` behind a switch."""
    switch = Switch()
    wrapped: dict[str, Any] = {
        field.name: _Switched(field.name, getattr(stores, field.name), switch) for field in fields(Stores)
    }
    return Stores(**wrapped), switch
