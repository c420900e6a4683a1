"""Log lines of the real world: structlog, coloured for a person at a terminal, JSON for everything else.

Also catches what libraries say through ``logging``. Whatever is bound to the current request (its id) is added by
structlog's context. Values under a key that names a secret never reach a line (SEC-28).
"""

import logging
import sys
from typing import Any, Final, Literal

import structlog

from engine.ports import Log

__all__ = ["open_log"]

SECRET_WORDS: Final = ("token", "secret", "password", "sig", "api_key", "authorization", "cookie")
MASK: Final = "****"


def open_log(*, level: str, form: Literal["auto", "json", "console"]) -> Log:
    """The process's log, on standard error. ``auto`` is colours on a terminal and JSON elsewhere."""
    is_console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _masked,
    ]
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if is_console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = _Libraries()
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    log: Log = structlog.get_logger()
    return log


class _Libraries(logging.Handler):
    """What libraries log becomes one line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        write = structlog.get_logger().error if record.levelno >= logging.ERROR else structlog.get_logger().warning
        write("library_said", logger=record.name, text=record.getMessage(), exc_info=record.exc_info)


def _masked(_logger: object, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    for key in line:
        if any(word in key.lower() for word in SECRET_WORDS):
            line[key] = MASK
    return line
