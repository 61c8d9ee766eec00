"""One visit to the outside world, and what is kept of it: every answer's bytes, and a manifest that lists them.

A visit asks the world (live) or answers from an earlier manifest (recorded). The code that reads is the same for both,
so a source can be built again, also by changed code, without asking anybody.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from pumphouse.declare.asset import Asset
from pumphouse.errors import LakeError, SourceError, UnknownName
from pumphouse.lake.blobs import Blobs
from pumphouse.lake.builds import Build
from pumphouse.lake.context import Context
from pumphouse.lake.packs import Place

STEPS_MAX = 32
"""Of manifests that are told by earlier ones; then one is written whole again."""
SAMPLE_EXCHANGES_MAX = 50
"""What a sample may ask, however few rows it was answered: requests, files, tables, batches of rows."""

Method = Literal["GET", "POST", "FILE", "TABLE", "ROWS", "KEYS"]

TICK = timedelta(microseconds=1)
"""The least that two times are apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was asked, and which stored bytes were the answer. It holds no secret: sign-in is added below this layer."""

    method: Method
    address: str
    """An address, a file relative to the project's folder, a table, or the number of a batch of rows."""
    sha: str
    size_bytes: int
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    pack: str = ""
    """The pack that holds the bytes, where they have no file of their own, and where in it they begin."""
    offset: int = 0
    at: datetime | None = None
    """When these bytes came, where that was an earlier visit than the one that lists them."""
    sent: str = ""
    """The stored bytes that were sent along, for POST."""
    about: dict[str, Any] = field(default_factory=dict)  # JSON
    """What the kind that asked wants to find again: of which row it was asked, and which version of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What one build was made from: the exchanges of one visit, or, for a rebuild, the manifests of several."""

    at: datetime
    cursor: Any = None  # a number or text: how far all was read before
    begins: Any = None  # where the visit began, if that is before the cursor
    whole: bool
    """Whether the table's content was this and nothing before it."""
    base: str = ""
    """The address of the connection then: a source that has moved since is rebuilt as it was."""
    readers: str = ""
    """By which version of its readers they were read, where a reader says so."""
    exchanges: tuple[Exchange, ...] = ()
    since: str = ""
    """The manifest by which this one is told: the exchanges of that, without `gone`, and with these."""
    gone: tuple[str, ...] = ()
    steps: int = 0
    """How many manifests have to be read beside this one."""
    parts: tuple[str, ...] = ()

    @property
    def answers(self) -> list[tuple[str, str]]:
        """What was asked below the base, and the bytes of each answer: equal where nothing changed."""
        return [
            (" ".join([one.address.removeprefix(self.base), one.sent, *map(str, one.about.values())]), one.sha)
            for one in self.exchanges
        ]


