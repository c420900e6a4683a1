"""A mailbox keeps order, and full means something else for each kind of message."""

import asyncio
import sys

import pytest

from engine.actors.mailbox import NOTHING, Mailbox, MailboxRules, Question
from engine.errors import MailboxFull, SessionEnded
from tests.engine.actors.parts import Noise


def question(text: str) -> Question:
    return Question(text, asyncio.get_running_loop().create_future())


def test_messages_come_out_in_the_order_they_went_in() -> None:
    mailbox = Mailbox(MailboxRules(10))

    for message in ("a", None, "c"):
        mailbox.tell(message)

    assert [mailbox.take() for _ in range(4)] == ["a", None, "c", NOTHING]


async def test_a_full_mailbox_refuses_asks_drops_noise_and_takes_the_rest() -> None:
    rules = MailboxRules(2)
    mailbox = Mailbox(rules)
    mailbox.tell("a")
    mailbox.ask(question("b"))

    with pytest.raises(MailboxFull):
        mailbox.ask(question("c"))
    assert not mailbox.tell(Noise("d"))
    assert mailbox.tell("e")

    assert len(mailbox) == 3
    assert (rules.refused_count, rules.dropped_count, rules.over_count) == (1, 1, 1)


async def test_clearing_answers_what_was_asked() -> None:
    mailbox = Mailbox(MailboxRules(5))
    asked, given_up = question("a"), question("b")
    for letter in (asked, given_up):
        mailbox.ask(letter)
    mailbox.tell("c")
    given_up.reply.cancel()

    mailbox.clear()

    assert isinstance(asked.reply.exception(), SessionEnded)
    assert given_up.reply.cancelled()
    assert len(mailbox) == 0


def test_an_idle_mailbox_holds_no_queue() -> None:
    mailbox = Mailbox(MailboxRules(5))
    mailbox.tell("a")
    mailbox.take()
    mailbox.take()

    assert sys.getsizeof(mailbox) <= 64
    assert mailbox._waiting is None
