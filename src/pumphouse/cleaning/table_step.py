"""What a table step is: it learns from the whole table, or looks at more than one row at once.

Some learn first and then map row by row (`RowStep`), some make the table anew (`WholeStep`). What is learnt is a fit:
rows that are stored once and used by every later build, until somebody asks for new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pumphouse.cleaning.batch import Operation
    from pumphouse.cleaning.staged import Staged
    from pumphouse.engines.engine import Written

LOADED_AT = "_loaded_at"
KNOWN_AT = "_known_at"
CROSSWALK, PAIRS = "crosswalk", "pairs"
"""Suffixes of the tables that say which row became which, and which two may be one (see lake.builds.rows_named_in)."""
ROW_IDS = ("row_id", "survivor_id", "other_id")
"""The columns in them that name rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRow:
    """One thing that a step learnt. A step that learnt nothing to do has one row that is empty but for its name."""

    step: str
    column: str | None = None
    group: str | None = None
    """The values of the group's columns as text, a JSON list; of a step that chose among forms, one of them."""
    value: str | None = None
    """What gaps are filled with, as text; of a dropped column, why; a step's own form where it has one."""
    evidence: str | None = None
    """What speaks for it, in words: of how many rows, how far off on rows that it was not learnt from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A table made anew by a step: `staged rows = rows + merged`.

    `tables` are written beside it by suffix: "crosswalk" becomes `<table>__crosswalk`. `cells` has the form of a
    quarantine: what was declined.
    """

    rows: Written
    merged: int = 0
    tables: Mapping[str, Written] = field(default_factory=dict)
    cells: Written | None = None


@runtime_checkable
class TableStep(Protocol):
    """What both kinds have. Its fields, `version` among them, decide its result and are its fingerprint."""

    __slots__ = ()

    name: ClassVar[str]
    on_column: ClassVar[bool]
    """Whether it is written `col.<column> >> step(...)`; else it stands for itself, and its column is ''."""

    @property
    def version(self) -> str:
        """Changes where the same step would give another result."""
        ...

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the columns that it looks at besides its own."""
        return ()

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the project that it reads."""
        return ()

    @property
    def imputes(self) -> str | None:
        """How it is written, where it fills gaps with what it learnt from other rows: no feature of a model may read
        those."""
        return None

    def sets(self, column: str) -> str:
        """The column whose cells it changes; '' for none."""
        return column

    def fit_name(self, column: str) -> str | None:
        """What its fit is stored under: another one where anything that decides the fit changes. None: it has none."""
        return None

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """What it learns of the rows that reach it. No rows are no fit: the next build tries again."""
        return []

    def told(self, fit: Sequence[FitRow]) -> list[str]:
        """What a person should hear of what it learnt, for the note of each build."""
        return []


@runtime_checkable
class RowStep(TableStep, Protocol):
    """A step that maps one row after the other, by what it has learnt."""

    __slots__ = ()

    def operation(self, column: str, fit: Sequence[FitRow]) -> Operation:
        """What is done to each batch. It pickles."""
        ...


@runtime_checkable
class WholeStep(TableStep, Protocol):
    """A step that needs all rows at once to make the table anew."""

    __slots__ = ()

    def asks(self, newest_by: str) -> tuple[str, ...]:
        """All columns that it looks at, given what says which row is newer."""
        ...

    def apply(self, staged: Staged, column: str, fit: Sequence[FitRow]) -> Applied:
        """The table after the step."""
        ...
