"""Merging rows that are one: equal in some columns after cleaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from pumphouse.cleaning.table_step import LOADED_AT, Applied, FitRow, WholeStep
from pumphouse.cleaning.table_steps.merging import Groups, Keep, Survivor, gaps_of, merge
from pumphouse.declare.asset import names
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedupe(WholeStep):
    """The step that `dedupe(on=...)` makes."""

    name: ClassVar[str] = "dedupe"
    on_column: ClassVar[bool] = False
    on: tuple[str, ...]
    keep: Keep = "newest"
    by: str | None = None
    gaps: Literal["fill"] | tuple[str, ...] = ()
    version: str = field(default="2", init=False)

    def asks(self, newest_by: str) -> tuple[str, ...]:
        """What rows are equal in, and what says which is newer."""
        return (*self.on, self.by or newest_by)

    def apply(self, staged: Staged, column: str, fit: Sequence[FitRow]) -> Applied:
        """The rows that stay, and a crosswalk of the others. Raises BuildError where nothing says which is newer."""
        survivor = survivor_of(self, staged)
        staged.require(*self.on)
        groups = Groups(
            text="SELECT *, CAST(1 AS DOUBLE) AS _probability FROM staged",
            by=self.on,
            rule=f"equal {', '.join(self.on)}",
        )
        return merge(staged, groups, survivor)


def dedupe(
    *,
    on: list[str] | tuple[str, ...] | str,
    keep: Keep = "newest",
    by: str | None = None,
    gaps: Literal["fill"] | list[str] | tuple[str, ...] = (),
) -> Dedupe:
    """A step that keeps one row of those that are equal in all columns of `on`, and counts the others as merged.

    It keeps the "newest" or the "first" by the column `by`, or the "most complete": the one with the fewest gaps, and
    of those the newest. If nothing is said, `by` is the cursor of the source, as `updated_at`, or when rows were
    loaded. Of rows that are equal there too it is the one with the largest or smallest key, then of the other columns
    in their order. A row with null in one of the `on` columns is equal to none.

    With `gaps="fill"`, or the names of columns, the row that stays takes what it lacks from the best of the others that
    has it. Which row became which, and what it gave, is in `<table>__crosswalk`, if the table has a key.

    `dedupe(on=["phone", "email"], keep="newest", by="updated_at")`
    """
    if keep not in get_args(Keep):
        raise ValueError(f"dedupe keeps 'newest', 'first' or 'most complete', not {keep!r}")
    if not on:
        raise ValueError("dedupe needs the columns in which rows are equal: dedupe(on=['phone', 'email'])")
    return Dedupe(on=_names(on), keep=keep, by=by, gaps=gaps if gaps == "fill" else _names(gaps))


def survivor_of(step: Dedupe, staged: Staged) -> Survivor:
    """Which row stays. Raises BuildError where nothing says which is newer."""
    columns = staged.rows.schema.names
    by: str | None = step.by or staged.newest_by
    if by == LOADED_AT and LOADED_AT not in columns:
        if step.keep != "most complete":
            raise BuildError(
                f"dedupe can't tell which row is the {step.keep}: the input does not say when rows were loaded",
                mend=f"Name a column to go by: dedupe(..., by='updated_at'){staged.refusal}.",
            )
        by = None
    staged.require(*([by] if by else []), *staged.key)
    return Survivor(keep=step.keep, by=by, gaps=gaps_of(step.gaps, staged))


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return names(given if isinstance(given, str) else tuple(given))
