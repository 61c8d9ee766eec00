"""Filling gaps with the last value before, in time and of the same group: nothing is learnt, and no future is seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.table_step import Applied, FitRow, WholeStep
from pumphouse.cleaning.table_steps.queries import forward_query
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged

SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


@dataclass(frozen=True, slots=True, kw_only=True)
class FillForward(WholeStep):
    """The step that `fill("forward", ...)` makes."""

    name: ClassVar[str] = "fill"
    on_column: ClassVar[bool] = True
    by: tuple[str, ...]
    over: str
    within: str | None = None
    version: str = field(default="1", init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """What makes the groups, and what says which of two rows is earlier."""
        return (*self.by, self.over)

    def asks(self, newest_by: str) -> tuple[str, ...]:
        """What it reads."""
        return self.reads

    def apply(self, staged: Staged, column: str, fit: Sequence[FitRow]) -> Applied:
        """Every row, with the column filled and `<column>__filled` after it."""
        import pyarrow.types as types

        staged.require(column, *self.by, self.over, *staged.key)
        kind = staged.rows.schema.field(self.over).type
        if self.within is not None and not (types.is_timestamp(kind) or types.is_date(kind)):
            raise BuildError(
                f"'{column}' is filled within {self.within}, and '{self.over}' is no time: its type is {kind}",
                mend="Leave out 'within', or make it a time above with parse_timestamp or parse_date.",
            )
        flag = f"{column}__filled"
        if flag in staged.rows.schema.names:
            raise BuildError(f"cleaning adds the column '{flag}', and there is one already", mend="Rename it before.")
        if column in (*self.by, self.over):
            raise BuildError(f"'{column}' can't be filled by its own values: it is in 'by' or 'over'")
        text = forward_query(
            column=column,
            by=self.by,
            over=self.over,
            within_s=seconds(self.within) if self.within is not None else None,
            columns=staged.rows.schema.names,
            kept=staged.kept,
            key=staged.key,
        )
        return Applied(rows=staged.engine.write(staged.query(text), folder=staged.folder, stem=staged.stem))


def seconds(written: str) -> int:
    """A length of time, "7 days", in seconds. Raises ValueError for another text: a month has no length."""
    found = re.fullmatch(r"([1-9]\d{0,5}) (second|minute|hour|day|week)s?", written)
    if found is None:
        raise ValueError(f"within is a time such as '7 days' or '12 hours' (no months), not {written!r}")
    return int(found[1]) * SECONDS[found[2]]
