"""Passwords: what may be one, how they are kept, and what a flood of sign-ins costs everybody else (SEC-16, SEC-17)."""

import asyncio
import contextlib
import threading
import time

import bcrypt
import pytest

from adapters.common_passwords import is_common
from adapters.passwords import THREADS, BcryptPasswords
from engine.errors import BadInput, MailboxFull, TooLong
from engine.ports import PasswordRules

RULES = PasswordRules()
SITE = PasswordRules(must_mix=True)
GOOD = "correct horse 7 battery"
CHEAP = 4  # Rounds enough for a test; the configuration takes 10 or more.


@contextlib.contextmanager
def passwords_of(cost=CHEAP, **more):
    passwords = BcryptPasswords(cost=cost, **more)
    try:
        yield passwords
    finally:
        passwords.close()


# How they are kept


@pytest.mark.real_loop(deadline_s=10)
async def test_a_password_is_known_again_and_no_other_is():
    with passwords_of() as passwords:
        hashed = await passwords.hash(GOOD, RULES)

        assert (await passwords.check(GOOD, hashed)).is_right
        for other in ("", GOOD + " ", GOOD.upper(), GOOD[:-1]):
            assert not (await passwords.check(other, hashed)).is_right


@pytest.mark.real_loop(deadline_s=10)
async def test_the_form_is_that_of_the_documents():
    with passwords_of(cost=10) as passwords:
        hashed = await passwords.hash(GOOD, RULES)

        assert hashed.startswith("$2b$10$")
        assert len(hashed) == 60
        # Made by somebody else's library, with its prefix.
        for prefix in ("$2a$10$", "$2y$10$"):
            assert (await passwords.check(GOOD, hashed.replace("$2b$10$", prefix))).is_right


@pytest.mark.real_loop(deadline_s=10)
async def test_the_same_password_is_kept_differently_each_time():
    with passwords_of() as passwords:
        assert await passwords.hash(GOOD, RULES) != await passwords.hash(GOOD, RULES)


@pytest.mark.real_loop(deadline_s=10)
async def test_a_letter_is_the_same_from_every_keyboard():
    with passwords_of() as passwords:
        hashed = await passwords.hash("caf\u00e9 au lait", RULES)

        assert (await passwords.check("cafe\u0301 au lait", hashed)).is_right


@pytest.mark.parametrize(("former", "is_renewed"), [(4, False), (5, True), (6, True)])
@pytest.mark.real_loop(deadline_s=10)
async def test_a_hash_of_another_cost_is_renewed_when_its_password_is_used(former, is_renewed):
    kept = bcrypt.hashpw(GOOD.encode(), bcrypt.gensalt(former)).decode()

    with passwords_of(cost=4) as passwords:
        right, wrong = await passwords.check(GOOD, kept), await passwords.check("wrong", kept)

    assert bool(right.renewed) == is_renewed
    assert wrong.renewed == ""
    if is_renewed:
        assert right.renewed.startswith("$2b$04$")
        assert bcrypt.checkpw(GOOD.encode(), right.renewed.encode())


@pytest.mark.real_loop(deadline_s=10)
async def test_somebody_who_does_not_exist_costs_the_same_work(monkeypatch):
    compared: list[bytes] = []
    checkpw = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda given, kept: compared.append(kept) or checkpw(given, kept))

    with passwords_of(cost=9) as passwords:
        hashed = await passwords.hash(GOOD, RULES)
        took_s = [await seconds_of(passwords.check("a guess", kept)) for _ in range(5) for kept in (hashed, None)]

    assert [kept[:7] for kept in compared] == [b"$2b$09$"] * 10
    # The fastest of each: what is slower was waiting for the machine. Without the rounds it would be a thousandth.
    assert min(took_s[1::2]) > min(took_s[::2]) / 2


async def seconds_of(check):
    began = time.perf_counter()
    assert not (await check).is_right
    return time.perf_counter() - began


@pytest.mark.parametrize("kept", ["", "plain text", "$2b$04$short", "$1$old$hash", "$2b$04$" + "!" * 53])
@pytest.mark.real_loop(deadline_s=10)
async def test_what_is_no_hash_is_nobodys_mistake_but_ours(kept):
    with passwords_of() as passwords, pytest.raises(ValueError, match="not a hash"):
        await passwords.check(GOOD, kept)


@pytest.mark.parametrize("guess", ["", "x" * 73, "中" * 25, "x" * 1_000_000, "\x00", "a\x00b", "\ud800", "🎭" * 18])
@pytest.mark.real_loop(deadline_s=10)
async def test_any_text_may_be_tried(guess):
    with passwords_of() as passwords:
        hashed = await passwords.hash(GOOD, RULES)

        assert not (await passwords.check(guess, hashed)).is_right
        assert not (await passwords.check(guess, None)).is_right


