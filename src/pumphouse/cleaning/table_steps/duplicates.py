"""Merging rows that say the same thing: equal on some columns after cleaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pumphouse.cleaning.table_step import LOADED_AT, Applied, FitRow, WholeStep
from pumphouse.cleaning.table_steps.queries import dedupe_query
from pumphouse.declare.asset import names
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedupe(WholeStep):
    """The step that `dedupe` makes."""

    name: ClassVar[str] = "dedupe"
    on_column: ClassVar[bool] = False
    on: tuple[str, ...]
    keep: Literal["newest", "first"] = "newest"
    by: str | None = None
    version: str = field(default="1", init=False)

    def asks(self, newest_by: str) -> tuple[str, ...]:
        """What rows are equal in, and what says which is newer."""
        return (*self.on, self.by or newest_by)

    def apply(self, staged: Staged, column: str, fit: Sequence[FitRow]) -> Applied:
        """The rows that stay. Raises BuildError where nothing says which row is newer."""
        names, by = staged.rows.schema.names, self.by or staged.newest_by
        if by == LOADED_AT and LOADED_AT not in names:
            raise BuildError(
                f"dedupe can't tell which row is the {self.keep}: the input does not say when rows were loaded",
                mend=f"Name a column to go by: dedupe(..., by='updated_at'){staged.refusal}.",
            )
        staged.require(*self.on, by, *staged.key)
        text = dedupe_query(on=self.on, keep=self.keep, by=by, columns=names, kept=staged.kept, key=staged.key)
        rows = staged.engine.write(staged.query(text), folder=staged.folder, stem=staged.stem)
        return Applied(rows=rows, merged=staged.count - rows.rows)


def dedupe(
    *, on: list[str] | tuple[str, ...] | str, keep: Literal["newest", "first"] = "newest", by: str | None = None
) -> Dedupe:
    """A step that keeps one row of those that are equal in all columns of `on`, and counts the others as merged.

    It keeps the "newest" or the "first" by the column `by`. If nothing is said that is the cursor of the source, as
    `updated_at`, or when rows were loaded. Of rows that are equal there too it is the one with the largest or smallest
    key, then of the other columns in their order. A row with null in one of the `on` columns is equal to none.

    `dedupe(on=["phone", "email"], keep="newest", by="updated_at")`
    """
    if keep not in ("newest", "first"):
        raise ValueError(f"dedupe keeps 'newest' or 'first', not {keep!r}")
    if not on:
        raise ValueError("dedupe needs the columns in which rows are equal: dedupe(on=['phone', 'email'])")
    return Dedupe(on=names(tuple(on) if isinstance(on, list) else on), keep=keep, by=by)
