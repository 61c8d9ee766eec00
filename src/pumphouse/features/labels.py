"""Labels: one table that holds the moments to train on and what came of each, once that is certain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pumphouse.declare.asset import Asset
from pumphouse.engines.misnamed import located
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError, did_you_mean
from pumphouse.features.moments import AS_OF
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built, Context

if TYPE_CHECKING:
    import pyarrow as pa


def build(asset: Asset, context: Context) -> Built:
    """Build a label's table: the entity, `as_of` (TIMESTAMPTZ), and a column named like the label.

    A moment whose label has not matured (`as_of` + `matures` lies after the start of `$today`) is left out and counted
    as dropped. Raises BuildError where a column is missing, KeyConflict where a moment comes twice or has no entity.
    """
    from pyarrow import compute

    query = context.query(asset.spec.text, *asset.inputs)
    try:
        given = context.engine.schema(query).names
    except BuildError as error:
        raise located(error, asset.spec.text, inputs=query.inputs, place=asset.place) from error.__cause__
    _refuse_missing(asset, given)
    horizon = context.start_of_today
    columns = ", ".join(f"CAST({AS_OF} AS TIMESTAMPTZ) AS {AS_OF}" if name == AS_OF else quoted(name) for name in given)
    mature = f"{AS_OF} + INTERVAL {literal(asset.spec.matures)} <= {literal(horizon)}"
    text = query.text.strip().rstrip(";")
    stream = context.engine.read(
        replace(query, text=f"SELECT *, {mature} AS _mature FROM (SELECT {columns} FROM ({text}\n))")
    )
    schema = stream.schema.remove(stream.schema.get_field_index("_mature"))
    rows_in = 0

    def certain() -> Iterator[pa.RecordBatch]:
        nonlocal rows_in
        for batch in stream:
            rows_in += batch.num_rows
            context.progress(rows_in)
            # A row without as_of passes, for the key's guard to name it.
            yield batch.filter(compute.fill_null(batch["_mature"], fill_value=True)).select(schema.names)

    commit = context.begin(asset)
    key = (*asset.spec.entity, AS_OF)
    written = context.lake.stage(certain(), schema, stem=f"{asset.name}_{uuid.uuid4().hex}", key=key)
    commit.replace(asset.name, written, key=key)
    dropped = rows_in - written.rows
    counts = Counts(rows_in=rows_in, rows_out=written.rows, dropped=dropped)
    note = f"{dropped:,} moments left out: {asset.spec.matures} have not passed at {horizon:%Y-%m-%d %H:%M %Z}"
    return Built.of(asset.name, commit.publish(counts), counts=counts, note=note if dropped else "")


def _refuse_missing(asset: Asset, given: list[str]) -> None:
    for name in (*asset.spec.entity, AS_OF, asset.name):
        if name not in given:
            raise BuildError(
                f"label '{asset.name}' selects no column '{name}'",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(name, given) or f"It has {', '.join(given)}; name one with AS {name}.",
            )
