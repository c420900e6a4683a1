"""What a client may write where a number, a flag or a text is expected."""

from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput, TooLong
from handlers.wire.fields import (
    Amount,
    Count,
    Flag,
    Id,
    Malformed,
    MissingInput,
    Page,
    PageSize,
    WireInt,
    also,
    blank,
    decimal,
    reader,
    snowflake,
    text,
)
from store.interfaces.ids import ID_MAX
from tests.surfaces.wire.toy import Order, Place

NUMBERS = [WireInt, Count, Amount, Id, Page, PageSize]

NO_NUMBERS = [
    *("1e3", "１", "٣", " 5", "5 ", "5\n", "\t5", "+5", "5.0", "5.", ".5", "0x10", "0b1", "0o7", "1_000", "1,000", ""),
    *(
        " ",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "null",
        "true",
        "false",
        "05",
        "00",
        "--5",
        "-",
        "5-",
        "5\x00",
    ),
    *("1" * 19, "1" * 400, "²", "五", 5.0, 5.5, 1e3, float("nan"), float("inf"), True, False, [5], []),
    *({}, {"$gt": 0}, ["5"], 10**19, -(10**19), 10**400, 2**63, 2**53, "9007199254740992"),
]


class Rank(IntEnum):
    LOW = 1
    HIGH = 2


class Color(StrEnum):
    RED = "red"


def field_of(kind: Any, **more: Any):
    return msgspec.defstruct("Shape", [("value", kind)], **more)


def read(kind: Any, value: object) -> Any:
    return reader(field_of(kind))({"value": value}).value


WRITTEN_AS_DECIMALS = {7: 7, 10.0: 10, "10": 10, "10.0": 10, "10.00": 10, "9007199254740991.000": ID_MAX}


@pytest.mark.parametrize(("value", "expected"), WRITTEN_AS_DECIMALS.items())
def test_a_whole_number_may_be_written_as_a_decimal_where_a_field_says_so(value, expected):
    found = read(Annotated[Amount, decimal()], value)

    assert (found, type(found)) == (expected, int)


NO_DECIMALS: list[object] = [
    *(
        10.5,
        "10.5",
        "10.01",
        "10.",
        ".0",
        "10.00000000000000000000",
        "1e1",
        "1e1.0",
        "1_0.0",
        " 10.0",
        "10.0 ",
        "1０.0",
    ),
    *("10.0\n", "10.٠", "0x10.0", "+10.0", "NaN", "010.0", "10.0.0", float("nan"), float("inf"), 2.0**53, 1e300, True),
    *(0, 0.0, "0.00", -1, -1.0, "-1.0", -0.0, "-0.0", "9" * 400 + ".0", None, [], {"$gt": 0}),
]


@pytest.mark.parametrize("value", NO_DECIMALS, ids=[repr(value)[:24] for value in NO_DECIMALS])
def test_what_has_a_fraction_or_only_resembles_a_number_is_no_whole_one(value):
    with pytest.raises(BadInput):
        read(Annotated[Amount, decimal()], value)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=[repr(value)[:24] for value in NO_NUMBERS])
@pytest.mark.parametrize("kind", NUMBERS)
def test_what_only_resembles_a_whole_number_is_refused(kind, value):
    with pytest.raises(BadInput) as refused:
        read(kind, value)

    assert refused.value.field == "value"


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("value", [7, "7"])
def test_a_number_and_its_digits_are_the_same(kind, value):
    assert read(kind, value) == 7
    assert type(read(kind, value)) is int


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        (WireInt, -ID_MAX, ID_MAX),
        (Count, 0, ID_MAX),
        (Amount, 1, ID_MAX),
        (Id, 1, ID_MAX),
        (Page, 1, 10_000),
        (PageSize, 1, 100),
        (Annotated[int, msgspec.Meta(ge=1, le=9_999)], 1, 9_999),
    ],
)
def test_bounds_hold_for_numbers_and_for_digits(kind, least, most):
    for good in (least, most, str(least), str(most)):
        assert read(kind, good) == int(good)
    for bad in (least - 1, most + 1, str(least - 1), str(most + 1)):
        with pytest.raises(BadInput):
            read(kind, bad)


