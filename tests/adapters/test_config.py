"""The configuration: its voices, its mistakes, what production refuses, and what is never shown."""

from pathlib import Path

import msgspec
import pytest
import yaml

from adapters.config import LIVE, PREFIX, Config, ConfigError, Loaded, Shown, load, overtake, show
from engine.settings import Settings

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config.yaml"
STRONG = "0f3b9c5e7a2d4861f0e9d8c7b6a59483"

PRODUCTION = {
    "GREENROOM_ENV": "production",
    "GREENROOM_HTTP__PUBLIC_URL": "https://live.cn",
    "GREENROOM_MONGO__URI": "mongodb://greenroom:s3cret@db-1,db-2,db-3/?replicaSet=rs0",
    "GREENROOM_REDIS__URL": "rediss://:s3cret@cache:6379/0",
    "GREENROOM_WECHAT__STAND_IN": "false",
    "GREENROOM_WECHAT__APP_ID": "wx0123456789abcdef",
    "GREENROOM_WECHAT__APP_SECRET": "1" + STRONG,
    "GREENROOM_IM__SDK_APP_ID": "1400012345",
    "GREENROOM_IM__SECRET_KEY": "2" + STRONG,
    "GREENROOM_MEDIA__STAND_IN": "false",
    "GREENROOM_MEDIA__PUSH_HOST": "push.live.cn",
    "GREENROOM_MEDIA__PLAY_HOST": "play.live.cn",
    "GREENROOM_MEDIA__PUSH_KEY": "3" + STRONG,
    "GREENROOM_MEDIA__PLAY_KEY": "4" + STRONG,
    "GREENROOM_PAY__STAND_IN": "false",
    "GREENROOM_PAY__MERCHANT_ID": "1230000109",
    "GREENROOM_PAY__API_KEY": "5" + STRONG,
    "GREENROOM_PAY__NOTIFY_URL": "https://live.cn/app/pay/notify",
    "GREENROOM_GOOGLE__STAND_IN": "false",
    "GREENROOM_NOWPAYMENTS__STAND_IN": "false",
    "GREENROOM_NOWPAYMENTS__IPN_SECRET": "",
    "GREENROOM_MAIL__STAND_IN": "false",
    "GREENROOM_WEB_TOKENS__KEY": "6" + STRONG,
}
GOOGLE = {
    "GREENROOM_GOOGLE__CLIENT_ID": "1090-x.apps.googleusercontent.com",
    "GREENROOM_GOOGLE__CLIENT_SECRET": "GOCSPX-" + STRONG,
    "GREENROOM_GOOGLE__CALLBACK_URL": "https://live.cn/api/users/google_oauth2_callback/",
}
MAIL = {
    "GREENROOM_MAIL__HOST": "smtp.live.cn",
    "GREENROOM_MAIL__USERNAME": "no-reply@live.cn",
    "GREENROOM_MAIL__PASSWORD": "q7RkD2vXc9Lm4Tzp",
    "GREENROOM_MAIL__SENDER": "来聊 <no-reply@live.cn>",
}
NOWPAYMENTS = {
    "GREENROOM_NOWPAYMENTS__API_KEY": "V5Q4A6R-KZ6M2R5-PP6NAPY-HNKPXCE",
    "GREENROOM_NOWPAYMENTS__IPN_SECRET": "7" + STRONG,
    "GREENROOM_NOWPAYMENTS__CALLBACK_URL": "https://live.cn/api/payment/payment_callback/",
}


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        file = tmp_path / "config.yaml"
        file.write_text(text, "utf-8")
        return file

    return write


def from_environment(**variables: str) -> Config:
    return load(file=None, environment={PREFIX + name: value for name, value in variables.items()}).config


def mistakes_of(**voices) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refusal:
        load(**{"file": None, "environment": {}} | voices)
    return refusal.value.mistakes


# The file that is shipped


