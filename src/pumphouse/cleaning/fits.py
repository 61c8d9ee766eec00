"""What steps learnt from the data: computed once, kept in `<table>__fit`, used by every later build until `--refit`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pumphouse.cleaning.table_step import FitRow
from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.engines.parameters import quoted
from pumphouse.lake.builds import fit_of
from pumphouse.lake.context import Context

if TYPE_CHECKING:
    import pyarrow as pa

FIT_COLUMNS = ("step", "column", "group", "value", "evidence")
"""The columns of `<table>__fit`, all of them text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Everything that the steps of a table learnt, by the step's `fit_name`."""

    rows: Mapping[str, tuple[FitRow, ...]] = field(default_factory=dict)

    def has(self, step: str) -> bool:
        """Whether the step has learnt already."""
        return step in self.rows

    def of(self, step: str | None) -> tuple[FitRow, ...]:
        """What the step learnt."""
        return self.rows.get(step, ()) if step is not None else ()

    def with_rows(self, step: str, rows: Iterable[FitRow]) -> Fits:
        """These fits and one more. No rows are no fit: the next build tries again."""
        learnt = tuple(rows)
        return Fits(rows={**self.rows, step: learnt}) if learnt else self

    def keep(self, steps: Iterable[str]) -> Fits:
        """The fits of these steps; what a changed step learnt before is no longer used."""
        return Fits(rows={step: self.rows[step] for step in steps if step in self.rows})


def read_fits(engine: Engine, scan: Scan) -> Fits:
    """The fits stored in `<table>__fit`."""
    # A fit of earlier builds may have no evidence; a step's own rows keep the order of their columns and groups.
    names = [name for name in FIT_COLUMNS if name in scan.schema.names]
    text = f'SELECT {", ".join(map(quoted, names))} FROM fits ORDER BY step, "column", "group"'
    rows: dict[str, list[FitRow]] = {}
    for batch in engine.read(Query(text=text, inputs={"fits": scan})):
        for row in batch.to_pylist():
            rows.setdefault(row["step"], []).append(FitRow(**row))
    return Fits(rows={step: tuple(learnt) for step, learnt in rows.items()})


def fit_batch(fits: Fits) -> pa.RecordBatch:
    """The fits as rows of `<table>__fit`."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in FIT_COLUMNS])
    rows = [{name: getattr(row, name) for name in FIT_COLUMNS} for learnt in fits.rows.values() for row in learnt]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def stored_fits(asset: Asset, context: Context) -> Fits:
    """What earlier builds learnt. Only this table's own build writes it, so it is read as it stands."""
    name = fit_of(asset.name)
    if not context.lake.has(name, snapshot=context.snapshot):
        return Fits()
    return read_fits(context.engine, context.scan(name))
