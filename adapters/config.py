"""The whole configuration: built-in defaults, then a file, then the environment, then flags.

Reads once, at the start, into frozen structs; afterwards nobody asks a file or the environment again. Every mistake is
found in one pass and told with its path, so that nobody repairs a file one error at a time. Secrets are known by their
type: they are masked wherever a configuration is shown, and ``env: production`` refuses those that anybody could
guess. Knows nothing of what the values are used for.
"""

import datetime as dt
import ipaddress
import re
import types
import zoneinfo
from collections.abc import Callable, Hashable, Iterator, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Final, Literal, TypeGuard, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
import yaml

from engine import settings as engine_settings
from engine.settings import Bytes, Count, Milliseconds, Section, Settings

__all__ = [
    "LIVE",
    "Admin",
    "App",
    "Config",
    "ConfigError",
    "Difference",
    "Google",
    "Http",
    "Im",
    "Limits",
    "Loaded",
    "Log",
    "Media",
    "MediaHooks",
    "Mongo",
    "NowPayments",
    "Passwords",
    "Pay",
    "QliveBackground",
    "QliveClient",
    "QliveShare",
    "Redis",
    "Share",
    "Shown",
    "Sockets",
    "WeChat",
    "WebTokens",
    "load",
    "overtake",
    "show",
]

PREFIX: Final = "GREENROOM_"
# Variables with our prefix that belong to the command line, which looks for a server and has no configuration.
COMMAND_LINE: Final = frozenset({"GREENROOM_ADMIN_TOKEN", "GREENROOM_TOKEN", "GREENROOM_URL"})
MASK: Final = "****"
SECRET_BYTES_MIN: Final = 32
# NOWPayments gives out keys of 31 characters, four groups of 7. Nobody can make theirs longer; and the passwords that
# mail servers give to programs have 16.
BYTES_MIN: Final = types.MappingProxyType({"issued": 28, "given": 12})
MINUTE_MS: Final = 60_000
COST_MIN: Final = 12
# Keys printed in public documentation as examples; somebody always copies them (IM signature, push address, payment).
PUBLISHED: Final = frozenset(
    {
        "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e",
        "e12c46f2612d5106e2034781ab261ca3",
        "192006250b4c09247ec02edce69f6a2d",
    }
)
EXAMPLE_WORDS: Final = ("greenroom-dev", "example", "changeme", "change-me", "placeholder", "your-", "your_")
# Fewer different characters than this is a key held down, not a key.
SECRET_CHARACTERS_MIN: Final = 8
# No spaces, no backslashes (which browsers take for slashes), nothing invisible.
MAILBOX: Final = re.compile(r"[!-;=?A-Z\[-~]+@[A-Za-z0-9.-]+")
HOME: Final = re.compile(r"[!-\[\]-~]+")
# One segment of a path.
CSS_PATH: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Address = Annotated[str, msgspec.Meta(max_length=2_000)]
HttpAddress = Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^https?://[^\s/]+")]
Secret = Annotated[str, msgspec.Meta(max_length=1_000, extra={"secret": True})]
# The secret of something that may be left out; empty, that is off, also in production.
OptionalSecret = Annotated[str, msgspec.Meta(max_length=1_000, extra={"secret": True, "optional": True})]
# The same, in a form that its issuer decides.
OptionalIssuedSecret = Annotated[
    str, msgspec.Meta(max_length=1_000, extra={"secret": True, "optional": True, "issued": True})
]
# The same, as somebody else's server wants it.
OptionalGivenSecret = Annotated[
    str, msgspec.Meta(max_length=1_000, extra={"secret": True, "optional": True, "given": True})
]
# A store's address may carry a password between its name and its host: only that part is secret.
StoreAddress = Annotated[str, msgspec.Meta(max_length=2_000, extra={"password": True})]


