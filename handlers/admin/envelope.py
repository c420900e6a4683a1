"""The outer form: the bare reply with its HTTP status, or an object that says what was wrong and in which field.

The form is the wire's plain one; operators are told in addition what the error knows. Whoever is not let in learns
nothing beyond that.
"""

from dataclasses import replace
from typing import Final

from engine.errors import EngineError, NotSignedIn
from handlers.wire.codec import read_json, write_json
from handlers.wire.language import Language
from handlers.wire.plain import PlainEnvelope
from handlers.wire.surface import Answer

__all__ = ["ENVELOPE", "AdminEnvelope"]


class AdminEnvelope(PlainEnvelope):
    """``{"error", "message", "detail", "request_id"}``; ``detail`` is empty where there is none."""

    def failure(self, error: EngineError, *, request_id: str, language: Language) -> Answer:
        """What was wrong, with the facts."""
        plain = super().failure(error, request_id=request_id, language=language)
        body = read_json(plain.body)
        assert isinstance(body, dict)
        body["detail"] = "" if isinstance(error, NotSignedIn) else str(error)
        return replace(plain, body=write_json(body))


ENVELOPE: Final = AdminEnvelope()
