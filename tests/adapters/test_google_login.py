"""Sign-in with Google: away with a browser and back, and everything that must not bring somebody in (SEC-6, SEC-12)."""

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from msgspec.structs import replace
from tornado.httpclient import AsyncHTTPClient

from adapters.departures import Departures, challenge
from adapters.google_login import DEV_CLIENT, DevGoogle, GoogleClient, GoogleSignIn, NoGoogle
from engine.errors import NotSignedIn, StoreDown
from tests.support.fakes import RecordingLog
from tests.support.google_stand_in import GoogleStandIn, compact, encoded, rs256, rsa_key
from tests.support.oidc_provider import browse, running_provider
from tests.support.stand_ins import serving

KEY = "a-key-of-ours-that-is-long-enough-for-it"
CALLBACK = "https://live.cn/api/users/google_oauth2_callback/"


class Clock:
    """Wall time that a test can move; starts as the machine's, by which the provider dates its tokens."""

    def __init__(self) -> None:
        self.ahead_s = 0

    def __call__(self) -> int:
        return int(time.time()) + self.ahead_s


class Visitor:
    """A browser: it goes where it is sent, keeps what it is given, and comes back."""

    def __init__(self, login: Any, google: GoogleStandIn) -> None:
        self.login = login
        self.google = google

    async def signs_in(self, **person: Any) -> Any:
        departure = self.login.begin()
        return await self.login.finish(**self.google.approve(departure.address, **person), bound=departure.bound)


@contextlib.asynccontextmanager
async def at_google(google: GoogleStandIn, *, log=None, clock=None, keys=(KEY,), **client: Any) -> AsyncIterator[Any]:
    """``GoogleSignIn`` that asks ``google``; ``client`` overrides what we are registered as."""
    http = AsyncHTTPClient(force_instance=True)
    now_s = clock or Clock()
    deadline_ms = client.pop("deadline_ms", 5_000)
    try:
        async with serving(google) as base_url:
            google.base_url = base_url
            registered = GoogleClient(
                client_id=google.client_id,
                client_secret=google.client_secret,
                callback_url=CALLBACK,
                issuer=base_url,
                authorize_url=f"{base_url}/authorize",
                token_url=f"{base_url}/token",
                keys_url=f"{base_url}/certs",
            )
            yield GoogleSignIn(
                client=replace(registered, **client),
                departures=Departures(keys=keys, now_s=now_s),
                http=http,
                log=log or RecordingLog(),
                deadline_ms=deadline_ms,
                now_s=now_s,
            )
    finally:
        http.close()


# A real provider, in a process of its own


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> Iterator[str]:
    """The address of an OpenID provider that is none of ours."""
    with running_provider(tmp_path_factory.mktemp("provider")) as address:
        yield address


@contextlib.asynccontextmanager
async def at_provider(provider: str, *, log=None, **client: Any) -> AsyncIterator[tuple[GoogleSignIn, AsyncHTTPClient]]:
    http = AsyncHTTPClient(force_instance=True)
    registered = GoogleClient(
        client_id="greenroom",
        client_secret="a-secret-it-takes-any",
        callback_url=CALLBACK,
        issuer=provider,
        authorize_url=f"{provider}/oauth2/authorize",
        token_url=f"{provider}/oauth2/token",
        keys_url=f"{provider}/jwks",
    )
    now_s = Clock()
    try:
        yield (
            GoogleSignIn(
                client=replace(registered, **client),
                departures=Departures(keys=(KEY,), now_s=now_s),
                http=http,
                log=log or RecordingLog(),
                now_s=now_s,
            ),
            http,
        )
    finally:
        http.close()


@pytest.mark.real_loop(deadline_s=20)
async def test_a_real_provider_signs_somebody_in(provider):
    async with at_provider(provider) as (login, http):
        departure = login.begin()
        back = await browse(http, departure.address, "sub=u1", callback=CALLBACK)

        person = await login.finish(code=back["code"], state=back["state"], bound=departure.bound)

    assert (person.sub, person.name, person.email) == ("u1", "易昭", "yi@example.com")
    assert person.attributes == {}