def test_the_shipped_file_says_exactly_the_built_in_defaults_in_the_same_order():
    shipped = yaml.safe_load(SHIPPED.read_text("utf-8"))
    built_in = msgspec.json.decode(msgspec.json.encode(Config()))

    assert shipped == built_in
    assert list(shipped) == list(built_in)
    for section in shipped:
        if isinstance(shipped[section], dict):
            assert list(shipped[section]) == list(built_in[section])


def test_the_shipped_file_gives_a_reason_for_every_setting():
    for line in SHIPPED.read_text("utf-8").splitlines():
        is_section_or_entry = line.endswith(":") or line.lstrip().startswith("- {")
        assert not line or is_section_or_entry or "  # " in line or line.startswith("#"), line


def test_the_shipped_file_holds_no_real_secret():
    shown = show(load(file=SHIPPED, environment={}))
    secrets = [path for path, setting in shown.items() if setting.value == "****"]

    text = SHIPPED.read_text("utf-8")
    assert secrets
    for path in secrets:
        key = path.rpartition(".")[2]
        assert f"{key}: greenroom-dev-" in text


def test_the_engine_gets_its_share_and_nothing_else():
    assert Config().settings == Settings()
    assert set(Settings.__struct_fields__) < set(Config.__struct_fields__)


def test_nothing_at_all_is_a_complete_configuration(written):
    assert load(file=None, environment={}).config == Config()
    assert load(file=written(""), environment={}).config == Config()
    assert load(file=written("# nothing\n"), environment={"PATH": "/bin"}).config == Config()


# The order of voices


def test_later_voices_win_and_are_remembered(written):
    loaded = load(
        file=written("http: {port: 1, host: 0.0.0.0, language: en}\nenv: dev\n"),
        environment={"GREENROOM_HTTP__PORT": "2", "GREENROOM_HTTP__HOST": "::1"},
        flags={"http.port": 3},
    )

    http = loaded.config.http
    assert (http.port, http.host, http.language) == (3, "::1", "en")
    assert {path: setting.origin for path, setting in show(loaded).items() if path.startswith(("http", "env"))} == {
        "env": "config.yaml",
        "http.host": "GREENROOM_HTTP__HOST",
        "http.port": "flag",
        "http.body_bytes_max": "built-in",
        "http.header_bytes_max": "built-in",
        "http.body_timeout_ms": "built-in",
        "http.idle_timeout_ms": "built-in",
        "http.trusted_proxies": "built-in",
        "http.origins": "built-in",
        "http.language": "config.yaml",
        "http.public_url": "built-in",
    }


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("HTTP__PORT", "0", "http.port", 0),
        ("PAY__STAND_IN", "false", "pay.stand_in", False),
        ("HTTP__ORIGINS", "[https://a, 'http://b:3000']", "http.origins", ["https://a", "http://b:3000"]),
        ("APP__REVIEW_VERSIONS", "[12, 13]", "app.review_versions", [12, 13]),
        ("PRODUCTS", "[{id: 9, diamonds: 1, price_fen: 10}]", "products", [{"id": 9, "diamonds": 1, "price_fen": 10}]),
        # Text is taken as it stands: a secret made of digits is no number, and no is no boolean.
        ("WECHAT__APP_ID", "0123", "wechat.app_id", "0123"),
        ("NODE__NAME", "no", "node.name", "no"),
        ("MONGO__URI", "mongodb://a/?b=c", "mongo.uri", "mongodb://a/?b=c"),
        ("LOG__LEVEL", "debug", "log.level", "debug"),
        ("DATA_DIR", "/srv/greenroom", "data_dir", "/srv/greenroom"),
        ("FAILPOINTS", "[ledger.after_commit=kill]", "failpoints", ["ledger.after_commit=kill"]),
    ],
)  # fmt: skip
def test_a_variable_sets_any_key(variable, text, path, value):
    loaded = load(file=None, environment={PREFIX + variable: text})

    assert show(loaded)[path] == Shown(value=value, origin=PREFIX + variable)


