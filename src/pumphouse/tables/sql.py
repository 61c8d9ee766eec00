"""Tables written in SQL: whole, or slice by slice."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from pumphouse.declare.asset import Asset, Slice
from pumphouse.declare.tables import Sql
from pumphouse.engines.engine import Query, Scan
from pumphouse.engines.misnamed import located
from pumphouse.engines.parameters import literal
from pumphouse.errors import BuildError
from pumphouse.lake.context import Built, Context
from pumphouse.tables import slices
from pumphouse.tables.known import KNOWN, with_declared, with_derived
from pumphouse.tables.landing import land
from pumphouse.tables.slices import Part, Sliced


def build(asset: Asset, context: Context) -> Built:
    """Run the query at the run's snapshot and commit what it gives.

    Raises BuildError, with the line where a name is that is not there, and what `land` raises.
    """
    scans = {name: context.scan(name) for name in asset.inputs}
    sliced, part = _sliced(asset, context, scans)
    if part is not None and part.is_nothing:
        return Built(asset=asset.name, snapshot=None, note="no slice changed")
    if sliced is not None and part is not None:
        if part.window is not None:
            context = slices.as_built_before(asset, context)
        scans[sliced.input] = scans[sliced.input].where(part.reach(sliced.column))
    if context.sample is not None:
        scans = {name: scan.sample(context.sample) for name, scan in scans.items()}
    try:
        query = query_of(asset, context, scans)
        if part is not None:
            query = replace(query, text=f"SELECT * FROM ({query.text}\n) WHERE {part.where()}")
        written = context.engine.write(query, folder=context.lake.staging(), stem=f"{asset.name}_{uuid.uuid4().hex}")
    except BuildError as error:
        raise located(error, asset.spec.text, inputs=scans, place=asset.place) from error.__cause__
    context.progress(written.rows)
    rows_in = sum(context.lake.count(name, snapshot=context.snapshot) for name in asset.inputs)
    return land(asset, context, written, rows_in=rows_in, part=part)


def query_of(asset: Asset, context: Context, scans: dict[str, Scan]) -> Query:
    """The asset's query over these scans, with `_known_at` where the author says it or it can be derived."""
    text = asset.spec.text.strip().rstrip(";")
    if asset.common.time.known is not None or KNOWN in text:
        schema = context.engine.schema(_query(context, scans, text))
        if asset.common.time.known is not None or KNOWN in schema.names:
            return _query(context, scans, with_declared(text, schema, asset))
    columns = {name: tuple(scan.schema.names) for name, scan in scans.items()}
    return _query(context, scans, with_derived(text, columns=columns) or text)


def _query(context: Context, scans: dict[str, Scan], text: str) -> Query:
    return replace(context.query(text), inputs={name: scan.for_text(text) for name, scan in scans.items()})


def _sliced(asset: Asset, context: Context, scans: dict[str, Scan]) -> tuple[Sliced | None, Part | None]:
    """The sliced input and the part of the table to build; None instead of a part is a full build."""
    spec: Sql = asset.spec
    if spec.slice is None:
        return None, None
    sliced = slices.sliced_input(asset, spec.text, spec.slice, {name: scan.columns for name, scan in scans.items()})
    last = context.lake.builds().get(asset.name)
    if last is None:
        return sliced, None
    if context.window is not None:
        return sliced, Part(slice=spec.slice, window=context.window)
    if context.mode != "normal" or last.fingerprint != context.fingerprint:
        return sliced, None
    others = {name: version for name, version in context.inputs.items() if name != sliced.input}
    if any(last.inputs.get(name) != version for name, version in others.items()) or sliced.input not in last.inputs:
        return sliced, None
    starts = slices.changed_slices(context, sliced, spec.slice, since=last.inputs[sliced.input])
    if starts and spec.slice.lookback:
        starts = None if None in starts else _reached(context, spec.slice, starts)
    return sliced, None if starts is None else Part(slice=spec.slice, starts=tuple(starts))


def _reached(context: Context, slice: Slice, starts: list[Any]) -> list[Any]:
    """The slices that look back to a changed one."""
    listed = ", ".join(literal(start) for start in starts)
    rows = context.lake.engine.fork().execute(
        f"SELECT DISTINCT s + k * INTERVAL 1 {slice.unit} AS reached"
        f" FROM unnest([{listed}]) t(s), range({slice.lookback + 1}) r(k) ORDER BY reached"
    )
    return [row[0] for row in rows]
