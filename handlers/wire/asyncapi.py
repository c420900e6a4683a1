"""AsyncAPI 3.0, printed from the sockets themselves.

Knows the description's form. Knows nothing that the dialects do not say.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from handlers.wire.socket import CLOSE_CODES
from handlers.wire.surface import SocketDialect, Surface

__all__ = ["asyncapi"]

_REFERENCE: Final = "#/components/schemas/{name}"


def asyncapi(surfaces: Iterable[Surface], *, title: str, version: str) -> dict[str, Any]:
    """The description of all sockets of ``surfaces``, as plain values."""
    dialects = [dialect for surface in surfaces for dialect in surface.sockets]
    shapes: set[Any] = set()
    for dialect in dialects:
        shapes.update(dialect.events.values())
        if dialect.opening is not None:
            shapes.add(dialect.opening.request)
        for command in dialect.commands.values():
            shapes |= {command.request, command.reply}
    ordered = sorted(shapes, key=lambda shape: (shape.__module__, shape.__qualname__))
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    schema_of = dict(zip(ordered, schemas, strict=True))
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for dialect in dialects:
        channels[dialect.source_id] = _channel(dialect, schema_of)
        operations.update(_operations(dialect))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": components},
    }


def _channel(dialect: SocketDialect, schema_of: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    messages: dict[str, Any] = {name: {"payload": schema_of[shape]} for name, shape in dialect.events.items()}
    for name, command in dialect.commands.items():
        messages[f"{name}.command"] = {"summary": command.summary, "payload": schema_of[command.request]}
        messages[f"{name}.answer"] = {"payload": schema_of[command.reply]}
    binding: dict[str, Any] = {"method": "GET"}
    if dialect.opening is not None:
        binding["query"] = schema_of[dialect.opening.request]
    in_path: dict[str, Any] = {segment[1:-1]: {} for segment in dialect.path.split("/") if segment.startswith("{")}
    return {
        "address": dialect.path,
        **({"parameters": in_path} if in_path else {}),
        "title": dialect.summary,
        "description": "Close codes: " + "; ".join(f"{code} {meaning}" for code, meaning in CLOSE_CODES.items()) + ".",
        "messages": messages,
        "bindings": {"ws": binding},
    }


def _operations(dialect: SocketDialect) -> dict[str, Any]:
    """From the server's side, as AsyncAPI has it: it sends events, and receives commands that it answers."""
    channel = f"#/channels/{dialect.source_id}"
    found: dict[str, Any] = {}
    if dialect.events:
        found[f"{dialect.source_id}.events"] = {
            "action": "send",
            "channel": {"$ref": channel},
            "messages": [{"$ref": f"{channel}/messages/{_escaped(name)}"} for name in dialect.events],
        }
    for name in dialect.commands:
        found[f"{dialect.source_id}.{name}"] = {
            "action": "receive",
            "channel": {"$ref": channel},
            "messages": [{"$ref": f"{channel}/messages/{_escaped(name)}.command"}],
            "reply": {
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{_escaped(name)}.answer"}],
            },
        }
    return found


def _escaped(name: str) -> str:
    """``name`` inside a JSON pointer. Source: RFC 6901 §3."""
    return name.replace("~", "~0").replace("/", "~1")
