"""A shuffle that nobody keeps: every number once, in an order nobody foresees."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.services.shuffles import Shuffle


@given(length=st.integers(0, 3_000), page=st.integers(1, 400), seed=st.text())
def test_all_pages_together_have_every_number_once(length: int, page: int, seed: str) -> None:
    shuffle = Shuffle(seed, length)

    pages = [shuffle.part(first, page) for first in range(0, length + page, page)]

    assert sorted(number for part in pages for number in part) == [*range(length)]
    assert pages[-1] == [] or length % page


@pytest.mark.parametrize("length", [255, 256, 257, 65_535, 65_536, 65_537])
def test_around_powers_of_two_nothing_is_lost(length: int) -> None:
    assert sorted(Shuffle("seed", length).part(0, length)) == [*range(length)]


def test_the_same_seed_gives_the_same_order_and_any_part_of_it_alone() -> None:
    whole = Shuffle("seed", 1_000_000).part(0, 5_000)

    assert Shuffle("seed", 1_000_000).part(4_000, 100) == whole[4_000:4_100]
    assert Shuffle("Seed", 1_000_000).part(0, 100) != whole[:100]


@pytest.mark.parametrize(("length", "orders_count"), [(2, 2), (3, 6), (4, 24)])
def test_every_order_of_a_few_comes_as_often_as_any_other(length: int, orders_count: int) -> None:
    rounds = 100 * orders_count
    seen = Counter(tuple(Shuffle(f"seed {number}", length).part(0, length)) for number in range(rounds))

    # Chi-square over the orders; five standard deviations above what is expected.
    distance = sum((count - 100) ** 2 / 100 for count in seen.values())
    assert len(seen) == orders_count
    assert distance < orders_count + 5 * (2 * orders_count) ** 0.5


def test_who_stands_next_to_whom_is_chance() -> None:
    length, rounds = 20, 1_000
    pairs: Counter[tuple[int, int]] = Counter()
    for number in range(rounds):
        order = Shuffle(f"seed {number}", length).part(0, length)
        pairs.update(pairwise(order))

    expected = rounds / length
    distance = sum((pairs[a, b] - expected) ** 2 / expected for a in range(length) for b in range(length) if a != b)
    freedom = length * (length - 1)
    assert distance < freedom + 5 * (2 * freedom) ** 0.5


def test_of_a_million_the_first_hundred_come_from_everywhere() -> None:
    for seed in ("a", "b", "c"):
        first = Shuffle(seed, 1_000_000).part(0, 100)
        tenths = Counter(number // 100_000 for number in first)

        assert len(tenths) == 10
        assert max(tenths.values()) < 30