class ConfigError(Exception):
    """The configuration cannot be used. ``mistakes`` holds all of them, each beginning with a path or a file."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class _Shy(Section, frozen=True, kw_only=True):
    """A section that holds a secret and does not tell it to whoever prints it."""

    def __repr__(self) -> str:
        shown = (f"{path}={_masked(kind, value)!r}" for path, kind, value in _leaves(self))
        return f"{type(self).__name__}({', '.join(shown)})"


class Http(Section, frozen=True, kw_only=True):
    """The public listener and what it accepts (SEC-26)."""

    host: Host = "127.0.0.1"
    port: Port = 8_000
    body_bytes_max: Bytes = 1_048_576
    header_bytes_max: Bytes = 16_384
    body_timeout_ms: Milliseconds = 30_000
    idle_timeout_ms: Milliseconds = 75_000
    trusted_proxies: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    language: Literal["zh", "en"] = "zh"
    public_url: Annotated[str, msgspec.Meta(max_length=2_000, pattern=r"^(https?://[^\s/?#]+)?$")] = ""


class Admin(Section, frozen=True, kw_only=True):
    """The operators' listener (SEC-31)."""

    host: Host = "127.0.0.1"
    port: Port = 8_001


class Mongo(_Shy, frozen=True, kw_only=True):
    """The lasting store; an empty ``uri`` means the embedded one (DS-5, D-3)."""

    uri: StoreAddress = ""
    database: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,38}$")] = "greenroom"
    read_deadline_ms: Milliseconds = 2_000
    money_deadline_ms: Milliseconds = 5_000
    workers_count: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 64


class Redis(_Shy, frozen=True, kw_only=True):
    """The store that may vanish; an empty ``url`` means the embedded one (DS-5)."""

    url: StoreAddress = ""
    deadline_ms: Milliseconds = 500


class Log(Section, frozen=True, kw_only=True):
    """How much is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Share(Section, frozen=True, kw_only=True):
    """The card a guest passes on."""

    title: Annotated[str, msgspec.Meta(max_length=100)] = "和我视频聊天吧"
    image_url: Address = "https://img.example/share.png"


class QliveShare(Section, frozen=True, kw_only=True):
    """A card that people of the blind-date rooms pass on."""

    title: Annotated[str, msgspec.Meta(max_length=100)]
    image_url: Address


class QliveBackground(Section, frozen=True, kw_only=True):
    """What is behind every page of the blind-date mini-program."""

    color: Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-f]{6}$")] = "#f69c9a"
    height_px: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1_954
    image_url: Address = "https://img.example/bg.png"


class QliveClient(Section, frozen=True, kw_only=True):
    """What the blind-date mini-program is told to show (get_configs)."""

    program_shares: tuple[QliveShare, ...] = (
        QliveShare(title="优质好男人都在这里等你！", image_url="https://img.example/a.png"),
        QliveShare(title="单身相亲女士聚集地", image_url="https://img.example/b.png"),
        QliveShare(title="介绍对象也能赚钱？", image_url="https://img.example/c.png"),
        QliveShare(title="一大波优质相亲者在这里等你", image_url="https://img.example/d.png"),
    )
    room_shares: tuple[QliveShare, ...] = (
        QliveShare(title="又有一对情侣在一起了", image_url="https://img.example/e.png"),
        QliveShare(title="介绍对象成功了", image_url="https://img.example/f.png"),
        QliveShare(title="牵线又一次成功，你来吗？", image_url="https://img.example/g.png"),
    )
    banner_url: Address = "https://img.example/banner.png"
    background: QliveBackground = QliveBackground()


class App(Section, frozen=True, kw_only=True):
    """The mini-program itself: builds for which features are switched off during WeChat's review."""

    review_versions: tuple[int, ...] = ()


class Sockets(Section, frozen=True, kw_only=True):
    """Bounds of every WebSocket (SEC-26, INV-20, G-18)."""

    ping_ms: Milliseconds = 25_000
    dead_ms: Milliseconds = 60_000
    frame_bytes_max: Bytes = 65_536
    queue_bytes_max: Bytes = 262_144
    queue_messages_max: Count = 512
    per_person_max: Count = 10
    per_address_max: Count = 200
    bad_frames_max: Count = 10


class Limits(Section, frozen=True, kw_only=True):
    """The rate limit of paths that document none: ``default_rate`` per ``default_per_ms``, then a burst.

    Every limit, documented or not, is ``times`` as wide; for tests of what is behind them.
    """

    default_rate: Count = 20
    default_per_ms: Milliseconds = 1_000
    default_burst: Count = 40
    addresses_max: Count = 50_000
    times: Count = 1


