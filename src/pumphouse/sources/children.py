"""Lists inside a column become a table of their own: one row an element, made from the table, with nobody asked."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.asset import Asset
from pumphouse.declare.children import POSITION, VALUE, Children
from pumphouse.engines.engine import HIDDEN_COLUMNS, Scan, Written
from pumphouse.engines.parameters import quoted
from pumphouse.errors import SourceError, did_you_mean
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.sources import columns, merging
from pumphouse.sources.fetch import Visit
from pumphouse.sources.rows import RAW, Batch, Column, as_text, batch_of, batch_of_arrow, require_names
from pumphouse.sources.spool import ROWS_AT_ONCE, Spool, Spooled

CELL = "_landing_cell"
"""The column with the lists, while they are read."""


def build(asset: Asset, context: Context) -> Built:
    """Each element of the lists in a table's column, one row. Counts are of elements, and of cells without a list."""
    lake = context.lake
    with Spool(
        lake.folder / "scratch" / f"gather_{asset.name}",
        asset=asset.name,
        run=context.run,
        times=frozenset(name for name in (asset.common.time.event,) if name),
        rows_max=context.sample,
        progress=context.progress,
    ) as spool:
        hidden = _read(asset, context, spool)
        lists_missing = spool.ledger.rows
        shaping = _Shaping(asset=asset, spool=spool, kinds=_kinds(asset, context, spool), hidden=hidden)
        stem = f"{asset.name}_{uuid.uuid4().hex}"
        staged = lake.stage(shaping.batches(), shaping.schema, stem=stem, key=asset.common.key)
        rows = _keyed(asset, context, staged, stem=stem)
        entries = merging.new_entries(lake, spool.ledger.close(), table=None, stem=f"{stem}_quarantine")
        commit = context.begin(asset)
        commit.replace(asset.name, rows, key=asset.common.key)
        commit.replace_quarantine(asset.name, entries)
        counts = Counts(
            rows_in=spool.rows + lists_missing,
            rows_out=rows.rows,
            quarantined=spool.ledger.cells,
            merged=staged.rows - rows.rows,
            withheld=spool.ledger.rows,
        )
        return Built.of(asset.name, commit.publish(counts), counts=counts)


def _keyed(asset: Asset, context: Context, staged: Written, *, stem: str) -> Written:
    """The rows with one of each key: of elements of one list with the same, the last."""
    spec: Children = asset.spec
    if not asset.common.key or spec.own_key == (POSITION,):
        return replace(staged, key=asset.common.key)
    return merging.last_of_key(context.lake, staged, key=asset.common.key, stem=stem)


def _read(asset: Asset, context: Context, spool: Spool) -> tuple[str, ...]:
    """Read the elements into the spool; which of the lake's own columns come with them."""
    spec: Children = asset.spec
    scan = context.scan(spec.table)
    _refuse_unknown(asset, scan)
    hidden = tuple(name for name in HIDDEN_COLUMNS if name in scan.schema.names)
    whose = [f"{quoted(of)} AS {quoted(here)}" for here, of in spec.along]
    kind = scan.schema.field(spec.column).type
    cell = quoted(spec.column) if pa.types.is_string(kind) else f"to_json({quoted(spec.column)})::VARCHAR"
    text = f"SELECT {', '.join([*whose, f'{cell} AS {CELL}', *hidden])} FROM {quoted(spec.table)}"
    spool.begin(Visit(context.lake.blobs, asset=asset.name, at=context.now, cursor=None, whole=True))
    engine = context.lake.engine.fork()
    try:
        reader = engine.read(context.query(text, spec.table))
        reading = _Reading(asset=asset, spool=spool, hidden=hidden)
        reading.declare(reader.schema)
        for batch in reader:
            for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                reading.take(batch.slice(start, ROWS_AT_ONCE))
                if spool.is_full:
                    return hidden
    finally:
        engine.close()
    spool.complete()
    if spool.ledger.rows and not spool.rows:
        raise SourceError(
            f"no row of '{spec.table}' has a list in '{'.'.join((spec.column, *spec.path))}': {reading.why}",
            asset=asset.name,
            place=asset.place,
            mend="Name the column, and the field of its objects, that holds the list.",
        )
    return hidden


