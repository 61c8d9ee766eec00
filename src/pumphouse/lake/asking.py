"""Questions to a lake's catalogue.

They go through DuckDB even where it is a SQLite file: a second SQLite library in this process would drop the first
one's locks when it closes the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from pumphouse.errors import LakeError

if TYPE_CHECKING:
    from pathlib import Path

    from pumphouse.engines.duckdb import DuckDB

Rows = list[tuple]  # type: ignore[type-arg]  # of any shape
Ask = Callable[[str], Rows]
"""Gives the rows of a query, in which `{meta}` stands for the catalogue."""


def asked(engine: DuckDB, alias: str, folder: Path, sql: str) -> Rows:
    """The rows of one question. Raises LakeError where the catalogue can't be read."""
    with _cursor(engine, folder) as cursor:
        return cursor.execute(sql.format(meta=_meta(alias))).fetchall()


@contextmanager
def asking(engine: DuckDB, alias: str, folder: Path) -> Iterator[Ask]:
    """Several questions, of the catalogue as it is at one moment; each costs a third of what it does alone."""
    with _cursor(engine, folder) as cursor:
        cursor.execute("BEGIN")
        yield lambda sql: cursor.execute(sql.format(meta=_meta(alias))).fetchall()
        cursor.execute("COMMIT")


def _meta(alias: str) -> str:
    return f"__ducklake_metadata_{alias}"


@contextmanager
def _cursor(engine: DuckDB, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    cursor = engine.connection.cursor()
    try:
        yield cursor
    except duckdb.Error as error:
        raise LakeError(
            f"the lake's catalogue can't be read: {str(error).splitlines()[0]}",
            mend=f"Is {folder} still there, and is there space left on its disk?",
        ) from error
    finally:
        cursor.close()
