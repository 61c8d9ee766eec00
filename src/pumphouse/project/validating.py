"""What is wrong with declarations that each are right alone: a model's features with what was cleaned above them, an
external table with its connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pumphouse.errors import Fault, ProjectFaults
from pumphouse.features.fitted import filled_reads, refusal
from pumphouse.graph.assets import Graph
from pumphouse.sources.external.declared import fault_of


def validate(graph: Graph, *, connections: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Raises ProjectFaults with each feature of a model that reads a column whose gaps were filled by a fit.

    Training refuses them too; other assets are built all the same. With the `connections` as pumphouse.toml has them,
    also with each external table that can't be read by one; nobody is asked for it.
    """
    faults = []
    if connections is not None:
        external = (one for one in graph.assets.values() if one.kind == "external")
        faults += [fault for one in external if (fault := fault_of(one, connections)) is not None]
    for model in graph.assets.values():
        if model.kind == "model":
            for feature, columns in filled_reads(model, graph.assets).items():
                errors = [refusal(model, graph.assets[feature], one) for one in columns]
                faults += [
                    Fault(what=error.what, place=error.place or model.place, mend=error.mend or "", asset=model.name)
                    for error in errors
                ]
    if faults:
        raise ProjectFaults(faults)
