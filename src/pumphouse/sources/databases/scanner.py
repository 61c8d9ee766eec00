"""Ranges of a large table of PostgreSQL by DuckDB's scanner, which writes them as Parquet: no value passes Python.

It takes half of what ADBC takes of the processor, and is asked only for what it reads exactly: of a number that is NaN
it makes 0, so numbers come as the server's text, to be read by DuckDB where all of a range are numbers; and it cuts the
spaces off a `char(n)`. It reads 2,048 rows at a time however wide they are, so a table of wide rows is not for it.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal, quoted
from pumphouse.sources.databases.stored import Fetched, of_parquet

CATALOG = "source"


@contextmanager
def attached(address: str) -> Iterator[DuckDB]:
    """A DuckDB that reads a database by its url. Raises MissingExtra where the scanner is not installed."""
    # Each range is read by a thread of ours; with two of DuckDB's beside them it took twice the processor.
    with closing(DuckDB(threads=1)) as engine:
        engine.load("postgres_scanner")
        engine.execute(f"ATTACH {literal(address)} AS {CATALOG} (TYPE postgres, READ_ONLY)")
        engine.execute("SET GLOBAL preserve_insertion_order = false")  # one thread keeps it; else groups are not cut
        yield engine


def read(
    engine: DuckDB,
    sql: str,
    *,
    forms: Mapping[str, pa.DataType | None],
    snapshot: str,
    settings: Mapping[str, str],
    folder: Path,
    batch_bytes: int,
) -> Generator[Fetched]:
    """The rows of a query of the database as of a snapshot, once all of them are in files of `folder`."""
    target = folder / f"scanned_{uuid.uuid4().hex}"
    options = (
        "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 2000,"
        f" ROW_GROUPS_PER_FILE 1, ROW_GROUP_SIZE_BYTES {batch_bytes}, FILENAME_PATTERN 'part_{{i}}'"
    )
    begin = [f"SET TRANSACTION SNAPSHOT {literal(snapshot)}"]
    begin += [f"SET LOCAL {name} = {literal(value)}" for name, value in settings.items()]

    def scan(columns: str) -> None:
        with closing(engine.fork()) as fork, _transaction(fork):
            fork.execute(f"CALL postgres_execute('{CATALOG}', {literal('; '.join(begin))})")
            rows = f"SELECT {columns} FROM postgres_query('{CATALOG}', {literal(sql)})"
            fork.execute(f"COPY ({rows}) TO {literal(str(target))} ({options})")

    try:
        try:
            scan(", ".join(_as_number(name, form) for name, form in forms.items()))
        except duckdb.ConversionException:  # NaN
            shutil.rmtree(target, ignore_errors=True)
            scan("*")
        for part in sorted(target.iterdir(), key=lambda path: int(re.sub(r"\D", "", path.stem))):
            fetched = of_parquet(part.read_bytes())
            part.unlink()
            if fetched.rows:
                yield fetched
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _as_number(name: str, form: pa.DataType | None) -> str:
    if form is None or not pa.types.is_decimal(form):
        return quoted(name)
    return f"{quoted(name)}::DECIMAL({form.precision}, {form.scale}) AS {quoted(name)}"


@contextmanager
def _transaction(engine: DuckDB) -> Iterator[None]:
    engine.execute("BEGIN")
    try:
        yield
    finally:
        # Left to the end of the connection, the end of this one's would end the process where the server is gone.
        with suppress(duckdb.Error):
            engine.execute("ROLLBACK")
