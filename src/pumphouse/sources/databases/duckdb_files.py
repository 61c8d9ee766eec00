"""A file of DuckDB, attached read-only to a DuckDB of its own in memory: Arrow as the engine makes it."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.columns import MOMENT, NAIVE
from pumphouse.sources.databases.query import Selection, Table
from pumphouse.sources.databases.sqlite import path_of
from pumphouse.sources.databases.stored import Fetched, of_arrow
from pumphouse.sources.rows import refuse_names
from pumphouse.sources.spool import BATCH_ROWS

READ_AS = {
    "BOOLEAN": pa.bool_(),
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), pa.int64()),
    **dict.fromkeys(("FLOAT", "DOUBLE"), pa.float64()),
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP": NAIVE,
    "TIMESTAMP WITH TIME ZONE": MOMENT,
}
NUMBERS = frozenset({"UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM"})


@contextmanager
def opened(connection: Connection, selection: Selection, *, folder: Path) -> Iterator[Table]:
    """The selected rows. Raises SourceError where the file, the table or a column is not there, or it is locked."""
    path = path_of(connection, folder, asset=selection.asset)
    try:
        with closing(DuckDB()) as engine:
            engine.execute(f"ATTACH {literal(str(path))} AS source (READ_ONLY)")
            engine.execute("USE source")
            engine.execute("SET enable_external_access = false")  # a query reads this file and no other
            engine.execute("BEGIN")
            yield _table(engine, selection)
    except duckdb.Error as error:
        raise SourceError(
            f"connection '{connection.name}': {path.name} can't be read: {str(error).splitlines()[0]}",
            asset=selection.asset,
            mend="Is it a whole DuckDB file of this version, does no other program hold it, and are the names right?",
        ) from None


def _table(engine: DuckDB, selection: Selection) -> Table:
    described = engine.execute(f"DESCRIBE SELECT * FROM {selection.relation()}")
    kinds = {row[0]: row[1] for row in described}
    refuse_names([row[0] for row in described], asset=selection.asset)
    forms = {name: _form(kind) for name, kind in kinds.items()}
    columns = {
        name: quoted(name)
        if kind in READ_AS or kind.startswith("DECIMAL")
        else f"{quoted(name)}::VARCHAR AS {quoted(name)}"
        for name, kind in kinds.items()
    }
    read = partial(_read, engine, numbers=frozenset(name for name, kind in kinds.items() if kind in NUMBERS))
    since = "" if selection.starts_over else literal(selection.since)
    keys = None
    if selection.lists_keys and set(selection.key) <= columns.keys():
        keys = partial(read, selection.of_keys.sql(", ".join(columns[name] for name in selection.key), mark=""))
    return Table(
        forms=forms, ranges=(partial(read, selection.sql(", ".join(columns.values()), mark=since)),), keys=keys
    )


def _form(kind: str) -> pa.DataType | None:
    if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        return pa.decimal128(int(found[1]), int(found[2]))
    return None if kind in NUMBERS else READ_AS.get(kind, pa.string())


def _read(engine: DuckDB, sql: str, *, numbers: frozenset[str]) -> Generator[Fetched]:
    for batch in engine.connection.execute(sql).to_arrow_reader(BATCH_ROWS):
        if batch.num_rows:
            yield of_arrow(batch, numbers=numbers)
