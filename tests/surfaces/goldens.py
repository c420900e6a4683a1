"""A request and its reply, to the letter: what the goldens of a surface are made of, and how a client sends them.

A golden says what has happened before (``given``), who asks, what is sent and what comes back; where the reply holds
something random or signed, ``Like`` gives its form and an example for the page. ``"<mei>"`` stands for the id that mei
shows, ``"<hong as a number>"`` for a number of the same digits, ``"<wei.refresh>"`` for something else that is his,
``"<state>"`` for what the scene has. Knows no surface: whose paths they are, the scene says.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.surfaces.served import Answered, Called, Given

__all__ = ["Golden", "Refusal", "addresses_of", "filled", "send"]

PLACEHOLDER = re.compile(r"<(\w+)(?:\.(\w+))?>")


@dataclass(frozen=True)
class Golden:
    """``entry`` is the contract's id; ``who`` is one of the cast, or nobody."""

    entry: str
    call: str
    """Method, and what comes behind the surface's prefix; fields in braces are part of what is sent."""
    who: str
    sent: dict[str, Any]
    reply: Any
    given: Given | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """What brings about the contract's example of an error; where it is sent to, the golden says."""

    entry: str
    who: str
    sent: dict[str, Any]
    given: Given | None = None
    headers: dict[str, str] = field(default_factory=dict)


def filled(scene: Any, value: Any) -> Any:
    """``value`` with what stands in angle brackets replaced by what it stands for."""
    match value:
        case dict():
            return {name: filled(scene, one) for name, one in value.items()}
        case list():
            return [filled(scene, one) for one in value]
        case str() if value.endswith(" as a number>"):
            return int(getattr(scene, value[1:].partition(" ")[0]).id)
        case str():
            return PLACEHOLDER.sub(lambda found: _meant(scene, found), value)
    return value


def _meant(scene: Any, found: re.Match[str]) -> str:
    """What stands for ``found``; HTML stands for itself."""
    one = getattr(scene, found[1], found[0])
    return str(one if isinstance(one, str) else getattr(one, found[2] or "id"))


def addresses_of(contract: Mapping[str, dict[str, Any]], entries: Collection[str]) -> list[tuple[str, str]]:
    """These entries of the contract, each with each of its addresses: its own with and without the slash at its end."""
    found = (
        (id_, address)
        for id_, entry in contract.items()
        if id_ in entries
        for own in [f"{entry['method']} {entry['path']}"]
        for address in (*entry["aliases"], own, own.rstrip("/"))
    )
    return list(dict.fromkeys(found))


async def send(
    scene: Called,
    asked: Golden | Refusal,
    call: str,
    *,
    changed: dict[str, Any] | None = None,
    without: str = "",
    form: bool = False,
    english: bool = False,
) -> Answered:
    """Ask as a client does, with some fields replaced or one left out."""
    method, _, name = call.partition(" ")
    sent = {**filled(scene, asked.sent), **(changed or {})}
    sent.pop(without, None)
    for in_path in re.findall(r"{(\w+)}", name):
        name = name.replace(f"{{{in_path}}}", quote(str(sent.pop(in_path, "")), safe=""))
    who = None if asked.who == "nobody" else getattr(scene, asked.who)
    await scene.limits_clock.advance(100)
    headers = filled(scene, asked.headers) | ({"Accept-Language": "en"} if english else {})
    return await scene.call(who, method, name.removeprefix(scene.base).lstrip("/"), sent, headers=headers, form=form)
