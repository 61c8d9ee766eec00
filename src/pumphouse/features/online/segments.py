"""Segments: entities' rows in files that never change, found by key through hashes. All that is read is checked.

A segment is a folder of three files that are mapped into memory (rows, the heap of texts, the index) and a header. The
index has lines of 64 bytes: seven slots, each with half of a hash and the number of a row, and the line's checksum. A
key's line follows from the other half of its hash; what finds it full goes to the next. So a key costs one line of the
index and the few lines that its row is long, and each of them proves itself, an absent key by a line that has room.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from pumphouse.errors import BuildError
from pumphouse.features.online.hashing import MASK, Sum, Texts, Words, packed, text_hash
from pumphouse.features.online.layout import (
    LENGTH_BITS,
    Column,
    Damaged,
    Keys,
    Kind,
    Layout,
    keys_in,
    seal,
)
from pumphouse.features.online.store import Key
from pumphouse.lake.disk import folder_to_disk, to_disk

FORMAT = 1
SLOTS = 7
FILL = 2
"""Slots of a line that are taken on average: with 2, one key in 200 has to look at a second line; with 4, one in 9."""
_LINE = struct.Struct("<8Q")
_LINE_SUM = Sum(SLOTS)
_LOW = np.uint64(2**32 - 1)
_HALF = np.uint64(32)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment's files hold."""

    format: int
    entity: tuple[tuple[str, Kind], ...]
    columns: tuple[Column, ...]
    rows: int
    heap_words: int
    lines: int


