"""Rows that came, compared with each other and with those that are there: by DuckDB, on files, in bounded memory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from pumphouse.engines.engine import HIDDEN_COLUMNS, Query, Scan, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.lake import Lake
from pumphouse.sources.rows import ORDER

ARRIVED = "arrived"
EXISTING = "existing"


def last_of_key(lake: Lake, arrived: Written, *, key: tuple[str, ...], stem: str) -> Written:
    """The last row of each key, without ORDER."""
    return _write(
        lake,
        f"SELECT * EXCLUDE ({ORDER}) FROM {ARRIVED}"
        f" QUALIFY row_number() OVER (PARTITION BY {_names(key)} ORDER BY {ORDER} DESC) = 1 ORDER BY {ORDER}",
        {ARRIVED: arrived},
        stem=stem,
    )


def last_of_key_and_visit(lake: Lake, arrived: Written, *, key: tuple[str, ...], folder: Path) -> Written:
    """The last row of each key in each visit, in `folder`, ORDER included."""
    return _write(
        lake,
        f"SELECT * FROM {ARRIVED}"
        f" QUALIFY row_number() OVER (PARTITION BY {_names(key)}, _loaded_at ORDER BY {ORDER} DESC) = 1",
        {ARRIVED: arrived},
        stem="versions",
        folder=folder,
    )


def new_versions(lake: Lake, arrived: Written, *, existing: Scan | None, key: tuple[str, ...], stem: str) -> Written:
    """The rows that differ from the version of their key before them, without ORDER."""
    content = [name for name in arrived.schema.names if name not in (*key, *HIDDEN_COLUMNS, ORDER)]
    row = f"struct_pack({', '.join(f'{quoted(name)} := {quoted(name)}' for name in content)})" if content else "TRUE"
    before = f"lag({row}) OVER (PARTITION BY {_names(key)} ORDER BY _loaded_at)"
    versions = f"SELECT * FROM {ARRIVED}"
    if existing is not None:
        here = ", ".join(quoted(name) for name in arrived.schema.names if name in existing.schema.names)
        versions += (
            f" UNION ALL BY NAME (SELECT {here} FROM {EXISTING}"
            f" QUALIFY row_number() OVER (PARTITION BY {_names(key)} ORDER BY _loaded_at DESC) = 1)"
        )
    return _write(
        lake,
        f"WITH versions AS ({versions}) SELECT * EXCLUDE ({ORDER}) FROM versions"
        f" QUALIFY {ORDER} IS NOT NULL AND {row} IS DISTINCT FROM {before}"
        f" ORDER BY _loaded_at, {_names(key)}",
        {ARRIVED: arrived} | ({EXISTING: existing} if existing is not None else {}),
        stem=stem,
    )


def keys_gone(lake: Lake, arrived: Written, *, existing: Scan, key: tuple[str, ...], stem: str) -> Written:
    """The keys that are there and did not come any more."""
    same = " AND ".join(f"e.{quoted(name)} = a.{quoted(name)}" for name in key)
    return _write(
        lake,
        f"SELECT {_names(key)} FROM {EXISTING} e WHERE NOT EXISTS (SELECT 1 FROM {ARRIVED} a WHERE {same})",
        {ARRIVED: arrived, EXISTING: existing},
        stem=stem,
    )


def new_entries(lake: Lake, entries: Written, *, table: str | None, stem: str) -> Written:
    """The entries that the table's quarantine does not hold yet: a row that is read again is not kept again."""
    known = quarantine_of(table) if table else None
    if known is None or known not in lake.tables():
        return _write(lake, f"FROM {ARRIVED}", {ARRIVED: entries}, stem=stem)
    compared = ("row_id", "column", "original", "reason")
    same = " AND ".join(f"e.{quoted(name)} IS NOT DISTINCT FROM a.{quoted(name)}" for name in compared)
    return _write(
        lake,
        f"SELECT * FROM {ARRIVED} a WHERE NOT EXISTS (SELECT 1 FROM {EXISTING} e WHERE {same})",
        {ARRIVED: entries, EXISTING: lake.scan(known)},
        stem=stem,
    )


def has_rows(lake: Lake, table: str) -> bool:
    """Whether the table holds any row."""
    engine = lake.engine.fork()
    try:
        return bool(engine.execute(f"SELECT 1 FROM {lake.name_of(table)} LIMIT 1"))
    finally:
        engine.close()


def _write(
    lake: Lake, text: str, inputs: Mapping[str, Written | Scan], *, stem: str, folder: Path | None = None
) -> Written:
    scans = {name: given if isinstance(given, Scan) else _scan(given) for name, given in inputs.items()}
    engine = lake.engine.fork()
    try:
        target = folder or lake.staging()
        return engine.write(Query(text=text, inputs=scans), folder=target, stem=f"{stem}_{uuid.uuid4().hex}")
    finally:
        engine.close()


def _scan(written: Written) -> Scan:
    files = ", ".join(literal(str(file)) for file in written.files)
    return Scan(table=ARRIVED, snapshot=0, schema=written.schema, relation=f"SELECT * FROM read_parquet([{files}])")


def _names(key: tuple[str, ...]) -> str:
    return ", ".join(map(quoted, key))