def test_the_command_lines_own_variables_are_no_settings():
    variables = {"GREENROOM_ADMIN_TOKEN": "t", "GREENROOM_TOKEN": "t", "GREENROOM_URL": "http://127.0.0.1:8001"}

    assert load(file=None, environment=variables).config == Config()


def test_a_flag_may_be_text_or_a_value():
    config = load(file=None, environment={}, flags={"http.port": "0", "admin.port": 9, "env": "dev"}).config

    assert (config.http.port, config.admin.port) == (0, 9)


# Mistakes


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("calls: {ring_ms: 30s}", "calls.ring_ms: Expected int, got str"),
        ("calls: {ring_ms: 30.0}", "calls.ring_ms: Expected int, got float"),
        ("calls: {ring_ms: true}", "calls.ring_ms: Expected int, got bool"),
        ("calls: {ring_ms: }", "calls.ring_ms: Expected int, got null"),
        ("calls: {ring_ms: 0}", "calls.ring_ms: Expected int >= 1"),
        ("calls: {ring_ms: 86400001}", "calls.ring_ms: Expected int <= 86400000"),
        ("calls: {ring_seconds: 30}", "calls.ring_seconds: no such setting"),
        ("calls: {on_store_down: wait}", "calls.on_store_down: Invalid enum value 'wait'"),
        ("calls: 30", "calls: Expected a section, got int"),
        ("call: {}", "call: no such setting"),
        ("[1]", "the file: Expected a section, got list"),
        ("pay: {stand_in: 1}", "pay.stand_in: Expected bool, got int"),
        ("http: {trusted_proxies: 127.0.0.1}", "http.trusted_proxies: Expected array, got str"),
        ("http: {trusted_proxies: [proxy]}", "http.trusted_proxies: not an IP address: proxy"),
        ("http: {origins: [live.cn]}", "http.origins: not of the form https://name[:port]: live.cn"),
        ("http: {origins: ['http://a/']}", "http.origins: not of the form https://name[:port]: http://a/"),
        ("http: {port: 65536}", "http.port: Expected int <= 65535"),
        ("gifts: [{id: 1, name: A, image_url: '', cost_diamonds: x}]", "gifts[0].cost_diamonds: Expected int, got str"),
        ("gifts: [{id: 1, name: 玫瑰, image_url: ''}]", "gifts[0]: Object missing required field cost_diamonds"),
        ("products: [{id: 1, diamonds: 6, price_fen: 6, yuan: 6}]", "products[0]: Object contains unknown field yuan"),
        (
            "products: [{id: 1, diamonds: 6, price_fen: 60}, {id: 1, diamonds: 7, price_fen: 70}]",
            "products: id 1 is used twice",
        ),
        ("billing: {anchor_share_percent: 101}", "billing.anchor_share_percent: Expected int <= 100"),
        ("calls: {resume_window_ms: 20001}", "calls.resume_window_ms: Expected int <= 20000"),
        ("time_zone: Mars/Olympus", "time_zone: no such time zone: Mars/Olympus"),
        ("time_zone: ../etc/passwd", "time_zone: no such time zone: ../etc/passwd"),
        ("mongo: {uri: localhost}", "mongo.uri: must begin with mongodb:// or mongodb+srv://"),
        ("redis: {url: localhost}", "redis.url: must begin with redis:// or rediss:// or unix://"),
        (
            "node: {renew_ms: 4000}",
            "node.renew_ms: a lease must outlast three renewals, so at most a third of node.lease_ms",
        ),
        ("sockets: {ping_ms: 60000}", "sockets.ping_ms: must be below sockets.dead_ms, or every quiet socket is cut"),
        ("calls: {points_per_minute_max: 5}", "calls.points_per_minute_default: over calls.points_per_minute_max"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_path(written, text, mistake):
    assert mistakes_of(file=written(text)) == (mistake,)


def test_all_mistakes_of_all_voices_are_told_at_once(written):
    file = written("calls: {ring_ms: soon, rings: 3}\nhttp: {port: -1}\n")
    environment = {"GREENROOM_ADMIN__PROT": "8001", "GREENROOM_HTTP": "{}", "GREENROOM_REDIS__DEADLINE_MS": "[1"}

    assert mistakes_of(file=file, environment=environment, flags={"admin.port": "any"}) == (
        "calls.ring_ms: Expected int, got str",
        "calls.rings: no such setting",
        "http.port: Expected int >= 0",
        "GREENROOM_ADMIN__PROT: no such setting",
        "GREENROOM_HTTP: no such setting",
        "redis.deadline_ms: not readable as YAML (from GREENROOM_REDIS__DEADLINE_MS)",
        "admin.port: Expected int, got str",
    )


def test_a_key_written_twice_is_a_mistake(written):
    (mistake,) = mistakes_of(file=written("http:\n  port: 1\n  host: a\n  port: 2\n"))

    assert "port is set twice" in mistake
    assert "line 4" in mistake


@pytest.mark.parametrize("text", ["http: [", "a: b: c", "!!python/object/apply:os.getcwd []"])
def test_what_is_no_yaml_names_the_file(written, text):
    file = written(text)

    (mistake,) = mistakes_of(file=file)

    assert mistake.startswith(f"{file}: ")
    assert "\n" not in mistake


def test_a_file_that_was_asked_for_must_be_there(tmp_path):
    (mistake,) = mistakes_of(file=tmp_path / "none.yaml")

    assert "cannot be read" in mistake


def test_a_refused_secret_is_not_repeated_in_the_message():
    told = mistakes_of(environment=PRODUCTION | {"GREENROOM_PAY__API_KEY": "hunter2"})

    assert told == ("production: pay.api_key: is shorter than 32 bytes; set GREENROOM_PAY__API_KEY",)


# Production


def test_production_starts_when_everything_is_real():
    assert load(file=SHIPPED, environment=PRODUCTION).config.env == "production"


def test_production_lists_everything_that_only_development_may_have():
    told = mistakes_of(
        file=SHIPPED,
        environment={
            "GREENROOM_ENV": "production",
            "GREENROOM_BILLING__MINUTE_MS": "1000",
            "GREENROOM_FAILPOINTS": "[ledger.after_commit=kill]",
            "GREENROOM_HTTP__ORIGINS": "['*']",
        },
    )

    assert [line.removeprefix("production: ").partition(":")[0] for line in told] == [
        "mongo.uri",
        "redis.url",
        "wechat.stand_in",
        "media.stand_in",
        "pay.stand_in",
        "google.stand_in",
        "nowpayments.stand_in",
        "mail.stand_in",
        "wechat.app_secret",
        "im.secret_key",
        "media.push_key",
        "media.play_key",
        "pay.api_key",
        "nowpayments.ipn_secret",
        "web_tokens.key",
        "wechat.app_id",
        "im.sdk_app_id",
        "media.push_host",
        "media.play_host",
        "pay.merchant_id",
        "http.public_url",
        "pay.notify_url",
        "failpoints",
        "billing.minute_ms",
        "http.origins",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("MONGO__URI", "", "the embedded store is for development"),
        ("MONGO__URI", "mongodb://db/?replicaSet=rs0", "carries no credentials"),
        ("REDIS__URL", "", "the embedded store is for development"),
        ("REDIS__URL", "redis://cache", "carries no credentials"),
        ("WECHAT__STAND_IN", "true", "a stand-in serves nobody"),
        ("WECHAT__APP_SECRET", "", "is empty"),
        ("WECHAT__APP_SECRET", "x" * 31, "is shorter than 32 bytes"),
        ("WECHAT__APP_SECRET", "x" * 64, "repeats itself"),
        ("IM__SECRET_KEY", "greenroom-dev-signature-key-made-longer", "is a default or an example"),
        ("IM__SECRET_KEY", "CHANGEME" + STRONG, "is a default or an example"),
        (
            "IM__SECRET_KEY",
            "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e",
            "is printed in public documentation",
        ),
        ("PAY__BASE_URL", "http://api.mch.weixin.qq.com", "must be an https address"),
        ("PAY__NOTIFY_URL", "http://live.cn/app/pay/notify", "must be an https address"),
        ("BILLING__MINUTE_MS", "59999", "a minute has 60000 ms"),
        ("HTTP__ORIGINS", "[https://live.cn, '*']", "lets every web page act for its visitors"),
        ("FAILPOINTS", "[a=kill]", "faults are planted"),
        ("LIMITS__TIMES", "2", "wider than documented"),
        ("PASSWORDS__COST", "11", "less than 12"),
    ],
)
def test_production_refuses_what_anybody_could_guess_or_misuse(variable, value, reason):
    (told,) = mistakes_of(environment=PRODUCTION | {PREFIX + variable: value})

    assert told.startswith("production: ")
    assert reason in told