class WeChat(_Shy, frozen=True, kw_only=True):
    """Sign-in with WeChat."""

    stand_in: bool = True
    app_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    app_secret: Secret = ""
    qlive_app_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    qlive_app_secret: OptionalSecret = ""
    base_url: HttpAddress = "https://api.weixin.qq.com"


class Im(_Shy, frozen=True, kw_only=True):
    """Signatures for the messaging service. ``sdk_app_id`` is digits, kept as text because the wire wants text."""

    sdk_app_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}$")] = "1400000000"
    secret_key: Secret = "greenroom-dev-signature-key"  # noqa: S105 - production refuses it
    callback_key: OptionalSecret = ""
    signature_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 7


class MediaHooks(_Shy, frozen=True, kw_only=True):
    """Media servers that ask and tell about streams, and how running ones are cut (protocols 1.2, 1.3, 7.1)."""

    nginx_peers: tuple[str, ...] = ("127.0.0.1", "::1")
    nginx_control: Address = ""
    css_path: OptionalSecret = ""
    css_key: OptionalSecret = ""
    css_api_id: Annotated[str, msgspec.Meta(max_length=128)] = ""
    css_api_key: OptionalSecret = ""


class Media(_Shy, frozen=True, kw_only=True):
    """Signed addresses of streams (LR-5, LR-6)."""

    stand_in: bool = True
    push_host: Host = "push.greenroom.example"
    play_host: Host = "play.greenroom.example"
    qlive_play_host: Annotated[str, msgspec.Meta(max_length=255)] = ""
    app: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "live"
    biz_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{1,32}$")] = "8888"
    push_key: Secret = "greenroom-dev-push-key"
    push_key_former: OptionalSecret = ""
    play_key: Secret = "greenroom-dev-play-key"
    push_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    hooks: MediaHooks = MediaHooks()


class Pay(_Shy, frozen=True, kw_only=True):
    """WeChat Pay (CA-29)."""

    stand_in: bool = True
    merchant_id: Annotated[str, msgspec.Meta(max_length=32)] = ""
    api_key: Secret = "greenroom-dev-pay-key"
    base_url: HttpAddress = "https://api.mch.weixin.qq.com"
    notify_url: Address = ""


class Google(_Shy, frozen=True, kw_only=True):
    """Sign-in with Google (protocols 6); without ``client_id`` there is none. ``home_url`` is where a browser ends."""

    stand_in: bool = True
    client_id: Annotated[str, msgspec.Meta(max_length=255)] = ""
    client_secret: OptionalSecret = ""
    callback_url: Address = ""
    home_url: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)] = "/"
    issuer: HttpAddress = "https://accounts.google.com"
    authorize_url: HttpAddress = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: HttpAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    keys_url: HttpAddress = "https://www.googleapis.com/oauth2/v3/certs"


Currency = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{2,20}$")]


class NowPayments(_Shy, frozen=True, kw_only=True):
    """Payment in a cryptocurrency (SITE 2.5, protocols 5); without ``api_key`` there is none."""

    stand_in: bool = True
    api_key: OptionalIssuedSecret = ""
    ipn_secret: OptionalSecret = "greenroom-dev-ipn-secret"  # noqa: S105 - production refuses it
    ipn_secret_former: OptionalSecret = ""
    base_url: HttpAddress = "https://api.nowpayments.io/v1"
    callback_url: Address = ""
    price_currency: Currency = "usd"
    pay_currency: Currency = "usdttrc20"


class Mail(_Shy, frozen=True, kw_only=True):
    """Mails to people of the social app (protocols 8); without ``host`` there are none, and nobody new registers.

    Without ``username`` nobody signs in to the server.
    """

    stand_in: bool = True
    host: Annotated[str, msgspec.Meta(max_length=255)] = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, msgspec.Meta(max_length=255)] = ""
    password: OptionalGivenSecret = ""
    sender: Annotated[str, msgspec.Meta(max_length=320)] = "Greenroom <no-reply@greenroom.example>"
    timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 10_000


class WebTokens(_Shy, frozen=True, kw_only=True):
    """Tokens of people who sign in by name or with Google (SITE-12). ``key_former`` is believed until its date."""

    key: Secret = "greenroom-dev-web-token-key-that-production-refuses"
    key_former: OptionalSecret = ""
    key_former_until: Annotated[str, msgspec.Meta(max_length=40)] = ""
    issuer: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "greenroom"
    access_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 6
    refresh_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7

    @property
    def key_former_until_s(self) -> int:
        """UNIX seconds; 0 is without a former key."""
        return int(_moment(self.key_former_until).timestamp()) if self.key_former_until else 0