@given(st.one_of(st.text(), st.floats(), st.booleans(), st.integers(), st.none(), st.lists(st.integers())))
def test_money_is_read_as_what_it_says_or_not_at_all(value):
    try:
        amount = read(Amount, value)
    except BadInput:
        return

    assert str(amount) == str(value)
    assert type(value) in (int, str)


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), (False, False), ("true", True), ("false", False), ("1", True), ("0", False), (1, True), (0, False)],
)
def test_flags_come_in_eight_spellings(value, flag):
    assert read(Flag, value) is flag


@pytest.mark.parametrize(
    "value", ["yes", "True", "TRUE", "", " true", "2", 2, -1, 1.0, 0.0, None, [], {}, [True], {"$ne": 1}]
)
def test_anything_else_is_no_flag(value):
    with pytest.raises(BadInput):
        read(Flag, value)


@pytest.mark.parametrize("value", ["", "x", "中文", "a\nb\tc", "<b>", "😀", "７"])
def test_a_text_comes_through_as_it_is(value):
    assert read(str, value) == value


def test_an_id_written_as_a_number_is_a_text_where_the_documents_have_one():
    assert read(str, 2001) == "2001"


@pytest.mark.parametrize(
    "value", ["a\x00b", "\x1b[31m", "\x7f", "\x08", 1.5, True, None, [], {}, ["x"], {"$gt": ""}, 2**60]
)
def test_what_is_no_text_is_refused(value):
    with pytest.raises(BadInput):
        read(str, value)


@pytest.mark.parametrize(("value", "kind"), [("x" * 21, TooLong), ("", BadInput)])
def test_a_text_over_its_length_is_too_long_and_one_below_is_bad(value, kind):
    with pytest.raises(kind) as refused:
        read(Annotated[str, text(20, length_min=1)], value)

    assert refused.value.field == "value"


@pytest.mark.parametrize(("value", "number"), [(1, 1.0), (1.5, 1.5), ("1.25", 1.25), ("-0.5", -0.5), ("7", 7.0)])
def test_decimals_are_read_where_they_are_asked_for(value, number):
    assert read(float, value) == number


@pytest.mark.parametrize("value", ["1e3", "NaN", "inf", " 1", "1.", ".5", "", True, [], {}])
def test_what_only_resembles_a_decimal_is_refused(value):
    with pytest.raises(BadInput):
        read(float, value)


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (Rank, "2", Rank.HIGH),
        (Rank, 1, Rank.LOW),
        (Color, "red", Color.RED),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2], "2", 2),
    ],
)
def test_enumerations_are_read_like_what_they_are_made_of(kind, value, meant):
    assert read(kind, value) == meant


@pytest.mark.parametrize(
    ("kind", "value"), [(Rank, 3), (Rank, True), (Color, "blue"), (Literal[1, 2], 3), (Literal["a"], "c")]
)
def test_a_value_outside_an_enumeration_is_bad_input(kind, value):
    with pytest.raises(BadInput):
        read(kind, value)


def test_objects_and_lists_are_read_by_the_same_rules():
    wanted = reader(Order)(
        {"giftId": "1", "places": [{"roomId": "5", "x": 1}], "place": {"roomId": 6, "seatNumber": "2"}}
    )

    assert wanted.places == [Place(room_id=5)]
    assert wanted.place == Place(room_id=6, seat_number=2)


@pytest.mark.parametrize(
    "place", [{"roomId": 1, "seatNumber": 10}, {"roomId": True}, {}, {"roomId": 1, "seatNumber": " 2"}]
)
def test_bounds_hold_inside_objects_and_lists(place):
    for fields in ({"giftId": 1, "place": place}, {"giftId": 1, "places": [place]}):
        with pytest.raises(BadInput):
            reader(Order)(fields)


