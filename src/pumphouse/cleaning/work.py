"""The steps of one build: streamed over the input, between those that look at the whole table at once.

Steps go from top to bottom. Those that look at one row after the other are mapped in one pass; `dedupe` is a query over
what came out. Everything between is Parquet in the build's own folder, so that memory does not grow with the rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.cleaning.batch import CleanColumn, Operation
from pumphouse.cleaning.clean import Clean
from pumphouse.cleaning.fits import Fits
from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.hidden import Hidden, HideCells, HideIds
from pumphouse.cleaning.rows import CELLS, HAPPENED, ROWS, WITHHELD, RowByRow
from pumphouse.cleaning.staged import Staged, scan_of_files
from pumphouse.cleaning.step import ArrayFunction, Resources, Step
from pumphouse.cleaning.table_step import CROSSWALK, KNOWN_AT, LOADED_AT, ROW_IDS, RowStep, TableStep, WholeStep
from pumphouse.cleaning.table_steps.queries import chain_query
from pumphouse.declare.asset import Asset
from pumphouse.engines import storage
from pumphouse.engines.engine import HIDDEN_COLUMNS, Query, Scan, Written
from pumphouse.engines.parameters import quoted
from pumphouse.lake.builds import QUARANTINE_SCHEMA
from pumphouse.lake.context import Context

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One step where it stands: of a column, or with '' of the table."""

    column: str
    step: Step | TableStep

    @property
    def target(self) -> str:
        """The column whose values it sets; '' for a step of the table."""
        return self.step.target(self.column) if isinstance(self.step, Step) else self.step.sets(self.column)

    @property
    def fit_name(self) -> str | None:
        """What its fit is stored under; None for a step that learns nothing."""
        return self.step.fit_name(self.column) if isinstance(self.step, (TableStep, FittedStep)) else None

    @property
    def is_whole(self) -> bool:
        """Whether it needs all rows at once."""
        return isinstance(self.step, WholeStep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass: of steps that look at one row after the other, or of one that needs all rows."""

    start: int
    """Place of its first step."""
    rows_in: int
    rows_out: int
    happened: Written | None = None
    """Where it is watched: what each of its steps did (`watching.schema`)."""
    cells: Written | None = None
    """What a step that needs all rows declined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out: files in the build's own folder, and what became of the rows."""

    rows: Written
    quarantine: Written
    rows_in: int
    withheld: int
    merged: int
    tables: Mapping[str, Written] = field(default_factory=dict)
    """Tables that steps made besides, by suffix."""
    passes: tuple[Pass, ...] = ()
    """What came of each pass over the rows, in order; of use to who watches."""


class Work:
    """One build's steps over its input, at the run's snapshot."""

    def __init__(self, *, asset: Asset, context: Context, folder: Path, is_watched: bool = False) -> None:
        spec: Clean = asset.spec
        self.asset = asset
        self.context = context
        self.folder = folder
        self.is_watched = is_watched
        source = context.scan(spec.input)
        self.source = source.sample(context.sample) if context.sample else source
        self.steps = tuple(Placed(column=column, step=step) for column, step in spec.one_by_one())
        gathered = context.assets.get(spec.input)
        self.newest_by: str = getattr(gathered.spec if gathered else None, "cursor", None) or LOADED_AT
        self._resources = Resources(folder=context.folder)
        self._loaded: dict[int, ArrayFunction] = {}
        self._stems = (f"part{number}" for number in count())

    def learn(self, fits: Fits) -> Fits:
        """These fits, and those of steps that have none yet, each learnt from the rows that reach its step."""
        staged, done, rows = self.source, 0, 0
        for place, step in enumerate(self.steps):
            name = step.fit_name
            if name is None or fits.has(name):
                continue
            if place > done:
                written = self._run(staged, fits, start=done, stop=place).rows
                staged, done, rows = self.scan_of(written), place, written.rows
            assert isinstance(step.step, (TableStep, FittedStep))
            learnt = step.step.learn(self._staged(staged, rows=rows, place=place), step.column)
            fits = fits.with_rows(name, learnt)
        return fits.keep(step.fit_name for step in self.steps if step.fit_name)

    def clean(self, fits: Fits, *, source: Scan | None = None) -> Outcome:
        """Every step, from the first to the last, over the input or rows picked from it."""
        return self._run(source or self.source, fits, start=0, stop=len(self.steps))

    def told(self, fits: Fits) -> list[str]:
        """What the steps have to say of what they learnt, as which columns were dropped, and why."""
        return [said for placed in self.steps for said in self.told_by(placed, fits)]

    def told_by(self, placed: Placed, fits: Fits) -> tuple[str, ...]:
        """What one step has to say of what it learnt."""
        fit = fits.of(placed.fit_name)
        if isinstance(placed.step, TableStep):
            return tuple(placed.step.told(fit))
        if isinstance(placed.step, FittedStep):
            column = f"{self.asset.name}.{placed.target}"
            return tuple(placed.step.told(fit, column=column, resources=self._resources))
        return ()

    # -- passes over the rows -----------------------------------------------------------------------------------------

    def _run(self, scan: Scan, fits: Fits, *, start: int, stop: int) -> Outcome:
        """The steps from `start` up to, without, `stop`."""
        cells: list[Written] = []
        withheld: list[Written] = []
        passes: list[Pass] = []
        tables: dict[str, list[Written]] = {}
        merged, place = 0, start
        while True:
            whole = next((at for at in range(place, stop) if self.steps[at].is_whole), stop)
            outputs = self._map(scan, fits, start=place, stop=whole)
            rows = outputs[ROWS]
            cells.append(outputs[CELLS])
            withheld.append(outputs[WITHHELD])
            came = rows.rows + outputs[WITHHELD].rows
            passes.append(Pass(start=place, rows_in=came, rows_out=rows.rows, happened=outputs.get(HAPPENED)))
            if place == start:
                rows_in = came
            if whole < stop:
                step = self.steps[whole]
                assert isinstance(step.step, WholeStep)
                staged = self._staged(self.scan_of(rows), rows=rows.rows, place=whole)
                applied = step.step.apply(staged, step.column, fits.of(step.fit_name))
                passes.append(Pass(start=whole, rows_in=rows.rows, rows_out=applied.rows.rows, cells=applied.cells))
                rows = applied.rows
                merged += applied.merged
                for suffix, written in self._hide_ids(applied.tables, place=whole).items():
                    tables.setdefault(suffix, []).append(written)
                cells += [self._hide(applied.cells)] if applied.cells else []
            place = whole + 1
            if place >= stop:
                break
            scan = self.scan_of(rows)
        return Outcome(
            rows=rows,
            quarantine=_together([*cells, *withheld]),
            rows_in=rows_in,
            withheld=sum(written.rows for written in withheld),
            merged=merged,
            passes=tuple(passes),
            tables={suffix: self._as_one(suffix, parts) for suffix, parts in tables.items()},
        )

    def _as_one(self, suffix: str, parts: list[Written]) -> Written:
        """What several steps say of one thing. A row that went to one that went on itself went where that one went."""
        if suffix != CROSSWALK or len(parts) == 1:
            return _together(parts)
        inputs = {f"step_{place}": self.scan_of(part) for place, part in enumerate(parts)}
        query = Query(text=chain_query(len(parts)), inputs=inputs)
        return self.context.engine.write(query, folder=self.folder, stem=next(self._stems))

    def _map(self, scan: Scan, fits: Fits, *, start: int, stop: int) -> dict[str, Written]:
        """Steps that look at one row after the other, in one pass. Rows that lack something stay behind."""
        is_end = stop == len(self.steps) or self.steps[stop].is_whole
        changed_later = {step.target for step in self.steps[stop:]}
        needed = dict.fromkeys([*self.asset.common.key, *self.asset.common.required])
        function = RowByRow(
            operations=tuple(self._operations(fits, start=start, stop=stop)),
            key=self.asset.common.key,
            needed=tuple(name for name in needed if is_end and name not in changed_later),
            run=self.context.run,
            hidden=self._hidden(),
            first=start,
            is_watched=self.is_watched,
        )
        listed = ", ".join(_selected(scan.schema.field(name)) for name in self._columns(scan, place=start))
        query = Query(text=f"SELECT {listed} FROM staged", inputs={"staged": scan})
        schema = self.context.engine.schema(query)
        outputs = {name: batch.schema for name, batch in function(_empty(schema)).items()}
        counting = Counting(function, self.context.progress)
        # Rows that go on are read once, and all of them.
        looked_up = self.asset.common.key if stop == len(self.steps) else ()
        return dict(
            self.context.engine.map(
                query, counting, outputs=outputs, folder=self.folder, stem=next(self._stems), key=looked_up
            )
        )

    def _staged(self, scan: Scan, *, rows: int, place: int) -> Staged:
        """The rows that reach the step at `place`, as it sees them."""
        return Staged(
            engine=self.context.engine,
            rows=scan,
            count=rows,
            folder=self.folder,
            stem=next(self._stems),
            key=self.asset.common.key,
            newest_by=self.newest_by,
            named=frozenset(self._named(scan)),
            kept=tuple(self._columns(scan, place=place + 1)),
            refusal=self._or_clean_gathered(),
        )

    def _operations(self, fits: Fits, *, start: int, stop: int) -> Iterator[Operation]:
        for place, step in enumerate(self.steps[start:stop], start=start):
            if isinstance(step.step, RowStep):
                yield step.step.operation(step.column, fits.of(step.fit_name))
                continue
            assert isinstance(step.step, Step)
            fit = fits.of(step.fit_name)
            fitted = step.step.fitted(fit) if isinstance(step.step, FittedStep) and fit else step.step
            yield CleanColumn(
                column=step.column,
                target=step.target,
                reads=step.step.reads,
                step=step.step.name,
                version=step.step.version,
                function=self._load(place, fitted),
            )

    def _load(self, place: int, step: Step) -> ArrayFunction:
        if place not in self._loaded:  # a pass to learn and the pass to clean share what it has read
            self._loaded[place] = step.load(self._resources)
        return self._loaded[place]

    def _hidden(self, *, start: int = 0) -> Hidden:
        """The columns that steps mask, and those steps, before this pass or after it."""
        hidden: dict[str, tuple[ArrayFunction, ...]] = {}
        for place, step in enumerate(self.steps):
            if place >= start and isinstance(step.step, Step) and step.step.hides:
                hidden[step.column] = (*hidden.get(step.column, ()), self._load(place, step.step))
        return hidden

    def _hide(self, cells: Written) -> Written:
        """Cells that a step over the whole table declined, masked where their column is."""
        if not (hidden := self._hidden()):
            return cells
        query = Query(text="SELECT * FROM staged", inputs={"staged": self.scan_of(cells)})
        function = HideCells(hidden=hidden, output=CELLS)
        outputs = {CELLS: QUARANTINE_SCHEMA}
        mapped = self.context.engine.map(query, function, outputs=outputs, folder=self.folder, stem=next(self._stems))
        return mapped[CELLS]

    def _hide_ids(self, tables: Mapping[str, Written], *, place: int) -> Mapping[str, Written]:
        """Tables that name rows by their key, masked where a later step masks it: none where that is part of a key."""
        key, hidden = self.asset.common.key, self._hidden(start=place)
        if not hidden.keys() & set(key):
            return tables
        if len(key) > 1:
            return {}
        shown = {}
        for suffix, written in tables.items():
            ids = tuple(name for name in written.schema.names if name in ROW_IDS)
            function = HideIds(columns=ids, functions=hidden[key[0]], output=suffix)
            query = Query(text="SELECT * FROM staged", inputs={"staged": self.scan_of(written)})
            outputs, stem = {suffix: written.schema}, next(self._stems)
            mapped = self.context.engine.map(query, function, outputs=outputs, folder=self.folder, stem=stem)
            shown[suffix] = mapped[suffix]
        return shown

    def scan_of(self, written: Written) -> Scan:
        """Staged files as the input of what follows."""
        return scan_of_files(written.files, written.schema, snapshot=self.context.snapshot, table="staged")

    def _columns(self, scan: Scan, *, place: int) -> list[str]:
        """The columns that go on from step `place`: the table's own, when a row was known, and when it was loaded if
        a step will ask."""
        asked = any(LOADED_AT in self._asked(step) for step in self.steps[place:])
        hidden = {KNOWN_AT, LOADED_AT} if asked else {KNOWN_AT}
        return [name for name in scan.schema.names if name not in HIDDEN_COLUMNS or name in hidden]

    def _asked(self, step: Placed) -> tuple[str, ...]:
        """The columns that the step looks at."""
        return step.step.asks(self.newest_by) if isinstance(step.step, WholeStep) else step.step.reads

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
            named |= {step.column, *self._asked(step)}
        return named | (set(staged.columns) - set(self.source.columns))


class Counting:
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


def _selected(column: pa.Field) -> str:
    import pyarrow as pa

    # Files hold an interval as its parts, and so do we on the way.
    return storage.stored(column.name, "INTERVAL") if pa.types.is_interval(column.type) else quoted(column.name)


def kept(written: Written, *, folder: Path) -> Written:
    """The same files, moved from the build's own folder to the lake's staging, from which a commit registers them."""
    moved = []
    for number, file in enumerate(written.files):
        named = "_".join(file.relative_to(folder).with_suffix("").parts)
        target = folder.parent / f"{folder.name}_{named}_{number}.parquet"
        shutil.move(file, target)
        moved.append(target)
    return replace(written, files=tuple(moved))


def _together(parts: list[Written]) -> Written:
    return Written(
        files=tuple(file for part in parts for file in part.files),
        rows=sum(part.rows for part in parts),
        schema=parts[0].schema,
    )


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
