"""The hub's own protocol beside two surfaces that have rooms, and people of both.

``on_air()`` opens one. Of the blind dates: hong the matchmaker, mei and tom. Of the paid calls: lan, an anchor, and
bo, a guest. Of the site: jliu, an anchor, and ann, a viewer. Nobody is in a room.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine import settings
from engine.ports import SealedProfile
from engine.records import BanKind, PersonRecord, Role
from engine.services.accounts import CALLS, QLIVE
from engine.services.blind_dates import room_of
from engine.services.identity import SignedIn
from handlers import rooms
from handlers.rooms.access import authenticate
from handlers.surfaces import Opened
from store.interfaces.ids import RoomId
from tests.surfaces.served import Ear, Served

__all__ = ["PATH", "Scene", "on_air"]

PATH = "/rooms/ws"
PASSWORD = "diamonds 960 for me"


class Scene(Served):
    """One server, and the verbs of those who use it."""

    def __init__(self) -> None:
        super().__init__(settings.Settings(), lambda engine: (Opened(rooms.SURFACE, authenticate(engine)),))
        self.people: dict[str, SignedIn] = {}

    @property
    def date(self) -> RoomId:
        """Hong's room."""
        return room_of(self.person("hong").public_id)

    def person(self, name: str) -> PersonRecord:
        """The person as the engine keeps him."""
        return self.people[name].person

    def shown_id(self, name: str) -> str:
        """What the person's surface calls him."""
        person = self.person(name)
        return person.public_id or str(person.id)

    async def listen(self, name: str) -> Ear:
        """A socket of this person."""
        return await self.open_ear(PATH, {"token": self.people[name].token})

    async def live(self, *, inside: tuple[str, ...] = (), seated: tuple[str, ...] = ()) -> RoomId:
        """Hong is live, and these are in her room."""
        dates = self.engine.blind_dates
        await dates.open(self.person("hong"))
        for name in (*inside, *seated):
            await dates.enter(self.person(name), self.date)
        for name in seated:
            await dates.apply(self.person(name), self.date)
            await dates.sit(self.person(name), self.date)
        return self.date

    async def broadcasts(self) -> RoomId:
        """Lan sends into a public room."""
        lan, room_id = self.person("lan"), RoomId("room_of_lan")
        await self.engine.live_rooms.create(lan, room_id=room_id, info="", guest_id=None)
        address = self.engine.live_rooms.addresses(lan, room_id).push
        await self.engine.live_rooms.add_pusher(
            lan, room_id, name="lan", avatar_url="", push_address=address, info=None
        )
        return room_id

    async def talk(self, name: str, room_id: RoomId, *texts: str) -> None:
        """Somebody says something, by whatever surface."""
        for text in texts:
            await self.engine.rooms.say(self.person(name), room_id, text)

    async def ban(self, name: str, kind: BanKind) -> None:
        """An operator excludes somebody."""
        await self.exclude(self.person(name).id, kind)

    async def sign_up(self, name: str, attributes: str = "gender=1") -> None:
        """Somebody new of the blind dates."""
        sealed = SealedProfile(encrypted_data="", iv="")
        code = f"dev:{name}?{attributes}"
        self._is_here(name, await self.engine.identity.sign_up(QLIVE, code, app_id="", sealed=sealed))

    async def come_in(self) -> None:
        await self.sign_up("hong", "gender=2&matchmaker=1")
        await self.sign_up("mei", "gender=2")
        await self.sign_up("tom")
        for name, role in (("lan", Role.ANCHOR), ("bo", Role.GUEST)):
            code = f"dev:{name}?role={'master' if role is Role.ANCHOR else 'guest'}"
            self._is_here(name, await self.engine.identity.sign_in(CALLS, code, role=role, device=None))
        site = self.engine.site_people
        for person in (
            await site.register_anchor("jliu", "jliu", PASSWORD),
            await site.register_viewer("ann", PASSWORD, email=""),
        ):
            tokens = (await self.engine.web_sign_ins.open(person)).tokens
            self._is_here(person.nickname, SignedIn(person=person, token=tokens.access))

    async def show(self) -> RoomId:
        """Jliu's show is on air."""
        return (await self.engine.show_rooms.start(self.person("jliu"), "Tina")).id

    def _is_here(self, name: str, signed_in: SignedIn) -> None:
        self.people[name] = signed_in
        self.engine.presence.seen(signed_in.person)


@asynccontextmanager
async def on_air() -> AsyncIterator[Scene]:
    """A server with its cast, ended afterwards."""
    async with Scene().open() as scene:
        yield scene
