"""Feature values at moments: one query joins all features of a model, for training, for batch and for one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Engine, Query, Scan, SqlFunction
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError
from pumphouse.features.moments import AS_OF, MOMENTS
from pumphouse.features.point_in_time import FeatureDefinition, compile_feature, feature_shape
from pumphouse.features.times import InputTime, input_time

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The tables at one snapshot, the engine that reads them, and the assets that say what their columns mean."""

    engine: Engine
    scan: Callable[[str], Scan]
    assets: Mapping[str, Asset]
    functions: tuple[SqlFunction, ...] = ()


def definitions(names: Sequence[str], assets: Mapping[str, Asset]) -> tuple[FeatureDefinition, ...]:
    """The features of these names as they are declared now."""
    return tuple(
        FeatureDefinition(
            name=name,
            text=assets[name].spec.text,
            entity=assets[name].spec.entity,
            fingerprint=assets[name].fingerprint,
            place=assets[name].place,
        )
        for name in names
    )


def value_columns(features: Sequence[FeatureDefinition]) -> tuple[str, ...]:
    """The columns that the features give, in order. Raises BuildError where two give the same or differ in entity."""
    owner: dict[str, str] = {}
    for feature in features:
        if feature.entity != features[0].entity:
            raise BuildError(
                f"feature '{feature.name}' is about {', '.join(feature.entity)}, "
                f"'{features[0].name}' about {', '.join(features[0].entity)}",
                asset=feature.name,
                place=feature.place,
                mend="Features of one model are about one entity.",
            )
        for column in feature_shape(feature).values:
            if column.lower() in (each.lower() for each in owner):
                raise BuildError(
                    f"features '{owner.get(column, feature.name)}' and '{feature.name}' both give '{column}'",
                    asset=feature.name,
                    place=feature.place,
                    mend="Rename one with AS.",
                )
            owner[column] = feature.name
    return tuple(owner)


def feature_values(world: World, features: Sequence[FeatureDefinition], moments: pa.Table) -> pa.Table:
    """One row for each moment: the entity, `as_of`, and the value columns, null where a feature has no row for it.

    `moments` holds the entity's columns and `as_of` (TIMESTAMPTZ), each moment once; the result is in their order of
    `as_of`, then entity. Raises BuildError where a feature gives two rows for one moment.
    """
    columns = value_columns(features)
    inputs, times = _inputs(world, features)
    keys = (*features[0].entity, AS_OF)
    if moments.group_by(list(keys)).aggregate([]).num_rows != moments.num_rows:
        # Grouping would melt the two into one that counts every row of the inputs twice.
        raise BuildError("a moment is asked about twice", asset=features[0].name, mend="Give each moment once.")
    parts, joins = [], []
    for number, feature in enumerate(features):
        parts.append(f"feature_{number} AS ({compile_feature(feature, times)})")
        on = " AND ".join(f"feature_{number}.{quoted(key)} = moments.{quoted(key)}" for key in keys)
        joins.append(f"LEFT JOIN feature_{number} ON {on}")
    own = ", ".join(f"moments.{quoted(key)}" for key in keys)
    order = ", ".join(f"moments.{quoted(key)}" for key in (AS_OF, *features[0].entity))
    text = (
        f"WITH {', '.join(parts)} SELECT {own}, {', '.join(map(quoted, columns))} "
        f"FROM {MOMENTS} {' '.join(joins)} ORDER BY {order}"
    )
    query = Query(text=text, inputs=inputs, tables={MOMENTS: moments}, functions=_called(world, text))
    values = world.engine.read(query).read_all()
    if values.num_rows != moments.num_rows:
        raise _more_rows(world, features, moments, keys)
    return values