class Passwords(Section, frozen=True, kw_only=True):
    """How slowly passwords are hashed (SEC-17, SO-12)."""

    cost: Annotated[int, msgspec.Meta(ge=10, le=16)] = 12


class Config(Section, frozen=True, kw_only=True):
    """Everything that can be set, section by section as ``config.yaml`` shows it."""

    env: Literal["dev", "production"] = "dev"
    data_dir: Annotated[str, msgspec.Meta(min_length=1)] = "./var"
    time_zone: str = "Asia/Shanghai"
    failpoints: tuple[str, ...] = ()
    http: Http = Http()
    admin: Admin = Admin()
    mongo: Mongo = Mongo()
    redis: Redis = Redis()
    log: Log = Log()
    node: engine_settings.Node = engine_settings.Node()
    billing: engine_settings.Billing = engine_settings.Billing()
    ledger: engine_settings.Ledger = engine_settings.Ledger()
    calls: engine_settings.Calls = engine_settings.Calls()
    presence: engine_settings.Presence = engine_settings.Presence()
    rooms: engine_settings.Rooms = engine_settings.Rooms()
    streams: engine_settings.Streams = engine_settings.Streams()
    people: engine_settings.People = engine_settings.People()
    orders: engine_settings.Orders = engine_settings.Orders()
    gifts: tuple[engine_settings.Gift, ...] = engine_settings.GIFTS
    products: tuple[engine_settings.Product, ...] = engine_settings.PRODUCTS
    qlive: engine_settings.Qlive = engine_settings.Qlive()
    site: engine_settings.Site = engine_settings.Site()
    files: engine_settings.Files = engine_settings.Files()
    social: engine_settings.Social = engine_settings.Social()
    qlive_client: QliveClient = QliveClient()
    share: Share = Share()
    app: App = App()
    sockets: Sockets = Sockets()
    limits: Limits = Limits()
    wechat: WeChat = WeChat()
    im: Im = Im()
    media: Media = Media()
    pay: Pay = Pay()
    google: Google = Google()
    nowpayments: NowPayments = NowPayments()
    mail: Mail = Mail()
    web_tokens: WebTokens = WebTokens()
    passwords: Passwords = Passwords()

    @property
    def settings(self) -> Settings:
        """The engine's share."""
        return Settings(
            node=self.node,
            billing=self.billing,
            ledger=self.ledger,
            calls=self.calls,
            presence=self.presence,
            rooms=self.rooms,
            streams=self.streams,
            people=self.people,
            orders=self.orders,
            gifts=self.gifts,
            products=self.products,
            qlive=self.qlive,
            site=self.site,
            files=self.files,
            social=self.social,
        )


LIVE: Final = (
    "gifts",
    "products",
    "qlive.gifts",
    "qlive.packages",
    "qlive.withdraw_rate",
    "site.packages",
    "social.minimum_levels",
    "qlive_client",
    "share",
    "app",
    "limits.default_rate",
    "limits.default_per_ms",
    "limits.default_burst",
)
"""Settings, and sections of them, that may change while the server runs; ``config.yaml`` lists them too."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, and for each path that somebody set who it was: a file, a variable, or ``flag``."""

    config: Config
    origins: Mapping[str, str]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as it may be shown, and who set it: a file, a variable, ``flag``, or nobody (``built-in``)."""

    value: object
    origin: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How two configurations differ: paths of what may change while a server runs, and of the rest."""

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


