"""Rows that a table's code made become the table: withheld, sliced, keyed and checked in one commit."""

from __future__ import annotations

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query, Scan, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.builds import Counts, row_id
from pumphouse.lake.context import Built, Context


def land(asset: Asset, context: Context, written: Written, *, rows_in: int, slice_where: str | None = None) -> Built:
    """Commit what was written: the whole table, or with `slice_where` the rows that meet it.

    Rows without a `required` column are withheld in quarantine. Raises KeyConflict, SchemaChange, CheckFailed.
    """
    commit = context.begin(asset)
    withheld = 0
    if asset.common.required and (missing := _rows_missing(context, written, asset.common.required)):
        withheld = missing
        kept, refused = _split(asset, context, written)
        commit.quarantine(asset.name, refused) if slice_where else commit.replace_quarantine(asset.name, refused)
        written = kept
    if slice_where is None:
        commit.replace(asset.name, written, key=asset.common.key)
    else:
        commit.replace_where(asset.name, written, where=slice_where, key=asset.common.key)
    counts = Counts(rows_in=rows_in, rows_out=written.rows, withheld=withheld)
    build = commit.publish(counts)
    return Built.of(asset.name, build, counts=counts, note="" if build else "no slice changed")


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
