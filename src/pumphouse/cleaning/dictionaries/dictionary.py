"""A dictionary of shorthand as a trie over words, and text written out by it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pumphouse.cleaning.dictionaries.words import folded, is_mark, normalised, spaced, tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a dictionary. Shorthand with a capital letter stands for itself in that case only: US, not us."""

    shorthand: str
    expansion: str
    line: int = 1

    @property
    def is_exact(self) -> bool:
        """Whether it matches in its own case only."""
        return self.shorthand != self.shorthand.lower()

    def replacement(self, matched: str) -> str:
        """What stands for the text it matched: `Please` for `Pls`, which begins a sentence. PLS is just pls."""
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

    def entry(self, matched: list[str]) -> Entry | None:
        """The entry that these tokens are the shorthand of; one for exactly this case comes first."""
        if self.exact and (entry := self.exact.get(tuple(map(spaced, matched)))):
            return entry
        return self.any_case


class Dictionary:
    """Entries as a trie over words: the longest shorthand that begins at a word wins, and only whole words match."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self.root = Node()
        for entry in entries:
            parts = tokens(entry.shorthand)
            node = self.root
            for part in parts:
                node = node.next.setdefault(folded(part), Node())
            if entry.is_exact:
                node.exact[tuple(map(spaced, parts))] = entry
            else:
                node.any_case = entry

    def expand(self, written: str) -> str:
        """The text in NFC with every shorthand written out. Doing it again changes nothing."""
        parts = tokens(normalised(written))
        expanded: list[str] = []
        place = 0
        while place < len(parts):
            entry, end = self._longest(parts, place)
            expanded.append(entry.replacement("".join(parts[place:end])) if entry else parts[place])
            place = end
        return "".join(expanded)

    def _longest(self, parts: list[str], start: int) -> tuple[Entry | None, int]:
        """The entry with the longest shorthand at `start`, and where it ends; no entry ends after one token."""
        found: tuple[Entry | None, int] = (None, start + 1)
        # A mark at either end of a shorthand stands beside a space, so that nothing grows together: (c), not (c)lub.
        if is_mark(parts[start]) and start > 0 and not parts[start - 1].isspace():
            return found
        node: Node | None = self.root
        for place in range(start, len(parts)):
            node = node.next.get(folded(parts[place])) if node else None
            if node is None:
                break
            at_edge = not is_mark(parts[place]) or place + 1 == len(parts) or parts[place + 1].isspace()
            if at_edge and (entry := node.entry(parts[start : place + 1])):
                found = (entry, place + 1)
        return found
