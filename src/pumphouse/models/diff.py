"""What differs between two versions: what they were made from, how they were made, and what they say."""

from __future__ import annotations

import difflib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pumphouse.errors import PumphouseError
from pumphouse.features.frames import frame
from pumphouse.features.moments import AS_OF, entity_numbers
from pumphouse.lake.lake import Lake
from pumphouse.models.estimators import load, predictions
from pumphouse.models.intervals import sided
from pumphouse.models.quality import Z_95, mean_difference
from pumphouse.models.registry import Version

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

NOT_THE_SAME = "they were not held out from both, or not with the same outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A value by its name, in the first and in the second version; None where it has none."""

    name: str
    before: Any  # as JSON has it
    after: Any  # as JSON has it


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFrom:
    """The training set of one version."""

    snapshot: int
    rows: int
    first: datetime
    last: datetime
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How much smaller the second's squared error is, on rows that were held out from both; one entity counts once.

    `better` is None where the 95% interval holds zero: then nobody can say.
    """

    rows: int
    smaller_by: float
    low: float
    high: float

    @property
    def better(self) -> bool | None:
        """Whether the second is better."""
        return None if self.low <= 0 <= self.high else self.smaller_by > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What both say of the rows of the newer training set."""

    of: str
    """The version whose training set it is."""
    rows: int
    mean_absolute_difference: float
    crossing: float
    """The share of the rows that one puts above `crossed` and the other does not."""
    crossed: float
    correlation: float | None
    """Pearson's; None where one of them says the same of everyone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two versions, side by side. What is empty does not differ."""

    first: str
    second: str
    same_content: bool
    same_code: bool
    code: str
    """The training functions' texts as a unified diff; empty where they are equal or one was not kept."""
    estimator: Changed | None
    features: dict[str, str]
    """Each feature whose text differs, with a unified diff; a new or a missing one is all plus or minus."""
    columns: tuple[Changed, ...]
    learned_from: tuple[LearnedFrom, LearnedFrom]
    same_rows: bool
    settings: tuple[Changed, ...]
    parameters: tuple[Changed, ...]
    packages: tuple[Changed, ...]
    metrics: tuple[Changed, ...]
    compared: Compared | None
    not_compared: str
    """Why which is better can't be told."""
    said: Said | None
    not_said: str
    """Why they can't be asked about the same rows."""


def difference(lake: Lake, first: Version, second: Version, *, act_above: float | None = None) -> Difference:
    """What differs. `act_above` is the prediction above which somebody acts; without it, the second's guess."""
    compared, not_compared = _compared(lake, first, second)
    said, not_said = _said(lake, first, second, act_above)
    return Difference(
        first=first.name,
        second=second.name,
        same_content=first.sha == second.sha,
        same_code=first.fingerprint == second.fingerprint,
        code=_unified(first.source, second.source, first.name, second.name) if first.source and second.source else "",
        estimator=None
        if first.estimator == second.estimator
        else Changed(name="estimator", before=first.estimator, after=second.estimator),
        features=_features(first, second),
        columns=_changes(first.types or first.columns, second.types or second.columns),
        learned_from=(_learned_from(lake, first), _learned_from(lake, second)),
        same_rows=first.training_set == second.training_set,
        settings=_changes(first.settings, second.settings),
        parameters=_changes(first.parameters, second.parameters),
        packages=_changes(first.packages, second.packages),
        metrics=_changes(first.metrics, second.metrics),
        compared=compared,
        not_compared=not_compared,
        said=said,
        not_said=not_said,
    )


def difference_text(found: Difference) -> str:
    """The difference in lines that a person reads."""
    before, after = found.learned_from
    lines = [f"{found.first} -> {found.second}"]
    if found.same_content:
        lines.append("  the same estimator, byte for byte")
    if found.estimator:
        lines += [f"  - {found.estimator.before}", f"  + {found.estimator.after}"]
    if not found.same_code:
        lines.append(
            "  code differs" + (":" if found.code else "; in what the function calls, or its text was not kept")
        )
        lines += [f"    {line}" for line in found.code.splitlines()]
    for name, text in found.features.items():
        lines += [f"  feature {name} differs:", *(f"    {line}" for line in text.splitlines())]
    for title, changes in (
        ("columns", found.columns),
        ("settings", found.settings),
        ("parameters", found.parameters),
        ("libraries", found.packages),
        ("reported", found.metrics),
    ):
        if changes:
            lines.append(f"  {title}")
            lines += [f"    {one.name}: {_value(one.before)} -> {_value(one.after)}" for one in changes]
    if found.same_rows:
        lines.append(f"  learned from the same {after.rows:,} moments")
    else:
        lines += [f"  learned from {_told(one)}" for one in found.learned_from]
    if before.assumed != after.assumed:
        lines.append(f"  when rows were known is {'no longer ' if before.assumed else ''}assumed")
    lines += _verdict(found)
    return "\n".join(lines)