class SegmentWriter:
    """Writes one segment into a folder that nobody reads yet."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        folder.mkdir(parents=True)
        self.rows = 0
        self._folder = folder
        self._layout = layout
        self._hashes: list[Words] = []
        self._heap_words = 0
        self._rows_file = (folder / "rows").open("wb")
        self._heap_file = (folder / "heap").open("wb")

    def add(self, rows: Words, heap: Words, hashes: Words) -> None:
        """Write fresh rows, as `encode` makes them; they are sealed in place."""
        seal(self._layout, rows, heap_at=self._heap_words)
        self._rows_file.write(np.ascontiguousarray(rows).data)
        self._hashes.append(hashes)
        self.rows += len(rows)
        if self._layout.texts:
            self._heap_file.write(heap.data)
            self._heap_words += len(heap)

    def close(self) -> None:
        """Write index and header; all is on disk when this returns. Raises BuildError where a key came twice."""
        hashes = np.concatenate(self._hashes) if self._hashes else np.zeros(0, np.uint64)
        self._hashes = []
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        _to_disk(self._rows_file)
        _to_disk(self._heap_file)
        self._refuse_twice(hashes, order)
        lines = _index(hashes, order)
        with (self._folder / "index").open("wb") as file:
            file.write(lines.data)
            _to_disk(file)
        header = Header(
            format=FORMAT,
            entity=self._layout.entity,
            columns=self._layout.columns,
            rows=self.rows,
            heap_words=self._heap_words,
            lines=len(lines),
        )
        with (self._folder / "header").open("wb") as file:
            file.write(sealed_text(msgspec.json.encode(header)))
            _to_disk(file)
        folder_to_disk(self._folder)

    def abandon(self) -> None:
        """Close what is open; the files are to be removed."""
        self._rows_file.close()
        self._heap_file.close()

    def _refuse_twice(self, hashes: Words, order: NDArray[np.int64]) -> None:
        same = np.nonzero(hashes[1:] == hashes[:-1])[0]
        if not len(same):
            return
        with (self._folder / "rows").open("rb") as rows_file, (self._folder / "heap").open("rb") as heap_file:
            rows = _words(rows_file).reshape(-1, self._layout.width)
            heap = _words(heap_file)
            first = keys_in(self._layout, rows[order[same]], heap)
            other = keys_in(self._layout, rows[order[same + 1]], heap)
        if _equal(first, other).any():
            raise BuildError("an entity came twice", mend="Each feature gives one row for each entity and moment.")


class Segment:
    """One segment, mapped into memory. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        try:
            header = msgspec.json.decode(unsealed_text((folder / "header").read_bytes()), type=Header)
            if header.format != FORMAT:
                raise Damaged
            self.layout = Layout(entity=header.entity, columns=header.columns)
            self._row_bytes = self.layout.width * 8
            self._rows_map = _mapped(folder / "rows", header.rows * self._row_bytes)
            self._heap_map = _mapped(folder / "heap", header.heap_words * 8)
            self._index_map = _mapped(folder / "index", header.lines * _LINE.size)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise Damaged from error
        self.folder = folder
        self.count = header.rows
        self._line_count = header.lines
        self.rows: Words = np.frombuffer(self._rows_map, np.uint64).reshape(header.rows, self.layout.width)
        self.heap: Words = np.frombuffer(self._heap_map, np.uint64)
        self._lines: Words = np.frombuffer(self._index_map, np.uint64).reshape(header.lines, SLOTS + 1)

    def find(self, keys: Keys, hashes: Words) -> NDArray[np.int64]:
        """The number of each key's row; -1 for those that are not here. Raises Damaged."""
        found = np.full(len(hashes), -1, np.int64)
        if not self.count:
            return found
        waiting = np.arange(len(hashes))
        line = ((hashes >> _HALF) * np.uint64(self._line_count) >> _HALF).astype(np.int64)
        half = hashes & _LOW
        for _ in range(self._line_count):
            lines = self._lines.take(line[waiting], axis=0)
            slots = lines[:, :SLOTS]
            if (_LINE_SUM.many(slots) != lines[:, SLOTS]).any():
                raise Damaged
            alike = ((slots >> _HALF) == half[waiting][:, None]) & (slots != 0)
            at, slot = np.nonzero(alike)
            if len(at):
                asked = waiting[at]
                numbers = (slots[at, slot] & _LOW).astype(np.int64) - 1
                if int(numbers.max()) >= self.count:
                    raise Damaged
                right = _equal(keys_in(self.layout, self.checked(numbers), self.heap), taken(keys, asked))
                found[asked[right]] = numbers[right]
            full = slots[:, SLOTS - 1] != 0
            waiting = waiting[full & (found[waiting] < 0)]
            if not len(waiting):
                break
            line[waiting] = (line[waiting] + 1) % self._line_count
        return found

    def checked(self, numbers: NDArray[np.int64]) -> Words:
        """The rows of these numbers. Raises Damaged."""
        rows: Words = self.rows.take(numbers, axis=0)
        if (self.layout.sum.many(rows[:, 1:]) != rows[:, 0]).any():
            raise Damaged
        return rows

    def find_one(self, key: Key, hash: int) -> bytes | None:
        """One key's row, or None. Raises Damaged."""
        half = hash & 0xFFFFFFFF
        line = (hash >> 32) * self._line_count >> 32
        for _ in range(self._line_count):
            *slots, total = _LINE.unpack_from(self._index_map, line * _LINE.size)
            if _LINE_SUM.one(slots) != total:
                raise Damaged
            for slot in slots:
                if not slot:
                    return None
                if slot >> 32 == half:
                    number = (slot & 0xFFFFFFFF) - 1
                    if number >= self.count:
                        raise Damaged
                    row = self._rows_map[number * self._row_bytes : (number + 1) * self._row_bytes]
                    words = self.layout.row.unpack(row)
                    if self.layout.sum.one(words[1:]) != words[0]:
                        raise Damaged
                    if self._is_of(words, key):
                        return row
            line = (line + 1) % self._line_count
        return None

    def text(self, slot: int) -> bytes:
        """The text that a slot stands for. Raises Damaged."""
        entry, length = slot >> LENGTH_BITS, slot & (2**LENGTH_BITS - 1)
        found = self._heap_map[entry * 8 + 8 : entry * 8 + 8 + length]
        if len(found) != length or self._heap_map[entry * 8 : entry * 8 + 8] != text_hash(found).to_bytes(8, "little"):
            raise Damaged
        return found

    def _is_of(self, words: Sequence[int], key: Key) -> bool:
        for at, part in enumerate(key, 1):
            if (self.text(words[at]) != part.encode()) if isinstance(part, str) else (words[at] != part & MASK):
                return False
        return True


