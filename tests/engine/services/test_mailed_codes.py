"""Codes by mail: secret, short-lived, tried five times and used once (SO-10, SEC-16, SEC-18)."""

import asyncio

import pytest

from engine.errors import BadInput, MailDown, StoreDown, TooMany
from engine.services.mailed_codes import MailedCodes
from tests.people import Cast, Stage, on_stage
from tests.support.web_services import RecordingMail

NEW, HOME, AWAY = "jhinih@163.com", "192.0.2.1", "192.0.2.2"


def codes_of(cast: Cast) -> MailedCodes:
    return cast.engine.mailed_codes


def mail_of(cast: Cast) -> RecordingMail:
    mail = cast.stage.world.mail
    assert isinstance(mail, RecordingMail)
    return mail


async def mailed(cast: Cast, email: str = NEW) -> str:
    await codes_of(cast).send(email, address=HOME)
    return mail_of(cast).code_for(email)


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_a_code_of_six_digits_is_mailed_kept_as_no_digits_and_works_once():
    async with on_stage() as cast:
        code = await mailed(cast)

        kept = repr(await cast.stage.stores.codes.try_once("mail:jhinih@163.com", now_ms=0))
        assert (len(code), code.isdigit()) == (6, True)
        assert "sealed=" in kept
        assert code not in kept
        await codes_of(cast).redeem("JHINIH@163.com", code, address=HOME)
        with pytest.raises(BadInput) as refused:
            await codes_of(cast).redeem(NEW, code, address=HOME)
        assert refused.value.field == "code"


async def test_codes_are_random_and_of_all_numbers():
    async with on_stage() as cast:
        drawn = [await mailed(cast, f"somebody{number}@example{number // 10}.com") for number in range(25)]

        assert len(set(drawn)) == 25


async def test_of_fifty_who_use_a_code_at_once_one_succeeds():
    async with on_stage() as cast:
        code = await mailed(cast)

        done = await asyncio.gather(
            *(codes_of(cast).redeem(NEW, code, address=f"192.0.2.{number}") for number in range(50)),
            return_exceptions=True,
        )

        assert sum(one is None for one in done) == 1
        assert all(isinstance(one, BadInput | TooMany) for one in done if one is not None)


async def test_five_wrong_tries_end_a_code():
    async with on_stage() as cast:
        code = await mailed(cast)

        for _ in range(5):
            with pytest.raises(BadInput):
                await codes_of(cast).redeem(NEW, another(code), address=HOME)
            await cast.stage.clock.advance(1_000)
        await cast.stage.clock.advance(61_000)

        with pytest.raises(BadInput):
            await codes_of(cast).redeem(NEW, code, address=HOME)


@pytest.mark.parametrize(("after_ms", "is_good"), [(299_000, True), (300_000, False)])
async def test_a_code_lives_five_minutes(after_ms, is_good):
    async with on_stage() as cast:
        code = await mailed(cast)
        await cast.stage.clock.advance(after_ms)

        if is_good:
            await codes_of(cast).redeem(NEW, code, address=HOME)
        else:
            with pytest.raises(BadInput):
                await codes_of(cast).redeem(NEW, code, address=HOME)


async def test_a_minute_passes_between_two_mails_and_the_second_code_replaces_the_first():
    async with on_stage() as cast:
        first = await mailed(cast)
        with pytest.raises(TooMany) as refused:
            await codes_of(cast).send(NEW, address=AWAY)
        assert 59_000 <= refused.value.retry_after_ms <= 60_000
        assert len(mail_of(cast).sent) == 1

        await cast.stage.clock.advance(60_000)
        second = await mailed(cast)

        with pytest.raises(BadInput):
            await codes_of(cast).redeem(NEW, first, address=HOME)
        await codes_of(cast).redeem(NEW, second, address=HOME)


async def test_the_minute_counts_over_all_nodes():
    async with on_stage() as cast:
        elsewhere = Stage(cast.stage.stores, cast.engine.options, seed=7)
        await elsewhere.start(supersedes=False)

        asked = await asyncio.gather(
            codes_of(cast).send(NEW, address=HOME),
            elsewhere.engine.mailed_codes.send(NEW, address=AWAY),
            return_exceptions=True,
        )

        assert sorted(type(one).__name__ for one in asked) == ["NoneType", "TooMany"]
        await elsewhere.kill()