def _verdict(found: Difference) -> list[str]:
    lines = []
    if found.compared is None:
        lines.append(f"  which is better can't be told: {found.not_compared}")
    else:
        one = found.compared
        verdict = {True: "is better", False: "is worse", None: "is not surely better or worse"}[one.better]
        lines += [
            f"  {found.second} {verdict}, on {one.rows:,} moments held out from both",
            f"    squared error {_by(one)}",
        ]
    if found.said is None:
        lines.append(f"  what they say can't be compared: {found.not_said}")
    else:
        said = found.said
        together = "" if said.correlation is None else f", correlation {said.correlation:.4f}"
        lines += [
            f"  on the {said.rows:,} moments that {said.of} learned from",
            f"    they differ by {said.mean_absolute_difference:.4g} on average{together}",
            f"    {said.crossing:.1%} are on the other side of {said.crossed:.4g}",
        ]
    return lines


def _by(one: Compared) -> str:
    side, value, low, high = sided(one.smaller_by, one.low, one.high)
    return f"{side} by {value:.4g} (95% interval {low:.4g} to {high:.4g})"


def _told(one: LearnedFrom) -> str:
    days = " to ".join(dict.fromkeys((str(one.first.date()), str(one.last.date()))))
    return f"{one.rows:,} moments of {days}, at snapshot {one.snapshot}"


def _value(value: Any) -> str:
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Changed, ...]:
    names = dict.fromkeys((*before, *after))
    pairs = [(name, before.get(name), after.get(name)) for name in names]
    return tuple(Changed(name=name, before=old, after=new) for name, old, new in pairs if old != new)


def _features(first: Version, second: Version) -> dict[str, str]:
    before = {one.name: one.text for one in first.features}
    after = {one.name: one.text for one in second.features}
    texts = {
        name: _unified(before.get(name, ""), after.get(name, ""), first.name, second.name)
        for name in dict.fromkeys((*before, *after))
    }
    return {name: text for name, text in texts.items() if text}


def _unified(before: str, after: str, first: str, second: str) -> str:
    lines = difflib.unified_diff(
        before.strip().splitlines(), after.strip().splitlines(), first, second, lineterm="", n=2
    )
    return "\n".join(lines)


def _learned_from(lake: Lake, version: Version) -> LearnedFrom:
    from pyarrow import compute

    span = compute.min_max(_table(lake, version.training_set, [AS_OF])[AS_OF]).as_py()
    return LearnedFrom(
        snapshot=version.snapshot, rows=version.rows, first=span["min"], last=span["max"], assumed=version.assumed
    )


def _compared(lake: Lake, first: Version, second: Version) -> tuple[Compared | None, str]:
    """The second's error against the first's on what was held out from both; or why that can't be told."""
    if first.held_out_rows is None or second.held_out_rows is None:
        without = first if first.held_out_rows is None else second
        return None, f"nothing was held out from {without.name}"
    if (first.entity, first.label) != (second.entity, second.label):
        return None, "they are asked about different things"
    keys = [*first.entity, AS_OF]
    mine = _table(lake, first.held_out_rows).rename_columns([*keys, "_first", "_outcome"])
    other = _table(lake, second.held_out_rows).rename_columns([*keys, "_second", "_happened"])
    both = mine.join(other, keys, join_type="inner").sort_by([(key, "ascending") for key in keys])
    outcomes, happened = both["_outcome"].to_numpy(), both["_happened"].to_numpy()
    both = both.filter(outcomes == happened)
    if both.num_rows < 2:
        return None, f"no two moments are the same: {NOT_THE_SAME}"
    outcomes = both["_outcome"].to_numpy()
    of_first, of_second = ((both[name].to_numpy() - outcomes) ** 2 for name in ("_first", "_second"))
    gain, error = mean_difference(of_first, of_second, entity_numbers(both, list(first.entity)))
    if not math.isfinite(error):
        return None, "all moments held out from both are of one entity"
    return Compared(rows=both.num_rows, smaller_by=gain, low=gain - Z_95 * error, high=gain + Z_95 * error), ""


def _said(lake: Lake, first: Version, second: Version, act_above: float | None) -> tuple[Said | None, str]:
    """What both say of the rows that the later one learned from; or why they can't be asked."""
    import numpy as np

    if first.task != second.task:
        return None, "one says a chance, the other a number"
    newer, older = (second, first) if second.at >= first.at else (first, second)
    rows = _table(lake, newer.training_set)
    made = {one.name: one.fingerprint for one in newer.features}
    if any(made.get(one.name) != one.fingerprint for one in older.features):
        lacking = [one.name for one in older.features if made.get(one.name) != one.fingerprint]
        return None, f"{newer.name} learned from no such {', '.join(lacking)} as {older.name}"
    try:
        answers = [_asked(lake, version, rows) for version in (first, second)]
    except PumphouseError as error:
        return None, str(error)
    crossed = second.guess if act_above is None else act_above
    before, after = answers
    varied = len(before) > 1 and before.std() > 0 and after.std() > 0
    return Said(
        of=newer.name,
        rows=len(before),
        mean_absolute_difference=float(np.abs(before - after).mean()),
        crossing=float(((before > crossed) != (after > crossed)).mean()),
        crossed=crossed,
        correlation=float(np.corrcoef(before, after)[0, 1]) if varied else None,
    ), ""


def _asked(lake: Lake, version: Version, rows: pa.Table) -> NDArray[np.float64]:
    estimator = load(lake.blobs.get(version.sha), format=version.format)
    return predictions(estimator, frame(rows, list(version.columns)), format=version.format, task=version.task)


def _table(lake: Lake, sha: str, columns: list[str] | None = None) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(lake.blobs.get(sha)), columns=columns)
