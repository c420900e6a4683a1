"""The program: configuration, stores, engine, surfaces, listeners; and the way back when it is told to stop.

Imports everything and is imported by nothing but the ``greenroom`` command.
"""

import sys

from greenroom import is_for_operators, main

if __name__ == "__main__" and is_for_operators(sys.argv[1:]):
    # Before the imports below: an operator must not wait for drivers.
    sys.exit(main())

import argparse
import asyncio
import contextlib
import os
import platform
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import tornado
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from adapters.clock import SystemClock, SystemRng, TaskSpawner
from adapters.config import Config, ConfigError, Loaded, Media, load
from adapters.datadir import DataDir, DataDirError
from adapters.departures import Departures
from adapters.embedded import EmbeddedStores, EmbeddedStoresError
from adapters.failpoints import FailpointError, with_failpoints
from adapters.file_contents import MagicContents
from adapters.google_login import DEV_CLIENT, DevGoogle, GoogleClient, GoogleSignIn, NoGoogle
from adapters.log import open_log
from adapters.mail import DevMail, NoMail, SmtpMail
from adapters.media_addresses import SignedAddresses, blind_date_addresses
from adapters.mixer import RecordingMixer
from adapters.nowpayments import DevNowPayments, NoNowPayments, NowPayments
from adapters.passwords import BcryptPasswords
from adapters.prometheus import Exporter
from adapters.qr import draw
from adapters.running_config import RunningConfig
from adapters.seals import KeyedSeal
from adapters.stream_cutters import CssCutter, NginxCutter
from adapters.user_sig import UserSig
from adapters.web_tokens import SignedWebTokens, SigningKey, SocialForm
from adapters.wechat_login import DevCodes, WeChatCodes
from adapters.wechat_pay import DevPay, WeChatPay
from engine.greenroom import Greenroom
from engine.ports import (
    CodeExchange,
    CryptoPayments,
    GoogleLogin,
    Log,
    Mail,
    PaymentProvider,
    Provider,
    Spawn,
    StreamCutter,
    TokenKind,
    WebTokens,
)
from engine.services.accounts import QLIVE, SITE, SOCIAL
from engine.services.guests import GUEST_S
from engine.services.social_sign_ins import ATOKEN_S, RTOKEN_S, TICKET_S
from engine.world import World
from handlers.surfaces import doors, refit
from handlers.wire.http import server_options
from handlers.wire.outbox import OutboxLimits
from handlers.wire.socket import Hub, SocketLimits
from store.interfaces.errors import StoreError
from store.interfaces.stores import Stores
from store.opened import open_stores

try:
    from uvloop import new_event_loop
except ImportError:  # The [fast] extra; never assumed.
    from asyncio import new_event_loop

__all__ = ["run"]

Result = TypeVar("Result")

VERSION: Final = "0.1.0"
HERE: Final = Path(__file__).parent
STOP_S_MAX: Final = 25.0
BACKLOG: Final = 4_096
"""Connections that wait to be taken. Beyond it they are not refused but forgotten, for up to half a minute (F-23)."""
RETRY_AFTER_S_MAX: Final = 10
START_ATTEMPTS_MAX: Final = 4
START_PAUSE_S: Final = 1.0
FLAGS: Final = {
    "host": "http.host",
    "port": "http.port",
    "admin_port": "admin.port",
    "data_dir": "data_dir",
    "env": "env",
}
DAY_S: Final = 86_400


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="greenroom run",
        description="Run the Greenroom server.",
        epilog="Operators: greenroom status | calls | users | wallet | income | ledger | doctor … (--help after each)",
    )
    parser.add_argument("--config", type=Path, help="settings file (default: config.yaml beside the program)")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port of the surfaces; 0 takes any (default 8000)")
    parser.add_argument("--admin-port", type=int, help="port of the operators' API; 0 takes any (default 8001)")
    parser.add_argument("--data-dir", help="where this server keeps its own things (default ./var)")
    parser.add_argument("--env", choices=("dev", "production"), help="production refuses defaults and stand-ins")
    parser.add_argument("--check-config", action="store_true", help="say what is wrong with the settings, and exit")
    parser.add_argument("--version", action="version", version=f"greenroom {VERSION}")
    return parser.parse_args(words)


