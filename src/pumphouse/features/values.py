"""Feature values at moments: one query joins all features of a model, for training, for batch and for one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Engine, Query, Scan, SqlFunction, called_in
from pumphouse.engines.misnamed import located
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError
from pumphouse.features.fixed_order import sums_in
from pumphouse.features.moments import AS_OF, MOMENTS
from pumphouse.features.point_in_time import (
    EXPIRES,
    FeatureDefinition,
    FeatureInput,
    compile_feature,
    expiring_columns,
    feature_shape,
)
from pumphouse.features.times import becomes_known_in_order, input_time, visible
from pumphouse.lake.times import EventTime

if TYPE_CHECKING:
    import pyarrow as pa


_REQUEST_TYPES: Mapping[str, str] = {"BIGINT": "int64", "DOUBLE": "float64", "BOOLEAN": "bool", "VARCHAR": "string"}
"""The Arrow types of what a request may bring."""


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
            request=assets[name].spec.request,
        )
        for name in names
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureQuery:
    """The features of one model over one world, read and checked once, to be asked about any moments."""

    world: World
    features: tuple[FeatureDefinition, ...]
    entity: tuple[str, ...]
    columns: tuple[str, ...]
    """The columns that are the features' values, in order."""
    inputs: Mapping[str, Scan]
    times: Mapping[str, EventTime]
    text: str
    request: Mapping[str, str]
    """Columns that moments have to bring beside the keys, each with its SQL type: what comes with a request."""
    ground: Mapping[str, FeatureInput]
    """What is known of each input."""
    expiring: tuple[str, ...]
    """The columns that come from an ASOF join with a time to live."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tell one moment from another."""
        return (*self.entity, AS_OF)


def feature_query(world: World, features: Sequence[FeatureDefinition], *, expiries: bool = False) -> FeatureQuery:
    """One query for all the features. Raises BuildError where one of them can't be computed point in time.

    With `expiries`, `feature_values` gives a column `<column>__expires_at` (TIMESTAMPTZ) after the values for each of
    `query.expiring`: the first moment at which the row it was read from no longer counts, also where that lies before
    `as_of` already; null where no row was ever seen. The values are the same with and without. So at a read at `now`: a
    value whose `expires_at` is not after `now` has expired; what it would be then, the next computation says.
    """
    columns = value_columns(features)
    entity = features[0].entity
    inputs = {name: world.scan(name) for name in input_names(features)}
    times = {name: input_time(name, scan.schema, world.assets) for name, scan in inputs.items()}
    ground = {
        name: FeatureInput(
            time=times[name],
            columns=scan.columns,
            in_order=becomes_known_in_order(name, times[name], world.assets),
        )
        for name, scan in inputs.items()
    }
    expiring = tuple(column for feature in features for column in expiring_columns(feature, ground))
    parts, joins = [], []
    values, ends = [], []  # each with its feature's name: moments may have a column of the same name, from the request
    for number, feature in enumerate(features):
        exact = _exact_arguments(world, feature, inputs)
        parts.append(f"feature_{number} AS ({compile_feature(feature, ground, expiries=expiries, exact=exact)})")
        on = " AND ".join(f"feature_{number}.{quoted(key)} = moments.{quoted(key)}" for key in (*entity, AS_OF))
        joins.append(f"LEFT JOIN feature_{number} ON {on}")
        values += [f"feature_{number}.{quoted(column)}" for column in feature_shape(feature).values]
        if expiries:
            ends += [f"feature_{number}.{quoted(column + EXPIRES)}" for column in expiring_columns(feature, ground)]
    own = ", ".join(f"moments.{quoted(key)}" for key in (*entity, AS_OF))
    order = ", ".join(f"moments.{quoted(key)}" for key in (AS_OF, *entity))
    return FeatureQuery(
        world=world,
        features=tuple(features),
        entity=entity,
        columns=columns,
        inputs=inputs,
        times=times,
        request=request_columns(features),
        ground=ground,
        expiring=expiring,
        text=f"WITH {', '.join(parts)} SELECT {own}, {', '.join((*values, *ends))} "
        f"FROM {MOMENTS} {' '.join(joins)} ORDER BY {order}",
    )