def test_development_allows_all_of_that():
    config = from_environment(BILLING__MINUTE_MS="1000", FAILPOINTS="[a=kill]", HTTP__ORIGINS="['*']")

    assert config.billing.minute_ms == 1_000


# Secrets


@pytest.fixture
def production() -> Loaded:
    return load(file=SHIPPED, environment=PRODUCTION)


def test_shown_settings_hide_every_secret_and_tell_where_each_came_from(production):
    shown = show(production)

    assert STRONG not in str(shown)
    assert "s3cret" not in str(shown)
    assert shown["pay.api_key"] == Shown(value="****", origin="GREENROOM_PAY__API_KEY")
    assert shown["mongo.uri"].value == "mongodb://greenroom:****@db-1,db-2,db-3/?replicaSet=rs0"
    assert shown["redis.url"].value == "rediss://:****@cache:6379/0"
    assert shown["http.port"] == Shown(value=8_000, origin="config.yaml")


def test_printing_a_configuration_tells_no_secret(production):
    for told in (repr(production), str(production.config), repr(production.config.pay)):
        assert STRONG not in told
        assert "s3cret" not in told


def test_an_unset_secret_is_shown_as_unset():
    assert show(load(file=None, environment={}))["wechat.app_secret"].value == ""
    assert (
        show(load(file=None, environment={"GREENROOM_MONGO__URI": "mongodb://db"}))["mongo.uri"].value == "mongodb://db"
    )


