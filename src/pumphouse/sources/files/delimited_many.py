"""Many small delimited files at once, where each is as plain as the one before it.

Files that begin with the same header are put behind each other and read by DuckDB in one go. That gives what reading
them one by one would, if every line is a row: as many rows and ragged lines come out as there are lines, so no quote
reaches over a line end or into the next file. Where it is not so, they are read one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

import pyarrow as pa

from pumphouse.declare.formats import Delimited
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import SourceError
from pumphouse.sources.files import delimited
from pumphouse.sources.files.delimited import RAGGED, Head, Rejected, head_of, rejected_of, rows_of, withhold
from pumphouse.sources.files.texts import StoredFile, Told
from pumphouse.sources.rows import batch_of_arrow
from pumphouse.sources.spool import Spool

FILE_BYTES_MAX = 256 * 1024
"""A larger file is read alone: what is saved by reading it with others is little."""
BYTES_AT_ONCE = 16 * 1024 * 1024
FILES_AT_ONCE = 20_000
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file whose rows wait to be read, and how many lines they are."""

    file: StoredFile
    data: bytes
    rows: bytes
    lines: int


@dataclass(slots=True)
class Together:
    """Small files of one header that are read at once, in their order. `flush` reads those that wait."""

    form: Delimited
    spool: Spool
    engine: DuckDB
    told: Told
    _head: Head | None = None
    _start: bytes = b""
    """What each file begins with."""
    _notes: Told = field(default_factory=Told)
    _waiting: list[_Waiting] = field(default_factory=list)
    _size: int = 0

    def take(self, file: StoredFile, data: bytes) -> bool:
        """Read a file's bytes now or later; false where they have to be read alone.

        `file.path` is where they are written for a while, if they have to lie in a file.
        """
        given, data = data, data.removeprefix(_MARK)
        if self.form.encoding not in (None, "utf-8") or not _is_plain(data):
            return False
        if self._head is None or not data.startswith(self._start):
            self.flush()
            self._notes = Told()
            file.path.write_bytes(given)
            self._head = head_of(file, self.form, "utf-8", self._notes)
            if self._head is None or not self._head.dialect.lines_above:
                self._head = None
                return False
            self._start = self._head.text.encode()
            if not data.startswith(self._start):
                self._head = None
                return False
        rows = data[len(self._start) :]
        end = b"\r\n" if b"\r" in self._start else b"\n"
        lines = _lines(rows, end, has_one_column=len(self._head.names) == 1)
        if lines is None:
            return False
        if rows and not rows.endswith(end):
            rows += end
        self._waiting.append(_Waiting(file, given, rows, lines))
        self._size += len(rows)
        if self._size >= BYTES_AT_ONCE or len(self._waiting) >= FILES_AT_ONCE or self.spool.has_limit:
            self.flush()
        return True

    def flush(self) -> None:
        """Read what waits."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if not waiting:
            return
        assert self._head is not None  # it was read before anything could wait
        read = _read(waiting, self._head, self.spool, self.engine)
        if read is None:
            for one in waiting:
                one.file.path.write_bytes(one.data)
                delimited.read(one.file, self.form, self.spool, self.engine, self.told)
            return
        rows, refused = read
        for one in waiting:
            self.told.repeat(one.file.name, self._notes)
        self.spool.declare(dict.fromkeys(self._head.names, "text"))
        counts = [one.lines - len(refused.get(place, ())) for place, one in enumerate(waiting)]
        self.spool.add_columns_of(
            batch_of_arrow(rows, asset=waiting[0].file.asset),
            raw=[(one.file.raw, count) for one, count in zip(waiting, counts, strict=True) if count],
        )
        for place, rejected in refused.items():
            one = waiting[place]
            for line in rejected:
                before = one.rows[: line.place]  # of \r\n, perhaps the first half
                above = max(before.count(b"\n"), before.count(b"\r")) + self._head.dialect.lines_above
                withhold(one.file, line, above + 1, self.spool)


def _is_plain(data: bytes) -> bool:
    """Whether it is UTF-8 without zeros, with one kind of line end, and no lone carriage return."""
    if b"\0" in data:
        return False
    if b"\r" in data and not data.count(b"\r") == data.count(b"\r\n") == data.count(b"\n"):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines(rows: bytes, end: bytes, *, has_one_column: bool) -> int | None:
    """How many lines there are; None where one may be blank, or they end otherwise than the header."""
    if has_one_column or end + end in rows or rows.startswith(end) or (b"\r" in rows) != (end == b"\r\n"):
        return None if rows else 0
    return rows.count(b"\n") + (not rows.endswith(b"\n") if rows else 0)


def _read(
    waiting: list[_Waiting], head: Head, spool: Spool, engine: DuckDB
) -> tuple[pa.RecordBatch, dict[int, list[Rejected]]] | None:
    """The rows of all, and of each file the ragged lines; None where not every line is one or the other."""
    clean = spool.folder / "together.csv"
    with clean.open("wb") as target:
        target.writelines(one.rows for one in waiting)
    if not clean.stat().st_size:
        return _no_rows(head), {}
    try:
        batches = list(rows_of(clean, head, engine, waiting[0].file))
    except SourceError:
        rejected_of(engine)
        return None
    rejected = rejected_of(engine)
    lines = sum(one.lines for one in waiting)
    if (
        any(one.kind not in RAGGED for one in rejected)
        or sum(batch.num_rows for batch in batches) + len(rejected) != lines
    ):
        return None
    starts = list(accumulate((len(one.rows) for one in waiting), initial=0))
    refused: dict[int, list[Rejected]] = {}
    for one in rejected:
        place = bisect_right(starts, one.place) - 1
        refused.setdefault(place, []).append(Rejected(place=one.place - starts[place], text=one.text, kind=one.kind))
    if len(rejected) == lines:
        return _no_rows(head), refused
    (whole,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return whole, refused


def _no_rows(head: Head) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array([], pa.string()) for name in head.names})
