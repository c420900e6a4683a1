"""The list of surfaces, and the doors that serve them. A further surface is one line in ``SURFACES``.

Knows which surfaces there are, on which listener, and what each is told at the start. Wires; decides nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from engine.greenroom import Greenroom
from handlers import calls, media, qlive, rooms, site, social
from handlers.admin import access as admin_access
from handlers.admin.options import AdminOptions, RunningConfig
from handlers.admin.surface import surface as admin_surface
from handlers.calls import access as calls_access
from handlers.qlive import access as qlive_access
from handlers.qlive.options import ClientConfigs
from handlers.rooms import access as rooms_access
from handlers.site import access as site_access
from handlers.social import access as social_access
from handlers.wire.access import Admission, Authenticate, GuestOf
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
    "FilesConfig",
    "GoogleConfig",
    "HttpConfig",
    "ImConfig",
    "LimitsConfig",
    "MediaConfig",
    "MediaHooksConfig",
    "Opened",
    "PayConfig",
    "QliveConfig",
    "ShareConfig",
    "SocialConfig",
    "SocialLevel",
    "doors",
    "refit",
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

    @property
    def public_url(self) -> str:
        """Where people reach us; empty: not said."""


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

    @property
    def times(self) -> int:
        """By how much every limit is wider than it says; 1 but in tests of what is behind them."""


class FilesConfig(Protocol):
    """What people send in."""

    @property
    def bytes_max(self) -> int:
        """How long a file may be."""


class ShareConfig(Protocol):
    """The card a guest passes on."""

    @property
    def title(self) -> str:
        """Its text."""

    @property
    def image_url(self) -> str:
        """Its picture."""


class QliveConfig(Protocol):
    """Blind-date rooms."""

    @property
    def withdraw_rate(self) -> str:
        """What income is worth, as it is shown."""


class ImConfig(Protocol):
    """The messaging service."""

    @property
    def sdk_app_id(self) -> str:
        """Our application there."""

    @property
    def callback_key(self) -> str:
        """What its callbacks are signed with; empty: there are none."""


class GoogleConfig(Protocol):
    """Sign-in with Google."""

    @property
    def home_url(self) -> str:
        """Where browsers end."""


class PayConfig(Protocol):
    """Payment."""

    @property
    def api_key(self) -> str:
        """What orders are signed with."""


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


class SocialLevel(Protocol):
    """Who may call a path of the social app."""

    @property
    def path(self) -> str:
        """The path."""

    @property
    def level(self) -> int:
        """People of this level and above."""


class SocialConfig(Protocol):
    """The social app."""

    @property
    def minimum_levels(self) -> Sequence[SocialLevel]:
        """Of paths that not everybody may call."""


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
    def files(self) -> FilesConfig:
        """Files."""

    @property
    def share(self) -> ShareConfig:
        """The calls surface's card."""

    @property
    def app(self) -> AppConfig:
        """The calls surface's mini-program."""

    @property
    def qlive(self) -> QliveConfig:
        """The blind-date surface's rules, of which it shows some."""

    @property
    def social(self) -> SocialConfig:
        """The social app."""

    @property
    def qlive_client(self) -> ClientConfigs:
        """What the blind-date surface's mini-program shows."""

    @property
    def media(self) -> MediaConfig:
        """Media servers."""

    @property
    def im(self) -> ImConfig:
        """The messaging service."""

    @property
    def pay(self) -> PayConfig:
        """Payment."""

    @property
    def google(self) -> GoogleConfig:
        """Sign-in with Google."""


class Opened(NamedTuple):
    """A surface, who tells whose its credentials are, and who its guests are, where it knows them."""

    surface: Surface
    authenticate: Authenticate[Any]
    guest_of: GuestOf[Any] | None = None


def _calls(config: Config, engine: Greenroom) -> Opened:
    options = calls.CallsOptions(
        share_title=config.share.title,
        share_image_url=config.share.image_url,
        review_versions=config.app.review_versions,
        time_zone=config.time_zone,
        is_dev=config.env == "dev",
    )
    return Opened(calls.surface(options), calls_access.authenticate(engine))


