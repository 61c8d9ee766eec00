"""What a project's declarations read of earlier snapshots, and so pins them. What is not declared any more pins none.

A result that has to outlive its snapshots keeps its own inputs, and pins none either: a model its training set, a
verdict its samples, a report its page and rows, a prediction its feature values (decision 38).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pumphouse.declare.asset import Asset
from pumphouse.declare.checks import RowCount, Steady
from pumphouse.declare.facts import Search
from pumphouse.declare.tables import Check
from pumphouse.indexes.manifest import needed
from pumphouse.lake.expiry import Pin
from pumphouse.lake.forgotten import readings
from pumphouse.lake.lake import Lake
from pumphouse.lake.pinning import Need, pins

_KEEPS_INPUTS = ("scores",)
"""Kinds of tables whose rows have what they were made from with them."""


def pinned(lake: Lake, assets: Mapping[str, Asset]) -> list[Pin]:
    """The snapshots that have to stay, each with why; some more than once."""
    return pins(lake, [*_of_tables(lake, assets), *_of_checks(lake, assets), *_of_indexes(lake, assets)])


def undeclared_indexes(lake: Lake, assets: Mapping[str, Asset]) -> dict[str, int]:
    """The bytes in the folders of indexes that are not declared any more."""
    folder = lake.folder / "indexes"
    left = [one for one in folder.iterdir() if one.is_dir() and one.name not in assets] if folder.is_dir() else []
    return {one.name: sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in sorted(left)}


def _of_tables(lake: Lake, assets: Mapping[str, Asset]) -> Iterator[Need]:
    """What each table as it stands was made from, directly and through others."""
    for name, build in lake.builds().items():
        if name in assets and assets[name].makes_table and assets[name].kind not in _KEEPS_INPUTS:
            for one in readings(lake, build):
                if one.lake is lake:
                    yield Need(table=one.table, snapshot=one.snapshot, why=f"{one.table} that {name} was made from")


def _of_indexes(lake: Lake, assets: Mapping[str, Asset]) -> Iterator[Need]:
    """The tables of indexes as they were when the last run read them: the next one goes on from there."""
    for index, snapshots in needed(lake).items():
        if index in assets and isinstance(assets[index].spec, Search):
            table = assets[index].spec.table
            for one in snapshots:
                yield Need(table=table, snapshot=one, why=f"{table} where the index {index} goes on")


def _of_checks(lake: Lake, assets: Mapping[str, Asset]) -> Iterator[Need]:
    """The earlier versions that checks compare a table with."""
    for name, asset in assets.items():
        if not isinstance(asset.spec, Check):
            continue
        match asset.spec.condition:
            case RowCount(within=within, builds=builds) if within is not None:
                back = builds
            case Steady(builds=builds):
                back = builds
            case _:
                continue
        for snapshot in lake.changes(asset.spec.asset)[-back:]:
            yield Need(table=asset.spec.asset, snapshot=snapshot, why=f"{asset.spec.asset} that {name} compares with")
