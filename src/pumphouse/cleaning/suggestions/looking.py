"""Looking at a table: trying steps on its sample, where a few values say that it may be worth it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.staged import Staged
from pumphouse.cleaning.step import Resources, Step
from pumphouse.cleaning.steps.gaps import null_if
from pumphouse.cleaning.suggestions.evidence import Evidence, tried
from pumphouse.cleaning.suggestions.proposal import Note, Proposal, aside, col, looking, proposed
from pumphouse.cleaning.suggestions.samples import Sample, Sampled, evenly
from pumphouse.cleaning.table_step import LOADED_AT
from pumphouse.cleaning.wording import percent
from pumphouse.engines.engine import Engine, Scan
from pumphouse.engines.parameters import quoted

DIFFERENT_MIN = 5
"""Fewer different values may be of a kind by chance."""
LOOKS_MIN = 0.8
"""Share of the cells that look like a kind, before its step is tried on them."""
MOSTLY = 0.5
"""Share of the cells that a step reads, from which a person is told what it would decline."""
AHEAD_MIN = 0.1
"""Of two ways to read a column, the better one has to read so much more of it."""
FIRST_VALUES, FIRST_MIN = 60, 0.5
"""A step that reads less of so many values is not tried on more."""
LEARNT_MAX = 20_000
"""A step that learns from its column is shown about so many different values of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """A table that is looked at."""

    table: str
    scan: Scan
    engine: Engine
    resources: Resources
    sample: Sample

    def tried(self, step: Step, column: Sampled) -> Evidence:
        """What the step makes of the sample; one that learns has learnt from many more values."""
        if isinstance(step, FittedStep) and step.fit_name(column.name) is not None:
            step = step.fitted(step.learn(self.staged(column), column.name))
        return tried(step, column, resources=self.resources)

    def reads_some(self, step: Step, column: Sampled) -> bool:
        """Whether it reads at least half of a few values."""
        few = replace(column, values=tuple(evenly(column.values, FIRST_VALUES)))
        found = tried(step, few, resources=self.resources)
        return found.share(found.read) >= FIRST_MIN

    def if_sure(
        self, column: Sampled, step: Step, code: str, what: str, *, looks: re.Pattern[str] | None = None
    ) -> Proposal | None:
        """The step for the column, if its values look so and it reads nearly all of them."""
        if len(column.values) < DIFFERENT_MIN or (looks and looking(column, looks) < LOOKS_MIN):
            return None
        found = self.tried(step, column)
        return proposed(column, code, what, found) if found.is_sure and found.different >= DIFFERENT_MIN else None

    def staged(self, column: Sampled) -> Staged:
        """What a step learns from: all rows, or those of every so many different values."""
        every = column.different // LEARNT_MAX
        rows = self.scan.where(f"hash({quoted(column.name)}) % {every} = 0") if every > 1 else self.scan
        return Staged(
            engine=self.engine, rows=rows, count=0, folder=Path(), stem="", key=(), newest_by=LOADED_AT,
            named=frozenset(), kept=(),
        )  # fmt: skip


def partly(column: Sampled, code: str, what: str, found: Evidence) -> Note | None:
    """What a step would decline of a column that it mostly reads, though not so much that it is proposed."""
    if found.different < DIFFERENT_MIN or found.share(found.read) < MOSTLY or not found.declined:
        return None
    said = ", ".join([f"{percent(found.share(found.read))} read as {what}", *aside(found)])
    return Note(column=column.name, note=said, next=f"{col(column.name)} >> {code}")


def without_gaps(column: Sampled) -> Sampled:
    """The column without the values that stand for nothing."""
    import pyarrow as pa

    found = null_if().load(Resources())(pa.array([value for value, _ in column.values], pa.string()), {})
    kept = (pair for pair, is_there in zip(column.values, found.values.is_valid().to_pylist(), strict=True) if is_there)
    return replace(column, values=tuple(kept))
