"""What is in stored files: each is read by the reader of its format, which the declaration or its ending names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from pumphouse.declare.asset import Asset
from pumphouse.declare.files import Delimited, Files, FixedWidth
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.packs import Place
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.files import delimited, fixed_width, json_files, parquet_files
from pumphouse.sources.files.texts import StoredFile
from pumphouse.sources.spool import Spool

NAMES_SHOWN_MAX = 5
READERS = "1"
"""Of which version the readers are: where it is another, all files are read again from their stored bytes."""

Reader = Callable[[StoredFile, Spool, DuckDB], bool]
"""Reads a file into the spool; false where there is nothing in it."""


def read_all(asset: Asset, visit: Visit, exchanges: Sequence[Exchange], spool: Spool, engine: DuckDB) -> None:
    """Read these files of a visit into the spool. Raises SourceError where there is nothing in any of all its files."""
    spec: Files = asset.spec
    empty = []
    for exchange in exchanges:
        name = exchange.address
        file = _stored(visit, exchange, asset=asset.name, scratch=spool.folder)
        if not (exchange.size_bytes and _reader(asset, name, spec.format)(file, spool, engine)):
            empty.append(name)
        if spool.is_full:
            break
    if empty and len(empty) == len(visit.exchanges):
        raise SourceError(
            f"{', '.join(empty[:NAMES_SHOWN_MAX])}: nothing in it",
            asset=asset.name,
            mend="Was it written to its end? Fetch it again.",
        )
    if empty:
        spool.warnings.append(f"{len(empty):,} of {len(exchanges):,} files are empty, the first is {empty[0]}")


def _stored(visit: Visit, exchange: Exchange, *, asset: str, scratch: Path) -> StoredFile:
    """The file in the lake's blobs; one that shares a pack with others is written out, until the next is."""
    place = visit.place(exchange)
    if place.size_bytes is not None:
        alone = scratch / "alone"
        alone.write_bytes(visit.body(exchange))
        place = Place(alone)
    return StoredFile(asset=asset, name=exchange.address, sha=exchange.sha, path=place.path)


def _reader(asset: Asset, name: str, form: FixedWidth | Delimited | None) -> Reader:
    if isinstance(form, FixedWidth):
        return lambda file, spool, _: fixed_width.read(file, form, spool)
    if isinstance(form, Delimited):
        return lambda file, spool, engine: delimited.read(file, form, spool, engine)
    ending = PurePosixPath(urlsplit(name).path.removesuffix(".gz")).suffix.lower()
    match ending:
        case ".csv" | ".tsv":
            chosen = Delimited(delimiter="\t" if ending == ".tsv" else None)
            return lambda file, spool, engine: delimited.read(file, chosen, spool, engine)
        case ".json":
            return lambda file, spool, _: json_files.read_list(file, spool)
        case ".jsonl" | ".ndjson":
            return lambda file, spool, _: json_files.read_lines(file, spool)
        case ".parquet":
            return lambda file, spool, _: parquet_files.read(file, spool)
    raise ConfigError(
        f"{name}: its ending does not say what is in it",
        asset=asset.name,
        place=asset.place,
        mend="Say it with format=ph.csv(...) or ph.fixed_width(...), or end it in csv, tsv, json, jsonl or parquet.",
    )
