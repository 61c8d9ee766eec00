"""What is in stored files: each is read by the reader of its format, which the declaration or its ending names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pumphouse.declare.asset import Asset
from pumphouse.declare.files import Files
from pumphouse.declare.formats import AccessLog, Delimited, Excel, FixedWidth, Format, Xml
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.packs import Place
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.files import (
    access_logs,
    avro_files,
    delimited,
    fixed_width,
    json_files,
    parquet_files,
    workbooks,
    xml_files,
)
from pumphouse.sources.files.delimited_many import FILE_BYTES_MAX, Together
from pumphouse.sources.files.packing import ending, is_packed, unpacked
from pumphouse.sources.files.texts import StoredFile, Told
from pumphouse.sources.spool import Spool

NAMES_SHOWN_MAX = 5
READERS = "2"
"""Of which version the readers are: where it is another, all files are read again from their stored bytes."""

Reader = Callable[[StoredFile, Spool], bool]
"""Reads a file into the spool; false where there is nothing in it."""

READ: dict[str, Format | Reader] = {
    ".csv": Delimited(),
    ".tsv": Delimited(delimiter="\t"),
    ".json": json_files.read_list,
    ".jsonl": json_files.read_lines,
    ".ndjson": json_files.read_lines,
    ".parquet": parquet_files.read,
    ".avro": avro_files.read,
    **dict.fromkeys(workbooks.ENDINGS, Excel()),
}
"""What a file is read as that ends so, where nothing is declared."""

USUAL: dict[type[Format], tuple[str, ...]] = {
    Delimited: (".csv", ".tsv", ".tab", ".txt"),
    FixedWidth: (".txt", ".dat"),
    Excel: workbooks.ENDINGS,
    Xml: (".xml",),
    AccessLog: (".log",),
}
"""How files of a format end that are packed among others."""


def read_all(asset: Asset, visit: Visit, exchanges: Sequence[Exchange], spool: Spool, engine: DuckDB) -> None:
    """Read these files of a visit into the spool. Raises SourceError where there is nothing in any of all its files."""
    spec: Files = asset.spec
    choose = partial(_members, form=spec.format)
    told = Told()
    together = _Together(spec.format, spool, engine, told)
    empty = []
    for exchange in exchanges:
        found = bool(exchange.size_bytes) and together.take(visit, exchange, asset=asset.name)
        if exchange.size_bytes and not found:
            together.flush()
            stored = _stored(visit, exchange, asset=asset.name, scratch=spool.folder)
            for file in unpacked(stored, folder=spool.folder, choose=choose, told=spool.warnings):
                found |= _read(asset, file, spec.format, spool, engine, told)
                if spool.is_full:
                    return
        if not found:
            empty.append(exchange.address)
        if spool.is_full:
            return
    together.flush()
    spool.warnings += told.lines(of=len(visit.exchanges))
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


class _Together:
    """Small delimited files that are read many at once, by how they end."""

    def __init__(self, form: Format | None, spool: Spool, engine: DuckDB, told: Told) -> None:
        self._form = form
        self._scratch = spool.folder / "alone"
        self._make = partial(Together, spool=spool, engine=engine, told=told)
        self._by_form: dict[Delimited, Together] = {}
        self._last: Together | None = None

    def take(self, visit: Visit, exchange: Exchange, *, asset: str) -> bool:
        """Read a file now or later; false where it has to be read alone."""
        form = self._form or READ.get(ending(exchange.address))
        if not isinstance(form, Delimited) or exchange.size_bytes > FILE_BYTES_MAX:
            return False
        if form not in self._by_form:
            self._by_form[form] = self._make(form)
        if self._by_form[form] is not self._last:
            self.flush()
            self._last = self._by_form[form]
        data = visit.body(exchange)
        file = StoredFile(asset=asset, name=exchange.address, sha=exchange.sha, path=self._scratch)
        return not is_packed(data) and self._last.take(file, data)

    def flush(self) -> None:
        """Read what waits, so that rows stay in the order of their files."""
        if self._last is not None:
            self._last.flush()


def _members(names: list[str], *, form: Format | None) -> list[str]:
    """Those of a zip's members that are read: by their ending, where there is one of the format's, else all."""
    fitting = [name for name in names if ending(name) in (READ if form is None else USUAL[type(form)])]
    return fitting if fitting or form is None else names


def _read(asset: Asset, file: StoredFile, form: Format | None, spool: Spool, engine: DuckDB, told: Told) -> bool:
    """Read a file into the spool; false where there is nothing in it."""
    match form or _by_ending(asset, file.name):
        case Delimited() as delimited_form:
            return delimited.read(file, delimited_form, spool, engine, told)
        case FixedWidth() as widths:
            return fixed_width.read(file, widths, spool)
        case Excel() as book:
            return workbooks.read(file, book, spool, told)
        case Xml() as xml:
            return xml_files.read(file, xml, spool)
        case AccessLog() as log:
            return access_logs.read(file, log, spool)
        case read:
            return read(file, spool)


def _by_ending(asset: Asset, name: str) -> Format | Reader:
    found = READ.get(ending(name))
    if found is not None:
        return found
    raise ConfigError(
        f"{name}: its ending does not say what is in it",
        asset=asset.name,
        place=asset.place,
        mend='Say it with format=ph.xml(records="...").'
        if ending(name) == ".xml"
        else "Say it with format=ph.csv(...), ph.access_log() or ph.fixed_width(...),"
        f" or end it in {', '.join(one[1:] for one in READ)}.",
    )
