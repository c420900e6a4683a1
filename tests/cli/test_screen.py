"""Tables, times and the two kinds of screen."""

import io
import json
import re

import pytest

from handlers.admin.cli import screen
from handlers.admin.cli.story import story
from handlers.admin.cli.tables import Table, facts, ids, numbers, plain, texts, width
from handlers.admin.cli.words import clean, length, signed

CALLS = Table(
    ids("call", "state", "guest", "anchor") + numbers("talk", "billed", "silent") + texts("why"),
    [
        (
            "9007199254740991",
            "connected",
            "9007199254740990",
            "9007199254740989",
            "00:37:51",
            38,
            None,
            "end not applied",
        )
    ],
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def narrow_terminal(monkeypatch):
    """Standard output from here on; a fixture would be undone before its test begins."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_plain_text_is_never_cut_and_has_no_colour(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setenv("COLUMNS", "20")

    screen.show([CALLS, "FAIL x"])

    assert "\x1b" not in out.getvalue()
    last = out.getvalue().splitlines()[-2]
    assert last.split() == [
        "9007199254740991",
        "connected",
        "9007199254740990",
        "9007199254740989",
        "00:37:51",
        "38",
        "–",
        "end",
        "not",
        "applied",
    ]


def test_a_narrow_terminal_never_cuts_an_id(monkeypatch):
    terminal = narrow_terminal(monkeypatch)
    screen.show([CALLS])

    shown = without_colour(terminal.getvalue())
    for whole in ("9007199254740991", "9007199254740990", "9007199254740989", "00:37:51"):
        assert whole in shown
    assert "…" not in shown


def test_a_terminal_gets_colour_unless_it_declines(monkeypatch):
    terminal = narrow_terminal(monkeypatch)
    screen.show([Table(ids("result"), [("FAIL",)])])
    assert "\x1b[1;31m" in terminal.getvalue()

    terminal.truncate(0)
    monkeypatch.setenv("NO_COLOR", "1")
    screen.show([Table(ids("result"), [("FAIL",)]), "FAIL"])
    assert "31m" not in terminal.getvalue()


def test_a_terminal_sets_thousands_apart_and_plain_text_does_not(monkeypatch):
    terminal = narrow_terminal(monkeypatch)
    table = Table(ids("currency") + numbers("sum"), [("calls.diamonds", 1_234_567)], ("total", 1_234_567))

    screen.show([table])

    assert without_colour(terminal.getvalue()).count("1 234 567") == 2
    assert plain(table).count("1234567") == 2


def test_markup_in_names_is_text(monkeypatch):
    terminal = narrow_terminal(monkeypatch)
    screen.show([Table(texts("nickname"), [("[red]Eve[/red]",)]), "[bold]"])

    shown = without_colour(terminal.getvalue())
    assert "[red]Eve[/red]" in shown
    assert "[bold]" in shown


def test_zero_is_0_unknown_is_a_dash_and_numbers_stand_right():
    table = Table(ids("day") + numbers("gifts"), [("08-13", 120), ("08-14", 0), ("08-15", None)])

    assert plain(table).splitlines() == ["day    gifts", "────────────", "08-13    120", "08-14      0", "08-15      –"]


def test_chinese_takes_two_places():
    assert width("阿宁") == 4
    assert plain(Table(texts("name") + ids("id"), [("阿宁", "1"), ("Tom", "2")])).splitlines()[2:] == [
        "阿宁  1",
        "Tom   2",
    ]


def test_nine_columns_are_too_many():
    with pytest.raises(AssertionError):
        Table(ids(*"abcdefghi"), [])


def test_facts_are_lines():
    assert plain(facts(rung_by="guest", price=5, room=None)).splitlines()[2:] == [
        "rung by  guest",
        "price    5",
        "room     –",
    ]


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (0, "00:00:00"),
        (999, "00:00:00"),
        (2_271_000, "00:37:51"),
        (274_320_000, "3d 04:12:00"),
        (-5, "00:00:00"),
        (None, "–"),
    ],
)
def test_a_length_reads_as_a_clock(length_ms, text):
    assert length(length_ms) == text


def test_a_sign_says_which_way():
    assert [signed(amount) for amount in (-20, 0, 10)] == ["-20", "0", "+10"]


def test_what_a_terminal_would_obey_is_shown_as_such():
    assert clean("\x1b[31m\r\n\u202ex") == "�[31m���x"


def explanation(history, minutes):
    return {
        "call": {"history": [{"at_ms": at, "event": event, "by": by} for at, event, by in history]},
        "lines": [
            {"kind": "minute", "minute": n, "at_ms": at, "guest_diamonds": -20, "anchor_points": 10, "note": ""}
            for n, at in enumerate(minutes, start=1)
        ],
    }


def test_a_run_of_minutes_is_folded_and_its_lines_keep_their_numbers():
    told = story(explanation([(0, "rang", "guest"), (90, "ended hung_up", "guest")], range(10, 48)))

    assert [(line.number, line.event, line.guest_diamonds, line.anchor_points) for line in told] == [
        (1, "ring guest → anchor", None, None),
        (2, "minute 1, clock starts", -20, 10),
        (None, "minutes 2–37", -720, 360),
        (39, "minute 38", -20, 10),
        (40, "ended: hung up", None, None),
    ]


def test_what_happens_between_minutes_parts_a_run():
    told = story(explanation([(25, "lost", "guest"), (26, "back", "guest")], [10, 20, 30, 40]))

    assert [line.event for line in told] == [
        "minute 1, clock starts",
        "minute 2",
        "guest line lost, not billed",
        "guest is back",
        "minute 3",
        "minute 4",
    ]


def test_a_minute_that_was_paid_after_the_end_was_said_stands_before_it():
    told = story(explanation([(0, "rang", "anchor"), (61, "ended lost", "clock")], [1, 62]))

    assert [line.event for line in told][-2:] == ["minute 2", "ended: lost"]


def test_a_call_that_never_was_is_a_story_too():
    told = story(explanation([(0, "rang", "anchor"), (30, "ended no_answer", "clock")], []))

    assert [line.event for line in told] == ["ring anchor → guest", "ended: no answer"]


class Interrupting:
    """``time.sleep`` for somebody who presses Ctrl-C after so many looks."""

    def __init__(self, looks: int) -> None:
        self.left = looks
        self.lengths: list[float] = []

    def __call__(self, length_s: float) -> None:
        self.lengths.append(length_s)
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_watching_shows_again_and_again_until_somebody_leaves(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("time.sleep", Interrupting(3))
    looks = iter("abc")

    screen.watch(lambda: [next(looks)], 2.0)

    assert out.getvalue() == "a\n\nb\n\nc\n\n"


def test_watching_as_json_is_a_line_each(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    sleep = Interrupting(2)
    monkeypatch.setattr("time.sleep", sleep)

    screen.watch_json(lambda: {"a": 1}, 0.5)

    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"a": 1}, {"a": 1}]
    assert sleep.lengths == [0.5, 0.5]


def test_watching_on_a_terminal_replaces_what_it_showed(monkeypatch):
    terminal = narrow_terminal(monkeypatch)
    monkeypatch.setattr("time.sleep", Interrupting(2))
    looks = iter(("first", "second"))

    screen.watch(lambda: [next(looks)], 1.0)

    assert "first" in terminal.getvalue()
    assert "second" in terminal.getvalue()
