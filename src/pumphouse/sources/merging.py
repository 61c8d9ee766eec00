"""Rows that came, compared with each other and with those that are there: by DuckDB, on files, in bounded memory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pumphouse.engines.engine import HIDDEN_COLUMNS, Query, Scan, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.lake import Lake
from pumphouse.sources.rows import ORDER, VISIT

ARRIVED = "arrived"
EXISTING = "existing"
PLACE = "_landing_place"


def last_of_key(lake: Lake, arrived: Written, *, key: tuple[str, ...], stem: str) -> Written:
    """The last row of each key, in files of their own; the files that came where each key came once.

    Only keys are compared: a row's place is its file's and its own in that.
    """
    engine = lake.engine.fork()
    try:
        rows = _scan(arrived).relation
        keys = engine.execute(f"SELECT count(*) FROM (SELECT 1 FROM ({rows}) GROUP BY {_names(key)})")[0][0]
    finally:
        engine.close()
    if keys == arrived.rows:
        return replace(arrived, key=key)
    columns = ", ".join(quoted(name) for name in arrived.schema.names)
    files = ", ".join(literal(str(file)) for file in arrived.files)
    place = f"SELECT {columns}, file_index::HUGEINT << 64 | file_row_number AS {PLACE} FROM read_parquet([{files}])"
    last = _write(
        lake,
        f"SELECT * EXCLUDE ({PLACE}) FROM {ARRIVED} WHERE {PLACE} IN"
        f" (SELECT max({PLACE}) FROM {ARRIVED} GROUP BY {_names(key)})",
        {ARRIVED: Scan(table=ARRIVED, snapshot=0, schema=arrived.schema, relation=place)},
        stem=stem,
    )
    for file in arrived.files:
        file.unlink()
    return replace(last, key=key)


def latest_version(lake: Lake, versions: Written, *, key: tuple[str, ...], stem: str) -> Written:
    """The last version of each key."""
    return _write(
        lake,
        f"SELECT * FROM {ARRIVED} QUALIFY row_number() OVER (PARTITION BY {_names(key)} ORDER BY _loaded_at DESC) = 1"
        f" ORDER BY _loaded_at, {_names(key)}",
        {ARRIVED: versions},
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


def new_versions(
    lake: Lake,
    arrived: Written,
    *,
    existing: Scan | None,
    key: tuple[str, ...],
    stem: str,
    folder: Path | None = None,
) -> Written:
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
        folder=folder,
    )


def not_there(lake: Lake, again: Written, *, existing: Scan | None, cursor: str, stem: str) -> Written:
    """Of rows that several visits may have brought, without ORDER and VISIT, those that none before theirs did.

    Rows are the same where all columns are that both have; where a visit brings more of the same than any before it,
    the rest are new.
    """
    own = (*HIDDEN_COLUMNS, ORDER, VISIT)
    names = [name for name in again.schema.names if existing is None or name in existing.schema.names]
    row = f"struct_pack({', '.join(f'{quoted(name)} := {quoted(name)}' for name in names if name not in own)})"
    every = f"SELECT * FROM {ARRIVED}"
    if existing is not None:
        here = ", ".join(quoted(name) for name in names)
        every += (
            f" UNION ALL BY NAME (SELECT {here}, -1 AS {VISIT} FROM {EXISTING}"
            f" WHERE {quoted(cursor)} IN (SELECT {quoted(cursor)} FROM {ARRIVED}))"
        )
    before = f"PARTITION BY {row} ORDER BY {VISIT} GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return _write(
        lake,
        f"WITH every_row AS ({every}), numbered AS (SELECT *, row_number() OVER"
        f" (PARTITION BY {row}, {VISIT} ORDER BY {ORDER}) AS {PLACE} FROM every_row)"
        f" SELECT * EXCLUDE ({ORDER}, {VISIT}, {PLACE}) FROM numbered"
        f" QUALIFY {VISIT} >= 0 AND {PLACE} > coalesce(max({PLACE}) OVER ({before}), 0) ORDER BY {ORDER}",
        {ARRIVED: again} | ({EXISTING: existing} if existing is not None else {}),
        stem=stem,
    )


def keys_gone(lake: Lake, *present: Written, existing: Scan, key: tuple[str, ...], stem: str) -> Written:
    """The keys that are there and in none of what is present."""
    same = " AND ".join(f"e.{quoted(name)} = a.{quoted(name)}" for name in key)
    names = [f"{ARRIVED}_{nth}" for nth in range(len(present))]
    absent = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {name} a WHERE {same})" for name in names)
    return _write(
        lake,
        f"SELECT {_names(key)} FROM {EXISTING} e WHERE {absent}",
        {**dict(zip(names, present, strict=True)), EXISTING: existing},
        stem=stem,
    )


def not_removed(
    lake: Lake, arrived: Written, *, listed: Written, at: list[datetime], key: tuple[str, ...], folder: Path
) -> Written:
    """The rows whose key was in every list of keys (made at those times) after they came, ORDER included."""
    lists = ", ".join(literal(one) for one in at)
    same = " AND ".join(f"l.{quoted(name)} = a.{quoted(name)}" for name in key)
    return _write(
        lake,
        f"WITH listed AS (SELECT DISTINCT * FROM {EXISTING}), lists AS (SELECT unnest([{lists}]) AS listed_at)"
        f" SELECT a.* FROM {ARRIVED} a"
        " WHERE (SELECT count(*) FROM lists WHERE listed_at > a._loaded_at)"
        f" = (SELECT count(*) FROM listed l WHERE {same} AND l._loaded_at > a._loaded_at)",
        {ARRIVED: arrived, EXISTING: listed},
        stem="listed",
        folder=folder,
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


def has_rows(lake: Lake, table: str, *, with_value: str | None = None) -> bool:
    """Whether the table holds any row, or one with a value in a column."""
    condition = f"{quoted(with_value)} IS NOT NULL" if with_value is not None else "true"
    engine = lake.engine.fork()
    try:
        return bool(engine.execute(f"SELECT 1 FROM {lake.name_of(table)} WHERE {condition} LIMIT 1"))
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


def _names(key: Sequence[str]) -> str:
    return ", ".join(map(quoted, key))
