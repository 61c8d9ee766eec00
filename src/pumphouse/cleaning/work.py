"""The steps of one build: streamed over the input, between those that look at the whole table at once.

Steps go from top to bottom. Those that look at one row after the other are mapped in one pass; `dedupe` is a query over
what came out. Everything between is Parquet in the build's own folder, so that memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.cleaning.clean import Clean
from pumphouse.cleaning.dropping import Drop
from pumphouse.cleaning.duplicates import Dedupe
from pumphouse.cleaning.filling import Fill
from pumphouse.cleaning.fits import Fits, learn_drop, learn_fill
from pumphouse.cleaning.queries import dedupe_query
from pumphouse.cleaning.rows import CELLS, ROWS, WITHHELD, CleanColumn, DropColumns, FillGaps, Operation, RowByRow
from pumphouse.cleaning.step import ArrayFunction, Step
from pumphouse.declare.asset import Asset
from pumphouse.engines import storage
from pumphouse.engines.engine import HIDDEN_COLUMNS, DataFile, Query, Scan, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError, UnknownName, did_you_mean
from pumphouse.lake.context import Context

if TYPE_CHECKING:
    import pyarrow as pa

KNOWN_AT, LOADED_AT = "_known_at", "_loaded_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStep:
    """One step of one column."""

    column: str
    step: Step | Fill

    @property
    def target(self) -> str:
        """The column whose values it sets."""
        return self.step.target(self.column) if isinstance(self.step, Step) else self.column


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out: files in the build's own folder, and what became of the rows."""

    rows: Written
    quarantine: Written
    rows_in: int
    withheld: int
    merged: int


