"""Answers that send a browser on: no body, and where to go.

Knows the form of a redirection. Knows no address: actions say where, and take care that nobody else does (SEC-12).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from engine.errors import EngineError
from handlers.wire.language import Language
from handlers.wire.surface import Answer, Envelope

__all__ = ["Onward", "RedirectEnvelope"]


class Onward(msgspec.Struct, frozen=True):
    """Where the browser goes on; the reply of actions that are answered so."""

    location: str


class RedirectEnvelope:
    """A success is a redirection; a refusal is what ``refusing`` makes of it, with a status that browsers stay at."""

    def __init__(self, refusing: Envelope) -> None:
        self._refusing = refusing

    @property
    def media_type(self) -> str:
        """Of refusals: there is no other body."""
        return self._refusing.media_type

    def schema(self, reply: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """As ``refusing`` has it; a success has no body."""
        return self._refusing.schema(reply)

    def success(self, reply: object, *, request_id: str, language: Language) -> Answer:  # noqa: ARG002 - no body
        """The redirection to an ``Onward``. Browsers ask there with GET, whatever they asked here with."""
        onward = msgspec.convert(reply, Onward)
        return Answer(HTTPStatus.FOUND, b"", (("Location", onward.location),))

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """As ``refusing`` has it."""
        return self._refusing.failure(error, request_id=request_id, language=language)
