"""Moving what arrived one by one (predictions, outcomes, exposures) from the lake's state into its tables."""

from __future__ import annotations

from collections.abc import Callable

from pumphouse.errors import SchemaChange
from pumphouse.experiments.exposures import flush_exposures
from pumphouse.graph.assets import Graph
from pumphouse.lake.lake import Lake
from pumphouse.models.answers import flush_predictions
from pumphouse.models.outcomes import flush_outcomes

ARRIVING = {"rollout": (flush_predictions, flush_outcomes), "experiment": (flush_exposures,)}
"""How each kind of asset to which something arrives keeps it."""


def settle_arrivals(
    graph: Graph, lake: Lake, *, run: str, actor: str, accepts: Callable[[str], bool]
) -> dict[str, Exception]:
    """What went wrong, by asset, where arrivals could not be kept: they stay in the state, and the others are kept.

    Each arrives once, however often this runs. Columns of an asset that `accepts` may change.
    """
    failed: dict[str, Exception] = {}
    for asset in graph.assets.values():
        if asset.kind not in ARRIVING:
            continue
        try:
            for keep in ARRIVING[asset.kind]:
                keep(lake, asset, run=run, actor=actor, accept_schema=accepts(asset.name))
        except SchemaChange as error:
            error.asset = asset.name
            error.mend = (
                "Earlier snapshots keep the columns as they were. Accept the new ones with: "
                f"pumphouse run {asset.name} --accept-schema"
            )
            failed[asset.name] = error
        except Exception as error:  # noqa: BLE001  # part of the runner: what one stream raises is recorded, others go on
            failed[asset.name] = error
    return failed
