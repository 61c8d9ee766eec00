"""A few rows of a Parquet file by their positions: only the pages are read that they stand in.

Arrow and DuckDB unpack all pages of a column up to a row. A file that is written with an index of its pages says where
each of them is and with which row it begins, so those of the rows are put together as a small file in memory, which
Arrow reads. Nothing is decoded here but what Parquet says of its pages.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.engines.thrift import (
    BINARY,
    I32,
    I64,
    LIST,
    STRUCT,
    Reader,
    Struct,
    binary,
    fields,
    listed,
    listed_as,
    struct,
    whole,
)

MAGIC = b"PAR1"
FOOTER_BYTES_MAX = 1024 * 1024
"""A longer description, of some hundred columns, takes longer to read than rows by other means."""
PAGES_AT_ONCE = 64
READ_BYTES_MAX = 1024 * 1024 * 1024
"""A page holds one value at least, however long that is."""
_TAIL_BYTES = 8
_REFERENCES = (2, 8)
"""Encodings of values that refer to a page of different values, the dictionary."""
_ENCODED = {5: 2, 8: 4}
"""By the field of a page's header that tells of its values, the one in it that is their encoding."""
_BYTE_ARRAY = 6
_ROOT = struct((4, BINARY, binary(b"schema")), (5, I32, whole(1)))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pages of a column's values in a row group are."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    firsts: tuple[int, ...]
    """The first row of each, in the row group."""


Remember = Callable[[tuple[Path, int, int], Callable[[], Places]], Places]
"""Gives what is known by a name, and has it made where it is not."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of which a row group has one list of values."""

    name: str
    number: int
    schema: bytes
    """What the file says of it, in this many elements."""
    elements: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A column's values in a row group."""

    kind: int
    head: bytes
    """The first four fields of what the file says of them."""
    dictionary: int | None
    index: int
    index_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    chunk: _Chunk
    data: bytes
    dictionary: bytes | None
    """The values that it refers to."""
    values: int
    rows: int
    wanted: list[tuple[int, int]]
    """Rows in it, each with its place among those that were asked for."""


class PagedFile:
    """A file whose pages can be found."""

    def __init__(self, path: Path) -> None:
        """Read its description. Raises OSError where it can't be read, ValueError where it is not understood."""
        self.path = path
        self._columns: dict[str, _Column] = {}
        self._groups: list[tuple[_Chunk | None, ...]] = []
        footer, rows = Reader(_footer(path)), []
        with _understood(path):
            for number, kind in footer.fields():
                if number == 2:
                    self._columns = _columns(footer)
                elif number == 4:
                    for _ in range(footer.items()[0]):
                        group = footer.value(STRUCT)
                        rows.append(group[3])
                        self._groups.append(tuple(map(_chunk, group[1])))
                else:
                    footer.value(kind)
            self._starts = [0, *accumulate(rows)]

    def has(self, columns: Collection[str]) -> bool:
        """Whether rows of these columns can be read from their pages alone."""
        if not all(name in self._columns for name in columns):
            return False
        return all(group[self._columns[name].number] for group in self._groups for name in columns)

    def rows(self, positions: Sequence[int], columns: Sequence[str], *, remember: Remember) -> pa.Table:
        """The rows at these positions, in this order; `remember` keeps where pages are.

        Raises OSError, ValueError and ArrowException where the file is not what its description says.
        """
        file = os.open(self.path, os.O_RDONLY)
        try:
            with _understood(self.path):
                values = [self._values(file, self._columns[name], positions, remember) for name in columns]
        finally:
            os.close(file)
        return pa.table(values, names=list(columns))

    def _values(self, file: int, column: _Column, positions: Sequence[int], remember: Remember) -> pa.Array:
        pages: dict[tuple[int, int], _Page] = {}
        for order, position in enumerate(positions):
            group = bisect_right(self._starts, position) - 1
            row = position - self._starts[group]
            places = self._places(file, column, group, remember)
            number = bisect_right(places.firsts, row) - 1
            if (group, number) not in pages:
                firsts = (*places.firsts, self._starts[group + 1] - self._starts[group])
                pages[group, number] = self._page(
                    file, column, group, places, number, rows=firsts[number + 1] - firsts[number]
                )
            pages[group, number].wanted.append((row - places.firsts[number], order))
        found: list[pa.Array] = []
        orders: list[int] = []
        for is_reference in (False, True):
            alike = [page for page in pages.values() if (page.dictionary is not None) == is_reference]
            for first in range(0, len(alike), PAGES_AT_ONCE):
                some = alike[first : first + PAGES_AT_ONCE]
                found.append(_rows_of(some, column, is_reference=is_reference))
                orders += [order for page in some for _, order in page.wanted]
        inverse = sorted(range(len(orders)), key=orders.__getitem__)
        return pa.concat_arrays(found).take(_numbers(inverse))

    def _page(self, file: int, column: _Column, group: int, places: Places, number: int, *, rows: int) -> _Page:
        chunk = self._groups[group][column.number]
        assert chunk is not None
        data = _pread(file, places.sizes[number], places.offsets[number])
        values, is_reference = _about_page(data)
        dictionary = None
        if is_reference:
            if chunk.dictionary is None:
                raise ValueError(f"{self.path}: a page refers to another one that is not there")
            dictionary = _pread(file, places.offsets[0] - chunk.dictionary, chunk.dictionary)
        return _Page(chunk=chunk, data=data, dictionary=dictionary, values=values, rows=rows, wanted=[])

    def _places(self, file: int, column: _Column, group: int, remember: Remember) -> Places:
        chunk = self._groups[group][column.number]
        assert chunk is not None

        def read() -> Places:
            found = Reader(_pread(file, chunk.index_bytes, chunk.index)).value(STRUCT)[1]
            return Places(
                offsets=tuple(one[1] for one in found),
                sizes=tuple(one[2] for one in found),
                firsts=tuple(one[3] for one in found),
            )

        return remember((self.path, column.number, group), read)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path} does not describe itself as a Parquet file does") from error


