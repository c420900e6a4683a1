"""Being signed in to the social app: tokens that stay what they are, tickets that work once, and their end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.errors import Banned, NotSignedIn, StoreDown, TokenExpired, TokenMisused
from engine.records import BanKind, PersonRecord
from engine.services.known_people import Known
from engine.services.sign_ins import SIGN_INS_MAX
from engine.services.social_sign_ins import SocialSignIns, SocialTokens
from tests.people import Cast, Stage, on_stage

PATH = "/api/chat/ws"


class App:
    """A stage with wxy, who has an account."""

    def __init__(self, cast: Cast, wxy: PersonRecord) -> None:
        self.cast = cast
        self.stage = cast.stage
        self.engine = cast.engine
        self.switch = cast.switch
        self.wxy = wxy

    @property
    def sign_ins(self) -> SocialSignIns:
        return self.engine.social_sign_ins

    async def opened(self) -> SocialTokens:
        return await self.sign_ins.open(self.wxy, device="a phone", address="192.0.2.1")

    async def known(self) -> Known:
        return await self.sign_ins.who_by_token((await self.opened()).atoken)

    async def later(self, length_ms: int) -> None:
        """Time passes for the store, and nothing else happens: hours of a whole node are long."""
        at_ms = self.engine.node.now_ms() + length_ms
        self.engine.node.now_ms = lambda: at_ms  # type: ignore[method-assign]
        await self.stage.clock.advance(1_000)

    @asynccontextmanager
    async def elsewhere(self) -> AsyncIterator[Stage]:
        """Another node over the same stores."""
        stage = Stage(self.stage.stores, self.engine.options, seed=7)
        await stage.start(supersedes=False)
        yield stage
        await stage.kill()


@asynccontextmanager
async def in_the_app() -> AsyncIterator[App]:
    async with on_stage() as cast:
        made = await cast.engine.social_people.register("wxy", "123456", email="wxy@example.com")
        yield App(cast, made.person)


async def is_good(sign_ins: SocialSignIns, tokens: SocialTokens) -> bool:
    """Whether both tokens are, which never differ."""
    found = []
    for ask, token in ((sign_ins.who_by_token, tokens.atoken), (sign_ins.renew, tokens.rtoken)):
        try:
            await ask(token)
            found.append(True)
        except NotSignedIn:
            found.append(False)
    assert found[0] is found[1]
    return found[0]


async def test_an_atoken_names_the_person_his_sign_in_and_what_the_app_keeps_of_him():
    async with in_the_app() as app:
        known = await app.known()

        assert known.person.id == app.wxy.id
        assert known.member is not None
        assert (known.member.level, known.member.device, known.member.address) == (0, "a phone", "192.0.2.1")
        assert known.member.login_at_ms == app.engine.node.now_ms()


async def test_kinds_are_not_interchangeable():
    async with in_the_app() as app:
        tokens = await app.opened()
        ticket = app.sign_ins.issue_ticket(await app.known(), path=PATH)
        asked = {
            "atoken": app.sign_ins.who_by_token,
            "rtoken": app.sign_ins.renew,
            "ticket": lambda token: app.sign_ins.redeem_ticket(token, path=PATH),
        }

        for own, token in {"atoken": tokens.atoken, "rtoken": tokens.rtoken, "ticket": ticket}.items():
            for kind, ask in asked.items():
                if kind != own:
                    with pytest.raises(TokenMisused):
                        await ask(token)


async def test_an_rtoken_stays_good_and_gives_atokens_of_the_same_sign_in():
    async with in_the_app() as app:
        tokens = await app.opened()
        known = await app.sign_ins.who_by_token(tokens.atoken)

        renewed = [await app.sign_ins.renew(tokens.rtoken) for _ in range(3)]

        assert len({tokens.atoken, *renewed}) == 4
        for atoken in renewed:
            assert (await app.sign_ins.who_by_token(atoken)).sign_in_id == known.sign_in_id


@pytest.mark.parametrize(("after_s", "atoken", "rtoken"), [(7_000, True, True), (7_300, False, True)])
async def test_an_atoken_is_good_for_two_hours(after_s, atoken, rtoken):
    async with in_the_app() as app:
        tokens = await app.opened()
        await app.later(after_s * 1_000)

        if atoken:
            await app.sign_ins.who_by_token(tokens.atoken)
        else:
            with pytest.raises(TokenExpired):
                await app.sign_ins.who_by_token(tokens.atoken)
        assert bool(await app.sign_ins.renew(tokens.rtoken)) is rtoken


async def test_an_rtoken_is_good_for_seven_days():
    async with in_the_app() as app:
        tokens = await app.opened()
        await app.later(7 * 86_400_000 + 60_000)

        with pytest.raises(TokenExpired):
            await app.sign_ins.renew(tokens.rtoken)


async def test_whoever_signs_out_ends_both_tokens_and_leaves_his_other_sign_ins():
    async with in_the_app() as app:
        here, there = await app.opened(), await app.opened()
        known = await app.sign_ins.who_by_token(here.atoken)

        await app.sign_ins.leave(known.sign_in_id, app.wxy.id)

        assert not await is_good(app.sign_ins, here)
        assert await is_good(app.sign_ins, there)
        member = await app.stage.stores.members.get(app.wxy.id)
        assert member is not None
        assert member.is_logged_out


async def test_an_rtoken_ends_its_own_sign_in_and_only_its_owners():
    async with in_the_app() as app:
        ann = (await app.engine.social_people.register("ann", "123456", email="ann@example.com")).person
        mine, hers = await app.opened(), await app.sign_ins.open(ann)

        for rtoken in (hers.rtoken, mine.atoken, "x", ""):
            await app.sign_ins.close_by_rtoken(rtoken, app.wxy.id)
        assert await is_good(app.sign_ins, mine)
        assert await is_good(app.sign_ins, hers)

        await app.sign_ins.close_by_rtoken(mine.rtoken, app.wxy.id)
        assert not await is_good(app.sign_ins, mine)


async def test_another_node_hears_of_it_within_a_second_and_closes_the_sockets():
    async with in_the_app() as app, app.elsewhere() as elsewhere:
        tokens = await app.opened()
        known = await elsewhere.engine.social_sign_ins.who_by_token(tokens.atoken)
        elsewhere.engine.presence.line_opened(app.wxy.id)
        elsewhere.engine.social_sign_ins.watch(known)

        await app.sign_ins.close(known.sign_in_id, app.wxy.id)
        await app.stage.clock.advance(1_001)

        assert not await is_good(elsewhere.engine.social_sign_ins, tokens)
        assert elsewhere.heard.closed == [(app.wxy.id, 4001)]


async def test_another_level_counts_everywhere_within_a_second_whatever_the_token_says():
    async with in_the_app() as app, app.elsewhere() as elsewhere:
        atoken = (await app.opened()).atoken
        for engine in (app.engine, elsewhere.engine):
            known = await engine.social_sign_ins.who_by_token(atoken)
            assert known.member is not None
            assert known.member.level == 0

        await app.engine.social_people.appoint(app.wxy.id, 3)

        here = await app.sign_ins.who_by_token(atoken)
        await app.stage.clock.advance(1_000)
        there = await elsewhere.engine.social_sign_ins.who_by_token(atoken)
        for known in (here, there):
            assert known.member is not None
            assert known.member.level == 3


async def test_a_ban_on_another_node_closes_the_sockets_here_within_a_second_and_ends_renewals():
    async with in_the_app() as app, app.elsewhere() as elsewhere:
        tokens = await app.opened()
        elsewhere.engine.presence.line_opened(app.wxy.id)
        elsewhere.engine.social_sign_ins.watch(await elsewhere.engine.social_sign_ins.who_by_token(tokens.atoken))

        await app.engine.notices.ban(app.wxy.id, BanKind.ACCOUNT, "违规", until_ms=None)
        await app.stage.clock.advance(1_001)

        assert elsewhere.heard.closed == [(app.wxy.id, 4003)]
        with pytest.raises(Banned):
            await elsewhere.engine.social_sign_ins.renew(tokens.rtoken)
        known = await elsewhere.engine.social_sign_ins.who_by_token(tokens.atoken)
        with pytest.raises(Banned):
            await app.sign_ins.open(known.person)


async def test_whoever_signs_in_too_often_is_signed_out_where_he_has_been_for_longest():
    async with in_the_app() as app:
        first = await app.opened()
        for _ in range(SIGN_INS_MAX):
            await app.stage.clock.advance(10)
            last = await app.opened()

        assert not await is_good(app.sign_ins, first)
        assert await is_good(app.sign_ins, last)


# --- tickets ---------------------------------------------------------------------------------------------------------


async def test_a_ticket_opens_one_socket_once():
    async with in_the_app() as app:
        known = await app.known()
        ticket = app.sign_ins.issue_ticket(known, path=PATH)

        assert await app.sign_ins.redeem_ticket(ticket, path=PATH) == known
        with pytest.raises(NotSignedIn):
            await app.sign_ins.redeem_ticket(ticket, path=PATH)


async def test_of_fifty_who_show_a_ticket_on_two_nodes_one_gets_in():
    async with in_the_app() as app, app.elsewhere() as elsewhere:
        ticket = app.sign_ins.issue_ticket(await app.known(), path=PATH)
        nodes = [app.sign_ins, elsewhere.engine.social_sign_ins] * 25

        shown = await asyncio.gather(*(node.redeem_ticket(ticket, path=PATH) for node in nodes), return_exceptions=True)

        assert sum(isinstance(one, Known) for one in shown) == 1
        assert sum(isinstance(one, NotSignedIn) for one in shown) == 49


@pytest.mark.parametrize(("after_s", "is_good"), [(29, True), (31, False)])
async def test_a_ticket_is_good_for_thirty_seconds(after_s, is_good):
    async with in_the_app() as app:
        ticket = app.sign_ins.issue_ticket(await app.known(), path=PATH)
        await app.stage.clock.advance(after_s * 1_000)

        if is_good:
            await app.sign_ins.redeem_ticket(ticket, path=PATH)
        else:
            with pytest.raises(TokenExpired):
                await app.sign_ins.redeem_ticket(ticket, path=PATH)


async def test_a_ticket_for_another_path_opens_nothing_and_is_not_used_up_by_that():
    async with in_the_app() as app:
        ticket = app.sign_ins.issue_ticket(await app.known(), path=PATH)

        with pytest.raises(NotSignedIn):
            await app.sign_ins.redeem_ticket(ticket, path="/ws")
        await app.sign_ins.redeem_ticket(ticket, path=PATH)


async def test_a_ticket_of_somebody_who_has_signed_out_since_opens_nothing():
    async with in_the_app() as app:
        known = await app.known()
        ticket = app.sign_ins.issue_ticket(known, path=PATH)
        await app.sign_ins.close(known.sign_in_id, app.wxy.id)

        with pytest.raises(NotSignedIn):
            await app.sign_ins.redeem_ticket(ticket, path=PATH)


@pytest.mark.parametrize("call", ["sign_ins.open", "sign_ins.get", "people.get", "members.get", "sign_ins.use"])
async def test_a_store_that_does_not_answer_is_no_verdict_on_anybody(call):
    async with in_the_app() as app:
        tokens = await app.opened()
        ticket = app.sign_ins.issue_ticket(await app.known(), path=PATH)
        await app.stage.clock.advance(1_001)
        app.switch.is_down, app.switch.only = True, call

        others = {
            "sign_ins.open": app.opened,
            "sign_ins.use": lambda: app.sign_ins.redeem_ticket(ticket, path=PATH),
        }
        with pytest.raises(StoreDown):
            await others.get(call, lambda: app.sign_ins.who_by_token(tokens.atoken))()
        app.switch.is_down = False