def run(words: list[str]) -> int:
    """Run the server until it is told to stop; returns the exit code."""
    flags = _parse(words)
    default = HERE / "config.yaml"
    file = flags.config or (default if default.exists() else None)
    given = {path: getattr(flags, name) for name, path in FLAGS.items() if getattr(flags, name) is not None}

    def read() -> Loaded:
        return load(file=file, environment=os.environ, flags=given)

    try:
        loaded = read()
    except ConfigError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        return 2
    if flags.check_config:
        print("configuration is fine")
        return 0
    return _serve(loaded, read)


def _serve(loaded: Loaded, read: Callable[[], Loaded]) -> int:
    try:
        with DataDir(Path(loaded.config.data_dir)) as data_dir, asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_live(loaded, read, data_dir))
    except (DataDirError, EmbeddedStoresError, FailpointError, PortTakenError) as error:
        print(error, file=sys.stderr)
        return 1
    except StoreError:
        print("MongoDB does not answer; check mongo.uri", file=sys.stderr)
        return 1
    return 0


class PortTakenError(Exception):
    """Somebody else listens there; the message says what to try."""


# --- stores ----------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _stores(config: Config, data_dir: DataDir, log: Log) -> AsyncIterator[tuple[Stores, dict[str, int]]]:
    """The stores of the configuration, or our own processes where it names none, and the ports of the latter."""
    async with contextlib.AsyncExitStack() as stack:
        mongo_uri, redis_url = config.mongo.uri, config.redis.url
        ports: dict[str, int] = {}
        if not mongo_uri or not redis_url:
            embedded = await stack.enter_async_context(
                EmbeddedStores(
                    data_dir.path,
                    with_mongo=not mongo_uri,
                    with_redis=not redis_url,
                    log=log,
                    on_death=lambda death: log.error(
                        "embedded_store_died", store=death.store, exit_code=death.exit_code
                    ),
                )
            )
            watching = asyncio.create_task(embedded.watch(), name="embedded-stores")
            stack.callback(watching.cancel)
            if not mongo_uri:
                mongo_uri, ports["mongo"] = embedded.mongo_uri, embedded.mongo_port
            if not redis_url:
                redis_url, ports["redis"] = embedded.redis_url, embedded.redis_port
        opened = await _patiently(
            lambda: open_stores(
                mongo_uri=mongo_uri,
                database=config.mongo.database,
                redis_url=redis_url,
                read_deadline_ms=config.mongo.read_deadline_ms,
                money_deadline_ms=config.mongo.money_deadline_ms,
                redis_deadline_ms=config.redis.deadline_ms,
            )
        )
        stack.push_async_callback(opened.close)
        yield with_failpoints(opened, config.failpoints), ports


