"""What a step makes of a column's values: how many it reads, declines and changes, with examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.step import ArrayFunction, Resources, Step
from pumphouse.cleaning.suggestions.samples import Sampled

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = 3
DECLINED_MAX = 0.1
"""A step that declines more of a column is not for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a step made of a column's sample, counted in cells. `cells = read + declined + gaps`."""

    cells: int
    read: int
    declined: int
    gaps: int
    """Cells that became null with no reason."""
    changed: int
    """Of those that were read."""
    different: int
    """Different values that were read."""
    examples: tuple[tuple[str, str], ...]
    """Values that were changed, before and after; the most frequent first."""
    rejected: tuple[tuple[str, str], ...]
    """Values that were declined, with the reason."""
    extras: dict[str, dict[Any, int]]
    """Of each extra how often it had each value."""

    def share(self, cells: int) -> float:
        """Part (0 to 1) of the cells that are no gap."""
        return cells / max(1, self.cells - self.gaps)

    @property
    def is_sure(self) -> bool:
        """Whether it reads nearly all."""
        return self.read > 0 and self.share(self.declined) <= DECLINED_MAX


def tried(step: Step, column: Sampled, *, resources: Resources) -> Evidence:
    """What the step makes of the column's sample. Columns that it reads besides are taken as null."""
    import pyarrow as pa

    values = [value for value, _ in column.values]
    cells = pa.array(values, column.kind)
    function: ArrayFunction = step.load(resources)
    cleaned = function(cells, {name: pa.nulls(len(cells), pa.string()) for name in step.reads})
    return _counted(column.values, cleaned.values, cleaned.reasons, dict(cleaned.extra))


def tried_beside(
    step: Step, cells: Sequence[str | None], other: Sequence[str | None], *, resources: Resources
) -> Evidence:
    """What the step makes of cells, each with that of the one column that it reads besides."""
    import pyarrow as pa

    (name,) = step.reads
    cleaned = step.load(resources)(pa.array(cells, pa.string()), {name: pa.array(other, pa.string())})
    return _counted([(cell, 1) for cell in cells], cleaned.values, cleaned.reasons, dict(cleaned.extra))


def _counted(
    cells: Sequence[tuple[Any, int]],  # Any: of the column's type
    values: pa.Array,
    reasons: pa.Array,
    extra: dict[str, pa.Array],
) -> Evidence:
    read = declined = gaps = changed = different = 0
    examples: list[tuple[str, str]] = []
    rejected: list[tuple[str, str]] = []
    extras: dict[str, dict[Any, int]] = {suffix: {} for suffix in extra}
    listed = {suffix: column.to_pylist() for suffix, column in extra.items()}
    rows = zip(cells, values.to_pylist(), reasons.to_pylist(), strict=True)
    for place, ((before, times), after, reason) in enumerate(rows):
        if reason is not None:
            declined += times
            rejected += [(str(before), reason)] if len(rejected) < EXAMPLES else []
        elif after is None:
            gaps += times
        else:
            read, different = read + times, different + 1
            if str(before) != str(after):
                changed += times
                examples += [(str(before), str(after))] if len(examples) < EXAMPLES else []
            for suffix, told in listed.items():
                extras[suffix][told[place]] = extras[suffix].get(told[place], 0) + times
    return Evidence(
        cells=read + declined + gaps, read=read, declined=declined, gaps=gaps, changed=changed, different=different,
        examples=tuple(examples), rejected=tuple(rejected), extras=extras,
    )  # fmt: skip
