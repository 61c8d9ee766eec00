"""A delivery as a table of an SQLite file, in one transaction with the note that says what it is."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.deliveries.parcel import Parcel, Receipt
from pumphouse.deliveries.rows import Convert, rows_of
from pumphouse.engines.csv import as_text
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

BUSY_S = 60.0
"""How long another program may hold the file."""
INTEGER_MAX = 2**63 - 1

_DELIVERIES = """CREATE TABLE IF NOT EXISTS _pumphouse_deliveries (
    table_name TEXT PRIMARY KEY, key TEXT NOT NULL, rows INTEGER NOT NULL, manifest TEXT NOT NULL)"""


def deliver(parcel: Parcel, *, path: Path) -> Receipt:
    """The table with these rows and no others; readers see the earlier rows until all of these are there.

    Rows are replaced within the table that is there, so that its indexes and the views on it stay; a table with other
    columns is made anew. A table that is not from a delivery is refused. Raises BuildError; the table is then as it
    was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                receipt = _delivered(db, parcel)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
    except (sqlite3.Error, OSError) as error:
        raise BuildError(
            f"'{parcel.table}' could not be delivered to {path}: {error}",
            asset=parcel.delivery,
            mend="The table there is as it was; mend it and run again.",
        ) from error
    return receipt


def _delivered(db: sqlite3.Connection, parcel: Parcel) -> Receipt:
    db.execute(_DELIVERIES)
    table = quoted(parcel.table)
    exists = db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [parcel.table]).fetchone()
    noted = db.execute(
        "SELECT key, rows, manifest FROM _pumphouse_deliveries WHERE table_name = ?", [parcel.table]
    ).fetchone()
    if exists and not noted:
        raise BuildError(
            f"'{parcel.table}' is there already, and not from a delivery",
            asset=parcel.delivery,
            mend="Rename or drop that table, or deliver to another file.",
        )
    before = json.loads(noted[2]) if noted else {}
    if exists and noted[0] == parcel.key and _count(db, table) == noted[1]:
        return Receipt(rows=noted[1], manifest=before, was_there=True)
    if exists and before.get("columns") == parcel.columns:
        db.execute(f"DELETE FROM {table}")
    else:
        db.execute(f"DROP TABLE IF EXISTS {table}")
        columns = ", ".join(f"{quoted(field.name)} {_column_type(field.type)}" for field in parcel.schema)
        db.execute(f"CREATE TABLE {table} ({columns})")
    marks = ", ".join("?" for _ in parcel.schema)
    converts = [_convert(field, parcel) for field in parcel.schema]
    db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows_of(parcel.rows(), converts))
    rows = _count(db, table)
    manifest = {**parcel.manifest(), "rows": rows}
    db.execute(
        "INSERT OR REPLACE INTO _pumphouse_deliveries VALUES (?, ?, ?, ?)",
        [parcel.table, parcel.key, rows, json.dumps(manifest, ensure_ascii=False)],
    )
    return Receipt(rows=rows, manifest=manifest, was_there=False)


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _column_type(kind: pa.DataType) -> str:
    """The declared type, which decides what SQLite makes of a value: DATE and TIMESTAMP hold ISO 8601 texts."""
    import pyarrow as pa

    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return "INTEGER"
    if pa.types.is_floating(kind):
        return "REAL"
    if pa.types.is_decimal(kind):
        return "NUMERIC"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "BLOB"
    if pa.types.is_date(kind):
        return "DATE"
    return "TIMESTAMP" if pa.types.is_timestamp(kind) else "TEXT"


def _convert(field: pa.Field, parcel: Parcel) -> Convert | None:
    """What makes of a column's values ones that SQLite holds exactly; it raises where one can't be held so."""
    import pyarrow as pa

    def exact(value: int | float | Decimal) -> int | float:
        held = (
            int(value)
            if math.isfinite(value) and value == int(value) and not isinstance(value, float)
            else float(value)
        )
        inexact = isinstance(value, Decimal) and Decimal(str(held)) != value
        if math.isnan(held) or inexact or (isinstance(held, int) and abs(held) > INTEGER_MAX):
            raise BuildError(
                f"SQLite can't hold {value} of '{parcel.table}.{field.name}' exactly",
                asset=parcel.delivery,
                mend=f"Cast {field.name} to VARCHAR or DOUBLE in the table that is delivered.",
            )
        return held

    kind = field.type
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_uint64(kind):
        return exact
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _iso
    is_known = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or _column_type(kind) == "BLOB"
    return None if is_known or pa.types.is_string(kind) else as_text


def _iso(value: date | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat(sep=" ")
    return value.isoformat()