@pytest.mark.real_loop(deadline_s=20)
async def test_a_real_provider_takes_a_code_once_also_from_another_server_of_ours(provider):
    async with at_provider(provider) as (login, http), at_provider(provider) as (other_server, _):
        departure = login.begin()
        back = await browse(http, departure.address, "sub=u1", callback=CALLBACK)
        await login.finish(code=back["code"], state=back["state"], bound=departure.bound)

        with pytest.raises(NotSignedIn, match="does not know this code"):
            await other_server.finish(code=back["code"], state=back["state"], bound=departure.bound)


@pytest.mark.real_loop(deadline_s=20)
async def test_whoever_denies_at_a_real_provider_comes_back_without_a_code(provider):
    async with at_provider(provider) as (login, http):
        departure = login.begin()
        back = await browse(http, departure.address, "action=deny", callback=CALLBACK)

        assert back["error"] == "access_denied"
        assert "code" not in back


@pytest.mark.real_loop(deadline_s=20)
async def test_a_real_provider_that_is_not_the_expected_one_brings_nobody_in(provider):
    log = RecordingLog()

    async with at_provider(provider, log=log, issuer="http://127.0.0.1:1") as (login, http):
        departure = login.begin()
        back = await browse(http, departure.address, "sub=u1", callback=CALLBACK)

        with pytest.raises(NotSignedIn):
            await login.finish(code=back["code"], state=back["state"], bound=departure.bound)

    assert log.take("google_login_token_untrue") == {"reason": "iss"}


# The way there


@pytest.mark.real_loop(deadline_s=10)
async def test_the_address_asks_for_all_that_binds_the_return_to_this_departure():
    google = GoogleStandIn()

    async with at_google(google) as login:
        departure = login.begin()

    parts = urlsplit(departure.address)
    query = parse_qs(parts.query, strict_parsing=True)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{google.base_url}/authorize"
    assert set(query) == {
        "client_id", "redirect_uri", "response_type", "scope", "state", "nonce",
        "code_challenge", "code_challenge_method",
    }  # fmt: skip
    assert {len(values) for values in query.values()} == {1}
    assert query["redirect_uri"] == [CALLBACK]
    assert google.client_secret not in departure.address
    assert departure.life_s == 600


@pytest.mark.real_loop(deadline_s=10)
async def test_no_two_departures_share_anything():
    async with at_google(GoogleStandIn()) as login:
        departures = [login.begin() for _ in range(50)]

    queries = [parse_qs(urlsplit(departure.address).query) for departure in departures]
    for name in ("state", "nonce", "code_challenge"):
        assert len({query[name][0] for query in queries}) == 50
    assert len({departure.bound for departure in departures}) == 50


@pytest.mark.real_loop(deadline_s=10)
async def test_what_the_browser_keeps_does_not_tell_the_verifier():
    google = GoogleStandIn()

    async with at_google(google) as login:
        departure = login.begin()
        await login.finish(**google.approve(departure.address), bound=departure.bound)

    verifier = google.requests[0]["code_verifier"]
    assert len(verifier) == 43
    assert verifier not in departure.bound
    assert verifier not in departure.address


def test_the_challenge_is_the_official_one():
    # RFC 7636, appendix B.
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


# Who comes back


@pytest.mark.real_loop(deadline_s=10)
async def test_a_code_becomes_the_person_google_names():
    google = GoogleStandIn()

    async with at_google(google) as login:
        person = await Visitor(login, google).signs_in(
            sub="1090000000000000000000", name="yi zhao", email="yi@example.com", email_verified=True
        )

    assert (person.sub, person.name, person.email) == ("1090000000000000000000", "yi zhao", "yi@example.com")
    assert google.requests == [
        {
            "grant_type": "authorization_code",
            "code": "4/0A1",
            "client_id": google.client_id,
            "client_secret": google.client_secret,
            "redirect_uri": CALLBACK,
            "code_verifier": google.requests[0]["code_verifier"],
        }
    ]


