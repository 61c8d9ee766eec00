"""A trace: from a prediction to its version, what that learned from, its features, and their source rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query, SqlFunction
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import PumphouseError, SnapshotExpired, UnknownName
from pumphouse.features.moments import AS_OF
from pumphouse.features.point_in_time import feature_shape
from pumphouse.features.times import input_time, visible
from pumphouse.features.values import World, feature_query, feature_values, input_names
from pumphouse.lake.builds import Build, place_of
from pumphouse.lake.expired import refuse_missing
from pumphouse.lake.forgotten import readings
from pumphouse.lake.lake import Lake
from pumphouse.models.kept import kept
from pumphouse.models.outcomes import outcomes_of
from pumphouse.models.predictions import Prediction, entity_types
from pumphouse.models.registry import Version, parse_version, version

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_MAX = 10
"""Source rows that are shown of each input, the newest ones; all are counted."""
FILES_MAX = 10
"""Stored files that are named of each input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedFeature:
    """One value that the model was asked with: as it was stored, and as it comes out when it is computed again."""

    name: str
    feature: str
    stored: float | str | None
    again: float | str | None
    equal: bool | None
    """None where one of the two is not there: some can't be computed again, and old scores don't store features."""
    is_stored: bool
    is_computed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A table that an input was made from, with its version then and the blob that lists what was fetched for it."""

    table: str
    version: int
    raw: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedInput:
    """A table that the features read, at the prediction's snapshot.

    `rows` of it are about the entity and were visible at the prediction's moment: `newest` are the last ones, `files`
    the stored bytes that they came from. None where the table does not name the entity or the snapshot left the lake.
    """

    table: str
    version: int | None
    rows: int | None
    newest: tuple[dict[str, Any], ...]
    files: tuple[str, ...]
    upstream: tuple[Upstream, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that one prediction stands on."""

    rollout: str
    prediction: Prediction
    version: Version
    features: tuple[TracedFeature, ...]
    equal: bool | None
    """Whether every stored value comes out again; None where that can't be told, and `unknown` says why."""
    inputs: tuple[TracedInput, ...]
    outcomes: tuple[dict[str, Any], ...]
    """What was told of this very prediction, in the order in which it became known."""
    unknown: tuple[str, ...]
    left: str | None = None
    """What is said of its snapshot where that left the lake: then the values that were stored are the features."""


def trace(
    lake: Lake, assets: Mapping[str, Asset], prediction_id: str, *, functions: tuple[SqlFunction, ...] = ()
) -> Trace:
    """What a prediction stands on, from whichever rollout, in the log or in the lake already.

    Raises UnknownName where there is no such prediction; one of a hidden person is not there.
    """
    rollout, prediction = _found(lake, assets, prediction_id)
    of = version(lake, *parse_version(prediction.version))
    world = World(
        engine=lake.engine.fork(),
        scan=lambda name: lake.scan(name, snapshot=prediction.snapshot),
        assets=assets,
        functions=functions,
    )
    unknown: list[str] = []
    left = _left(lake, prediction)
    features = _features(world, of, prediction, unknown, is_there=left is None)
    known = [one.equal for one in features if one.equal is not None]
    return Trace(
        rollout=rollout.name,
        prediction=prediction,
        version=of,
        features=features,
        equal=all(known) if len(known) == len(features) else False if False in known else None,
        inputs=tuple(
            _input(lake, world, of, prediction, name, unknown) if left is None else _known_input(lake, prediction, name)
            for name in input_names(of.features)
        ),
        outcomes=_outcomes(lake, rollout, prediction.id),
        unknown=tuple(dict.fromkeys(unknown)),
        left=left,
    )


