"""What every ``IdStore`` promises."""

import asyncio

import pytest

from store.interfaces.ids import Sequence
from store.interfaces.stores import Stores
from tests.support.stores import on_every_store


@on_every_store
@pytest.mark.parametrize(
    ("sequence", "first"),
    [
        (Sequence.PERSON, 10_001),
        (Sequence.CALL, 50_001),
        (Sequence.ORDER, 1),
        (Sequence.AUDIT, 1),
        (Sequence.SNOWFLAKE_GIVER, 1),
    ],
)
async def test_numbers_begin_where_they_should_and_go_on_without_a_gap(
    stores: Stores, sequence: Sequence, first: int
) -> None:
    assert await stores.ids.reserve(sequence, 1) == first
    assert await stores.ids.reserve(sequence, 100) == first + 1
    assert await stores.ids.reserve(sequence, 1) == first + 101


@on_every_store
async def test_sequences_do_not_disturb_each_other(stores: Stores) -> None:
    await stores.ids.reserve(Sequence.ORDER, 1_000)

    assert await stores.ids.reserve(Sequence.AUDIT, 1) == 1


@on_every_store
async def test_no_number_is_given_out_twice_however_many_ask_at_once(stores: Stores) -> None:
    blocks = await asyncio.gather(*(stores.ids.reserve(Sequence.CALL, 3) for _ in range(20)))

    assert sorted(blocks) == list(range(50_001, 50_061, 3))
