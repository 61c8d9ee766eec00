"""Whole columns of text written out: each different piece between spaces is looked at once.

Texts are all different, and made of the same words. So a column is split at its spaces, its different pieces are
expanded by the dictionary, and the texts are put together again, all but the pieces outside Python's loops. Where the
first two words of a longer shorthand stand, all pieces that it may cover are expanded as one; what even these can't
tell is asked about as a whole text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pumphouse.cleaning.dictionaries.dictionary import AGAIN, Dictionary, Node
from pumphouse.cleaning.dictionaries.words import GLUE, SPACE, TAG_OVER_SPACE, cut, folded, normalised

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS_AT_ONCE = 50_000
TEXTS_LOOKED_AT = 1_000
"""To see whether texts come back."""
PIECES_MAX = 200_000
"""Pieces that are remembered; after so many it begins anew."""
PIECE_LENGTH_MAX = 64
"""Of a piece that is remembered: longer ones rarely come back."""
NONE, ANY, NOTHING = 0, 1, -1
"""In place of the number of a place in the trie or of a word: none, one of several, and no word at all."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What becomes of a piece between spaces, and how it goes together with what stands beside it."""

    expanded: str
    opens: int
    """The place that shorthand reaches which begins in it and goes on behind the space."""
    word: int
    """Its first word, if any shorthand has it after a space."""
    needs_text: bool
    """Whether only the whole text can be expanded."""


class Places:
    """Where in the trie a space was gone over, and which words may follow."""

    def __init__(self, root: Node) -> None:
        self.number: dict[int, int] = {}
        """By the identity of a node: 2 and up."""
        self.words: dict[str, int] = {}
        """Each word that follows a space in a shorthand: 1 and up."""
        self.spaces = [0, 0]
        """By the number of a place: how many spaces a shorthand through it has at most from there, its own counted."""
        leads: list[tuple[int, str]] = []
        self._gather(root, leads)
        ways = [(number, self.words[word]) for number, word in leads]
        ways += [(ANY, word) for word in self.words.values()]
        self.pairs = [place * self.width + word for place, word in ways]
        """A number for each place with a word that may lead on from it."""

    @property
    def width(self) -> int:
        """What a place counts in the number of a place and a word."""
        return len(self.words) + 1

    def _gather(self, root: Node, leads: list[tuple[int, str]]) -> None:
        waiting: list[tuple[Node, tuple[int, ...]]] = [(root, ())]
        while waiting:
            node, over = waiting.pop()  # over: the places on the way to the node
            for key, further in node.next.items():
                if key != SPACE:
                    waiting.append((further, over))
                    continue
                number = self.number[id(further)] = len(self.spaces)
                self.spaces.append(0)
                way = (*over, number)
                for passed, place in enumerate(way):
                    self.spaces[place] = max(self.spaces[place], len(way) - passed)
                for word in further.next:
                    self.words.setdefault(word, len(self.words) + 1)
                    leads.append((number, word))
                waiting.append((further, way))


