"""A visit that read only what is new of a source, and says which stored bytes are gone: its rows patch the table.

That has to leave the same table as reading all of it, which is seen before anything is committed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.engines.engine import Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake
from pumphouse.sources.spool import Spool

_SHA_DIGITS = 64
_ID_DIGITS = 12
"""How much of the SHA-256 of the bytes a withheld row's name begins with."""


def fits(lake: Lake, table: str, spool: Spool, *, known: Mapping[str, pa.DataType], replaced: Collection[str]) -> bool:
    """Whether reading all would give the table the columns and types that it has.

    Types: what came is read as they are. Columns: each came now, or is in rows that stay. What would leave no row is
    looked at whole.
    """
    if any(spool.kind_of(name, known=known.get(name)) != known.get(name) for name in spool.kinds):
        return False
    if not replaced:
        return True
    elsewhere = [name for name in known if name not in spool.kinds]
    counted = ", ".join(["count(*)", *(f"count({quoted(name)})" for name in elsewhere)])
    engine = lake.engine.fork()
    try:
        gone = _gone(spool.folder, replaced)
        rows, *cells = engine.execute(
            f"SELECT {counted} FROM {lake.name_of(table)} WHERE left(_raw, {_SHA_DIGITS}) NOT IN ({gone})"
        )[0]
    finally:
        engine.close()
    return all(cells) and bool(rows or spool.rows)


def patch(
    commit: Commit, lake: Lake, table: str, rows: Written, entries: Written, *, folder: Path, replaced: Collection[str]
) -> None:
    """Rows of the bytes that are gone leave, with what the quarantine holds of them; these come."""
    if not replaced:
        commit.append(table, rows)
        commit.quarantine(table, entries)
        return
    gone = _gone(folder, replaced)
    commit.replace_where(table, rows, where=f"left(_raw, {_SHA_DIGITS}) IN ({gone})")
    if entries.rows or _holds_any(lake, quarantine_of(table)):
        short = f"SELECT left(raw, {_ID_DIGITS}) FROM ({gone})"
        commit.replace_where(quarantine_of(table), entries, where=f"left(row_id, {_ID_DIGITS}) IN ({short})")


def _gone(folder: Path, replaced: Collection[str]) -> str:
    """SQL that lists the bytes which are gone."""
    file = folder / "replaced.parquet"
    pq.write_table(pa.table({"raw": pa.array(sorted(replaced), pa.string())}), file)
    return f"SELECT raw FROM read_parquet({literal(str(file))})"


def _holds_any(lake: Lake, table: str) -> bool:
    engine = lake.engine.fork()
    try:
        return bool(engine.execute(f"SELECT 1 FROM {lake.name_of(table)} LIMIT 1"))
    finally:
        engine.close()
