"""Batches as they came become batches of the table: typed, keyed, dated. What can't go along goes to the ledger."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.engines.parquet import ParquetFiles
from pumphouse.errors import SourceError
from pumphouse.lake import times
from pumphouse.sources import columns
from pumphouse.sources.contracts import Judge, Judged, Terms
from pumphouse.sources.fetch import Visit
from pumphouse.sources.rows import ORDER, RAW, VISIT, as_text
from pumphouse.sources.spool import Spool, Spooled

SHA_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a table's rows look like, and which of them may not go in."""

    asset: str
    kinds: Mapping[str, pa.DataType]
    key: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    cursor: str | None = None
    appends: bool = False
    """Whether rows only ever come once: those up to the cursor are dropped."""
    known: str | None = None
    """The column that says when a row was known."""
    terms: Terms | None = None
    """What was promised of the rows."""
    zone: str = "UTC"
    """In which its days end."""

    @property
    def schema(self) -> pa.Schema:
        """The table's columns, then the lake's own, then ORDER."""
        own = [("_loaded_at", columns.MOMENT), (RAW, pa.string()), ("_known_at", columns.MOMENT), (ORDER, pa.int64())]
        return pa.schema([*self.kinds.items(), *own])

    @property
    def needed(self) -> dict[str, str]:
        """Columns without which a row is withheld, and what they are."""
        cursor = {self.cursor: "cursor"} if self.cursor and self.appends else {}
        return {**dict.fromkeys(self.required, "required column"), **cursor, **dict.fromkeys(self.key, "key")}


