"""Rows that are one: which stays, what it takes over from the others, and a crosswalk from each that went to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pumphouse.cleaning.table_step import CROSSWALK, KNOWN_AT, LOADED_AT, Applied
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged
    from pumphouse.engines.engine import Scan

Keep = Literal["newest", "first", "most complete"]
_ROWS = "rows"
_TOLD = ("_row_id", "_survivor_id", "_probability", "_gave")
"""What the query tells of each row besides its columns; without the `_` they are the crosswalk's, but for its rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Which rows are one: SQL over `staged` and `inputs` that gives its columns and `_probability`."""

    text: str
    by: tuple[str, ...]
    """Columns that are equal in rows that are one. A row with null in one of them is alone."""
    rule: str
    inputs: Mapping[str, Scan] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """Which row of a group stays, and the columns in which it takes over what it lacks."""

    keep: Keep
    by: str | None
    gaps: tuple[str, ...] = ()


def merge(staged: Staged, groups: Groups, survivor: Survivor) -> Applied:
    """One row of each group, in one pass; where a key names rows, the others are in a crosswalk."""
    query = staged.query(merge_query(staged, groups, survivor), **groups.inputs)
    split = Split(kept=staged.kept, rule=groups.rule)
    outputs = {name: batch.schema for name, batch in split(_empty(staged.engine.schema(query))).items()}
    written = staged.engine.map(query, split, outputs=outputs, folder=staged.folder, stem=staged.stem)
    gone = written[CROSSWALK]
    return Applied(rows=written[_ROWS], merged=gone.rows, tables={CROSSWALK: gone} if staged.key else {})


def merge_query(staged: Staged, groups: Groups, survivor: Survivor) -> str:
    """SQL: every row with the columns `kept`, `_place`, which is 1 of those that stay, and what is told of it."""
    by = ", ".join(map(quoted, groups.by))
    unknown = " OR ".join(f"{quoted(name)} IS NULL" for name in groups.by)
    source = f"SELECT *, {staged.row_id} AS _row_id FROM ({groups.text}) AS g"
    order = _order(staged, survivor)
    rows = (
        f"SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY {order}) AS _place,"
        f" first_value(_row_id) OVER (PARTITION BY {by} ORDER BY {order}) AS _survivor_id"
        f" FROM ({source}) AS s WHERE NOT ({unknown})"
    )
    values = {name: quoted(name) for name in staged.kept}
    told = dict(zip(_TOLD, [*_TOLD[:3], "CAST(NULL AS VARCHAR)"], strict=True))
    if survivor.gaps:
        giving = {name: f"_from_{place}" for place, name in enumerate(survivor.gaps)}
        rows = _givers(rows, giving, by=by)
        values |= _taken_over(staged, giving, by=by)
        told["_gave"] = "_gave"
    listed = ", ".join(f"{value} AS {quoted(name)}" for name, value in (values | told).items())
    alone = ", ".join([*map(quoted, staged.kept), *(f"NULL AS {name}" for name in _TOLD)])
    return (
        f"SELECT {listed}, _place FROM ({rows}) AS r"
        f" UNION ALL SELECT {alone}, 1 AS _place FROM ({source}) AS s WHERE {unknown}"
    )


def _order(staged: Staged, survivor: Survivor) -> str:
    columns = staged.rows.schema.names
    # Every column decides in the end, so that the same rows give the same one.
    deciding = dict.fromkeys([*([survivor.by] if survivor.by else []), *staged.key, *columns])
    direction = "ASC" if survivor.keep == "first" else "DESC"
    order = ", ".join(f"{quoted(name)} {direction} NULLS LAST" for name in deciding)
    if survivor.keep != "most complete":
        return order
    cells = (f"CASE WHEN {quoted(name)} IS NULL THEN 0 ELSE 1 END" for name in staged.rows.columns)
    return f"{' + '.join(cells)} DESC, {order}"


def _givers(rows: str, giving: Mapping[str, str], *, by: str) -> str:
    """The rows with the place of the one that gives each column: the survivor itself, or the first that has it."""
    found = ", ".join(
        f"coalesce(min(CASE WHEN {quoted(name)} IS NOT NULL THEN _place END) OVER (PARTITION BY {by}), 1) AS {giver}"
        for name, giver in giving.items()
    )
    given = ", ".join(f"CASE WHEN {giver} = _place THEN {literal(name)} END" for name, giver in giving.items())
    gave = f"CASE WHEN _place > 1 THEN nullif(concat_ws(', ', {given}), '') END AS _gave"
    return f"SELECT *, {gave} FROM (SELECT *, {found} FROM ({rows}) AS p) AS f"


def _taken_over(staged: Staged, giving: Mapping[str, str], *, by: str) -> dict[str, str]:
    """SQL of the columns whose value another row of the group may give."""
    values = {}
    for name in staged.kept:
        # What belongs to a column, as its extension to a phone, comes from the row that gives the column.
        giver = giving.get(name.rpartition("__")[0]) or giving.get(name)
        if giver is not None and name not in staged.key:
            values[name] = f"max(CASE WHEN _place = {giver} THEN {quoted(name)} END) OVER (PARTITION BY {by})"
    if KNOWN_AT in staged.kept:  # a row is known when the last of what it is made from was
        parts = f"CASE WHEN _place = 1 OR _gave IS NOT NULL THEN {quoted(KNOWN_AT)} END"
        values[KNOWN_AT] = f"max({parts}) OVER (PARTITION BY {by})"
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Parts the rows that stay from those that went to another. It pickles: Spark's tasks run it."""

    kept: tuple[str, ...]
    rule: str

    def __call__(self, batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        """Rows with the columns `kept`, and rows of the crosswalk."""
        import pyarrow as pa
        import pyarrow.compute as pc

        stays = pc.equal(batch.column("_place"), 1)
        gone = batch.filter(pc.invert(stays))
        told = {name.removeprefix("_"): gone.column(name) for name in _TOLD}
        rule = pa.repeat(pa.scalar(self.rule), gone.num_rows)
        crosswalk = {"row_id": told["row_id"], "survivor_id": told["survivor_id"], "rule": rule}
        crosswalk |= {"probability": told["probability"], "gave": told["gave"]}
        return {
            _ROWS: batch.filter(stays).select(list(self.kept)),
            CROSSWALK: pa.RecordBatch.from_pydict(crosswalk),
        }


def survivor_of(staged: Staged, *, keep: Keep, by: str | None, gaps: Literal["fill"] | Sequence[str]) -> Survivor:
    """Which row stays. Raises BuildError where nothing says which is newer."""
    by = by or staged.newest_by
    if by == LOADED_AT and LOADED_AT not in staged.rows.schema.names:
        if keep != "most complete":
            raise BuildError(
                f"dedupe can't tell which row is the {keep}: the input does not say when rows were loaded",
                mend=f"Name a column to go by: dedupe(..., by='updated_at'){staged.refusal}.",
            )
        by = None
    staged.require(*([by] if by else []), *staged.key)
    return Survivor(keep=keep, by=by, gaps=_gaps(gaps, staged))


def _gaps(gaps: Literal["fill"] | Sequence[str], staged: Staged) -> tuple[str, ...]:
    """The columns that a survivor may take over: those that are named, or all that stand for themselves."""
    own = [name for name in staged.kept if name in staged.rows.columns and name not in staged.key]
    if gaps == "fill":
        return tuple(name for name in own if name.rpartition("__")[0] not in own)
    staged.require(*gaps)
    return tuple(gaps)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
