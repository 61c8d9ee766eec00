"""What would make expanding twice another thing than expanding once: an entry that expands what another one wrote.

Each expansion is laid over all shorthands at once: forward through a trie of them, backward through one of their
ends, and as a whole inside longer ones. So the work grows with the entries, not with their pairs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pumphouse.cleaning.dictionaries.dictionary import Entry
from pumphouse.cleaning.dictionaries.words import GLUE, cut, folded, is_opaque, spaced

CHAIN_MAX = 10
BELOW_MAX = 2
"""Entries that a branch knows of: one to tell of, beside the one that asks."""
_TELLS_OF_ADDRESS = re.compile("[@:/&]|www")
Number = int
"""Of an entry among all."""


@dataclass(slots=True)
class Branch:
    """A place in a trie of shorthands, or of their reversed tokens."""

    next: dict[str, Branch] = field(default_factory=dict)
    below: list[Number] = field(default_factory=list)
    """Some of the entries that come through here."""
    end: Number | None = None

    def add(self, number: Number, keys: Sequence[str]) -> None:
        """One more entry, along its keys."""
        branch = self
        for key in keys:
            branch = branch.next.setdefault(key, Branch())
            if len(branch.below) < BELOW_MAX:
                branch.below.append(number)
        branch.end = number


class Shorthands:
    """The shorthands of entries that match in the same way: in any case or not, whole words or inside runs."""

    def __init__(self, entries: Sequence[Entry], numbers: list[Number], same: Callable[[str], str]) -> None:
        self.same = same
        self.inside = entries[numbers[0]].inside
        self.forward, self.backward = Branch(), Branch()
        self.numbers = numbers
        self.keys = {number: laid_out(entries[number].shorthand, same) for number in numbers}
        for number, keys in self.keys.items():
            self.forward.add(number, keys)
            self.backward.add(number, keys[::-1])

    def found_in(self, keys: tuple[str, ...], *, inside: bool, but: Number | None) -> Number | None:
        """Number of an entry that could match a part of these keys, with whatever stands around.

        With `inside`, they may stand inside a run.
        """
        for start in range(len(keys)):
            if (found := self._from(keys, start, inside=inside, but=but)) is not None:
                return found
            if self._may_end(keys, start + 1) and (found := self._up_to(keys, start, but=but)) is not None:
                return found
        return None

    def _from(self, keys: tuple[str, ...], start: int, *, inside: bool, but: Number | None) -> Number | None:
        """An entry that begins at `start`, and ends among the keys or goes on behind them."""
        branch = self.forward
        for place in range(start, len(keys)):
            key = keys[place].removeprefix(GLUE) if self.inside and place == start else keys[place]
            found = branch.next.get(key)
            if found is None:
                return None
            branch = found
            if branch.end is not None and branch.end != but and self._may_end(keys, place + 1):
                return branch.end
        on = (further for key, further in branch.next.items() if inside or not key.startswith(GLUE))
        return next((number for further in on for number in further.below if number != but), None)

    def _up_to(self, keys: tuple[str, ...], last: int, *, but: Number | None) -> Number | None:
        """An entry that begins before the keys and ends at `last`."""
        branch = self.backward
        for place in range(last, -1, -1):
            found = branch.next.get(keys[place])
            if found is None:
                return None
            branch = found
        return next((number for further in branch.next.values() for number in further.below if number != but), None)

    def _may_end(self, keys: tuple[str, ...], place: int) -> bool:
        return self.inside or place == len(keys) or not keys[place].startswith(GLUE)


def laid_out(written: str, same: Callable[[str], str]) -> tuple[str, ...]:
    """The keys that shorthand is found by; `same` folds words, or leaves them in their case."""
    parts, glued = cut(written)
    return tuple(GLUE + same(part) if is_glued else same(part) for part, is_glued in zip(parts, glued, strict=True))


def conflicts(entries: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
    """(entry, what is wrong with it) of each whose expansion would be expanded further, with the chain."""
    follows = _followed(entries)
    for number in follows:
        chain = [number]
        while chain[-1] in follows and follows[chain[-1]] not in chain and len(chain) < CHAIN_MAX:
            chain.append(follows[chain[-1]])
        said = ", and ".join(f"'{entries[link].shorthand}' becomes '{entries[link].expansion}'" for link in chain)
        again = ", and so on for ever" if chain[-1] in follows and follows[chain[-1]] in chain else ""
        yield entries[number], said + again


def _followed(entries: Sequence[Entry]) -> dict[Number, Number]:
    """By the number of an entry, that of one which could expand what it wrote."""
    groups: dict[tuple[bool, bool], list[Number]] = defaultdict(list)
    for number, entry in enumerate(entries):
        groups[entry.is_exact, entry.inside].append(number)
    shorthands = [
        Shorthands(entries, numbers, spaced if exact else folded) for (exact, _), numbers in sorted(groups.items())
    ]
    any_case = {number: keys for group in shorthands if group.same is folded for number, keys in group.keys.items()}
    has_exact = any(group.same is spaced for group in shorthands)
    follows: dict[Number, Number] = {}
    written: dict[Callable[[str], str], list[tuple[Number, tuple[str, ...]]]] = {spaced: [], folded: []}
    for number, entry in enumerate(entries):
        if entry.keeps:
            continue
        lefts = [entry.expansion]
        if has_exact or entry.capitalised.casefold() != entry.expansion.casefold():
            lefts = list(dict.fromkeys((entry.expansion, entry.capitalised)))
        for left in lefts:
            laid = laid_out(left, folded)
            is_own = laid == (any_case.get(number) or laid_out(entry.shorthand, folded))
            for group in shorthands:
                keys = laid if group.same is folded else laid_out(left, spaced)
                written[group.same].append((number, keys))
                for around in (keys, (GLUE + keys[0], *keys[1:]))[: 2 if entry.inside else 1]:
                    other = group.found_in(around, inside=entry.inside, but=number if is_own else None)
                    if other is not None:
                        follows.setdefault(number, other)
    for group in shorthands:
        follows |= {a: b for a, b in _whole_inside(entries, group, written[group.same]).items() if a not in follows}
    return follows | {a: b for a, b in _parts_of_addresses(entries).items() if a not in follows}


def _whole_inside(
    entries: Sequence[Entry], group: Shorthands, written: list[tuple[Number, tuple[str, ...]]]
) -> dict[Number, Number]:
    """Entries whose whole expansion stands in the middle of a longer shorthand: x becomes y, and "a y b" is one."""
    whole: dict[str, dict[tuple[str, ...], list[Number]]] = defaultdict(lambda: defaultdict(list))
    for number, keys in written:
        whole[keys[0]][keys].append(number)
    lengths = {first: sorted({len(keys) for keys in found}) for first, found in whole.items()}
    follows: dict[Number, Number] = {}
    for other, keys in group.keys.items():
        for start in range(1, len(keys) - 1):
            first = keys[start].removeprefix(GLUE)
            for length in lengths.get(first, ()):
                if start + length >= len(keys):
                    break
                is_tied = keys[start].startswith(GLUE) or keys[start + length].startswith(GLUE)
                for number in whole[first].get((first, *keys[start + 1 : start + length]), ()):
                    if entries[number].inside or not is_tied:
                        follows.setdefault(number, other)
    return follows


def _parts_of_addresses(entries: Sequence[Entry]) -> dict[Number, Number]:
    """Entries whose expansion could become, with what stands around, an address that is a shorthand itself."""
    opaque = [
        (number, chunk.casefold())
        for number, entry in enumerate(entries)
        for chunk in entry.shorthand.split()
        if is_opaque(chunk)
    ]
    together, starts = "\n".join(chunk for _, chunk in opaque), [0]
    for _, chunk in opaque:
        starts.append(starts[-1] + len(chunk) + 1)
    follows: dict[Number, Number] = {}
    for number, entry in enumerate(entries):
        words = entry.expansion.casefold().split() if opaque and not entry.keeps else []
        for chunk in {*words[:1], *words[-1:]}:
            place = together.find(chunk) if _TELLS_OF_ADDRESS.search(chunk) else -1
            other = opaque[bisect_right(starts, place) - 1][0] if place >= 0 else number
            if other != number:
                follows[number] = other
    return follows
