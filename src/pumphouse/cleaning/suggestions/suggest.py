"""Steps for a table, with the evidence for each, as code that can be pasted. Where it isn't sure it says nothing."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, count
from keyword import iskeyword
from typing import Any

from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.suggestions.kinds import proposals
from pumphouse.cleaning.suggestions.looking import Looking
from pumphouse.cleaning.suggestions.proposal import WIDTH_MAX, Note, Proposal, in_lines, written
from pumphouse.cleaning.suggestions.samples import Sampled, read_sample
from pumphouse.cleaning.wording import percent
from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.engines.parameters import quoted

MOSTLY_NULL = 0.95
"""Share of gaps from which a column is proposed to be dropped."""
NAME_MAX = 30
"""Letters of a column's name that has its evidence on the same line."""
TABLE = "(table)"
"""Stands where a column would, for what is about the whole table."""
COLUMNS_MIN = 3
"""Rows that are equal in fewer may be so by chance."""
TELLING_MIN = 0.5
"""Share of the rows that a column has different values: with fewer, two rows may be equal in it by chance."""
ROWS_MIN = 20
"""Of fewer rows nothing is said: a column that is the same in all of them may be so by chance."""
NOT_KEYS_MAX = 0.1
"""Share of the rows that may lack a value of their own in a column that is still taken for a key with faults."""


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
    taken: frozenset[str] = frozenset()
    """Names that the table that is declared must not have, in lower case."""

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        return {name: value for name, value in asdict(self).items() if name != "taken"} | {"code": self.code}

    @property
    def code(self) -> str:
        """A declaration with all that is proposed; empty where nothing is."""
        if not self.proposals:
            return ""
        names = sorted({"clean", *(name for one in self.proposals for name in one.names)})
        lines = [line for one in self.proposals for line in in_lines(f"{one.code},", indent="    ")]
        key = [f"    key={written(self.key)},"] if self.key else []
        target = self._target({*self.taken, *names})
        imported = f"from pumphouse.cleaning import {', '.join(names)}"
        if len(imported) > WIDTH_MAX:
            imported = "\n".join(["from pumphouse.cleaning import (", *(f"    {name}," for name in names), ")"])
        return "\n".join([imported, "", f"{target} = clean(", f'    "{self.table}",', *lines, *key, ")"])

    def _target(self, taken: Collection[str]) -> str:
        """A name that is free for the table that is declared: customers for raw_customers, else clean_customers."""
        bare = self.table.removeprefix("raw_")
        first = [bare] if bare != self.table and bare.isidentifier() and not iskeyword(bare) else []
        numbered = (f"clean_{bare}_{number}" for number in count(2))
        return next(name for name in chain(first, [f"clean_{bare}"], numbered) if name.lower() not in taken)

    def to_text(self) -> str:
        """The same in lines for a person: each proposal with its evidence, and the code."""
        looked = f"{self.looked_at:,} of them" if self.looked_at < self.rows else "all of them"
        head = f"{self.table}: {self.rows:,} rows at snapshot {self.snapshot}, {looked} looked at"
        columns = [*(one.column for one in self.proposals), *(one.column for one in self.notes)]
        named = [" ".join(column.split()) or TABLE for column in columns]
        width = max((len(name) for name in named if len(name) <= NAME_MAX), default=0)
        said = [line for one in self.proposals for line in _lines(one.column, one.why, width)]
        said = said or ["Nothing to propose: no step is sure to suit it."]
        if self.notes:
            said += ["", "For you to decide:"]
        for note in self.notes:
            # What can be pasted stays on one line.
            said += [*_lines(note.column, note.note, width), f"{' ' * width}  to go on: {note.next}"]
        return "\n".join([*textwrap.wrap(head, WIDTH_MAX), "", *said, *(["", self.code] if self.code else [])])


def _lines(column: str, words: str, width: int) -> list[str]:
    """A column's name and what is said of it, in lines of WIDTH_MAX with the names in a column of their own."""
    name = " ".join(column.split()) or TABLE
    indent = " " * (width + 2)
    lines = textwrap.wrap(words, WIDTH_MAX - len(indent), break_on_hyphens=False)
    if len(name) > width:
        return [name, *(f"{indent}{line}" for line in lines)]
    return [f"{name.ljust(width)}  {lines[0]}", *(f"{indent}{line}" for line in lines[1:])]


def suggest(table: str, scan: Scan, engine: Engine, *, resources: Resources, taken: Iterable[str] = ()) -> Suggestions:
    """Steps that would suit a table at the scan's snapshot. It is read, and nothing is changed. Names that are `taken`
    are not proposed for the table that is declared."""
    sample = read_sample(engine, scan)
    columns = sample.columns
    rows = columns[0].rows if columns else 0
    key, no_key = _key(table, columns, scan, engine)
    found: list[Proposal | Note] = []
    if rows >= ROWS_MIN:
        at = Looking(table=table, scan=scan, engine=engine, resources=resources, sample=sample)
        found = [*filter(None, [no_key]), *proposals(at), *_dropped(columns), *_equal(columns, key, scan, engine)]
    return Suggestions(
        table=table,
        snapshot=scan.snapshot,
        rows=rows,
        looked_at=sample.rows.num_rows,
        key=key,
        proposals=tuple(one for one in found if isinstance(one, Proposal)),
        notes=tuple(one for one in found if isinstance(one, Note)),
        taken=frozenset(name.lower() for name in taken),
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


def _key(table: str, columns: Iterable[Sampled], scan: Scan, engine: Engine) -> tuple[str | None, Note | None]:
    """The first column that is never null, never the same twice, and called so; if there is none, why the one that is
    nearly so is not the key."""
    nearly: list[tuple[int, Note]] = []
    for column in columns:
        is_called_so = column.name.lower() in ("id", "key", "uuid") or column.name.lower().endswith("_id")
        if not is_called_so or not column.rows or column.different <= TELLING_MIN * column.rows:
            continue  # `different` is about right
        text = f"SELECT count(DISTINCT {quoted(column.name)}) AS different FROM scanned"
        found = engine.read(Query(text=text, inputs={"scanned": scan})).read_all()
        different = found["different"][0].as_py()
        if different == column.rows:
            return column.name, None
        lacking = column.rows - different
        if lacking <= NOT_KEYS_MAX * column.rows:
            nearly.append((lacking, _no_key(column, different, table)))
    _, note = min(nearly, key=lambda pair: pair[0], default=(0, None))
    return None, note


def _no_key(column: Sampled, different: int, table: str) -> Note:
    """What keeps a column from being the key, and the query that shows it."""
    none, again = column.rows - column.cells, column.cells - different
    facts = [f"{none:,} of {column.rows:,} rows {'has' if none == 1 else 'have'} none"] * bool(none)
    repeat = "repeats" if again == 1 else "repeat"
    facts += [f"{again:,} of {column.rows:,} rows {repeat} that of another"] * bool(again)
    name = quoted(column.name)
    query = f"FROM {quoted(table)} WHERE {name} IS NULL"
    if again:
        query = f"SELECT {name}, count(*) FROM {quoted(table)} GROUP BY 1 HAVING count(*) > 1"
    return Note(
        column=column.name,
        note=f"{column.name} would be the key, but {' and '.join(facts)}",
        next=f"pumphouse query {shlex.quote(query)}",
    )
