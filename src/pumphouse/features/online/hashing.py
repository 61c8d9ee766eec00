"""Hashes of keys, texts and rows: the same number for one in Python as for millions in numpy."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Words = NDArray[np.uint64]
MASK = 2**64 - 1
START = 0x9E3779B97F4A7C15
TEXT_BYTES_MAX = 2**16 - 1
_STIR = 0xFF51AFD7ED558CCD
_KEPT = np.array([(1 << 8 * size) - 1 for size in range(8)] + [MASK], np.uint64)
"""What to keep of eight bytes of which only so many are a text's."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Many texts as UTF-8 in one array of bytes, which goes on for at least 8 bytes after the last."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of_bytes(cls, texts: Sequence[bytes]) -> Texts:
        """Texts given one by one."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        data = np.frombuffer(b"".join(texts) + bytes(8), np.uint8)
        return cls(data, np.cumsum(lengths) - lengths, lengths)

    @classmethod
    def of_arrow(cls, array: pa.Array) -> Texts:
        """The texts of an Arrow array without nulls."""
        array = array.cast(pa.large_string())
        _, offsets, data = array.buffers()
        ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        taken = np.zeros(int(ends[-1] - ends[0]) + 8, np.uint8)
        taken[:-8] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if data else 0
        return cls(taken, ends[:-1] - ends[0], np.diff(ends))

    def taken(self, which: NDArray[Any]) -> Texts:
        """Some of the texts."""
        return Texts(self.data, self.starts[which], self.lengths[which])


def stir_one(seed: int, word: int) -> int:
    """A hash with one more word in it."""
    stirred = ((seed ^ word) * _STIR) & MASK
    return stirred ^ (stirred >> 32)


def stir(seeds: Words, words: Words) -> Words:
    """`stir_one` for each of many."""
    stirred = (seeds ^ words) * np.uint64(_STIR)
    return stirred ^ (stirred >> np.uint64(32))


def text_hash(text: bytes) -> int:
    """The hash of one text."""
    count = (len(text) + 7) >> 3
    found = stir_one(START, len(text))
    for word in struct.unpack(f"<{count}Q", text.ljust(count * 8, b"\0")):
        found = stir_one(found, word)
    return found


def packed(texts: Texts) -> tuple[Words, NDArray[np.int64]]:
    """The texts as words: for each its hash, then its bytes, the last word filled with zeros; and where each begins."""
    counts = (texts.lengths + 7) >> 3
    ends = np.cumsum(counts + 1)
    begins = ends - counts - 1
    words = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint64)
    hashes = stir(np.full(len(counts), START, np.uint64), texts.lengths.astype(np.uint64))
    # One word of all texts at a time; bytes of unaligned words are read in place.
    windows: Words = np.ndarray((len(texts.data) - 7,), "<u8", texts.data, strides=(1,))
    active: Any = np.arange(len(counts))
    for at in range(int(counts.max()) if len(counts) else 0):
        active = active[counts[active] > at]
        left = np.minimum(texts.lengths[active] - 8 * at, 8)
        word = windows[texts.starts[active] + 8 * at] & _KEPT[left]
        words[begins[active] + 1 + at] = word
        hashes[active] = stir(hashes[active], word)
    words[begins] = hashes
    return words, begins


class Sum:
    """The checksum of so many words: it differs whenever one of them does, and that zeros have one is excluded."""

    def __init__(self, count: int) -> None:
        factors, seed = [], START
        for number in range(count):
            seed = stir_one(seed, number + 1)
            factors.append(seed | 1)  # odd: a change of one word can't vanish
        self._factors = factors
        self._array = np.array(factors, np.uint64)

    def one(self, words: Sequence[int]) -> int:
        """The checksum of one row."""
        total: int = sum(map(mul, words, self._factors))
        return (START + total) & MASK

    def many(self, rows: Words) -> Words:
        """The checksum of each row."""
        sums: Words = rows @ self._array
        return sums + np.uint64(START)
