"""A delivery as a table of a PostgreSQL database, in one transaction with the note that says what it is."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from pumphouse.deliveries.parcel import Parcel, Receipt
from pumphouse.deliveries.rows import Convert, rows_of
from pumphouse.engines.csv import as_text
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError, MissingExtra

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

    from pumphouse.lake.context import Connection

CONNECT_S = 10
LOCK_S = 60
"""How long another delivery may hold its table."""
NAME_BYTES_MAX = 63
"""PostgreSQL cuts longer names without a word."""

_DELIVERIES = """CREATE TABLE IF NOT EXISTS _pumphouse_deliveries (
    table_name TEXT PRIMARY KEY, key TEXT NOT NULL, rows BIGINT NOT NULL, manifest TEXT NOT NULL)"""


def deliver(parcel: Parcel, *, connection: Connection) -> Receipt:
    """The table with these rows and no others; readers see the earlier rows until all of these are there.

    Rows are replaced within the table that is there, so that its indexes, its grants and the views on it stay; a table
    with other columns is made anew. A table that is not from a delivery is refused. Raises BuildError; the table is
    then as it was.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra("psycopg", extra="postgres", purpose="a delivery to PostgreSQL") from error
    _refuse_long_names(parcel)
    sign_in = {name: connection.options[name] for name in ("user", "password") if name in connection.options}
    try:
        with psycopg.connect(
            connection.url, connect_timeout=CONNECT_S, application_name="pumphouse", **sign_in
        ) as db:  # commits where the block ends, rolls back where it raises
            return _delivered(db, parcel)
    except psycopg.Error as error:
        raise BuildError(
            f"'{parcel.table}' could not be delivered to connection '{connection.name}': {str(error).strip()}",
            asset=parcel.delivery,
            mend=f"The table there is as it was; look at [connections.{connection.name}] and run again.",
        ) from error


def _delivered(db: psycopg.Connection[tuple[Any, ...]], parcel: Parcel) -> Receipt:
    db.execute(f"SET LOCAL lock_timeout = '{LOCK_S}s'")
    db.execute("SELECT pg_advisory_xact_lock(hashtext('_pumphouse_deliveries'))")
    db.execute(_DELIVERIES)
    table = quoted(parcel.table)
    exists = db.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone() == (True,)
    noted = db.execute(
        "SELECT key, rows, manifest FROM _pumphouse_deliveries WHERE table_name = %s", [parcel.table]
    ).fetchone()
    if exists and not noted:
        raise BuildError(
            f"'{parcel.table}' is there already, and not from a delivery",
            asset=parcel.delivery,
            mend="Rename or drop that table, or give the connection's user a schema of its own.",
        )
    before = json.loads(noted[2]) if noted else {}
    if exists and noted and noted[0] == parcel.key and _count(db, table) == noted[1]:
        return Receipt(rows=noted[1], manifest=before, was_there=True)
    if exists and before.get("columns") == parcel.columns:
        db.execute(f"DELETE FROM {table}")
    else:
        db.execute(f"DROP TABLE IF EXISTS {table}")
        columns = ", ".join(f"{quoted(field.name)} {_column_type(field.type)}" for field in parcel.schema)
        db.execute(f"CREATE TABLE {table} ({columns})")
    converts = [_convert(field.type) for field in parcel.schema]
    with db.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows_of(parcel.rows(), converts):
            copy.write_row(row)
    rows = _count(db, table)
    manifest = {**parcel.manifest(), "rows": rows}
    db.execute(
        "INSERT INTO _pumphouse_deliveries VALUES (%s, %s, %s, %s) ON CONFLICT (table_name)"
        " DO UPDATE SET key = excluded.key, rows = excluded.rows, manifest = excluded.manifest",
        [parcel.table, parcel.key, rows, json.dumps(manifest, ensure_ascii=False)],
    )
    return Receipt(rows=rows, manifest=manifest, was_there=False)


def _count(db: psycopg.Connection[tuple[Any, ...]], table: str) -> int:
    row = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    return int(row[0])


def _column_type(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return f"NUMERIC({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
    if pa.types.is_date(kind):
        return "DATE"
    if pa.types.is_time(kind):
        return "TIME"
    if pa.types.is_nested(kind):
        return "JSONB"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "BYTEA"
    return {
        pa.bool_(): "BOOLEAN",
        pa.int8(): "SMALLINT",
        pa.uint8(): "SMALLINT",
        pa.int16(): "SMALLINT",
        pa.uint16(): "INTEGER",
        pa.int32(): "INTEGER",
        pa.uint32(): "BIGINT",
        pa.int64(): "BIGINT",
        pa.uint64(): "NUMERIC(20)",
        pa.float32(): "REAL",
        pa.float64(): "DOUBLE PRECISION",
    }.get(kind, "TEXT")


def _convert(kind: pa.DataType) -> Convert | None:
    """What makes of a column's values ones that the driver writes: nested values as JSON, intervals as text."""
    import pyarrow as pa

    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _time
    others = pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind)
    return as_text if others else None


def _time(value: date | str) -> date | str:
    """A text is infinity or a year far off, which PostgreSQL has too; it writes "BC" at the end."""
    return f"{value.replace(' (BC)', '')} BC" if isinstance(value, str) and "(BC)" in value else value


def _refuse_long_names(parcel: Parcel) -> None:
    for name in (parcel.table, *parcel.schema.names):
        if len(name.encode()) > NAME_BYTES_MAX:
            raise BuildError(
                f"PostgreSQL takes no name longer than {NAME_BYTES_MAX} bytes: '{name}'",
                asset=parcel.delivery,
                mend="Give it a shorter name in the table that is delivered.",
            )