def feature_values(query: FeatureQuery, moments: pa.Table) -> pa.Table:
    """One row for each moment: the entity, `as_of`, and the value columns, null where a feature has no row for it.

    `moments` holds the entity's columns, `as_of` (TIMESTAMPTZ) and the columns of `query.request`, each moment once;
    the result is in their order of `as_of`, then entity. Raises BuildError where a feature gives two rows for one
    moment, and where what comes with a request is missing or of another type.
    """
    moments = _with_request(query, moments)
    if moments.group_by(list(query.keys)).aggregate([]).num_rows != moments.num_rows:
        # Grouping would melt the two into one that counts every row of the inputs twice.
        raise BuildError("a moment is asked about twice", asset=query.features[0].name, mend="Give each moment once.")
    values = _read(query, query.text, moments)
    if values.num_rows != moments.num_rows:
        raise _more_rows(query, moments)
    return values


def entities_query(query: FeatureQuery, *, as_of: datetime) -> Query:
    """A moment for every entity that any of the features' inputs knew at `as_of`: the entity's columns and `as_of`."""
    keys = ", ".join(map(quoted, query.entity))
    at = exp.cast(exp.Literal.string(as_of.isoformat()), exp.DataType.Type.TIMESTAMPTZ, dialect="duckdb")
    tables = " UNION ALL ".join(
        f"SELECT {keys} FROM {quoted(name)} AS i WHERE {visible(query.times[name], 'i', at).sql('duckdb')}"
        for name in _with_entity(query)
    )
    present = " AND ".join(f"{quoted(key)} IS NOT NULL" for key in query.entity)
    text = f"SELECT DISTINCT {keys}, {literal(as_of)} AS {AS_OF} FROM ({tables}) WHERE {present} ORDER BY {keys}"
    return Query(text=text, inputs=query.inputs)


def known_entities(query: FeatureQuery, moments: pa.Table) -> pa.Table:
    """The moments whose entity any of the features' inputs knew by then: the entity's columns and `as_of`."""
    as_of = exp.column(AS_OF, table="m", quoted=True)
    own = ", ".join(f"m.{quoted(key)}" for key in (*query.entity, AS_OF))
    found = " OR ".join(
        f"EXISTS (SELECT 1 FROM {quoted(name)} AS i WHERE "
        + " AND ".join(f"i.{quoted(key)} = m.{quoted(key)}" for key in query.entity)
        + f" AND {visible(query.times[name], 'i', as_of).sql('duckdb')})"
        for name in (_with_entity(query) if query.inputs else ())  # what comes from a request alone knows nobody
    )
    return _read(query, f"SELECT {own} FROM {MOMENTS} AS m WHERE {found or False}", moments)


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


def request_columns(features: Sequence[FeatureDefinition]) -> dict[str, str]:
    """What moments have to bring for the features beside their keys. Raises BuildError where two differ in a type."""
    found: dict[str, tuple[str, FeatureDefinition]] = {}
    for feature in features:
        for name, kind in feature.request:
            before = found.setdefault(name.lower(), (name, feature))[1]
            if dict(before.request).get(name) != kind:
                raise BuildError(
                    f"features '{before.name}' and '{feature.name}' don't agree on what '{name}' of a request is",
                    asset=feature.name,
                    place=feature.place,
                    mend="Declare it with the same name and type in both.",
                )
    return {name: kind for feature in features for name, kind in feature.request}


def _exact_arguments(world: World, feature: FeatureDefinition, inputs: Mapping[str, Scan]) -> tuple[str, ...]:
    """The arguments of a feature's sums that are whole numbers or decimals: these are exact in any order."""
    import pyarrow as pa

    select = feature_shape(feature).select
    arguments = sums_in(select)
    if not arguments:
        return ()
    moments = empty_moments(feature, inputs)
    tables = [f"{MOMENTS} AS {quoted(select.args['from_'].this.alias_or_name)}"]
    tables += [
        f"{quoted(join.this.name)} AS {quoted(join.this.alias_or_name)}" for join in select.args.get("joins") or []
    ]
    found = []
    for argument in arguments:
        asked = f"SELECT {argument} AS argument FROM {', '.join(tables)}"
        functions = called_in(asked, world.functions)
        query = Query(text=asked, inputs=inputs, tables=moments, functions=functions)
        try:
            kind = world.engine.schema(query).field(0).type
        except BuildError:  # Then the feature itself says what is wrong; an order in its sums does no harm.
            continue
        if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind):
            found.append(argument)
    return tuple(found)


