"""Repairing cells by a functional dependency: a zip code has one city, so a row that says another one is mistaken.

Which value goes with which is a fit. Only dependencies that somebody declared are applied; found ones are proposed.
Sources: Fan and Geerts, Foundations of Data Quality Management, 2012; for finding them, TANE (Huhtala et al. 1999).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.step import Cleaned, as_text, each_row
from pumphouse.cleaning.table_step import FitRow, RowStep
from pumphouse.cleaning.table_steps.filling import GROUPS_MAX
from pumphouse.cleaning.table_steps.samples import codes, is_flat, numpy, sample
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.batch import Batch
    from pumphouse.cleaning.staged import Staged

SUPPORT = 3
CONFIDENCE = 0.9
FOUND_ROWS_MAX = 20_000
"""Rows that dependencies are looked for in."""
FOUND_COLUMNS_MAX = 40
"""Columns that are tried with each other: the table's first."""
FOUND_MAX = 20
"""Proposals, those with the fewest exceptions first."""
FOUND_ROWS_MIN = 20
GUESSED_MAX = 0.1
"""A dependency has at most this share of the exceptions that always saying the most frequent value would have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(RowStep):
    """The step that `repair("zip", decides="city")` makes."""

    name: ClassVar[str] = "repair"
    on_column: ClassVar[bool] = False
    by: tuple[str, ...]
    decides: str
    support: int
    confidence: float
    version: str = field(default="1", init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """Both sides of the dependency."""
        return (*self.by, self.decides)

    @property
    def imputes(self) -> str:
        """What it repairs and fills is what other rows say."""
        return f"repair({', '.join(map(repr, self.by))}, decides={self.decides!r})"

    def sets(self, column: str) -> str:
        """The decided column."""
        return self.decides

    def fit_name(self, column: str) -> str:
        """The dependency, and what is enough to be sure."""
        sure = f"support {self.support}, confidence {self.confidence:g}"
        return f"repair {self.decides} by {', '.join(self.by)}, {sure}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """The value of each group that is sure, or where rows disagree. Raises BuildError for too many groups."""
        staged.require(*self.reads)
        for name in self.reads:
            kind = staged.rows.schema.field(name).type
            if not is_flat(kind):
                raise BuildError(f"'{name}' can't be part of a repair: its type is {kind}")
        step = self.fit_name(column)
        rows: list[FitRow] = []
        for batch in staged.engine.read(staged.query(majority_query(self.by, self.decides, support=self.support))):
            *groups, values = (as_text(batch.column(place)).to_pylist() for place in range(len(self.by) + 1))
            counts = (batch.column(name).to_pylist() for name in ("times", "total"))
            for *group, value, times, total in zip(*groups, values, *counts, strict=True):
                is_sure = times >= self.support and times >= self.confidence * total
                known = {"value": value if 2 * times > total else None, "sure": is_sure}
                listed, evidence = json.dumps(group, ensure_ascii=False), f"{times} of {total} rows"
                known_as_text = json.dumps(known, ensure_ascii=False)
                rows.append(
                    FitRow(step=step, column=self.decides, group=listed, value=known_as_text, evidence=evidence)
                )
            if len(rows) > GROUPS_MAX:
                raise BuildError(
                    f"repairing '{self.decides}' by {', '.join(self.by)} has more than {GROUPS_MAX:,} groups",
                    mend="Repair by columns with fewer values.",
                )
        return rows or ([FitRow(step=step)] if staged.engine.read(staged.query(ANY_ROW)).read_all().num_rows else [])

    def told(self, fit: Sequence[FitRow]) -> list[str]:
        """How many groups disagree without a sure majority."""
        unsure = sum(row.value is not None and not json.loads(row.value)["sure"] for row in fit)
        return [f"no sure {self.decides} for {unsure} of {len(fit)} values of {', '.join(self.by)}"] if unsure else []

    def operation(self, column: str, fit: Sequence[FitRow]) -> RepairCells:
        """Cells of sure groups repaired, and those that contradict an unsure one declined."""
        majorities = {}
        for row in fit:
            if row.group is not None and row.value is not None:
                known = json.loads(row.value)
                majorities[tuple(json.loads(row.group))] = (known["value"], known["sure"], row.evidence or "")
        return RepairCells(by=self.by, decides=self.decides, version=self.version, majorities=majorities)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDependencies(RowStep):
    """The step that `repair(found=True)` makes: it proposes, and changes nothing."""

    name: ClassVar[str] = "repair"
    on_column: ClassVar[bool] = False
    confidence: float
    version: str = field(default="1", init=False)

    def fit_name(self, column: str) -> str:
        """How few exceptions are few enough."""
        return f"repair by what is found, confidence {self.confidence:g}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """A row for each dependency of one column on another: the group is the deciding column."""
        names = [name for name in staged.rows.columns if is_flat(staged.rows.schema.field(name).type)]
        names = names[:FOUND_COLUMNS_MAX]
        if not names:
            return []
        rows = sample(staged, names, rows_max=FOUND_ROWS_MAX)
        if not rows.num_rows:
            return []
        step = self.fit_name(column)
        found = sorted(dependencies(rows, confidence=self.confidence))[:FOUND_MAX]
        return [
            FitRow(step=step, column=decides, group=json.dumps([by], ensure_ascii=False), evidence=evidence)
            for _, by, decides, evidence in found
        ] or [FitRow(step=step)]

    def told(self, fit: Sequence[FitRow]) -> list[str]:
        """What could be declared."""
        return [
            f"found that {json.loads(row.group)[0]} decides {row.column} in {row.evidence}: if that is so, declare "
            f'repair("{json.loads(row.group)[0]}", decides="{row.column}")'
            for row in fit
            if row.group is not None
        ]

    def operation(self, column: str, fit: Sequence[FitRow]) -> LeaveAsItIs:
        """Nothing."""
        return LeaveAsItIs()


def repair(
    *by: str,
    decides: str | None = None,
    support: int = SUPPORT,
    confidence: float = CONFIDENCE,
    found: bool = False,
) -> Repair | FindDependencies:
    """A step that repairs a column by others that decide it: a zip code has one city.

    The value that `support` rows or more of a group have, and at least the share `confidence` of those with a value, is
    sure. In a sure group another value is replaced, and what it was is in `<column>__original`; a gap is filled, which
    `<column>__filled` says. In a group that disagrees and is not sure, a cell without the majority behind it becomes
    null and goes to quarantine. All else stays. What is learnt is stored as `<table>__fit` and used until `--refit`.

    With `found=True` it changes nothing: it looks for columns that decide others in all but `1 - confidence` of the
    rows, and says in the build's note and in `<table>__fit` what could be declared.

    `repair("zip", decides="city")`, `repair("country", "zip", decides="city", support=5)`, `repair(found=True)`
    """
    if not 0.5 < confidence <= 1:
        raise ValueError(f"confidence is a share of the rows above 0.5 and up to 1, not {confidence}")
    if found:
        if by or decides is not None:
            raise ValueError("repair(found=True) looks for the columns itself: leave them out")
        return FindDependencies(confidence=confidence)
    if not by or decides is None:
        raise ValueError('repair needs what decides and what is decided: repair("zip", decides="city")')
    if decides in by:
        raise ValueError(f"'{decides}' can't decide itself")
    if support < 2:
        raise ValueError(f"one row agrees with itself: support is 2 or more, not {support}")
    return Repair(by=by, decides=decides, support=support, confidence=confidence)


ANY_ROW = "SELECT 1 AS one FROM staged LIMIT 1"


def majority_query(by: Sequence[str], decides: str, *, support: int) -> str:
    """SQL over the input `staged`: the most frequent value of each group that is supported or disagrees."""
    groups = [f"group_{place}" for place in range(len(by))]
    listed = ", ".join(groups)
    named = ", ".join(f"{quoted(name)} AS {group}" for name, group in zip(by, groups, strict=True))
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in (*by, decides))
    cells = f"SELECT {named}, {quoted(decides)} AS value FROM staged WHERE {there}"
    counted = f"SELECT {listed}, value, count(*) AS times FROM ({cells}) AS c GROUP BY {listed}, value"
    placed = (
        f"SELECT *, row_number() OVER (PARTITION BY {listed} ORDER BY times DESC, value) AS place,"
        f" sum(times) OVER (PARTITION BY {listed}) AS rows_all FROM ({counted}) AS v"
    )
    return (
        f"SELECT {listed}, value, times, CAST(rows_all AS BIGINT) AS total FROM ({placed}) AS p"
        f" WHERE place = 1 AND (rows_all >= {support} OR times < rows_all)"
    )


def dependencies(rows: pa.Table, *, confidence: float) -> Iterator[tuple[float, str, str, str]]:
    """(share of exceptions, deciding column, decided column, evidence) of columns that decide others in these rows.

    The exceptions are the fewest rows to leave out so that it holds (g3 in TANE), of those with a value in both.
    """
    np = numpy("finding which columns decide others")
    coded = {name: codes(rows[name]) for name in rows.schema.names}
    for by, (left, left_count) in coded.items():
        if left_count < 2:
            continue
        for decides, (right, right_count) in coded.items():
            if by == decides or right_count < 2:
                continue
            both = (left >= 0) & (right >= 0)
            count = int(both.sum())
            different = len(np.unique(left[both]))
            if count < FOUND_ROWS_MIN or different < 2 or different * SUPPORT > count:
                continue
            pairs, times = np.unique(left[both] * right_count + right[both], return_counts=True)
            most = np.zeros(left_count, dtype=np.int64)
            np.maximum.at(most, pairs // right_count, times)
            exceptions = count - int(most.sum())
            guessed = count - int(np.bincount(right[both]).max())
            if exceptions <= (1 - confidence) * count and guessed > 0 and exceptions <= GUESSED_MAX * guessed:
                evidence = f"{count - exceptions} of {count} rows with {different} different values"
                yield exceptions / count, by, decides, evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairCells:
    """`repair` with the majorities: by the groups' columns as text the value, whether it is sure, and the evidence."""

    by: tuple[str, ...]
    decides: str
    version: str
    majorities: Mapping[tuple[str | None, ...], tuple[str | None, bool, str]]

    def __call__(self, batch: Batch) -> None:
        """Set the column, add what was repaired and filled, quarantine what was declined."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = batch.column(self.decides)
        written = as_text(column)
        every = pa.repeat(pa.scalar(""), len(column))  # of a null that comes first nothing would be asked
        groups = [as_text(batch.column(name)) for name in self.by]
        values, is_filled, reasons = each_row([every, *groups, written], self._of, pa.string(), pa.bool_(), pa.string())
        is_set = pc.is_valid(values)
        repaired = pc.and_(is_set, pc.is_valid(column))
        result = pc.if_else(is_set, pc.cast(values, column.type), column)
        result = pc.if_else(pc.is_valid(reasons), None, result)
        cleaned = Cleaned(values=result, reasons=reasons)
        batch.quarantine(self.decides, cleaned, step="repair", version=self.version)
        batch.put(self.decides, result, after=self.decides)
        batch.put_new(f"{self.decides}__filled", is_filled, after=self.decides)
        batch.put_new(f"{self.decides}__original", pc.if_else(repaired, written, None), after=self.decides)

    def _of(self, _: str, *cells: str | None) -> tuple[str | None, bool, str | None]:
        """The value to set, whether it fills a gap, and why the cell is declined."""
        *group, cell = cells
        value, is_sure, evidence = self.majorities.get(tuple(group), (None, False, ""))
        if not evidence or cell == value:
            return None, False, None
        if is_sure:
            return value, cell is None, None
        if cell is None:
            return None, False, None
        others = "the most frequent one is in" if value is None else "another one is in"
        return None, False, f"rows of its {' and '.join(self.by)} disagree, none is sure: {others} {evidence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveAsItIs:
    """What a step that only proposes does."""

    def __call__(self, batch: Batch) -> None: ...