# Sign-in


@pytest.mark.parametrize(
    ("variables", "is_mistaken"),
    [
        ({"QLIVE_APP_ID": "wx1"}, True),
        ({"QLIVE_APP_SECRET": "s"}, True),
        ({"QLIVE_APP_ID": "wx1", "QLIVE_APP_SECRET": "s"}, False),
        # Development's codes have no secret.
        ({"QLIVE_APP_ID": "wx1", "STAND_IN": "true"}, False),
    ],
)
def test_a_second_mini_program_has_its_own_secret(variables, is_mistaken):
    settings = {"STAND_IN": "false", **variables}
    environment = {f"GREENROOM_WECHAT__{name}": value for name, value in settings.items()}

    if is_mistaken:
        assert mistakes_of(environment=environment) == (
            "wechat.qlive_app_id: goes with wechat.qlive_app_secret, or neither",
        )
    else:
        load(file=None, environment=environment)


# While a server runs


def test_what_may_change_while_a_server_runs_is_there_and_listed_in_the_file():
    paths = set(show(load(file=None, environment={})))
    head = SHIPPED.read_text("utf-8").partition("\nenv:")[0]

    for one in LIVE:
        assert one in paths or any(path.startswith(f"{one}.") for path in paths)
    listed = head.partition("while the server runs:")[2].partition(".\n")[0]
    assert tuple(word.strip("# \n") for word in listed.split(",")) == LIVE


