"""Moving what arrived one by one (predictions given, people exposed) from the lake's state into its tables."""

from __future__ import annotations

from pumphouse.experiments.exposures import flush_exposures
from pumphouse.graph.assets import Graph
from pumphouse.lake.context import Built
from pumphouse.lake.lake import Lake
from pumphouse.models.answers import flush_predictions


def settle_arrivals(graph: Graph, lake: Lake, *, run: str, actor: str) -> tuple[Built, ...]:
    """What was moved, for each kind of arrival that had something new. Each arrives once, however often this runs."""
    flush = {"rollout": flush_predictions, "experiment": flush_exposures}
    moved = [
        flush[asset.kind](lake, asset, run=run, actor=actor) for asset in graph.assets.values() if asset.kind in flush
    ]
    return tuple(built for built in moved if built.snapshot is not None)
