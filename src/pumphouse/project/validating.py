"""What is wrong with declarations that each are right alone: a model's features with what was cleaned above them, an
external table with its connection, scores of everybody with features of a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.errors import Fault, ProjectFaults
from pumphouse.features.fitted import filled_reads, refusal
from pumphouse.graph.assets import Graph
from pumphouse.sources.external.declared import fault_of


def validate(graph: Graph, *, connections: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Raises ProjectFaults with each feature of a model that reads a column whose gaps were filled by a fit.

    Training refuses them too; other assets are built all the same. With the `connections` as pumphouse.toml has them,
    also with each external table that can't be read by one; nobody is asked for it. And with each table of scores whose
    model needs what only a request brings.
    """
    faults = []
    if connections is not None:
        external = (one for one in graph.assets.values() if one.kind == "external")
        faults += [fault for one in external if (fault := fault_of(one, connections)) is not None]
    for asset in graph.assets.values():
        if asset.kind == "model":
            for feature, columns in filled_reads(asset, graph.assets).items():
                errors = [refusal(asset, graph.assets[feature], one) for one in columns]
                faults += [
                    Fault(what=error.what, place=error.place or asset.place, mend=error.mend or "", asset=asset.name)
                    for error in errors
                ]
        elif asset.kind == "scores":
            faults += _unasked(asset, graph)
    if faults:
        raise ProjectFaults(faults)


def _unasked(scores: Asset, graph: Graph) -> list[Fault]:
    """That everybody can't be scored by features of a request, since nobody has asked."""
    model = graph.assets[graph.assets[scores.spec.rollout].spec.model]
    asking = [name for name in model.spec.features if graph.assets[name].spec.request]
    if not asking:
        return []
    columns = ", ".join(dict.fromkeys(column for name in asking for column, _ in graph.assets[name].spec.request))
    features = ", ".join(asking)
    return [
        Fault(
            what=f"'{scores.name}' scores everybody, and {features} of model '{model.name}' needs {columns} of a"
            " request, which nobody has made",
            place=scores.place,
            mend=f"Score by a model without {features}, or ask one by one: POST /predict/{scores.spec.rollout}",
            asset=scores.name,
        )
    ]
