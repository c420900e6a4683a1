"""One request and its reply for every entry of the contract. The page of the documentation shows these very ones.

A golden says what has happened before (``given``), who asks, what is sent and what comes back, to the letter; where the
reply holds something random or signed, ``Like`` gives its form and an example for the page. ``"<jliu>"`` stands for
what the site shows as jliu's id, ``"<yi as a number>"`` for a number, ``"<wei.refresh>"`` for something else that is
his, ``"<state>"`` for what the scene has. The goldens stand in one module for each chapter of the documents; here is
what they are made of.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.surfaces.served import Answered, Like
from tests.surfaces.site.scene import BASE, Scene

__all__ = ["TOKEN", "UID", "Given", "Golden", "Refusal", "filled", "send"]

Given = Callable[[Scene], Awaitable[object]]

TOKEN = Like("eyJhbGciOiJIUzI1NiIs…", r"(eyJ[\w-]+\.[\w-]+\.[\w-]+)|(eyJhbGciOiJIUzI1NiIs…)")
UID = Like("gGAlOXloThS9r8d5HgeBzg", r"[A-Za-z0-9_-]{22}")
PLACEHOLDER = re.compile(r"<(\w+)(?:\.(\w+))?>")


@dataclass(frozen=True)
class Golden:
    """``entry`` is the contract's id; ``who`` is jliu, yi, wei or nobody. ``location`` is where a browser is sent."""

    entry: str
    call: str
    """Method, and what comes behind ``/api``; fields in braces are part of what is sent."""
    who: str
    sent: dict[str, Any]
    reply: Any
    given: Given | None = None
    headers: dict[str, str] = field(default_factory=dict)
    location: str = ""

    @property
    def path(self) -> str:
        """The path, without the slash at its end."""
        return f"{BASE}/{self.call.partition(' ')[2]}".rstrip("/")


@dataclass(frozen=True)
class Refusal:
    """What brings about the contract's example of an error; ``call`` is the golden's unless said."""

    entry: str
    who: str
    sent: dict[str, Any]
    given: Given | None = None
    headers: dict[str, str] = field(default_factory=dict)


def filled(scene: Any, value: Any) -> Any:
    """``value`` with the ids that people show for their names in angle brackets."""
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


async def send(
    scene: Scene,
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
    return await scene.call(who, method, name.removeprefix(BASE).lstrip("/"), sent, headers=headers, form=form)