# What may be one


@pytest.mark.parametrize(
    ("password", "rules"),
    [
        ("eight ch", RULES),
        ("x7" + "ab" * 31, RULES),
        ("四个字和四个字啊", RULES),
        ("Tr0ub4dor", SITE),
        ("二零二六年a1?", SITE),
        ("123456", PasswordRules(characters_min=6, may_be_common=True)),
        ("x7" + "ab" * 35, PasswordRules(characters_max=72)),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_these_may_be_passwords(password, rules):
    with passwords_of() as passwords:
        hashed = await passwords.hash(password, rules)

        assert (await passwords.check(password, hashed)).is_right


@pytest.mark.parametrize(
    ("password", "rules", "error"),
    [
        ("", RULES, BadInput),
        ("seven ch"[:7], RULES, BadInput),
        ("x7" * 33, RULES, TooLong),
        # 25 characters are 75 bytes, of which bcrypt would look at 72.
        ("钱" * 12 + "房" * 13, RULES, TooLong),
        ("x7" + "ab" * 36, PasswordRules(characters_max=100), TooLong),
        ("only letters", SITE, BadInput),
        ("9071 5482 66", SITE, BadInput),
        ("with\ttabs in it", RULES, BadInput),
        ("a nul \x00 inside", RULES, BadInput),
        ("half a \ud800 pair", RULES, BadInput),
        ("password1", RULES, BadInput),
        ("PassWord1", RULES, BadInput),
        ("ｐａｓｓｗｏｒｄ", RULES, BadInput),
        ("12345678", RULES, BadInput),
        ("87654321", RULES, BadInput),
        ("qwertyuiop", RULES, BadInput),
        ("abcdefgh", RULES, BadInput),
        ("aaaaaaaaaa", RULES, BadInput),
        ("xyxyxyxy", RULES, BadInput),
        ("woaini1314", RULES, BadInput),
    ],
)
@pytest.mark.real_loop(deadline_s=10)
async def test_these_may_not(password, rules, error):
    with passwords_of() as passwords, pytest.raises(error) as refusal:
        await passwords.hash(password, rules)

    assert refusal.value.field == "password"
    assert not password or password not in str(refusal.value)


@pytest.mark.parametrize("password", [GOOD, "Tr0ub4dor&3", "greenroom-7-curtains", "我家门前有小河", "12345678x9"])
def test_a_password_of_somebodys_own_is_not_common(password):
    assert not is_common(password)


# What a flood costs


@pytest.mark.real_loop(deadline_s=20)
async def test_the_loop_goes_on_while_passwords_are_compared():
    with passwords_of(cost=12) as passwords:
        began = time.perf_counter()
        await passwords.hash(GOOD, RULES)
        one_s = time.perf_counter() - began
        flood = asyncio.gather(*(passwords.check("a guess", None) for _ in range(6)))
        pauses_s: list[float] = []
        while not flood.done():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            pauses_s.append(time.perf_counter() - began)
        await flood

    # On the loop each would be a pause as long as itself.
    assert sorted(pauses_s)[-2] < one_s / 2
    assert len(pauses_s) > 20


@pytest.mark.real_loop(deadline_s=20)
async def test_more_than_can_be_answered_in_time_are_turned_away_at_once():
    with passwords_of(cost=8, waiting_max=5) as passwords:
        ends = await asyncio.gather(*(passwords.check("a guess", None) for _ in range(40)), return_exceptions=True)

        refused = [end for end in ends if isinstance(end, MailboxFull)]
        assert len(refused) == 35
        assert all(refusal.retryable for refusal in refused)
        # And there is place again afterwards.
        assert not (await passwords.check("a guess", None)).is_right


@pytest.mark.real_loop(deadline_s=20)
async def test_who_leaves_the_queue_makes_place():
    with passwords_of(cost=4, waiting_max=4) as passwords:
        # Everybody who compares is busy, so nobody's turn comes before some have left.
        gate = threading.Event()
        for _ in range(THREADS):
            passwords._pool.submit(gate.wait)
        asked = [asyncio.ensure_future(passwords.check("a guess", None)) for _ in range(4)]
        await asyncio.sleep(0)
        for task in asked[2:]:
            task.cancel()
        gate.set()
        await asyncio.gather(*asked, return_exceptions=True)

        ends = await asyncio.gather(*(passwords.check("a guess", None) for _ in range(4)))

    assert len(ends) == 4