class Work:
    """One build's steps over its input, at the run's snapshot."""

    def __init__(self, *, asset: Asset, context: Context, folder: Path) -> None:
        spec: Clean = asset.spec
        self.asset = asset
        self.context = context
        self.folder = folder
        source = context.scan(spec.input)
        self.source = source.sample(context.sample) if context.sample else source
        self.steps = tuple(_one_by_one(spec))
        gathered = context.assets.get(spec.input)
        self._cursor: str | None = getattr(gathered.spec if gathered else None, "cursor", None)
        self._loaded: dict[int, ArrayFunction] = {}
        self._stems = (f"part{number}" for number in count())

    def learn(self, fits: Fits) -> Fits:
        """These fits, and those of steps that have none yet, each learnt from the rows that reach its step."""
        staged, done = self.source, 0
        for place, step in enumerate(self.steps):
            name = _fit_name(step)
            if name is None or fits.has(name):
                continue
            if place > done:
                staged, done = self._scan(self._run(staged, fits, start=done, stop=place).rows), place
            if isinstance(step, Drop):
                rows = learn_drop(self.context.engine, staged, step, named=self._named(staged))
            else:
                assert isinstance(step, ColumnStep)
                assert isinstance(step.step, Fill)
                _require([step.column, *step.step.by], staged.schema.names)
                rows = learn_fill(self.context.engine, staged, step.step, step.column)
            fits = fits.with_rows(name, rows)
        return fits.keep(name for step in self.steps if (name := _fit_name(step)))

    def clean(self, fits: Fits) -> Outcome:
        """Every step, from the first to the last."""
        return self._run(self.source, fits, start=0, stop=len(self.steps))

    def dropped(self, fits: Fits) -> dict[str, str]:
        """The columns that were dropped, and why."""
        steps = [step for step in self.steps if isinstance(step, Drop)]
        return {column: why for step in steps for column, why in fits.dropped(step.fit_name).items()}

    # -- passes over the rows -----------------------------------------------------------------------------------------

    def _run(self, scan: Scan, fits: Fits, *, start: int, stop: int) -> Outcome:
        """The steps from `start` up to, without, `stop`."""
        cells: list[Written] = []
        withheld: list[Written] = []
        merged, place = 0, start
        while True:
            merging = next((at for at in range(place, stop) if isinstance(self.steps[at], Dedupe)), stop)
            outputs = self._map(scan, fits, start=place, stop=merging)
            rows = outputs[ROWS]
            cells.append(outputs[CELLS])
            withheld.append(outputs[WITHHELD])
            if place == start:
                rows_in = rows.rows + outputs[WITHHELD].rows
            if merging < stop:
                kept = self._merge(self._scan(rows), place=merging)
                merged += rows.rows - kept.rows
                rows = kept
            place = merging + 1
            if place >= stop:
                break
            scan = self._scan(rows)
        return Outcome(
            rows=rows,
            quarantine=_together([*cells, *withheld]),
            rows_in=rows_in,
            withheld=sum(written.rows for written in withheld),
            merged=merged,
        )

    def _map(self, scan: Scan, fits: Fits, *, start: int, stop: int) -> dict[str, Written]:
        """Steps that look at one row after the other, in one pass. Rows that lack something stay behind."""
        is_end = stop == len(self.steps) or isinstance(self.steps[stop], Dedupe)
        changed_later = {step.target for step in self.steps[stop:] if isinstance(step, ColumnStep)}
        needed = dict.fromkeys([*self.asset.common.key, *self.asset.common.required])
        function = RowByRow(
            operations=tuple(self._operations(fits, start=start, stop=stop)),
            key=self.asset.common.key,
            needed=tuple(name for name in needed if is_end and name not in changed_later),
            run=self.context.run,
        )
        listed = ", ".join(_selected(scan.schema.field(name)) for name in self._columns(scan, place=start))
        query = Query(text=f"SELECT {listed} FROM staged", inputs={"staged": scan})
        schema = self.context.engine.schema(query)
        outputs = {name: batch.schema for name, batch in function(_empty(schema)).items()}
        told = Told(function, self.context.progress)
        return dict(self.context.engine.map(query, told, outputs=outputs, folder=self.folder, stem=next(self._stems)))

    def _merge(self, scan: Scan, *, place: int) -> Written:
        """The rows that `dedupe` keeps."""
        step = self.steps[place]
        assert isinstance(step, Dedupe)
        names, by = scan.schema.names, self._by(step)
        if by == LOADED_AT and LOADED_AT not in names:
            raise BuildError(
                f"dedupe can't tell which row is the {step.keep}: the input does not say when rows were loaded",
                mend=f"Name a column to go by: dedupe(..., by='updated_at'){self._or_clean_gathered()}.",
            )
        key = self.asset.common.key
        _require([*step.on, by, *key], names)
        text = dedupe_query(step, by=by, columns=names, kept=self._columns(scan, place=place + 1), key=key)
        query = Query(text=text, inputs={"staged": scan})
        return self.context.engine.write(query, folder=self.folder, stem=next(self._stems))

    def _operations(self, fits: Fits, *, start: int, stop: int) -> Iterator[Operation]:
        for place, step in enumerate(self.steps[start:stop], start=start):
            if isinstance(step, Drop):
                yield DropColumns(columns=tuple(fits.dropped(step.fit_name)))
            elif isinstance(step, ColumnStep) and isinstance(step.step, Fill):
                yield FillGaps(column=step.column, by=step.step.by, values=_values(step.step, step.column, fits))
            elif isinstance(step, ColumnStep):
                assert isinstance(step.step, Step)
                if place not in self._loaded:  # a pass to learn and the pass to clean share what it has read
                    self._loaded[place] = step.step.load(self.context.folder)
                yield CleanColumn(
                    column=step.column,
                    target=step.target,
                    reads=step.step.reads,
                    step=step.step.name,
                    version=step.step.version,
                    function=self._loaded[place],
                )

    def _scan(self, written: Written) -> Scan:
        """Staged files as the input of what follows."""
        files = ", ".join(literal(str(file)) for file in written.files)
        return Scan(
            table="staged",
            snapshot=self.context.snapshot,
            schema=written.schema,
            relation=f"SELECT * FROM read_parquet([{files}])",
            files=tuple(DataFile(path=str(file)) for file in written.files),
        )

    def _columns(self, scan: Scan, *, place: int) -> list[str]:
        """The columns that go on from step `place`: the table's own, when a row was known, and when it was loaded if
        a step will ask."""
        asked = any(isinstance(step, Dedupe) and self._by(step) == LOADED_AT for step in self.steps[place:])
        hidden = {KNOWN_AT, LOADED_AT} if asked else {KNOWN_AT}
        return [name for name in scan.schema.names if name not in HIDDEN_COLUMNS or name in hidden]

    def _by(self, step: Dedupe) -> str:
        """The column that says which row is newer: as declared, or the cursor of the source, or when it was loaded."""
        return step.by or self._cursor or LOADED_AT

    def _or_clean_gathered(self) -> str:
        """The rest of a sentence: the gathered tables that the input is made from know when rows were loaded."""
        assets = self.context.assets
        made_from = assets[self.asset.spec.input].inputs if self.asset.spec.input in assets else ()
        gathered = [f"'{name}'" for name in made_from if name in assets and assets[name].is_gathered]
        return f", or clean {' or '.join(gathered)} itself, which says so" if gathered else ""

    def _named(self, staged: Scan) -> set[str]:
        """The columns that the declaration names or that steps made: `drop` leaves them."""
        common = self.asset.common
        named = {*common.key, *common.required, *filter(None, (common.time.event, common.time.known))}
        for step in self.steps:
            if isinstance(step, Dedupe):
                named |= {*step.on, self._by(step)}
            elif isinstance(step, ColumnStep):
                named |= {step.column, *step.step.reads}
        return named | (set(staged.columns) - set(self.source.columns))