def load(
    *, file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object] = types.MappingProxyType({})
) -> Loaded:
    """Read the configuration in the order of voices: built-in, ``file``, ``environment``, ``flags``.

    ``flags`` maps paths (``http.port``) to values; text is read the way a variable is.

    Raises: ConfigError: with every mistake there is: unknown keys, wrong kinds and units, settings that contradict each
        other, and in production everything that only development may have.
    """
    mistakes: list[str] = []
    chosen: dict[str, object] = {}
    origins: dict[str, str] = {}
    voices = (
        (_from_file(file, mistakes), lambda _path: file.name if file else ""),
        (_from_environment(environment, mistakes), _variable),
        (_from_flags(flags, mistakes), lambda _path: "flag"),
    )
    for values, origin in voices:
        for path, value in values.items():
            chosen[path] = value
            origins[path] = origin(path)
    if mistakes:
        raise ConfigError(tuple(mistakes))

    config = msgspec.convert(_nested(chosen), Config)
    mistakes.extend(_contradictions(config))
    if config.env == "production":
        mistakes.extend(f"production: {reason}" for reason in _unfit_for_production(config))
    if mistakes:
        raise ConfigError(tuple(mistakes))
    return Loaded(config=config, origins=types.MappingProxyType(origins))


def show(loaded: Loaded) -> dict[str, Shown]:
    """Every setting by path, secrets as ``****``; safe to print."""
    return {
        path: Shown(value=_masked(kind, value), origin=loaded.origins.get(path, "built-in"))
        for path, kind, value in _leaves(loaded.config)
    }


def overtake(running: Loaded, fresh: Loaded) -> tuple[Loaded, Difference]:
    """``running`` with those of the settings of ``fresh`` that may change while a server runs; and what differs."""
    before = {path: value for path, _, value in _leaves(running.config)}
    differing = [path for path, _, value in _leaves(fresh.config) if value != before[path]]
    changed = tuple(path for path in differing if _is_live(path))
    after = before | {path: value for path, _, value in _leaves(fresh.config) if path in changed}
    origins = {path: who for path, who in running.origins.items() if not _is_live(path)}
    origins |= {path: who for path, who in fresh.origins.items() if _is_live(path)}
    overtaken = Loaded(
        config=msgspec.convert(_nested(msgspec.to_builtins(after)), Config), origins=types.MappingProxyType(origins)
    )
    return overtaken, Difference(changed=changed, needs_restart=tuple(one for one in differing if one not in changed))


def _is_live(path: str) -> bool:
    return path in LIVE or path.startswith(tuple(f"{section}." for section in LIVE))


# Reading


def _from_file(file: Path | None, mistakes: list[str]) -> dict[str, object]:
    if file is None:
        return {}
    try:
        content = yaml.load(file.read_text("utf-8"), _StrictLoader)  # noqa: S506 - a SafeLoader, with one check more
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(f"{file}: cannot be read: {error}")
        return {}
    except yaml.YAMLError as error:
        mistakes.append(f"{file}: {' '.join(str(error).split())}")
        return {}
    return _flattened({} if content is None else content, Config, "", mistakes)


