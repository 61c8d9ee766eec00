"""Models that were trained elsewhere, taken in as versions of declared ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pumphouse.graph.assets import Graph
from pumphouse.graph.plan import effective
from pumphouse.lake.context import Built
from pumphouse.lake.lake import Lake
from pumphouse.models.mlflow import import_mlflow
from pumphouse.project.config import Config
from pumphouse.project.jobs import Job, context_of
from pumphouse.project.running import run_id
from pumphouse.project.versions import input_versions


def import_model(
    folder: Path,
    *,
    model: str,
    graph: Graph,
    config: Config,
    lake: Lake,
    settings: Mapping[str, Any],  # values as TOML has them
    actor: str,
    now: datetime,
) -> Built:
    """The model in an MLflow folder as the next version of a declared one. Raises what `import_mlflow` raises."""
    snapshot = lake.snapshot()
    job = Job(
        config=config,
        asset=model,
        run=run_id(now),
        actor=actor,
        now=now,
        snapshot=snapshot,
        fingerprint=effective(graph, model, settings),
        inputs=input_versions(graph, lake, model, snapshot=snapshot),
        settings=settings,
    )
    context = context_of(
        job,
        lake=lake,
        engine=lake.engine.fork(),
        assets=graph.assets,
        declaration=graph.declaration(model),
        progress=lambda rows: None,
    )
    return import_mlflow(graph.assets[model], context, folder)