def _footer(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != MAGIC or not 0 < length <= min(FOOTER_BYTES_MAX, size - _TAIL_BYTES):
            raise ValueError(f"{path} has no description that can be read")
        file.seek(size - _TAIL_BYTES - length)
        return file.read(length)


def _columns(footer: Reader) -> dict[str, _Column]:
    """The columns at the top of the schema that have one list of values: a struct has one for each of its fields."""
    count, _ = footer.items()
    elements = []
    for _ in range(count):
        start = footer.at
        about = footer.value(STRUCT)
        elements.append((about[4].decode(), about.get(5) or 0, footer.data[start : footer.at]))
    found, at, leaf = {}, 1, 0
    for _ in range(elements[0][1]):
        start, first, open_ = at, leaf, 1
        while open_:
            children = elements[at][1]
            open_ += children - 1
            leaf += not children
            at += 1
        if leaf - first == 1:
            found[elements[start][0]] = _Column(
                elements[start][0], first, b"".join(one[2] for one in elements[start:at]), at - start
            )
    return found


def _chunk(about: Struct) -> _Chunk | None:
    """A column's values in a row group; None where there is no index of their pages."""
    if not {3, 4, 5} <= about.keys():
        return None
    values = about[3]
    head = fields(
        (1, I32, whole(values[1])),
        (2, LIST, listed(I32, [whole(one) for one in values[2]])),
        (3, LIST, listed(BINARY, [binary(one) for one in values[3]])),
        (4, I32, whole(values[4])),
    )
    return _Chunk(kind=values[1], head=head, dictionary=values.get(11), index=about[4], index_bytes=about[5])


def _rows_of(pages: Sequence[_Page], column: _Column, *, is_reference: bool) -> pa.Array:
    """The rows that are wanted of some pages, which are read as row groups of a file of this column."""
    body, groups, starts = bytearray(MAGIC), bytearray(), [0]
    for page in pages:
        begin = len(body)
        body += page.dictionary or b""
        data = len(body)
        body += page.data
        size = whole(len(body) - begin)
        about = page.chunk.head + struct(
            (5, I64, whole(page.values)),
            (6, I64, size),
            (7, I64, size),
            (9, I64, whole(data)),
            *([(11, I64, whole(begin))] if is_reference else []),
            after=4,
        )
        chunk = struct((2, I64, whole(begin)), (3, STRUCT, about))
        groups += struct((1, LIST, listed(STRUCT, [chunk])), (2, I64, size), (3, I64, whole(page.rows)))
        starts.append(starts[-1] + page.rows)
    footer = struct(
        (1, I32, whole(2)),
        (2, LIST, listed_as(STRUCT, 1 + column.elements, _ROOT + column.schema)),
        (3, I64, whole(starts[-1])),
        (4, LIST, listed_as(STRUCT, len(pages), bytes(groups))),
    )
    body += footer + len(footer).to_bytes(4, "little") + MAGIC
    wanted = [start + row for start, page in zip(starts, pages, strict=False) for row, _ in page.wanted]
    # References stay such: of a page of a dictionary all values would be made texts.
    texts = [column.name] if is_reference and column.elements == 1 and pages[0].chunk.kind == _BYTE_ARRAY else None
    with pq.ParquetFile(pa.py_buffer(body), read_dictionary=texts) as opened:
        values = opened.read(use_threads=False).column(0)
    if pa.types.is_dictionary(values.type):
        return pa.concat_arrays([values.slice(at, 1).chunk(0).dictionary_decode() for at in wanted])
    return values.take(_numbers(wanted)).combine_chunks()


def _numbers(values: Sequence[int]) -> pa.Int64Array:
    """An array, for which Arrow itself would import pandas, where it is installed: half a second."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array("q", values))])


def _about_page(page: bytes) -> tuple[int, bool]:
    """How many values a page has, and whether they refer to a dictionary; what else its header says is not read."""
    header = Reader(page)
    for number, kind in header.fields():
        if number in _ENCODED:
            about = {}
            for field, of in header.fields():
                about[field] = header.value(of)
                if field == _ENCODED[number]:
                    return about[1], about[field] in _REFERENCES
        header.value(kind)
    raise ValueError("a page says nothing of its values")


def _pread(file: int, count: int, at: int) -> bytes:
    if count > READ_BYTES_MAX:
        raise ValueError("a page is larger than any that is written")
    found = os.pread(file, count, at)
    if len(found) < count:
        raise ValueError("a file is shorter than it says")
    return found
