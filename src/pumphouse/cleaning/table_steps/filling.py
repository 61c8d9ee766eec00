"""Filling gaps, and saying which cells were gaps. What they are filled with is a fit: computed once and stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pumphouse.cleaning.step import Cleaned, as_text
from pumphouse.cleaning.table_step import FitRow, RowStep
from pumphouse.cleaning.table_steps.forward import FillForward, seconds
from pumphouse.cleaning.table_steps.predicting import SURE, FillModel
from pumphouse.cleaning.table_steps.queries import fill_query
from pumphouse.declare.asset import names
from pumphouse.errors import BuildError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.batch import Batch
    from pumphouse.cleaning.staged import Staged

How = Literal["median", "mode", "constant"]
HOWS = ("median", "mode", "forward", "model")
GROUPS_MAX = 1_000_000
"""Groups of one fit, all of which a build holds in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(RowStep):
    """The step that `fill` makes."""

    name: ClassVar[str] = "fill"
    on_column: ClassVar[bool] = True
    how: How
    value: Any = None  # any type that a column may hold
    by: tuple[str, ...] = ()
    version: str = field(default="1", init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that make the groups."""
        return self.by

    @property
    def imputes(self) -> str | None:
        """A median or a mode is of other rows."""
        groups = f", by={list(self.by)}" if self.by else ""
        return None if self.how == "constant" else f'fill("{self.how}"{groups})'

    def fit_name(self, column: str) -> str | None:
        """A constant is no fit: it is in the declaration."""
        if self.how == "constant":
            return None
        groups = f" by {', '.join(self.by)}" if self.by else ""
        return f"fill {column} with its {self.how}{groups}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """A value for each group that has one. Raises BuildError for more than GROUPS_MAX groups."""
        staged.require(column, *self.by)
        name = self.fit_name(column)
        assert name is not None
        text = fill_query(how=self.how, by=self.by, column=column, kind=staged.rows.schema.field(column).type)
        rows: list[FitRow] = []
        for batch in staged.engine.read(staged.query(text)):
            groups = zip(*(as_text(batch.column(place)).to_pylist() for place in range(len(self.by))), strict=True)
            values = as_text(batch.column(len(self.by))).to_pylist()
            for group, value in zip(groups if self.by else [()] * len(values), values, strict=True):
                listed = json.dumps(group, ensure_ascii=False)
                rows.append(FitRow(step=name, column=column, group=listed, value=value))
            if len(rows) > GROUPS_MAX:
                raise BuildError(
                    f"filling '{column}' by {', '.join(self.by)} has more than {GROUPS_MAX:,} groups",
                    mend="Group by columns with fewer values.",
                )
        return rows

    def operation(self, column: str, fit: Sequence[FitRow]) -> FillGaps:
        """Gaps filled by the group that a row is in."""
        learnt = {tuple(json.loads(row.group)): row.value for row in fit if row.group is not None}
        return FillGaps(column=column, by=self.by, values={(): str(self.value)} if self.how == "constant" else learnt)


def fill(
    how: Literal["median", "mode", "forward", "model"] | None = None,
    *,
    value: Any = None,  # Any: as in Fill
    by: list[str] | tuple[str, ...] | str = (),
    over: str | None = None,
    within: str | None = None,
    using: list[str] | tuple[str, ...] | str = (),
    sure: float = SURE,
) -> Fill | FillForward | FillModel:
    """A step that fills gaps (null) and says in `<column>__filled` which cells it filled.

    With the "median" (of an even count the lower of the two in the middle, so that it is a value of the column), the
    "mode" (of equally frequent ones the smallest), or one `value`; `by` columns, one for each group. What was computed
    is stored as `<table>__fit` and used again until `--refit`. A group that had no value when it was computed keeps its
    gaps.

    "forward" takes the last value before in the order of the column `over`, of the same group, and no older than
    `within`. Rows of one moment are in the order of the key, then of the other columns.

    "model" says what it should be from the columns `using`, by gradient boosting that is fitted on the rows with a
    value and stored, with how far off it is on rows it was not fitted on. A text or a truth is filled only where the
    chance that it is right is `sure` or more. A model that is no better than the median or the most frequent value
    fills nothing.

    `col.income >> fill("median", by=["job", "region"])`, `col.orders >> fill(value=0)`,
    `col.height >> fill("model", using=["age", "sex", "weight"])`,
    `col.weight >> fill("forward", by="patient", over="visited_at", within="90 days")`
    """
    if how is not None and how not in HOWS:
        known = did_you_mean(str(how), HOWS) or f"There are {', '.join(HOWS)}"
        raise ValueError(f"fill has no '{how}'. {known}; a constant is fill(value={how!r})")
    if (how is None) == (value is None):
        raise ValueError("fill takes either how, as in fill('median'), or a constant, as in fill(value=0)")
    if how == "forward":
        if over is None:
            raise ValueError("fill('forward') needs the column that says what was before: over='visited_at'")
        if within is not None:
            seconds(within)
        return FillForward(by=names(by), over=over, within=within)
    if over is not None or within is not None:
        raise ValueError("'over' and 'within' go with fill('forward')")
    if how == "model":
        if not using or by:
            raise ValueError("fill('model') takes the columns it looks at, and no groups: using=['age', 'sex']")
        if not 0 < sure <= 1:
            raise ValueError(f"sure is a chance above 0 and up to 1, not {sure}")
        return FillModel(using=names(using), sure=sure)
    if using:
        raise ValueError("'using' goes with fill('model')")
    if how is None and by:
        raise ValueError("fill with a constant has no groups: leave out 'by'")
    return Fill(how=how or "constant", value=value, by=names(by))


def filled(column: pa.Array, groups: list[pa.Array], values: Mapping[tuple[str | None, ...], str | None]) -> Cleaned:
    """The column with its gaps filled from `values` (as text, by the text of the group), and which ones were filled."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gaps = pc.is_null(column)
    keys = [as_text(group.filter(gaps)).to_pylist() for group in groups]
    wanted = (
        [values.get(key) for key in zip(*keys, strict=True)]
        if keys
        else [values.get(())] * pc.sum(gaps, min_count=0).as_py()
    )
    try:
        replacements = pc.cast(pa.array(wanted, pa.string()), column.type)
    except pa.ArrowInvalid as error:
        raise BuildError(
            f"what the gaps are filled with does not fit the column's type, {column.type}: {error}",
            mend="Compute it anew with --refit, or give another value.",
        ) from None
    result = pc.replace_with_mask(column, gaps, replacements)
    return Cleaned(
        values=result,
        reasons=pa.nulls(len(column), pa.string()),
        extra={"filled": pc.and_(gaps, pc.is_valid(result))},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FillGaps:
    """`fill` with what it fills gaps with: values as text, by the groups' columns as text."""

    column: str
    by: tuple[str, ...]
    values: Mapping[tuple[str | None, ...], str | None]

    def __call__(self, batch: Batch) -> None:
        """Set the column, and add which of its cells were filled."""
        cleaned = filled(batch.column(self.column), [batch.column(name) for name in self.by], self.values)
        batch.put(self.column, cleaned.values, after=self.column)
        batch.put_new(f"{self.column}__filled", cleaned.extra["filled"], after=self.column)
