"""Dropping columns that say nothing. Which ones is a fit: chosen once and stored, until somebody chooses anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pumphouse.cleaning.table_step import FitRow, RowStep
from pumphouse.cleaning.table_steps.queries import profile_query

if TYPE_CHECKING:
    from pumphouse.cleaning.batch import Batch
    from pumphouse.cleaning.staged import Staged


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(RowStep):
    """The step that `drop` makes."""

    name: ClassVar[str] = "drop"
    on_column: ClassVar[bool] = False
    mostly_null: float | None = None
    constant: bool = False
    version: str = field(default="1", init=False)

    def fit_name(self, column: str) -> str:
        """Its rules."""
        rules = [f"mostly_null={self.mostly_null}"] if self.mostly_null is not None else []
        return f"drop {', '.join([*rules, *(['constant'] if self.constant else [])])}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """The columns that say nothing, of those that nobody named. Of no rows it learns nothing."""
        columns = [
            (name, staged.rows.schema.field(name).type) for name in staged.rows.columns if name not in staged.named
        ]
        profile = staged.engine.read(staged.query(profile_query(columns))).read_all().to_pylist()[0]
        if not profile["row_count"]:
            return []
        name = self.fit_name(column)
        found = chosen(self, [name for name, _ in columns], profile)
        return [FitRow(step=name, column=dropped, value=why) for dropped, why in found] or [FitRow(step=name)]

    def told(self, fit: Sequence[FitRow]) -> list[str]:
        """Which columns it drops, and why."""
        return [f"dropped the column {row.column}: {row.value}" for row in fit if row.column is not None]

    def operation(self, column: str, fit: Sequence[FitRow]) -> DropColumns:
        """The chosen columns left out."""
        return DropColumns(columns=tuple(row.column for row in fit if row.column is not None))


def drop(*, mostly_null: float | None = None, constant: bool = False) -> Drop:
    """A step that drops columns: null in at least this share of the rows, or of one value everywhere.

    Columns that the cleaning names (its steps, `key`, `required`, `time`) or makes always stay. The first build with
    rows chooses, and stores its choice in `<table>__fit`; later builds drop the same columns until `--refit`.

    `drop(mostly_null=0.95, constant=True)`
    """
    if mostly_null is None and not constant:
        raise ValueError("drop needs a rule: drop(mostly_null=0.95), drop(constant=True) or both")
    if mostly_null is not None and not 0 < mostly_null <= 1:
        raise ValueError(f"mostly_null is a share of the rows above 0 and up to 1, not {mostly_null}")
    return Drop(mostly_null=mostly_null, constant=constant)


def chosen(
    drop: Drop, columns: Sequence[str], profile: Mapping[str, Any]
) -> list[tuple[str, str]]:  # Any: counts, flags
    """(column, why) of each column to drop, by the row that `profile_query` gives."""
    rows = profile["row_count"]
    found = []
    for place, name in enumerate(columns):
        cells = profile[f"cells_{place}"]
        if drop.mostly_null is not None and rows - cells >= drop.mostly_null * rows:
            found.append((name, f"null in {rows - cells} of {rows} rows"))
        elif drop.constant and (cells == 0 or (cells == rows and profile[f"same_{place}"])):
            found.append((name, f"the same in all {rows} rows"))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumns:
    """`drop` with what it chose."""

    columns: tuple[str, ...]

    def __call__(self, batch: Batch) -> None:
        """Leave the columns out."""
        for name in self.columns:
            batch.columns.pop(name, None)
