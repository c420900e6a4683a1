"""The endpoints' part of a surface's documentation page, made from the surface itself and from the examples of tests.

Knows pages and shapes. Knows no surface: whose page it is says what its examples are and who may ask.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine import errors
from handlers.wire.access import OPTIONAL, PUBLIC
from handlers.wire.surface import Endpoint, Surface
from tests.surfaces.contracts import contract_of
from tests.surfaces.goldens import Golden, filled
from tests.surfaces.served import Like

__all__ = ["REFUSALS", "Example", "Page", "as_json", "of_golden", "whoever"]

DOCS = Path(__file__).parents[2] / "docs" / "surfaces"
END = "<!-- end of endpoints -->\n"

REFUSALS: tuple[errors.EngineError, ...] = (
    errors.AlreadyExists(),
    errors.BadInput(),
    errors.Banned(),
    errors.BelowFloor(need=1, have=0),
    errors.Busy(),
    errors.DeadlinePassed(),
    errors.Draining(),
    errors.EngineError(),
    errors.Forbidden(),
    errors.KeyReused(),
    errors.MailboxFull(),
    errors.NotAMember(),
    errors.NotFound("room"),
    errors.NotSignedIn(),
    errors.RoomFull(),
    errors.SessionEnded(),
    errors.StoreDown(),
    errors.TooLong("x"),
    errors.TooMany(retry_after_ms=1),
    errors.Unreachable(),
    errors.WrongPhase(),
    errors.WrongRole(),
)
"""One of each code: what any page has to list."""


class Example(NamedTuple):
    """What is sent and what comes back, in the language of the fence around it."""

    language: str
    lines: tuple[str, ...]


def of_golden(cast: Any, golden: Golden) -> Example:
    """A golden, with what ``cast`` has for those it speaks of."""
    return Example("json", (as_json(filled(cast, golden.sent)), as_json(filled(cast, golden.reply))))


def whoever(endpoint: Endpoint[Any, Any]) -> str:
    """Who may ask, where no document says it in its own words."""
    if endpoint.access is PUBLIC:
        return "anybody"
    return "anybody, known or not" if endpoint.access is OPTIONAL else "whoever is signed in"


class Page:
    """``<name>.md``; its endpoints come in the order of the contract."""

    def __init__(
        self,
        name: str,
        surface: Surface,
        *,
        example_of: Callable[[Endpoint[Any, Any]], Example],
        who_asks: Callable[[Endpoint[Any, Any]], str] = whoever,
    ) -> None:
        self.name = name
        self.surface = surface
        self.path = DOCS / f"{name}.md"
        self._order = {id_: number for number, id_ in enumerate(contract_of(name))}
        self._begin = f"<!-- endpoints: made by tests/surfaces/{name}/page.py -->\n"
        self._example_of = example_of
        self._who_asks = who_asks

    def read(self) -> str:
        """The page as it is."""
        return self.path.read_text("utf-8")

    def written(self, page: str) -> str:
        """``page`` with its endpoints as they are now."""
        before, _, rest = page.partition(self._begin)
        _, _, after = rest.partition(END)
        endpoints = sorted(self.surface.endpoints, key=lambda endpoint: self._order[endpoint.source_id])
        return before + self._begin + "\n" + "\n".join(map(self._section, endpoints)) + "\n" + END + after

    def write(self) -> None:
        """Bring the page up to date."""
        self.path.write_text(self.written(self.read()), "utf-8")

    def _section(self, endpoint: Endpoint[Any, Any]) -> str:
        others = "".join(f", `{alias}`" for alias in endpoint.aliases)
        lines = [
            f"### `{endpoint.method} {endpoint.path}`{others}",
            "",
            f"{endpoint.summary}. For: {self._who_asks(endpoint)}.",
            "",
        ]
        if not endpoint.is_raw and (rows := _rows(endpoint.request)):
            lines += ["| field | what | |", "|---|---|---|", *rows, ""]
        example = self._example_of(endpoint)
        return "\n".join([*lines, f"```{example.language}", *example.lines, "```", ""])


def as_json(value: object) -> str:
    """``value`` on one line, forms by their examples."""
    return json.dumps(value, ensure_ascii=False, default=lambda like: like.example if isinstance(like, Like) else like)


def _rows(request: type[msgspec.Struct]) -> list[str]:
    (_,), components = msgspec.json.schema_components([request])
    shape = components[request.__name__]
    required = set(shape.get("required", ()))
    return [
        f"| `{name}` | {_what(one)} | {'needed' if name in required else _default(one)} |"
        for name, one in shape["properties"].items()
    ]


def _what(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        (schema,) = [one for one in schema["anyOf"] if one.get("type") != "null"]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    match schema.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "integer":
            low, high = schema.get("minimum", ""), schema.get("maximum", "")
            return f"whole number, {low} to {'2⁵³ − 1' if high == 2**53 - 1 else high}".replace(
                str(1 - 2**53), "−(2⁵³ − 1)"
            )
        case "string":
            return f"text, at most {schema['maxLength']} characters" if "maxLength" in schema else "text"
        case _:
            return "anything"


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "optional" if default in (None, "", False) else f"default {default}"