def test_a_running_configuration_takes_what_may_change_and_names_the_rest(written):
    running = load(file=written("share: {title: old}\nhttp: {port: 1}\ncalls: {ring_ms: 5000}"), environment={})
    fresh = load(
        file=written("share: {title: new}\nhttp: {port: 2}\ncalls: {ring_ms: 5000}\ngifts: []"),
        environment={"GREENROOM_QLIVE__WITHDRAW_RATE": "0.7"},
    )

    overtaken, difference = overtake(running, fresh)

    assert set(difference.changed) == {"share.title", "gifts", "qlive.withdraw_rate"}
    assert difference.needs_restart == ("http.port",)
    assert overtaken.config == msgspec.structs.replace(
        running.config, share=fresh.config.share, gifts=(), qlive=fresh.config.qlive
    )
    shown = show(overtaken)
    assert shown["http.port"] == Shown(value=1, origin="config.yaml")
    assert shown["qlive.withdraw_rate"] == Shown(value="0.7", origin="GREENROOM_QLIVE__WITHDRAW_RATE")


def test_what_is_said_no_longer_is_built_in_again(written):
    running = load(file=written("share: {title: old}\nlimits: {default_rate: 5}"), environment={})

    overtaken, difference = overtake(running, load(file=written(""), environment={}))

    assert set(difference.changed) == {"share.title", "limits.default_rate"}
    assert overtaken.config == Config()
    assert overtaken.origins == {}


def test_a_configuration_overtaken_by_itself_stays_as_it_is():
    running = load(file=SHIPPED, environment=PRODUCTION)

    overtaken, difference = overtake(running, running)

    assert overtaken == running
    assert (difference.changed, difference.needs_restart) == ((), ())


# Media servers


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"NGINX_PEERS": "[localhost]"}, "media.hooks.nginx_peers: not an IP address: localhost"),
        ({"NGINX_CONTROL": "127.0.0.1:8080"}, "media.hooks.nginx_control: must begin with http:// or https://"),
        ({"CSS_PATH": STRONG}, "media.hooks.css_path: goes with media.hooks.css_key, or neither"),
        ({"CSS_API_ID": "AKID"}, "media.hooks.css_api_id: goes with media.hooks.css_api_key, or neither"),
        ({"CSS_PATH": "guess/me", "CSS_KEY": "k"},
         "media.hooks.css_path: letters, digits, - and _ only, 16 to 64 of them"),
    ],
)  # fmt: skip
def test_hooks_that_cannot_work_stop_the_start(variables, complaint):
    environment = {f"{PREFIX}MEDIA__HOOKS__{name}": value for name, value in variables.items()}

    assert mistakes_of(environment=environment) == (complaint,)


def test_secrets_of_what_is_off_may_be_empty_in_production_and_others_may_not_be_weak():
    assert load(file=None, environment=PRODUCTION).config.media.hooks.css_key == ""

    told = mistakes_of(
        environment=PRODUCTION
        | {"GREENROOM_MEDIA__HOOKS__CSS_PATH": STRONG, "GREENROOM_MEDIA__HOOKS__CSS_KEY": "greenroom-cb-key"}
    )
    assert told == ("production: media.hooks.css_key: is shorter than 32 bytes; set GREENROOM_MEDIA__HOOKS__CSS_KEY",)


def test_the_secrets_of_hooks_are_not_shown():
    loaded = load(
        file=None,
        environment={"GREENROOM_MEDIA__HOOKS__CSS_PATH": STRONG, "GREENROOM_MEDIA__HOOKS__CSS_KEY": "1" + STRONG},
    )

    assert STRONG not in repr(loaded.config)
    assert show(loaded)["media.hooks.css_path"].value == "****"


