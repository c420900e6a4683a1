"""Which part of a file is asked for. Source: RFC 9110 §13, §14."""

import pytest

from handlers.wire.ranges import Part, has_it, part_of

TAG = '"abc"'
ALL = None
NONE = Part(1_000, 999)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", Part(0, 0)),
        ("bytes=0-499", Part(0, 499)),
        ("bytes=500-", Part(500, 999)),
        ("bytes=999-", Part(999, 999)),
        ("bytes=0-999999", Part(0, 999)),
        ("bytes=-1", Part(999, 999)),
        ("bytes=-500", Part(500, 999)),
        ("bytes=-5000", Part(0, 999)),
        ("BYTES=1-2", Part(1, 2)),
        ("bytes= 1-2 ", Part(1, 2)),
        ("bytes=1000-", NONE),
        ("bytes=1000-2000", NONE),
        ("bytes=-0", NONE),
        # What cannot be understood, or is more than one part, is not a part.
        ("", ALL),
        ("bytes=", ALL),
        ("bytes=-", ALL),
        ("bytes=5-1", ALL),
        ("bytes=0-1,3-4", ALL),
        ("bytes=0-1, -1", ALL),
        ("bytes=a-b", ALL),
        ("bytes=1-2x", ALL),
        ("bytes=0x1-2", ALL),
        ("bytes=１-2", ALL),
        ("bytes=-1-2", ALL),
        ("items=1-2", ALL),
        ("bytes=" + "9" * 30 + "-", ALL),
    ],
)
async def test_one_range_is_a_part_and_all_else_is_the_whole(asked, part):
    assert part_of({"Range": asked}, length=1_000, tag=TAG) == part


@pytest.mark.parametrize(
    ("condition", "is_part"),
    [
        (TAG, True),
        (f" {TAG} ", True),
        ('"other"', False),
        (f"W/{TAG}", False),
        ("Sat, 29 Oct 1994 19:43:31 GMT", False),
        ("", False),
        (f'{TAG}, "other"', False),
    ],
)
async def test_a_part_of_something_else_is_the_whole(condition, is_part):
    found = part_of({"Range": "bytes=1-2", "If-Range": condition}, length=1_000, tag=TAG)

    assert found == (Part(1, 2) if is_part else ALL)


@pytest.mark.parametrize(
    ("named", "has"),
    [
        (TAG, True),
        (f"W/{TAG}", True),
        (f'"x", {TAG}', True),
        (f'W/"x",W/{TAG},"y"', True),
        ("*", True),
        ('"x"', False),
        ("abc", False),
        ('"abcd"', False),
        ("", False),
    ],
)
async def test_a_client_may_have_it_already(named, has):
    assert has_it({"If-None-Match": named}, TAG) is has


async def test_a_part_knows_its_length():
    assert (Part(0, 0).length, Part(0, 0).is_none) == (1, False)
    assert (NONE.length, NONE.is_none) == (0, True)
    assert part_of({}, length=10, tag=TAG) is None