def _refuse_unknown(asset: Asset, scan: Scan) -> None:
    spec: Children = asset.spec
    for name in (spec.column, *(of for _, of in spec.along)):
        if name not in scan.columns:
            raise SourceError(
                f"'{asset.name}' names '{name}', and '{spec.table}' has no such column",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(name, scan.columns) or f"It has {', '.join(scan.columns)}.",
            )
    kind = scan.schema.field(spec.column).type
    if not (pa.types.is_string(kind) or pa.types.is_nested(kind) or pa.types.is_null(kind)):
        raise SourceError(
            f"'{spec.column}' of '{spec.table}' is {columns.said(kind)}, and no list is in it",
            asset=asset.name,
            place=asset.place,
            mend="Name the column that holds the lists.",
        )


@dataclass(slots=True, kw_only=True)
class _Reading:
    """Rows of the table on their way to their elements."""

    asset: Asset
    spool: Spool
    hidden: tuple[str, ...]
    why: str = ""
    """Why the last cell without a list has none."""
    _names: dict[str, str] = field(default_factory=dict)

    def declare(self, schema: pa.Schema) -> None:
        """Tell the columns that there are without any element."""
        whose = self._whose(pa.RecordBatch.from_pylist([], schema))
        self.spool.declare({name: column.values.type for name, column in whose.items()} | {POSITION: pa.int64()})

    def take(self, batch: pa.RecordBatch) -> None:
        """Give the elements of some rows to the spool."""
        owners: list[int] = []
        positions: list[int] = []
        elements: list[dict[str, Any]] = []
        for at, cell in enumerate(batch[CELL].to_pylist()):
            try:
                items = _items(cell, self.asset.spec.path)
            except ValueError as error:
                self._withhold(batch, at, cell, str(error))
                continue
            owners += [at] * len(items)
            positions += range(1, len(items) + 1)
            elements += map(self._fields, items)
        if not owners:
            return
        of = batch.take(pa.array(owners, pa.int64()))
        found: Batch = self._whose(of) | {POSITION: Column(pa.array(positions, pa.int64()), {pa.int64()})}
        if any(elements):
            found |= batch_of(elements, asset=self.asset.name)
        for name in self.hidden:
            if name != RAW:
                found[name] = Column(of[name].cast(columns.MOMENT), {columns.MOMENT})
        raws = of[RAW].to_pylist() if RAW in self.hidden else [""] * len(owners)
        self.spool.add_columns_of(found, raw=[(raw or "", len(list(same))) for raw, same in groupby(raws)])

    def _whose(self, batch: pa.RecordBatch) -> Batch:
        return batch_of_arrow(batch.select([here for here, _ in self.asset.spec.along]), asset=self.asset.name)

    def _withhold(self, batch: pa.RecordBatch, at: int, cell: str, reason: str) -> None:
        self.why = reason
        row = "|".join(as_text(batch[here][at].as_py()) for here, _ in self.asset.spec.along)
        self.spool.ledger.row(row_id=row, original=cell, reason=reason)

    def _fields(self, item: Any) -> dict[str, Any]:  # JSON
        if not isinstance(item, dict):
            return {VALUE: item}
        return {self._names.get(name) or self._called(name): value for name, value in item.items()}

    def _called(self, name: str) -> str:
        self._names[name] = self.asset.spec.called(name)
        return self._names[name]


