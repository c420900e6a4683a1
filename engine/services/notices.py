"""What the platform says to people: warnings and bans; and the form ids they leave for its messages."""

from typing import Final

from engine import settings
from engine.errors import NotFound, StoreDown, TooLong
from engine.events import BroadcastBanned, WarningIssued
from engine.node import Node
from engine.ports import Goodbye
from engine.services.calls import Calls
from engine.services.identity import Identity
from engine.services.rooms import Rooms
from engine.services.streams import Streams
from engine.storage import store_answers
from engine.world import World
from store.interfaces.calls import EndReason
from store.interfaces.errors import NotThere, StoreError
from store.interfaces.ids import PersonId
from store.interfaces.notices import MessageForm, WarningNotice
from store.interfaces.people import Ban, BanKind, PersonRecord

__all__ = ["Notices"]

DAY_MS: Final = 86_400_000
WARNING_KEPT_MS: Final = 60_000
"""A read warning is shown again for this long, so that a retry of a lost answer sees it."""

FORM_ID_LENGTH_MAX: Final = 256


class Notices:
    """Warnings, bans and message forms."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        node: Node,
        identity: Identity,
        calls: Calls,
        rooms: Rooms,
        streams: Streams,
    ) -> None:
        self._world = world
        self._options = options.people
        self._node = node
        self._identity = identity
        self._calls = calls
        self._rooms = rooms
        self._streams = streams

    async def warning_for(self, person: PersonRecord) -> str:
        """The newest unread warning, "" when there is none; reading marks it read."""
        now_ms = self._node.now_ms()
        with store_answers:
            warning = await self._world.stores.notices.newest_warning(person.id, read_after_ms=now_ms - WARNING_KEPT_MS)
            if warning is None:
                return ""
            if warning.read_at_ms is None:
                await self._world.stores.notices.mark_read(warning.id, now_ms)
        return warning.text

    async def warn(self, person_id: PersonId, text: str) -> None:
        """Warn somebody; open sockets hear of it at once.

        Raises: NotFound: nobody there. StoreDown.
        """
        await self._require_person(person_id)
        warning = WarningNotice(id=self._world.rng.hex(12), person_id=person_id, text=text, at_ms=self._node.now_ms())
        with store_answers:
            await self._world.stores.notices.warn(warning)
        self._world.sink.tell(person_id, WarningIssued(text=text))

    async def ban(self, person_id: PersonId, kind: BanKind, text: str, *, until_ms: int | None) -> None:
        """Exclude somebody: his call and rooms end, and with an account ban his sockets are closed.

        Raises: NotFound: nobody there. StoreDown: not confirmed; again is safe.
        """
        await self._set_ban(person_id, Ban(kind=kind, text=text, since_ms=self._node.now_ms(), until_ms=until_ms))
        self._world.sink.tell(person_id, BroadcastBanned(text=text, is_account=kind is BanKind.ACCOUNT))
        await self._calls.stop_calls_of(person_id, reason=EndReason.BANNED, by="operator")
        await self._rooms.dismiss(person_id, may_watch=kind is BanKind.BROADCAST)
        self._streams.cut_all_of(person_id)
        if kind is BanKind.ACCOUNT:
            self._world.sink.close(person_id, code=Goodbye.BANNED, reason="banned")

    async def unban(self, person_id: PersonId) -> None:
        """Lift a ban.

        Raises: NotFound: nobody there. StoreDown.
        """
        await self._set_ban(person_id, None)

    async def keep_form(self, person: PersonRecord, form_id: str, module: str) -> None:
        """Keep a form id for a later message (CA-17).

        Raises: TooLong. StoreDown.
        """
        if len(form_id) > FORM_ID_LENGTH_MAX:
            raise TooLong("formId")
        now_ms = self._node.now_ms()
        form = MessageForm(
            form_id=form_id,
            person_id=person.id,
            module=module,
            at_ms=now_ms,
            expires_at_ms=now_ms + self._options.form_id_days * DAY_MS,
        )
        with store_answers:
            await self._world.stores.notices.keep_form(form, keep_max=self._options.form_ids_max)

    async def _set_ban(self, person_id: PersonId, ban: Ban | None) -> None:
        try:
            await self._world.stores.people.set_ban(person_id, ban)
        except NotThere as error:
            raise NotFound("person") from error
        except StoreError as error:
            raise StoreDown from error
        self._identity.forget(person_id)

    async def _require_person(self, person_id: PersonId) -> None:
        with store_answers:
            person = await self._world.stores.people.get(person_id)
        if person is None:
            raise NotFound("person")
