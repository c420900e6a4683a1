"""What every ``ChatStore`` promises."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from store.interfaces.chats import DOUBLE_MS, AnchorRecord, RecordKind, ViewerLine
from store.interfaces.ids import RoomId
from store.interfaces.stores import Stores
from tests.support.records import BOB, T0, TOM
from tests.support.stores import on_every_store

TINA, SERA = RoomId("site:gGAlOXloThS9r8d5HgeBzg_Tina"), RoomId("site:qwWaYqUnT6qJLr_7iRlQoA_Seraphina")
EDGE = T0 - T0 % DOUBLE_MS + DOUBLE_MS
"""Where one span of ``DOUBLE_MS`` ends and the next begins, however somebody counts them."""


def a_line(text: str = "hi", at_ms: int = T0, **changes: Any) -> ViewerLine:
    line = ViewerLine(room_id=TINA, person_id=TOM, shown_id="10001", name="Tom", text=text, at_ms=at_ms)
    return replace(line, **changes)


def a_record(text: str = "hello", at_ms: int = T0, **changes: Any) -> AnchorRecord:
    record = AnchorRecord(
        room_id=TINA,
        kind=RecordKind.ANCHOR,
        at_ms=at_ms,
        speaker="jliu",
        sent="July 11, 2025 5:51pm",
        text=text,
        html=f"<p>{text}</p>",
    )
    return replace(record, **changes)


@on_every_store
async def test_lines_of_a_room_come_newest_first_and_as_they_were_kept(stores: Stores) -> None:
    lines = [a_line(f"line {number}", T0 + number // 2) for number in range(6)]
    for line in (*lines, a_line("elsewhere", T0 + 3, room_id=SERA)):
        assert await stores.chats.keep_line(line)

    assert await stores.chats.last_lines(TINA, limit=10) == tuple(reversed(lines))
    assert await stores.chats.last_lines(TINA, limit=2) == (lines[5], lines[4])
    assert await stores.chats.last_lines(TINA, skip=2, limit=2) == (lines[3], lines[2])
    assert await stores.chats.last_lines(TINA, limit=0) == ()
    assert await stores.chats.last_lines(RoomId("nowhere"), limit=10) == ()


@on_every_store
@pytest.mark.parametrize("first_ms", [EDGE - DOUBLE_MS, EDGE - DOUBLE_MS + 1, EDGE - 1, EDGE])
async def test_the_same_words_of_the_same_person_soon_again_are_one_line(stores: Stores, first_ms: int) -> None:
    first = a_line("hi", first_ms)
    assert await stores.chats.keep_line(first)

    for later_ms in (0, 1, DOUBLE_MS - 1):
        assert not await stores.chats.keep_line(a_line("hi", first_ms + later_ms, name="Tom again"))
    again = a_line("hi", first_ms + DOUBLE_MS)
    assert await stores.chats.keep_line(again)

    assert await stores.chats.last_lines(TINA, limit=10) == (again, first)


@on_every_store
async def test_other_words_another_person_or_another_room_make_another_line(stores: Stores) -> None:
    for line in (
        a_line(),
        a_line("hi!"),
        a_line("HI"),
        a_line(person_id=BOB),
        a_line(room_id=SERA),
    ):
        assert await stores.chats.keep_line(line)


@on_every_store
async def test_of_the_same_words_kept_at_once_one_stays(stores: Stores) -> None:
    kept = await asyncio.gather(*(stores.chats.keep_line(a_line("hi", EDGE + number)) for number in range(10)))

    assert kept.count(True) == 1
    assert len(await stores.chats.last_lines(TINA, limit=20)) == 1


@on_every_store
async def test_what_is_spoken_can_be_read_and_everything_counts_as_a_sign_of_life(stores: Stores) -> None:
    assert await stores.chats.last_record_at_ms(TINA) is None
    anchor, ai = a_record(), a_record("Hi there!", T0 + 1, kind=RecordKind.AI, speaker="Tina")
    created = a_record("", T0 + 2, kind=RecordKind.CREATED, data='{"chat_metadata":{}}')
    unknown = a_record("", T0 + 3, kind=RecordKind.UNKNOWN, data='{"x":1}')

    for record in (anchor, ai, created, unknown):
        assert await stores.chats.keep_record(record)

    assert await stores.chats.last_spoken(TINA, limit=10) == (ai, anchor)
    assert await stores.chats.last_spoken(TINA, skip=1, limit=10) == (anchor,)
    assert await stores.chats.last_spoken(SERA, limit=10) == ()
    assert await stores.chats.last_record_at_ms(TINA) == T0 + 3
    assert await stores.chats.last_record_at_ms(SERA) is None


@on_every_store
async def test_the_same_record_soon_again_is_one(stores: Stores) -> None:
    assert await stores.chats.keep_record(a_record(at_ms=EDGE - 1))

    assert not await stores.chats.keep_record(a_record(at_ms=EDGE + 1))
    assert await stores.chats.keep_record(a_record(at_ms=EDGE + 1, sent="July 11, 2025 5:52pm"))
    assert await stores.chats.keep_record(a_record(at_ms=EDGE + 1, kind=RecordKind.AI))
    assert await stores.chats.keep_record(a_record(at_ms=EDGE - 1 + DOUBLE_MS))
