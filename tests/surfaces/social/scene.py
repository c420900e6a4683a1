"""The whole social app, and people who use it as clients do.

``on_line()`` opens one: jhinih, wxy and zhao are new users who have just signed in, ann is a super administrator.
``None`` among callers is somebody who is not signed in.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from engine import settings
from engine.greenroom import Greenroom
from engine.ports import TokenKind
from engine.records import BanKind, PersonRecord
from engine.services.social_people import SocialPerson
from handlers import social
from handlers.social.access import authenticate
from handlers.surfaces import Opened
from store.interfaces.ids import Snowflake
from store.interfaces.members import TOP_LEVEL
from tests.support.web_services import RecordingMail
from tests.surfaces.served import Answered, Called, Given

__all__ = ["BASE", "OPTIONS", "PASSWORD", "Person", "Scene", "on_line"]

BASE = ""
OPTIONS = social.SocialOptions(public_url="https://media.example")
PASSWORD = "123456"


class Person(NamedTuple):
    """Somebody who is signed in, as his client knows him; ``id`` is what the app shows."""

    id: str
    name: str
    email: str
    atoken: str
    rtoken: str

    @property
    def headers(self) -> dict[str, str]:
        """What every call carries."""
        return {"Authorization": f"Bearer {self.atoken}"}


class Scene(Called):
    """One server, and the verbs of those who use it. Paths are whole ones: ``GET /api/user/get-my-info``."""

    base = BASE
    jhinih: Person
    wxy: Person
    zhao: Person
    ann: Person
    code: str
    """What was mailed to somebody new, once it was."""

    def __init__(self, options: settings.Settings, surface_options: social.SocialOptions, **services: Any) -> None:
        def opened(engine: Greenroom) -> tuple[Opened, ...]:
            self.surface = social.surface(surface_options)
            return (Opened(self.surface, authenticate(engine)),)

        super().__init__(options, opened, **services)

    # --- what has happened before ----------------------------------------------------------------------------------

    async def newcomer(self, name: str, *, level: int = 0) -> Person:
        """Somebody new, signed in."""
        email = f"{name}@example.com"
        made = await self.engine.social_people.register(name, PASSWORD, email=email)
        if level:
            await self.engine.world.stores.members.set_level(made.person.id, level, at_ms=0)
        return await self.sign_in(made.person)

    async def sign_in(self, person: PersonRecord) -> Person:
        """Somebody once more."""
        tokens = await self.engine.social_sign_ins.open(person, device="a phone", address="127.0.0.1")
        known = await self.engine.social_people.own(person.id)
        return Person(person.public_id, person.nickname, known.email, tokens.atoken, tokens.rtoken)

    def token_of(self, who: Person, kind: TokenKind, *, age_s: int = 0, path: str = "") -> str:
        """A token of his sign-in, as it would have been issued a while ago."""
        tokens, now_s = self.engine.world.social_tokens, self.engine.node.now_ms() // 1_000
        family_id = tokens.read(who.atoken, TokenKind.ACCESS, now_s=now_s).family_id
        return tokens.issue(
            kind, user_id=int(who.id), now_s=now_s - age_s, family_id=family_id, name=who.name, path=path
        )[0]

    async def words(self, who: Person) -> dict[str, str]:
        """Tokens of his by what is wrong with them, and the good ones."""
        other = await self.sign_in(await self.record(who))
        await self.told(other, "POST", "/api/login/logout")
        head, payload, seal = who.atoken.split(".")
        return {
            "atoken": who.atoken,
            "rtoken": who.rtoken,
            "ticket": self.token_of(who, TokenKind.TICKET, path="/api/chat/ws"),
            "expired": self.token_of(who, TokenKind.ACCESS, age_s=7_300),
            "forged": f"{head}.{payload}.{'A' if seal[0] != 'A' else 'B'}{seal[1:]}",
            "signed out": other.atoken,
        }

    @property
    def mail(self) -> RecordingMail:
        """What has been mailed."""
        mail = self.engine.world.mail
        assert isinstance(mail, RecordingMail)
        return mail

    async def mailed_code(self, email: str) -> str:
        """Somebody asks for a code and reads his mail."""
        await self.told(None, "POST", "/api/login/send-code", {"email": email})
        return self.mail.code_for(email)

    async def whole(self, who: Person) -> SocialPerson:
        """The person as the engine keeps him."""
        return await self.engine.social_people.find(Snowflake(int(who.id)))

    async def record(self, who: Person) -> PersonRecord:
        """His account."""
        return (await self.whole(who)).person

    async def ban(self, who: Person, kind: BanKind = BanKind.ACCOUNT, text: str = "违规") -> None:
        """An operator excludes somebody."""
        await self.exclude((await self.record(who)).id, kind, text)

    async def told(self, who: Person | None, method: str, path: str, sent: dict[str, Any] | None = None) -> Any:
        """The ``data`` of a reply that must be a success."""
        answered = await self.call(who, method, path.lstrip("/"), sent)
        assert (answered.status, answered.body["code"]) == (200, 20000), answered
        return answered.body["data"]

    async def refused(self, who: Person | None, method: str, path: str, sent: dict[str, Any] | None = None) -> int:
        """The code of a reply that must be a refusal."""
        answered: Answered = await self.call(who, method, path.lstrip("/"), sent)
        assert (answered.status, answered.body["data"]) == (200, {}), answered
        assert answered.body["code"] != 20000, answered
        return int(answered.body["code"])

    async def come_in(self) -> None:
        self.jhinih = await self.newcomer("jhinih")
        self.wxy = await self.newcomer("wxy")
        self.zhao = await self.newcomer("zhao")
        self.ann = await self.newcomer("ann", level=TOP_LEVEL)


@asynccontextmanager
async def on_line(
    options: settings.Settings | None = None,
    *,
    surface: social.SocialOptions = OPTIONS,
    given: Given | None = None,
    **services: Any,
) -> AsyncIterator[Scene]:
    """A server with its cast, ended afterwards. ``given`` has happened there; ``services`` are fields of the world."""
    async with Scene(options or settings.Settings(), surface, **services).open(given) as scene:
        yield scene
