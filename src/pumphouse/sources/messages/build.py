"""Messages that arrived and are stored become rows of the tables that declare their streams."""

from __future__ import annotations

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.declare.messages import Messages
from pumphouse.declare.sources import mode
from pumphouse.errors import SourceError, did_you_mean
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake
from pumphouse.sources.fetch import Exchange, Visit, newest_visit
from pumphouse.sources.landing import gather
from pumphouse.sources.messages.protocols import chunks, kinds_of
from pumphouse.sources.messages.receiving import Arrival, arrivals_of
from pumphouse.sources.spool import Spool

ARRIVALS_MAX = 1_000
"""Streams that one build reads; the next one goes on."""
_NAMED = "arrival "


def build(asset: Asset, context: Context) -> Built:
    """The records of one stream, of all that arrived since the last build.

    Where all that arrives is the whole table (no cursor), only the last that arrived counts.
    """
    spec: Messages = asset.spec

    def read(visit: Visit, spool: Spool) -> None:
        spool.has_every_column = False
        exchanges = visit.recorded.manifest.exchanges if visit.recorded else _arrived(asset, context)
        streams: set[str] = set()
        for exchange in exchanges:
            visit.note(exchange)
            streams |= _read(asset, visit, exchange, spool)
            if spool.is_full:
                break
        if exchanges and spec.stream not in streams:
            spool.warnings.append(
                f"no message of stream '{spec.stream}' came; there were {', '.join(sorted(streams)) or 'none at all'}."
                f" {did_you_mean(spec.stream, streams)}".rstrip()
            )

    return gather(asset, context, read, cursor=spec.cursor, history=spec.history)


def waits(asset: Asset, lake: Lake) -> bool:
    """Whether messages arrived that no build has read."""
    return bool(lake.state.events(arrivals_of(asset.name), after=_last_read(asset, lake), limit=1))


def _arrived(asset: Asset, context: Context) -> list[Exchange]:
    """What arrived since the last build, or, to fetch all again, the last that arrived."""
    lake = context.lake
    after = 0 if context.mode == "refetch" else _last_read(asset, lake)
    events = lake.state.events(arrivals_of(asset.name), after=after, limit=ARRIVALS_MAX)
    if not events and asset.name not in lake.tables():
        raise SourceError(
            f"nothing has arrived for '{asset.name}' yet",
            asset=asset.name,
            place=asset.place,
            mend=f"Send it messages: tap-... | pumphouse receive {asset.variable or asset.name}",
        )
    is_whole = mode(key=asset.common.key, cursor=asset.spec.cursor) in ("replace", "compare") and not asset.spec.history
    found = []
    for event in events[-1:] if is_whole else events:
        arrival = msgspec.json.decode(event.body, type=Arrival)
        address = f"{_NAMED}{event.seq}"
        found.append(Exchange(method="ROWS", address=address, sha=arrival.sha, size_bytes=arrival.size_bytes))
    return found


def _last_read(asset: Asset, lake: Lake) -> int:
    last = newest_visit(lake.history(asset.name), lake.blobs)
    read = last.manifest.exchanges if last else ()
    return max((int(one.address.removeprefix(_NAMED)) for one in read), default=0)


def _read(asset: Asset, visit: Visit, exchange: Exchange, spool: Spool) -> set[str]:
    """Read one arrival into the spool; the streams that it has."""
    stream, seen = asset.spec.stream, set()
    for chunk in chunks(visit.place(exchange).path):
        seen |= chunk.records.keys() | chunk.schemas.keys()
        if stream in chunk.schemas:
            spool.declare(kinds_of(chunk.schemas[stream]))
        for line in chunk.strange:
            spool.ledger.row(
                row_id=f"{exchange.sha[:12]}:{line.number}",
                original=line.text,
                reason=f"line {line.number:,} of the messages {line.why}",
            )
        if records := chunk.records.get(stream):
            spool.add_rows(records, raw=exchange.sha)
        if spool.is_full:
            break
    return seen