class Shaping:
    """One pass over a spool. `dropped` and `newest` are complete when `batches` has ended."""

    def __init__(self, spool: Spool, shape: Shape) -> None:
        self.dropped = 0
        """Rows from before where their visit began, which were there already."""
        self.again = ParquetFiles(spool.folder, "again", shape.schema.append(pa.field(VISIT, pa.int64())))
        """Rows that another visit may have brought too, in a table that only grows: those from where one visit began up
        to where the one before it ended."""
        self.newest: Any = None  # a number or text: how far the cursor came, as the source wrote it; None if no further
        self.folder = spool.folder
        self.stem = f"{shape.asset}_{uuid.uuid4().hex}"
        """With which its files are named."""
        self.lines_withheld = spool.ledger.rows
        """What the reader withheld."""
        self._spool = spool
        self.shape = shape
        self._largest: Any = None  # the same value as the column's type, to compare with
        self._rows = 0
        self._visit: Visit | None = None
        self._of_raw: Counter[str] = Counter()
        self._numbers: list[tuple[str, int]] | None = None
        self._judge = Judge(shape.terms, spool, shape.kinds) if shape.terms else None
        self._last_key: pa.Scalar | None = None
        self._keys_rise = len(shape.key) == 1 and _has_an_order(shape.kinds[shape.key[0]])
        """Whether each key was greater than the one before it, so far."""

    @property
    def has_unique_keys(self) -> bool:
        """Whether no two rows have one key: it was seen, or the source sees to it. Known when `batches` has ended."""
        return bool(self.shape.key) and (self._keys_rise or self._has_keys_of_the_source)

    @property
    def _has_keys_of_the_source(self) -> bool:
        kinds, forms = self.shape.kinds, self._spool.forms
        if not self._spool.has_unique_keys or len(self._spool.visits) > 1:
            return False
        # A time is cut off at the microsecond, and a fraction is the nearest double: two keys may become one.
        return not any(
            kinds[name] != forms.get(name) or pa.types.is_temporal(kinds[name]) or pa.types.is_floating(kinds[name])
            for name in self.shape.key
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The table's rows, in the order in which they came."""
        for spooled in self._spool.read():
            batch = self._shaped(spooled)
            if self._keys_rise and batch.num_rows:
                self._follow_key(batch[self.shape.key[0]])
            yield batch
        if self._judge:
            self._spool.warnings += self._judge.warnings

    def _follow_key(self, keys: pa.Array) -> None:
        first = self._last_key is None or pc.greater(keys[0], self._last_key).as_py()
        self._keys_rise = bool(first and pc.all(pc.greater(keys[1:], keys[:-1]), min_count=0).as_py())
        self._last_key = keys[-1]

    @property
    def lists(self) -> list[datetime]:
        """When the visits were that listed the keys of all there is."""
        return [visit.at for visit in self._spool.listings]

    @property
    def schema_of_keys(self) -> pa.Schema:
        """What `keys` gives."""
        key = [(name, self.shape.kinds[name]) for name in self.shape.key]
        return pa.schema([*key, ("_loaded_at", columns.MOMENT)])

    def keys(self) -> Iterator[pa.RecordBatch]:
        """The listed keys, each with when the visit was that listed it."""
        key, schema = self.shape.key, self.schema_of_keys
        for visit, kept in self._spool.listings.items():
            for one in kept:
                batch = one.read()
                cells = [self._spool.cells_of(name, batch[name].values, self.shape.kinds[name]) for name in key]
                at = pa.repeat(pa.scalar(visit.at, columns.MOMENT), len(cells[0]))
                yield pa.RecordBatch.from_arrays([*cells, at], schema=schema)

    def _shaped(self, spooled: Spooled) -> pa.RecordBatch:
        shape, came = self.shape, spooled.columns
        length = len(came[RAW])
        original = {name: came[name] if name in came else pa.nulls(length) for name in shape.kinds}
        fitted = {name: self._spool.cells_of(name, original[name], kind) for name, kind in shape.kinds.items()}
        judged = self._judge.judge(spooled, original, fitted) if self._judge else Judged(fitted, [], [])
        cells = judged.cells
        kept = self._withhold(spooled, original, judged)
        again = None
        if shape.cursor:
            cursors = cells[shape.cursor]
            self._follow(original[shape.cursor], cursors, since=spooled.visit.cursor)
            if shape.appends and spooled.visit.cursor is not None:
                before = self._compared(pc.less, cursors, spooled.visit.begins)
                self.dropped += pc.sum(pc.and_(kept, before)).as_py() or 0
                kept = pc.and_(kept, pc.invert(before))
                again = self._compared(pc.less_equal, cursors, spooled.visit.cursor)
            if shape.appends and (begins := self._later_begins[spooled.number]) is not None:
                still = self._compared(pc.greater_equal, cursors, begins)
                again = still if again is None else pc.or_(again, still)
        self._quarantine(spooled, original, fitted, kept)
        for aside in judged.set_aside:
            for at in pc.indices_nonzero(pc.and_(aside.where, kept)).to_pylist():
                self._spool.ledger.cell(
                    row_id=self._row_id(spooled, cells, at),
                    column=aside.column,
                    original=as_text(aside.values[at].as_py()),
                    reason=aside.reason,
                )
        loaded = _loaded_at(spooled.visit, came[RAW])
        own = [loaded, came[RAW].cast(pa.string()), self._known_at(cells, loaded)]
        order = pa.arange(self._rows, self._rows + length)
        self._rows += length
        self._count_raw(spooled)
        batch = pa.RecordBatch.from_arrays([*cells.values(), *own, order], schema=shape.schema)
        if again is not None and pc.any(again).as_py():
            some = batch.filter(pc.and_(kept, again))
            number = pa.repeat(pa.scalar(spooled.number, pa.int64()), some.num_rows)
            self.again.write(some.append_column(VISIT, number))
            kept = pc.and_(kept, pc.invert(again))
        return batch if pc.all(kept).as_py() else batch.filter(kept)

    def _withhold(self, spooled: Spooled, original: dict[str, pa.Array], judged: Judged) -> pa.Array:
        """Which rows go in; the others are in the ledger, whole."""
        kept = pa.repeat(pa.scalar(True), len(spooled.columns[RAW]))  # noqa: FBT003 (a value, not a switch)
        for where, reason in judged.withheld:
            for at in pc.indices_nonzero(pc.and_(kept, where)).to_pylist():
                self._keep_row(spooled, at, reason)
            kept = pc.and_not(kept, where)
        for name, what in self.shape.needed.items():
            there = pc.is_valid(judged.cells[name])
            for at in pc.indices_nonzero(pc.and_(kept, pc.invert(there))).to_pylist():
                value = original[name][at].as_py()
                why = (
                    "is null" if value is None else f"is not {columns.said(self.shape.kinds[name])}: {as_text(value)!r}"
                )
                self._keep_row(spooled, at, f"{what} '{name}' {why}")
            kept = pc.and_(kept, there)
        return kept

    def _keep_row(self, spooled: Spooled, at: int, reason: str) -> None:
        row = {column: came[at].as_py() for column, came in spooled.columns.items() if column != RAW}
        text = as_text({column: cell for column, cell in row.items() if cell is not None})
        # A row of a table that is replaced is named by its place; else by what it is: it may come again.
        is_placed = not self.shape.key and not self.shape.appends
        name = self._place(spooled, at) if is_placed else hashlib.sha256(text.encode()).hexdigest()[:16]
        self._spool.ledger.row(row_id=name, original=text, reason=reason)

    def _quarantine(
        self, spooled: Spooled, original: dict[str, pa.Array], cells: dict[str, pa.Array], kept: pa.Array
    ) -> None:
        """Put the originals of cells that became null into the ledger, for rows that go in."""
        for name, kind in self.shape.kinds.items():
            if cells[name].null_count == original[name].null_count:
                continue
            lost = pc.and_(pc.and_(pc.is_valid(original[name]), pc.is_null(cells[name])), kept)
            for at in pc.indices_nonzero(lost).to_pylist():
                self._spool.ledger.cell(
                    row_id=self._row_id(spooled, cells, at),
                    column=name,
                    original=as_text(original[name][at].as_py()),
                    reason=f"is not {columns.said(kind)}",
                )

    def _row_id(self, spooled: Spooled, cells: dict[str, pa.Array], at: int) -> str:
        """A row's key, or the stored bytes it came from with its number among the rows that came from them."""
        if self.shape.key:
            return "|".join(as_text(cells[name][at].as_py()) for name in self.shape.key)
        return self._place(spooled, at)

    def _place(self, spooled: Spooled, at: int) -> str:
        raw, number = self._numbered(spooled)[at]
        return f"{raw[:12]}{raw[SHA_DIGITS:]}:{number}"  # a part of them is named behind

    def _numbered(self, spooled: Spooled) -> list[tuple[str, int]]:
        """For each row of the batch the stored bytes it came from, and its number among all rows from them."""
        if self._numbers is None:
            seen = Counter(self._before(spooled))
            self._numbers = []
            for raw in spooled.columns[RAW].to_pylist():
                seen[raw] += 1
                self._numbers.append((raw, seen[raw]))
        return self._numbers

    def _before(self, spooled: Spooled) -> Counter[str]:
        """How many rows of the same visit came from which stored bytes, in the batches before."""
        if spooled.visit is not self._visit:
            self._visit, self._of_raw = spooled.visit, Counter()
        return self._of_raw

    def _count_raw(self, spooled: Spooled) -> None:
        counts, self._numbers = self._before(spooled), None
        for count in pc.value_counts(spooled.columns[RAW]).to_pylist() if not self.shape.key else ():
            counts[count["values"]] += count["counts"]

    def _follow(self, original: pa.Array, cells: pa.Array, *, since: Any) -> None:
        """Remember the largest value of the cursor's column, where it is larger than where the visit began."""
        if self._largest is None:
            self._largest = columns.fit(pa.array([since]), cells.type)[0].as_py()
        largest = pc.max(cells)
        if largest.is_valid and (self._largest is None or largest.as_py() > self._largest):
            self._largest = largest.as_py()
            value = original[pc.index(cells, largest).as_py()].as_py()
            self.newest = (
                value if isinstance(value, int | float | str) and not isinstance(value, bool) else as_text(value)
            )

    def _compared(self, how: Callable[[pa.Array, pa.Scalar], pa.Array], cells: pa.Array, cursor: Any) -> pa.Array:
        place = columns.fit(pa.array([cursor]), cells.type)[0]
        if not place.is_valid:
            raise SourceError(
                f"cursor '{self.shape.cursor}' stood at {cursor!r}, and its column is now {columns.said(cells.type)}",
                asset=self.shape.asset,
                mend=f"Read it from the start: pumphouse run {self.shape.asset} --refetch",
            )
        return pc.fill_null(how(cells, place), False)  # noqa: FBT003

    @cached_property
    def _later_begins(self) -> list[Any]:  # of numbers or texts
        """For each visit, the earliest value at which one after it began; None where there is none.

        It need not be the next one's: a lag may have been raised since.
        """
        assert self.shape.cursor is not None  # what appends has one
        kind = self.shape.kinds[self.shape.cursor]
        found: list[Any] = []
        earliest, place = None, pa.scalar(None, kind)
        for visit in reversed(self._spool.visits):
            found.append(earliest)
            if visit.begins is None:
                continue
            begins = columns.fit(pa.array([visit.begins]), kind)[0]
            if earliest is None or not pc.greater_equal(begins, place).as_py():
                earliest, place = visit.begins, begins
        return found[::-1]

    def _known_at(self, cells: dict[str, pa.Array], loaded: pa.Array) -> pa.Array:
        """When each row was known: its declared column, a day being known when it is over.

        Where that has nothing to say, when the row was loaded: by then it was.
        """
        name = self.shape.known
        if name is None:
            return loaded
        values = cells[name]
        if times.form_of(values.type) is None:
            raise SourceError(
                f"'{name}' is declared to be when a row was known, and it holds {columns.said(values.type)}",
                asset=self.shape.asset,
                mend="Declare a column of days or times (ISO 8601).",
            )
        return pc.coalesce(times.moments(values, zone=self.shape.zone), loaded)


def _loaded_at(visit: Visit, raws: pa.Array) -> pa.Array:
    """When each row came: with this visit, but for stored bytes that had come before it."""
    earlier = visit.came_earlier()
    if not earlier:
        return pa.repeat(pa.scalar(visit.at, columns.MOMENT), len(raws))
    encoded = raws if pa.types.is_dictionary(raws.type) else raws.dictionary_encode()
    moments = [earlier.get(raw.partition("/")[0], visit.at) for raw in encoded.dictionary.to_pylist()]
    return pa.array(moments, columns.MOMENT).take(encoded.indices)


def _has_an_order(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_temporal(kind))
