"""What a feature sees of an input: rows whose event had happened and was known at the moment asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlglot import exp

from pumphouse.declare.asset import GATHERED, Asset
from pumphouse.errors import BuildError
from pumphouse.lake.times import EventTime, event_column, form_of

if TYPE_CHECKING:
    import pyarrow as pa

KNOWN_AT = "_known_at"


def visible(time: EventTime, alias: str, as_of: exp.Expression) -> exp.Expression:
    """The condition that a row's event had happened and was known at `as_of` (law 6).

    A row of which nobody can say when it was known (null) is never visible.
    """
    known = exp.column(KNOWN_AT, table=alias, quoted=True)
    return exp.And(this=time.happened(alias, as_of), expression=exp.LTE(this=known, expression=as_of.copy()))


def input_time(name: str, schema: pa.Schema, assets: Mapping[str, Asset]) -> EventTime:
    """The time of an input with this schema. Raises BuildError where its event or when it was known can't be told."""
    import pyarrow as pa

    place = assets[name].place if name in assets else None
    event = event_column(name, assets)
    if event is None or event not in schema.names:
        raise BuildError(
            f"a feature can't use '{name}': nothing says which of its columns is the time of a row's event",
            asset=name,
            place=place,
            mend='Declare it: time = { event = "<column>" }, or select the event\'s column of its input unchanged.',
        )
    if KNOWN_AT not in schema.names:
        raise BuildError(
            f"a feature can't use '{name}': when its rows were known can't be derived from its inputs",
            asset=name,
            place=place,
            mend=f"Select when a row was known, from its inputs' {KNOWN_AT}, and declare that column: "
            'time = { event = "...", known = "..." }.',
        )
    kind = schema.field(event).type
    form = form_of(kind)
    if form is None or kind == pa.timestamp("ns", tz=getattr(kind, "tz", None)):
        raise BuildError(
            f"a feature can't use '{name}': its event column '{event}' is {kind}, not a date or a time in microseconds",
            asset=name,
            place=place,
            mend=f"Cast it where '{name}' is made.",
        )
    return EventTime(event=event, form=form)


def becomes_known_in_order(name: str, time: EventTime, assets: Mapping[str, Asset]) -> bool:
    """Whether an input's rows are known in the order of their events, because a source declares the two to be one.

    A table made by SQL or Python may select a `_known_at` of its own; a source with history knows several versions of
    one event; times without a zone may come twice when clocks change: of none of them it is certain.
    """
    asset = assets.get(name)
    if asset is None or time.form == "timestamp":
        return False
    if asset.kind == "clean" and asset.inputs:
        return becomes_known_in_order(asset.inputs[0], time, assets)
    declared = asset.common.time
    is_source = asset.kind in GATHERED
    has_history = bool(getattr(asset.spec, "history", False))
    return is_source and not has_history and declared.event is not None and declared.event == declared.known


def is_assumed(name: str, assets: Mapping[str, Asset]) -> bool:
    """Whether a table or anything it was made from declares that its rows were known when their events happened."""
    asset = assets.get(name)
    if asset is None:
        return False
    time = asset.common.time
    if time.event is not None and time.event == time.known:
        return True
    # A Python table may read its own previous version.
    return any(is_assumed(each, assets) for each in asset.inputs if each != name)
