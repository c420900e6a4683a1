"""Sign-in with Google over HTTP: at a real provider, and everything that must bring nobody in (SITE-15, SEC-12)."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from adapters.departures import Departures
from adapters.google_login import DevGoogle, GoogleClient, GoogleSignIn, NoGoogle
from tests.support.fakes import RecordingLog
from tests.support.google_stand_in import GoogleStandIn
from tests.support.oidc_provider import browse, running_provider
from tests.support.stand_ins import serving
from tests.support.web_services import TOKEN_KEY
from tests.surfaces.served import Answered
from tests.surfaces.site.scene import Person, Scene, cookies_of, on_air

gen_test = pytest.mark.gen_test
CALLBACK = "https://live.example/api/users/google_oauth2_callback/"


def now_s() -> int:
    """The provider dates its tokens by the machine's clock."""
    return int(time.time())


@asynccontextmanager
async def on_air_with(client: GoogleClient, *, log: RecordingLog | None = None) -> AsyncIterator[Scene]:
    """A server whose Google is ``client``'s; the cast has come by development codes."""
    http = AsyncHTTPClient(force_instance=True)
    departures = Departures(keys=(TOKEN_KEY,), now_s=now_s)
    real = GoogleSignIn(client=client, departures=departures, http=http, log=log or RecordingLog(), now_s=now_s)
    google = DevGoogle(env="dev", departures=departures, client=client, others=real)
    try:
        async with on_air(google=google) as scene:
            yield scene
    finally:
        http.close()


def registered_at(provider: str, **changes: Any) -> GoogleClient:
    addresses = {
        "authorize_url": f"{provider}/oauth2/authorize",
        "token_url": f"{provider}/oauth2/token",
        "keys_url": f"{provider}/jwks",
    }
    return GoogleClient(
        client_id="greenroom", client_secret="any", callback_url=CALLBACK, issuer=provider, **(addresses | changes)
    )


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> Iterator[str]:
    """The address of an OpenID provider that is none of ours."""
    with running_provider(tmp_path_factory.mktemp("provider")) as address:
        yield address


async def page_of(scene: Scene) -> tuple[str, str]:
    """Where a browser is sent, and what it keeps."""
    answered = await scene.call(None, "GET", "users/google_login_url/")
    return answered.body["data"]["authorization_url"], cookies_of(answered)["google_departure"]


async def back(scene: Scene, query: dict[str, Any], bound: str) -> Answered:
    return await scene.call(
        None, "GET", "users/google_oauth2_callback/", query, headers={"Cookie": f"google_departure={bound}"}
    )


# --- at a real provider ----------------------------------------------------------------------------------------------


@gen_test(timeout=30)
async def test_whoever_signs_in_at_a_real_provider_comes_home_signed_in(provider):
    async with on_air_with(registered_at(provider)) as scene:
        http = AsyncHTTPClient(force_instance=True)
        address, bound = await page_of(scene)
        brought = await browse(http, address, "sub=u1", callback=CALLBACK)
        http.close()

        answered = await back(scene, brought, bound)

        assert (answered.status, answered.headers["Location"], answered.body) == (302, "/home", b"")
        kept = cookies_of(answered)
        assert kept["google_departure"] == ""
        user = (await scene.call(Person("", cookie=kept["sessionid"]), "GET", "users/is_google_logged_in/")).body
        assert user["code"] == 0
        info = user["data"]["user_info"]
        assert (info["uname"], info["google_id"], info["google_email"]) == ("易昭", "u1", "yi@example.com")


@gen_test(timeout=30)
async def test_the_same_person_is_known_again_and_nobody_is_brought_in_by_the_same_return_twice(provider):
    async with on_air_with(registered_at(provider)) as scene:
        http = AsyncHTTPClient(force_instance=True)
        uids = []
        for _ in range(2):
            address, bound = await page_of(scene)
            brought = await browse(http, address, "sub=u1", callback=CALLBACK)
            first, again = await back(scene, brought, bound), await back(scene, brought, bound)
            assert (first.status, again.status) == (302, 400)
            assert "sessionid" not in cookies_of(again)
            uids.append(await scene.uid_of(Person("", cookie=cookies_of(first)["sessionid"])))
        http.close()

        assert uids[0] == uids[1] != ""


@gen_test(timeout=30)
async def test_whoever_denies_comes_back_without_a_code_and_is_nobody(provider):
    async with on_air_with(registered_at(provider)) as scene:
        http = AsyncHTTPClient(force_instance=True)
        address, bound = await page_of(scene)
        brought = await browse(http, address, "action=deny", callback=CALLBACK)
        http.close()

        answered = await back(scene, brought, bound)

        assert (answered.status, answered.body["code"], answered.body["error"]) == (400, 1, "BAD_INPUT")
        assert cookies_of(answered) == {}


# --- what must bring nobody in ---------------------------------------------------------------------------------------