class Told:
    """A function over batches that says how many rows it has seen. Pickled, it is the bare function: a worker elsewhere
    has nobody to tell."""

    def __init__(self, function: RowByRow, progress: Callable[[int], None]) -> None:
        self.function = function
        self.progress = progress
        self.rows = 0

    def __call__(self, batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        """What the function makes of the batch."""
        outputs = self.function(batch)
        self.rows += batch.num_rows
        self.progress(self.rows)
        return outputs

    def __reduce__(self) -> tuple[object, ...]:
        return (_itself, (self.function,))


def _itself(function: RowByRow) -> RowByRow:
    return function


def _one_by_one(spec: Clean) -> Iterator[ColumnStep | Drop | Dedupe]:
    for step in spec.steps:
        if isinstance(step, (Drop, Dedupe)):
            yield step
        else:
            yield from (ColumnStep(column=step.column, step=one) for one in step.steps)


def _fit_name(step: ColumnStep | Drop | Dedupe) -> str | None:
    """What the step's fit is stored under; None for a step that learns nothing."""
    if isinstance(step, Drop):
        return step.fit_name
    if isinstance(step, ColumnStep) and isinstance(step.step, Fill) and step.step.has_fit:
        return step.step.fit_name(step.column)
    return None


def _values(fill: Fill, column: str, fits: Fits) -> dict[tuple[str | None, ...], str | None]:
    return fits.fill_values(fill.fit_name(column)) if fill.has_fit else {(): str(fill.value)}


def _require(names: list[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise UnknownName(
                f"there is no column '{name}'", mend=did_you_mean(name, known) or f"There are {', '.join(known)}."
            )


def _selected(column: pa.Field) -> str:
    import pyarrow as pa

    # Files hold an interval as its parts, and so do we on the way.
    return storage.stored(column.name, "INTERVAL") if pa.types.is_interval(column.type) else quoted(column.name)


def _together(parts: list[Written]) -> Written:
    return Written(
        files=tuple(file for part in parts for file in part.files),
        rows=sum(part.rows for part in parts),
        schema=parts[0].schema,
    )


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