def _from_environment(environment: Mapping[str, str], mistakes: list[str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in COMMAND_LINE:
            path = variable.removeprefix(PREFIX).lower().replace("__", ".")
            _read_text(path, environment[variable], variable, values, mistakes)
    return values


def _from_flags(flags: Mapping[str, object], mistakes: list[str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for path, value in flags.items():
        kind = _kind_of(path)
        if kind is None or isinstance(value, str):
            _read_text(path, str(value), path, values, mistakes)
        else:
            _check(path, value, kind, mistakes)
            values[path] = value
    return values


def _variable(path: str) -> str:
    return PREFIX + path.upper().replace(".", "__")


def _read_text(path: str, text: str, name: str, values: dict[str, object], mistakes: list[str]) -> None:
    """Take ``text`` as it stands where text is wanted, so that a secret made of digits stays one; else as YAML."""
    kind = _kind_of(path)
    if kind is None:
        mistakes.append(f"{name}: no such setting")
        return
    value: object = text
    if not _wants_text(kind):
        try:
            value = yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader, with one check more
        except yaml.YAMLError:
            mistakes.append(f"{path}: not readable as YAML (from {name})")
            return
    _check(path, value, kind, mistakes)
    values[path] = value


def _flattened(content: object, section: type[Section], path: str, mistakes: list[str]) -> dict[str, object]:
    """The leaves of a nested mapping by path; complains of all that does not fit ``section``."""
    if not isinstance(content, dict):
        mistakes.append(f"{path or 'the file'}: Expected a section, got {_kind_name(content)}")
        return {}
    values: dict[str, object] = {}
    kinds = _kinds(section)
    for key, value in content.items():
        key_path = f"{path}.{key}" if path else str(key)
        kind = kinds.get(key)
        if kind is None:
            mistakes.append(f"{key_path}: no such setting")
        elif _is_section(kind):
            values |= _flattened(value, kind, key_path, mistakes)
        else:
            _check(key_path, value, kind, mistakes)
            values[key_path] = value
    return values


def _nested(values: Mapping[str, object]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for path, value in values.items():
        *sections, key = path.split(".")
        place = tree
        for section in sections:
            deeper = place.setdefault(section, {})
            assert isinstance(deeper, dict)
            place = deeper
        place[key] = value
    return tree


def _check(path: str, value: object, kind: object, mistakes: list[str]) -> None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).replace("`", "").partition(" - at ")
        mistakes.append(f"{path}{inner.removeprefix('$')}: {message}")


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key written twice is a mistake; plain YAML takes the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[object] = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                message = f"{key_node.value} is set twice"
                raise yaml.constructor.ConstructorError(None, None, message, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


# Kinds of settings


def _kinds(section: type[Section]) -> dict[str, object]:
    return {field.name: field.type for field in msgspec.structs.fields(section)}


def _is_section(kind: object) -> TypeGuard[type[Section]]:
    return isinstance(kind, type) and issubclass(kind, Section)


def _kind_of(path: str) -> object | None:
    """The type of the setting at ``path``; None when there is none, or a whole section."""
    kind: object = Config
    for key in path.split("."):
        if not _is_section(kind):
            return None
        kind = _kinds(kind).get(key)
    return None if _is_section(kind) else kind


def _wants_text(kind: object) -> bool:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind is str or get_origin(kind) is Literal


def _kind_name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _leaves(section: Section, prefix: str = "") -> Iterator[tuple[str, object, object]]:
    """Path, type and value of every setting."""
    for name, kind in _kinds(type(section)).items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, kind, value


def _marked(kind: object, mark: str) -> bool:
    return get_origin(kind) is Annotated and any(
        isinstance(note, msgspec.Meta) and bool(note.extra and note.extra.get(mark)) for note in get_args(kind)[1:]
    )


def _masked(kind: object, value: object) -> object:
    if _marked(kind, "secret"):
        return MASK if value else ""
    if _marked(kind, "password"):
        return _without_password(str(value))
    plain = msgspec.to_builtins(value)
    return list(plain) if isinstance(plain, tuple) else plain


def _without_password(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    # The last @ before the path: a password written without its percent signs may hold one itself.
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{credentials.partition(':')[0]}:{MASK}@{host}" if at else address


# What contradicts itself


def _contradictions(config: Config) -> Iterator[str]:
    """Settings that are fine alone and wrong together, or not of the form that their use needs."""
    if config.node.renew_ms * 3 > config.node.lease_ms:
        yield "node.renew_ms: a lease must outlast three renewals, so at most a third of node.lease_ms"
    if config.sockets.ping_ms >= config.sockets.dead_ms:
        yield "sockets.ping_ms: must be below sockets.dead_ms, or every quiet socket is cut"
    if config.calls.points_per_minute_default > config.calls.points_per_minute_max:
        yield "calls.points_per_minute_default: over calls.points_per_minute_max"
    catalogues: Mapping[str, list[int]] = {
        "gifts: id": [gift.id for gift in config.gifts],
        "products: id": [product.id for product in config.products],
        "qlive.gifts: id": [gift.id for gift in config.qlive.gifts],
        "qlive.packages: id": [package.id for package in config.qlive.packages],
        "site.packages: usdt": [package.usdt for package in config.site.packages],
    }
    for name, numbers in catalogues.items():
        for twice in sorted({number for number in numbers if numbers.count(number) > 1}):
            yield f"{name} {twice} is used twice"
    try:
        zoneinfo.ZoneInfo(config.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield f"time_zone: no such time zone: {config.time_zone}"
    for proxy in config.http.trusted_proxies:
        if not _is_address(proxy):
            yield f"http.trusted_proxies: not an IP address: {proxy}"
    for origin in config.http.origins:
        if origin != "*" and not _is_origin(origin):
            yield f"http.origins: not of the form https://name[:port]: {origin}"
    yield from _wrong_scheme("mongo.uri", config.mongo.uri, ("mongodb://", "mongodb+srv://"))
    yield from _wrong_scheme("redis.url", config.redis.url, ("redis://", "rediss://", "unix://"))
    yield from _wrong_scheme("pay.notify_url", config.pay.notify_url, ("http://", "https://"))
    yield from _wrong_hooks(config.media.hooks)
    yield from _wrong_google(config.google)
    yield from _wrong_nowpayments(config.nowpayments)
    yield from _wrong_mail(config.mail)
    yield from _wrong_web_tokens(config.web_tokens)
    if bool(config.wechat.qlive_app_id) != bool(config.wechat.qlive_app_secret) and not config.wechat.stand_in:
        yield "wechat.qlive_app_id: goes with wechat.qlive_app_secret, or neither"


def _wrong_hooks(hooks: MediaHooks) -> Iterator[str]:
    for peer in hooks.nginx_peers:
        if not _is_address(peer):
            yield f"media.hooks.nginx_peers: not an IP address: {peer}"
    yield from _wrong_scheme("media.hooks.nginx_control", hooks.nginx_control, ("http://", "https://"))
    if hooks.css_path and not CSS_PATH.fullmatch(hooks.css_path):
        yield "media.hooks.css_path: letters, digits, - and _ only, 16 to 64 of them"
    for one, other in (("css_path", "css_key"), ("css_api_id", "css_api_key")):
        if bool(getattr(hooks, one)) != bool(getattr(hooks, other)):
            yield f"media.hooks.{one}: goes with media.hooks.{other}, or neither"


def _wrong_google(google: Google) -> Iterator[str]:
    yield from _wrong_scheme("google.callback_url", google.callback_url, ("http://", "https://"))
    given = {bool(google.client_id), bool(google.client_secret), bool(google.callback_url)}
    if len(given) > 1 and not google.stand_in:
        yield "google.client_id: goes with google.client_secret and google.callback_url, or none of them"
    if not _is_home(google.home_url):
        yield f"google.home_url: neither a path of ours nor a plain address: {google.home_url}"


def _wrong_nowpayments(nowpayments: NowPayments) -> Iterator[str]:
    yield from _wrong_scheme("nowpayments.callback_url", nowpayments.callback_url, ("http://", "https://"))
    given = {bool(nowpayments.api_key), bool(nowpayments.ipn_secret), bool(nowpayments.callback_url)}
    if len(given) > 1 and not nowpayments.stand_in:
        yield "nowpayments.api_key: goes with nowpayments.ipn_secret and nowpayments.callback_url, or none of them"


def _wrong_mail(mail: Mail) -> Iterator[str]:
    if not _is_mailbox(mail.sender):
        yield f"mail.sender: not of the form Name <name@host>: {mail.sender}"
    if bool(mail.username) != bool(mail.password):
        yield "mail.username: goes with mail.password, or neither"
    if mail.security == "none" and mail.username:
        yield "mail.security: a password goes over no open line"


def _is_mailbox(text: str) -> bool:
    address = parseaddr(text)[1]
    return text.isprintable() and bool(MAILBOX.fullmatch(address)) and text.endswith((address, f"<{address}>"))


def _wrong_web_tokens(web_tokens: WebTokens) -> Iterator[str]:
    for path, key in (("key", web_tokens.key), ("key_former", web_tokens.key_former)):
        if 0 < len(key.encode()) < SECRET_BYTES_MIN:
            yield f"web_tokens.{path}: is shorter than {SECRET_BYTES_MIN} bytes"
    if not web_tokens.key:
        yield "web_tokens.key: is empty"
    if bool(web_tokens.key_former) != bool(web_tokens.key_former_until):
        yield "web_tokens.key_former: goes with web_tokens.key_former_until, or neither"
    try:
        moment = _moment(web_tokens.key_former_until) if web_tokens.key_former_until else None
    except ValueError:
        moment = None
    if web_tokens.key_former_until and (moment is None or moment.tzinfo is None):
        yield "web_tokens.key_former_until: not of the form 2026-12-31T00:00:00Z"


def _moment(text: str) -> dt.datetime:
    """Raises: ValueError: not a date and a time."""
    return dt.datetime.fromisoformat(text)


def _is_home(address: str) -> bool:
    """Whether a browser that is sent there ends where it seems to (SEC-12). Two slashes begin another host."""
    if not HOME.fullmatch(address):
        return False
    if address.startswith("/"):
        return not address.startswith("//")
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _wrong_scheme(path: str, address: str, schemes: tuple[str, ...]) -> Iterator[str]:
    if address and not address.startswith(schemes):
        yield f"{path}: must begin with {' or '.join(schemes)}"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and text == f"{parts.scheme}://{parts.netloc}" and "@" not in text


# What production refuses (SEC-27, SEC-36)


def _unfit_for_production(config: Config) -> Iterator[str]:
    """Everything that only development may have."""
    yield from _unfit_stores(config)
    for name in ("wechat", "media", "pay", "google", "nowpayments", "mail"):
        if getattr(config, name).stand_in:
            yield f"{name}.stand_in: a stand-in serves nobody; set it to false and give the real service"
    for path, kind, value in _leaves(config):
        if _marked(kind, "secret") and (value or not _marked(kind, "optional")):
            bytes_min = next((least for mark, least in BYTES_MIN.items() if _marked(kind, mark)), SECRET_BYTES_MIN)
            reasons = _weaknesses(str(value), bytes_min=bytes_min)
            yield from (f"{path}: {reason}; set {_variable(path)}" for reason in reasons)
    yield from _unfit_services(config)
    if config.failpoints:
        yield "failpoints: faults are planted"
    if config.limits.times != 1:
        yield "limits.times: limits that are wider than documented are for tests"
    if config.passwords.cost < COST_MIN:
        yield f"passwords.cost: less than {COST_MIN}, which the social app demands (SO-12)"
    if config.billing.minute_ms != MINUTE_MS:
        yield f"billing.minute_ms: a minute has {MINUTE_MS} ms"
    if "*" in config.http.origins:
        yield "http.origins: * lets every web page act for its visitors"


def _unfit_stores(config: Config) -> Iterator[str]:
    for path, address in (("mongo.uri", config.mongo.uri), ("redis.url", config.redis.url)):
        if not address:
            yield f"{path}: the embedded store is for development; name a real one"
        elif "@" not in address and "authMechanism=" not in address:
            yield f"{path}: carries no credentials; a store open to its network is open to everybody on it"


def _unfit_services(config: Config) -> Iterator[str]:
    defaults = Config()
    for path, value, default in (
        ("wechat.app_id", config.wechat.app_id, ""),
        ("im.sdk_app_id", config.im.sdk_app_id, defaults.im.sdk_app_id),
        ("media.push_host", config.media.push_host, defaults.media.push_host),
        ("media.play_host", config.media.play_host, defaults.media.play_host),
        ("pay.merchant_id", config.pay.merchant_id, ""),
    ):
        if value == default:
            yield f"{path}: still the default"
    for path, address in (
        ("http.public_url", config.http.public_url),
        ("wechat.base_url", config.wechat.base_url),
        ("pay.base_url", config.pay.base_url),
        ("pay.notify_url", config.pay.notify_url),
        *_addresses_of_what_is_on(config),
    ):
        if not address.startswith("https://"):
            yield f"{path}: must be an https address"


def _addresses_of_what_is_on(config: Config) -> Iterator[tuple[str, str]]:
    google, nowpayments = config.google, config.nowpayments
    if google.client_id:
        for name in ("callback_url", "issuer", "authorize_url", "token_url", "keys_url"):
            yield f"google.{name}", getattr(google, name)
    if not google.home_url.startswith("/"):
        yield "google.home_url", google.home_url
    if nowpayments.api_key:
        yield "nowpayments.base_url", nowpayments.base_url
        yield "nowpayments.callback_url", nowpayments.callback_url


def _weaknesses(secret: str, *, bytes_min: int) -> Iterator[str]:
    reasons: tuple[tuple[Callable[[str], bool], str], ...] = (
        (lambda text: not text, "is empty"),
        (lambda text: text in PUBLISHED, "is printed in public documentation"),
        (lambda text: any(word in text.lower() for word in EXAMPLE_WORDS), "is a default or an example"),
        (lambda text: len(text.encode()) < bytes_min, f"is shorter than {bytes_min} bytes"),
        (lambda text: len(set(text)) < SECRET_CHARACTERS_MIN, "repeats itself"),
    )
    # The first reason is enough: an empty secret is also short.
    for applies, reason in reasons:
        if applies(secret):
            yield reason
            return