def trace_text(told: Trace) -> str:
    """A trace in lines, from the answer down to the stored files."""
    one, of = told.prediction, told.version
    entity = ", ".join(f"{name} {value}" for name, value in one.entity.items())
    moment = f"{one.as_of:%Y-%m-%d %H:%M:%S %Z}"
    lines = [
        f"{one.id}: {told.rollout} said {one.prediction:.6g} of {entity} at {moment}",
        f"  {one.role}, asked by {one.caller or 'nobody named'}, snapshot {one.snapshot}, features: {one.features_from}"
        + (f", answered by the fallback: {one.fallback}" if one.fallback else ""),
        f"  {of.name}, trained {of.at:%Y-%m-%d %H:%M %Z} by {of.actor or 'somebody'}, blob {of.sha[:12]}",
        f"    {of.estimator}",
        f"  training set: {of.rows:,} moments at snapshot {of.snapshot}, blob {of.training_set[:12]}",
    ]
    verdict = {
        True: "computed again, all come out equal",
        False: "COMPUTED AGAIN, SOME COME OUT OTHERWISE",
        None: "can't be compared" if told.left is None else "as they were stored; they can't be computed again",
    }[told.equal]
    lines.append(f"  features ({verdict}):")
    for feature in told.features:
        stored = "not stored" if not feature.is_stored else "null" if feature.stored is None else feature.stored
        computed = "null" if feature.again is None else feature.again
        again = "" if feature.equal or not feature.is_computed else f", again {computed}"
        lines.append(f"    {feature.name} = {stored}{again} (feature {feature.feature})")
    for source in told.inputs:
        count = "not by entity" if source.rows is None else f"{source.rows:,} rows of it visible then"
        count = count if told.left is None else "its rows then are not kept"
        lines.append(f"  {source.table} at version {source.version}: {count}")
        lines += [f"    {', '.join(f'{name} {value}' for name, value in row.items())}" for row in source.newest]
        if source.rows is not None and source.rows > len(source.newest):
            lines.append(f"    and {source.rows - len(source.newest):,} earlier ones")
        lines += [f"    stored bytes {file}" for file in source.files]
        lines += [
            f"    from {up.table} at {up.version}" + (f", fetched: blob {up.raw[:12]}" if up.raw else "")
            for up in source.upstream
        ]
    lines += [f"  told on {row['known_at']:%Y-%m-%d %H:%M}: {row['outcome']:g}" for row in told.outcomes]
    lines += [f"  not known: {why}" for why in told.unknown]
    lines += [f"  left: {told.left}"] if told.left else []
    return "\n".join(lines)


def _found(lake: Lake, assets: Mapping[str, Asset], prediction_id: str) -> tuple[Asset, Prediction]:
    rollouts = [one for one in assets.values() if one.kind == "rollout"]
    for rollout in rollouts:
        if prediction := kept(lake, rollout, [prediction_id]).get(prediction_id):
            return rollout, prediction
    names = ", ".join(one.name for one in rollouts) or "none"
    raise UnknownName(
        f"there is no prediction '{prediction_id[:200]}'",
        mend=f"Give the id that came with it. Rollouts are: {names}.",
    )


def _left(lake: Lake, prediction: Prediction) -> str | None:
    try:
        refuse_missing(prediction.snapshot, catalogue=lake.catalogue)
    except SnapshotExpired as error:
        return str(error)
    return None


def _features(
    world: World, of: Version, prediction: Prediction, unknown: list[str], *, is_there: bool
) -> tuple[TracedFeature, ...]:
    again: Mapping[str, Any] = {}
    try:
        again = _again(world, of, prediction) if is_there else {}
    except PumphouseError as error:
        unknown.append(f"what the features are when computed again: {error}")
    owners = {name: feature.name for feature in of.features for name in feature_shape(feature).values}
    found = []
    for name, form in of.columns.items():
        stored, is_stored = prediction.features.get(name), name in prediction.features
        computed = _plain(again.get(name), form)
        equal = stored == computed if is_stored and name in again else None
        found.append(
            TracedFeature(
                name=name,
                feature=owners.get(name, ""),
                stored=stored,
                again=computed if name in again else None,
                equal=equal,
                is_stored=is_stored,
                is_computed=name in again,
            )
        )
    return tuple(found)


def _plain(value: Any, form: str) -> float | str | None:  # a cell of any type
    if value is None or (form == "number" and math.isnan(value)):
        return None
    return float(value) if form == "number" else str(value)


def _moment(of: Version, prediction: Prediction) -> pa.Table:
    import pyarrow as pa

    columns = {name: pa.array([prediction.entity[name]], kind) for name, kind in entity_types(of).items()}
    at = prediction.features_as_of or prediction.as_of
    return pa.table({**columns, AS_OF: pa.array([at], pa.timestamp("us", tz="UTC"))})


