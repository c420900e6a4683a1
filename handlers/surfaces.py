"""The list of surfaces, and the door that serves them all. A further surface is one line here.

Knows which surfaces there are and what each is told at the start. Wires; decides nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from engine.greenroom import Greenroom
from handlers import calls
from handlers.calls.access import authenticate
from handlers.wire.access import Admission, Authenticate
from handlers.wire.asyncapi import asyncapi
from handlers.wire.health import probes
from handlers.wire.http import Door, HttpPolicy
from handlers.wire.limits import Limit, Limiter
from handlers.wire.openapi import openapi
from handlers.wire.socket import Hub
from handlers.wire.surface import Surface

__all__ = ["SURFACES", "Plan", "SurfaceOptions", "routes"]


class SurfaceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What each surface is told at the start."""

    calls: calls.CallsOptions = calls.CallsOptions()


class Plan(NamedTuple):
    """How a surface comes about, and who tells whose its credentials are."""

    surface: Callable[[SurfaceOptions], Surface]
    authenticate: Callable[[Greenroom], Authenticate[Any]]


SURFACES: Final = (Plan(lambda options: calls.surface(options.calls), authenticate),)


def routes(
    engine: Greenroom,
    options: SurfaceOptions,
    *,
    hub: Hub,
    limiter: Limiter,
    default_limit: Limit,
    policy: HttpPolicy,
    ready: Callable[[], Awaitable[Mapping[str, bool]]],
    version: str,
    metrics: Callable[[], bytes] | None = None,
) -> Door:
    """Everything this server can be asked over HTTP, for ``HTTPServer`` to hand out.

    ``hub`` is the one that the engine tells its events to. ``ready`` and ``metrics`` are those of the health probes.
    """
    surfaces = tuple((plan.surface(options), plan) for plan in SURFACES)
    described = {"title": "Greenroom", "version": version}
    return Door(
        [surface for surface, _ in surfaces],
        admissions={
            surface.name: Admission(
                engine=engine,
                authenticate=plan.authenticate(engine),
                limiter=limiter,
                default_limit=default_limit,
            )
            for surface, plan in surfaces
        },
        probes=probes(
            ready=ready,
            version={"name": "greenroom", "version": version},
            metrics=metrics,
            documents={
                "/openapi.json": openapi((surface for surface, _ in surfaces), **described),
                "/asyncapi.json": asyncapi((surface for surface, _ in surfaces), **described),
            },
        ),
        hub=hub,
        clock=engine.world.clock,
        rng=engine.world.rng,
        log=engine.world.log,
        policy=policy,
    )
