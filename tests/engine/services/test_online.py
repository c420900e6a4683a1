"""Who of the social app is there, on whatever node (SO-18)."""

from engine.services.social_people import SocialPerson
from tests.people import Cast, Stage, on_stage


async def newcomer(cast: Cast, name: str) -> SocialPerson:
    made = await cast.engine.social_people.register(name, "123456", email=f"{name}@example.com")
    await cast.engine.social_sign_ins.open(made.person)
    return made


async def names(stage: Stage) -> list[str]:
    return [one.person.nickname for one in await stage.engine.online.people()]


async def test_whoever_has_just_signed_in_is_there_for_five_minutes():
    async with on_stage() as cast:
        await newcomer(cast, "wxy")

        assert await names(cast.stage) == ["wxy"]
        await cast.stage.clock.advance(299_000)
        assert await names(cast.stage) == ["wxy"]
        await cast.stage.clock.advance(2_000)
        assert await names(cast.stage) == []


async def test_every_sign_of_somebody_counts_and_those_heard_of_last_come_first():
    async with on_stage() as cast:
        wxy, _ = await newcomer(cast, "wxy"), await newcomer(cast, "ann")
        await cast.stage.clock.advance(200_000)
        cast.engine.online.heard(wxy.person.id)

        assert await names(cast.stage) == ["wxy", "ann"]
        await cast.stage.clock.advance(150_000)
        assert await names(cast.stage) == ["wxy"]

        found = await cast.engine.social_people.own(wxy.person.id)
        assert cast.engine.node.now_ms() - found.member.active_at_ms == 150_000


async def test_an_open_line_is_a_sign_for_as_long_as_it_is_open():
    async with on_stage() as cast:
        wxy = await newcomer(cast, "wxy")
        cast.engine.presence.seen(wxy.person)
        cast.engine.presence.line_opened(wxy.person.id)

        await cast.stage.clock.advance(900_000)
        assert await names(cast.stage) == ["wxy"]

        cast.engine.presence.line_closed(wxy.person.id, heard_at_ms=cast.engine.node.now_ms())
        await cast.stage.clock.advance(331_000)
        assert await names(cast.stage) == []


async def test_who_signs_out_is_gone_at_once_whatever_was_heard_of_him_before():
    async with on_stage() as cast:
        wxy = await newcomer(cast, "wxy")
        tokens = await cast.engine.social_sign_ins.open(wxy.person)
        known = await cast.engine.social_sign_ins.who_by_token(tokens.atoken)
        await cast.stage.clock.advance(10)
        cast.engine.online.heard(wxy.person.id)

        await cast.engine.social_sign_ins.leave(known.sign_in_id, wxy.person.id)
        cast.engine.online.left(wxy.person.id)

        assert await names(cast.stage) == []
        await cast.stage.clock.advance(10)
        await cast.engine.social_sign_ins.open(wxy.person)
        assert await names(cast.stage) == ["wxy"]


async def test_each_node_knows_of_the_people_of_all_nodes():
    async with on_stage() as cast:
        elsewhere = Stage(cast.stage.stores, cast.engine.options, seed=7)
        await elsewhere.start(supersedes=False)
        wxy = await newcomer(cast, "wxy")
        assert await names(elsewhere) == ["wxy"]

        await cast.stage.clock.advance(250_000)
        elsewhere.engine.online.heard(wxy.person.id)
        await cast.stage.clock.advance(100_000)

        assert await names(cast.stage) == ["wxy"]
        await elsewhere.kill()


async def test_what_a_store_was_not_told_it_is_told_later():
    async with on_stage() as cast:
        wxy = await newcomer(cast, "wxy")
        await cast.stage.clock.advance(200_000)
        cast.engine.online.heard(wxy.person.id)
        heard_at_ms = cast.engine.node.now_ms()
        cast.switch.is_down, cast.switch.only = True, "members.note_active"
        await cast.stage.clock.advance(10_000)
        cast.switch.is_down = False
        await cast.stage.clock.advance(2_000)

        member = await cast.stage.stores.members.get(wxy.person.id)
        assert member is not None
        assert member.active_at_ms == heard_at_ms


async def test_a_client_is_told_of_so_many():
    async with on_stage() as cast:
        limit = cast.engine.options.social.online_listed_max
        for number in range(limit + 3):
            await newcomer(cast, f"somebody{number}")
            await cast.stage.clock.advance(1)

        told = await names(cast.stage)

        assert (len(told), told[0]) == (limit, f"somebody{limit + 2}")
