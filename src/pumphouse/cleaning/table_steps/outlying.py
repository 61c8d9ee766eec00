"""Flagging numbers that are far from the others. Where far begins is a fit; nothing is removed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pumphouse.cleaning.step import as_text, each_row
from pumphouse.cleaning.table_step import FitRow, RowStep
from pumphouse.cleaning.table_steps.filling import GROUPS_MAX
from pumphouse.declare.asset import names
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.batch import Batch
    from pumphouse.cleaning.staged import Staged

Method = Literal["iqr", "mad"]
FENCES = {"iqr": 1.5, "mad": 3.5}
"""How far is far, unless it is said: in interquartile ranges (Tukey 1977), in modified z-scores (Iglewicz 1993)."""
NORMAL = 0.6745
"""The median deviation of a normal distribution, in standard deviations."""
VALUES_MIN = 8
"""With fewer values in a group, none of them is far from the others for sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers(RowStep):
    """The step that `outliers` makes."""

    name: ClassVar[str] = "outliers"
    on_column: ClassVar[bool] = True
    method: Method
    fence: float
    by: tuple[str, ...] = ()
    version: str = field(default="1", init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that make the groups."""
        return self.by

    def sets(self, column: str) -> str:
        """It only adds a column."""
        return ""

    def fit_name(self, column: str) -> str:
        """The method, the fence and the groups."""
        groups = f" by {', '.join(self.by)}" if self.by else ""
        return f"outliers of {column} by {self.method} {self.fence:g}{groups}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """The bounds of each group, or why it has none. Raises BuildError for more than GROUPS_MAX groups."""
        import pyarrow.types as types

        staged.require(column, *self.by)
        kind = staged.rows.schema.field(column).type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
            raise BuildError(
                f"'{column}' has no outliers: its type is {kind}", mend="Make it a number above, with number()."
            )
        query = staged.query(spread_query(method=self.method, by=self.by, column=column))
        rows: list[FitRow] = []
        for batch in staged.engine.read(query):
            groups = [as_text(batch.column(place)).to_pylist() for place in range(len(self.by))]
            for number, row in enumerate(batch.to_pylist()):
                group = json.dumps([written[number] for written in groups], ensure_ascii=False)
                bounds, evidence = self._bounds(row["times"], row["low"], row["high"], row["middle"])
                value = json.dumps(bounds) if bounds is not None else None
                rows.append(
                    FitRow(step=self.fit_name(column), column=column, group=group, value=value, evidence=evidence)
                )
            if len(rows) > GROUPS_MAX:
                raise BuildError(
                    f"outliers of '{column}' by {', '.join(self.by)} have more than {GROUPS_MAX:,} groups",
                    mend="Group by columns with fewer values.",
                )
        return rows

    def operation(self, column: str, fit: Sequence[FitRow]) -> FlagOutliers:
        """Cells beyond the bounds of their group flagged."""
        bounds = {
            tuple(json.loads(row.group)): (float(low), float(high))
            for row in fit
            if row.group is not None and row.value is not None
            for low, high in [json.loads(row.value)]
        }
        return FlagOutliers(column=column, by=self.by, bounds=bounds)

    def _bounds(self, times: int, low: float, high: float, middle: float) -> tuple[list[float] | None, str]:
        """What is inside, and why. `low` and `high` are quartiles; of "mad" the median deviation is `high`."""
        if times < VALUES_MIN:
            return None, f"only {times} values, and {VALUES_MIN} are needed"
        spread = high - low if self.method == "iqr" else high
        if not spread > 0:
            return None, f"half of the {times} values or more are {middle:g}: there is no spread to judge by"
        if self.method == "iqr":
            bounds = [low - self.fence * spread, high + self.fence * spread]
            return bounds, f"quartiles {low:g} and {high:g} of {times} values"
        reach = self.fence * spread / NORMAL
        return [middle - reach, middle + reach], f"median {middle:g}, median deviation {spread:g} of {times} values"


def outliers(
    method: Method = "iqr", *, fence: float | None = None, by: list[str] | tuple[str, ...] | str = ()
) -> Outliers:
    """A step that says in `<column>__outlier` which numbers are far from the others; it changes and removes none.

    By "iqr" those more than `fence` (1.5) interquartile ranges outside of the quartiles (Tukey 1977); by "mad" those
    with a modified z-score above `fence` (3.5; Iglewicz and Hoaglin 1993), which stands more outliers. `by` columns,
    within each group. The flag is null where the number is null or NaN, and where nothing can be said: in a group of
    less than 8 values, without any spread, or not there when the bounds were computed. The bounds are stored as
    `<table>__fit` and used again until `--refit`.

    `col.income >> outliers()`, `col.weight >> outliers("mad", by="species")`
    """
    if method not in FENCES:
        near = did_you_mean(str(method), FENCES)
        raise ValueError(f"outliers has no '{method}'. {near or 'There are iqr and mad.'}")
    if fence is not None and not (math.isfinite(fence) and fence > 0):
        raise ValueError(f"a fence is a number above 0, not {fence}")
    return Outliers(method=method, fence=float(fence if fence is not None else FENCES[method]), by=names(by))


def spread_query(*, method: str, by: Sequence[str], column: str) -> str:
    """SQL over the input `staged`: a row for each group with how many numbers, the middle, and how they spread."""
    groups = [f"group_{place}" for place in range(len(by))]
    listed = "".join(f"{group}, " for group in groups)
    named = "".join(f"{quoted(name)} AS {group}, " for name, group in zip(by, groups, strict=True))
    partition = f"PARTITION BY {', '.join(groups)}" if groups else ""
    numbers = f"SELECT {named}CAST({quoted(column)} AS DOUBLE) AS value FROM staged WHERE {quoted(column)} IS NOT NULL"
    values = f"SELECT * FROM ({numbers}) AS n WHERE isfinite(value)"
    first, last = "(times - 1) // 2 + 1", "times // 2 + 1"  # the places of the two in the middle

    def placed(rows: str) -> str:
        return (
            f"SELECT *, count(*) OVER ({partition}) AS times,"
            f" row_number() OVER ({partition} ORDER BY value) AS place FROM ({rows}) AS v"
        )

    def at(place: str) -> str:
        return f"max(CASE WHEN place = {place} THEN value END)"

    together = f" GROUP BY {listed}times" if method == "iqr" else f" GROUP BY {listed}times, middle"
    if method == "mad":
        over = f"OVER ({partition})"
        sides = f"SELECT *, {at(first)} {over} AS a, {at(last)} {over} AS b FROM ({placed(values)}) AS p"
        deviations = (
            f"SELECT {listed}a / 2 + b / 2 AS middle, abs(value - (a / 2 + b / 2)) AS value FROM ({sides}) AS s"
        )
        parts = f"{at(first)} AS a, {at(last)} AS b FROM ({placed(deviations)}) AS d{together}"
        found = f"SELECT {listed}times, middle, {parts}"
        return f"SELECT {listed}times, middle, 0.0 AS low, a / 2 + b / 2 AS high FROM ({found}) AS g"
    quarters = {
        "a": "(times - 1) // 4 + 1", "b": "least((times - 1) // 4 + 2, times)",
        "c": "(times - 1) * 3 // 4 + 1", "d": "least((times - 1) * 3 // 4 + 2, times)", "e": first, "f": last,
    }  # fmt: skip
    parts = ", ".join(f"{at(place)} AS {name}" for name, place in quarters.items())
    found = f"SELECT {listed}times, {parts} FROM ({placed(values)}) AS p{together}"
    return (
        f"SELECT {listed}times, e / 2 + f / 2 AS middle, a + (b - a) * ((times - 1) % 4) / 4 AS low,"
        f" c + (d - c) * ((times - 1) * 3 % 4) / 4 AS high FROM ({found}) AS g"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagOutliers:
    """`outliers` with its bounds, by the groups' columns as text."""

    column: str
    by: tuple[str, ...]
    bounds: Mapping[tuple[str | None, ...], tuple[float, float]]

    def __call__(self, batch: Batch) -> None:
        """Add which cells are outside."""
        column = batch.column(self.column)
        batch.put_new(f"{self.column}__outlier", self._flags(column, batch), after=self.column)

    def _of(self, _: str, *group: str | None) -> tuple[float | None, float | None]:
        return self.bounds.get(group, (None, None))

    def _flags(self, column: pa.Array, batch: Batch) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = pc.cast(column, pa.float64(), safe=False)
        low: pa.Array | pa.Scalar
        high: pa.Array | pa.Scalar
        if self.by:
            every = pa.repeat(pa.scalar(""), len(column))  # of a null that comes first nothing would be asked
            groups = [as_text(batch.column(name)) for name in self.by]
            low, high = each_row([every, *groups], self._of, pa.float64(), pa.float64())
        else:
            low, high = (pa.scalar(bound, pa.float64()) for bound in self.bounds.get((), (None, None)))
        numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
        return pc.or_(pc.less(numbers, low), pc.greater(numbers, high))