@asynccontextmanager
async def at_google(*, log: RecordingLog | None = None, **told: Any) -> AsyncIterator[tuple[Scene, GoogleStandIn]]:
    """A server and a Google that lies as it is ``told``."""
    google = GoogleStandIn()
    for name, value in told.items():
        setattr(google, name, value)
    async with serving(google) as base_url:
        google.base_url = base_url
        client = GoogleClient(
            client_id=google.client_id,
            client_secret=google.client_secret,
            callback_url=CALLBACK,
            issuer=base_url,
            authorize_url=f"{base_url}/authorize",
            token_url=f"{base_url}/token",
            keys_url=f"{base_url}/certs",
        )
        async with on_air_with(client, log=log) as scene:
            yield scene, google


@gen_test
async def test_a_return_to_another_browser_signs_nobody_in():
    async with at_google() as (scene, google):
        address, bound = await page_of(scene)
        brought = google.approve(address)
        _, of_another = await page_of(scene)

        for kept in (of_another, "", bound[:-1], bound.replace(".", "", 1)):
            answered = await back(scene, brought, kept)
            assert (answered.status, answered.body["code"]) == (400, 1)
            assert cookies_of(answered) == {}
        # The attempts of others have not used it up.
        assert (await back(scene, brought, bound)).status == 302


@gen_test
@pytest.mark.parametrize("state", ["", "x", "<other>"])
async def test_a_state_that_is_missing_or_another_ones_signs_nobody_in(state):
    async with at_google() as (scene, google):
        address, bound = await page_of(scene)
        other, _ = await page_of(scene)
        brought = google.approve(address)

        given = google.approve(other)["state"] if state == "<other>" else state
        answered = await back(scene, brought | {"state": given}, bound)

        assert (answered.status, answered.body["code"]) == (400, 1)


@gen_test
async def test_a_code_swapped_for_another_persons_signs_nobody_in():
    async with at_google() as (scene, google):
        mine, bound = await page_of(scene)
        theirs, _ = await page_of(scene)
        stolen = google.approve(theirs, sub="victim")

        answered = await back(scene, google.approve(mine) | {"code": stolen["code"]}, bound)

        assert (answered.status, answered.body["code"]) == (400, 1)


@gen_test
@pytest.mark.parametrize(
    "claims", [{"nonce": "other"}, {"aud": "somebody"}, {"iss": "https://evil.example"}, {"exp": 1}], ids=str
)
async def test_a_token_that_does_not_hold_signs_nobody_in(claims):
    log = RecordingLog()
    async with at_google(log=log, claims=claims) as (scene, google):
        address, bound = await page_of(scene)

        answered = await back(scene, google.approve(address), bound)

        assert (answered.status, answered.body["code"]) == (400, 1)
        log.take("google_login_token_untrue")


@gen_test
async def test_an_address_that_google_has_not_verified_is_nobodys():
    async with at_google() as (scene, google):
        address, bound = await page_of(scene)
        brought = google.approve(address, email="victim@example.com", email_verified=False, name="x")

        person = Person("", cookie=cookies_of(await back(scene, brought, bound))["sessionid"])

        info = (await scene.call(person, "GET", "users/is_google_logged_in/")).body["data"]["user_info"]
        assert info["google_email"] is None


@gen_test
@pytest.mark.parametrize(
    "more",
    [
        {"next": "//evil.example"},
        {"redirect": "https://evil.example"},
        {"home_url": "/\\evil.example"},
        {"redirect_uri": "https://live.example@evil.example"},
    ],
)
async def test_nobody_says_where_a_browser_ends(more):
    async with at_google() as (scene, google):
        address, bound = await page_of(scene)
        headers = {"Cookie": f"google_departure={bound}", "Referer": "https://evil.example/"}

        answered = await scene.call(
            None, "GET", "users/google_oauth2_callback/", google.approve(address) | more, headers=headers
        )
        left = await scene.call(None, "GET", "users/google_logout/", more)

        assert (answered.status, answered.headers["Location"]) == (302, "/home")
        assert (left.status, left.headers["Location"]) == (302, "/home")


@gen_test
async def test_a_google_that_does_not_answer_is_no_verdict_on_anybody():
    log = RecordingLog()
    async with at_google(log=log) as (scene, google):
        address, bound = await page_of(scene)
        brought = google.approve(address)
        google.trouble = "down"

        answered = await back(scene, brought, bound)

        assert (answered.status, answered.body["error"]) == (503, "STORE_UNAVAILABLE")
        log.take("outside_service_unanswered")


@gen_test
async def test_without_a_registration_there_is_no_sign_in_with_google():
    async with on_air() as scene:
        scene.engine.site_people.depart = NoGoogle().begin

        answered = await scene.call(None, "GET", "users/google_login_url/", headers={"Accept-Language": "en"})

        assert (answered.status, answered.body["message"]) == (503, "google login is not configured")
        assert cookies_of(answered) == {}


@gen_test
async def test_the_departure_is_kept_by_the_browser_alone_and_not_for_long():
    async with on_air() as scene:
        answered = await scene.call(None, "GET", "users/google_login_url/")

        (header,) = answered.headers.get_list("Set-Cookie")
        assert header.endswith("; Max-Age=600; Path=/api/users; HttpOnly; SameSite=Lax")
        assert cookies_of(answered)["google_departure"] not in str(answered.body)
