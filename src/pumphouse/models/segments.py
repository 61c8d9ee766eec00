"""For whom a rollout's predictions were good: the gain against the guess, by what was known of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.errors import PumphouseError
from pumphouse.features.moments import AS_OF
from pumphouse.lake.lake import Lake
from pumphouse.models.intervals import Mean, mean_of
from pumphouse.models.seen import SAMPLE_MAX, Seen

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FEATURES_MAX = 10
"""Features by which people are told apart, the first ones of the model."""
VALUES_MAX = 5
"""Texts that are segments, the most frequent ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The gain against the guess among some of the rows. All segments' intervals together hold in 95 of 100 cases."""

    by: str
    value: str
    gain: Mean
    said: float
    came: float


def segments(lake: Lake, what: Seen, rows: pa.Table, gains: NDArray[np.float64]) -> tuple[Segment, ...]:
    """The gain by whether the entity was known, by how it was asked, and by the thirds and values of features.

    Features are looked at for up to SAMPLE_MAX rows, as they are computed at this snapshot; none where they can't be.
    """
    chosen = [*_plain(rows, gains), *_by_features(what, rows, gains)]
    looks = max(1, len(chosen))
    return tuple(
        Segment(
            by=by,
            value=value,
            gain=mean_of(of, mine["entity"].to_numpy(), looks=looks),
            said=float(mine["chance"].to_numpy().mean()),
            came=float(mine["outcome"].to_numpy().mean()),
        )
        for by, value, mine, of in chosen
    )


_Chosen = tuple[str, str, "pa.Table", "NDArray[np.float64]"]


def _plain(rows: pa.Table, gains: NDArray[np.float64]) -> list[_Chosen]:
    known = rows["known_entity"].to_numpy(zero_copy_only=False).astype(bool)
    served = rows["latency_ms"].is_valid().to_numpy()
    fallback = rows["fallback"].is_valid().to_numpy()
    found = []
    for by, parts in (
        ("entity", {"known": known, "unknown": ~known}),
        ("asked", {"one by one": served, "for everybody": ~served}),
        ("answered by", {"its version": ~fallback, "the fallback": fallback}),
    ):
        if all(part.any() for part in parts.values()):  # else it is everybody
            found += [(by, value, rows.filter(part), gains[part]) for value, part in parts.items()]
    return found


def _by_features(what: Seen, rows: pa.Table, gains: NDArray[np.float64]) -> list[_Chosen]:
    import numpy as np
    import pyarrow as pa

    numbered = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    order = np.argsort(rows["entity"].to_numpy(), kind="stable")[:SAMPLE_MAX]
    sample = numbered.take(np.sort(order))
    try:
        values = what.features_at(sample)
    except PumphouseError:
        return []
    keys = [*what.entity, AS_OF]
    joined = sample.join(values.cast(_as(values, sample, keys)), keys=keys, join_type="inner").sort_by("row")
    places = joined["row"].to_numpy()
    found: list[_Chosen] = []
    for name in list(what.version.columns)[:FEATURES_MAX]:
        for value, part in _parts(what, name, joined[name]).items():
            if part.any():
                found.append((name, value, rows.take(places[part]), gains[places[part]]))
    return found


def _parts(what: Seen, name: str, values: pa.ChunkedArray) -> dict[str, NDArray[np.bool_]]:
    """Which rows are in which part: thirds of the training set, frequent values of text, and the missing."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    valid = values.is_valid().to_numpy()
    missing = {} if valid.all() else {"missing": ~valid}
    if what.version.columns[name] == "text":
        frequent = sorted(compute.value_counts(values.drop_null()).to_pylist(), key=lambda one: -one["counts"])
        return {
            one["values"]: compute.fill_null(compute.equal(values, one["values"]), fill_value=False).to_numpy()
            for one in frequent[:VALUES_MAX]
        } | missing
    numbers = values.cast(pa.float64(), safe=False).to_numpy()
    learned = what.training[name].cast(pa.float64(), safe=False).to_numpy()
    learned = learned[~np.isnan(learned)]
    if not len(learned):
        return missing
    low, high = np.quantile(learned, [1 / 3, 2 / 3])
    with np.errstate(invalid="ignore"):
        if low == high:
            return {f"up to {low:,.4g}": numbers <= low, f"above {low:,.4g}": numbers > low} | missing
        return {
            f"up to {low:,.4g}": numbers <= low,
            f"{low:,.4g} to {high:,.4g}": (numbers > low) & (numbers <= high),
            f"above {high:,.4g}": numbers > high,
        } | missing


def _as(values: pa.Table, sample: pa.Table, keys: list[str]) -> pa.Schema:
    """The schema in which both can be joined: the keys' types of the sample."""
    import pyarrow as pa

    return pa.schema(
        [
            (field.name, sample.schema.field(field.name).type if field.name in keys else field.type)
            for field in values.schema
        ]
    )
