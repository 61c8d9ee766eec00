"""Parquet files that are read where they are, here or on object storage, with columns and filters pushed down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.files.listing import matching, parts_of
from pumphouse.sources.files.places import is_stored, storage


def dataset(asset: Asset, *, folder: Path, connection: Connection | None) -> Any:  # a pyarrow Dataset
    """All files that match now, as one table; the names of folders such as `year=2026` are columns.

    Raises SourceError where there are none, where one is no Parquet, or where a declared column is not there.
    """
    from pyarrow.dataset import dataset as of_files
    from pyarrow.fs import LocalFileSystem

    if is_stored(asset.spec.pattern):
        place = storage(asset, connection)
        scheme, _, _ = asset.spec.pattern.partition("://")
        system, paths = place.system, [one.name.removeprefix(f"{scheme}://") for one in place.matching()]
        base = parts_of(asset.spec.pattern.removeprefix(f"{scheme}://"))[0]
    else:
        system, base = LocalFileSystem(), str(folder)
        paths = [str(folder / one.name) for one in matching(asset, folder)]
    try:
        found = of_files(paths, filesystem=system, format="parquet", partitioning="hive", partition_base_dir=base)
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(
            f"'{asset.spec.pattern}' can't be read as Parquet: {str(error).splitlines()[0].replace(str(folder), '')}",
            asset=asset.name,
            place=asset.place,
            mend="Is each file whole, and of the same columns?",
        ) from error
    for name in asset.spec.columns:
        if name not in found.schema.names:
            raise SourceError(
                f"'{asset.spec.pattern}' has no column '{name}'",
                asset=asset.name,
                place=asset.place,
                mend=f"It has {', '.join(found.schema.names)}.",
            )
    return found
