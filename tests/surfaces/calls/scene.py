"""The whole calls surface, and people who use it as clients do.

``on_air()`` opens one; mei asks 10 points a minute and is an anchor, tom has 100 diamonds and is a guest.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from engine import settings
from engine.records import BanKind
from handlers import calls
from handlers.calls.access import authenticate
from handlers.surfaces import Opened
from store.interfaces.money import Currency
from tests.surfaces.served import Ear, Given, Served

__all__ = ["OPTIONS", "Person", "Scene", "on_air"]

OPTIONS = calls.CallsOptions(
    share_title="和我视频聊天吧",
    share_image_url="https://img.example/share.png",
    review_versions=(7,),
    time_zone="Asia/Shanghai",
    is_dev=True,
)


class Person(NamedTuple):
    """Somebody with a token, as his client knows him."""

    id: int
    token: str

    @property
    def pair(self) -> dict[str, str]:
        """What every live_room call carries in its query."""
        return {"userID": str(self.id), "token": self.token}


class Scene(Served):
    """One server, and the verbs of those who use it."""

    mei: Person
    tom: Person

    def __init__(self, options: settings.Settings, surface_options: calls.CallsOptions) -> None:
        self.surface = calls.surface(surface_options)
        super().__init__(options, lambda engine: (Opened(self.surface, authenticate(engine)),))

    # --- asking ----------------------------------------------------------------------------------------------------

    async def app(self, who: Person | None, name: str, /, headers: Any = None, **sent: object) -> Any:
        """The body of the answer to ``POST /app/<name>``."""
        token = {} if who is None else {"token": who.token}
        return (await self.ask("POST", f"/app/{name}", {**token, **sent}, headers=headers)).body

    async def weapp(self, who: Person, name: str, /, **sent: object) -> Any:
        """The body of the answer to ``POST /weapp/live_room/<name>``."""
        return (await self.ask("POST", f"/weapp/live_room/{name}", sent, query=who.pair)).body

    async def listen(self, who: Person, **query: str) -> Ear:
        """A socket of this person; let in or not, it is open at first."""
        return await self.open_ear("/weapp/live_room/ws", {**who.pair, **query})

    # --- what has happened before ----------------------------------------------------------------------------------

    async def sign_in(self, name: str, *, role: str = "guest", **attributes: object) -> Person:
        """Somebody new, or somebody known again."""
        code = f"dev:{name}?" + "&".join(f"{key}={value}" for key, value in {"role": role, **attributes}.items())
        signed_in = await self.app(None, "login/weChatLogin", code=code, role=role)
        assert signed_in["code"] == 0, signed_in
        return Person(signed_in["userId"], signed_in["token"])

    async def rings(self) -> int:
        """Tom rings mei; the number of the call."""
        number = (await self.app(self.tom, "live/callApplyGirl", targetUserId=self.mei.id))["recordId"]
        assert isinstance(number, int)
        return number

    async def talks(self) -> int:
        """Tom and mei are in a call, and minute 1 is paid."""
        number = await self.rings()
        started = await self.app(self.mei, "live/startCall", targetUserId=self.tom.id)
        assert started["code"] == 0, started
        return number

    async def broadcasts(self, who: Person | None = None, room_id: str = "room_1a2b3c4d_5e6f") -> str:
        """Mei, or somebody else, sends into a public room."""
        anchor = who or self.mei
        made = await self.weapp(anchor, "create_room", roomInfo="hello", roomID=room_id)
        assert made["code"] == 0, made
        await self.sends(anchor, room_id)
        return room_id

    async def sends(self, who: Person, room_id: str) -> None:
        """Somebody becomes a pusher of a room."""
        address = await self.weapp(who, "get_push_url", roomID=room_id)
        added = await self.weapp(
            who, "add_pusher", roomID=room_id, userName="小红", userAvatar="", pushURL=address["pushURL"]
        )
        assert added["code"] == 0, added

    async def watches(self, who: Person, room_id: str = "room_1a2b3c4d_5e6f") -> None:
        """Somebody is in a room's audience."""
        entered = await self.weapp(who, "add_audience", roomID=room_id, userInfo='{"nick":"小明"}')
        assert entered["code"] == 0, entered

    async def ban(self, who: Person, kind: BanKind = BanKind.ACCOUNT, text: str = "违规") -> None:
        """An operator excludes somebody."""
        await self.exclude(who.id, kind, text)

    async def grant(self, who: Person, diamonds: int) -> None:
        """An operator gives diamonds."""
        await self.give(who.id, Currency.CALLS_DIAMONDS, diamonds)

    async def come_in(self) -> None:
        self.mei = await self.sign_in(
            "小红", role="master", gender=2, age=25, price=10, avatar="https://img.example/2001.jpg"
        )
        self.tom = await self.sign_in("小明", age=30, diamonds=100, avatar="https://img.example/1001.jpg")


@asynccontextmanager
async def on_air(
    options: settings.Settings | None = None, *, surface: calls.CallsOptions = OPTIONS, given: Given | None = None
) -> AsyncIterator[Scene]:
    """A server with its cast, ended afterwards. ``given`` has happened there."""
    async with Scene(options or settings.Settings(), surface).open(given) as scene:
        yield scene
