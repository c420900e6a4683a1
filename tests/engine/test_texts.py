"""What people write, made fit to be kept and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.texts import cut_to_width, in_lines, is_web_address, one_line, seen, speakable


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" a\nb ", "a b"),
        ("a\x00\x07\x1b[31mb\x7f\x85", "a[31mb"),
        ("abc\u202edef\u2066", "abcdef"),
        ("<script>", "<script>"),
        ("🇨🇳", "🇨🇳"),
        ("", ""),
    ],
)
def test_control_and_direction_characters_are_removed_and_nothing_else(text, kept):
    assert speakable(text) == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [("wxy\ufe0f", "wxy"), ("w\u034fx\u200by", "wxy"), ("\u3164\u115f\u2800\uffa0", ""), ("王 é 👍", "王 é 👍")],
)
def test_what_has_no_shape_is_not_seen(text, shown):
    assert seen(text) == shown


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" a\n  b \n\nc\n", "a\n  b\n\nc"),
        ("a\r\nb\rc\td", "a\nb\nc    d"),
        ("a\x00\n\u202eb\x1b", "a\nb"),
        ("\n \n", ""),
    ],
)
def test_lines_stay_lines_and_hold_no_control_characters(text, kept):
    assert in_lines(text) == kept


def test_what_looks_the_same_is_the_same():
    assert one_line("e\u0301") == one_line("\u00e9") == "é"


@pytest.mark.parametrize(
    ("text", "units_max", "kept"),
    [
        ("", 0, ""),
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("一二", 6, "一二"),
        ("一二", 5, "一"),
        ("a一", 3, "a"),
        ("ab 一", 3, "ab"),
        ("ｗ", 2, ""),
    ],
)
def test_a_text_is_cut_before_the_character_that_is_too_much(text, units_max, kept):
    assert cut_to_width(text, units_max) == kept


@given(text=st.text(max_size=40), units_max=st.integers(0, 30))
def test_a_cut_text_is_a_beginning_and_cutting_it_again_changes_nothing(text, units_max):
    kept = cut_to_width(text, units_max)

    assert text.startswith(kept)
    assert len(kept) <= units_max
    assert cut_to_width(kept, units_max) == kept


@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("https://img.example/a.png", True),
        ("HTTP://img.example", True),
        ("https://img.example:8443/a?b=c#d", True),
        ("https://图.example/图.png", True),
        ("https://", False),
        ("https:///a.png", False),
        ("https://a b", False),
        ("https://a/\n", False),
        ("https://a/\x00", False),
        ("//img.example/a.png", False),
        ("javascript:alert(1)", False),
        ("data:image/png;base64,AA==", False),
        (" https://img.example", False),
        ("", False),
    ],
)
def test_an_address_is_http_with_a_host(text, is_address):
    assert is_web_address(text) is is_address
