"""Building a delivery: what leaves the lake carries a key and is repeated until it matches its snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Delivery
from pumphouse.deliveries import folder, postgres, sqlite
from pumphouse.deliveries.parcel import Parcel, Receipt
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context
from pumphouse.lake.moments import moment

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"
"""The artefact that says what left the lake."""
POSTGRES = ("postgresql://", "postgres://")
POSTGRES_PORT = 5432


def build(asset: Asset, context: Context) -> Built:
    """The table handed over, and the lake's record of it. A target that holds it already is left alone.

    A run that dies between the two finds the target's own note the next time, and only records it.
    A sample is not handed to anybody. Raises BuildError where the table could not be handed over; what was delivered
    before is then as it was.
    """
    spec: Delivery = asset.spec
    if context.sample is not None:
        return Built(asset=asset.name, snapshot=None, note="a sample is not delivered")
    parcel = _parcel(asset, context)
    receipt = _deliver(asset, parcel, context)
    last = context.lake.builds().get(asset.name)
    if receipt.was_there and last is not None and last.detail.get("key") == parcel.key:
        return Built(asset=asset.name, snapshot=None, note=f"{spec.to} holds it already")
    manifest = json.dumps(receipt.manifest, indent=2, ensure_ascii=False).encode()
    commit = context.begin(asset)
    commit.detail(key=parcel.key)
    facts = {name: receipt.manifest[name] for name in ("to", "rows", "key", "made_at")}
    commit.artefact(MANIFEST, context.lake.blobs.put(manifest), facts, read_at=receipt.manifest["snapshot"])
    counts = Counts(rows_in=receipt.rows, rows_out=receipt.rows)
    committed = commit.publish(counts)
    said = f"{receipt.rows:,} row{'' if receipt.rows == 1 else 's'}"
    note = f"{spec.to} held {said} already" if receipt.was_there else f"{said} delivered to {spec.to}"
    return Built(asset=asset.name, snapshot=committed.snapshot if committed else None, counts=counts, note=note)


def _parcel(asset: Asset, context: Context) -> Parcel:
    spec: Delivery = asset.spec
    table = context.assets.get(spec.asset)
    order = f" ORDER BY {', '.join(map(quoted, table.common.key))}" if table and table.common.key else ""
    query = context.query(f"SELECT * FROM {quoted(spec.asset)}{order}", spec.asset)
    version = context.inputs.get(spec.asset) or context.lake.version(spec.asset, snapshot=context.snapshot)

    def rows() -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in context.engine.read(query):
            yield batch
            done += batch.num_rows
            context.progress(done)

    return Parcel(
        delivery=asset.name,
        table=spec.asset,
        to=spec.to,
        snapshot=context.snapshot,
        version=version,
        version_at=moment(context.lake, version),
        fingerprint=context.fingerprint,
        made_at=context.now,
        definition=table.common.doc.strip() if table else "",
        schema=context.engine.schema(query),
        rows=rows,
    )


def _deliver(asset: Asset, parcel: Parcel, context: Context) -> Receipt:
    """Hand it to the target that `to` names, where that takes the declared format."""
    spec: Delivery = asset.spec
    kind, _, rest = spec.to.partition(":")
    form = "csv" if kind == "folder" else "table"
    if spec.format != form and (kind in ("folder", "sqlite") or spec.to in context.connections):
        raise BuildError(
            f"'{spec.to}' takes no format '{spec.format}'",
            asset=asset.name,
            place=asset.place,
            mend=f'Write format="{form}".',
        )
    if _is_in_lake(spec.to, kind, rest, context):
        raise BuildError(
            f"'{spec.to}' is in the lake's own files, which nothing is delivered to",
            asset=asset.name,
            place=asset.place,
            mend="Deliver to another folder, file or database.",
        )
    if kind == "folder" and rest:
        return folder.deliver(parcel, folder=context.folder / rest, run=context.run)
    if kind == "sqlite" and rest:
        return sqlite.deliver(parcel, path=context.folder / rest)
    if spec.to in context.connections:
        connection = context.connection(spec.to)
        if connection.url.startswith(POSTGRES):
            return postgres.deliver(parcel, connection=connection)
        raise BuildError(
            f"connection '{spec.to}' is no database that takes deliveries",
            asset=asset.name,
            place=asset.place,
            mend="Its url begins with postgresql://.",
        )
    raise BuildError(
        f"there is nothing to deliver to called '{spec.to}'",
        asset=asset.name,
        place=asset.place,
        mend='Write to="folder:<path>", to="sqlite:<file>", or the name of a connection in pumphouse.toml.',
    )


def _is_in_lake(to: str, kind: str, rest: str, context: Context) -> bool:
    """Whether what is delivered to would be among the lake's files, or in the database of its catalogue."""
    lake = context.lake.location
    if kind in ("folder", "sqlite"):
        return (context.folder / rest).resolve().is_relative_to(lake.folder.resolve())
    if lake.catalogue is None or to not in context.connections:
        return False
    return _database(context.connection(to).url) == _database(lake.catalogue)


def _database(url: str) -> tuple[str | None, int, str]:
    """Host, port and name of the database that a PostgreSQL address names."""
    parts = urlsplit(url)
    return parts.hostname, parts.port or POSTGRES_PORT, parts.path.strip("/")
