"""The list of surfaces, and the doors that serve them. A further surface is one line in ``SURFACES``.

Knows which surfaces there are, on which listener, and what each is told at the start. Wires; decides nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from engine.greenroom import Greenroom
from handlers import calls, media
from handlers.admin import access as admin_access
from handlers.admin.options import AdminOptions
from handlers.admin.surface import surface as admin_surface
from handlers.calls import access as calls_access
from handlers.wire.access import Admission, Authenticate
from handlers.wire.asyncapi import asyncapi
from handlers.wire.health import probes
from handlers.wire.http import Door, HttpPolicy
from handlers.wire.limits import Limit, Limiter
from handlers.wire.openapi import openapi
from handlers.wire.socket import Hub
from handlers.wire.surface import Surface

__all__ = [
    "SURFACES",
    "AppConfig",
    "Config",
    "HttpConfig",
    "LimitsConfig",
    "MediaConfig",
    "MediaHooksConfig",
    "Opened",
    "ShareConfig",
    "doors",
    "routes",
]


class HttpConfig(Protocol):
    """What requests may look like."""

    @property
    def body_bytes_max(self) -> int:
        """Longest body."""

    @property
    def body_timeout_ms(self) -> int:
        """How long one may take."""

    @property
    def trusted_proxies(self) -> Sequence[str]:
        """Whose ``X-Forwarded-For`` is believed."""

    @property
    def origins(self) -> Sequence[str]:
        """Origins of pages beside our own."""


class LimitsConfig(Protocol):
    """The rate limit of endpoints that have none of their own."""

    @property
    def default_rate(self) -> int:
        """So many."""

    @property
    def default_per_ms(self) -> int:
        """In so long."""

    @property
    def default_burst(self) -> int:
        """After a pause, so many at once."""

    @property
    def addresses_max(self) -> int:
        """Clients counted at the same time."""


class ShareConfig(Protocol):
    """The card a guest passes on."""

    @property
    def title(self) -> str:
        """Its text."""

    @property
    def image_url(self) -> str:
        """Its picture."""


class AppConfig(Protocol):
    """The mini-program."""

    @property
    def review_versions(self) -> tuple[int, ...]:
        """Builds with features off."""


class MediaHooksConfig(Protocol):
    """Which media servers are listened to."""

    @property
    def nginx_peers(self) -> tuple[str, ...]:
        """Addresses of machines with nginx-rtmp; none: no such hooks."""

    @property
    def css_path(self) -> str:
        """The secret end of the path of Tencent's callbacks; empty: no such callbacks."""

    @property
    def css_key(self) -> str:
        """What they are signed with."""


class MediaConfig(Protocol):
    """The media servers."""

    @property
    def push_host(self) -> str:
        """The domain that streams are pushed to."""

    @property
    def hooks(self) -> MediaHooksConfig:
        """What they may report."""


class Config(Protocol):
    """The part of the configuration that is the surfaces'."""

    @property
    def env(self) -> str:
        """``dev`` or ``production``."""

    @property
    def time_zone(self) -> str:
        """The deployment's IANA zone."""

    @property
    def http(self) -> HttpConfig:
        """Requests."""

    @property
    def limits(self) -> LimitsConfig:
        """Rates."""

    @property
    def share(self) -> ShareConfig:
        """The calls surface's card."""

    @property
    def app(self) -> AppConfig:
        """The calls surface's mini-program."""

    @property
    def media(self) -> MediaConfig:
        """Media servers."""


class Opened(NamedTuple):
    """A surface, and who tells whose its credentials are."""

    surface: Surface
    authenticate: Authenticate[Any]


def _calls(config: Config, engine: Greenroom) -> Opened:
    options = calls.CallsOptions(
        share_title=config.share.title,
        share_image_url=config.share.image_url,
        review_versions=config.app.review_versions,
        time_zone=config.time_zone,
        is_dev=config.env == "dev",
    )
    return Opened(calls.surface(options), calls_access.authenticate(engine))


