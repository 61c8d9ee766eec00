"""What is wrong with declarations that each are right alone: a model's features, and what was cleaned above them."""

from __future__ import annotations

from pumphouse.errors import Fault, ProjectFaults
from pumphouse.features.fitted import filled_reads, refusal
from pumphouse.graph.assets import Graph


def validate(graph: Graph) -> None:
    """Raises ProjectFaults with each feature of a model that reads a column whose gaps were filled by a fit.

    Training refuses them too; other assets are built all the same.
    """
    faults = []
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
