"""Being signed in by cookie and by tokens: renewal, theft, and the end of it (SITE-11, SITE-12, SEC-8, SEC-9)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.errors import Banned, NotSignedIn, StoreDown
from engine.ports import TokenKind
from engine.services.sign_ins import SIGN_INS_MAX
from engine.services.web_sign_ins import Opened, WebSignIns
from store.interfaces.people import BanKind, PersonRecord
from tests.people import Cast, Stage, on_stage

HOUR_MS = 3_600_000
PASSWORD = "diamonds 960 for me"


class Site:
    """A stage with wei, a viewer, and what he does to his sign-ins."""

    def __init__(self, cast: Cast, wei: PersonRecord) -> None:
        self.stage = cast.stage
        self.engine = cast.engine
        self.switch = cast.switch
        self.wei = wei

    @property
    def sign_ins(self) -> WebSignIns:
        return self.engine.web_sign_ins

    async def opened(self) -> Opened:
        return await self.sign_ins.open(self.wei)

    async def later(self, length_ms: int) -> None:
        """Time passes for the store, and nothing else happens: hours of a whole node are long."""
        before = self.engine.node.now_ms
        at_ms = before() + length_ms
        self.engine.node.now_ms = lambda: at_ms  # type: ignore[method-assign]
        # Nothing is believed from before.
        await self.stage.clock.advance(1_000)

    async def is_good(self, opened: Opened) -> tuple[bool, bool]:
        """Whether the cookie and the access token are."""
        return await self._is(self.sign_ins.who_by_cookie, opened.cookie), await self._is(
            self.sign_ins.who_by_token, opened.tokens.access
        )

    @staticmethod
    async def _is(ask, credential: str) -> bool:
        try:
            await ask(credential)
        except NotSignedIn:
            return False
        return True


@asynccontextmanager
async def on_the_site() -> AsyncIterator[Site]:
    async with on_stage() as cast:
        yield Site(cast, await cast.engine.site_people.register_viewer("wei", PASSWORD, email=""))


async def test_cookie_and_access_token_name_the_person_and_the_same_sign_in():
    async with on_the_site() as site:
        opened = await site.opened()

        by_cookie = await site.sign_ins.who_by_cookie(opened.cookie)
        by_token = await site.sign_ins.who_by_token(opened.tokens.access)

        assert by_cookie == by_token
        assert by_cookie.person.id == site.wei.id
        assert by_cookie.person.last_login_at_ms == site.engine.node.now_ms()


async def test_neither_cookie_nor_tokens_are_kept_or_printed():
    async with on_the_site() as site:
        opened = await site.opened()

        kept = repr(await site.stage.stores.sign_ins.get((await site.sign_ins.who_by_cookie(opened.cookie)).sign_in_id))
        for secret in (opened.cookie, opened.tokens.access, opened.tokens.refresh):
            assert secret not in kept + repr(opened) + repr(opened.tokens)


async def test_a_cookie_is_good_for_twelve_hours_and_an_access_token_for_six():
    async with on_the_site() as site:
        opened = await site.opened()

        await site.later(6 * HOUR_MS - 60_000)
        assert await site.is_good(opened) == (True, True)
        await site.later(2 * 60_000)
        assert await site.is_good(opened) == (True, False)
        await site.later(6 * HOUR_MS)
        assert await site.is_good(opened) == (False, False)


async def test_a_refresh_token_is_exchanged_for_seven_days_each_time_anew():
    async with on_the_site() as site:
        tokens = (await site.opened()).tokens

        for _ in range(4):
            await site.later(6 * 24 * HOUR_MS)
            tokens = await site.sign_ins.renew(tokens.refresh)
            assert (await site.sign_ins.who_by_token(tokens.access)).person.id == site.wei.id

        await site.later(7 * 24 * HOUR_MS + 60_000)
        with pytest.raises(NotSignedIn):
            await site.sign_ins.renew(tokens.refresh)


async def test_a_lost_answer_is_given_again_within_ten_seconds():
    async with on_the_site() as site:
        first = (await site.opened()).tokens

        renewed = await site.sign_ins.renew(first.refresh)
        await site.stage.clock.advance(9_000)
        again = await site.sign_ins.renew(first.refresh)

        assert again == renewed != first
        assert await site.sign_ins.renew(renewed.refresh)


async def test_a_refresh_token_used_again_later_ends_the_whole_sign_in():
    async with on_the_site() as site:
        opened, other = await site.opened(), await site.opened()
        renewed = await site.sign_ins.renew(opened.tokens.refresh)
        await site.stage.clock.advance(12_000)

        with pytest.raises(NotSignedIn):
            await site.sign_ins.renew(opened.tokens.refresh)

        with pytest.raises(NotSignedIn):
            await site.sign_ins.renew(renewed.refresh)
        with pytest.raises(NotSignedIn):
            await site.sign_ins.who_by_token(renewed.access)
        assert await site.is_good(opened) == (False, False)
        assert await site.is_good(other) == (True, True)
        assert site.stage.heard.closed == [(site.wei.id, 4001)]
        line = site.stage.log.take("refresh_token_reused")
        assert line["person_id"] == site.wei.id
        assert opened.tokens.refresh not in repr(line)


async def test_a_token_two_renewals_old_ends_it_at_once():
    async with on_the_site() as site:
        opened = await site.opened()
        second = await site.sign_ins.renew(opened.tokens.refresh)
        await site.sign_ins.renew(second.refresh)

        with pytest.raises(NotSignedIn):
            await site.sign_ins.renew(opened.tokens.refresh)

        assert await site.is_good(opened) == (False, False)
        site.stage.log.take("refresh_token_reused")


async def test_of_many_who_renew_with_one_token_at_once_all_get_the_same_pair():
    async with on_the_site() as site:
        opened = await site.opened()

        pairs = await asyncio.gather(*(site.sign_ins.renew(opened.tokens.refresh) for _ in range(20)))

        assert len({pair.refresh for pair in pairs}) == 1
        assert await site.sign_ins.renew(pairs[0].refresh)


async def test_one_kind_of_token_is_not_taken_for_another():
    async with on_the_site() as site:
        tokens = (await site.opened()).tokens

        with pytest.raises(NotSignedIn):
            await site.sign_ins.renew(tokens.access)
        for token in (tokens.refresh, site.engine.guests.new().token):
            with pytest.raises(NotSignedIn):
                await site.sign_ins.who_by_token(token)


async def test_an_access_token_of_somebody_else_with_this_sign_in_is_worth_nothing():
    async with on_the_site() as site:
        opened = await site.opened()
        known = await site.sign_ins.who_by_token(opened.tokens.access)
        forged, _ = site.stage.world.web_tokens.issue(
            TokenKind.ACCESS,
            user_id=site.wei.id + 1,
            now_s=site.engine.node.now_ms() // 1_000,
            family_id=known.sign_in_id,
        )

        with pytest.raises(NotSignedIn):
            await site.sign_ins.who_by_token(forged)


@pytest.mark.parametrize("cookie", ["", "x", "0" * 64, "\udcff", "{'$gt': ''}"])
async def test_a_cookie_that_nobody_was_given_is_worth_nothing(cookie):
    async with on_the_site() as site:
        await site.opened()

        with pytest.raises(NotSignedIn):
            await site.sign_ins.who_by_cookie(cookie)


async def test_signing_out_ends_this_sign_in_here_at_once_and_no_other():
    async with on_the_site() as site:
        opened, other = await site.opened(), await site.opened()
        known = await site.sign_ins.who_by_token(opened.tokens.access)

        await site.sign_ins.close(known.sign_in_id, site.wei.id)

        assert await site.is_good(opened) == (False, False)
        assert await site.is_good(other) == (True, True)
        with pytest.raises(NotSignedIn):
            await site.sign_ins.renew(opened.tokens.refresh)


async def test_signing_out_by_cookie_ends_the_same_and_nothing_where_there_is_none():
    async with on_the_site() as site:
        opened, other = await site.opened(), await site.opened()

        for cookie in (opened.cookie, opened.cookie, "", "x"):
            await site.sign_ins.close_by_cookie(cookie)

        assert await site.is_good(opened) == (False, False)
        assert await site.is_good(other) == (True, True)


async def test_whoever_signs_in_too_often_is_signed_out_where_he_has_been_for_longest():
    async with on_the_site() as site:
        first = await site.opened()
        for _ in range(SIGN_INS_MAX):
            await site.stage.clock.advance(10)
            last = await site.opened()

        assert await site.is_good(first) == (False, False)
        assert await site.is_good(last) == (True, True)


async def test_another_node_hears_of_it_within_a_second():
    async with on_the_site() as site:
        elsewhere = Stage(site.stage.stores, site.engine.options, seed=7)
        await elsewhere.start(supersedes=False)
        opened = await site.opened()
        known = await elsewhere.engine.web_sign_ins.who_by_token(opened.tokens.access)
        elsewhere.engine.presence.line_opened(site.wei.id)
        elsewhere.engine.web_sign_ins.watch(known)

        await site.sign_ins.close(known.sign_in_id, site.wei.id)
        await site.stage.clock.advance(1_001)

        with pytest.raises(NotSignedIn):
            await elsewhere.engine.web_sign_ins.who_by_token(opened.tokens.access)
        assert elsewhere.heard.closed == [(site.wei.id, 4001)]
        await elsewhere.kill()


async def test_a_ban_on_another_node_closes_the_sockets_here_within_a_second():
    async with on_the_site() as site:
        elsewhere = Stage(site.stage.stores, site.engine.options, seed=7)
        await elsewhere.start(supersedes=False)
        elsewhere.engine.presence.line_opened(site.wei.id)
        elsewhere.engine.web_sign_ins.watch(
            await elsewhere.engine.web_sign_ins.who_by_cookie((await site.opened()).cookie)
        )

        await site.engine.notices.ban(site.wei.id, BanKind.ACCOUNT, "违规", until_ms=None)
        await site.stage.clock.advance(1_001)

        assert elsewhere.heard.closed == [(site.wei.id, 4003)]
        await site.stage.clock.advance(5_000)
        assert elsewhere.heard.closed == [(site.wei.id, 4003)]
        await elsewhere.kill()


async def test_sockets_stay_while_the_sign_in_does_also_when_the_store_is_away():
    async with on_the_site() as site:
        site.engine.presence.line_opened(site.wei.id)
        site.sign_ins.watch(await site.sign_ins.who_by_cookie((await site.opened()).cookie))
        site.sign_ins.watch(await site.sign_ins.who_by_cookie((await site.opened()).cookie))

        await site.stage.clock.advance(3_000)
        site.switch.is_down, site.switch.only = True, "sign_ins.among"
        await site.stage.clock.advance(3_000)
        site.switch.is_down = False
        await site.stage.clock.advance(3_000)

        assert site.stage.heard.closed == []


async def test_who_has_hung_up_is_looked_after_no_longer():
    async with on_the_site() as site:
        opened = await site.opened()
        known = await site.sign_ins.who_by_cookie(opened.cookie)
        site.engine.presence.line_opened(site.wei.id)
        site.sign_ins.watch(known)
        site.engine.presence.line_closed(site.wei.id, heard_at_ms=0)
        await site.stage.clock.advance(1_001)

        await site.stage.stores.sign_ins.close(known.sign_in_id)
        await site.stage.clock.advance(3_000)

        assert site.stage.heard.closed == []


async def test_the_banned_neither_sign_in_nor_renew():
    async with on_the_site() as site:
        opened = await site.opened()
        await site.engine.notices.ban(site.wei.id, BanKind.ACCOUNT, "违规", until_ms=None)
        banned = await site.engine.site_people.person(site.wei.id)

        with pytest.raises(Banned):
            await site.sign_ins.open(banned)
        with pytest.raises(Banned):
            await site.sign_ins.renew(opened.tokens.refresh)


@pytest.mark.parametrize(
    "call", ["sign_ins.open", "sign_ins.rotate", "sign_ins.get", "sign_ins.by_cookie", "people.get"]
)
async def test_a_store_that_does_not_answer_is_no_verdict_on_anybody(call):
    async with on_the_site() as site:
        opened = await site.opened()
        site.switch.is_down, site.switch.only = True, call

        asked = {
            "sign_ins.open": site.opened,
            "sign_ins.rotate": lambda: site.sign_ins.renew(opened.tokens.refresh),
            "sign_ins.get": lambda: site.sign_ins.who_by_token(opened.tokens.access),
            "sign_ins.by_cookie": lambda: site.sign_ins.close_by_cookie(opened.cookie),
            "people.get": lambda: site.sign_ins.who_by_cookie(opened.cookie),
        }
        with pytest.raises(StoreDown):
            await asked[call]()
