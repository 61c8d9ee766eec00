"""A feature as people read it: about whom, what it gives in which type, what it needs of a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from pumphouse.engines.engine import Query
from pumphouse.errors import PumphouseError
from pumphouse.features.moments import AS_OF
from pumphouse.features.point_in_time import feature_shape
from pumphouse.features.values import World, definitions, empty_moments, feature_query


def feature_text(world: World, name: str) -> str:
    """The lines of one feature. Types are those of its inputs as they are now; unknown before these are built."""
    return "\n".join(_lines(world, name))


def _lines(world: World, name: str) -> Iterator[str]:
    (feature,) = definitions([name], world.assets)
    yield f"about {', '.join(feature.entity)} at {AS_OF}"
    for column, kind in feature.request:
        yield f"needs {column} {kind} of the request"
    try:
        query = feature_query(world, [feature])
        asked = Query(
            text=query.text, inputs=query.inputs, tables=empty_moments(feature, query.inputs), functions=world.functions
        )
        schema = world.engine.schema(asked)
        for column in query.columns:
            expires = ", expires" if column in query.expiring else ""
            yield f"gives {column} ({schema.field(column).type}{expires})"
    except PumphouseError as error:
        with suppress(PumphouseError):  # then it is the reason that is said below
            yield f"gives {', '.join(feature_shape(feature).values)}"
        yield f"can't be asked now: {error}"
    yield f"fingerprint {feature.fingerprint}"
