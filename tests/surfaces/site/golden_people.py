"""Goldens of signing in and out. Source: seeds/000 1 … 3, seeds/001 1 and 2."""

from adapters.google_login import NoGoogle
from tests.surfaces.goldens import Refusal
from tests.surfaces.served import Like
from tests.surfaces.site.golden import TOKEN, UID, Golden
from tests.surfaces.site.scene import PASSWORD, Scene

__all__ = ["GOLDENS", "REFUSALS"]

AUTHORIZATION_URL = Like(
    "https://accounts.google.com/o/oauth2/v2/auth?client_id=…&redirect_uri=…&response_type=code"
    "&scope=openid+email+profile&state=…&nonce=…&code_challenge=…&code_challenge_method=S256",
    r"https://accounts\.google\.com/o/oauth2/v2/auth\?client_id=\S+&redirect_uri=\S+&response_type=code"
    r"&scope=openid\+email\+profile&state=\S+&nonce=\S+&code_challenge=\S+&code_challenge_method=S256",
)
GUEST_NAME = Like("游客a1B2c3", r"游客[A-Za-z0-9]{6}")
PAIR = {"access_token": TOKEN, "refresh_token": TOKEN}


async def somebody_is_at_google(scene: Scene) -> None:
    scene.state, scene.bound = await scene.depart()


async def google_is_not_set_up(scene: Scene) -> None:
    scene.engine.site_people.depart = NoGoogle().begin  # type: ignore[method-assign]


GOLDENS: tuple[Golden, ...] = (
    Golden(
        "site-google-login-url",
        "GET users/google_login_url/",
        "nobody",
        {},
        {"code": 0, "data": {"authorization_url": AUTHORIZATION_URL}},
    ),
    Golden(
        "site-google-oauth2-callback",
        "GET users/google_oauth2_callback/",
        "nobody",
        {"code": "dev:li", "state": "<state>"},
        b"",
        somebody_is_at_google,
        {"Cookie": "google_departure=<bound>"},
        location="/home",
    ),
    Golden(
        "site-is-google-logged-in",
        "GET users/is_google_logged_in/",
        "yi",
        {},
        {
            "code": 0,
            "message": "User is authenticated via Google",
            "data": {
                "user_info": {
                    "uid": "<yi as a number>",
                    "status": True,
                    "uname": "yi zhao",
                    "google_id": "dev:yi",
                    "google_email": "user@example.com",
                    "coin_num": 960,
                }
            },
        },
    ),
    Golden(
        "site-is-logged-in",
        "GET users/is_logged_in",
        "yi",
        {},
        {"code": 0, "data": {"user_info": {"uid": "<yi>", "status": True, "uname": "yi zhao", "coin_num": 960}}},
    ),
    Golden("site-login-out", "GET users/login_out", "yi", {}, {"code": 0}),
    Golden("site-login-out", "GET users/google_logout/", "yi", {}, b"", location="/home"),
    Golden(
        "site-anchor-register",
        "POST users/register/",
        "nobody",
        {"username": "Seraphina", "handle": "seraphina", "password": PASSWORD},
        {
            "code": 0,
            "message": "registered",
            "data": {"uid": UID, "username": "Seraphina", "handle": "seraphina", **PAIR},
        },
    ),
    Golden(
        "site-anchor-login",
        "POST users/anchor_login/",
        "nobody",
        {"username": "jliu", "password": PASSWORD},
        {"code": 0, "message": "signed in", "data": {"uid": "<jliu>", "username": "jliu", **PAIR}},
    ),
    Golden(
        "site-client-register",
        "POST users/client_register/",
        "nobody",
        {"username": "yizhao", "password": PASSWORD, "email": "yi@example.com"},
        {"code": 0, "message": "registered", "data": {"username": "yizhao", "email": "yi@example.com"}},
    ),
    Golden(
        "site-user-login",
        "POST users/user_login/",
        "nobody",
        {"username": "wei", "password": PASSWORD},
        {"code": 0, "message": "signed in", "data": {**PAIR, "username": "wei", "email": ""}},
    ),
    Golden(
        "site-token-refresh",
        "POST users/token_refresh/",
        "nobody",
        {"refresh_token": "<wei.refresh>"},
        {"code": 0, "data": PAIR},
    ),
)

REFUSALS: tuple[Refusal, ...] = (
    Refusal("site-google-login-url", "nobody", {}, google_is_not_set_up),
    Refusal("site-google-oauth2-callback", "nobody", {"state": "<state>"}, somebody_is_at_google),
    Refusal("site-is-google-logged-in", "nobody", {}),
    Refusal("site-anchor-register", "nobody", {"username": "JLiu", "handle": "other", "password": PASSWORD}),
    Refusal("site-anchor-login", "nobody", {"username": "jliu", "password": PASSWORD + "!"}),
    Refusal("site-client-register", "nobody", {"username": "WEI", "password": PASSWORD}),
    Refusal("site-user-login", "nobody", {"username": "wei", "password": PASSWORD + "!"}),
    Refusal("site-token-refresh", "nobody", {"refresh_token": "<wei.access>"}),
)