def _media_css(config: Config) -> tuple[Opened, ...]:
    """Tencent calls back over the internet, so it comes to the people's door."""
    hooks = config.media.hooks
    if not hooks.css_path:
        return ()
    options = media.CssOptions(path=hooks.css_path, keys=(hooks.css_key,), push_host=config.media.push_host)
    return (Opened(media.css_surface(options), media.unsigned),)


def _media_nginx(config: Config) -> tuple[Opened, ...]:
    """nginx-rtmp has no credential, so it comes to the operators' door, which is not open to the world (ADR 5)."""
    peers = frozenset(config.media.hooks.nginx_peers)
    return (Opened(media.nginx_surface(media.NginxOptions(peers=peers)), media.unsigned),) if peers else ()


SURFACES: Final[tuple[Callable[[Config, Greenroom], Opened], ...]] = (_calls,)
"""The surfaces for people. The operators' has a listener, and a key, of its own."""


def doors(
    config: Config,
    engine: Greenroom,
    hub: Hub,
    *,
    admin_token: str,
    version: str,
    metrics: Callable[[], bytes] | None = None,
) -> tuple[Door, Door]:
    """The door for people and the one for operators.

    ``hub`` is the one that the engine tells its events to; ``metrics`` renders Prometheus text.
    """
    admin = AdminOptions(zone=ZoneInfo(config.time_zone), is_dev=config.env == "dev")
    operators = Opened(admin_surface(admin), admin_access.authenticate(admin_token))
    people = (*(open_surface(config, engine) for open_surface in SURFACES), *_media_css(config))
    http = config.http
    policy = HttpPolicy(
        body_bytes_max=http.body_bytes_max,
        body_timeout_ms=http.body_timeout_ms,
        trusted_proxies=frozenset(http.trusted_proxies),
        origins=frozenset(http.origins),
    )
    # Whatever origins pages of the surfaces come from, no page talks to the operators' port.
    admin_policy = HttpPolicy(body_bytes_max=http.body_bytes_max, body_timeout_ms=http.body_timeout_ms)
    limits = config.limits
    limiter = Limiter(engine.world.clock, shared=engine.world.stores.limits, keys_max=limits.addresses_max)
    default_limit = Limit(limits.default_rate, limits.default_per_ms, limits.default_burst)

    def door(surfaces: Iterable[Opened], policy: HttpPolicy) -> Door:
        return routes(
            engine,
            tuple(surfaces),
            hub=hub,
            limiter=limiter,
            default_limit=default_limit,
            policy=policy,
            version=version,
            metrics=metrics,
        )

    return door(people, policy), door((operators, *_media_nginx(config)), admin_policy)


def routes(
    engine: Greenroom,
    surfaces: Sequence[Opened],
    *,
    hub: Hub,
    limiter: Limiter,
    default_limit: Limit,
    policy: HttpPolicy,
    version: str,
    metrics: Callable[[], bytes] | None = None,
) -> Door:
    """One door: ``surfaces``, and beside them health, metrics, version and their own descriptions."""

    async def ready() -> Mapping[str, bool]:
        return {"store": engine.node.is_confirmed(), "accepting": not engine.is_draining}

    described = [one.surface for one in surfaces]
    return Door(
        described,
        admissions={
            one.surface.name: Admission(
                engine=engine, authenticate=one.authenticate, limiter=limiter, default_limit=default_limit
            )
            for one in surfaces
        },
        probes=probes(
            ready=ready,
            version={"name": "greenroom", "version": version},
            metrics=metrics,
            documents={
                "/openapi.json": openapi(described, title="Greenroom", version=version),
                "/asyncapi.json": asyncapi(described, title="Greenroom", version=version),
            },
        ),
        hub=hub,
        clock=engine.world.clock,
        rng=engine.world.rng,
        log=engine.world.log,
        policy=policy,
    )