# Mail


def test_production_runs_without_mail_and_with_it():
    assert load(file=SHIPPED, environment=PRODUCTION).config.mail.host == ""

    mail = load(file=SHIPPED, environment=PRODUCTION | MAIL).config.mail

    assert (mail.host, mail.security, mail.sender) == ("smtp.live.cn", "starttls", "来聊 <no-reply@live.cn>")
    assert MAIL["GREENROOM_MAIL__PASSWORD"] not in repr(mail)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("STAND_IN", "true", "production: mail.stand_in: a stand-in serves nobody"),
        ("PASSWORD", "short", "production: mail.password: is shorter than 12 bytes"),
        ("PASSWORD", "", "mail.username: goes with mail.password, or neither"),
        ("SECURITY", "none", "mail.security: a password goes over no open line"),
        ("SECURITY", "ssl", "mail.security: Invalid enum value"),
        ("SENDER", "nobody", "mail.sender: not of the form"),
        ("SENDER", "a@live.cn, b@live.cn", "mail.sender: not of the form"),
        ("SENDER", "Live <no-reply@live.cn> x", "mail.sender: not of the form"),
        ("PORT", "0", "mail.port: Expected int >= 1"),
    ],
)
def test_a_mail_server_that_cannot_be_or_must_not_be_used_stops_the_start(variable, value, complaint):
    (told,) = mistakes_of(environment=PRODUCTION | MAIL | {f"{PREFIX}MAIL__{variable}": value})

    assert complaint in told


# The site's outside services


def test_production_runs_without_google_and_without_cryptocurrencies_and_with_them():
    assert load(file=SHIPPED, environment=PRODUCTION).config.google.client_id == ""

    config = load(file=SHIPPED, environment=PRODUCTION | GOOGLE | NOWPAYMENTS).config

    assert config.google.client_secret.startswith("GOCSPX-")
    # The provider's keys are a character short of what we ask of our own.
    assert len(config.nowpayments.api_key) == 31


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"GOOGLE__STAND_IN": "true"}, "google.stand_in: a stand-in serves nobody"),
        ({"NOWPAYMENTS__STAND_IN": "true"}, "nowpayments.stand_in: a stand-in serves nobody"),
        ({"GOOGLE__CLIENT_SECRET": "GOCSPX-short"}, "google.client_secret: is shorter than 32 bytes"),
        ({"GOOGLE__TOKEN_URL": "http://oauth2.googleapis.com/token"}, "google.token_url: must be an https address"),
        ({"GOOGLE__CALLBACK_URL": "http://live.cn/back"}, "google.callback_url: must be an https address"),
        ({"GOOGLE__HOME_URL": "http://live.cn/"}, "google.home_url: must be an https address"),
        ({"NOWPAYMENTS__API_KEY": "V5Q4A6R-KZ6M2R5"}, "nowpayments.api_key: is shorter than 28 bytes"),
        ({"NOWPAYMENTS__BASE_URL": "http://api.nowpayments.io/v1"}, "nowpayments.base_url: must be an https address"),
        ({"NOWPAYMENTS__IPN_SECRET": "greenroom-dev-ipn-secret"}, "nowpayments.ipn_secret: is a default or an example"),
        ({"WEB_TOKENS__KEY": "greenroom-dev-web-token-key-that-production-refuses"},
         "web_tokens.key: is a default or an example"),
        ({"WEB_TOKENS__KEY": "a" * 40}, "web_tokens.key: repeats itself"),
        ({"WEB_TOKENS__KEY_FORMER": "b" * 40, "WEB_TOKENS__KEY_FORMER_UNTIL": "2026-12-31T00:00:00Z"},
         "web_tokens.key_former: repeats itself"),
    ],
)  # fmt: skip
def test_production_refuses_stand_ins_and_weak_secrets_of_the_site(variables, complaint):
    environment = PRODUCTION | GOOGLE | NOWPAYMENTS | {PREFIX + name: value for name, value in variables.items()}

    (told,) = mistakes_of(environment=environment)

    assert told.startswith(f"production: {complaint}")


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"GOOGLE__STAND_IN": "false", "GOOGLE__CLIENT_ID": "1090-x"},
         "google.client_id: goes with google.client_secret and google.callback_url, or none of them"),
        ({"GOOGLE__CALLBACK_URL": "live.cn"}, "google.callback_url: must begin with http:// or https://"),
        ({"NOWPAYMENTS__STAND_IN": "false"},
         "nowpayments.api_key: goes with nowpayments.ipn_secret and nowpayments.callback_url, or none of them"),
        ({"NOWPAYMENTS__PAY_CURRENCY": "USDT TRC20"}, "nowpayments.pay_currency: Expected str matching regex"),
        ({"WEB_TOKENS__KEY": ""}, "web_tokens.key: is empty"),
        ({"WEB_TOKENS__KEY": "k" * 31}, "web_tokens.key: is shorter than 32 bytes"),
        ({"WEB_TOKENS__KEY_FORMER": "k" * 32},
         "web_tokens.key_former: goes with web_tokens.key_former_until, or neither"),
        ({"WEB_TOKENS__KEY_FORMER": "k" * 32, "WEB_TOKENS__KEY_FORMER_UNTIL": "soon"},
         "web_tokens.key_former_until: not of the form 2026-12-31T00:00:00Z"),
        ({"WEB_TOKENS__KEY_FORMER": "k" * 32, "WEB_TOKENS__KEY_FORMER_UNTIL": "2026-12-31T00:00:00"},
         "web_tokens.key_former_until: not of the form 2026-12-31T00:00:00Z"),
        ({"PASSWORDS__COST": "9"}, "passwords.cost: Expected int >= 10"),
    ],
)  # fmt: skip
def test_a_site_that_cannot_work_stops_the_start(variables, complaint):
    (told,) = mistakes_of(environment={PREFIX + name: value for name, value in variables.items()})

    assert told.startswith(complaint)


