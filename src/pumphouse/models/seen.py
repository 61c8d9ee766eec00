"""What a rollout's predictions were made of: the table, the newest live version, and features at any of its moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import Query, Scan
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import PumphouseError
from pumphouse.features.moments import AS_OF
from pumphouse.features.values import FeatureQuery, World, feature_query, feature_values
from pumphouse.lake.lake import Lake
from pumphouse.models.learned_from import training_rows
from pumphouse.models.predictions import predictions_of
from pumphouse.models.registry import Version, parse_version, version

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_MAX = 10_000
"""Predictions whose features are looked at, always the same ones of a table."""
WINDOW = "30 days"
"""How long before the newest prediction "now" begins."""


@dataclass(frozen=True, kw_only=True)  # with a __dict__, where what was read once is kept
class Seen:
    """The predictions of a rollout at one snapshot, and the version that gave the newest live one."""

    lake: Lake
    world: World
    predictions_scan: Scan
    rollout: Asset
    version: Version
    first: datetime
    last: datetime
    predictions: int

    @property
    def entity(self) -> tuple[str, ...]:
        """The entity's columns."""
        return tuple(self.version.entity)

    @property
    def keys(self) -> str:
        """SQL: the entity's columns."""
        return ", ".join(map(quoted, self.entity))

    @property
    def is_recent(self) -> str:
        """SQL: whether a prediction is of the window that ends with the newest."""
        return f"{AS_OF} > {literal(self.last)} - INTERVAL '{WINDOW}'"

    def read(self, text: str) -> pa.Table:
        """What a query over `predictions` gives."""
        query = Query(text=text, inputs={"predictions": self.predictions_scan})
        return self.world.engine.read(query).read_all()

    @cached_property
    def training(self) -> pa.Table:
        """The training set of the version."""
        return training_rows(self.lake, self.version)

    @cached_property
    def query(self) -> FeatureQuery:
        """The features of the version at this snapshot. Raises PumphouseError where they can't be computed any more."""
        return feature_query(self.world, self.version.features)

    def features_at(self, moments: pa.Table) -> pa.Table:
        """The version's features at moments (the entity's columns and `as_of`), each once, in the order of both.

        Raises PumphouseError where they can't be computed.
        """
        if self.version.request:
            raise PumphouseError(
                f"the features of {self.version.name} come in part from requests, so they can't be computed afterwards"
            )
        own = moments.select([*self.entity, AS_OF]).group_by([*self.entity, AS_OF]).aggregate([])
        known = own.filter(own[self.entity[0]].is_valid())
        return feature_values(self.query, known.cast(_types(self, known)))


def seen(lake: Lake, world: World, rollout: Asset) -> Seen | None:
    """What was predicted; None where nothing was."""
    scan = world.scan(predictions_of(rollout.name))
    text = f"""
    SELECT coalesce(arg_max(version, {AS_OF}) FILTER (role IS NULL OR role = 'live'), max(version)) AS by,
           min({AS_OF}) AS first, max({AS_OF}) AS last, count(*) AS predictions FROM predictions
    """
    (told,) = world.engine.read(Query(text=text, inputs={"predictions": scan})).read_all().to_pylist()
    if not told["predictions"]:
        return None
    return Seen(
        lake=lake,
        world=world,
        predictions_scan=scan,
        rollout=rollout,
        version=version(lake, *parse_version(told["by"])),
        first=told["first"],
        last=told["last"],
        predictions=told["predictions"],
    )


def _types(what: Seen, moments: pa.Table) -> pa.Schema:
    import pyarrow as pa

    kinds = {name: pa.type_for_alias(kind) for name, kind in what.version.entity.items()}
    return pa.schema([(name, kinds.get(name, pa.timestamp("us", tz="UTC"))) for name in moments.column_names])
