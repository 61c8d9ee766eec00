"""Steps for a table, with the evidence for each, as code that can be pasted. Where it isn't sure it says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.suggestions.kinds import Proposal, proposals
from pumphouse.cleaning.suggestions.samples import SAMPLE_ROWS, Sampled, sample_columns
from pumphouse.engines.engine import Engine, Query, Scan
from pumphouse.engines.parameters import quoted

MOSTLY_NULL = 0.95
"""Share of gaps from which a column is proposed to be dropped."""
ROWS_MIN = 20
"""Of fewer rows nothing is said: a column that is the same in all of them may be so by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """What is proposed for a table, in the order of its columns."""

    table: str
    snapshot: int
    rows: int
    looked_at: int
    """Rows whose values were tried."""
    key: str | None
    """A column that is never null and always another value, by its name and its place the key."""
    proposals: tuple[Proposal, ...]

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
        # A column's name is a stranger's: it must stay a name in code that is pasted.
        written = f'"{self.key}"' if self.key and self.key.isidentifier() else repr(self.key)
        key = [f"    key={written},"] if self.key else []
        bare = self.table.removeprefix("raw_")
        target = bare if bare != self.table and bare.isidentifier() else f"clean_{self.table}"
        imported = f"from pumphouse.cleaning import {', '.join(names)}"
        return "\n".join([imported, "", f"{target} = clean(", f'    "{self.table}",', *lines, *key, ")"])

    def to_text(self) -> str:
        """The same in lines for a person: each proposal with its evidence, and the code."""
        looked = f"values of {self.looked_at:,} were tried" if self.looked_at < self.rows else "all values were tried"
        head = f"{self.table}: {self.rows:,} rows at snapshot {self.snapshot}, {looked}"
        if not self.proposals:
            return f"{head}\nNothing to propose: no step is sure to suit it."
        width = max(len(one.column) for one in self.proposals)
        said = [f"{one.column.ljust(width)}  {one.why}" for one in self.proposals]
        return "\n".join([head, "", *said, "", self.code])


def suggest(table: str, scan: Scan, engine: Engine, *, resources: Resources) -> Suggestions:
    """Steps that would suit a table at the scan's snapshot. It is read, and nothing is changed."""
    columns = sample_columns(engine, scan)
    rows = columns[0].rows if columns else 0
    found: list[Proposal] = []
    if rows >= ROWS_MIN:
        found = [*proposals(columns, scan, engine, resources=resources), *_dropped(columns)]
    looked_at = min(rows, max((column.sampled for column in columns), default=0)) if rows > SAMPLE_ROWS else rows
    return Suggestions(
        table=table,
        snapshot=scan.snapshot,
        rows=rows,
        looked_at=looked_at,
        key=_key(columns, scan, engine),
        proposals=tuple(found),
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
