"""Tables written in SQL: whole, or slice by slice."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.declare.tables import Sql
from pumphouse.engines.engine import Query, Scan
from pumphouse.engines.parameters import literal
from pumphouse.lake.context import Built, Context
from pumphouse.tables import slices
from pumphouse.tables.known import with_known_at
from pumphouse.tables.landing import land


def build(asset: Asset, context: Context) -> Built:
    """Run the query at the run's snapshot and commit what it gives. Raises BuildError, and what `land` raises."""
    spec: Sql = asset.spec
    scans = {name: context.scan(name) for name in asset.inputs}
    sliced, starts = _slices(asset, context, scans)
    window = context.window
    if starts == [] and window is None:
        return Built(asset=asset.name, snapshot=None, note="no slice changed")
    where = None
    if spec.slice and sliced:
        if window is not None:
            context = as_built_before(asset, context)
            where = slices.in_window(spec.slice.column, window)
            scans[sliced.input] = scans[sliced.input].where(slices.in_window(sliced.column, window))
        elif starts is not None:
            where = slices.condition(spec.slice.column, spec.slice, starts)
            reach = slices.condition(sliced.column, spec.slice, starts, lookback=spec.slice.lookback)
            scans[sliced.input] = scans[sliced.input].where(reach)
    if context.sample is not None:
        scans = {name: scan.sample(context.sample) for name, scan in scans.items()}
    query = query_of(asset, context, scans)
    if where is not None:
        query = replace(query, text=f"SELECT * FROM ({query.text.strip().rstrip(';')}\n) WHERE {where}")
    written = context.engine.write(query, folder=context.lake.staging(), stem=f"{asset.name}_{uuid.uuid4().hex}")
    context.progress(written.rows)
    rows_in = sum(context.lake.count(name, snapshot=context.snapshot) for name in asset.inputs)
    return land(asset, context, written, rows_in=rows_in, slice_where=where)


def query_of(asset: Asset, context: Context, scans: dict[str, Scan]) -> Query:
    """The asset's query over these scans, with `_known_at` where it can be derived."""
    spec: Sql = asset.spec
    columns = {name: tuple(scan.schema.names) for name, scan in scans.items()}
    text = with_known_at(spec.text, columns=columns, declared=asset.common.time.known)
    if text is None:
        text = spec.text
    inputs = {name: scan.for_text(text) for name, scan in scans.items()}
    plain = context.query(text)
    return Query(text=text, inputs=inputs, parameters=plain.parameters, functions=plain.functions)


def as_built_before(asset: Asset, context: Context) -> Context:
    """The context of a build that redoes a part: what the rest was made from stays on record, and stale if it was."""
    last = context.lake.builds().get(asset.name)
    return replace(context, fingerprint=last.fingerprint, inputs=last.inputs) if last else context


def _slices(asset: Asset, context: Context, scans: dict[str, Scan]) -> tuple[slices.Sliced | None, list[Any] | None]:
    """The sliced input and the slices to build; None instead of slices is a full build."""
    spec: Sql = asset.spec
    if spec.slice is None:
        return None, None
    columns = {name: scan.columns for name, scan in scans.items()}
    sliced = slices.sliced_input(asset, spec.text, spec.slice, columns)
    last = context.lake.builds().get(asset.name)
    if last is None or context.mode != "normal" or last.fingerprint != context.fingerprint:
        return sliced, None
    others = {name: version for name, version in context.inputs.items() if name != sliced.input}
    if any(last.inputs.get(name) != version for name, version in others.items()) or sliced.input not in last.inputs:
        return sliced, None
    starts = slices.changed_slices(context, asset, sliced, spec.slice, since=last.inputs[sliced.input])
    if starts and spec.slice.lookback:
        return sliced, None if None in starts else _reached(context, spec.slice.unit, starts, spec.slice.lookback)
    return sliced, starts


def _reached(context: Context, unit: str, starts: list[Any], lookback: int) -> list[Any]:
    """The slices that look back to a changed one."""
    listed = ", ".join(literal(start) for start in starts)
    rows = context.lake.engine.fork().execute(
        f"SELECT DISTINCT s + k * INTERVAL 1 {unit} AS reached FROM unnest([{listed}]) t(s), range({lookback + 1}) r(k)"
        " ORDER BY reached"
    )
    return [row[0] for row in rows]
