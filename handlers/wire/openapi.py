"""OpenAPI 3.1, printed from the endpoints themselves.

Knows the description's form. Knows nothing that the endpoints do not say: what is wrong in the document is wrong there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from engine.errors import BadInput
from handlers.wire.access import OPTIONAL, SIGNED_IN
from handlers.wire.language import Language
from handlers.wire.redirect import RedirectEnvelope
from handlers.wire.surface import Endpoint, Envelope, Surface

__all__ = ["openapi"]

_REFERENCE: Final = "#/components/schemas/{name}"

_NOTES: Final = (
    "Every path answers with and without a slash at its end, without redirecting. The fields of a POST may come as "
    "JSON, as a form or in the query; the body wins. The fields of a GET come in the query or in a JSON body; the "
    "query wins. Numbers may be written as strings, booleans as true, false, 1 or 0. Fields that are not listed are "
    "ignored. Every answer carries X-Request-Id; a refusal for too many requests carries Retry-After."
)


def openapi(surfaces: Iterable[Surface], *, title: str, version: str) -> dict[str, Any]:
    """The description of all endpoints of ``surfaces``, as plain values."""
    surfaces = tuple(surfaces)
    endpoints = [(surface, endpoint) for surface in surfaces for endpoint in surface.endpoints]
    shapes = {endpoint.reply for _, endpoint in endpoints if not endpoint.gives_bytes}
    shapes |= {endpoint.request for _, endpoint in endpoints if not endpoint.is_raw}
    # By name, in which generic shapes have that of what they hold.
    ordered = sorted(shapes, key=repr)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    shown = _Schemas(dict(zip(ordered, schemas, strict=True)), components)
    paths: dict[str, dict[str, Any]] = {}
    uses: Counter[str] = Counter()
    for surface, endpoint in endpoints:
        for method, path in endpoint.addresses:
            operation = _operation(surface, endpoint, path, shown)
            uses[endpoint.source_id] += 1
            number = uses[endpoint.source_id]
            operation["operationId"] = endpoint.source_id if number == 1 else f"{endpoint.source_id}-{number}"
            if (method, path) != (endpoint.method, endpoint.path):
                operation["description"] = f"The same as {endpoint.method} {endpoint.path}."
            paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _NOTES},
        "tags": [{"name": surface.name, "description": surface.title} for surface in surfaces],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                _scheme_name(surface, name): dict(scheme)
                for surface in surfaces
                for name, scheme in surface.security.items()
            },
        },
    }


class _Schemas(NamedTuple):
    of: Mapping[Any, dict[str, Any]]
    """By type: a reference."""
    components: Mapping[str, dict[str, Any]]
    """By name: what references lead to."""


def _operation(surface: Surface, endpoint: Endpoint[Any, Any], path: str, shown: _Schemas) -> dict[str, Any]:
    envelope = endpoint.envelope or surface.envelope
    operation: dict[str, Any] = {
        "tags": [surface.name],
        "summary": endpoint.summary,
        "security": _security(surface, endpoint),
        "responses": (
            _responses_with_bytes(envelope)
            if endpoint.gives_bytes
            else _responses(envelope, envelope.schema(shown.of[endpoint.reply]))
        ),
    }
    in_path = {segment[1:-1] for segment in path.split("/") if segment.startswith("{")}
    if endpoint.is_raw:
        if endpoint.method != "GET":
            operation["requestBody"] = {"required": True, "content": _raw_content(endpoint)}
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in sorted(in_path)
        ]
        return operation
    schema = shown.of[endpoint.request]
    # A reference to a component, always: the schema of a struct is one.
    described = shown.components[schema["$ref"].rpartition("/")[2]]
    in_query = described["properties"].keys() - in_path if endpoint.method == "GET" else set()
    required = set(described.get("required", ()))
    operation["parameters"] = [
        {"name": name, "in": "path" if name in in_path else "query", "required": name in required, "schema": one}
        for name, one in described["properties"].items()
        if name in in_path or name in in_query
    ]
    if endpoint.method != "GET":
        kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
        operation["requestBody"] = {"content": {kind: {"schema": schema} for kind in kinds}}
    return operation


def _raw_content(endpoint: Endpoint[Any, Any]) -> dict[str, Any]:
    return {"multipart/form-data": {}} if endpoint.is_streamed else {"application/octet-stream": {}}


def _responses_with_bytes(envelope: Envelope) -> dict[str, Any]:
    """Bytes of whatever kind, all of them or the range that was asked for."""
    content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "200": {"description": "All of it.", "content": content},
        "206": {"description": "The part that Range asks for.", "content": content},
        "304": {"description": "The client has it: If-None-Match names it."},
        "416": {"description": "There is no such part."},
        "default": _response("Refused.", envelope.media_type, envelope.schema(None)),
    }


def _responses(envelope: Envelope, done: Mapping[str, Any]) -> dict[str, Any]:
    """What may come back; some dialects refuse with the status of a success, and say so in the body."""
    refused = envelope.schema(None)
    if isinstance(envelope, RedirectEnvelope):
        done_at = {"302": {"description": "Done: the browser goes on to where Location says."}}
        return {**done_at, "default": _response("Refused.", envelope.media_type, refused)}
    others = {"default": _response("Refused.", envelope.media_type, refused)}
    if envelope.failure(BadInput(), request_id="", language=Language.ZH).status != HTTPStatus.OK:
        return {"200": _response("Done.", envelope.media_type, done), **others}
    either = {"anyOf": [done, refused]}
    return {"200": _response("Done, or refused: the body tells.", envelope.media_type, either), **others}


def _response(description: str, media_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": dict(schema)}}}


def _security(surface: Surface, endpoint: Endpoint[Any, Any]) -> list[dict[str, list[str]]]:
    names = endpoint.security or tuple(surface.security)[:1]
    needed: dict[str, list[str]] = {_scheme_name(surface, name): [] for name in names}
    if endpoint.access is SIGNED_IN:
        return [needed] if needed else []
    return [needed, {}] if needed and endpoint.access is OPTIONAL else []


def _scheme_name(surface: Surface, name: str) -> str:
    return f"{surface.name}.{name}"
