"""The endpoints' part of a surface's documentation page, made from the surface itself and from the examples of tests.

Knows pages and shapes. Knows no surface: whose page it is says what its examples are and who may ask.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from handlers.wire.surface import Endpoint, Surface
from tests.surfaces.served import Like

__all__ = ["Example", "Page", "as_json"]

DOCS = Path(__file__).parents[2] / "docs" / "surfaces"
END = "<!-- end of endpoints -->\n"


class Example(NamedTuple):
    """What is sent and what comes back, in the language of the fence around it."""

    language: str
    lines: tuple[str, ...]


class Page:
    """``<name>.md``; its endpoints come in the order of ``contract``."""

    def __init__(
        self,
        name: str,
        surface: Surface,
        contract: list[dict[str, Any]],
        *,
        made_by: str,
        example_of: Callable[[Endpoint[Any, Any]], Example],
        who_asks: Callable[[Endpoint[Any, Any]], str],
    ) -> None:
        self.path = DOCS / f"{name}.md"
        self._surface = surface
        self._order = {entry["id"]: number for number, entry in enumerate(contract)}
        self._begin = f"<!-- endpoints: made by {made_by} -->\n"
        self._example_of = example_of
        self._who_asks = who_asks

    def read(self) -> str:
        """The page as it is."""
        return self.path.read_text("utf-8")

    def written(self, page: str) -> str:
        """``page`` with its endpoints as they are now."""
        before, _, rest = page.partition(self._begin)
        _, _, after = rest.partition(END)
        endpoints = sorted(self._surface.endpoints, key=lambda endpoint: self._order[endpoint.source_id])
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
