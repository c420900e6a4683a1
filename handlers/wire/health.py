"""The paths beside the surfaces: alive, ready, metrics, version, descriptions.

Knows how each is asked for and in which form it answers. Knows no store and no engine: whether the node is ready, and
what its metrics are, it is told.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from handlers.wire.codec import write_json
from handlers.wire.http import Probe
from handlers.wire.surface import Answer

__all__ = ["probes"]


def probes(
    *,
    ready: Callable[[], Awaitable[Mapping[str, bool]]],
    version: Mapping[str, str],
    metrics: Callable[[], bytes] | None = None,
    documents: Mapping[str, object] | None = None,
) -> dict[str, Probe]:
    """The probes by path.

    ``ready`` tells by name what the node needs and whether it has it; one False is a 503. ``metrics`` gives Prometheus
    text, or is None where that is for another port. ``documents`` are JSON values by path (``/openapi.json``), written
    once, here.
    """

    async def healthz() -> Answer:
        # The process answers, so it lives; asking a store here would have a supervisor kill nodes for the store's sake.
        return Answer(HTTPStatus.OK, b'{"status":"ok"}')

    async def readyz() -> Answer:
        checks = await ready()
        is_ready = all(checks.values())
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, write_json({"status": "ready" if is_ready else "not ready", "checks": dict(checks)}))

    found: dict[str, Probe] = {"/healthz": healthz, "/readyz": readyz, "/version": _constant(dict(version))}
    if metrics is not None:
        found["/metrics"] = _text(metrics)
    for path, document in (documents or {}).items():
        found[path] = _constant(document)
    return found


def _constant(value: object) -> Probe:
    answer = Answer(HTTPStatus.OK, write_json(value))

    async def probe() -> Answer:
        return answer

    return probe


def _text(render: Callable[[], bytes]) -> Probe:
    async def probe() -> Answer:
        return Answer(HTTPStatus.OK, render(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return probe
