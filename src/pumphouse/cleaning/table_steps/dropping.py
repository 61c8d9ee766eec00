"""Dropping columns that say nothing. Which ones is a fit: chosen once and stored, until somebody chooses anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pumphouse.cleaning.table_step import FitRow, RowStep
from pumphouse.cleaning.table_steps.queries import profile_query
from pumphouse.cleaning.table_steps.samples import is_flat, sample
from pumphouse.cleaning.table_steps.telling import tells
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.batch import Batch
    from pumphouse.cleaning.staged import Staged

DIFFERENT_MIN = 0.99
"""The share of its cells that differ from all others in a column that looks like an identifier."""
DENSE_MAX = 2
"""Whole numbers that are all different and spread over no more than so many times their count are running numbers."""
IDENTIFIER_ROWS_MIN = 20
"""With fewer rows, any column may be all different."""
PAIRS_MAX = 20_000
"""Comparisons of two columns in one build."""
LEAK_ROWS_MAX = 50_000
"""Rows that leaks are looked for in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(RowStep):
    """The step that `drop` makes."""

    name: ClassVar[str] = "drop"
    on_column: ClassVar[bool] = False
    mostly_null: float | None = None
    constant: bool = False
    duplicate: bool = False
    identifier: bool = False
    leaking: str | None = None
    version: str = field(default="1", init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The label."""
        return (self.leaking,) if self.leaking is not None else ()

    def fit_name(self, column: str) -> str:
        """Its rules."""
        rules = [
            *([f"mostly_null={self.mostly_null}"] if self.mostly_null is not None else []),
            *(word for word in ("constant", "duplicate", "identifier") if getattr(self, word)),
            *([f"leaking={self.leaking}"] if self.leaking is not None else []),
        ]
        return f"drop {', '.join(rules)}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """The columns that say nothing, of those that nobody named. Of no rows it learns nothing."""
        staged.require(*self.reads)
        every = [staged.rows.schema.field(name) for name in staged.rows.columns]
        columns = [one for one in every if one.name not in staged.named]
        profile = _only_row(staged, profile_query([(one.name, one.type) for one in columns]))
        if not profile["row_count"]:
            return []
        found: dict[str, str] = {}
        for chosen in (
            self._empty(columns, profile),
            _repeated(staged, every, {one.name for one in columns}) if self.duplicate else (),
            _identifiers(staged, columns, profile) if self.identifier else (),
            _leaking(staged, columns, self.leaking) if self.leaking is not None else (),
        ):
            for dropped, why in chosen:
                found.setdefault(dropped, why)
        name = self.fit_name(column)
        return [FitRow(step=name, column=dropped, value=why) for dropped, why in found.items()] or [FitRow(step=name)]

    def told(self, fit: Sequence[FitRow]) -> list[str]:
        """Which columns it drops, and why."""
        return [f"dropped the column {row.column}: {row.value}" for row in fit if row.column is not None]

    def operation(self, column: str, fit: Sequence[FitRow]) -> DropColumns:
        """The chosen columns left out."""
        return DropColumns(columns=tuple(row.column for row in fit if row.column is not None))

    def _empty(self, columns: Sequence[pa.Field], profile: dict[str, Any]) -> Iterator[tuple[str, str]]:
        rows = profile["row_count"]
        for place, one in enumerate(columns):
            cells = profile[f"cells_{place}"]
            if self.mostly_null is not None and rows - cells >= self.mostly_null * rows:
                yield one.name, f"null in {rows - cells} of {rows} rows"
            elif self.constant and (cells == 0 or (cells == rows and profile[f"same_{place}"])):
                yield one.name, f"the same in all {rows} rows"


def drop(
    *,
    mostly_null: float | None = None,
    constant: bool = False,
    duplicate: bool = False,
    identifier: bool = False,
    leaking: str | None = None,
) -> Drop:
    """A step that drops columns that say nothing, by one or more rules; why is in `<table>__fit` and each build's note.

    `mostly_null`: null in at least this share of the rows. `constant`: of one value everywhere. `duplicate`: equal to a
    column before it, or to one that is named, in every row. `identifier`: a text without white space of which nearly
    every cell differs from all others (a code, an e-mail address), or running numbers; nothing to learn from.
    `leaking`: alone tells this label of the same table.

    Columns that the cleaning names (its steps, `key`, `required`, `time`) or makes always stay. The first build with
    rows chooses, and later builds drop the same columns until `--refit`.

    `drop(mostly_null=0.95, constant=True)`, `drop(identifier=True, leaking="churned")`
    """
    if mostly_null is None and leaking is None and not (constant or duplicate or identifier):
        raise ValueError("drop needs a rule: drop(mostly_null=0.95), drop(constant=True) or both")
    if mostly_null is not None and not 0 < mostly_null <= 1:
        raise ValueError(f"mostly_null is a share of the rows above 0 and up to 1, not {mostly_null}")
    return Drop(mostly_null=mostly_null, constant=constant, duplicate=duplicate, identifier=identifier, leaking=leaking)


def _repeated(staged: Staged, columns: Sequence[pa.Field], droppable: set[str]) -> Iterator[tuple[str, str]]:
    """Columns that are equal everywhere to one that stays: one that is named, else the first of them.

    Only those of one type, one count and one range are compared row by row.
    """
    comparable = sorted((one for one in columns if is_flat(one.type)), key=lambda one: one.name in droppable)
    parts = [
        f"count({quoted(one.name)}) AS cells_{place}, min({quoted(one.name)}) AS least_{place},"
        f" max({quoted(one.name)}) AS most_{place}"
        for place, one in enumerate(comparable)
    ]
    if not parts:
        return
    profile = _only_row(staged, f"SELECT {', '.join(parts)} FROM staged")
    alike: dict[tuple[str, ...], list[str]] = {}
    for place, one in enumerate(comparable):
        if profile[f"cells_{place}"]:
            # As text: NaN is not equal to itself.
            seen = (profile[f"cells_{place}"], profile[f"least_{place}"], profile[f"most_{place}"])
            alike.setdefault((str(one.type), *map(repr, seen)), []).append(one.name)
    pairs = 0
    for listed in alike.values():
        names = listed
        while len(names) > 1:
            first = names[0]
            others = [name for name in names[1:] if name in droppable]
            if not others:
                break
            pairs += len(others)
            if pairs > PAIRS_MAX:
                raise BuildError(
                    f"looking for duplicate columns would compare more than {PAIRS_MAX:,} pairs of columns",
                    mend="Leave out duplicate=True, or drop constant columns in a step before.",
                )
            tests = ", ".join(
                f"bool_and({quoted(first)} IS NOT DISTINCT FROM {quoted(name)}) AS equal_{place}"
                for place, name in enumerate(others)
            )
            equal = _only_row(staged, f"SELECT {tests} FROM staged")
            same = [name for place, name in enumerate(others) if equal[f"equal_{place}"]]
            for name in same:
                yield name, f"equal to {first} in every row"
            names = [name for name in names[1:] if name not in same]


def _identifiers(staged: Staged, columns: Sequence[pa.Field], profile: dict[str, Any]) -> Iterator[tuple[str, str]]:
    import pyarrow.types as types

    for place, one in enumerate(columns):
        cells, cell = profile[f"cells_{place}"], quoted(one.name)
        if cells < IDENTIFIER_ROWS_MIN or not (types.is_string(one.type) or types.is_integer(one.type)):
            continue
        is_text = types.is_string(one.type)
        # Grouping can leave memory for the disk; count(DISTINCT) of many columns at once could not.
        groups = f"SELECT {cell} AS value FROM staged WHERE {cell} IS NOT NULL GROUP BY {cell}"
        beside = (
            "sum(CASE WHEN regexp_matches(trim(value), '\\s') THEN 1 ELSE 0 END) AS spaced"
            if is_text
            else "min(value) AS least, max(value) AS most"
        )
        seen = _only_row(staged, f"SELECT count(*) AS different, {beside} FROM ({groups}) AS g")
        different = seen["different"]
        if is_text and different >= DIFFERENT_MIN * cells and seen["spaced"] <= (1 - DIFFERENT_MIN) * cells:
            yield one.name, f"looks like an identifier: {different} of {cells} cells differ, without white space"
        elif not is_text and different == cells and seen["most"] - seen["least"] < DENSE_MAX * cells:
            yield (
                one.name,
                f"looks like running numbers: {cells} different ones from {seen['least']} to {seen['most']}",
            )


def _leaking(staged: Staged, columns: Sequence[pa.Field], label: str) -> Iterator[tuple[str, str]]:
    names = [one.name for one in columns if is_flat(one.type) and one.name != label]
    rows = sample(staged, [*names, label], rows_max=LEAK_ROWS_MAX)
    for name in names:
        how = tells(rows[name], rows[label])
        if how is not None:
            yield name, f"leaks {label}: {how}"


def _only_row(staged: Staged, text: str) -> dict[str, Any]:  # Any: counts, flags, values
    row: dict[str, Any] = staged.engine.read(staged.query(text)).read_all().to_pylist()[0]
    return row


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumns:
    """`drop` with what it chose."""

    columns: tuple[str, ...]

    def __call__(self, batch: Batch) -> None:
        """Leave the columns out."""
        for name in self.columns:
            batch.columns.pop(name, None)
