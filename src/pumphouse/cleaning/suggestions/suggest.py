"""Steps for a table, with the evidence for each, as code that can be pasted. Where it isn't sure it says nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.suggestions.kinds import proposals
from pumphouse.cleaning.suggestions.looking import Looking
from pumphouse.cleaning.suggestions.proposal import Note, Proposal, written
from pumphouse.cleaning.suggestions.samples import Sampled, read_sample
from pumphouse.cleaning.wording import percent
from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.engines.parameters import quoted

MOSTLY_NULL = 0.95
"""Share of gaps from which a column is proposed to be dropped."""
LETTERS_MAX = 100
"""Of a line of imports, before each name gets a line of its own."""
COLUMNS_MIN = 3
"""Rows that are equal in fewer may be so by chance."""
TELLING_MIN = 0.5
"""Share of the rows that a column has different values: with fewer, two rows may be equal in it by chance."""
ROWS_MIN = 20
"""Of fewer rows nothing is said: a column that is the same in all of them may be so by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """What is proposed for a table, in the order of its columns."""

    table: str
    snapshot: int
    rows: int
    looked_at: int
    """Rows of the sample."""
    key: str | None
    """A column that is never null and always another value, by its name and its place the key."""
    proposals: tuple[Proposal, ...]
    notes: tuple[Note, ...] = ()
    """What a person has to decide."""

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        return {**asdict(self), "code": self.code}

    @property
    def code(self) -> str:
        """A declaration with all that is proposed; empty where nothing is."""
        if not self.proposals:
            return ""
        names = sorted({"clean", *(name for one in self.proposals for name in one.names)})
        lines = [f"    {one.code}," for one in self.proposals]
        key = [f"    key={written(self.key)},"] if self.key else []
        bare = self.table.removeprefix("raw_")
        target = bare if bare != self.table and bare.isidentifier() else f"clean_{self.table}"
        imported = f"from pumphouse.cleaning import {', '.join(names)}"
        if len(imported) > LETTERS_MAX:
            imported = "\n".join(["from pumphouse.cleaning import (", *(f"    {name}," for name in names), ")"])
        return "\n".join([imported, "", f"{target} = clean(", f'    "{self.table}",', *lines, *key, ")"])

    def to_text(self) -> str:
        """The same in lines for a person: each proposal with its evidence, and the code."""
        looked = f"{self.looked_at:,} of them" if self.looked_at < self.rows else "all of them"
        head = f"{self.table}: {self.rows:,} rows at snapshot {self.snapshot}, {looked} looked at"
        proposed = [(" ".join(one.column.split()), one.why) for one in self.proposals]
        noted = [(" ".join(one.column.split()), f"{one.note}; to go on: {one.next}") for one in self.notes]
        width = max((len(column) for column, _ in (*proposed, *noted)), default=0)
        lines = [[f"{column.ljust(width)}  {words}" for column, words in part] for part in (proposed, noted)]
        said = lines[0] or ["Nothing to propose: no step is sure to suit it."]
        if noted:
            said += ["", "For you to decide:", *lines[1]]
        return "\n".join([head, "", *said, *(["", self.code] if self.code else [])])


def suggest(table: str, scan: Scan, engine: Engine, *, resources: Resources) -> Suggestions:
    """Steps that would suit a table at the scan's snapshot. It is read, and nothing is changed."""
    sample = read_sample(engine, scan)
    columns = sample.columns
    rows = columns[0].rows if columns else 0
    key = _key(columns, scan, engine)
    found: list[Proposal | Note] = []
    if rows >= ROWS_MIN:
        at = Looking(table=table, scan=scan, engine=engine, resources=resources, sample=sample)
        found = [*proposals(at), *_dropped(columns), *_equal(columns, key, scan, engine)]
    return Suggestions(
        table=table,
        snapshot=scan.snapshot,
        rows=rows,
        looked_at=sample.rows.num_rows,
        key=key,
        proposals=tuple(one for one in found if isinstance(one, Proposal)),
        notes=tuple(one for one in found if isinstance(one, Note)),
    )


def _equal(columns: Sequence[Sampled], key: str | None, scan: Scan, engine: Engine) -> Iterator[Proposal]:
    """`dedupe`, where rows are equal in all columns but the key, and one of them hardly ever is by chance."""
    others = [column for column in columns if column.name != key]
    on = [column for column in others if column.cells == column.rows and column.different > 1]
    if key is None or not COLUMNS_MIN <= len(on) == sum(column.different > 1 for column in others):
        return  # a row with a gap is equal to none
    if not any(column.different >= TELLING_MIN * column.rows for column in on):
        return
    listed = ", ".join(quoted(column.name) for column in on)
    text = f"SELECT count(*) - count(DISTINCT hash({listed})) AS again FROM scanned"
    again = engine.read(Query(text=text, inputs={"scanned": scan})).read_all()["again"][0].as_py()
    if again:
        names = ", ".join(written(column.name) for column in on)
        share = percent(again / columns[0].rows)
        yield Proposal(
            column="",
            code=f'dedupe(on=[{names}], keep="first", by={written(key)})',
            names=("dedupe",),
            why=f"{again:,} rows ({share}) are equal to another one in all columns but {key}",
        )


def _dropped(columns: Iterable[Sampled]) -> Iterable[Proposal]:
    """`drop`, where columns say nothing."""
    empty = [column.name for column in columns if column.rows - column.cells >= MOSTLY_NULL * column.rows]
    same = [column.name for column in columns if column.cells == column.rows and column.different == 1]
    rules = [f"mostly_null={MOSTLY_NULL}"] * bool(empty) + ["constant=True"] * bool(same)
    if rules:
        facts = [f"{', '.join(empty)} null in at least {MOSTLY_NULL:.0%} of the rows"] * bool(empty)
        facts += [f"{', '.join(same)} the same in all rows"] * bool(same)
        yield Proposal(column="", code=f"drop({', '.join(rules)})", names=("drop",), why="; ".join(facts))


def _key(columns: Iterable[Sampled], scan: Scan, engine: Engine) -> str | None:
    """The first column that is never null, never the same twice, and called so."""
    for column in columns:
        is_called_so = column.name.lower() in ("id", "key", "uuid") or column.name.lower().endswith("_id")
        if (
            is_called_so and column.rows and column.cells == column.rows and column.different > 0.5 * column.rows
        ):  # `different` is about right
            text = f"SELECT count(DISTINCT {quoted(column.name)}) AS different FROM scanned"
            found = engine.read(Query(text=text, inputs={"scanned": scan})).read_all()
            if found["different"][0].as_py() == column.rows:
                return column.name
    return None