class ColumnExpander:
    """A dictionary, ready to write columns out. It gives what the dictionary gives for each text."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.places = Places(dictionary.root)
        self.pieces: dict[str, Piece] = {}
        self.spans: dict[str, str] = {}

    @cached_property
    def pairs(self) -> pa.Array:
        """Those of the places."""
        import pyarrow as pa

        return pa.array(self.places.pairs, pa.int64())

    @cached_property
    def spaces(self) -> pa.Array:
        """Those of the places."""
        import pyarrow as pa

        return pa.array(self.places.spaces, pa.int64())

    def __call__(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        """(texts written out, reasons)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if texts.null_count or not _differ(texts):  # equal texts are worked on once
            encoded = texts.dictionary_encode()
            expanded = self._all(encoded.dictionary).take(encoded.indices)
        else:
            expanded = self._all(texts)
        if expanded.null_count == texts.null_count:
            return expanded, pa.nulls(len(texts), pa.string())
        declined = pc.and_(pc.is_valid(texts), pc.is_null(expanded))
        return expanded, pc.if_else(declined, pa.scalar(AGAIN), pa.scalar(None, pa.string()))

    def _all(self, texts: pa.Array) -> pa.Array:
        import pyarrow as pa

        starts = range(0, len(texts), TEXTS_AT_ONCE)
        return pa.concat_arrays(
            [pa.array([], pa.string()), *(self._expand(texts.slice(start, TEXTS_AT_ONCE)) for start in starts)]
        )

    def _expand(self, texts: pa.Array) -> pa.Array:
        """Texts, none of them null, written out."""
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = _composed(texts)
        split = pc.split_pattern(texts, " ")
        encoded = split.values.dictionary_encode()
        pieces = self._pieces(encoded.dictionary.to_pylist())
        written = pa.array([piece.expanded for piece in pieces], pa.string()).take(encoded.indices)
        offsets, whole = split.offsets, [pa.array([], pa.int64())]
        if any(piece.needs_text for piece in pieces):
            needing = pa.array([piece.needs_text for piece in pieces]).take(encoded.indices)
            whole.append(_parents(split).filter(needing))
        if self.places.pairs:
            written, offsets, first = self._over_spaces(split, encoded.indices, pieces, written)
            if self.dictionary.has_inside:  # which may make new words of what stands around
                whole.append(_parents(split).take(first))
        if pc.any(pc.match_substring(encoded.dictionary, "<")).as_py():
            whole.append(pc.indices_nonzero(pc.match_substring_regex(texts, TAG_OVER_SPACE)).cast(pa.int64()))
        joined = pc.binary_join(pa.ListArray.from_arrays(offsets, written), " ")
        return self._whole(texts, joined, pa.concat_arrays(whole).unique())

    def _pieces(self, written: Sequence[str]) -> list[Piece]:
        known = self.pieces
        if len(known) > PIECES_MAX:
            known = self.pieces = {}
        found = []
        for text in written:
            piece = known.get(text)
            if piece is None:
                piece = self._piece(text)
                if len(text) <= PIECE_LENGTH_MAX:
                    known[text] = piece
            found.append(piece)
        return found

    def _piece(self, text: str) -> Piece:
        if text.isascii() and text.isalnum():  # one word, as most are
            key = text.lower()
            node = self.dictionary.root.next.get(key)
            entry = node.entry([text], inside=False) if node else None
            expanded: str | None = entry.replacement(text) if entry else text
            keys, needs_text = [key], False
        else:
            expanded, used = self.dictionary.expanded(text)
            needs_text = expanded is None or any(entry.inside for entry in used)
            keys = [GLUE + folded(part) if tied else folded(part) for part, tied in zip(*cut(text), strict=True)]
        word = next((self.places.words.get(key, NONE) for key in keys if key != SPACE), NOTHING)
        return Piece(expanded or "", self._opens(keys), word, needs_text)

    def _opens(self, keys: list[str]) -> int:
        """The place in the trie behind the space after these keys."""
        reached = set()
        for start in range(len(keys)):
            node: Node | None = self.dictionary.root.next.get(keys[start].removeprefix(GLUE))
            place = start + 1
            while node and place < len(keys):  # no further than the longest entry goes
                node, place = node.next.get(keys[place]), place + 1
            if node and keys[-1] != SPACE:
                node = node.next.get(SPACE)
            if node:
                reached.add(self.places.number[id(node)])
        return ANY if len(reached) > 1 else next(iter(reached), NONE)

    def _over_spaces(
        self, split: pa.Array, indices: pa.Array, pieces: list[Piece], written: pa.Array
    ) -> tuple[pa.Array, pa.Array, pa.Array]:
        """(pieces, offsets of the texts among them, where longer shorthand may begin).

        Those pieces are one that a shorthand of several words may cover.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        opens = pa.array([piece.opens for piece in pieces], pa.int64()).take(indices)
        words = pa.array([piece.word for piece in pieces], pa.int64()).take(indices)
        is_something = pc.not_equal(words, NOTHING)  # of several spaces on end, nothing stands between two
        somethings, counted = pc.indices_nonzero(is_something), pc.cumulative_sum(is_something.cast(pa.int64()))
        first = pc.indices_nonzero(opens).cast(pa.int64())
        opens, last, place = opens.take(first), _last(split, first), pc.subtract(counted.take(first), 1)

        def further(count: pa.Array) -> pa.Array:
            """Where so many words further on stand, and the last piece of all where there are none."""
            return somethings.take(pc.min_element_wise(pc.add(place, count), len(somethings) - 1)).cast(pa.int64())

        follows = further(pa.scalar(1, pa.int64()))
        met = pc.add(pc.multiply(opens, self.places.width), words.take(follows))
        is_met = pc.is_in(met, value_set=self.pairs)
        is_met = pc.and_(is_met, pc.and_(pc.greater(follows, first), pc.less_equal(follows, last)))
        end = pc.min_element_wise(further(self.spaces.take(opens)), last)
        end = pc.if_else(pc.equal(opens, ANY), last, end)
        first, end = first.filter(is_met), end.filter(is_met)
        if not len(first):
            return written, split.offsets, first
        is_start, is_covered = _spans(first, end, length=len(written))

        counted = pc.cumulative_sum(is_covered.cast(pa.int32()))
        bounds = pa.concat_arrays([pc.subtract(counted.filter(is_start), pa.scalar(1, pa.int32())), counted[-1:]])
        together = pc.binary_join(pa.ListArray.from_arrays(bounds, split.values.filter(is_covered)), " ")
        together = together.dictionary_encode()
        found = [self._span(text) for text in together.dictionary.to_pylist()]
        expanded = pa.array(found, pa.string()).take(together.indices)
        stays = pc.or_(is_start, pc.invert(is_covered))  # the first piece becomes the whole span
        written = pc.replace_with_mask(written, is_start, expanded).filter(stays)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(stays.cast(pa.int32()))])
        return written, offsets.take(split.offsets), first

    def _span(self, text: str) -> str:
        expanded = self.spans.get(text)
        if expanded is None:
            if len(self.spans) > PIECES_MAX:
                self.spans = {}
            expanded = self.dictionary.expand(text) or ""
            if len(text) <= PIECE_LENGTH_MAX:
                self.spans[text] = expanded
        return expanded

    def _whole(self, texts: pa.Array, joined: pa.Array, numbers: pa.Array) -> pa.Array:
        """The texts of these numbers expanded as a whole, and the others as they are joined."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(numbers):
            return joined
        numbers = numbers.take(pc.sort_indices(numbers))
        found = [self.dictionary.expand(text) for text in texts.take(numbers).to_pylist()]
        is_whole = bytearray(len(texts))
        for number in numbers.to_pylist():
            is_whole[number] = 1
        return pc.replace_with_mask(joined, _mask(is_whole), pa.array(found, pa.string()))

    def __reduce__(self) -> tuple[object, ...]:
        return (ColumnExpander, (self.dictionary,))


