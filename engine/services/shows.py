"""The anchors' rooms of the site, on air or not: what they are called, show and cost.

A show is the room of one character of one anchor; outside it goes by her uid, an underscore and the character's name
(SITE-3). Who is inside, and whether it is on air, is the room's business (``rooms``).
"""

import re
from collections.abc import Sequence
from typing import Final

from engine import settings
from engine.errors import BadInput, Forbidden, NotFound, TooLong
from engine.node import Node
from engine.services.accounts import SITE
from engine.storage import store_answers
from engine.texts import one_line
from engine.world import World
from store.interfaces.errors import Conflict
from store.interfaces.ids import PersonId, RoomId
from store.interfaces.people import PersonRecord
from store.interfaces.shows import ShowInfo, ShowRecord

__all__ = ["Shows", "name_of_show", "show_id", "show_named"]

UID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
UID_CHARS: Final = 22
"""The uid may hold underscores itself, so names are never split at one. Source: SITE-2, SITE-3."""

CHARACTER_CHARS_MAX: Final = 64
DATE_CHARS_MAX: Final = 64
TITLE_CHARS_MAX: Final = 200
DESCRIPTION_CHARS_MAX: Final = 2_000
LISTED_MAX: Final = 1_000
PREFIX: Final = f"{SITE}:"


def show_id(uid: str, character: str) -> RoomId:
    """The room of that character of the anchor with that uid.

    Raises: BadInput: such a name cannot be; ``character``.
    """
    is_name = 1 <= len(character) <= CHARACTER_CHARS_MAX and "/" not in character and one_line(character) == character
    if not is_name:
        raise BadInput("not the name of a character", field="character")
    assert UID.fullmatch(uid)
    return RoomId(f"{PREFIX}{uid}_{character}")


def show_named(name: str) -> RoomId:
    """The room that goes by ``name`` outside.

    Raises: NotFound: no room can go by that.
    """
    uid, underscore, character = name[:UID_CHARS], name[UID_CHARS : UID_CHARS + 1], name[UID_CHARS + 1 :]
    if not UID.fullmatch(uid) or underscore != "_":
        raise NotFound("room")
    try:
        return show_id(uid, character)
    except BadInput:
        raise NotFound("room") from None


def name_of_show(room_id: RoomId) -> str:
    """What the room goes by outside."""
    return room_id.removeprefix(PREFIX)


class Shows:
    """Shows, looked up and described."""

    def __init__(self, world: World, options: settings.Settings, *, node: Node) -> None:
        self._store = world.stores.shows
        self._node = node
        self._price_max = options.billing.amount_max

    async def introduce(self, anchor: PersonRecord, character: str, *, date: str = "") -> ShowRecord:
        """The anchor's show of that character, made if there is none; ``date``, if given, is its card's from now on.

        Raises: BadInput (``character``). TooLong (``character_date``). StoreDown.
        """
        if len(date) > DATE_CHARS_MAX:
            raise TooLong("character_date")
        room_id = show_id(anchor.public_id, character)
        wanted = ShowRecord(
            id=room_id,
            anchor_id=anchor.id,
            character=character,
            character_date=date,
            created_at_ms=self._node.now_ms(),
        )
        with store_answers:
            kept = await self._store.get(room_id)
            if kept is not None and date in ("", kept.character_date):
                return kept
            try:
                return await self._store.keep(wanted)
            except Conflict as error:
                raise Forbidden("another anchor's show") from error

    async def describe(self, anchor: PersonRecord, character: str, info: ShowInfo, *, date: str = "") -> ShowRecord:
        """Say what the show of that character is; again is fine, at any time.

        What somebody has paid for it stays paid, whatever it costs from now on.

        Raises: as ``introduce``. BadInput (``price``). TooLong (``title``, ``describe``).
        """
        if not 0 <= info.price <= self._price_max:
            raise BadInput(field="price")
        if len(info.title) > TITLE_CHARS_MAX:
            raise TooLong("title")
        if len(info.describe) > DESCRIPTION_CHARS_MAX:
            raise TooLong("describe")
        show = await self.introduce(anchor, character, date=date)
        with store_answers:
            return await self._store.describe(show.id, info)

    async def get(self, room_id: RoomId) -> ShowRecord:
        """One show.

        Raises: NotFound, StoreDown.
        """
        with store_answers:
            show = await self._store.get(room_id)
        if show is None:
            raise NotFound("room")
        return show

    async def many(self, room_ids: Sequence[RoomId]) -> dict[RoomId, ShowRecord]:
        """Those of the given shows that exist, in their order; any number of ids.

        Raises: StoreDown.
        """
        shows: dict[RoomId, ShowRecord] = {}
        with store_answers:
            for first in range(0, len(room_ids), LISTED_MAX):
                shows |= await self._store.many(room_ids[first : first + LISTED_MAX])
        return shows

    async def of_anchor(self, anchor_id: PersonId) -> tuple[ShowRecord, ...]:
        """An anchor's shows, oldest first.

        Raises: StoreDown.
        """
        with store_answers:
            return await self._store.of_anchor(anchor_id, limit=LISTED_MAX)