def _qlive(config: Config, engine: Greenroom) -> Opened:
    options = qlive.QliveOptions(
        client=config.qlive_client,
        sign_key=config.pay.api_key,
        time_zone=config.time_zone,
        withdraw_rate=config.qlive.withdraw_rate,
        public_url=config.http.public_url,
        sdk_app_id=config.im.sdk_app_id,
        callback_key=config.im.callback_key,
    )
    surface = qlive.surface(options, play_url=engine.blind_date_streams.play_address)
    return Opened(surface, qlive_access.authenticate(engine))


def _site(config: Config, engine: Greenroom) -> Opened:
    options = site.SiteOptions(
        home_url=config.google.home_url,
        has_tls=config.env == "production",
        has_other_origins=bool(config.http.origins),
    )
    return Opened(site.surface(options), site_access.authenticate(engine), site_access.guest_of(engine))


def _social(config: Config, engine: Greenroom) -> Opened:
    options = social.SocialOptions(
        time_zone=config.time_zone,
        minimum_levels={one.path: one.level for one in config.social.minimum_levels},
        public_url=config.http.public_url,
        file_bytes_max=config.files.bytes_max,
    )
    return Opened(social.surface(options), social_access.authenticate(engine))


def _rooms(_config: Config, engine: Greenroom) -> Opened:
    return Opened(rooms.SURFACE, rooms_access.authenticate(engine))


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


SURFACES: Final[tuple[Callable[[Config, Greenroom], Opened], ...]] = (_calls, _qlive, _site, _social, _rooms)
"""The surfaces for people. The operators' has a listener, and a key, of its own."""


def doors(
    config: Config,
    engine: Greenroom,
    hub: Hub,
    *,
    admin_token: str,
    version: str,
    metrics: Callable[[], bytes] | None = None,
    running: RunningConfig | None = None,
) -> tuple[Door, Door]:
    """The door for people and the one for operators.

    ``hub`` is the one that the engine tells its events to; ``metrics`` renders Prometheus text; ``running`` is what
    operators see of the configuration, and read anew.
    """
    admin = AdminOptions(zone=ZoneInfo(config.time_zone), is_dev=config.env == "dev", config=running)
    operators = Opened(admin_surface(admin), admin_access.authenticate(admin_token))
    http = config.http
    policy = HttpPolicy(
        body_bytes_max=http.body_bytes_max,
        body_timeout_ms=http.body_timeout_ms,
        trusted_proxies=frozenset(http.trusted_proxies),
        origins=frozenset(http.origins),
    )
    # Whatever origins pages of the surfaces come from, no page talks to the operators' port.
    admin_policy = HttpPolicy(body_bytes_max=http.body_bytes_max, body_timeout_ms=http.body_timeout_ms)
    limiter = Limiter(
        engine.world.clock,
        shared=engine.world.stores.limits,
        keys_max=config.limits.addresses_max,
        times=config.limits.times,
    )

    def door(surfaces: Iterable[Opened], policy: HttpPolicy) -> Door:
        return routes(
            engine,
            tuple(surfaces),
            hub=hub,
            limiter=limiter,
            default_limit=_default_limit(config),
            policy=policy,
            version=version,
            metrics=metrics,
        )

    return door(_for_people(config, engine), policy), door((operators, *_media_nginx(config)), admin_policy)


def refit(door: Door, config: Config, engine: Greenroom) -> None:
    """Serve people as ``config`` has it from now on: what surfaces show, and the rate limit of most paths.

    ``door`` is the people's, whose buckets and policy stay.
    """
    limiter = next(iter(door.admissions.values())).limiter
    opened = _for_people(config, engine)
    door.offer(
        (one.surface for one in opened),
        admissions=_admissions(engine, opened, limiter=limiter, default_limit=_default_limit(config)),
    )


def _for_people(config: Config, engine: Greenroom) -> tuple[Opened, ...]:
    return (*(open_surface(config, engine) for open_surface in SURFACES), *_media_css(config))


def _default_limit(config: Config) -> Limit:
    limits = config.limits
    return Limit(limits.default_rate, limits.default_per_ms, limits.default_burst)


def _admissions(
    engine: Greenroom, surfaces: Iterable[Opened], *, limiter: Limiter, default_limit: Limit
) -> dict[str, Admission[Any, Any]]:
    return {
        one.surface.name: Admission(
            engine=engine,
            authenticate=one.authenticate,
            limiter=limiter,
            default_limit=default_limit,
            guest_of=one.guest_of,
        )
        for one in surfaces
    }


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
        admissions=_admissions(engine, surfaces, limiter=limiter, default_limit=default_limit),
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