def test_a_missing_field_is_named_and_an_optional_null_is_absent():
    with pytest.raises(BadInput) as refused:
        reader(Order)({"amount": 1})
    wanted = reader(Order)({"giftId": 1, "amount": None, "targetId": None})

    assert refused.value.field == "giftId"
    assert (wanted.amount, wanted.target_id) == (1, None)


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ({"girlId": 5}, 5),
        ({"manId": "6"}, 6),
        ({"targetId": 1, "girlId": 5}, 1),
        ({"targetId": None, "girlId": 5}, 5),
        ({}, None),
    ],
)
def test_another_spelling_counts_and_the_documented_one_wins(fields, target):
    assert reader(Order)({"giftId": 1, **fields}).target_id == target


def test_a_field_of_any_kind_is_passed_on_as_it_came():
    assert read(Any, {"a": [1]}) == {"a": [1]}


@pytest.mark.parametrize("kind", [dict[str, int], bytes, int | str, set[int], complex])
def test_a_type_that_cannot_be_read_from_outside_is_refused_at_declaration(kind):
    with pytest.raises(TypeError):
        reader(field_of(kind))


def test_several_metas_may_add_up():
    kind = Annotated[Annotated[str, text(3)], also("other")]

    assert reader(field_of(kind))({"other": "abc"}).value == "abc"
    with pytest.raises(TooLong):
        reader(field_of(kind))({"other": "abcd"})


@pytest.mark.parametrize("sent", [{}, {"value": None}, {"value": ""}])
def test_a_blank_field_is_absent_where_the_shape_says_so(sent):
    optional = msgspec.defstruct("Shape", [("value", Annotated[WireInt | None, blank()], None)])
    needed = field_of(Annotated[str, text(5), blank()])
    plain = msgspec.defstruct("Shape", [("value", Annotated[WireInt | None, also("other")], None)])

    assert reader(optional)(sent).value is None
    with pytest.raises(MissingInput) as missing:
        reader(needed)(sent)
    assert missing.value.field == "value"
    if sent == {"value": ""}:
        with pytest.raises(BadInput):
            reader(plain)(sent)


@pytest.mark.parametrize("value", [0, False, " ", {}, [], "0"])
def test_nothing_else_is_blank(value):
    optional = msgspec.defstruct("Shape", [("value", Annotated[str | None, blank()], None)])

    try:
        read_value = reader(optional)({"value": value}).value
    except BadInput:
        read_value = "refused"

    assert read_value is not None


def test_another_spelling_counts_beside_a_blank_one():
    shape = msgspec.defstruct("Shape", [("value", Annotated[Annotated[WireInt, also("other")], blank()])])

    assert reader(shape)({"value": "", "other": 7}).value == 7


@pytest.mark.parametrize(
    ("sent", "is_empty"),
    [
        ({}, False),
        ({"value": None}, False),
        ({"value": ""}, True),
        ({"other": ""}, True),
        ({"value": "", "x": 1}, True),
    ],
)
def test_whether_a_needed_field_is_missing_or_empty_is_told_apart(sent, is_empty):
    shape = msgspec.defstruct("Shape", [("value", Annotated[Annotated[str, also("other")], blank()])])

    with pytest.raises(MissingInput) as missing:
        reader(shape)(sent)

    assert missing.value.is_empty is is_empty


@pytest.mark.parametrize("value", [{}, [], 1.5, True])
def test_a_value_of_another_kind_is_told_apart_from_one_out_of_bounds(value):
    shape = msgspec.defstruct("Shape", [("value", Annotated[str, text(5)])])

    with pytest.raises(Malformed) as refused:
        reader(shape)({"value": value})
    with pytest.raises(TooLong):
        reader(shape)({"value": "x" * 6})

    assert refused.value.field == "value"


SNOWFLAKE = msgspec.defstruct("Shape", [("value", Annotated[str, snowflake()])])


@pytest.mark.parametrize("value", [1, "1", 1956580170697543680, "1956580170697543680", 2**63 - 1, str(2**63 - 1)])
def test_an_id_of_the_social_app_is_a_text_or_a_number(value):
    assert reader(SNOWFLAKE)({"value": value}).value == str(value)


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2**63,
        1.0,
        True,
        "",
        "0",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1e3",
        "１",
        str(2**63),
        "9" * 400,
        "1\n",
        {},
        [1],
    ],
)
def test_anything_else_is_no_id_of_the_social_app(value):
    with pytest.raises(Malformed):
        reader(SNOWFLAKE)({"value": value})
