"""Merging rows that say the same thing: equal on some columns after cleaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pumphouse.declare.asset import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedupe:
    """The step that `dedupe` makes."""

    name: ClassVar[str] = "dedupe"
    on: tuple[str, ...]
    keep: Literal["newest", "first"] = "newest"
    by: str | None = None
    version: str = field(default="1", init=False)


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