def entities_query(world: World, features: Sequence[FeatureDefinition], *, as_of: datetime) -> Query:
    """A moment for every entity that any of the features' inputs knew at `as_of`: the entity's columns and `as_of`."""
    inputs, times = _inputs(world, features)
    entity = features[0].entity
    keys = ", ".join(map(quoted, entity))
    at = exp.cast(exp.Literal.string(as_of.isoformat()), exp.DataType.Type.TIMESTAMPTZ, dialect="duckdb")
    tables = " UNION ALL ".join(
        f"SELECT {keys} FROM {quoted(name)} AS i WHERE {times[name].visible('i', at).sql('duckdb')}"
        for name in _with_entity(features, inputs)
    )
    present = " AND ".join(f"{quoted(key)} IS NOT NULL" for key in entity)
    text = f"SELECT DISTINCT {keys}, {literal(as_of)} AS {AS_OF} FROM ({tables}) WHERE {present} ORDER BY {keys}"
    return Query(text=text, inputs=inputs)


def is_known(world: World, features: Sequence[FeatureDefinition], moment: pa.Table) -> bool:
    """Whether any of the features' inputs knew the entity of a single moment at that moment."""
    inputs, times = _inputs(world, features)
    as_of = exp.column(AS_OF, table="m", quoted=True)
    found = " OR ".join(
        f"EXISTS (SELECT 1 FROM {quoted(name)} AS i WHERE "
        + " AND ".join(f"i.{quoted(key)} = m.{quoted(key)}" for key in features[0].entity)
        + f" AND {times[name].visible('i', as_of).sql('duckdb')})"
        for name in _with_entity(features, inputs)
    )
    query = Query(text=f"SELECT {found} AS known FROM {MOMENTS} AS m", inputs=inputs, tables={MOMENTS: moment})
    return bool(world.engine.read(query).read_all()["known"][0].as_py())


def input_names(features: Sequence[FeatureDefinition]) -> tuple[str, ...]:
    """The tables that the features read, each once."""
    return tuple(dict.fromkeys(name for feature in features for name in feature_shape(feature).inputs))


def _inputs(world: World, features: Sequence[FeatureDefinition]) -> tuple[dict[str, Scan], dict[str, InputTime]]:
    scans = {name: world.scan(name) for name in input_names(features)}
    return scans, {name: input_time(name, scan.schema, world.assets) for name, scan in scans.items()}


def _called(world: World, text: str) -> tuple[SqlFunction, ...]:
    return tuple(function for function in world.functions if f"{function.name}(" in text.lower())


def _with_entity(features: Sequence[FeatureDefinition], inputs: Mapping[str, Scan]) -> list[str]:
    entity = features[0].entity
    found = [name for name, scan in inputs.items() if set(entity) <= set(scan.schema.names)]
    if not found:
        names = ", ".join(feature.name for feature in features)
        raise BuildError(
            f"no input of {names} has the entity's columns {', '.join(entity)}",
            asset=features[0].name,
            place=features[0].place,
            mend="Join at least one table that names the entity.",
        )
    return found


def _more_rows(
    world: World, features: Sequence[FeatureDefinition], moments: pa.Table, keys: tuple[str, ...]
) -> BuildError:
    """The error that names the feature and a moment for which it gives more than one row."""
    inputs, times = _inputs(world, features)
    names = ", ".join(map(quoted, keys))
    for feature in features:
        rows = compile_feature(feature, times)
        text = f"SELECT {names}, count(*) AS n FROM ({rows}) GROUP BY {names} HAVING n > 1 LIMIT 1"
        query = Query(text=text, inputs=inputs, tables={MOMENTS: moments}, functions=_called(world, text))
        found: list[dict[str, Any]] = world.engine.read(query).read_all().to_pylist()
        if found:
            where = ", ".join(f"{key} = {found[0][key]}" for key in keys)
            return BuildError(
                f"feature '{feature.name}' gives {found[0]['n']} rows for one moment, {where}",
                asset=feature.name,
                place=feature.place,
                mend="GROUP BY the entity and as_of, and aggregate the rest.",
            )
    raise AssertionError("a feature without two rows for a moment can't add rows")
