"""Taking a stream of messages: all of it on disk, and looked through once, before any table is built from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.declare.sources import mode
from pumphouse.errors import SourceError
from pumphouse.lake.lake import Lake
from pumphouse.sources.messages.protocols import chunks

EVENTS_AT_ONCE = 1_000
SAID_CHARACTERS_MAX = 500


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of messages as the lake's state keeps it."""

    sha: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a stream of messages held."""

    records: dict[str, int]
    """How many of each stream."""
    unread: tuple[str, ...]
    """Streams that no asset declares: stored, and in no table."""
    state: Any  # JSON
    """The last STATE: what a tap is given back to go on from."""
    is_new: bool
    """False where these very messages were the last that arrived."""


def arrivals_of(asset: str) -> str:
    """The stream of the lake's state in which arrivals for an asset are kept."""
    return f"messages/{asset}"


def receive(lake: Lake, assets: Sequence[Asset], stream: IO[bytes], *, complete: bool = False) -> Received:
    """Store a stream of messages for the tables that read it; they are on disk when this returns.

    The same messages twice in a row are one arrival. Raises SourceError where a source said that it failed, where there
    is no message in it, and where it may be cut off: a table that has no cursor becomes what arrives, so that a stream
    for it has to end with a STATE, unless `complete` says that it is all.
    """
    name = assets[0].variable or assets[0].name
    sha, size_bytes = lake.blobs.put_stream(stream)
    records: Counter[str] = Counter()
    state, ends_with_state, lines = None, False, 0
    for chunk in chunks(lake.blobs.path(sha)):
        if chunk.failure is not None:
            raise SourceError(
                f"the source says that it failed: {chunk.failure[:SAID_CHARACTERS_MAX]}",
                asset=name,
                mend="Mend it there and send again.",
            )
        records.update({stream: len(rows) for stream, rows in chunk.records.items()})
        lines += len(chunk.strange)
        state = chunk.state if chunk.state is not None else state
        ends_with_state = chunk.ends_with_state if chunk.ends_with_state is not None else ends_with_state
    if not records and state is None:
        raise SourceError(
            f"what arrived holds no message of Singer or Airbyte: {size_bytes:,} bytes, {lines:,} other lines",
            asset=name,
            mend="A message is a JSON object a line, as a tap writes it.",
        )
    whole = [one.name for one in assets if mode(key=one.common.key, cursor=one.spec.cursor) in ("replace", "compare")]
    if whole and not ends_with_state and not complete:
        raise SourceError(
            f"what arrived does not end with a STATE, so it may be cut off, and {', '.join(whole)} would become that",
            asset=name,
            mend="Where it is all, say so: pumphouse receive --complete. Where it is what changed, declare a cursor.",
        )
    declared = {one.spec.stream for one in assets}
    newly = [_append(lake, one.name, Arrival(sha=sha, size_bytes=size_bytes)) for one in assets]
    return Received(
        records=dict(records),
        unread=tuple(sorted(records.keys() - declared)),
        state=state,
        is_new=any(newly),
    )


def _append(lake: Lake, asset: str, arrival: Arrival) -> bool:
    """Note an arrival, unless it is the same as the one before; whether it was noted."""
    last, after = "", 0
    while events := lake.state.events(arrivals_of(asset), after=after, limit=EVENTS_AT_ONCE):
        after, last = events[-1].seq, msgspec.json.decode(events[-1].body, type=Arrival).sha
    if last == arrival.sha:
        return False
    lake.state.append(arrivals_of(asset), [(f"{after}:{arrival.sha}", msgspec.json.encode(arrival).decode())])
    return True
