"""What steps learnt from the data: computed once, kept in `<table>__fit`, used by every later build until `--refit`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pumphouse.cleaning.dropping import Drop, chosen
from pumphouse.cleaning.filling import Fill, as_text
from pumphouse.cleaning.queries import fill_query, profile_query
from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

FIT_ROWS_MAX = 1_000_000
"""Groups of one fit, all of which a build holds in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRow:
    """One thing that a step learnt. A step that learnt nothing to do has one row that is empty but for its name."""

    step: str
    column: str | None = None
    group: str | None = None
    """The values of the group's columns as text, a JSON list."""
    value: str | None = None
    """What gaps are filled with, as text; of a dropped column, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Everything that the steps of a table learnt, by the step's `fit_name`."""

    rows: Mapping[str, tuple[FitRow, ...]] = field(default_factory=dict)

    def has(self, step: str) -> bool:
        """Whether the step has learnt already."""
        return step in self.rows

    def fill_values(self, step: str) -> dict[tuple[str | None, ...], str | None]:
        """What `fill` fills gaps with, by group."""
        return {tuple(json.loads(row.group)): row.value for row in self.rows.get(step, ()) if row.group is not None}

    def dropped(self, step: str) -> dict[str, str]:
        """The columns that `drop` chose, and why."""
        return {row.column: row.value or "" for row in self.rows.get(step, ()) if row.column is not None}

    def with_rows(self, step: str, rows: Iterable[FitRow]) -> Fits:
        """These fits and one more. No rows are no fit: the next build tries again."""
        learnt = tuple(rows)
        return Fits(rows={**self.rows, step: learnt}) if learnt else self

    def keep(self, steps: Iterable[str]) -> Fits:
        """The fits of these steps; what a changed step learnt before is no longer used."""
        return Fits(rows={step: self.rows[step] for step in steps if step in self.rows})


def fit_of(table: str) -> str:
    """The name of the table that holds a table's fits."""
    return f"{table}__fit"


def read_fits(engine: Engine, scan: Scan) -> Fits:
    """The fits stored in `<table>__fit`."""
    text = 'SELECT step, "column", "group", value FROM fits ORDER BY step, "column", "group"'
    rows: dict[str, list[FitRow]] = {}
    for batch in engine.read(Query(text=text, inputs={"fits": scan})):
        for row in batch.to_pylist():
            rows.setdefault(row["step"], []).append(FitRow(**row))
    return Fits(rows={step: tuple(learnt) for step, learnt in rows.items()})


def fit_batch(fits: Fits) -> pa.RecordBatch:
    """The fits as rows of `<table>__fit`."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in ("step", "column", "group", "value")])
    rows = [
        {"step": row.step, "column": row.column, "group": row.group, "value": row.value}
        for learnt in fits.rows.values()
        for row in learnt
    ]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def learn_fill(engine: Engine, staged: Scan, fill: Fill, column: str) -> list[FitRow]:
    """What `fill` learns of a column: a value for each group that has one."""
    text = fill_query(fill, column, staged.schema.field(column).type)
    rows: list[FitRow] = []
    for batch in engine.read(Query(text=text, inputs={"staged": staged})):
        groups = zip(*(as_text(batch.column(place)).to_pylist() for place in range(len(fill.by))), strict=True)
        values = as_text(batch.column(len(fill.by))).to_pylist()
        for group, value in zip(groups if fill.by else [()] * len(values), values, strict=True):
            listed = json.dumps(group, ensure_ascii=False)
            rows.append(FitRow(step=fill.fit_name(column), column=column, group=listed, value=value))
        if len(rows) > FIT_ROWS_MAX:
            raise BuildError(
                f"filling '{column}' by {', '.join(fill.by)} has more than {FIT_ROWS_MAX:,} groups",
                mend="Group by columns with fewer values.",
            )
    return rows


def learn_drop(engine: Engine, staged: Scan, drop: Drop, *, named: set[str]) -> list[FitRow]:
    """What `drop` learns: the columns that say nothing, of those that nobody named. Of no rows it learns nothing."""
    columns = [(name, staged.schema.field(name).type) for name in staged.columns if name not in named]
    profile = engine.read(Query(text=profile_query(columns), inputs={"staged": staged})).read_all().to_pylist()[0]
    if not profile["row_count"]:
        return []
    found = chosen(drop, [name for name, _ in columns], profile)
    if not found:
        return [FitRow(step=drop.fit_name)]
    return [FitRow(step=drop.fit_name, column=name, value=why) for name, why in found]
