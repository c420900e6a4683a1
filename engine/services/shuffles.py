"""All numbers below some length, each once, in an order that a seed decides: a shuffle nobody has to keep.

Any stretch of it can be had without what comes before, in the time that the stretch takes, however long the whole is.

The numbers are turned over by a Feistel network, which maps the numbers of so many bits onto each other; what leaves
the range is turned over again until it is back (cycle walking), which keeps it a mapping of the range onto itself. Good
enough that nobody sees an order in it; no secret, and nothing that should be one may depend on it.
"""

from hashlib import blake2b
from typing import Final

__all__ = ["Shuffle"]

ROUNDS: Final = 7
"""With four of them, few numbers of few bits still come out in groups; seven leave nothing to be measured."""

BITS_MIN: Final = 8
"""Of fewer bits there are too few ways for a network to order them."""

WORD: Final = (1 << 64) - 1
MIX_1: Final = 0xBF58476D1CE4E5B9
MIX_2: Final = 0x94D049BB133111EB
"""The multipliers of SplitMix64, which spread every bit of a word over all others. Source: Steele, Lea, Flood 2014."""


class Shuffle:
    """The numbers from 0 to ``length - 1``, in the order of ``seed``."""

    __slots__ = ("_half_bits", "_keys", "_length", "_mask")

    def __init__(self, seed: str, length: int) -> None:
        digest = blake2b(seed.encode(), digest_size=8 * ROUNDS).digest()
        self._keys = tuple(int.from_bytes(digest[at : at + 8], "big") for at in range(0, len(digest), 8))
        self._length = length
        self._half_bits = (max(BITS_MIN, (length - 1).bit_length()) + 1) // 2
        self._mask = (1 << self._half_bits) - 1

    def part(self, first: int, count: int) -> list[int]:
        """``count`` numbers of the order from place ``first``; fewer where it ends before."""
        return [self._at(place) for place in range(first, min(first + count, self._length))]

    def _at(self, place: int) -> int:
        number = self._turned(place)
        while number >= self._length:
            number = self._turned(number)
        return number

    def _turned(self, number: int) -> int:
        left, right = number >> self._half_bits, number & self._mask
        for key in self._keys:
            left, right = right, left ^ self._mixed(right ^ key)
        return left << self._half_bits | right

    def _mixed(self, word: int) -> int:
        word = (word ^ word >> 30) * MIX_1 & WORD
        word = (word ^ word >> 27) * MIX_2 & WORD
        return (word ^ word >> 31) & self._mask
