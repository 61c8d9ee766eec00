"""`col.phone >> e164()`: naming a column, and the steps that it goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumphouse.cleaning.step import Step
    from pumphouse.cleaning.table_step import TableStep


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table that is cleaned, by name."""

    name: str

    def __rshift__(self, step: Step | TableStep) -> ColumnSteps:
        return ColumnSteps(column=self.name, steps=(step,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSteps:
    """A column and the steps that it goes through, left to right."""

    column: str
    steps: tuple[Step | TableStep, ...]

    def __rshift__(self, step: Step | TableStep) -> ColumnSteps:
        return ColumnSteps(column=self.column, steps=(*self.steps, step))


class Columns:
    """`col`: any column by attribute, `col.phone`, or, where its name is no Python name, `col["Phone (home)"]`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Column:
        if name.startswith("__"):  # what Python itself asks objects for is no column
            raise AttributeError(name)
        return Column(name)

    def __getitem__(self, name: str) -> Column:
        return Column(name)


col = Columns()