def _items(cell: str | None, path: tuple[str, ...]) -> list[Any]:  # JSON
    """The elements of the list in a cell; one that stands alone is one of one, as XML has it. Raises ValueError."""
    if not cell:
        return []
    value: Any = cell
    if path or cell.lstrip()[:1] in ("[", "{"):
        try:
            value = msgspec.json.decode(cell)
        except ValueError as error:
            raise ValueError(f"is no JSON: {error}") from None
    for name in path:
        if value is None:
            return []
        if not isinstance(value, dict):
            had = "a list" if isinstance(value, list) else "no object"
            advice = ": make a table of it first, and of that the next" if isinstance(value, list) else ""
            raise ValueError(f"has {had} where '{name}' should be a field{advice}")
        value = value.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _kinds(asset: Asset, context: Context, spool: Spool) -> dict[str, pa.DataType]:
    """The types of the columns that a person sees; one that no element has any more stays, without values."""
    lake, known = context.lake, {}
    if asset.name in lake.tables() and not context.accept_schema:
        known = {
            one.name: columns.MOMENT if pa.types.is_timestamp(one.type) and one.type.tz else one.type
            for one in lake.stored_schema(asset.name)
            if one.name not in HIDDEN_COLUMNS
        }
    if spool.rows:
        declared = {
            **dict.fromkeys(asset.common.required, "the required column"),
            **({asset.common.time.event: "the time of the event"} if asset.common.time.event else {}),
            **dict.fromkeys(asset.common.key, "the key"),
        }
        require_names(declared, spool.kinds, asset=asset.name)
    seen = {name: spool.kind_of(name, known=known.get(name)) for name in spool.kinds if name not in HIDDEN_COLUMNS}
    gone = {name: kind for name, kind in known.items() if name not in seen}
    # One column gone and another come may be a rename: the commit asks.
    return seen | (gone if not seen.keys() - known.keys() else {})


@dataclass(slots=True, kw_only=True)
class _Shaping:
    """Elements as rows of the table; what does not fit goes to the ledger."""

    asset: Asset
    spool: Spool
    kinds: dict[str, pa.DataType]
    hidden: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The table's columns, then the lake's own that its table has."""
        own = [(name, pa.string() if name == RAW else columns.MOMENT) for name in self.hidden]
        return pa.schema([*self.kinds.items(), *own])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows that go in."""
        for spooled in self.spool.read():
            yield self._shaped(spooled)

    def _shaped(self, spooled: Spooled) -> pa.RecordBatch:
        came, length = spooled.columns, len(spooled.columns[RAW])
        original = {name: came[name] if name in came else pa.nulls(length) for name in self.kinds}
        cells = {name: self.spool.cells_of(name, original[name], kind) for name, kind in self.kinds.items()}
        kept = pa.repeat(pa.scalar(True), length)  # noqa: FBT003 (a value, not a switch)
        needed = dict.fromkeys(self.asset.common.required, "required column")
        for name, what in (needed | dict.fromkeys(self.asset.common.key, "key")).items():
            there = pc.is_valid(cells[name])
            for at in pc.indices_nonzero(pc.and_not(kept, there)).to_pylist():
                row = as_text({one: values[at].as_py() for one, values in original.items() if values[at].is_valid})
                self.spool.ledger.row(
                    row_id=self._id(original, at), original=row, reason=f"{what} '{name}' {self._not(name)}"
                )
            kept = pc.and_(kept, there)
        for name, values in cells.items():
            lost = pc.and_(pc.and_(pc.is_valid(original[name]), pc.is_null(values)), kept)
            for at in pc.indices_nonzero(lost).to_pylist():
                self.spool.ledger.cell(
                    row_id=self._id(original, at),
                    column=name,
                    original=as_text(original[name][at].as_py()),
                    reason=f"is not {columns.said(self.kinds[name])}",
                )
        own = [came[name].cast(pa.string()) if name == RAW else came[name] for name in self.hidden]
        return pa.RecordBatch.from_arrays([*cells.values(), *own], schema=self.schema).filter(kept)

    def _not(self, name: str) -> str:
        return f"is null, or is not {columns.said(self.kinds[name])}"

    def _id(self, original: dict[str, pa.Array], at: int) -> str:
        """Whose element it is, and which."""
        named = [*(here for here, _ in self.asset.spec.along), *self.asset.spec.own_key]
        return "|".join(as_text(original[name][at].as_py()) for name in named)