def _again(world: World, of: Version, prediction: Prediction) -> Mapping[str, Any]:
    """The features at the prediction's moment and snapshot. Raises PumphouseError where they can't be computed."""
    if of.request:
        raise PumphouseError("they come in part from the request")
    if None in prediction.entity.values():
        raise PumphouseError("it is about nobody by name")
    values = feature_values(feature_query(world, of.features), _moment(of, prediction))
    row: dict[str, Any] = values.to_pylist()[0]
    return row


def _input(lake: Lake, world: World, of: Version, prediction: Prediction, name: str, unknown: list[str]) -> TracedInput:
    nothing = TracedInput(table=name, version=None, rows=None, newest=(), files=(), upstream=())
    try:
        scan = world.scan(name)
        versions = lake.versions(snapshot=prediction.snapshot)
        time = input_time(name, scan.schema, world.assets)
    except PumphouseError as error:
        unknown.append(f"the rows of '{name}': {error}")
        return nothing
    at = versions.get(name)
    maker = _maker(lake, name, prediction.snapshot)
    upstream = tuple(_upstream(lake, maker)) if maker else ()
    if not set(of.entity) <= set(scan.schema.names) or None in prediction.entity.values():
        return TracedInput(table=name, version=_own(at), rows=None, newest=(), files=(), upstream=upstream)
    moment = exp.cast(
        exp.Literal.string((prediction.features_as_of or prediction.as_of).isoformat()),
        exp.DataType.Type.TIMESTAMPTZ,
        dialect="duckdb",
    )
    same = " AND ".join(f"i.{quoted(key)} = {literal(prediction.entity[key])}" for key in of.entity)
    where = f"{same} AND {visible(time, 'i', moment).sql('duckdb')}"
    shown = ", ".join(f"i.{quoted(column)}" for column in scan.columns)
    raw = "i._raw" if "_raw" in scan.schema.names else "NULL"
    text = f"""
    SELECT {shown}, CAST({raw} AS VARCHAR) AS _raw, count(*) OVER () AS _rows FROM {quoted(name)} i WHERE {where}
    ORDER BY i.{quoted(time.event)} DESC LIMIT {ROWS_MAX}
    """
    rows = world.engine.read(Query(text=text, inputs={name: scan})).read_all().to_pylist()
    files = dict.fromkeys(row["_raw"] for row in rows if row["_raw"])
    return TracedInput(
        table=name,
        version=_own(at),
        rows=rows[0]["_rows"] if rows else 0,
        newest=tuple({key: value for key, value in row.items() if key not in ("_raw", "_rows")} for row in rows),
        files=tuple(files)[:FILES_MAX],
        upstream=upstream,
    )


def _known_input(lake: Lake, prediction: Prediction, name: str) -> TracedInput:
    """What is known of an input without its snapshot: which build made it, from what."""
    made = [one.snapshot for one in lake.history(name) if name in one.writes and one.snapshot <= prediction.snapshot]
    maker = _maker(lake, name, prediction.snapshot)
    upstream = tuple(_upstream(lake, maker)) if maker else ()
    return TracedInput(
        table=name, version=made[-1] if made else None, rows=None, newest=(), files=(), upstream=upstream
    )


def _own(version: int | None) -> int | None:
    return None if version is None else place_of(version)[1]


def _maker(lake: Lake, table: str, snapshot: int) -> Build | None:
    return next((one for one in reversed(lake.history(table)) if one.snapshot <= snapshot), None)


def _upstream(lake: Lake, maker: Build) -> list[Upstream]:
    found = [Upstream(table=maker.asset, version=maker.snapshot, raw=maker.raw)] if maker.raw else []
    for one in readings(lake, maker):
        made = _maker(one.lake, one.table, one.snapshot)
        found.append(Upstream(table=one.table, version=one.snapshot, raw=made.raw if made else None))
    return found


def _outcomes(lake: Lake, rollout: Asset, prediction_id: str) -> tuple[dict[str, Any], ...]:
    table = outcomes_of(rollout.name)
    if not lake.has(table):
        return ()
    text = f"""
    SELECT outcome, happened_at, known_at, caller FROM told WHERE prediction_id = {literal(prediction_id)}
    ORDER BY known_at, outcome_id
    """
    return tuple(lake.engine.fork().read(Query(text=text, inputs={"told": lake.scan(table)})).read_all().to_pylist())
