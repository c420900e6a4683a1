"""Guests are the same ones when they come back, and nobody else is ever taken for one (SITE-7, SITE-8)."""

import re
from typing import Any

from engine.ports import TokenKind
from engine.services.guests import GUESTS_FROM, Guests, is_guest
from store.interfaces.ids import ID_MAX, PersonId
from tests.people import STORE_EPOCH_MS, on_stage

DAY_MS = 86_400_000


async def test_a_guest_has_a_name_and_an_id_of_his_own():
    async with on_stage() as cast:
        guests = [cast.engine.guests.new() for _ in range(100)]

        assert len({guest.id for guest in guests}) == len({guest.name for guest in guests}) == 100
        assert all(re.fullmatch("游客[A-Za-z0-9]{6}", guest.name) for guest in guests)
        assert all(is_guest(guest.id) and GUESTS_FROM <= guest.id <= ID_MAX for guest in guests)


class Calendar:
    """The store's time where nothing else of a node is wanted; a month of a whole one is long."""

    def __init__(self) -> None:
        self.at_ms = STORE_EPOCH_MS

    def now_ms(self) -> int:
        return self.at_ms


async def test_he_comes_back_under_the_same_name_for_thirty_days():
    async with on_stage() as cast:
        calendar: Any = Calendar()
        guests = Guests(cast.stage.world, node=calendar)
        guest = guests.new()

        calendar.at_ms += 30 * DAY_MS - 1_000
        known = guests.known(guest.token)
        calendar.at_ms += 60_000

        assert known is not None
        assert (known.id, known.name, known.token) == (guest.id, guest.name, "")
        assert guests.known(guest.token) is None


async def test_a_token_of_another_kind_or_of_somebody_with_an_account_makes_no_guest():
    async with on_stage() as cast:
        tokens, now_s = cast.stage.world.web_tokens, cast.engine.node.now_ms() // 1_000
        access, _ = tokens.issue(TokenKind.ACCESS, user_id=GUESTS_FROM + 1, now_s=now_s)
        of_tom, _ = tokens.issue(TokenKind.GUEST, user_id=cast.tom.id, now_s=now_s)

        for token in (access, of_tom, "", "x", cast.engine.guests.new().token[:-1]):
            assert cast.engine.guests.known(token) is None


async def test_people_with_accounts_are_no_guests():
    async with on_stage() as cast:
        assert not is_guest(cast.tom.id)
        assert not is_guest(PersonId(GUESTS_FROM - 1))
        assert not is_guest(PersonId(2**53 - 1))
