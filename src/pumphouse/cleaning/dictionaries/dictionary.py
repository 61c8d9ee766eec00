"""A dictionary of shorthand as a trie over words, and text written out by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pumphouse.cleaning.dictionaries.words import (
    GLUE,
    cut,
    folded,
    is_mark,
    is_spaceless,
    normalised,
    spaced,
    tokens,
)

ROUNDS_MAX = 8
"""How often a text is gone through, where expanding inside runs made new words."""
AGAIN = "expanding it would never end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a dictionary. Shorthand with a capital letter stands for itself in that case only: US, not us."""

    shorthand: str
    expansion: str
    line: int = 1
    file: str = ""
    inside: bool = False
    """Whether it also matches inside a run of characters of a script without spaces."""
    owner: str = ""
    since: str = ""
    note: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it matches in its own case only."""
        return self.shorthand != self.shorthand.lower()

    @property
    def keeps(self) -> bool:
        """Whether it stands for itself: the text stays as it is, and no shorter entry matches there."""
        return self.shorthand == self.expansion

    @property
    def identity(self) -> str:
        """The same for two entries of which only one can be used: a later layer's stands for an earlier one's."""
        return self.shorthand if self.is_exact else " ".join(map(folded, tokens(self.shorthand)))

    @property
    def place(self) -> str:
        """Where it stands, and its shorthand: `shorthand.csv:12 pls`."""
        return f"{self.file}:{self.line} {self.shorthand}"

    def replacement(self, matched: str) -> str:
        """What stands for the text it matched: `Please` for `Pls`, which begins a sentence. PLS is just pls."""
        if self.keeps:
            return matched
        if matched[0].isupper() and not any(letter.isupper() for letter in matched[1:]):
            return self.capitalised
        return self.expansion

    @property
    def capitalised(self) -> str:
        """The expansion at the start of a sentence. One with capitals of its own stays as it is."""
        if self.is_exact or self.expansion != self.expansion.lower():
            return self.expansion
        return normalised(self.expansion[0].upper() + self.expansion[1:])


@dataclass(slots=True)
class Node:
    """A place in the trie: where a further token leads, and the entries that end here."""

    next: dict[str, Node] = field(default_factory=dict)
    any_case: Entry | None = None
    exact: dict[tuple[str, ...], Entry] = field(default_factory=dict)

    def entry(self, matched: list[str], *, inside: bool) -> Entry | None:
        """The entry that these tokens are the shorthand of; one for exactly this case comes first.

        With `inside`, one that matches inside a run.
        """
        if self.exact and (entry := self.exact.get(tuple(map(spaced, matched)))) and (entry.inside or not inside):
            return entry
        return self.any_case if self.any_case and (self.any_case.inside or not inside) else None


class Dictionary:
    """Entries as a trie over words: the longest shorthand that begins at a word wins, and only whole words match."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self.has_inside = any(entry.inside for entry in self.entries)
        self.root = Node()
        for entry in self.entries:
            parts, glued = cut(entry.shorthand)
            node = self.root
            for part, is_glued in zip(parts, glued, strict=True):
                node = node.next.setdefault(GLUE + folded(part) if is_glued else folded(part), Node())
            if entry.is_exact:
                node.exact[tuple(map(spaced, parts))] = entry
            else:
                node.any_case = entry

    def expand(self, written: str) -> str | None:
        """The text in NFC with every shorthand written out. Doing it again changes nothing. None as `expanded`."""
        return self.expanded(written)[0]

    def expanded(self, written: str) -> tuple[str | None, list[Entry]]:
        """The text written out, and the entries that were used, in their order.

        The text is None where entries that match inside runs go on making new words for each other.
        """
        text, used = normalised(written), []
        for _ in range(ROUNDS_MAX):
            text, found = self._round(text)
            used += found
            if not any(entry.inside for entry in found):
                return text, used
        return None, used

    def _round(self, written: str) -> tuple[str, list[Entry]]:
        parts, glued = cut(written)
        expanded: list[str] = []
        used: list[Entry] = []
        place, last = 0, ""
        while place < len(parts):
            entry, end = self._longest(parts, glued, place)
            matched = parts[place] if end == place + 1 else "".join(parts[place:end])
            out = matched if entry is None else entry.replacement(matched)
            if entry is not None and not entry.keeps:
                used.append(entry)
            # Where two words would grow together, a space stands between: 在 Peking University abc.
            if self.has_inside and glued[place] and not is_spaceless(out) and not is_spaceless(last):
                expanded.append(" ")
            expanded.append(out)
            if self.has_inside:
                last = out if entry is None else tokens(out)[-1]
            place = end
        return "".join(expanded), used

    def _longest(self, parts: list[str], glued: list[bool], start: int) -> tuple[Entry | None, int]:
        """The entry with the longest shorthand at `start`, and where it ends; no entry ends after one token."""
        found: tuple[Entry | None, int] = (None, start + 1)
        if glued[start] and not self.has_inside:
            return found
        node = self.root.next.get(folded(parts[start]))
        # A mark at either end of a shorthand stands beside a space, so that nothing grows together: (c), not (c)lub.
        if node is None or (start > 0 and is_mark(parts[start]) and not parts[start - 1].isspace()):
            return found
        place = start + 1
        while True:
            is_inside = glued[start] or (place < len(parts) and glued[place])
            at_edge = place == len(parts) or not is_mark(parts[place - 1]) or parts[place].isspace()
            if at_edge and (entry := node.entry(parts[start:place], inside=is_inside)):
                found = (entry, place)
            if place == len(parts) or not node.next:
                return found
            key = folded(parts[place])
            node = node.next.get(GLUE + key if glued[place] else key)
            if node is None:
                return found
            place += 1

    def __reduce__(self) -> tuple[object, ...]:
        return (Dictionary, (self.entries,))
