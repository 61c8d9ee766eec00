"""Rows that a table's code made become the table: withheld, sliced, keyed and checked in one commit."""

from __future__ import annotations

import json
import uuid

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query, Scan, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.builds import QUARANTINE_SCHEMA, Counts, quarantine_of, row_id
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built, Context
from pumphouse.lake.times import form_of
from pumphouse.tables.slices import Part

_SQL_TYPES = {"date": "DATE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ"}


def land(asset: Asset, context: Context, written: Written, *, rows_in: int, part: Part | None = None) -> Built:
    """Commit what was written: the whole table, or the part of it that was made again.

    Rows without a `required` column are withheld in quarantine, in place of those withheld before from the same table
    or part. Raises KeyConflict, SchemaChange, CheckFailed.
    """
    commit = context.begin(asset)
    refused = None
    if asset.common.required and _rows_missing(context, written, asset.common.required):
        written, refused = _split(asset, context, written)
    _quarantine(asset, context, commit, refused, part=part)
    if part is None:
        commit.replace(asset.name, written, key=asset.common.key)
    else:
        commit.replace_where(asset.name, written, where=part.where(), key=asset.common.key)
    counts = Counts(rows_in=rows_in, rows_out=written.rows, withheld=refused.rows if refused else 0)
    build = commit.publish(counts)
    return Built.of(asset.name, build, counts=counts, note="" if build else "no slice changed")


def _quarantine(asset: Asset, context: Context, commit: Commit, refused: Written | None, *, part: Part | None) -> None:
    """Make the quarantine say what is withheld now; what was withheld before and is no more goes from it."""
    table = quarantine_of(asset.name)
    is_there = context.lake.has(table)
    if refused is None and not is_there:
        return
    if refused is None:
        refused = context.lake.stage([], QUARANTINE_SCHEMA, stem=f"{table}_{uuid.uuid4().hex}")
    if part is None:
        commit.replace_quarantine(asset.name, refused)
    elif is_there:
        column = part.slice.column
        kind = context.lake.stored_schema(asset.name).field(column).type
        path = literal("$." + json.dumps(column))
        value = f"CAST(json_extract_string(original, {path}) AS {_SQL_TYPES[form_of(kind) or 'timestamp']})"
        commit.replace_where(table, refused, where=f"\"column\" = '*' AND {part.where(value)}")
    else:
        commit.quarantine(asset.name, refused)


def staged(written: Written, name: str) -> Scan:
    """Files that are not committed yet, as an input of a query."""
    files = ", ".join(literal(str(file)) for file in written.files)
    return Scan(table=name, snapshot=0, schema=written.schema, relation=f"SELECT * FROM read_parquet([{files}])")


def _rows_missing(context: Context, written: Written, required: tuple[str, ...]) -> int:
    missing = " OR ".join(f"{quoted(column)} IS NULL" for column in required)
    query = Query(
        text=f"SELECT count(*) AS n FROM landing WHERE {missing}", inputs={"landing": staged(written, "landing")}
    )
    return int(context.lake.engine.fork().read(query).read_all()["n"][0].as_py())


def _split(asset: Asset, context: Context, written: Written) -> tuple[Written, Written]:
    missing = " OR ".join(f"{quoted(column)} IS NULL" for column in asset.common.required)
    inputs = {"landing": staged(written, "landing")}
    stem = written.files[0].parent.name
    engine = context.lake.engine.fork()
    kept = engine.write(
        Query(text=f"SELECT * FROM landing WHERE NOT ({missing})", inputs=inputs),
        folder=context.lake.staging(),
        stem=f"{stem}_kept",
    )
    reason = f"a required column is null: {', '.join(asset.common.required)}"
    refused = engine.write(
        Query(
            text=(
                f"SELECT CAST({row_id(asset.common.key)} AS VARCHAR) AS row_id, '*' AS \"column\","
                " CAST(to_json(landing) AS VARCHAR) AS original,"
                f" 'required' AS step, '1' AS step_version, {literal(reason)} AS reason, {literal(context.run)} AS run"
                f" FROM landing WHERE {missing}"
            ),
            inputs=inputs,
        ),
        folder=context.lake.staging(),
        stem=f"{stem}_withheld",
    )
    return kept, refused