def taken(keys: Keys, which: NDArray[np.int64]) -> Keys:
    """Some of the keys."""
    return [part.taken(which) if isinstance(part, Texts) else part[which] for part in keys]


def sealed_text(data: bytes) -> bytes:
    """Bytes with their checksum before them."""
    return b"%08x\n" % zlib.crc32(data) + data


def unsealed_text(data: bytes) -> bytes:
    """What `sealed_text` was given. Raises Damaged."""
    total, _, rest = data.partition(b"\n")
    if total != b"%08x" % zlib.crc32(rest):
        raise Damaged
    return rest


def _equal(some: Keys, others: Keys) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] | None = None
    for one, other in zip(some, others, strict=True):
        if isinstance(one, Texts) and isinstance(other, Texts):
            alike = equal_texts(one, other)
        else:
            assert not isinstance(one, Texts)
            assert not isinstance(other, Texts)
            alike = one == other
        same = alike if same is None else same & alike
    assert same is not None  # an entity has a column
    return same


def equal_texts(some: Texts, others: Texts) -> NDArray[np.bool_]:
    """Whether each text is the same as its other, by all its bytes."""
    same: NDArray[np.bool_] = some.lengths == others.lengths
    which = np.nonzero(same)[0]
    (words, begins), (other_words, other_begins) = packed(some.taken(which)), packed(others.taken(which))
    counts = (some.lengths[which] + 7) >> 3
    active = np.arange(len(which))
    for at in range(int(counts.max()) + 1 if len(counts) else 0):  # the first word is the hash
        active = active[counts[active] >= at]
        differ = words[begins[active] + at] != other_words[other_begins[active] + at]
        same[which[active[differ]]] = False
    return same


def _index(hashes: Words, order: NDArray[np.int64]) -> Words:
    """The lines of an index; `hashes` are sorted, `order` has the rows that they are of."""
    count = max(1, -(-len(hashes) // FILL))
    lines = np.zeros((count, SLOTS + 1), np.uint64)
    slots = (hashes << _HALF) | (order.astype(np.uint64) + np.uint64(1))
    line = ((hashes >> _HALF) * np.uint64(count) >> _HALF).astype(np.int64)
    taken_slots = np.zeros(count, np.int64)
    for _ in range(count):
        first = np.concatenate([[True], line[1:] != line[:-1]]) if len(line) else np.zeros(0, bool)
        begins = np.maximum.accumulate(np.where(first, np.arange(len(line)), 0))
        place = np.arange(len(line)) - begins + taken_slots[line]
        fits = place < SLOTS
        lines[line[fits], place[fits]] = slots[fits]
        taken_slots += np.bincount(line[fits], minlength=count)
        line, slots = (line[~fits] + 1) % count, slots[~fits]
        if not len(line):
            break
        again = np.argsort(line, kind="stable")
        line, slots = line[again], slots[again]
    lines[:, SLOTS] = _LINE_SUM.many(lines[:, :SLOTS])
    return lines


def _to_disk(file: BinaryIO) -> None:
    to_disk(file)
    file.close()


def _mapped(path: Path, size: int) -> mmap.mmap | bytes:
    if path.stat().st_size != size:
        raise Damaged
    if not size:
        return b""  # an empty file can't be mapped
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)


def _words(file: BinaryIO) -> Words:
    return np.frombuffer(file.read(), np.uint64)  # only where two hashes are the same