def _last(split: pa.Array, places: pa.Array) -> pa.Array:
    """For pieces at these places, the place of the last one of their text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = split.offsets.take(pc.add(_parents(split).take(places), 1))
    return pc.subtract(ends.cast(pa.int64()), 1)


def _spans(first: pa.Array, last: pa.Array, *, length: int) -> tuple[pa.Array, pa.Array]:
    """For each of so many places, whether a span begins there, and whether one covers it; those that meet are one.

    The first places stand in their order.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    reached = pc.cumulative_max(last)
    before = pa.concat_arrays([pa.array([-1], pa.int64()), reached[:-1]])
    is_new = pc.greater(first, before)
    ends_here = pa.concat_arrays([is_new[1:], pa.array([True])])
    ends = pc.scatter(reached.filter(ends_here), first.filter(is_new), max_index=length - 1)
    is_covered = pc.less_equal(pa.arange(0, length), pc.fill_null(pc.fill_null_forward(ends), -1))
    return pc.is_valid(ends), is_covered


def _mask(flags: bytearray) -> pa.Array:
    """Each byte as true or false."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.uint8(), len(flags), [None, pa.py_buffer(flags)]).cast(pa.bool_())


def _parents(split: pa.Array) -> pa.Array:
    """For each piece, the number of its text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.list_parent_indices(split), pa.int64())


def _differ(texts: pa.Array) -> bool:
    """Whether the texts are mostly different, as the first ones are."""
    first = texts.slice(0, TEXTS_LOOKED_AT)
    return len(first) == TEXTS_LOOKED_AT and len(first.unique()) >= TEXTS_LOOKED_AT * 0.9


def _composed(texts: pa.Array) -> pa.Array:
    """The texts in NFC, by the Unicode of Python: Arrow's may be of another version."""
    import pyarrow as pa
    import pyarrow.compute as pc

    foreign = pc.invert(pc.string_is_ascii(texts))
    if not foreign.true_count:
        return texts
    changed = [normalised(text) for text in texts.filter(foreign).to_pylist()]
    return pc.replace_with_mask(texts, foreign, pa.array(changed, pa.string()))