async def _patiently(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """What ``attempt`` returns; a store that is just being started again, or busy with it, gets a moment."""
    for _ in range(START_ATTEMPTS_MAX - 1):
        try:
            return await attempt()
        except StoreError:
            await asyncio.sleep(START_PAUSE_S)
    return await attempt()


async def _begin(engine: Greenroom) -> None:
    """Start the engine so that a start that fails half-way can be tried again, as another life of this node."""
    try:
        await engine.start(supersedes=True)
    except StoreError:
        await engine.calls.drop_all()
        await engine.rooms.drop_all()
        raise


# --- the outside services --------------------------------------------------------------------------------------------


def _codes(config: Config, log: Log) -> CodeExchange:
    wechat = config.wechat
    apps = {wechat.app_id: wechat.app_secret}
    if wechat.qlive_app_id:
        apps[wechat.qlive_app_id] = wechat.qlive_app_secret
    real = None
    if not wechat.stand_in:
        real = WeChatCodes(
            apps=apps,
            base_url=wechat.base_url,
            http=AsyncHTTPClient(),
            log=log,
        )
    if config.env == "dev":
        return DevCodes(env=config.env, others=real, app_ids=[app_id for app_id in apps if app_id])
    assert real is not None, "production has been refused with a stand-in"
    return real


def _google(config: Config, log: Log) -> GoogleLogin:
    options = config.google
    client = GoogleClient(
        client_id=options.client_id,
        client_secret=options.client_secret,
        callback_url=options.callback_url,
        issuer=options.issuer,
        authorize_url=options.authorize_url,
        token_url=options.token_url,
        keys_url=options.keys_url,
    )
    departures = Departures(keys=_web_secrets(config), now_s=lambda: int(time.time()))
    real: GoogleLogin | None = None
    if not options.stand_in and options.client_id:
        real = GoogleSignIn(client=client, departures=departures, http=AsyncHTTPClient(), log=log)
    if config.env == "dev":
        return DevGoogle(
            env=config.env, departures=departures, client=client if real is not None else DEV_CLIENT, others=real
        )
    return real or NoGoogle()


def _web_secrets(config: Config) -> tuple[str, ...]:
    return tuple(filter(None, (config.web_tokens.key, config.web_tokens.key_former)))


def _signing_keys(config: Config) -> list[SigningKey]:
    options = config.web_tokens
    keys = [SigningKey(options.key)]
    if options.key_former:
        keys.append(SigningKey(options.key_former, until_s=options.key_former_until_s))
    return keys


def _web_tokens(config: Config) -> WebTokens:
    options = config.web_tokens
    return SignedWebTokens(
        keys=_signing_keys(config),
        issuer=options.issuer,
        audience=SITE,
        lives_s={
            TokenKind.ACCESS: options.access_hours * 3_600,
            TokenKind.REFRESH: options.refresh_days * DAY_S,
            TokenKind.GUEST: GUEST_S,
        },
    )


def _social_tokens(config: Config) -> WebTokens:
    return SignedWebTokens(
        keys=_signing_keys(config),
        issuer=config.web_tokens.issuer,
        audience=SOCIAL,
        lives_s={TokenKind.ACCESS: ATOKEN_S, TokenKind.REFRESH: RTOKEN_S, TokenKind.TICKET: TICKET_S},
        form=SocialForm(),
    )


def _mail(config: Config, data_dir: DataDir, log: Log) -> Mail:
    mail = config.mail
    if mail.stand_in:
        return DevMail(data_dir.path / "mail", sender=mail.sender, log=log)
    if not mail.host:
        return NoMail()
    return SmtpMail(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        username=mail.username,
        password=mail.password,
        sender=mail.sender,
        timeout_s=mail.timeout_ms / 1_000,
        log=log,
    )


def _payments(config: Config, log: Log) -> PaymentProvider:
    if config.pay.stand_in:
        return DevPay(api_key=config.pay.api_key)
    return WeChatPay(
        app_id=config.wechat.app_id,
        app_ids={QLIVE: config.wechat.qlive_app_id} if config.wechat.qlive_app_id else {},
        merchant_id=config.pay.merchant_id,
        api_keys=(config.pay.api_key,),
        notify_url=config.pay.notify_url,
        base_url=config.pay.base_url,
        http=AsyncHTTPClient(),
        log=log,
    )


def _crypto(config: Config, log: Log) -> CryptoPayments:
    options = config.nowpayments
    if options.stand_in:
        return DevNowPayments(
            ipn_secret=options.ipn_secret,
            price_currency=options.price_currency,
            pay_currency=options.pay_currency,
            log=log,
        )
    if not options.api_key:
        return NoNowPayments()
    return NowPayments(
        api_key=options.api_key,
        ipn_secrets=tuple(filter(None, (options.ipn_secret, options.ipn_secret_former))),
        callback_url=options.callback_url,
        base_url=options.base_url,
        price_currency=options.price_currency,
        pay_currency=options.pay_currency,
        http=AsyncHTTPClient(),
        log=log,
    )


def _push_keys(media: Media) -> tuple[str, ...]:
    return tuple(filter(None, (media.push_key, media.push_key_former)))


def _cutters(config: Config, log: Log) -> dict[Provider, StreamCutter]:
    media, hooks = config.media, config.media.hooks
    cutters: dict[Provider, StreamCutter] = {}
    if hooks.nginx_control:
        cutters[Provider.NGINX] = NginxCutter(
            control_url=hooks.nginx_control, app=media.app, http=AsyncHTTPClient(), log=log
        )
    if hooks.css_api_id:
        cutters[Provider.CSS] = CssCutter(
            secret_id=hooks.css_api_id,
            secret_key=hooks.css_api_key,
            push_host=media.push_host,
            app=media.app,
            http=AsyncHTTPClient(),
            log=log,
        )
    return cutters


# --- one life --------------------------------------------------------------------------------------------------------


async def _live(loaded: Loaded, read: Callable[[], Loaded], data_dir: DataDir) -> None:
    config = loaded.config
    log = open_log(level=config.log.level, form=config.log.format)
    clock, rng, spawn = SystemClock(), SystemRng(), TaskSpawner(log)
    began_mono_ms = clock.mono_ms()
    stopping = asyncio.Event()
    running = RunningConfig(loaded, read, log=log)
    _on_signals(stopping, running, spawn)
    hub = Hub(
        clock=clock,
        log=log,
        limits=SocketLimits(
            ping_ms=config.sockets.ping_ms,
            dead_ms=config.sockets.dead_ms,
            frame_bytes_max=config.sockets.frame_bytes_max,
            bad_frames_max=config.sockets.bad_frames_max,
            per_person_max=config.sockets.per_person_max,
            per_address_max=config.sockets.per_address_max,
            outbox=OutboxLimits(bytes_max=config.sockets.queue_bytes_max, frames_max=config.sockets.queue_messages_max),
        ),
    )
    async with _stores(config, data_dir, log) as (stores, store_ports):
        passwords = BcryptPasswords(cost=config.passwords.cost)
        contents = MagicContents()
        world = World(
            clock=clock,
            rng=rng,
            spawn=spawn,
            log=log,
            sink=hub,
            stores=stores,
            codes=_codes(config, log),
            google=_google(config, log),
            passwords=passwords,
            web_tokens=_web_tokens(config),
            social_tokens=_social_tokens(config),
            mail=_mail(config, data_dir, log),
            seal_code=KeyedSeal(config.web_tokens.key),
            payments=_payments(config, log),
            crypto=_crypto(config, log),
            media=SignedAddresses(
                push_host=config.media.push_host,
                play_host=config.media.play_host,
                biz_id=config.media.biz_id,
                push_keys=_push_keys(config.media),
                play_keys=(config.media.play_key,),
                app=config.media.app,
                life_s=config.media.push_hours * 3_600,
            ),
            blind_date_media=blind_date_addresses(
                push_host=config.media.push_host,
                play_host=config.media.qlive_play_host or config.media.play_host,
                push_keys=_push_keys(config.media),
                app=config.media.app,
                life_s=config.media.push_hours * 3_600,
            ),
            signatures=UserSig(
                app_id=config.im.sdk_app_id,
                keys=(config.im.secret_key,),
                life_s=config.im.signature_days * DAY_S,
            ),
            mixer=RecordingMixer(),
            draw_qr=draw,
            contents=contents,
            cutters=_cutters(config, log),
        )
        await _operate(
            loaded,
            data_dir,
            world,
            hub,
            running=running,
            store_ports=store_ports,
            stopping=stopping,
            began_mono_ms=began_mono_ms,
        )
        await spawn.cancel_all()
        passwords.close()
        contents.close()


async def _operate(
    loaded: Loaded,
    data_dir: DataDir,
    world: World,
    hub: Hub,
    *,
    running: RunningConfig,
    store_ports: dict[str, int],
    stopping: asyncio.Event,
    began_mono_ms: int,
) -> None:
    """Start the engine, let people in until somebody says stop, and leave in order."""
    config = loaded.config
    options = replace(config.settings, node=replace(config.node, name=data_dir.node_name(config.node.name)))
    engine = Greenroom(world, options)
    hub.presence = engine.presence
    engine.metrics.sockets_open.read = lambda: hub.sockets_count
    # The folder's lock proves that no earlier life of this node runs any more.
    await _patiently(lambda: _begin(engine))
    people_door, admin_door = doors(
        config,
        engine,
        hub,
        admin_token=data_dir.admin_token(),
        version=VERSION,
        metrics=Exporter(engine.metrics).render,
        running=running,
    )

    def take(changed: Config) -> None:
        refit(people_door, changed, engine)
        engine.offer(changed.settings)

    running.on_change = take
    people = HTTPServer(people_door, **server_options(config.http))
    operators = HTTPServer(admin_door, **server_options(config.http))
    ports = {
        "http": _listen(people, config.http.host, config.http.port, "--port"),
        "admin": _listen(operators, config.admin.host, config.admin.port, "--admin-port"),
        **store_ports,
    }
    data_dir.write_ports(ports)
    _greet(loaded, ports, ready_ms=world.clock.mono_ms() - began_mono_ms)

    await stopping.wait()
    print("stopping: no new connections, sockets are told, calls stay as they are stored", flush=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_S_MAX):
            engine.is_draining = True
            people.stop()
            people_door.drain()
            hub.drain(retry_after_s=world.rng.below(RETRY_AFTER_S_MAX))
            await people_door.drained()
            await engine.drain()
    operators.stop()
    await people.close_all_connections()
    await operators.close_all_connections()


def _listen(server: HTTPServer, host: str, port: int, flag: str) -> int:
    try:
        sockets = bind_sockets(port, host, backlog=BACKLOG)
    except OSError as error:
        message = f"{host}:{port} is not to be had ({error.strerror}); try {flag} with another one, 0 takes any"
        raise PortTakenError(message) from error
    server.add_sockets(sockets)
    taken: int = sockets[0].getsockname()[1]
    return taken


def _on_signals(stopping: asyncio.Event, running: RunningConfig, spawn: Spawn) -> None:
    """The first signal stops in order, the second at once; SIGHUP has the configuration read again."""
    loop = asyncio.get_running_loop()

    def heard() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    async def reload() -> None:
        await running.reload()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard)
    # A terminal that is closed says the same word, and means that we should go.
    if not sys.stdin.isatty():
        loop.add_signal_handler(signal.SIGHUP, lambda: spawn(reload(), name="config-reload"))


def _greet(loaded: Loaded, ports: dict[str, int], *, ready_ms: int) -> None:
    config = loaded.config
    base = f"http://{config.http.host}:{ports['http']}"
    from_environment = sum(origin.startswith("GREENROOM_") for origin in loaded.origins.values())
    from_flags = sum(origin == "flag" for origin in loaded.origins.values())
    mongo = f"127.0.0.1:{ports['mongo']} (own process)" if "mongo" in ports else "given"
    redis = f"127.0.0.1:{ports['redis']} (own process)" if "redis" in ports else "given"
    lines = (
        f"Greenroom {VERSION}   python {platform.python_version()}  tornado {tornado.version}   pid {os.getpid()}",
        f"config    env {config.env}, {from_environment} from the environment, {from_flags} from flags",
        f"stores    mongo {mongo}   redis {redis}   data {config.data_dir}",
        f"http      {base}   /healthz /readyz /version /openapi.json /asyncapi.json",
        f"admin     http://{config.admin.host}:{ports['admin']}   try: greenroom status --data-dir {config.data_dir}",
        f"ready in {ready_ms / 1_000:.1f} s    Ctrl-C drains, twice stops now",
    )
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(run([word for word in sys.argv[1:] if word != "run"]))
