"""Trying a source: some rows of it in a lake that is gone afterwards, and what they say of its columns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.asset import GATHERED
from pumphouse.declare.contracts import Contract
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import HIDDEN_COLUMNS, Query
from pumphouse.errors import ConfigError
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.explaining import explained
from pumphouse.project.jobs import Job, context_of
from pumphouse.project.kinds import KINDS
from pumphouse.sources.fetch import newest_visit

if TYPE_CHECKING:
    from pumphouse.project.project import Project

SAMPLE_ROWS = 1_000
REJECTS_SHOWN = 5
TEXT_SHOWN_MAX = 40
_CURSOR_WORDS = ("updated", "modified", "changed", "created", "inserted", "timestamp")
_KEY_ENDINGS = ("id", "key", "code", "number", "uuid", "sku")
_SQL = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN", "date32[day]": "DATE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledColumn:
    """What a column of the sample holds."""

    column: str
    type: str
    nulls: int
    distinct: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A cell, or with column "*" a row, that would be set aside."""

    column: str
    original: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledSource:
    """What a source gave when it was tried; nothing of it was kept."""

    source: str
    rows: int
    requests: int
    size_bytes: int
    columns: tuple[SampledColumn, ...]
    set_aside: int
    rejected: tuple[Rejected, ...]
    """The first of them."""
    warnings: tuple[str, ...]
    suggests: tuple[str, ...]
    """Parts of a declaration that the sample speaks for."""

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def table(self) -> list[list[str]]:
        """A header and a line for each column."""
        lines = [[one.column, one.type, f"{one.nulls:,}", f"{one.distinct:,}", one.example] for one in self.columns]
        return [["column", "type", "nulls", "distinct", "example"], *lines]


def try_source(
    project: Project,
    name: str,
    *,
    rows: int = SAMPLE_ROWS,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> SampledSource:
    """About so many rows of a source, fetched now and not kept. Raises what the source raises; its checks don't run.

    No more is asked than a sample may ask (`sources.fetch.SAMPLE_EXCHANGES_MAX`).
    """
    asset = project.graph.asset(name)
    if asset.kind not in GATHERED:
        raise ConfigError(
            f"'{name}' is a {asset.kind}: it is made from others, and nothing is fetched for it",
            asset=name,
            place=asset.place,
            mend=f"Try it on a part of its inputs: pumphouse run {name} --sample {rows}",
        )
    if asset.kind in ("survey", "messages"):
        raise ConfigError(
            f"'{name}' is a {asset.kind}: what it has is sent to it, so there is nothing to fetch",
            asset=name,
            place=asset.place,
            mend=f"Look at what arrived: pumphouse run {name}",
        )
    moment = now or datetime.now(UTC)
    contracts = {
        one.name: one
        for one in project.graph.assets.values()
        if isinstance(one.spec, Contract) and one.spec.asset == name
    }
    with _lake_apart(project) as lake:
        job = Job(
            config=replace(project.config, lake=Location(folder=lake.folder), inputs_from=()), asset=name, run="trial",
            actor=project.who, now=moment, snapshot=lake.snapshot(), fingerprint="", inputs={},
            settings=project.settings(moment), sample=rows,
        )  # fmt: skip
        context = context_of(
            job,
            lake=lake,
            engine=lake.engine.fork(),
            assets={name: asset, **contracts},
            declaration=project.graph.declaration(name) if asset.module else None,
            progress=progress,
        )
        try:
            built = KINDS[asset.kind].build(asset, context)
        except Exception as error:  # as the runner: what a source raises is told with its place
            told = explained(error, asset=name, folder=project.config.folder)
            told.place = told.place or asset.place
            raise told from error
        table, rejected = _all_of(lake, name), _all_of(lake, quarantine_of(name))
        visit = newest_visit(lake.history(name), lake.blobs)
    exchanges = visit.manifest.exchanges if visit else ()
    columns = tuple(_sampled(table, one) for one in table.column_names if one not in HIDDEN_COLUMNS)
    return SampledSource(
        source=name,
        rows=table.num_rows,
        requests=len(exchanges),
        size_bytes=sum(one.size_bytes for one in exchanges),
        columns=columns,
        set_aside=rejected.num_rows,
        rejected=tuple(
            Rejected(column=one["column"], original=_short(one["original"]), reason=one["reason"])
            for one in rejected.slice(0, REJECTS_SHOWN).to_pylist()
        ),
        warnings=built.warnings,
        suggests=_suggests(asset.common.key, getattr(asset.spec, "cursor", None), columns, rows=table.num_rows),
    )


@contextmanager
def _lake_apart(project: Project) -> Iterator[Lake]:
    with tempfile.TemporaryDirectory(prefix="pumphouse-trial-") as folder:
        lake = Lake(Location(folder=Path(folder)), engine=DuckDB(zone=project.config.zone))
        try:
            yield lake
        finally:
            lake.close()


def _all_of(lake: Lake, name: str) -> pa.Table:
    if not lake.has(name):
        return pa.table({})
    return lake.engine.read(Query(text="FROM sampled", inputs={"sampled": lake.scan(name)})).read_all()


def _sampled(table: pa.Table, name: str) -> SampledColumn:
    values = table[name]
    first = values.drop_null()
    kind = values.type
    said = str(kind) if not pa.types.is_timestamp(kind) else "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
    return SampledColumn(
        column=name,
        type=_SQL.get(said, said.upper() if pa.types.is_timestamp(kind) else said.replace("decimal128", "DECIMAL")),
        nulls=values.null_count,
        distinct=pc.count_distinct(values).as_py(),
        example=_short(str(first[0].as_py())) if len(first) else "",
    )


def _suggests(
    key: tuple[str, ...], cursor: str | None, columns: tuple[SampledColumn, ...], *, rows: int
) -> tuple[str, ...]:
    """A key and a cursor, where one column alone looks like one; nothing of a handful of rows."""
    if rows < REJECTS_SHOWN:
        return ()
    keys = [
        one.column
        for one in columns
        if not one.nulls and one.distinct == rows and one.type in ("BIGINT", "VARCHAR")
        and one.column.lower().endswith(_KEY_ENDINGS)
    ]  # fmt: skip
    cursors = [
        one.column
        for one in columns
        if not one.nulls and one.column.lower().startswith(_CURSOR_WORDS) and one.distinct > 1
    ]
    return (
        *([f'key="{keys[0]}"'] if len(keys) == 1 and not key else []),
        *([f'cursor="{cursors[0]}"'] if len(cursors) == 1 and not cursor else []),
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= TEXT_SHOWN_MAX else f"{text[: TEXT_SHOWN_MAX - 1]}…"
