"""Finding assets by words: what the lake and the declarations say of them, in an index in memory that follows both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pumphouse.catalog.access import Reads
from pumphouse.catalog.finding import WHOLE, Finds, Said, Sight, Used, find, said_of, uses
from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError, did_you_mean
from pumphouse.indexes.short_texts import ShortTexts
from pumphouse.lake.column_docs import docs_of
from pumphouse.lake.columns import columns_of_all
from pumphouse.lake.lake import Lake
from pumphouse.project.reading import Reader
from pumphouse.sources.external.sightings import Sightings
from pumphouse.sources.external.tables import ExternalTables

VALUES_MAX = 200
"""How many values of a column are found by: its most frequent ones."""
VALUE_CHARACTERS_MAX = 80
"""A longer value is a text, and no name of anything."""
USE_KEPT = timedelta(minutes=1)
"""How old what is known of use may be."""
HITS = 20
_Version = int | tuple[str, ...]
"""What tells that a table is another: the lake's version, or of one that stays where it is, its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    versions: Mapping[str, _Version]
    said: Sequence[Said]
    texts: ShortTexts


class Finder:
    """Finds assets of one project. What it knows is gathered again when a table has changed; threads share it."""

    def __init__(
        self,
        lake: Lake,
        assets: Mapping[str, Asset],
        *,
        values: Sequence[str] = (),
        external: Callable[[DuckDB], ExternalTables] | None = None,
    ) -> None:
        """`values` are columns, as TABLE.COLUMN, that are found by their values too; `external` tables by columns.

        Raises ConfigError.
        """
        for table, _, column in (one.partition(".") for one in values):
            if table not in assets:
                mend = did_you_mean(table, assets) or f"It names no table of the project: '{table}.{column}'."
                raise ConfigError(f"'find.values' names '{table}', which nobody declares", mend=mend)
        self._lake, self._assets, self._values = lake, assets, values
        self._external = tuple(name for name, asset in assets.items() if asset.kind == "external")
        self._opened = external
        self._sightings: Sightings | None = None
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._of_table: dict[str, tuple[_Version, tuple[Said, ...]]] = {}
        self._used: tuple[datetime, Mapping[str, Used]] | None = None

    def find(
        self, query: str, *, now: datetime, limit: int = HITS, sight: Callable[[str], Sight | None] | None = None
    ) -> Finds:
        """Assets that the words of a query are said of, the best first; of those that `sight` shows, all without it.

        Raises MissingExtra where the search library is not installed.
        """
        elsewhere = self._elsewhere()
        with self._lock:
            snapshot = self._lake.snapshot()
            known, used = self._gathered(snapshot, elsewhere), self._uses(now)
        return find(
            query,
            said=known.said,
            texts=known.texts,
            assets=self._assets,
            sight=sight or (lambda name: WHOLE),
            used=used,
            limit=limit,
            snapshot=snapshot,
            now=now,
        )

    def find_for(self, reader: Reader, query: str, *, now: datetime, limit: int) -> Finds:
        """What somebody who may see all of it finds. Values of a table among the reasons are recorded as read."""
        found = self.find(query, now=now, limit=limit)
        for asset, values in found.values.items():
            reader.record((asset,), found.snapshot, values, detail=f"find {query}")
        return found

    def _uses(self, now: datetime) -> Mapping[str, Used]:
        if self._used is None or abs(now - self._used[0]) > USE_KEPT:
            self._used = now, uses(Reads(self._lake, now=now), self._assets)
        return self._used[1]

    def _elsewhere(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of tables that stay where they are, as they were last seen: who finds waits for none of them."""
        if self._opened is None or not self._external:
            return {}
        with self._lock:  # not before somebody finds: who only opens a project asks nothing elsewhere
            self._sightings = self._sightings or Sightings(self._opened(self._lake.engine.fork()))
        self._sightings.there(self._external)
        seen = {name: self._sightings.last(name) for name in self._external}
        return {name: tuple(one.schema.names) for name, one in seen.items() if one is not None}

    def _gathered(self, snapshot: int, elsewhere: Mapping[str, tuple[str, ...]]) -> _Known:
        versions: dict[str, _Version] = {**self._lake.versions(snapshot=snapshot), **elsewhere}
        if self._known is not None and self._known.versions == versions:
            return self._known
        columns = {**columns_of_all(self._lake, snapshot=snapshot), **elsewhere}
        said: list[Said] = []
        for name, asset in self._assets.items():
            version = versions.get(name, -1)
            before = self._of_table.get(name)
            if before is None or before[0] != version:
                before = version, tuple(self._said(asset, columns.get(name, ()), snapshot=snapshot))
                self._of_table[name] = before
            said += before[1]
        self._known = _Known(versions=versions, said=said, texts=ShortTexts([one.text for one in said]))
        return self._known

    def _said(self, asset: Asset, columns: Sequence[str], *, snapshot: int) -> Sequence[Said]:
        is_here = columns and asset.name not in self._external
        docs = docs_of(self._lake, asset.name, snapshot=snapshot) if is_here else {}
        own = [name for name in columns if name not in HIDDEN_COLUMNS]
        wanted = [name for name in own if is_here and f"{asset.name}.{name}" in self._values]
        return tuple(
            said_of(
                asset,
                columns={name: docs.get(name, "") for name in own},
                values={name: self._values_of(asset.name, name, snapshot=snapshot) for name in wanted},
            )
        )

    def _values_of(self, table: str, column: str, *, snapshot: int) -> Sequence[str]:
        """The most frequent values of a column, as text."""
        value = f"CAST({quoted(column)} AS VARCHAR)"
        rows = self._lake.engine.fork().execute(
            f"SELECT {value} FROM ({self._lake.scan(table, snapshot=snapshot).relation})"
            f" WHERE length({value}) BETWEEN 1 AND {VALUE_CHARACTERS_MAX}"
            f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {VALUES_MAX}"
        )
        return [row[0] for row in rows]
