"""Features as models learned them: a version that is live reads those, whatever is declared by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.features.point_in_time import FeatureDefinition
from pumphouse.lake.lake import Lake

_PINNED = "live"
"""What the lake calls the artefact of a model that pins its live version."""


def pinned_definitions(
    lake: Lake, assets: Mapping[str, Asset], declared: Sequence[FeatureDefinition]
) -> tuple[FeatureDefinition, ...]:
    """The definitions of these features that models' live and newest versions keep, and that are not declared now.

    Those of other entities, and those that need what comes with a request, are left out.
    """
    known = {one.fingerprint for one in declared}
    names = {one.name for one in declared}
    found: dict[str, FeatureDefinition] = {}
    for asset in assets.values():
        if asset.kind != "model" or not names & set(asset.spec.features):
            continue
        for version in _versions(lake, asset.name):
            for values in version.get("features", ()):
                one = msgspec.convert(values, FeatureDefinition)
                fits = one.name in names and one.entity == declared[0].entity and not one.request
                if fits and one.fingerprint not in known:
                    found.setdefault(one.fingerprint, one)
    return tuple(found.values())


def _versions(lake: Lake, model: str) -> list[dict[str, Any]]:  # JSON of a version
    artefacts = lake.artefacts(model)
    stored = [one.detail["version"] for one in artefacts if "version" in one.detail]
    pins = [one.detail["number"] for one in artefacts if one.name == _PINNED]
    return [*stored[-1:], *(one for one in stored[:-1] if pins and one["number"] == pins[-1])]