async def test_whether_somebody_has_an_account_is_not_told():
    async with on_stage() as cast:
        await cast.engine.social_people.register("wxy", "123456", email="wxy@example.com")

        for email in ("wxy@example.com", "nobody@example.com"):
            assert await codes_of(cast).send(email, address=HOME) is None

        (of_known, of_unknown) = mail_of(cast).sent
        assert of_known[1] == of_unknown[1]
        assert len(of_known[2]) == len(of_unknown[2])


async def test_a_mail_that_is_not_taken_leaves_no_code_and_no_minute_to_wait():
    async with on_stage() as cast:
        mail_of(cast).is_down = True
        with pytest.raises(MailDown):
            await codes_of(cast).send(NEW, address=HOME)

        mail_of(cast).is_down = False
        await codes_of(cast).redeem(NEW, await mailed(cast), address=HOME)


async def test_nobodys_mailbox_is_filled():
    async with on_stage() as cast:
        sent = 0
        for number in range(60):
            try:
                await codes_of(cast).send(NEW, address=f"192.0.2.{number}")
                sent += 1
            except TooMany:
                pass
            await cast.stage.clock.advance(60_000)

        # Ten at once after a pause, and one each six minutes of the hour.
        assert 10 <= sent <= 20
        assert len(mail_of(cast).sent) == sent


async def test_who_asks_again_too_soon_takes_nothing_from_whoever_the_address_belongs_to():
    async with on_stage() as cast:
        await mailed(cast)
        for _ in range(20):
            with pytest.raises(TooMany):
                await codes_of(cast).send(NEW, address=AWAY)
        await cast.stage.clock.advance(60_000)

        await codes_of(cast).redeem(NEW, await mailed(cast), address=HOME)


async def test_nobody_fills_many_mailboxes():
    async with on_stage() as cast:
        sent = 0
        for number in range(100):
            try:
                await codes_of(cast).send(f"somebody{number}@example.com", address=HOME)
                sent += 1
            except TooMany:
                pass

        assert sent == 30


@pytest.mark.parametrize("email", ["", "jhinih", "@", "a@b", "a b@example.com", "a@example.com\r\nBcc: b@example.com"])
async def test_what_is_no_address_is_mailed_nothing(email):
    async with on_stage() as cast:
        with pytest.raises(BadInput) as refused:
            await codes_of(cast).send(email, address=HOME)
        assert refused.value.field == "email"
        with pytest.raises(BadInput):
            await codes_of(cast).redeem(email, "123456", address=HOME)
        assert mail_of(cast).sent == []


async def test_a_code_of_one_address_is_worth_nothing_for_another():
    async with on_stage() as cast:
        code = await mailed(cast)
        other = await mailed(cast, "other@example.com")
        await codes_of(cast).redeem("other@example.com", other, address=HOME)
        await cast.stage.clock.advance(60_000)
        await codes_of(cast).send("other@example.com", address=HOME)

        with pytest.raises(BadInput):
            await codes_of(cast).redeem("other@example.com", code, address=HOME)


async def test_guessing_gets_slower():
    async with on_stage() as cast:
        looked_at = 0
        for number in range(1_000):
            try:
                await codes_of(cast).redeem(NEW, f"{number:06d}", address=f"192.0.2.{number % 250}")
            except BadInput:
                looked_at += 1
            except TooMany:
                pass
            await cast.stage.clock.advance(1_000)

        assert looked_at <= 40


@pytest.mark.parametrize("call", ["codes.keep", "codes.try_once", "codes.take", "limits.take"])
async def test_a_store_that_does_not_answer_lets_nobody_pass(call):
    async with on_stage() as cast:
        code = await mailed(cast)
        cast.switch.is_down, cast.switch.only = True, call

        is_sent = call in ("codes.keep", "limits.take")
        asked = codes_of(cast).send("other@example.com", address=HOME) if is_sent else None
        with pytest.raises(StoreDown):
            await (asked or codes_of(cast).redeem(NEW, code, address=HOME))
        cast.switch.is_down = False


async def test_no_code_and_no_address_goes_into_a_log():
    async with on_stage() as cast:
        code = await mailed(cast)
        with pytest.raises(BadInput):
            await codes_of(cast).redeem(NEW, another(code), address=HOME)

        logged = repr(cast.stage.log.__dict__)
        assert code not in logged
        assert NEW not in logged
