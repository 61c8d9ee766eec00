"""What a build gathers, kept on disk batch by batch until it is known which types its columns have.

Types are seen over everything that comes before one row is written: the thousandth page may be the first with a
fraction. So a batch is kept as it came, in memory while there is little and else in a scratch file, and is read once
more with the types that fit all.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.engines.engine import Written
from pumphouse.engines.parquet import ParquetFiles
from pumphouse.lake.builds import QUARANTINE_SCHEMA
from pumphouse.sources import columns, pieces
from pumphouse.sources.fetch import Visit
from pumphouse.sources.pieces import Pieces
from pumphouse.sources.rows import RAW, Batch, Column, batch_of, batch_of_arrow

BATCH_ROWS = pieces.BATCH_ROWS
ROWS_AT_ONCE = 1_000
"""Rows as dicts become columns so many at a time: while they are in the processor's cache, and before they are many."""
MEMORY_BYTES_MAX = 64 * 1024 * 1024
"""Of batches that are kept in memory; all after them go to scratch files."""
STEP = "gather"
STEP_VERSION = "1"

Form = Literal["text", "digits"] | Any  # or an Arrow type, which has no type of its own for a checker
"""How the text of a file's column is read: whatever all of it is, digits, or as one declared type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A batch as it came: the visit it came with, its first row's number in that visit, and its columns.

    The column RAW names the stored bytes that each row came from.
    """

    visit: Visit
    number: int
    """Of the visit, in their order."""
    first_row: int
    columns: Mapping[str, pa.Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A batch whose bytes are stored already: it is read where it lies."""

    read: Callable[[], Batch]
    rows: int
    raw: str


class Abandoned(Exception):
    """What a spool held is not needed any more."""


class Ledger:
    """Rows for a table's quarantine, written as they come."""

    def __init__(self, folder: Path, *, run: str) -> None:
        self._files = ParquetFiles(folder, "quarantine", QUARANTINE_SCHEMA)
        self._run = run
        self._waiting: list[dict[str, str]] = []
        self.cells = 0
        self.rows = 0

    def cell(self, *, row_id: str, column: str, original: str, reason: str) -> None:
        """Keep the original of a cell that became null."""
        self.cells += 1
        self._keep(row_id=row_id, column=column, original=original, reason=reason)

    def row(self, *, row_id: str, original: str, reason: str) -> None:
        """Keep a row, or a line, that is withheld."""
        self.rows += 1
        self._keep(row_id=row_id, column="*", original=original, reason=reason)

    def close(self) -> Written:
        """The files with everything that was kept."""
        self._flush()
        return self._files.close()

    def _keep(self, **entry: str) -> None:
        self._waiting.append({**entry, "step": STEP, "step_version": STEP_VERSION, "run": self._run})
        if len(self._waiting) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._files.write(pa.RecordBatch.from_pylist(self._waiting, QUARANTINE_SCHEMA))
            self._waiting = []


class Spool:
    """Rows on their way: `add_*` takes them, `kinds` says which types were seen, `read` gives them back.

    Use it in a `with` block: it leaves no file behind. `times` are columns whose text is read as days or moments where
    any of it is one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        asset: str,
        run: str,
        times: frozenset[str] = frozenset(),
        rows_max: int | None = None,
        progress: Callable[[int], None] = lambda rows: None,
        is_typed: Callable[[Spool], None] = lambda spool: None,
    ) -> None:
        """`is_typed` is called before the first batch that is stored already, if each column has a declared type."""
        # A build that was killed left its files; one build of an asset runs at a time.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.ledger = Ledger(folder, run=run)
        self.warnings: list[str] = []
        self.rows = 0
        self.kinds: dict[str, set[pa.DataType]] = {}
        self.forms: dict[str, Form | None] = {}
        self.came: dict[Visit, set[str]] = {}
        """The columns that the rows of each visit had, in the order of visits."""
        self.named: dict[str, frozenset[str]] = {}
        """The columns that stored bytes name themselves: a file's header, an Arrow schema."""
        self.has_every_column = True
        """False once rows came as dicts, where a column that is always null may not come at all."""
        self.folder = folder
        self._asset = asset
        self._times = times
        self._rows_max = rows_max
        self._progress = progress
        self._is_typed = is_typed
        self.has_unique_keys = False
        """Whether no two rows of this visit have one key, because the source itself sees to it."""
        self._batches: list[tuple[Visit, int, pa.RecordBatch | Path | Kept]] = []
        self._memory_bytes = 0
        self._more = threading.Condition()
        self._end: Literal["complete", "abandoned"] | None = None
        self.visits: list[Visit] = []
        self.listings: dict[Visit, list[Kept]] = {}
        """For each visit that listed the keys of all there is: the batches of its list."""
        self._visit: Visit | None = None
        self._rows_of_visit = 0
        self._rows: list[Mapping[str, Any]] = []
        """That are no columns yet."""
        self._rows_raw: list[tuple[str, int]] = []
        """From which stored bytes they came, and how many from each."""
        self._pieces = Pieces()
        self._names: frozenset[str] = frozenset()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def has_limit(self) -> bool:
        """Whether this is a sample, which wants some rows only."""
        return self._rows_max is not None

    @property
    def is_full(self) -> bool:
        """Whether a sample has all the rows it wants: a reader stops here."""
        return self._rows_max is not None and self.rows >= self._rows_max

    def begin(self, visit: Visit) -> None:
        """What comes from here on came with this visit."""
        self.flush()
        self._visit, self._rows_of_visit = visit, 0
        self.came[visit] = set()
        self.visits.append(visit)

    def declare(self, forms: Mapping[str, Form | None]) -> None:
        """Columns that come, also where no row does, with how their text is read; None where only the values tell."""
        if any(name in self.forms and self.forms[name] != form for name, form in forms.items()):
            self.flush()
        self.forms |= forms
        for name, form in forms.items():
            self.kinds.setdefault(name, set())
            if isinstance(form, pa.DataType):
                self.kinds[name] |= {form}

    def add_rows(self, rows: Sequence[Mapping[str, Any]], *, raw: str) -> None:
        """Take rows that came from the stored bytes `raw`."""
        self.has_every_column = False
        rows = self._wanted(rows)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            self._rows += some
            self._rows_raw.append((raw, len(some)))
            if len(self._rows) >= ROWS_AT_ONCE:
                self._convert()
        self._count(len(rows))

    def add_arrow(self, batch: pa.RecordBatch, *, raw: str) -> None:
        """Take the rows of an Arrow batch; one without rows still says which columns there are."""
        for start in range(0, max(batch.num_rows, 1), BATCH_ROWS):
            piece = self._wanted(batch.slice(start, BATCH_ROWS))
            self._add(batch_of_arrow(piece, asset=self._asset), piece.num_rows, raw=raw)
            self._count(piece.num_rows)

    def add_columns(self, batch: Batch, *, raw: str) -> None:
        """Take columns of one length."""
        length = len(next(iter(batch.values())).values)
        wanted = length if self._rows_max is None else max(min(length, self._rows_max - self.rows), 0)
        if wanted < length:
            batch = {name: Column(column.values[:wanted], column.kinds) for name, column in batch.items()}
        self._add(batch, wanted, raw=raw)
        self._count(wanted)

    def add_columns_of(self, batch: Batch, *, raw: Sequence[tuple[str, int]]) -> None:
        """Take columns whose rows came from several stored bytes: which, and how many from each, in order."""
        if self._rows_max is None:
            self._convert()
            self._join(batch, list(raw))
            self._count(sum(rows for _, rows in raw))
            return
        start = 0
        for name, rows in raw:
            some = {one: Column(column.values[start : start + rows], column.kinds) for one, column in batch.items()}
            self.add_columns(some, raw=name)
            start += rows

    def add_kept(self, kept: Kept) -> None:
        """Take columns of one length that are stored already, and are looked at only where a type is not declared."""
        self.flush()
        wanted = kept.rows if self._rows_max is None else min(kept.rows, self._rows_max - self.rows)
        if any(not isinstance(form, pa.DataType) for form in self.forms.values()):
            self._look(kept.read())
        elif not self._batches:
            self._is_typed(self)
        if wanted > 0:
            self._note(Kept(read=kept.read, rows=wanted, raw=kept.raw), self.forms, wanted)
        self._count(wanted)

    def list_keys(self, *batches: Kept) -> None:
        """Take keys of all there is in this visit; no batch at all is an empty list."""
        assert self._visit is not None  # begin() was called
        self.listings.setdefault(self._visit, []).extend(batches)

    def flush(self) -> None:
        """Keep what waits."""
        self._convert()
        if self._pieces:
            self._keep(*self._pieces.take())

    def complete(self) -> None:
        """Nothing comes after this."""
        self.flush()
        self._ended("complete")

    def abandon(self) -> None:
        """Let no one wait for more, or read on."""
        self._ended("abandoned")

    def kind_of(self, name: str, *, known: pa.DataType | None) -> pa.DataType:
        """The type of a column over all that came, in a table where it has the type `known` already."""
        seen = self.kinds[name]
        if name in self._times and seen & {pa.date32(), columns.MOMENT, columns.NAIVE}:
            # A declared time: text among times is a stray, and a time without a zone is in UTC.
            seen = {columns.MOMENT if kind == columns.NAIVE else kind for kind in seen} - {pa.string()}
            known = None if known == pa.string() else known
        if seen:
            return columns.chosen(seen, known=known)
        return known or (columns.MOMENT if name in self._times else pa.string())

    def cells_of(self, name: str, values: pa.Array, kind: pa.DataType) -> pa.Array:
        """A batch's column as its type, null where a value does not fit."""
        if self.forms.get(name) == "digits" and kind == pa.int64():
            values = pc.replace_substring_regex(values, "^0+([0-9])", r"\1")
        return columns.fit(values, kind)

    def read(self) -> Iterator[Spooled]:
        """Every batch, in the order in which it came; those that are still to come are waited for.

        Raises Abandoned where they come no more, because the reader failed.
        """
        for visit, first_row, place in self._following():
            batch = _of_kept(place) if isinstance(place, Kept) else place
            batch = _from_file(batch) if isinstance(batch, Path) else batch
            yield Spooled(
                visit=visit,
                number=self.visits.index(visit),
                first_row=first_row,
                columns=dict(zip(batch.schema.names, batch.columns, strict=True)),
            )

    def _following(self) -> Iterator[tuple[Visit, int, pa.RecordBatch | Path | Kept]]:
        at = 0
        while True:
            with self._more:
                while self._end is None and at == len(self._batches):
                    self._more.wait()
                if self._end == "abandoned":
                    raise Abandoned
                if at == len(self._batches):
                    return
            yield self._batches[at]
            at += 1

    def _ended(self, how: Literal["complete", "abandoned"]) -> None:
        with self._more:
            self._end = how
            self._more.notify_all()

    def _convert(self) -> None:
        """Make columns of the rows that wait."""
        if self._rows:
            rows, raw = self._rows, self._rows_raw
            self._rows, self._rows_raw = [], []
            self._join(batch_of(rows, asset=self._asset), raw)

    def _add(self, batch: Batch, rows: int, *, raw: str) -> None:
        self._convert()
        if self._names != batch.keys():
            self._names = frozenset(batch)
        self.named[raw] = self._names
        self._join(batch, [(raw, rows)])

    def _join(self, batch: Batch, raw: list[tuple[str, int]]) -> None:
        if self._pieces and not self._pieces.fit(batch, alike=self.has_every_column):
            self._keep(*self._pieces.take())
        self._pieces.add(batch, raw)
        if self._pieces.is_enough:
            self._keep(*self._pieces.take())

    def _look(self, batch: Batch) -> None:
        for name, column in batch.items():
            seen = self.kinds.setdefault(name, set())
            form = self.forms.get(name)
            if not isinstance(form, pa.DataType):
                seen |= self._kinds_of(name, column, form)

    def _keep(self, batch: Batch, raw: pa.Array) -> None:
        self._look(batch)
        for start in range(0, len(raw), BATCH_ROWS):
            arrays = {name: column.values[start : start + BATCH_ROWS] for name, column in batch.items()}
            kept = pa.RecordBatch.from_pydict({**arrays, RAW: raw[start : start + BATCH_ROWS]})
            self._note(self._in_memory_or_on_disk(kept), batch, kept.num_rows)

    def _in_memory_or_on_disk(self, batch: pa.RecordBatch) -> pa.RecordBatch | Path:
        if self._memory_bytes + batch.nbytes <= MEMORY_BYTES_MAX:
            self._memory_bytes += batch.nbytes
            return batch
        path = self.folder / f"{len(self._batches)}.arrow"
        with pa.ipc.new_file(path, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
            file.write_batch(batch)
        return path

    def _note(self, place: pa.RecordBatch | Path | Kept, names: Iterable[str], rows: int) -> None:
        assert self._visit is not None  # begin() was called
        self.came[self._visit].update(names)
        with self._more:
            self._batches.append((self._visit, self._rows_of_visit + 1, place))
            self._more.notify_all()
        self._rows_of_visit += rows

    def _kinds_of(self, name: str, column: Column, form: Form | None) -> set[pa.DataType]:
        if column.kinds != {pa.string()}:
            return column.kinds
        if name in self._times and (found := columns.kinds_of_times(column.values)) != column.kinds:
            return found
        if form == "text":
            return columns.kinds_of_text(column.values)
        if form == "digits":
            return columns.kinds_of_digits(column.values)
        return column.kinds

    def _wanted(self, rows: Any) -> Any:  # a list or an Arrow batch, and the beginning of it
        return rows if self._rows_max is None else rows[: max(self._rows_max - self.rows, 0)]

    def _count(self, rows: int) -> None:
        self.rows += rows
        self._progress(self.rows)


def _of_kept(kept: Kept) -> pa.RecordBatch:
    arrays = {name: column.values[: kept.rows] for name, column in kept.read().items()}
    raw = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), kept.rows), pa.array([kept.raw]))
    return pa.RecordBatch.from_pydict({**arrays, RAW: raw})


def _from_file(path: Path) -> pa.RecordBatch:
    with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
        return file.get_batch(0)