def empty_moments(feature: FeatureDefinition, inputs: Mapping[str, Scan]) -> dict[str, pa.Table]:
    """No moment, for a query of which only the types are asked: an entity has that of its column in an input."""
    import pyarrow as pa

    schemas = [scan.schema for scan in inputs.values()]
    keys = {
        key: next((schema.field(key).type for schema in schemas if key in schema.names), pa.string())
        for key in feature.entity
    }
    kinds = {**keys, AS_OF: pa.timestamp("us", tz="UTC")}
    kinds |= {name: pa.type_for_alias(_REQUEST_TYPES[kind.upper()]) for name, kind in feature.request}
    return {MOMENTS: pa.table({name: pa.array([], kind) for name, kind in kinds.items()})}


def refuse_without_request(query: FeatureQuery, given: Sequence[str], *, what: str) -> None:
    """Raise BuildError where the features need more of a request than the columns at hand; `what` lacks them."""
    if missing := [name for name in query.request if name not in given]:
        features = [each.name for each in query.features if {name for name, _ in each.request} & set(missing)]
        raise BuildError(
            f"{what} has no {', '.join(missing)}, which {', '.join(features)} takes from the request",
            asset=query.features[0].name,
            place=query.features[0].place,
            mend=f"Give {', '.join(f'{name} ({query.request[name]})' for name in missing)} with each moment.",
        )


def input_names(features: Sequence[FeatureDefinition]) -> tuple[str, ...]:
    """The tables that the features read, each once."""
    return tuple(dict.fromkeys(name for feature in features for name in feature_shape(feature).inputs))


def _read(query: FeatureQuery, text: str, moments: pa.Table) -> pa.Table:
    functions = called_in(text, query.world.functions)
    asked = Query(text=text, inputs=query.inputs, tables={MOMENTS: moments}, functions=functions)
    try:
        return query.world.engine.read(asked).read_all()
    except BuildError as error:
        raise _of_feature(query, error) from error


def _of_feature(query: FeatureQuery, error: BuildError) -> BuildError:
    """The error with the feature that it is about, where one of them can't be computed over any moments."""
    for feature in query.features:
        text = compile_feature(feature, query.ground)
        tables = empty_moments(feature, query.inputs)
        functions = called_in(text, query.world.functions)
        try:
            query.world.engine.schema(Query(text=text, inputs=query.inputs, tables=tables, functions=functions))
        except BuildError as fault:
            told = located(fault, feature.text, inputs=query.inputs, place=feature.place)
            return BuildError(
                f"feature '{feature.name}': {told.what}", asset=feature.name, place=told.place, mend=told.mend
            )
    return error


def _with_request(query: FeatureQuery, moments: pa.Table) -> pa.Table:
    """The moments with what comes with a request in the types that are declared, and nothing else beside their keys."""
    import pyarrow as pa

    refuse_without_request(query, moments.column_names, what="a moment")
    arrays = {name: moments[name] for name in query.keys}
    for name, kind in query.request.items():
        try:
            arrays[name] = moments[name].cast(_REQUEST_TYPES[kind.upper()])
        except pa.ArrowException as error:
            raise BuildError(
                f"'{name}' of a request is {kind}, not {moments[name].type}: {str(error).splitlines()[0]}",
                asset=query.features[0].name,
                mend=f"CAST({name} AS {kind}) where the moments are made.",
            ) from error
    return pa.table(arrays)


def _with_entity(query: FeatureQuery) -> list[str]:
    found = [name for name, scan in query.inputs.items() if set(query.entity) <= set(scan.schema.names)]
    if not found:
        names = ", ".join(feature.name for feature in query.features)
        raise BuildError(
            f"no input of {names} has the entity's columns {', '.join(query.entity)}",
            asset=query.features[0].name,
            place=query.features[0].place,
            mend="Join at least one table that names the entity.",
        )
    return found


def _more_rows(query: FeatureQuery, moments: pa.Table) -> BuildError:
    """The error that names the feature and a moment for which it gives more than one row."""
    names = ", ".join(map(quoted, query.keys))
    for feature in query.features:
        rows = compile_feature(feature, query.ground)
        text = f"SELECT {names}, count(*) AS n FROM ({rows}) GROUP BY {names} HAVING n > 1 LIMIT 1"
        found: list[dict[str, Any]] = _read(query, text, moments).to_pylist()
        if found:
            where = ", ".join(f"{key} = {found[0][key]}" for key in query.keys)
            return BuildError(
                f"feature '{feature.name}' gives {found[0]['n']} rows for one moment, {where}",
                asset=feature.name,
                place=feature.place,
                mend="GROUP BY the entity and as_of, and aggregate the rest.",
            )
    raise AssertionError("a feature without two rows for a moment can't add rows")
