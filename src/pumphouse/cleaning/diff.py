"""What the steps of a table do to its rows as they are now: step by step, before and after, and what is declined.

Nothing is built. The steps run over the input as the next build would run them, with the fits that are stored.
"""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pumphouse.cleaning import watching
from pumphouse.cleaning.clean import Clean
from pumphouse.cleaning.fits import stored_fits
from pumphouse.cleaning.wording import visible, visible_pair
from pumphouse.cleaning.work import Outcome, Work
from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query, Written
from pumphouse.engines.parameters import literal
from pumphouse.errors import ConfigError
from pumphouse.lake.context import Context

EXAMPLES_SHOWN = 5
LETTERS_SHOWN = 60
WIDTH_MAX = 100
NOT_SHOWN = "(not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A pair that a step made or declined: what the cell was, what it is now or why it was declined, and how often."""

    before: str | None
    after: str | None
    times: int

    @property
    def said(self) -> str:
        """The pair on one line, shortened."""
        before, after = self.sides
        return f"{before} -> {after}{self._times}"

    @property
    def refused(self) -> str:
        """What was declined, and why, on one line."""
        return f"{_shown_alone(self.before)} -> declined: {self.after}{self._times}"

    @property
    def _times(self) -> str:
        return f"  ({self.times:,} times)" if self.times > 1 else ""

    @property
    def sides(self) -> tuple[str, str]:
        """What is before and after, each shortened and on one line, so that a person sees what differs."""
        if self.before is None or self.after is None:
            return _shown_alone(self.before), _shown_alone(self.after)
        if self.before == self.after:  # a step masks the column, or it differs behind what is kept of a cell
            return NOT_SHOWN, visible(self.after, LETTERS_SHOWN)
        return visible_pair(self.before, self.after, LETTERS_SHOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDiff:
    """What a step did to one column. All counts are of cells; `cells` are those with a value before the step."""

    column: str
    cells: int
    made: int
    """Values in a column that the step adds."""
    changed: int
    filled: int
    """Gaps that got a value."""
    emptied: int
    """Values that became a gap, the declined ones among them."""
    declined: int
    examples: tuple[Example, ...]
    """Of values made, changed or filled; the most frequent first, at most EXAMPLES_SHOWN."""
    rejected: tuple[Example, ...]
    """Of what was declined, with the reason as what is after."""

    @property
    def said(self) -> str:
        """The counts in words."""
        counts = {
            "made": self.made,
            "changed": self.changed,
            "filled": self.filled,
            "declined": self.declined,
            "set to null": self.emptied - self.declined,
        }
        facts = [f"{cells:,} {what}" for what, cells in counts.items() if cells > 0] or ["nothing changed"]
        return f"{self.cells:,} cells, {', '.join(facts)}" if self.cells else ", ".join(facts)

    @property
    def is_new(self) -> bool:
        """Whether the step adds the column, so that nothing was before."""
        return self.made > 0 and not self.cells

    def to_lines(self) -> list[str]:
        """The examples in lines for a person; values of a column that is new beside each other."""
        lines = [f"        {example.said}" for example in self.examples]
        if self.is_new:
            values = ", ".join(f"{example.sides[1]} ({example.times:,})" for example in self.examples)
            lines = textwrap.wrap(values, WIDTH_MAX, initial_indent=" " * 8, subsequent_indent=" " * 8)
        for one in self.rejected:
            lines += textwrap.wrap(one.refused, WIDTH_MAX, initial_indent=" " * 8, subsequent_indent=" " * 12)
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDiff:
    """What one step did: to columns, and to rows where it needs all of them."""

    column: str
    """The column that it stands on; '' for a step of the table."""
    step: str
    version: str
    columns: tuple[ColumnDiff, ...]
    merged: int = 0
    """Rows that were merged into others."""
    told: tuple[str, ...]
    """What it has to say of what it learnt, as which columns it drops, and why."""

    def to_lines(self) -> list[str]:
        """The step in lines for a person."""
        facts = [f"{self.merged:,} row{'s' if self.merged != 1 else ''} merged"] if self.merged else []
        if not facts and not self.columns and not self.told:
            facts = ["changes nothing"]
        lines = ["  ".join([f"col.{self.column} >> {self.step}" if self.column else self.step, *facts])]
        lines += [f"    {said}" for said in self.told]
        for one in self.columns:
            lines.append(f"    {one.column}: {one.said}")
            lines += one.to_lines()
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """A table's cleaning, step by step: `rows_in = rows_out + withheld + merged`."""

    asset: str
    input: str
    snapshot: int
    """The lake's snapshot at which the input was read."""
    is_sample: bool
    rows_in: int
    rows_out: int
    withheld: int
    merged: int
    steps: tuple[StepDiff, ...]

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """The same in lines for a person."""
        came = (
            f"{self.rows_in:,} rows of {self.input} at snapshot {self.snapshot}{', a sample' if self.is_sample else ''}"
        )
        gone = [f"{rows:,} {what}" for rows, what in ((self.merged, "merged"), (self.withheld, "withheld")) if rows]
        lines = [f"{self.asset}: {came}; {', '.join([f'{self.rows_out:,} come out', *gone])}"]
        for step in self.steps:
            lines += ["", *step.to_lines()]
        return "\n".join(lines)


def diff(asset: Asset, context: Context) -> Diff:
    """What the steps of `asset` would do now; over `context.sample` rows of the input, or all.

    Raises ConfigError for an asset that is not a cleaned table, and what a build would raise.
    """
    if not isinstance(asset.spec, Clean):
        raise ConfigError(
            f"'{asset.name}' is not made by cleaning, so it has no steps to look at",
            asset=asset.name,
            place=asset.place,
            mend="Name a table that clean(...) makes.",
        )
    staging = context.lake.staging() if context.lake.writable else None
    with tempfile.TemporaryDirectory(dir=staging, prefix=f"{asset.name}_diff_") as folder:
        work = Work(asset=asset, context=context, folder=Path(folder), is_watched=True)
        fits = work.learn(stored_fits(asset, context))
        outcome = work.clean(fits)
        found = _happened(work, outcome)
        merged = {one.start: one.rows_in - one.rows_out for one in outcome.passes}
        steps = tuple(
            StepDiff(
                column=step.column,
                step=step.step.name,
                version=step.step.version,
                columns=_columns(found.get(place, {})),
                merged=merged.get(place, 0) if step.is_whole else 0,
                told=work.told_by(step, fits),
            )
            for place, step in enumerate(work.steps)
        )
    return Diff(
        asset=asset.name,
        input=asset.spec.input,
        snapshot=context.snapshot,
        is_sample=context.sample is not None and outcome.rows_in >= context.sample,
        rows_in=outcome.rows_in,
        rows_out=outcome.rows.rows,
        withheld=outcome.withheld,
        merged=outcome.merged,
        steps=steps,
    )


def _shown_alone(cell: str | None) -> str:
    return "null" if cell is None else visible(cell, LETTERS_SHOWN)


def _columns(happened: Mapping[str, Mapping[str, _Kind]]) -> tuple[ColumnDiff, ...]:
    nothing = _Kind(times=0, examples=())
    return tuple(
        ColumnDiff(
            column=column,
            cells=kinds.get(watching.CELLS, nothing).times,
            examples=_shown(kinds.get(kind, nothing) for kind in (watching.MADE, watching.CHANGED, watching.FILLED)),
            rejected=_shown([kinds.get(watching.DECLINED, nothing)]),
            **{
                kind: kinds.get(kind, nothing).times
                for kind in (watching.MADE, watching.CHANGED, watching.FILLED, watching.EMPTIED, watching.DECLINED)
            },
        )
        for column, kinds in happened.items()
    )


def _shown(kinds: Iterable[_Kind]) -> tuple[Example, ...]:
    examples = [example for kind in kinds for example in kind.examples]
    return tuple(sorted(examples, key=lambda one: (-one.times, one.before or "", one.after or ""))[:EXAMPLES_SHOWN])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How many cells one thing happened to, and the most frequent pairs."""

    times: int
    examples: tuple[Example, ...]


def _happened(work: Work, outcome: Outcome) -> dict[int, dict[str, dict[str, _Kind]]]:
    """By place of the step, column and kind. Columns stand in the order in which steps met them."""
    found: dict[int, dict[str, dict[str, _Kind]]] = {}
    for one in outcome.passes:
        if one.happened is not None and one.happened.rows:
            rows = _read(work, one.happened, _PAIRS)
        elif one.cells is not None and one.cells.rows:
            rows = _read(work, one.cells, _WHOLE.replace("$place", str(one.start)))
        else:
            continue
        for row in rows:
            pairs = zip(row["before"] or (), row["after"] or (), row["pair_times"] or (), strict=True)
            examples = tuple(Example(before=before, after=after, times=times) for before, after, times in pairs)
            kinds = found.setdefault(row["place"], {}).setdefault(row["column"], {})
            kinds[row["kind"]] = _Kind(times=row["times"], examples=examples)
    return found


_PAIRS = f"""
WITH pairs AS (
    SELECT place, "column", kind, hash, before, after, sum(times) AS times
    FROM happened WHERE hash IS NOT NULL GROUP BY ALL
), sampled AS (
    SELECT *, row_number() OVER (PARTITION BY place, "column", kind ORDER BY hash, before, after) AS nth FROM pairs
), frequent AS (
    SELECT *, row_number() OVER (PARTITION BY place, "column", kind ORDER BY times DESC, before, after) AS rank
    FROM sampled WHERE nth <= {watching.PAIRS_MAX}
), examples AS (
    SELECT place, "column", kind, list(before ORDER BY rank) AS before, list(after ORDER BY rank) AS after,
        list(times::BIGINT ORDER BY rank) AS pair_times
    FROM frequent WHERE rank <= {EXAMPLES_SHOWN} GROUP BY ALL
), totals AS (
    SELECT place, "column", kind, sum(times)::BIGINT AS times FROM happened WHERE hash IS NULL GROUP BY ALL
)
SELECT * FROM totals LEFT JOIN examples USING (place, "column", kind) ORDER BY place, "column", kind
"""
_WHOLE = f"""
WITH pairs AS (
    SELECT "column", original, reason, count(*) AS times FROM happened GROUP BY ALL
), frequent AS (
    SELECT *, row_number() OVER (PARTITION BY "column" ORDER BY times DESC, original, reason) AS rank FROM pairs
)
SELECT $place AS place, "column", '{watching.DECLINED}' AS kind, sum(times)::BIGINT AS times,
    list(original ORDER BY rank) FILTER (rank <= {EXAMPLES_SHOWN}) AS before,
    list(reason ORDER BY rank) FILTER (rank <= {EXAMPLES_SHOWN}) AS after,
    list(times::BIGINT ORDER BY rank) FILTER (rank <= {EXAMPLES_SHOWN}) AS pair_times
FROM frequent GROUP BY ALL ORDER BY "column"
"""
"""What a step that needs all rows declined, from the rows of a quarantine."""


def _read(work: Work, written: Written, text: str) -> list[dict[str, Any]]:  # plain values
    files = ", ".join(literal(str(file)) for file in written.files)
    query = Query(text=f"WITH happened AS (FROM read_parquet([{files}])) SELECT * FROM ({text})")
    rows: list[dict[str, Any]] = work.context.lake.engine.read(query).read_all().to_pylist()
    return rows
