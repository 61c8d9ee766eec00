"""Exposures: who met the experiment, and when first. On disk before the arm is told; in the lake once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.experiments.assignment import arms_of, assign, unit_text
from pumphouse.lake.context import Built
from pumphouse.lake.lake import Lake
from pumphouse.lake.streams import EVENTS_PER_BATCH, flush

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One unit's first exposure, as it is logged."""

    unit: str
    arm: str
    exposed_at: datetime


def exposures_of(experiment: str) -> str:
    """The name of the table with an experiment's exposures."""
    return f"{experiment}__exposures"


def stream_of(experiment: str) -> str:
    """The stream of the lake's state in which an experiment's exposures are logged."""
    return f"exposures/{experiment}"


def expose(lake: Lake, experiment: Asset, unit: int | str, *, now: datetime) -> str:
    """The arm of a unit that meets the experiment now. Its first exposure is on disk when this returns."""
    exposure = _exposure(experiment, unit, now)
    lake.state.append(stream_of(experiment.name), [_event(exposure)])
    return exposure.arm


def expose_all(lake: Lake, experiment: Asset, units: Iterable[tuple[int | str, datetime]]) -> int:
    """Log many first exposures with their times, as when history is replayed; how many were given."""
    given, coming = 0, iter(units)
    while batch := [_event(_exposure(experiment, unit, at)) for unit, at in islice(coming, EVENTS_PER_BATCH)]:
        lake.state.append(stream_of(experiment.name), batch)
        given += len(batch)
    return given


def flush_exposures(lake: Lake, experiment: Asset, *, run: str, actor: str, accept_schema: bool = False) -> Built:
    """Move exposures that were logged since the last time into the table `<experiment>__exposures`.

    One row a unit: the unit as text, under the name of the unit's column, `arm`, `exposed_at`.
    """
    schema = _schema(experiment.spec.unit)
    return flush(
        lake,
        stream_of(experiment.name),
        table=exposures_of(experiment.name),
        key=(experiment.spec.unit,),
        decode=_decode,
        schema_of=lambda _: schema,
        batch_of=_batch,
        said="units exposed",
        run=run,
        actor=actor,
        accept_schema=accept_schema,
    )


def _exposure(experiment: Asset, unit: int | str, at: datetime) -> Exposure:
    return Exposure(unit=unit_text(unit), arm=assign(experiment.name, unit, arms_of(experiment)), exposed_at=at)


def _event(exposure: Exposure) -> tuple[str, str]:
    return exposure.unit, msgspec.json.encode(exposure).decode()


def _schema(unit: str) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(unit, pa.string()), ("arm", pa.string()), ("exposed_at", pa.timestamp("us", tz="UTC"))])


def _decode(body: str) -> Exposure:
    return msgspec.json.decode(body, type=Exposure)


def _batch(exposures: Sequence[Exposure], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = (
        pa.array([each.unit for each in exposures], pa.string()),
        pa.array([each.arm for each in exposures], pa.string()),
        pa.array([each.exposed_at for each in exposures], schema.field("exposed_at").type),
    )
    return pa.RecordBatch.from_arrays(list(columns), schema=schema)
