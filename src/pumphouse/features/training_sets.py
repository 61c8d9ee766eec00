"""Training sets: features and label at the moments a label asks about, as they were known then, at one snapshot."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError
from pumphouse.features.frames import frame
from pumphouse.features.moments import AS_OF, entity_texts
from pumphouse.features.point_in_time import FeatureDefinition
from pumphouse.features.times import is_assumed
from pumphouse.features.values import (
    World,
    definitions,
    feature_query,
    feature_values,
    input_names,
    value_columns,
)
from pumphouse.lake.context import Context

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

HELD_OUT_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData:
    """What `train: ph.TrainingSet` is. One row a moment, in the order of `as_of`, then entity."""

    rows: pa.Table
    """The entity, `as_of`, the feature columns and the label (0 or 1), exactly as computed; what is stored."""
    entity: tuple[str, ...]
    columns: tuple[str, ...]
    label: str
    snapshot: int
    assumed: bool
    """Whether an input declares that its rows were known when their events happened."""
    unlabelled: int
    """Moments whose label is null; they are not among the rows."""
    X: pd.DataFrame = field(init=False)
    y: pd.Series[int] = field(init=False)
    moments: pa.Table = field(init=False)

    def __post_init__(self) -> None:
        import pandas as pd

        object.__setattr__(self, "X", frame(self.rows, self.columns))
        object.__setattr__(self, "y", pd.Series(self.rows[self.label].to_numpy(), name=self.label))
        object.__setattr__(self, "moments", self.rows.select([*self.entity, AS_OF]))

    def parquet(self) -> bytes:
        """The rows as a Parquet file."""
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(self.rows, buffer, compression="zstd")
        return buffer.getvalue()


def training_set(context: Context, asset: Asset) -> TrainingData:
    """The training set of a model at the run's snapshot.

    Raises BuildError where a feature can't be computed point in time, where the label is not binary, and where there
    is nothing to tell apart.
    """
    label = context.assets[asset.spec.label]
    entity: tuple[str, ...] = label.spec.entity
    features = definitions(asset.spec.features, context.assets)
    columns = _columns(asset, label, features)
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    keys = ", ".join(map(quoted, (*entity, AS_OF)))
    order = ", ".join(map(quoted, (AS_OF, *entity)))
    text = f"SELECT {keys}, {quoted(label.name)} FROM {quoted(label.name)} ORDER BY {order}"
    labelled = context.engine.read(context.query(text, label.name)).read_all()
    known = labelled.filter(labelled[label.name].is_valid())
    outcome = _binary(asset, label, known)
    moments = known.select([*entity, AS_OF])
    values = feature_values(feature_query(world, features), moments)
    assert values.select(moments.column_names).equals(moments)  # both are in order of as_of, then entity
    return TrainingData(
        rows=values.append_column(label.name, outcome),
        entity=entity,
        columns=columns,
        label=label.name,
        snapshot=context.snapshot,
        assumed=any(is_assumed(name, context.assets) for name in input_names(features)),
        unlabelled=labelled.num_rows - known.num_rows,
    )


def split(data: TrainingData) -> tuple[TrainingData, TrainingData]:
    """The set in two, by entity: about four fifths and one fifth. An entity's value alone decides its part."""
    import pyarrow as pa
    from pyarrow import compute

    limit = int(HELD_OUT_SHARE * 2**64)
    keys = entity_texts(data.rows, data.entity)
    held = {key: int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) < limit for key in set(keys)}
    mask = pa.array([held[key] for key in keys], pa.bool_())
    return (
        replace(data, rows=data.rows.filter(compute.invert(mask))),
        replace(data, rows=data.rows.filter(mask)),
    )


def _columns(asset: Asset, label: Asset, features: Sequence[FeatureDefinition]) -> tuple[str, ...]:
    if not features:
        raise BuildError(
            f"model '{asset.name}' has no features", asset=asset.name, place=asset.place, mend='features=["..."]'
        )
    columns = value_columns(features)
    if features[0].entity != label.spec.entity:
        raise BuildError(
            f"model '{asset.name}' has features about {', '.join(features[0].entity)} "
            f"and a label about {', '.join(label.spec.entity)}",
            asset=asset.name,
            place=asset.place,
            mend="Both are about one entity.",
        )
    if label.name.lower() in (column.lower() for column in columns):
        raise BuildError(
            f"a feature of model '{asset.name}' is called '{label.name}', like its label",
            asset=asset.name,
            place=asset.place,
            mend="Rename it with AS.",
        )
    return columns


def _binary(asset: Asset, label: Asset, known: pa.Table) -> pa.Array:
    """The label as 0 and 1."""
    import pyarrow as pa
    from pyarrow import compute

    column = known[label.name]
    found = {value.as_py() for value in compute.unique(column).slice(0, 3)}
    if not found <= {True, False}:  # 1 and 0 are equal to them
        examples = ", ".join(sorted(map(repr, found)))
        raise BuildError(
            f"label '{label.name}' has values other than true and false: {examples}",
            asset=label.name,
            place=label.place,
            mend="Make it a question with yes or no: amount > 0.",
        )
    if len(found) < 2:
        what = f"always {bool(found.pop())}" if found else "without a moment that has matured"
        raise BuildError(
            f"model '{asset.name}' has nothing to learn: label '{label.name}' is {what}",
            asset=asset.name,
            place=asset.place,
            mend="Ask about more moments, or earlier ones.",
        )
    return column.cast(pa.int64())