@pytest.mark.parametrize("home_url", ["/", "/home?from=google", "https://live.cn/", "https://live.cn:8443/home"])
def test_a_browser_may_end_at_home(home_url):
    assert from_environment(GOOGLE__HOME_URL=home_url).google.home_url == home_url


@pytest.mark.parametrize(
    "home_url",
    ["//evil.cn", "///evil.cn", "\\evil.cn", "/\\evil.cn", "https://live.cn@evil.cn/", "https:evil.cn", "https:///evil.cn",
     "javascript:alert(1)", "evil.cn", "/ /evil.cn", "/\t/evil.cn", "/home\r\nLocation: //evil.cn"],
)  # fmt: skip
def test_a_home_that_is_somewhere_else_stops_the_start(home_url):
    (told,) = mistakes_of(environment={"GREENROOM_GOOGLE__HOME_URL": home_url})

    assert told.startswith("google.home_url: neither a path of ours")


def test_the_former_key_has_a_last_moment():
    tokens = from_environment(
        WEB_TOKENS__KEY_FORMER="k" * 32, WEB_TOKENS__KEY_FORMER_UNTIL="2026-01-01T08:00:00+08:00"
    ).web_tokens

    assert tokens.key_former_until_s == 1_767_225_600
    assert from_environment().web_tokens.key_former_until_s == 0


def test_the_secrets_of_the_site_are_not_shown():
    loaded = load(file=None, environment=PRODUCTION | GOOGLE | NOWPAYMENTS)

    for path in ("google.client_secret", "nowpayments.api_key", "nowpayments.ipn_secret", "web_tokens.key"):
        assert show(loaded)[path].value == "****"
    assert STRONG not in repr(loaded.config)
    assert "HNKPXCE" not in repr(loaded.config)
