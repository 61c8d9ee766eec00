"""A column step that learns from all values of its column before it maps them, where its options leave something open.

What it learns is a fit as a table step's: stored once in `<table>__fit`, used by every build until `--refit`. One
value, and a call in SQL, have no column to learn from: there the step declines what its options leave open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pumphouse.cleaning.step import Resources, Step
from pumphouse.cleaning.table_step import FitRow

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged


@runtime_checkable
class FittedStep(Step, Protocol):
    """A column step with a fit."""

    __slots__ = ()

    def fit_name(self, column: str) -> str | None:
        """What its fit is stored under: another one where anything that decides the fit changes. None: the options
        leave nothing open."""
        ...

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """What the column's values say, with the evidence. No rows are no fit: the next build tries again."""
        ...

    def fitted(self, fit: Sequence[FitRow]) -> Step:
        """The step that maps the column, with what was learnt of it."""
        ...

    def told(self, fit: Sequence[FitRow], *, column: str, resources: Resources) -> list[str]:
        """What a person should hear of what it learnt, for the note of each build; `column` as customers.city."""
        return []
