"""The public face: what others see of a person, and what the person may change."""

from enum import Enum

import msgspec

from engine import settings
from engine.billing.tariff import tariff_of
from engine.errors import BadInput, StoreDown, Unreachable
from engine.presence import Presence
from engine.services.accounts import CALLS
from engine.services.calls import Calls
from engine.services.identity import Identity
from engine.storage import store_answers
from engine.world import World
from store.interfaces.calls import Price
from store.interfaces.errors import NotThere, StoreError
from store.interfaces.ids import PersonId
from store.interfaces.people import PersonRecord, Role

__all__ = ["AnchorCard", "Profiles", "Standing"]


class Standing(Enum):
    """How somebody can be reached at this moment."""

    OFFLINE = "offline"
    REACHABLE = "reachable"
    BUSY = "busy"


class AnchorCard(msgspec.Struct, frozen=True, kw_only=True):
    """An anchor as guests see her."""

    person: PersonRecord
    standing: Standing
    price: Price


class Profiles:
    """Reading and changing profiles."""

    def __init__(
        self,
        world: World,
        options: settings.Settings,
        *,
        calls: Calls,
        presence: Presence,
        identity: Identity,
    ) -> None:
        self._world = world
        self._options = options
        self._calls = calls
        self._presence = presence
        self._identity = identity
        self._tariff = tariff_of(options.billing)

    async def anchor(self, anchor_id: PersonId) -> AnchorCard:
        """One anchor's card.

        Raises: Unreachable: no such anchor.
        """
        person = await self.person(anchor_id)
        if person is None or person.role is not Role.ANCHOR:
            raise Unreachable
        price = self._tariff.price(person.points_per_minute)
        return AnchorCard(person=person, standing=await self._standing(person), price=price)

    async def guest_standing(self, anchor: PersonRecord, guest_id: PersonId) -> Standing:
        """How an anchor sees a guest: a hidden one is offline to all but the anchor he is in a call with (CA-10).

        Raises: Unreachable: no such guest.
        """
        person = await self.person(guest_id)
        if person is None or person.role is not Role.GUEST:
            raise Unreachable
        if person.is_hidden:
            call = await self._calls.current_of(guest_id)
            return Standing.BUSY if call is not None and call.anchor_id == anchor.id else Standing.OFFLINE
        return await self._standing(person)

    async def callable_guests(self, *, skip: int, limit: int) -> tuple[PersonRecord, ...]:
        """Guests who are online and not hidden; those without a call first."""
        people = await self.people(await self._presence.everybody(CALLS))
        free: list[PersonRecord] = []
        busy: list[PersonRecord] = []
        for person in people.values():
            if person.role is Role.GUEST and not person.is_hidden and person.ban is None:
                (busy if self._calls.is_busy_here(person.id) else free).append(person)
        return tuple((free + busy)[skip : skip + limit])

    async def set_price(self, anchor: PersonRecord, points_per_minute: int) -> None:
        """Ask this much per minute from the next ring on (CA-26).

        Raises: BadInput: not between 1 and the configured maximum.
        """
        if not 1 <= points_per_minute <= self._options.calls.points_per_minute_max:
            raise BadInput(field="points_per_minute")
        with store_answers:
            await self._world.stores.people.set_price(anchor.id, points_per_minute)
        self._identity.forget(anchor.id)

    async def set_hidden(self, guest: PersonRecord, *, is_hidden: bool) -> None:
        """Be seen and called by anchors, or not."""
        try:
            await self._world.stores.people.set_hidden(guest.id, is_hidden=is_hidden)
        except NotThere as error:
            raise Unreachable from error
        except StoreError as error:
            raise StoreDown from error
        self._identity.forget(guest.id)

    async def person(self, person_id: PersonId) -> PersonRecord | None:
        """One person of this surface, or None.

        Raises: StoreDown.
        """
        with store_answers:
            person = await self._world.stores.people.get(person_id)
        return person if person is not None and person.surface == CALLS else None

    async def people(self, person_ids: tuple[PersonId, ...]) -> dict[PersonId, PersonRecord]:
        """Those of the given people who exist, in the given order.

        Raises: StoreDown.
        """
        with store_answers:
            found = await self._world.stores.people.many(person_ids)
        return {person_id: found[person_id] for person_id in person_ids if person_id in found}

    async def _standing(self, person: PersonRecord) -> Standing:
        if await self._calls.current_of(person.id) is not None:
            return Standing.BUSY
        return Standing.REACHABLE if await self._presence.is_reachable(person.surface, person.id) else Standing.OFFLINE
