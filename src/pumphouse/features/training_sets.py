"""Training sets: features and label at the moments a label asks about, as they were known then, at one snapshot."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pumphouse.declare.asset import Asset
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError
from pumphouse.features.fitted import refuse_filled
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
    refuse_without_request,
    value_columns,
)
from pumphouse.lake.context import Context

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

HELD_OUT_SHARE = 0.2
CERTAIN_AT = "_certain_at"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingData:
    """What `train: ph.TrainingSet` is. One row a moment, in the order of `as_of`, then entity."""

    rows: pa.Table
    """The entity, `as_of`, the feature columns and the label, exactly as computed; what is stored.

    The label is 0 or 1 for a chance, float64 for a number.
    """
    entity: tuple[str, ...]
    columns: tuple[str, ...]
    label: str
    task: Literal["chance", "number"]
    snapshot: int
    assumed: bool
    """Whether an input declares that its rows were known when their events happened."""
    unlabelled: int
    """Moments whose label is null; they are not among the rows."""
    moments: pa.Table
    """The entity, `as_of` and what requests bring along, in the order of the rows."""
    certain_at: pa.ChunkedArray
    """From when on each row's label is certain: `as_of` + `matures`."""
    X: pd.DataFrame = field(init=False)
    y: pd.Series[Any] = field(init=False)

    def __post_init__(self) -> None:
        import pandas as pd

        object.__setattr__(self, "X", frame(self.rows, self.columns))
        object.__setattr__(self, "y", pd.Series(self.rows[self.label].to_numpy(), name=self.label))

    def split(
        self, *, by: Literal["time", "entity"], share: float = HELD_OUT_SHARE
    ) -> tuple[TrainingData, TrainingData]:
        """Two sets, to learn from and to test on: about `share` of the rows are in the second. See ph.TrainingSet."""
        if by not in ("time", "entity"):
            raise ValueError(f"a training set is split by 'time' or by 'entity', not by {by!r}")
        if not 0 < share < 1:
            raise ValueError(f"the share of a split is above 0 and below 1, not {share!r}")
        parts = _by_time(self, share) if by == "time" else _by_entity(self, share)
        if not all(len(part.y) for part in parts):
            raise BuildError(
                f"the training set of {self.rows.num_rows:,} moments can't be split by {by}: one part would be empty",
                mend="Ask about more moments in the label: a row to learn from has to be certain (as_of + matures) "
                "before the first moment of the test."
                if by == "time"
                else "Ask about more entities in the label.",
            )
        return parts

    def filter(self, mask: pa.Array) -> TrainingData:
        """The rows where the mask is true."""
        return replace(
            self,
            rows=self.rows.filter(mask),
            moments=self.moments.filter(mask),
            certain_at=self.certain_at.filter(mask),
        )

    def parquet(self) -> bytes:
        """The rows as a Parquet file."""
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(self.rows, buffer, compression="zstd")
        return buffer.getvalue()


def training_set(context: Context, asset: Asset) -> TrainingData:
    """The training set of a model at the run's snapshot.

    Raises BuildError where a feature can't be computed point in time or reads what a fit filled, where the label is
    neither true and false nor a number, and where there is nothing to tell apart.
    """
    refuse_filled(asset, context.assets)
    label = context.assets[asset.spec.label]
    entity: tuple[str, ...] = label.spec.entity
    features = definitions(asset.spec.features, context.assets)
    columns = _columns(asset, label, features)
    world = World(engine=context.engine, scan=context.scan, assets=context.assets, functions=context.functions)
    query = feature_query(world, features)
    refuse_without_request(query, context.scan(label.name).columns, what=f"label '{label.name}'")
    named = ", ".join(map(quoted, (*entity, AS_OF, *query.request, label.name)))
    order = ", ".join(map(quoted, (AS_OF, *entity)))
    certain = f"{AS_OF} + INTERVAL {literal(label.spec.matures)} AS {CERTAIN_AT}"
    text = f"SELECT {named}, {certain} FROM {quoted(label.name)} ORDER BY {order}"
    labelled = context.engine.read(context.query(text, label.name)).read_all()
    known = labelled.filter(labelled[label.name].is_valid())
    task, outcome = _outcome(asset, label, known)
    moments = known.select([*entity, AS_OF, *query.request])
    values = feature_values(query, moments)
    # Both are in order of as_of, then entity: every moment of the label is there, once.
    assert values.select(query.keys).equals(moments.select(query.keys))
    return TrainingData(
        rows=values.append_column(label.name, outcome),
        entity=entity,
        columns=columns,
        label=label.name,
        task=task,
        snapshot=context.snapshot,
        assumed=any(is_assumed(name, context.assets) for name in input_names(features)),
        unlabelled=labelled.num_rows - known.num_rows,
        moments=moments,
        certain_at=known[CERTAIN_AT],
    )


