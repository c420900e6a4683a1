"""Bytes to plain values and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from handlers.wire.codec import DEPTH_MAX, KEYS_MAX, read_body, read_json, read_pairs, write_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_the_standard_writes_is_read_as_it_was_meant(value):
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@given(VALUES)
def test_what_is_written_is_read_back(value):
    assert json.loads(write_json(value)) == value


@given(st.binary(max_size=200))
def test_bytes_are_read_or_bad_input_and_never_understood_differently_from_the_standard(body):
    try:
        value = read_json(body)
    except BadInput:
        return

    assert json.loads(body.decode()) == value


@given(st.text(alphabet='{}[]":,0123456789-+.eE \\utrnN', max_size=30))
def test_no_text_of_json_letters_is_forgiven(body):
    try:
        value = read_json(body.encode())
    except BadInput:
        return

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(body, parse_constant=refuse) == value


@given(st.binary(max_size=300))
def test_a_body_is_read_or_bad_input(body):
    try:
        fields = read_body(body)
    except BadInput:
        return

    assert all(type(name) is str for name in fields)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_nothing_is_written_that_others_cannot_read(value):
    with pytest.raises(OverflowError):
        write_json(value)


def test_people_can_read_what_is_written():
    assert write_json({"text": "中文/é"}) == '{"text":"中文/é"}'.encode()


@pytest.mark.parametrize(("depth", "is_read"), [(DEPTH_MAX, True), (DEPTH_MAX + 1, False)])
def test_depth_has_a_bound(depth, is_read):
    body = b"[" * depth + b"]" * depth

    if is_read:
        read_json(body)
    else:
        with pytest.raises(BadInput):
            read_json(body)


def test_members_have_a_bound_in_all():
    half = ",".join(f'"k{number}":0' for number in range(KEYS_MAX // 2 - 1))

    read_json(f'{{"a":{{{half}}},"b":{{{half}}}}}'.encode())
    with pytest.raises(BadInput):
        read_json(f'{{"a":{{{half}}},"b":{{{half}}},"c":0}}'.encode())


@pytest.mark.parametrize("body", [b'{"a:b":":","c":"x\\":\\"y"}', b'{"a":"\\\\","b":":"}', b'["::",{"a":{"b":[]}}]'])
def test_colons_inside_strings_are_no_keys(body):
    assert read_json(body) == json.loads(body)


def test_a_string_of_a_megabyte_is_read_in_no_time():
    text = "\\" * 400_000 + '"' * 0

    assert read_json(json.dumps({"a": text}).encode()) == {"a": text}


def test_a_string_with_a_raw_line_end_costs_one_look():
    with pytest.raises(BadInput):
        read_json(b'{"a":"' + b"x" * 500_000 + b'\n"}')


def test_files_of_a_multipart_form_are_left_out():
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nxx\r\n'
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    )

    assert read_body(body) == {"a": "1"}


@pytest.mark.parametrize("body", [b'"x"', b"null", b"7", b"true", b"x", b"<a/>", b"[]"])
def test_what_is_neither_an_object_nor_a_form_is_not_taken_for_nothing(body):
    with pytest.raises(BadInput):
        read_body(body)


@pytest.mark.parametrize(
    ("encoded", "fields"),
    [
        ("", {}),
        ("a=1&b=&c", {"a": "1", "b": "", "c": ""}),
        ("a=%E4%B8%AD+x&b=%26", {"a": "中 x", "b": "&"}),
        ("a=1;b=2", {"a": "1;b=2"}),
    ],
)
def test_forms_are_read_as_browsers_write_them(encoded, fields):
    assert read_pairs(encoded) == fields