@pytest.mark.parametrize(
    ("verified", "email"),
    [(True, "a@b.c"), ("true", "a@b.c"), (False, ""), ("false", ""), ("True", ""), ("1", ""), (None, "")],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_only_a_verified_email_counts(verified, email):
    google = GoogleStandIn()

    async with at_google(google) as login:
        person = await Visitor(login, google).signs_in(email="a@b.c", email_verified=verified)

    assert person.email == email


@pytest.mark.real_loop(deadline_s=10)
async def test_google_may_write_its_name_without_the_scheme():
    google = GoogleStandIn()
    google.claims = {"iss": "accounts.google.com"}

    async with at_google(google, issuer="https://accounts.google.com") as login:
        assert (await Visitor(login, google).signs_in()).sub


@pytest.mark.parametrize(
    ("tampered", "reason"),
    [
        (lambda back, bound: (back | {"state": ""}, bound), "another departure"),
        (lambda back, bound: (back | {"state": "x" * 32}, bound), "another departure"),
        (lambda back, bound: (back | {"state": "中文"}, bound), "another departure"),
        (lambda back, bound: (back, ""), "has not departed"),
        (lambda back, bound: (back, "x" * 5_000), "has not departed"),
        (lambda back, bound: (back, bound[:-1] + ("A" if bound[-1] != "A" else "B")), "has not departed"),
        (lambda back, bound: (back, bound.replace(".1", ".2", 1)), "has not departed"),
        (lambda back, bound: (back | {"state": "x" * 32}, "x" * 32 + bound[32:]), "has not departed"),
        (lambda back, bound: (back | {"code": ""}, bound), "not a code"),
        (lambda back, bound: (back | {"code": "x" * 5_000}, bound), "not a code"),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_a_return_that_is_not_this_browsers_is_refused_before_google_is_asked(tampered, reason):
    google = GoogleStandIn()

    async with at_google(google) as login:
        departure = login.begin()
        back, bound = tampered(google.approve(departure.address), departure.bound)

        with pytest.raises(NotSignedIn, match=reason):
            await login.finish(**back, bound=bound)

    assert google.requests == []


@pytest.mark.real_loop(deadline_s=10)
async def test_another_browser_cannot_be_made_to_finish_a_foreign_departure():
    google = GoogleStandIn()

    async with at_google(google) as login:
        attacker, victim = login.begin(), login.begin()
        attackers_return = google.approve(attacker.address, sub="attacker")

        # Login CSRF: the victim opens the attacker's callback address with a cookie of her own.
        with pytest.raises(NotSignedIn, match="another departure"):
            await login.finish(**attackers_return, bound=victim.bound)


@pytest.mark.real_loop(deadline_s=10)
async def test_a_code_put_into_another_departure_is_stopped_by_pkce():
    google = GoogleStandIn()

    async with at_google(google) as login:
        attacker, victim = login.begin(), login.begin()
        stolen = google.approve(victim.address, sub="victim")["code"]
        own = google.approve(attacker.address, sub="attacker")["state"]

        with pytest.raises(NotSignedIn, match="does not know this code"):
            await login.finish(code=stolen, state=own, bound=attacker.bound)


@pytest.mark.real_loop(deadline_s=10)
async def test_a_departure_ends_once():
    google = GoogleStandIn()

    async with at_google(google) as login:
        departure = login.begin()
        back = google.approve(departure.address)
        await login.finish(**back, bound=departure.bound)

        with pytest.raises(NotSignedIn, match="is over"):
            await login.finish(**back, bound=departure.bound)

    assert len(google.requests) == 1


@pytest.mark.real_loop(deadline_s=10)
async def test_of_many_returns_at_once_one_counts():
    google = GoogleStandIn()

    async with at_google(google) as login:
        departure = login.begin()
        back = google.approve(departure.address)

        ends = await asyncio.gather(
            *(login.finish(**back, bound=departure.bound) for _ in range(20)), return_exceptions=True
        )

    assert len([end for end in ends if not isinstance(end, NotSignedIn)]) == 1
    assert len(google.requests) == 1


@pytest.mark.parametrize(("ahead_s", "is_in_time"), [(599, True), (600, False)])
@pytest.mark.real_loop(deadline_s=10)
async def test_a_departure_does_not_last(ahead_s, is_in_time):
    google = GoogleStandIn()
    clock = Clock()

    async with at_google(google, clock=clock) as login:
        departure = login.begin()
        back = google.approve(departure.address)
        frozen = clock() + ahead_s
        login._departures._now_s = lambda: frozen

        with contextlib.nullcontext() if is_in_time else pytest.raises(NotSignedIn, match="too long ago"):
            await login.finish(**back, bound=departure.bound)


@pytest.mark.real_loop(deadline_s=10)
async def test_a_departure_survives_the_change_of_our_key():
    google = GoogleStandIn()

    async with at_google(google) as login:
        departure = login.begin()
        login._departures = Departures(keys=("the-new-key", KEY), now_s=Clock())
        assert await login.finish(**google.approve(departure.address), bound=departure.bound)

        departure = login.begin()
        login._departures = Departures(keys=("the-newest-key",), now_s=Clock())
        with pytest.raises(NotSignedIn, match="has not departed"):
            await login.finish(**google.approve(departure.address), bound=departure.bound)


async def test_ended_departures_are_forgotten_once_they_are_void():
    now_s = 1_000
    departures = Departures(keys=(KEY,), now_s=lambda: now_s)
    for _ in range(100):
        passport, bound = departures.begin()
        departures.end(state=passport.state, bound=bound)
    assert len(departures._ended) == 100

    now_s += 600
    passport, bound = departures.begin()
    departures.end(state=passport.state, bound=bound)

    assert len(departures._ended) == 1


# Tokens that do not hold (SEC-6, SEC-12)


def hs256(key: bytes) -> Any:
    return lambda data: hmac.digest(key, data, "sha256")


def public_pem(name: str) -> bytes:
    return (
        rsa_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def with_claims(google: GoogleStandIn, **claims: Any) -> None:
    google.claims = claims


def signed_by(google: GoogleStandIn, name: str, **header: Any) -> None:
    google.signer = name
    google.header = header


def forged(google: GoogleStandIn, make: Any) -> None:
    google.forge = make


NOW_S = int(time.time())

UNTRUE: list[tuple[str, Any, str]] = [
    ("alg none", lambda g: forged(g, lambda h, c: compact(h | {"alg": "none"}, c, lambda _: b"")), "form"),
    ("alg none, signed", lambda g: forged(g, lambda h, c: compact(h | {"alg": "none"}, c, hs256(b"x"))), "form"),
    ("HS256 with the public key",
     lambda g: forged(g, lambda h, c: compact(h | {"alg": "HS256"}, c, hs256(public_pem("first")))), "form"),
    ("RS256 by name, HMAC in truth", lambda g: forged(g, lambda h, c: compact(h, c, hs256(public_pem("first")))),
     "signature"),
    ("RS512", lambda g: signed_by(g, "first", alg="RS512"), "form"),
    ("no alg", lambda g: signed_by(g, "first", alg=None), "form"),
    ("somebody else's key under Google's name", lambda g: signed_by(g, "evil", kid="first"), "signature"),
    ("unknown kid", lambda g: signed_by(g, "evil"), "key"),
    ("kid that is a path", lambda g: signed_by(g, "first", kid="../../etc/passwd"), "key"),
    ("a key brought along", lambda g: signed_by(g, "evil", jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"}), "form"),
    ("a key's address brought along", lambda g: signed_by(g, "evil", jku="https://evil.cn/certs"), "form"),
    ("a certificate brought along", lambda g: signed_by(g, "evil", x5u="https://evil.cn/pem"), "form"),
    ("critical extensions", lambda g: signed_by(g, "first", crit=["b64"], b64=False), "form"),
    ("a header a thousand arrays deep",
     lambda g: forged(g, lambda h, c: f"{encoded(b'[' * 3_000)}.{encoded(b'{}')}.{encoded(b's')}"), "form"),
    ("two parts", lambda g: forged(g, lambda h, c: compact(h, c, hs256(b"x")).rpartition(".")[0]), "form"),
    ("five parts", lambda g: forged(g, lambda h, c: "a.b.c.d.e"), "form"),
    ("huge", lambda g: with_claims(g, padding="x" * 20_000), "form"),
    ("not JSON inside", lambda g: forged(g, lambda h, c: f"{encoded(b'{')}.{encoded(b'{')}.{encoded(b's')}"), "form"),
    ("another issuer", lambda g: with_claims(g, iss="https://evil.cn"), "iss"),
    ("no issuer", lambda g: with_claims(g, iss=None), "claims"),
    ("another audience", lambda g: with_claims(g, aud="another-client"), "aud"),
    ("for us and for others", lambda g: with_claims(g, aud=[g.client_id, "another-client"]), "aud"),
    ("for nobody", lambda g: with_claims(g, aud=[]), "aud"),
    ("no audience", lambda g: with_claims(g, aud=None), "claims"),
    ("asked for by somebody else", lambda g: with_claims(g, azp="another-client"), "azp"),
    ("expired", lambda g: with_claims(g, exp=NOW_S - 60), "exp"),
    ("no expiry", lambda g: with_claims(g, exp=None), "claims"),
    ("expiry as text", lambda g: with_claims(g, exp=str(NOW_S + 3_600)), "claims"),
    ("issued in the future", lambda g: with_claims(g, iat=NOW_S + 86_400), "iat"),
    ("issued long ago", lambda g: with_claims(g, iat=NOW_S - 3_600), "iat"),
    ("no time of issue", lambda g: with_claims(g, iat=None), "claims"),
    ("not valid yet", lambda g: with_claims(g, nbf=NOW_S + 86_400), "nbf"),
    ("another nonce", lambda g: with_claims(g, nonce="another"), "nonce"),
    ("no nonce", lambda g: with_claims(g, nonce=None), "claims"),
    ("nobody", lambda g: with_claims(g, sub=None), "claims"),
    ("an empty name for somebody", lambda g: with_claims(g, sub=""), "claims"),
    ("a number for somebody", lambda g: with_claims(g, sub=1), "claims"),
    ("a very long name for somebody", lambda g: with_claims(g, sub="1" * 256), "claims"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "reason"), [case[1:] for case in UNTRUE], ids=[case[0] for case in UNTRUE])
@pytest.mark.real_loop(deadline_s=10)
async def test_a_token_that_does_not_hold_brings_nobody_in(wrong, reason):
    google = GoogleStandIn()
    log = RecordingLog()
    wrong(google)

    async with at_google(google, log=log) as login:
        with pytest.raises(NotSignedIn):
            await Visitor(login, google).signs_in(email="a@b.c", email_verified=True)

    assert log.take("google_login_token_untrue") == {"reason": reason}
    assert log.lines == []


@pytest.mark.parametrize("position", [0.1, 0.4, 0.7, 0.99])
@pytest.mark.real_loop(deadline_s=10)
async def test_one_changed_character_makes_a_token_untrue(position):
    google = GoogleStandIn()
    log = RecordingLog()
    honest = google._id_token

    def change(granted: dict[str, Any]) -> str:
        token: str = honest(granted)
        at = int(len(token) * position)
        return token[:at] + ("A" if token[at] not in "A." else "B") + token[at + 1 :]

    google._id_token = change

    async with at_google(google, log=log) as login:
        with pytest.raises(NotSignedIn):
            await Visitor(login, google).signs_in()

    assert log.take("google_login_token_untrue")["reason"] in {"form", "signature", "key"}


# Google's keys


@pytest.mark.real_loop(deadline_s=10)
async def test_keys_are_kept_for_as_long_as_google_says():
    google = GoogleStandIn()
    google.cache_control = "public, max-age=300, must-revalidate"
    clock = Clock()

    async with at_google(google, clock=clock) as login:
        visitor = Visitor(login, google)
        for ahead_s in (0, 200):
            clock.ahead_s = ahead_s
            await visitor.signs_in()
        assert google.key_requests_count == 1

        clock.ahead_s = 302
        await visitor.signs_in()
        assert google.key_requests_count == 2


@pytest.mark.parametrize("cache_control", ["", "no-store", "max-age=0", "private, max-age=x", "no-cache, max-age=9999"])
@pytest.mark.real_loop(deadline_s=10)
async def test_keys_are_kept_a_minute_whatever_google_says(cache_control):
    google = GoogleStandIn()
    google.cache_control = cache_control
    clock = Clock()

    async with at_google(google, clock=clock) as login:
        visitor = Visitor(login, google)
        for ahead_s, requests_count in ((0, 1), (30, 1), (62, 2)):
            clock.ahead_s = ahead_s
            await visitor.signs_in()
            assert google.key_requests_count == requests_count


@pytest.mark.real_loop(deadline_s=10)
async def test_a_new_key_of_googles_is_found_when_it_is_first_used():
    google = GoogleStandIn()
    clock = Clock()

    async with at_google(google, clock=clock) as login:
        visitor = Visitor(login, google)
        await visitor.signs_in()
        google.published["second"] = rsa_key("second")
        google.signer = "second"
        clock.ahead_s = 61

        await visitor.signs_in()

    assert google.key_requests_count == 2


@pytest.mark.real_loop(deadline_s=10)
async def test_made_up_keys_do_not_make_us_ask_again_and_again():
    google = GoogleStandIn()
    log = RecordingLog(strict=False)
    clock = Clock()

    async with at_google(google, log=log, clock=clock) as login:
        visitor = Visitor(login, google)
        await visitor.signs_in()
        clock.ahead_s = 61
        google.signer = "evil"

        for number in range(20):
            google.header = {"kid": f"made-up-{number}"}
            with pytest.raises(NotSignedIn):
                await visitor.signs_in()

    assert google.key_requests_count == 2


@pytest.mark.real_loop(deadline_s=10)
async def test_many_people_at_once_ask_for_the_keys_once():
    google = GoogleStandIn()

    async with at_google(google) as login:
        people = await asyncio.gather(*(Visitor(login, google).signs_in(sub=f"{number}") for number in range(8)))

    assert {person.sub for person in people} == {f"{number}" for number in range(8)}
    assert google.key_requests_count == 1


@pytest.mark.real_loop(deadline_s=10)
async def test_a_token_may_leave_its_key_unnamed_where_there_is_one_only():
    google = GoogleStandIn()
    google.header = {"kid": None}
    log = RecordingLog()
    clock = Clock()

    async with at_google(google, log=log, clock=clock) as login:
        visitor = Visitor(login, google)
        await visitor.signs_in()

        google.published["second"] = rsa_key("second")
        clock.ahead_s = 86_402
        google.claims = {"iat": clock(), "exp": clock() + 3_600}
        with pytest.raises(NotSignedIn):
            await visitor.signs_in()

    assert log.take("google_login_token_untrue") == {"reason": "key"}


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC", "kid": "first", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
        {"kty": "oct", "kid": "first", "k": "AQAB"},
        {"kty": "RSA", "kid": "first", "use": "enc", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "first", "alg": "RS512", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "first", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "first", "n": "", "e": ""},
        {"kty": "RSA", "kid": "first", "n": "\u4e2d", "e": "AQAB"},
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_keys_of_another_kind_are_no_keys(key):
    google = GoogleStandIn()
    google.published = {}
    google.more_keys = [key]
    log = RecordingLog()

    async with at_google(google, log=log) as login:
        with pytest.raises(StoreDown):
            await Visitor(login, google).signs_in()

    assert log.take("google_login_garbled") == {"reason": "no keys"}


@pytest.mark.real_loop(deadline_s=10)
async def test_a_short_key_is_believed_by_nobody():
    google = GoogleStandIn()
    google.published = {"weak": rsa_key("weak", 1024), "first": rsa_key("first")}
    google.forge = lambda header, claims: compact(header | {"kid": "weak"}, claims, rs256(rsa_key("weak", 1024)))
    log = RecordingLog()

    async with at_google(google, log=log) as login:
        with pytest.raises(NotSignedIn):
            await Visitor(login, google).signs_in()

    assert log.take("google_login_token_untrue") == {"reason": "key"}


# What Google says instead


@pytest.mark.parametrize(
    ("refusal", "error", "line"),
    [
        ((400, "invalid_grant"), NotSignedIn, None),
        ((401, "invalid_client"), StoreDown, ("error", "google_login_misconfigured")),
        ((400, "redirect_uri_mismatch"), StoreDown, ("error", "google_login_misconfigured")),
        ((400, "unauthorized_client"), StoreDown, ("error", "google_login_misconfigured")),
        ((400, "something_new"), StoreDown, ("warning", "google_login_refused")),
        ((429, "rate_limited"), StoreDown, ("warning", "google_login_refused")),
        ((503, "backend_error"), StoreDown, ("warning", "outside_service_unanswered")),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_each_refusal_has_its_meaning(refusal, error, line):
    google = GoogleStandIn()
    google.refusal = refusal
    log = RecordingLog()

    async with at_google(google, log=log) as login:
        with pytest.raises(error):
            await Visitor(login, google).signs_in()

    assert [(one.level, one.event) for one in log.lines] == ([line] if line else [])
    if line:
        assert google.client_secret not in repr(log.take(line[1]))


@pytest.mark.real_loop(deadline_s=10)
async def test_a_callback_address_that_is_not_the_registered_one_alarms_operators():
    google = GoogleStandIn()
    log = RecordingLog()

    async with at_google(google, log=log) as login:
        departure = login.begin()
        back = google.approve(departure.address)
        login._client = replace(login._client, callback_url="https://live.cn/elsewhere")

        with pytest.raises(StoreDown):
            await login.finish(**back, bound=departure.bound)

    assert log.take("google_login_misconfigured") == {"error": "redirect_uri_mismatch"}


@pytest.mark.parametrize("changes", [{"id_token": None}, {"id_token": 1}, {"id_token": ""}])
@pytest.mark.real_loop(deadline_s=10)
async def test_an_answer_without_a_token_is_none(changes):
    google = GoogleStandIn()
    google.token_changes = changes
    log = RecordingLog()

    async with at_google(google, log=log) as login:
        with pytest.raises(StoreDown):
            await Visitor(login, google).signs_in()

    assert log.take("google_login_garbled") == {"reason": "no id token"}


@pytest.mark.parametrize("trouble", ["hang", "down", "redirect", "huge", "cut", "garbage"])
@pytest.mark.real_loop(deadline_s=10)
async def test_no_usable_answer_is_a_retry_and_tells_nobody_a_secret(trouble, caplog):
    google = GoogleStandIn()
    google.trouble = trouble
    log = RecordingLog()

    with caplog.at_level(logging.DEBUG):
        async with at_google(google, log=log, deadline_ms=150 if trouble == "hang" else 5_000) as login:
            with pytest.raises(StoreDown) as caught:
                await Visitor(login, google).signs_in()

    told = [repr(caught.value), repr(caught.value.__context__), *(record.getMessage() for record in caplog.records)]
    told.append(repr(log.take("google_login_garbled" if trouble == "garbage" else "outside_service_unanswered")))
    assert google.redirected_count == 0
    for secret in (google.client_secret, google.requests[0]["code_verifier"], "4/0A1"):
        assert secret not in "".join(told)


def test_a_registration_does_not_tell_its_secret():
    client = GoogleClient(client_id="id", client_secret="a-secret", callback_url=CALLBACK)

    assert "a-secret" not in repr(client)


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "callback_url"])
async def test_half_a_registration_is_none(missing):
    client = replace(GoogleClient(client_id="id", client_secret="s", callback_url=CALLBACK), **{missing: ""})

    with pytest.raises(ValueError, match="needed"):
        GoogleSignIn(
            client=client,
            departures=Departures(keys=(KEY,), now_s=Clock()),
            http=None,
            log=RecordingLog(),
        )


# Development


def dev_google(**more: Any) -> DevGoogle:
    return DevGoogle(env="dev", departures=Departures(keys=(KEY,), now_s=Clock()), **more)


def state_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]


async def test_a_dev_code_signs_in_its_name():
    login = dev_google()
    departure = login.begin()

    person = await login.finish(
        code="dev:tom?diamonds=500&email=tom%40example.com", state=state_of(departure.address), bound=departure.bound
    )

    assert (person.sub, person.name, person.email) == ("dev:tom", "tom", "tom@example.com")
    assert person.attributes == {"diamonds": "500", "email": "tom@example.com"}
    assert departure.address.startswith("https://accounts.google.com/o/oauth2/")
    assert f"client_id={DEV_CLIENT.client_id}" in departure.address


@pytest.mark.parametrize("code", ["dev:", "dev:a b", "dev:mei?role", "4/0A", ""])
async def test_another_code_signs_nobody_in(code):
    login = dev_google()
    departure = login.begin()

    with pytest.raises(NotSignedIn):
        await login.finish(code=code, state=state_of(departure.address), bound=departure.bound)


async def test_a_departure_is_needed_in_development_too_and_ends_once():
    login = dev_google()
    departure, other = login.begin(), login.begin()
    state = state_of(departure.address)

    with pytest.raises(NotSignedIn):
        await login.finish(code="dev:tom", state=state, bound="")
    with pytest.raises(NotSignedIn):
        await login.finish(code="dev:tom", state=state, bound=other.bound)
    await login.finish(code="dev:tom", state=state, bound=departure.bound)
    with pytest.raises(NotSignedIn):
        await login.finish(code="dev:tom", state=state, bound=departure.bound)


@pytest.mark.real_loop(deadline_s=10)
async def test_other_codes_go_to_google_where_we_are_registered():
    google = GoogleStandIn()

    async with at_google(google) as real:
        login = dev_google(client=real._client, others=real)
        login._departures = real._departures

        assert (await Visitor(login, google).signs_in(sub="u1")).sub == "u1"
        departure = login.begin()
        person = await login.finish(code="dev:tom", state=state_of(departure.address), bound=departure.bound)
        assert person.sub == "dev:tom"


@pytest.mark.parametrize("env", ["production", "", "Dev"])
def test_dev_codes_exist_in_development_only(env):
    with pytest.raises(ValueError, match="anybody"):
        DevGoogle(env=env, departures=Departures(keys=(KEY,), now_s=Clock()))


async def test_without_a_registration_nobody_is_sent_anywhere():
    with pytest.raises(StoreDown, match="google login is not configured"):
        NoGoogle().begin()
    with pytest.raises(StoreDown, match="google login is not configured"):
        await NoGoogle().finish(code="dev:tom", state="", bound="")


def test_a_key_is_needed():
    for keys in ((), ("",)):
        with pytest.raises(ValueError, match="key"):
            Departures(keys=keys, now_s=Clock())
