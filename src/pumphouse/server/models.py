"""A model's own part of its page, and the rows that a version learned from as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from pumphouse.declare.asset import Asset
from pumphouse.features.point_in_time import feature_shape
from pumphouse.lake.lake import Lake
from pumphouse.models.learned_from import people_hidden_since_training
from pumphouse.models.pins import pins_among
from pumphouse.models.quality import Quality
from pumphouse.models.registry import Version, version, versions
from pumphouse.server.replies import Gone
from pumphouse.server.shared import admitted, shared

PLOT_WIDTH = 160
PLOT_MARGIN = 6
VERSIONS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where a gain's interval is drawn, in units of the plot."""

    low: float
    gain: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One version in the table."""

    version: Version
    role: str
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLine:
    """One column that the live version is asked with."""

    column: str
    feature: str
    doc: str
    fingerprint: str
    edited: bool
    """Whether the feature reads otherwise today than when the version was trained, or is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """What the page says of a model: the version that answers, and all there are, newest first."""

    shown: Version
    lines: Sequence[Line]
    older: int
    features: Sequence[FeatureLine]
    zero: float
    hidden: int
    """People who were hidden since it learned from them."""


def model_page(lake: Lake, assets: Mapping[str, Asset], model: str) -> ModelPage | None:
    """A model as its page shows it; None where it has no version yet."""
    known = versions(lake, model)
    if not known:
        return None
    pinned = pins_among(lake.artefacts(model))
    roles = {pinned.canary.number: f"canary, {pinned.canary.share:.0%}"} if pinned.canary else {}
    if pinned.live:
        roles[pinned.live.number] = "live"
    shown = next((one for one in known if pinned.live and one.number == pinned.live.number), known[-1])
    newest = known[::-1][:VERSIONS_SHOWN]
    qualities = {one.number: one.held_out for one in newest if one.held_out}
    least = min([0.0, *(one.gain_low for one in qualities.values())])
    most = max([0.0, *(one.gain_high for one in qualities.values())])
    lines = [
        Line(
            version=one,
            role=roles.get(one.number, ""),
            interval=_interval(qualities[one.number], least, most) if one.number in qualities else None,
        )
        for one in newest
    ]
    return ModelPage(
        shown=shown,
        lines=lines,
        older=len(known) - len(newest),
        features=_features(shown, assets),
        zero=_place(0.0, least, most),
        hidden=people_hidden_since_training(lake, shown),
    )


def training_rows(request: Request) -> Response:
    """`/models/NAME/NUMBER/training.parquet`: the rows that a version learned from, exactly as they were computed."""
    here, name = shared(request), request.path_params["name"]
    way = admitted(request, name, door="page")
    number = request.path_params["number"]
    here.require(way.visitor, name, kind="model", called="model")
    made = version(here.project.lake, name, number)
    if people_hidden_since_training(here.project.lake, made):
        raise Gone(
            f"somebody among the rows that {made.name} learned from was hidden since",
            asset=name,
            mend=f"Train it anew: pumphouse run {name}",
        )
    data = here.project.lake.blobs.get(made.training_set)
    way.seen(snapshot=made.snapshot, rows=made.rows, detail=made.name)
    headers = {"Content-Disposition": f'attachment; filename="{name}_{number}_training.parquet"'}
    return Response(data, media_type="application/vnd.apache.parquet", headers=headers)


def _features(shown: Version, assets: Mapping[str, Asset]) -> list[FeatureLine]:
    declared = {feature.name: assets.get(feature.name) for feature in shown.features}
    return [
        FeatureLine(
            column=column,
            feature=feature.name,
            doc=one.common.doc if (one := declared[feature.name]) else "",
            fingerprint=feature.fingerprint,
            edited=one is None or one.fingerprint != feature.fingerprint,
        )
        for feature in shown.features
        for column in feature_shape(feature).values
    ]


def _interval(quality: Quality, least: float, most: float) -> Interval:
    low, gain, high = (_place(one, least, most) for one in (quality.gain_low, quality.gain, quality.gain_high))
    return Interval(low=low, gain=gain, high=high)


def _place(value: float, least: float, most: float) -> float:
    """Where a value is drawn between the least and the most; in the middle where nothing can be told apart."""
    span = most - least
    if not (0 < span < float("inf")) or not (least <= value <= most):
        return PLOT_WIDTH / 2
    return round(PLOT_MARGIN + (value - least) / span * (PLOT_WIDTH - 2 * PLOT_MARGIN), 2)
