"""The whole blind-date surface, and people who use it as clients do.

``on_air()`` opens one: hong is a matchmaker, mei a woman and tom a man; mei has 10 gold. Nobody is in a room.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from adapters.config import QliveClient
from engine import settings
from engine.greenroom import Greenroom
from engine.records import BanKind, PersonRecord
from engine.services.blind_dates import room_of
from handlers import qlive
from handlers.qlive.access import authenticate
from handlers.surfaces import Opened
from tests.surfaces.served import PAY_KEY, SDK_APP_ID, Called, Given

__all__ = ["APP_ID", "BASE", "CALLBACK_KEY", "OPTIONS", "Person", "Scene", "on_air"]

BASE = "/wx/api/qlive"
APP_ID = "wxca891295c56f2c79"
CALLBACK_KEY = "a-key-for-callbacks"
OPTIONS = qlive.QliveOptions(
    client=QliveClient(),
    sign_key=PAY_KEY,
    public_url="https://live.example",
    sdk_app_id=SDK_APP_ID,
    callback_key=CALLBACK_KEY,
)


class Person(NamedTuple):
    """Somebody with a token, as his client knows him."""

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What every call carries."""
        return {"Authorization": f"QLiveToken {self.token}"}


class Scene(Called):
    """One server, and the verbs of those who use it."""

    base = BASE
    hong: Person
    mei: Person
    tom: Person

    def __init__(self, options: settings.Settings, surface_options: qlive.QliveOptions) -> None:
        def opened(engine: Greenroom) -> tuple[Opened, ...]:
            self.surface = qlive.surface(surface_options, play_url=engine.blind_date_streams.play_address)
            return (Opened(self.surface, authenticate(engine)),)

        super().__init__(options, opened)

    # --- what has happened before ----------------------------------------------------------------------------------

    async def sign_up(self, name: str, **attributes: object) -> Person:
        """Somebody new, or somebody known again."""
        code = f"dev:{name}?" + "&".join(f"{key}={value}" for key, value in attributes.items())
        sent = {"appId": APP_ID, "code": code, "encryptedData": "x", "iv": "x"}
        created = await self.call(None, "POST", "qlive_user/", sent)
        assert created.status == 200, created
        return Person(created.body["user_id"], created.body["token"])

    async def record(self, who: Person) -> PersonRecord:
        """The person as the engine keeps him."""
        return await self.engine.qlive_people.person(who.id)

    async def ban(self, who: Person, kind: BanKind = BanKind.ACCOUNT, text: str = "违规") -> None:
        """An operator excludes somebody."""
        await self.exclude((await self.record(who)).id, kind, text)

    async def live(self) -> None:
        """Hong is live."""
        await self.engine.blind_dates.open(await self.record(self.hong))

    async def watches(self, who: Person) -> None:
        """Somebody is in hong's room."""
        await self.engine.blind_dates.enter(await self.record(who), room_of(self.hong.id))

    async def applies(self, who: Person) -> None:
        """Somebody in hong's room wants to sit."""
        await self.watches(who)
        await self.engine.blind_dates.apply(await self.record(who), room_of(self.hong.id))

    async def sits(self, who: Person) -> None:
        """Somebody is on the microphone in hong's room."""
        await self.applies(who)
        await self.engine.blind_dates.sit(await self.record(who), room_of(self.hong.id))

    async def sits_live(self, who: Person) -> None:
        """Hong is live, and somebody sits in her room."""
        await self.live()
        await self.sits(who)

    async def come_in(self) -> None:
        self.hong = await self.sign_up("红姐", gender=2, age=35, matchmaker=1)
        self.mei = await self.sign_up("小红", gender=2, age=27, gold=10, avatar="https://img.example/2001.jpg")
        self.tom = await self.sign_up("小明", gender=1, age=30)


@asynccontextmanager
async def on_air(
    options: settings.Settings | None = None, *, surface: qlive.QliveOptions = OPTIONS, given: Given | None = None
) -> AsyncIterator[Scene]:
    """A server with its cast, ended afterwards. ``given`` has happened there."""
    async with Scene(options or settings.Settings(), surface).open(given) as scene:
        yield scene
