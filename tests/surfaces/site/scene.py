"""The whole website, and people who use it as clients do.

``on_air()`` opens one: jliu is an anchor, yi a viewer who came by Google and has 960 diamonds, wei one with a password.
``None`` among callers is a guest without anything.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from engine import settings
from engine.greenroom import Greenroom
from engine.records import BanKind, PersonRecord
from handlers import site
from handlers.site.access import authenticate, guest_of
from handlers.surfaces import Opened
from store.interfaces.ids import PersonId
from tests.surfaces.served import Answered, Called, Given

__all__ = ["BASE", "OPTIONS", "OURS", "PASSWORD", "Person", "Scene", "cookies_of", "on_air"]

BASE = "/api"
OPTIONS = site.SiteOptions(home_url="/home")
PASSWORD = "diamonds 960 for me"
OURS = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of requests of our own pages."""


class Person(NamedTuple):
    """Somebody who is signed in, as his client knows him; ``id`` is what the site shows, an anchor's uid."""

    id: str
    access: str = ""
    refresh: str = ""
    cookie: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What every call carries: the token, else the cookie as a page of ours sends it."""
        if self.access:
            return {"Authorization": f"Bearer {self.access}"}
        return {"Cookie": f"sessionid={self.cookie}"} | OURS


def cookies_of(answered: Answered) -> dict[str, str]:
    """What a browser keeps after this reply, by name."""
    kept: SimpleCookie = SimpleCookie()
    for header in answered.headers.get_list("Set-Cookie"):
        kept.load(header)
    return {name: morsel.value for name, morsel in kept.items()}


class Scene(Called):
    """One server, and the verbs of those who use it."""

    base = BASE
    jliu: Person
    yi: Person
    wei: Person
    state: str
    """What Google will hand back, once somebody has departed …"""
    bound: str
    """… and the cookie that his browser keeps."""
    order: str
    """The recharge that a test is about, once it has been ordered."""

    def __init__(self, options: settings.Settings, surface_options: site.SiteOptions, **services: Any) -> None:
        def opened(engine: Greenroom) -> tuple[Opened, ...]:
            self.surface = site.surface(surface_options)
            return (Opened(self.surface, authenticate(engine), guest_of(engine)),)

        super().__init__(options, opened, **services)

    # --- what has happened before ----------------------------------------------------------------------------------

    async def depart(self) -> tuple[str, str]:
        """A browser is sent to Google: the state that Google will hand back, and the cookie that the browser keeps."""
        answered = await self.call(None, "GET", "users/google_login_url/")
        query = parse_qs(urlsplit(answered.body["data"]["authorization_url"]).query)
        return query["state"][0], cookies_of(answered)["google_departure"]

    async def arrive(self, code: str, state: str, bound: str) -> Answered:
        """It is back."""
        sent = {"code": code, "state": state}
        headers = {"Cookie": f"google_departure={bound}"} if bound else {}
        return await self.call(None, "GET", "users/google_oauth2_callback/", sent, headers=headers)

    async def by_google(self, name: str, **attributes: object) -> Person:
        """Somebody signs in with Google."""
        code = f"dev:{name}?" + "&".join(f"{key}={value}" for key, value in attributes.items())
        answered = await self.arrive(code.rstrip("?"), *await self.depart())
        assert answered.status == 302, answered
        cookie = cookies_of(answered)["sessionid"]
        user = (await self.call(Person("", cookie=cookie), "GET", "users/is_google_logged_in/")).body
        return Person(str(user["data"]["user_info"]["uid"]), cookie=cookie)

    async def viewer(self, name: str, password: str = PASSWORD) -> Person:
        """Somebody new, signed in by name and password."""
        registered = await self.call(None, "POST", "users/client_register/", {"username": name, "password": password})
        assert registered.status == 200, registered
        return await self.log_in(name, password)

    async def log_in(self, name: str, password: str = PASSWORD) -> Person:
        """A viewer signs in once more."""
        answered = await self.call(None, "POST", "users/user_login/", {"username": name, "password": password})
        assert answered.status == 200, answered
        told = answered.body["data"]
        person = Person("", told["access_token"], told["refresh_token"], cookies_of(answered)["sessionid"])
        return person._replace(id=await self.uid_of(person))

    async def uid_of(self, who: Person) -> str:
        """What the site says somebody is."""
        return str((await self.call(who, "GET", "users/is_logged_in")).body["data"]["user_info"]["uid"])

    async def anchor(self, name: str, handle: str = "", password: str = PASSWORD) -> Person:
        """A new anchor."""
        sent = {"username": name, "handle": handle or name, "password": password}
        answered = await self.call(None, "POST", "users/register/", sent)
        assert answered.status == 200, answered
        told = answered.body["data"]
        return Person(told["uid"], told["access_token"], told["refresh_token"], cookies_of(answered)["sessionid"])

    async def record(self, who: Person) -> PersonRecord:
        """The person as the engine keeps him."""
        if not who.id.isdigit():
            return await self.engine.site_people.anchor(who.id)
        return await self.engine.operator.person(PersonId(int(who.id)))

    async def ban(self, who: Person, kind: BanKind = BanKind.ACCOUNT, text: str = "违规") -> None:
        """An operator excludes somebody."""
        await self.exclude((await self.record(who)).id, kind, text)

    async def come_in(self) -> None:
        self.jliu = await self.anchor("jliu")
        self.yi = await self.by_google("yi", nickname="yi zhao", email="user@example.com", diamonds=960)
        self.wei = await self.viewer("wei")


@asynccontextmanager
async def on_air(
    options: settings.Settings | None = None,
    *,
    surface: site.SiteOptions = OPTIONS,
    given: Given | None = None,
    **services: Any,
) -> AsyncIterator[Scene]:
    """A server with its cast, ended afterwards. ``given`` has happened there; ``services`` are fields of the world."""
    async with Scene(options or settings.Settings(), surface, **services).open(given) as scene:
        yield scene
