"""Many people at one moment: they wait in line, and the store is not asked about all of them together. Source: F-23."""

import asyncio

from engine.services.accounts import CALLS
from engine.services.known_people import LOOKUPS_MAX
from store.interfaces.people import Role
from tests.people import on_stage

PEOPLE = 5 * LOOKUPS_MAX


async def test_people_who_come_back_together_are_looked_up_some_at_a_time(monkeypatch):
    async with on_stage() as cast:
        identity, sessions = cast.engine.identity, cast.stage.stores.sessions
        signed_in = [
            await identity.sign_in(CALLS, f"dev:p{number}", role=Role.GUEST, device=None) for number in range(PEOPLE)
        ]
        under_way = most = 0
        find = sessions.find

        async def slow_find(*arguments, **named):
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.05)
            under_way -= 1
            return await find(*arguments, **named)

        monkeypatch.setattr(sessions, "find", slow_find, raising=False)
        found = await asyncio.gather(*(identity.who(one.token, surface=CALLS) for one in signed_in))

        assert found == [one.person for one in signed_in]
        assert most == LOOKUPS_MAX
