"""Merging rows that are one: equal in some columns after cleaning, or alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from pumphouse.cleaning.table_step import Applied, FitRow, WholeStep
from pumphouse.cleaning.table_steps.alike import DedupeAlike
from pumphouse.cleaning.table_steps.likeness import Kind, checked
from pumphouse.cleaning.table_steps.merging import Groups, Keep, merge, survivor_of
from pumphouse.declare.asset import names

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
        survivor = survivor_of(staged, keep=self.keep, by=self.by, gaps=self.gaps)
        staged.require(*self.on)
        groups = Groups(
            text="SELECT *, CAST(1 AS DOUBLE) AS _probability FROM staged",
            by=self.on,
            rule=f"equal {', '.join(self.on)}",
        )
        return merge(staged, groups, survivor)


def dedupe(
    *,
    on: list[str] | tuple[str, ...] | str = (),
    like: Mapping[str, Kind] | None = None,
    threshold: float = 0.95,
    review: float = 0.5,
    keep: Keep = "newest",
    by: str | None = None,
    gaps: Literal["fill"] | list[str] | tuple[str, ...] = (),
) -> Dedupe | DedupeAlike:
    """A step that keeps one row of those that are one, and counts the others as merged.

    With `on`, rows are one that are equal in all of these columns. A row with null in one of them is equal to none.

    With `like`, columns with the kind of comparison ("exact", "name", "text", "date", "number", "code", "address"),
    rows are one that are likely to be: how likely, by how alike they are, is learnt of the table without labels, and
    stored in `<table>__fit` until `--refit`. Rows become one from the probability `threshold` on; pairs from `review`
    on stay apart and are proposed in `<table>__pairs`. It needs a key, and the extra `dedupe`.

    It keeps the "newest" or the "first" by the column `by`, or the "most complete": the one with the fewest gaps, and
    of those the newest. If nothing is said, `by` is the cursor of the source, as `updated_at`, or when rows were
    loaded. Of rows that are equal there too it is the one with the largest or smallest key, then of the other columns
    in their order. With `gaps="fill"`, or the names of columns, the row that stays takes what it lacks from the best of
    the others that has it. Which row became which, and what it gave, is in `<table>__crosswalk`, if there is a key.

    `dedupe(on=["phone", "email"], keep="newest", by="updated_at")`,
    `dedupe(like={"given_name": "name", "surname": "name", "born": "date"}, keep="most complete")`
    """
    if keep not in get_args(Keep):
        raise ValueError(f"dedupe keeps 'newest', 'first' or 'most complete', not {keep!r}")
    if bool(on) == bool(like):
        raise ValueError(
            "dedupe needs the columns in which rows are equal: dedupe(on=['phone', 'email']), or in which they are"
            " alike: dedupe(like={'surname': 'name', 'born': 'date'})"
        )
    taken: Literal["fill"] | tuple[str, ...] = "fill" if gaps == "fill" else _names(gaps)
    if not like:
        return Dedupe(on=_names(on), keep=keep, by=by, gaps=taken)
    if not 0 < review <= threshold <= 1:
        raise ValueError(
            f"review and threshold are probabilities, 0 < review <= threshold <= 1, not {review} and {threshold}"
        )
    return DedupeAlike(like=checked(like), threshold=threshold, review=review, keep=keep, by=by, gaps=taken)


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return names(given if isinstance(given, str) else tuple(given))