def _by_time(data: TrainingData, share: float) -> tuple[TrainingData, TrainingData]:
    """The moments before a cut whose labels were certain by then, and those from the cut on."""
    import numpy as np
    from pyarrow import compute

    asked, counts = np.unique(data.moments[AS_OF].cast("int64").to_numpy(), return_counts=True)
    if len(asked) < 2:
        return data, data.filter(compute.is_null(data.certain_at))
    last = np.cumsum(counts[::-1])[::-1] / data.rows.num_rows  # the share of the rows from each moment on
    cut = asked[1 + int(np.argmin(np.abs(last[1:] - share)))]
    tested = compute.greater_equal(data.moments[AS_OF].cast("int64"), int(cut))
    certain = compute.less_equal(data.certain_at.cast("int64"), int(cut))
    return data.filter(compute.and_not(certain, tested)), data.filter(tested)


def _by_entity(data: TrainingData, share: float) -> tuple[TrainingData, TrainingData]:
    """An entity's value alone decides its part, by its hash."""
    import pyarrow as pa
    from pyarrow import compute

    limit = int(share * 2**64)
    texts = entity_texts(data.rows, data.entity)
    hashes = (hashlib.sha256(key.encode()).digest() for key in texts.dictionary.to_pylist())
    mask = pa.array([int.from_bytes(each[:8]) < limit for each in hashes], pa.bool_()).take(texts.indices)
    return data.filter(compute.invert(mask)), data.filter(mask)


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


def _outcome(asset: Asset, label: Asset, known: pa.Table) -> tuple[Literal["chance", "number"], pa.Array]:
    """What the label asks for, and its values: 0 and 1 where they are true and false, else numbers as float64."""
    import pyarrow as pa
    from pyarrow import compute

    column = known[label.name]
    kind = column.type
    found = {value.as_py() for value in compute.unique(column).slice(0, 3)}
    is_number = any(test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))
    if not is_number and not found <= {True, False}:
        examples = ", ".join(sorted(map(repr, found)))
        raise BuildError(
            f"label '{label.name}' has values other than true and false, and no numbers: {examples}",
            asset=label.name,
            place=label.place,
            mend="Make it a question with yes or no, amount > 0, or a number.",
        )
    if len(found) < 2:
        only = next(iter(found), None)
        always = bool(only) if only in (True, False) else only
        what = f"always {always}" if found else "without a moment that has matured"
        raise BuildError(
            f"model '{asset.name}' has nothing to learn: label '{label.name}' is {what}",
            asset=asset.name,
            place=asset.place,
            mend="Ask about more moments, or earlier ones.",
        )
    if found <= {True, False}:  # 1 and 0 are equal to them
        return "chance", column.cast(pa.int64())
    numbers = column.cast(pa.float64(), safe=False)
    if not compute.all(compute.is_finite(numbers)).as_py():
        raise BuildError(
            f"label '{label.name}' has values that are not finite numbers",
            asset=label.name,
            place=label.place,
            mend="Make them null where nobody will ever know: nullif(x, 'nan').",
        )
    return "number", numbers
