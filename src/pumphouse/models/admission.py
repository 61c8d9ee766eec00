"""Whether a version could answer where it would have to: asked before it is promoted, not by the first request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pumphouse.declare.asset import Asset
from pumphouse.errors import PromotionRefused, PumphouseError
from pumphouse.features.frames import column_forms, frame
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import World, feature_query, feature_values
from pumphouse.lake.lake import Lake
from pumphouse.models.estimators import predictions
from pumphouse.models.pins import pins
from pumphouse.models.predictions import loaded
from pumphouse.models.registry import Version, live, parse_version, version

if TYPE_CHECKING:
    import pyarrow as pa

CACHED = "cached"
"""A fallback that is no version: the last answer for the entity."""


def refuse_unfit(
    lake: Lake, world: World, chosen: Version, *, share: float | None = None, accept_schema: bool = False
) -> None:
    """Raise PromotionRefused, with every fault, where a version can't stand in for the live one, or beside it.

    Its features must compute over the tables of this world with the types that it was trained with, its estimator must
    load and answer, and each rollout that it would answer for must be asked by the same columns as before, and have a
    fallback about the same entity. With `accept_schema` callers give other columns from now on.
    """
    faults = [*_of_features(world, chosen), *_of_estimator(lake, chosen)]
    for rollout in world.assets.values():
        if rollout.kind == "rollout":
            faults += _of_rollout(lake, rollout, chosen, share=share, accept_schema=accept_schema)
    _refuse(chosen, faults)


def refuse_lost(lake: Lake, world: World, before: Version) -> None:
    """Raise PromotionRefused where a version that was live before can't be again: its inputs or its bytes are gone.

    It has answered before, so its estimator is not tried: to roll back has no time for that.
    """
    faults = [*_of_features(world, before)]
    try:
        lake.blobs.get(before.sha)
    except PumphouseError as error:
        faults.append(f"its estimator can't be used: {error}")
    _refuse(before, faults)


def _refuse(chosen: Version, faults: Iterable[str]) -> None:
    if told := tuple(dict.fromkeys(faults)):
        raise PromotionRefused(chosen.name, told, asset=chosen.model, mend="The versions that answer stay as they are.")


def _of_features(world: World, chosen: Version) -> Iterator[str]:
    """What keeps the features from being computed as they were for training."""
    try:
        values = _no_values(world, chosen)
        forms = column_forms(values, [name for name in chosen.columns if name in values.names])
    except PumphouseError as error:
        yield from _of_each_feature(world, chosen, error)
        return
    for name, form in chosen.columns.items():
        if forms.get(name) != form:
            now = f"is {forms[name]} now" if name in forms else "is not among its features' columns"
            yield f"feature column '{name}' was {form} in training and {now}"


def _of_each_feature(world: World, chosen: Version, error: PumphouseError) -> Iterator[str]:
    faults = []
    for feature in chosen.features:
        try:
            _no_values(world, chosen, only=feature.name)
        except PumphouseError as its_own:
            faults.append(f"feature '{feature.name}' can't be computed: {its_own}")
    yield from faults or [f"its features can't be computed together: {error}"]


def _no_values(world: World, chosen: Version, *, only: str | None = None) -> pa.Schema:
    """The columns that the features give now, computed for nobody."""
    import pyarrow as pa

    query = feature_query(world, [each for each in chosen.features if only in (None, each.name)])
    kinds = {**{name: pa.type_for_alias(kind) for name, kind in chosen.entity.items()}, **_nulls(query.request)}
    nobody = pa.schema([*kinds.items(), (AS_OF, pa.timestamp("us", tz="UTC"))]).empty_table()
    return feature_values(query, nobody).schema


def _nulls(request: Mapping[str, str]) -> dict[str, pa.DataType]:
    import pyarrow as pa

    return dict.fromkeys(request, pa.null())


def _of_estimator(lake: Lake, chosen: Version) -> Iterator[str]:
    """What keeps the estimator from being loaded and from answering about the example it was stored with."""
    import pyarrow as pa

    try:
        held = loaded(lake, chosen)
        if chosen.example:
            types = {"number": pa.float64(), "text": pa.string()}
            row = pa.table(
                {name: pa.array([chosen.example[name]], types[kind]) for name, kind in chosen.columns.items()}
            )
            predictions(held.estimator, frame(row, list(chosen.columns)), format=chosen.format, task=chosen.task)
    except PumphouseError as error:
        yield f"its estimator can't be used: {error}"


def _of_rollout(
    lake: Lake, rollout: Asset, chosen: Version, *, share: float | None, accept_schema: bool
) -> Iterator[str]:
    """What keeps it from answering for a rollout; nothing for one that does not name its model, or as shadow only."""
    spec: Any = rollout.spec  # a Rollout
    against = spec.challenger.model if spec.challenger else None
    if chosen.model not in (spec.model, against) or not pins(lake, spec.model).live:
        return
    now = live(lake, spec.model)
    # Two versions that answer side by side are asked by the same columns, whatever callers would accept.
    accepted = accept_schema and share is None and chosen.model == spec.model
    if chosen.entity != now.entity and not accepted:
        yield f"'{rollout.name}' is asked by {_typed(now.entity)}; {chosen.name} by {_typed(chosen.entity)}"
    more = {name: kind for name, kind in chosen.request.items() if now.request.get(name) != kind}
    if more and not accepted:
        asked = _typed(now.request) or "no further column"
        yield f"'{rollout.name}' is asked with {asked} in a request; {chosen.name} needs {_typed(more)}"
    if chosen.model == spec.model:
        yield from _of_fallback(lake, rollout, chosen)
        if share is not None and spec.challenger and share + spec.challenger.share >= 1:
            taken = f"'{rollout.name}' gives a share of {spec.challenger.share:g} to its challenger"
            yield f"{taken}; with {share:g} more nobody is left to the live version"


def _of_fallback(lake: Lake, rollout: Asset, chosen: Version) -> Iterator[str]:
    fallback = rollout.spec.serving.fallback if rollout.spec.serving else None
    if not isinstance(fallback, str) or fallback == CACHED:
        return
    try:
        instead = version(lake, *parse_version(fallback))
    except PumphouseError as error:
        yield f"'{rollout.name}' falls back on {fallback}: {error}"
        return
    asked = {**chosen.entity, **chosen.request}
    wanted = {**instead.entity, **instead.request}
    if instead.entity != chosen.entity or not wanted.items() <= asked.items():
        by = f"which is asked by {_typed(wanted)}; {chosen.name} by {_typed(asked)}"
        yield f"'{rollout.name}' falls back on {fallback}, {by}"


def _typed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in columns.items())
