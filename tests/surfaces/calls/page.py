"""The endpoints' part of ``docs/surfaces/calls.md``, made from the surface itself and from the goldens.

``python -m tests.surfaces.calls.page`` writes it anew; a test fails while the page differs.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from handlers import calls
from handlers.wire.access import PUBLIC
from handlers.wire.surface import Endpoint
from tests.surfaces.calls.golden import GOLDENS, NOTIFIED, Golden
from tests.surfaces.calls.scene import OPTIONS
from tests.surfaces.served import Like

__all__ = ["PAGE", "rendered", "written"]

PAGE = Path(__file__).parents[3] / "docs" / "surfaces" / "calls.md"
BEGIN = "<!-- endpoints: made by tests/surfaces/calls/page.py -->\n"
END = "<!-- end of endpoints -->\n"
GOLDEN_OF = {golden.entry: golden for golden in GOLDENS}
CONTRACT = json.loads((Path(__file__).parent / "contract.json").read_text("utf-8"))
ACTOR = {entry["id"]: entry["actor"] for entry in CONTRACT}
REQUEST_OF_XML = "<xml>…<out_trade_no>…</out_trade_no><sign>…</sign></xml>"


def rendered() -> str:
    """The part between the marks, marks included."""
    surface = calls.surface(OPTIONS)
    order = {entry["id"]: number for number, entry in enumerate(CONTRACT)}
    endpoints = sorted(surface.endpoints, key=lambda endpoint: order[endpoint.source_id])
    return BEGIN + "\n" + "\n".join(map(_section, endpoints)) + "\n" + END


def written(page: str) -> str:
    """``page`` with its endpoints as they are now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + rendered() + after


def _section(endpoint: Endpoint[Any, Any]) -> str:
    others = "".join(f", `{alias}`" for alias in endpoint.aliases)
    who = ACTOR[endpoint.source_id] or ("anybody" if endpoint.access is PUBLIC else "whoever is signed in")
    lines = [
        f"### `{endpoint.method} {endpoint.path}`{others}",
        "",
        f"{endpoint.summary}. For: {'the payment provider' if endpoint.is_raw else who}.",
        "",
    ]
    if endpoint.is_raw:
        return "\n".join([*lines, "```xml", REQUEST_OF_XML, NOTIFIED, "```", ""])
    if rows := _rows(endpoint.request):
        lines += ["| field | what | |", "|---|---|---|", *rows, ""]
    golden = GOLDEN_OF[endpoint.source_id]
    sent = _sent(golden)
    return "\n".join([*lines, "```json", _json(sent), _json(golden.reply), "```", ""])


def _rows(request: type[msgspec.Struct]) -> list[str]:
    (_,), components = msgspec.json.schema_components([request])
    shape = components[request.__name__]
    required = set(shape.get("required", ()))
    return [
        f"| `{name}` | {_what(one)} | {'needed' if name in required else _default(one)} |"
        for name, one in shape["properties"].items()
    ]


def _what(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        (schema,) = [one for one in schema["anyOf"] if one.get("type") != "null"]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "integer":
            low, high = schema.get("minimum", ""), schema.get("maximum", "")
            return f"whole number, {low} to {'2⁵³ − 1' if high == 2**53 - 1 else high}".replace(
                str(1 - 2**53), "−(2⁵³ − 1)"
            )
        case "string":
            return f"text, at most {schema['maxLength']} characters" if "maxLength" in schema else "text"
        case _:
            return "anything"


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    return "optional" if default in (None, "") else f"default {default}"


def _sent(golden: Golden) -> dict[str, Any]:
    if golden.who == "nobody":
        return golden.sent
    if golden.path.startswith("/weapp/live_room/"):
        return golden.sent
    return {"token": "0123456789abcdef0123456789abcdef", **golden.sent}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=lambda like: like.example if isinstance(like, Like) else like)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
