"""Building one asset from rows given by hand: how a project tests itself."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pumphouse.declare.asset import TABLES
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BuildError, UnknownName, did_you_mean
from pumphouse.graph.assets import Graph
from pumphouse.graph.plan import effective, reads
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.config import Config
from pumphouse.project.jobs import Job, context_of
from pumphouse.project.kinds import KINDS
from pumphouse.project.reading import Reader
from pumphouse_client.tables import Table


def build(
    graph: Graph,
    config: Config,
    name: str,
    inputs: Mapping[str, Any],  # rows in any form that Arrow takes
    *,
    settings: Mapping[str, Any],  # values as TOML has them
    now: datetime | None = None,
) -> Table:
    """The rows that an asset makes of these inputs, in a lake that is gone with them.

    An input is a list of dicts or a frame, with only the columns that are read. Raises what the build raises, and
    UnknownName for an input that the asset does not read or that was not given.
    """
    asset = graph.asset(name)
    if asset.kind not in TABLES:
        raise BuildError(f"'{name}' is a {asset.kind}, and makes no table", asset=name)
    tables = tuple(one for one in reads(graph, name) if graph.assets[one].makes_table)
    for given in inputs:
        if given not in tables:
            raise UnknownName(f"'{name}' does not read '{given}'", asset=name, mend=did_you_mean(given, tables) or None)
    if missing := [one for one in tables if one not in inputs]:
        raise UnknownName(f"'{name}' also reads {', '.join(missing)}", asset=name, mend=f"Give it: {missing[0]}=[...].")
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-trial-"))
    lake = Lake(Location(folder=folder), engine=DuckDB(zone=config.zone))
    weakref.finalize(lake, shutil.rmtree, folder, ignore_errors=True)  # the rows that are returned still read it
    moment = now or datetime.now(UTC)
    for given, rows in inputs.items():
        commit = Commit(lake, given, run="trial", actor="trial")
        table = _arrow(rows, of=given)
        commit.replace(given, lake.stage(table.to_batches(), table.schema, stem=f"{given}_{uuid.uuid4().hex}"))
        commit.publish()
    versions = lake.versions()
    job = Job(
        config=replace(config, lake=Location(folder=folder), inputs_from=()),
        asset=name,
        run="trial",
        actor="trial",
        now=moment,
        snapshot=lake.snapshot(),
        fingerprint=effective(graph, name, settings),
        inputs={one: versions[one] for one in tables},
        settings=settings,
    )
    context = context_of(
        job,
        lake=lake,
        engine=lake.engine.fork(),
        assets=graph.assets,
        declaration=graph.declaration(name) if asset.module else None,
        progress=lambda rows: None,
    )
    KINDS[asset.kind].build(asset, context)
    return Reader(lake=lake, who="trial", door="trial").table(name)


def _arrow(rows: Any, *, of: str) -> pa.Table:
    table = rows
    if isinstance(rows, list):
        table = pa.Table.from_pylist(rows)
    elif hasattr(rows, "to_arrow"):
        table = rows.to_arrow()
    elif type(rows).__module__.startswith("pandas"):
        table = pa.Table.from_pandas(rows, preserve_index=False)
    if not isinstance(table, pa.Table) or not table.num_columns:
        raise BuildError(
            f"what was given as '{of}' has no columns",
            mend="Give a list of dicts with one row or more, or a frame: pa.table, pl.DataFrame, pd.DataFrame.",
        )
    return table
