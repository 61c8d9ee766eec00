"""Reading files into a spool, and looking at what came, without a lake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from tests.sources.conftest import NOW

from pumphouse.declare.asset import Asset
from pumphouse.declare.files import files
from pumphouse.declare.formats import Format
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.lake.blobs import Blobs
from pumphouse.sources.fetch import Exchange, Visit
from pumphouse.sources.files.reading import read_all
from pumphouse.sources.shaping import Shape, Shaping
from pumphouse.sources.spool import Spool


@dataclass
class Came:
    """What was read: rows as tuples, types by column, (original, reason) of what was withheld, warnings."""

    rows: list[tuple[Any, ...]]
    types: dict[str, str]
    raw: list[str]
    ledger: list[dict[str, str]]
    warnings: list[str]

    @property
    def withheld(self) -> list[tuple[str, str]]:
        return [(entry["original"], entry["reason"]) for entry in self.ledger if entry["column"] == "*"]

    @property
    def cells(self) -> list[tuple[str, str, str]]:
        return [(one["column"], one["original"], one["reason"]) for one in self.ledger if one["column"] != "*"]


class Desk:
    """Reads files of given bytes as a build does."""

    def __init__(self, folder: Path, engine: DuckDB) -> None:
        self.folder = folder
        self._engine = engine
        self._blobs = Blobs(folder / "blobs")

    def read(self, given: dict[str, bytes], form: Format | None = None) -> Came:
        declaration = files("*", format=form)
        asset = Asset(
            name="raw",
            kind="files",
            spec=declaration.spec,
            common=declaration.common,
            place=Place(file="gather.py", line=3),
        )
        visit = Visit(self._blobs, asset="raw", at=NOW, cursor=None, whole=True)
        for name, body in given.items():
            visit.note(Exchange(method="FILE", address=name, sha=self._blobs.put(body), size_bytes=len(body)))
        with Spool(self.folder / "spool", asset="raw", run="r") as spool:
            spool.begin(visit)
            read_all(asset, visit, visit.exchanges, spool, self._engine)
            spool.complete()
            kinds = {name: spool.kind_of(name, known=None) for name in spool.kinds}
            shape = Shape(asset="raw", kinds=kinds)
            table = pa.Table.from_batches(Shaping(spool, shape).batches(), shape.schema)
            entries = [
                entry for path in spool.ledger.close().files for entry in pa.parquet.read_table(path).to_pylist()
            ]
            shown = table.select(list(kinds))
            return Came(
                rows=list(zip(*(column.to_pylist() for column in shown.columns), strict=True)),
                types={field.name: str(field.type) for field in shown.schema},
                raw=table["_raw"].to_pylist(),
                ledger=entries,
                warnings=spool.warnings,
            )
