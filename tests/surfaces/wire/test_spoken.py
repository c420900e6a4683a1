"""Texts in which people talk to people: cleaned rather than refused."""

from typing import Annotated

import msgspec
import pytest

from engine.errors import BadInput, TooLong
from handlers.wire.fields import also, reader, spoken


class Word(msgspec.Struct):
    text: Annotated[str, spoken(5), also("msg")]


READ = reader(Word)


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        ("hello", "hello"),
        ("  hi  ", "hi"),
        ("a\nb", "a b"),
        ("a\u0000\u0007b\u202e\u2066", "ab"),
        ("<b>", "<b>"),
        ("你好", "你好"),
    ],
)
def test_control_and_direction_characters_are_removed(sent, heard):
    assert READ({"text": sent}).text == heard


@pytest.mark.parametrize("name", ["text", "msg"])
def test_it_may_have_other_names_too(name):
    assert READ({name: "hi"}).text == "hi"


@pytest.mark.parametrize("sent", ["", " ", "\u0007\n", 5, True, {"$gt": ""}, ["hi"]])
def test_nothing_is_left_or_it_was_no_text(sent):
    with pytest.raises(BadInput):
        READ({"text": sent})


def test_what_is_left_has_a_bound():
    with pytest.raises(TooLong):
        READ({"text": "  hello!"})
