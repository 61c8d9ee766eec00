"""The tables of a lake as whoever reads them is told of them."""

from __future__ import annotations

from collections.abc import Mapping

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.errors import PumphouseError
from pumphouse.lake.column_docs import docs_of
from pumphouse.lake.lake import Lake
from pumphouse.sources.external.tables import ExternalTables
from pumphouse_client.descriptions import Column, Description


def descriptions(assets: Mapping[str, Asset], lake: Lake, external: ExternalTables) -> dict[str, Description]:
    """Every table of the newest snapshot, and every external one that can be reached, by its name, in order."""
    snapshot = lake.snapshot()
    found = {}
    for name in sorted(lake.versions(snapshot=snapshot)):
        asset = assets.get(name)
        docs = docs_of(lake, name, snapshot=snapshot)
        found[name] = Description(
            name=name,
            doc=asset.common.doc if asset else "",
            key=asset.common.key if asset else (),
            columns=tuple(
                Column(name=field.name, type=str(field.type), doc=docs.get(field.name, ""))
                for field in lake.schema(name, snapshot=snapshot)
                if field.name not in HIDDEN_COLUMNS
            ),
        )
    for name in external.names:
        try:
            schema = external.scan(name, snapshot=snapshot).schema
        except PumphouseError:
            continue  # whoever reads it is told why
        columns = tuple(Column(name=field.name, type=str(field.type)) for field in schema)
        common = assets[name].common
        found[name] = Description(name=name, doc=common.doc, key=common.key, columns=columns)
    return dict(sorted(found.items()))
