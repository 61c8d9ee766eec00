"""Predictions: what was said about whom, by which version, seen at which snapshot; one table for each rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pumphouse.errors import BuildError, PumphouseError
from pumphouse.features.frames import column_forms, frame
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import FeatureQuery, World, feature_query
from pumphouse.lake.lake import Lake
from pumphouse.models.estimators import load, predictions
from pumphouse.models.registry import Version

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


Role = Literal["live", "canary", "challenger"]
FeaturesFrom = Literal["lake", "online", "request"]
"""Computed from the lake for this request, read from the online store, or all given in the request."""


def predictions_of(rollout: str) -> str:
    """The name of the table with all predictions of a rollout."""
    return f"{rollout}__predictions"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature did to a prediction: how much higher it is than with the feature's typical value."""

    feature: str
    value: float | str | None
    typical: float | str | None
    contribution: float


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `features` are what the model was asked with; an entity that nobody knows yet is answered as well."""

    id: str
    entity: Mapping[str, Any]  # values of the entity's columns
    as_of: datetime
    prediction: float
    version: str
    shadow_prediction: float | None
    shadow_version: str | None
    snapshot: int
    features: Mapping[str, float | str | None]
    known_entity: bool
    role: Role = "live"
    """Which arm of the rollout the entity is in. `version` is who answered, also where that was the fallback."""
    fallback: str | None = None
    """Why the declared fallback answered: "time", "error"; None where the arm's own version did."""
    features_from: FeaturesFrom = "lake"
    features_as_of: datetime | None = None
    """The moment that the features describe; None: `as_of` itself."""
    latency_ms: float | None = None
    """From request to answer; None for scores."""
    caller: str | None = None
    """Who asked."""
    reasons: tuple[Reason, ...] = ()
    """What the prediction was made of, where it was asked for, the largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedVersion:
    """A version with its estimator in memory."""

    version: Version
    estimator: Any  # as its format loads it


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyVersion:
    """A loaded version with the query of its features over one world."""

    version: Version
    estimator: Any  # as its format loads it
    query: FeatureQuery

    def answers(self, values: pa.Table) -> pa.Array:
        """The chance for each row of feature values. Raises BuildError where a type is no longer the trained one."""
        import pyarrow as pa

        self.check(values)
        return pa.array(self.said(frame(values, self.query.columns)), pa.float64())

    def said(self, inputs: pd.DataFrame) -> NDArray[np.float64]:
        """What the estimator says of each row of a frame of feature values."""
        return predictions(self.estimator, inputs, format=self.version.format, task=self.version.task)

    def check(self, values: pa.Table) -> None:
        """Raise BuildError where the type of a feature's values is no longer the trained one."""
        forms = column_forms(values.schema, self.query.columns)
        changed = [name for name in forms if forms[name] != self.version.columns[name]]
        if changed:
            raise BuildError(
                f"{self.version.name} can't be asked: the type of {', '.join(changed)} is not what it was trained with",
                asset=self.version.model,
                mend=f"Train it anew: pumphouse run {self.version.model}",
            )


def loaded(lake: Lake, version: Version) -> LoadedVersion:
    """The version, read from its blob. Raises LakeError where the bytes are not what was stored."""
    return LoadedVersion(version=version, estimator=load(lake.blobs.get(version.sha), format=version.format))


def ready(held: LoadedVersion, world: World) -> ReadyVersion:
    """A version that can be asked in a world, by the features' text that it was trained with."""
    return ReadyVersion(
        version=held.version, estimator=held.estimator, query=feature_query(world, held.version.features)
    )


def ready_shadow(held: LoadedVersion | None, world: World) -> ReadyVersion | None:
    """A shadow that can be asked in a world; None without one, or where the world no longer has what it reads."""
    try:
        return ready(held, world) if held else None
    except PumphouseError:
        return None


def entity_types(version: Version) -> dict[str, pa.DataType]:
    """The entity's columns with their types."""
    import pyarrow as pa

    return {name: pa.type_for_alias(kind) for name, kind in version.entity.items()}


def prediction_schema(version: Version) -> pa.Schema:
    """The columns of a rollout's predictions. `features` is JSON; scores of earlier versions of Pumphouse have none."""
    import pyarrow as pa

    return pa.schema(
        [
            ("prediction_id", pa.string()),
            *entity_types(version).items(),
            (AS_OF, pa.timestamp("us", tz="UTC")),
            ("prediction", pa.float64()),
            ("version", pa.string()),
            ("shadow_prediction", pa.float64()),
            ("shadow_version", pa.string()),
            ("snapshot", pa.int64()),
            ("known_entity", pa.bool_()),
            ("features", pa.string()),
            ("role", pa.string()),
            ("fallback", pa.string()),
            ("features_from", pa.string()),
            ("features_as_of", pa.timestamp("us", tz="UTC")),
            ("latency_ms", pa.float64()),
            ("caller", pa.string()),
        ]
    )


def encode(prediction: Prediction) -> str:
    """The prediction as the JSON text that is logged before it is answered."""
    return _ENCODER.encode(prediction).decode()


def decode(text: str) -> Prediction:
    """The prediction in a logged text."""
    return _DECODER.decode(text)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Prediction)
