"""What a version learned from, as it was: its training set is kept with it, whatever left the lake since."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pumphouse.lake.forgotten import people_hidden_since
from pumphouse.lake.lake import Lake
from pumphouse.models.registry import Version

if TYPE_CHECKING:
    import pyarrow as pa


def training_rows(lake: Lake, version: Version, *, columns: list[str] | None = None) -> pa.Table:
    """The rows that a version learned from: the entity, `as_of`, its features and the label, exactly as computed."""
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(lake.blobs.get(version.training_set)), columns=columns)


def people_hidden_since_training(lake: Lake, version: Version) -> int:
    """How many people were hidden since who were in what a version was trained on, or may have been."""
    trained = (build for build in lake.history(version.model) if build.detail.get("version") == version.number)
    entity = list(version.entity)
    return sum(
        people_hidden_since(lake, build, kept=lambda: training_rows(lake, version, columns=entity)) for build in trained
    )