class Visit:
    """One visit: live until its answers are kept, or recorded. `exchanges` lists what was asked so far."""

    def __init__(
        self, blobs: Blobs, *, asset: str, at: datetime, cursor: Any, whole: bool, recorded: Recorded | None = None
    ) -> None:
        self.asset = asset
        self.at = at
        self.cursor = cursor
        self.begins = cursor if recorded is None or recorded.manifest.begins is None else recorded.manifest.begins
        """From where it reads: the cursor, unless a reader sets it to an earlier value, for rows that come late."""
        self.whole = whole
        self.recorded = recorded
        self.base = recorded.manifest.base if recorded else ""
        self.exchanges: list[Exchange] = []
        self.readers = ""
        self.since: Recorded | None = None
        """A visit with which this one shares most exchanges, by their addresses: only others are written down."""
        self.replaced: frozenset[str] | None = None
        """The stored bytes whose rows leave the table, where its other rows stay; None where nothing is said of them.

        A reader that knows which bytes the table was made from says so, and reads only what came beside them.
        """
        self.exchanges_max: int | None = None
        """A sample ends where so much was asked."""
        self._blobs = blobs
        self._answers: dict[tuple[Method, str, str], deque[Exchange]] = {}
        for exchange in recorded.manifest.exchanges if recorded else ():
            asked = (exchange.method, exchange.address, exchange.sent)
            self._answers.setdefault(asked, deque()).append(exchange)

    @property
    def latest(self) -> str:
        """The bytes that were answered last: rows that are read now came from them."""
        return self.exchanges[-1].sha if self.exchanges else ""

    def keep(
        self,
        method: Method,
        address: str,
        body: bytes,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        sent: bytes | None = None,
    ) -> Exchange:
        """Store an answer's bytes, and those that were sent along, and note the exchange.

        Raises SourceError where a sample has asked enough.
        """
        if self.is_exhausted:
            raise SourceError(
                f"a sample of '{self.asset}' asks {self.exchanges_max} times at most, and no row has come by then",
                asset=self.asset,
                mend="Does it look in the right place? A whole run goes on.",
            )
        exchange = self.store(method, address, body, status=status, headers=headers, sent=sent)
        self.exchanges.append(exchange)
        return exchange

    def store(
        self,
        method: Method,
        address: str,
        body: bytes,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        sent: bytes | None = None,
    ) -> Exchange:
        """Store an answer's bytes, to be noted later: several threads may do so at a time."""
        return Exchange(
            method=method,
            address=address,
            sha=self._blobs.put_unsettled(body),
            size_bytes=len(body),
            status=status,
            headers=headers or {},
            sent="" if sent is None else self._blobs.put_unsettled(sent),
        )

    @property
    def is_exhausted(self) -> bool:
        """Whether a sample has asked all that it may."""
        return self.exchanges_max is not None and len(self.exchanges) >= self.exchanges_max

    def note(self, exchange: Exchange) -> None:
        """Note an exchange whose bytes are stored already."""
        self.exchanges.append(exchange)

    def recall(self, method: Method, address: str, *, sent: bytes | None = None) -> Exchange:
        """What was answered when this was asked, in the order of asking; the last answer stands for any later asking.

        Raises SourceError for what was never asked.
        """
        answers = self._answers.get((method, address, "" if sent is None else hashlib.sha256(sent).hexdigest()))
        if not answers:
            raise SourceError(
                f"the stored answers hold none for {address}: the code now asks for something it did not ask then",
                asset=self.asset,
                mend=f"Ask the world again: pumphouse run {self.asset} --refetch",
            )
        exchange = answers.popleft() if len(answers) > 1 else answers[0]
        self.exchanges.append(exchange)
        return exchange

    def replayed(self) -> Iterator[Exchange]:
        """The exchanges of a recorded visit, each noted when it is taken; none of one that is live."""
        for exchange in self.recorded.manifest.exchanges if self.recorded else ():
            self.note(exchange)
            yield exchange

    def body(self, exchange: Exchange) -> bytes:
        """The stored bytes of an answer. Raises SourceError where they are gone or damaged."""
        with _told_as_raw(self.asset):
            return self._blobs.read(exchange.sha, self.place(exchange))

    def stored(self, sha: str) -> bytes:
        """The bytes of an answer, by their name, where no pack holds them. Raises SourceError where they are gone."""
        with _told_as_raw(self.asset):
            return self._blobs.get(sha)

    def holds(self, exchange: Exchange) -> bool:
        """Whether the bytes of an answer are there still, in no pack."""
        return self._blobs.has(exchange.sha)

    def of(self, exchanges: tuple[Exchange, ...]) -> Visit:
        """A recorded visit that was answered only these."""
        manifest = Manifest(at=self.at, whole=self.whole, base=self.base, exchanges=exchanges)
        return _answering(Recorded(sha="", manifest=manifest), self._blobs, asset=self.asset)

    def place(self, exchange: Exchange) -> Place:
        """Where the bytes of an answer lie, to be read only. Raises SourceError where they are gone."""
        with _told_as_raw(self.asset):
            if exchange.pack:
                return self._blobs.place_in(exchange.pack, exchange.offset, exchange.size_bytes)
            return self._blobs.place(exchange.sha)

    def came_earlier(self) -> dict[str, datetime]:
        """Stored bytes that came with an earlier visit than this one, and when."""
        return {exchange.sha: exchange.at for exchange in self.exchanges if exchange.at is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A manifest with the name of its blob."""

    sha: str
    manifest: Manifest
    set_aside: int = 0
    """Cells and rows that the build which it was committed with put into quarantine."""


def visits(asset: Asset, context: Context, *, whole: bool) -> tuple[Visit, ...]:
    """The visits whose rows make this build: one live one, or all recorded ones since the content was last whole.

    `whole` says that the kind always fetches everything; a first visit and `--refetch` do so too.
    """
    lake = context.lake
    if context.mode == "full" and (found := recorded(asset, context)):
        return found
    last = lake.builds().get(asset.name)
    from_start = whole or context.mode == "refetch" or last is None or asset.name not in lake.tables()
    cursor = None if last is None or from_start else last.cursor
    return (Visit(lake.blobs, asset=asset.name, at=context.now, cursor=cursor, whole=from_start),)


def rows_stand(asset: Asset, context: Context) -> bool:
    """Whether the rows of the last build can stay in the table beside new ones: the same code would make them so."""
    build = context.lake.builds().get(asset.name)
    return (
        build is not None
        and build.fingerprint == context.fingerprint
        and not context.accept_schema
        and context.sample is None
        and asset.name in context.lake.tables()
    )


def differing(visit: Visit, last: Recorded) -> tuple[frozenset[str], list[Exchange]]:
    """Between the last visit and another, the stored bytes whose rows leave, and the exchanges whose rows come.

    Bytes that were answered more often, or less, do both.
    """
    before = Counter(exchange.sha for exchange in last.manifest.exchanges)
    now = Counter(exchange.sha for exchange in visit.exchanges)
    gone = frozenset(sha for sha in before if before[sha] != now[sha])
    return gone, [exchange for exchange in visit.exchanges if now[exchange.sha] != before[exchange.sha]]


def recorded(asset: Asset, context: Context) -> tuple[Visit, ...]:
    """The recorded visits that the table's content was made from."""
    blobs = context.lake.blobs
    found = recorded_since_whole(context.lake.history(asset.name), blobs)
    return tuple(_answering(record, blobs, asset=asset.name) for record in found)


def as_recorded(done: tuple[Visit, ...], blobs: Blobs) -> tuple[Visit, ...]:
    """Visits to be read once more, live ones from what they were answered; from the last that was whole on."""
    found: list[Visit] = []
    for visit in done:
        found = [] if visit.whole else found
        record = visit.recorded
        if record is None:
            manifest = manifest_of(visit)
            _settle(visit, blobs)
            record = Recorded(sha=blobs.put(msgspec.json.encode(manifest)), manifest=manifest)
        found.append(_answering(record, blobs, asset=visit.asset))
    return tuple(found)


def _answering(record: Recorded, blobs: Blobs, *, asset: str) -> Visit:
    manifest = record.manifest
    return Visit(blobs, asset=asset, at=manifest.at, cursor=manifest.cursor, whole=manifest.whole, recorded=record)


def date_after(visit: Visit, last: Recorded | None) -> None:
    """Date a live visit after the last one, also where the clock was set back since: versions are in this order."""
    if visit.recorded is None and last is not None:
        visit.at = max(visit.at, last.manifest.at + TICK)


def recorded_since_whole(history: tuple[Build, ...], blobs: Blobs) -> tuple[Recorded, ...]:
    """The manifests that a table's content was made from, oldest first: back to the last that was the whole content.

    A restored table goes on from the builds up to the snapshot it was restored to. Raises SourceError where one is gone
    or damaged.
    """
    found: list[Recorded] = []
    newest = history[-1].snapshot if history else 0
    for build in reversed(history):
        if build.snapshot > newest:
            continue
        if "restored" in build.detail:
            newest = build.detail["restored"]
            continue
        if build.raw is None:
            continue
        held = build.counts.withheld + build.counts.quarantined
        record = Recorded(sha=build.raw, manifest=load(blobs, build.raw, asset=build.asset), set_aside=held)
        if record.manifest.parts:
            found += [
                Recorded(sha=sha, manifest=load(blobs, sha, asset=build.asset), set_aside=held)
                for sha in reversed(record.manifest.parts)
            ]
        else:
            found.append(record)
        if record.manifest.whole:
            break
    return tuple(reversed(found))


def last_visit(history: tuple[Build, ...], blobs: Blobs) -> Recorded | None:
    """The manifest of the newest visit that the table's content was made from, or None before the first."""
    found = recorded_since_whole(history, blobs)
    return found[-1] if found else None


def newest_visit(history: tuple[Build, ...], blobs: Blobs) -> Recorded | None:
    """The manifest of the last time that the world was asked, also where an earlier content was restored since."""
    return last_visit(tuple(build for build in history if "restored" not in build.detail), blobs)


def store(done: tuple[Visit, ...], blobs: Blobs, *, at: datetime) -> str:
    """The blob that lists what a build was made from: its live visit, or the recorded ones it was rebuilt from.

    All that it names is on disk, under its name, before it is.
    """
    for visit in done:
        if visit.recorded is None:
            _settle(visit, blobs)
    parts = tuple(visit.recorded.sha for visit in done if visit.recorded)
    manifest = Manifest(at=at, whole=True, parts=parts) if parts else _told_by(done[0].since, manifest_of(done[0]))
    return blobs.put(msgspec.json.encode(manifest))


def _settle(visit: Visit, blobs: Blobs) -> None:
    came = [exchange for exchange in visit.exchanges if exchange.at is None and not exchange.pack]
    blobs.settle([sha for exchange in came for sha in (exchange.sha, exchange.sent) if sha])


def _told_by(before: Recorded | None, manifest: Manifest) -> Manifest:
    """The manifest as what is other than in one before, where that is short."""
    if before is None or before.manifest.steps == STEPS_MAX:
        return manifest
    known = {exchange.address: exchange for exchange in dated(before.manifest)}
    others = tuple(exchange for exchange in manifest.exchanges if known.pop(exchange.address, None) != exchange)
    if (len(others) + len(known)) * 4 > len(manifest.exchanges):
        return manifest
    return replace(manifest, exchanges=others, since=before.sha, gone=tuple(known), steps=before.manifest.steps + 1)


def dated(manifest: Manifest) -> tuple[Exchange, ...]:
    """Its exchanges, each with when its bytes came."""
    return tuple(one if one.at else replace(one, at=manifest.at) for one in manifest.exchanges)


def manifest_of(visit: Visit) -> Manifest:
    """What is to be remembered of a live visit."""
    return Manifest(
        at=visit.at,
        cursor=visit.cursor,
        begins=None if visit.begins == visit.cursor else visit.begins,
        whole=visit.whole,
        base=visit.base,
        readers=visit.readers,
        exchanges=tuple(visit.exchanges),
    )


def load(blobs: Blobs, sha: str, *, asset: str) -> Manifest:
    """The manifest in a blob. Raises SourceError where that is gone or damaged."""
    with _told_as_raw(asset):
        manifest = msgspec.json.decode(blobs.get(sha), type=Manifest)
    if not manifest.since:
        return manifest
    exchanges = {one.address: one for one in dated(load(blobs, manifest.since, asset=asset))}
    for address in manifest.gone:
        exchanges.pop(address)
    exchanges |= {one.address: one for one in manifest.exchanges}
    return replace(manifest, exchanges=tuple(exchanges[address] for address in sorted(exchanges)))


@contextmanager
def _told_as_raw(asset: str) -> Iterator[None]:
    """Raise what is wrong with stored bytes as an error of the asset that they were gathered for."""
    try:
        yield
    except (UnknownName, LakeError) as error:
        raise SourceError(
            f"what '{asset}' gathered before can't be read: {error.what}",
            asset=asset,
            mend=f"Restore it from a backup, or gather all of it anew: pumphouse run {asset} --refetch",
        ) from error
