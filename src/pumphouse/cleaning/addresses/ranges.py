"""Ranges of IP addresses and what each is labelled with, searched for a whole column at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.addresses.columns import Addresses, numpy
from pumphouse.cleaning.addresses.reserved import RANGES

if TYPE_CHECKING:
    from pumphouse.cleaning.addresses.columns import Numbers

NOBODY = -1
IN_CACHE_MAX = 1_000
"""Starts that are sought in as they come."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges of both versions: sorted, not overlapping, both ends in them.

    An address of version 6 is sought by its first 64 bits, which nearly all ranges are made of, and only where some
    range begins or ends within those by all of its bytes.
    """

    v4: tuple[Numbers, Numbers, Numbers]
    """Starts, ends and labels."""
    v6: tuple[Numbers, Numbers, Numbers]
    halves: tuple[Numbers, Numbers, Numbers, Numbers]
    """Of version 6, the first 64 bits of starts, those of ends, their last ones, and which first ones are divided."""

    def labels(self, found: Addresses) -> tuple[Numbers, Numbers]:
        """The labels of a column's addresses of version 4, and of version 6; NOBODY where none holds one."""
        return self.labels_v4(found.v4), self.labels_v6(found.v6)

    def labels_v4(self, values: Numbers) -> Numbers:
        """The label of each 32-bit number."""
        np = numpy("an IP step")
        starts, ends, labels = self.v4
        place = _places(starts, values)
        found: Numbers = np.where((place >= 0) & (values <= ends[place]), labels[place], NOBODY)
        return found

    def labels_v6(self, values: Numbers) -> Numbers:
        """The label of each address of 16 bytes."""
        np = numpy("an IP step")
        starts, _, labels = self.v6
        first, end_first, end_last, divided = self.halves
        high, low = halves(values)
        place = _places(first, high)
        if len(divided):
            near = np.minimum(np.searchsorted(divided, high), len(divided) - 1)
            exact = np.flatnonzero(divided[near] == high)
            place[exact] = np.searchsorted(starts, values[exact], side="right") - 1
        inside = (high < end_first[place]) | ((high == end_first[place]) & (low <= end_last[place]))
        found: Numbers = np.where((place >= 0) & inside, labels[place], NOBODY)
        return found


def ranges(v4: tuple[Numbers, Numbers, Numbers], v6: tuple[Numbers, Numbers, Numbers]) -> Ranges:
    """Ranges made ready to be searched: starts, ends and labels of each version."""
    np = numpy("an IP step")
    first, last = halves(v6[0])
    end_first, end_last = halves(v6[1])
    return Ranges(v4, v6, (first, end_first, end_last, np.unique(first[last != 0])))


def _places(starts: Numbers, values: Numbers) -> Numbers:
    """For each value the place of the last start that is not beyond it, or -1."""
    np = numpy("an IP step")
    if len(starts) <= IN_CACHE_MAX:
        few: Numbers = np.searchsorted(starts, values, side="right") - 1
        return few
    order = np.argsort(values)  # one behind the other, neighbours are found in the processor's cache
    places: Numbers = np.empty(len(values), dtype=np.int64)
    places[order] = np.searchsorted(starts, values[order], side="right") - 1
    return places


def halves(values: Numbers) -> tuple[Numbers, Numbers]:
    """The first and the last 64 bits of addresses of 16 bytes."""
    np = numpy("an IP step")
    both = np.ascontiguousarray(values).view(">u8").reshape(-1, 2).astype(np.uint64)
    return both[:, 0].copy(), both[:, 1].copy()


def reserved() -> tuple[Ranges, list[str]]:
    """The reserved ranges, labelled with places in a list of what they are."""
    np = numpy("an IP step")
    whats = sorted({what for ranges in RANGES.values() for _, _, what in ranges})

    def columns(size: int) -> list[Any]:  # Any: numpy's types
        starts, ends, named = zip(*RANGES[size], strict=True)
        labels = np.array([whats.index(what) for what in named], dtype=np.int32)
        if size == 4:
            return [*(np.frombuffer(b"".join(edge), dtype=">u4").astype(np.uint32) for edge in (starts, ends)), labels]
        return [*(np.array(edge, dtype="S16") for edge in (starts, ends)), labels]

    return ranges(tuple(columns(4)), tuple(columns(16))), whats
