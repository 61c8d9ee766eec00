"""APIs that are asked once about each row of a table: the refunds of an order, the lines of an invoice.

The manifest of a visit lists the answers about all rows, each with the row and its version. A row that is as it was is
not asked about again: its answers go along into the next manifest. Those about rows that are gone do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import msgspec

from pumphouse.declare.apis import TODAY, Api, Per, left_open
from pumphouse.declare.asset import Asset
from pumphouse.engines.parameters import quoted
from pumphouse.errors import SourceError, did_you_mean
from pumphouse.lake.context import Built, Connection, Context
from pumphouse.sources import fetch
from pumphouse.sources.fetch import Exchange, Recorded, Visit, last_visit
from pumphouse.sources.http.addresses import base_of
from pumphouse.sources.http.asking import Asker, Stored, asking
from pumphouse.sources.http.filling import Values
from pumphouse.sources.http.taking import take
from pumphouse.sources.http.walking import Walk
from pumphouse.sources.journal import Journal
from pumphouse.sources.landing import gather
from pumphouse.sources.rows import as_text
from pumphouse.sources.spool import Spool

NONE_THERE = frozenset({404, 410})
"""An API that knows nothing below a row often says so by these; that is no row, and it is counted."""
ROW, VERSION, ANSWERS = "row", "version", "answers"
"""What an exchange notes of the row that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parent:
    """A row to ask about: its columns that the request names, and a hash of all of it."""

    row: dict[str, Any]  # JSON
    version: str


def build(asset: Asset, context: Context, per: Per) -> Built:
    """The records about each row of the table. A run that is killed goes on where it was."""
    connection = context.connection(asset.spec.connection)
    with ExitStack() as stack:
        journal = None
        if context.mode == "normal" and context.sample is None:
            path = context.lake.folder / "scratch" / f"rows_{asset.name}.jsonl"
            walk = base_of(connection)
            if TODAY in left_open(asset.spec.call, "name"):  # on another day it would be another question
                walk = f"{walk} {context.today}"
            journal = stack.enter_context(Journal(path, of=walk, now=context.now, blobs=context.lake.blobs))

        def read(visit: Visit, spool: Spool) -> None:
            wanted: Iterable[Exchange] | None = None
            with asking(connection, visit) as asker:
                if visit.recorded:
                    recalled = list(visit.replayed())
                    if not visit.whole:  # a history: what is not new was read with an earlier visit
                        wanted = [exchange for exchange in recalled if exchange.at is None]
                elif not visit.exchanges:
                    wanted = _Asking(asset, context, per, connection, asker, journal).all(visit, spool)
                _read(asset, context, visit, visit.exchanges if wanted is None else wanted, asker, spool)

        built = gather(asset, context, read, history=asset.spec.history)
        if journal:
            journal.forget()
        return built


@dataclass(frozen=True, slots=True)
class _Asking:
    """How rows are asked about in a visit to the world."""

    asset: Asset
    context: Context
    per: Per
    connection: Connection
    asker: Asker
    journal: Journal | None

    def all(self, visit: Visit, spool: Spool) -> Iterable[Exchange]:
        """Ask about each row that is new or changed, and note all answers; those of which rows have to be read."""
        last = last_visit(self.context.lake.history(self.asset.name), self.context.lake.blobs)
        if last is not None and (self.context.mode == "refetch" or last.manifest.base != self.asker.base):
            last = None
        before = _by_row(last) if last else {}
        parents = {_key(parent.row): parent for parent in _parents(self.asset, self.context, self.per)}
        stays = {
            key: about
            for key, about in before.items()
            if key in parents and about[0].about[VERSION] == parents[key].version
        }
        todo = [parent for key, parent in parents.items() if key not in stays]
        asked, waiting = todo[: self._asked_max], todo[self._asked_max :]
        for parent in waiting:  # what is known of it stands until it is asked about again
            if (key := _key(parent.row)) in before:
                stays[key] = before[key]
        came = self._ask(asked, visit, spool)
        visit.exchanges[:] = [exchange for key in before if key in stays for exchange in stays[key]] + came
        if waiting:
            spool.warnings.append(f"{len(waiting):,} rows of '{self.per.table}' wait for the next run")
        visit.cursor = _digest(visit.exchanges)
        return self._to_read(visit, came, last)

    @property
    def _asked_max(self) -> int:
        sample = self.context.sample
        return self.per.asked_max if sample is None else min(sample, self.per.asked_max)

    def _ask(self, parents: list[_Parent], visit: Visit, spool: Spool) -> list[Exchange]:
        """The answers about these rows, in their order."""
        spec: Api = self.asset.spec
        resumed = _resumed(self.journal)
        found = {_key(one.row): resumed[_key(one.row), one.version] for one in parents if _is_in(resumed, one)}
        todo = [one for one in parents if _key(one.row) not in found]
        walks = [
            Walk(
                self.asker,
                spec.call,
                connection=self.connection.name,
                values=Values.at(visit.at, self.context, row=one.row),
            )
            for one in todo
        ]
        answers = self.asker.ask_all((walk.question() for walk in walks), at_once=self.per.at_once)
        start, missing = len(visit.exchanges), 0
        for parent, walk, answer in zip(todo, walks, answers, strict=True):
            if answer.status in NONE_THERE:
                missing += 1
            else:
                for _ in walk.pages(first=answer):
                    self.context.progress(spool.rows)
            fresh = visit.exchanges[start:]
            about = {ROW: parent.row, VERSION: parent.version, ANSWERS: len(fresh)}
            found[_key(parent.row)] = [replace(exchange, about=about) for exchange in fresh]
            start = len(visit.exchanges)
            if self.journal and not fresh[0].sent:
                for exchange in found[_key(parent.row)]:
                    self.journal.keep(exchange)
        if missing:
            spool.warnings.append(f"the API has nothing about {missing:,} rows of '{self.per.table}' (404)")
        return [exchange for parent in parents for exchange in found[_key(parent.row)]]

    def _to_read(self, visit: Visit, came: list[Exchange], last: Recorded | None) -> Iterable[Exchange]:
        """The answers to read where the rows of the others can stay in the table; else all of them."""
        if not visit.whole:  # a history grows by what came now
            return came
        if last is None or not fetch.rows_stand(self.asset, self.context):
            return visit.exchanges
        kept = visit.exchanges[: len(visit.exchanges) - len(came)]
        if len(kept) == len(last.manifest.exchanges):  # none changed and none is gone: the others only come beside
            visit.replaced = frozenset()
            return came
        if self.asset.common.key:
            return visit.exchanges
        visit.replaced, come = fetch.differing(visit, last)
        return come


def _read(
    asset: Asset, context: Context, visit: Visit, exchanges: Iterable[Exchange], asker: Asker, spool: Spool
) -> None:
    """Read the answers about each row into the spool."""
    spec: Api = asset.spec
    keys = {_key(exchange.about[ROW]) for exchange in exchanges}
    shas = {exchange.sha for exchange in exchanges}
    for key, about in groupby(visit.exchanges, key=lambda exchange: _key(exchange.about[ROW])):
        group = list(about)
        if key not in keys or group[0].status in NONE_THERE:
            continue
        row = group[0].about[ROW]
        stored = Stored(visit.of(tuple(group)), asker.signed)
        values = Values.at(group[0].at or visit.at, context, row=row)
        for page in Walk(stored, spec.call, connection=spec.connection, values=values).pages():
            if page.answer.sha in shas:
                take(page, spool, beside=row)
            if spool.is_full:
                return


def _parents(asset: Asset, context: Context, per: Per) -> Iterator[_Parent]:
    """The rows to ask about, one for each value of the columns that the request names, in their order."""
    scan = context.scan(per.table)
    for name in per.columns:
        if name not in scan.columns:
            raise SourceError(
                f"'{asset.name}' names {{{name}}}, and '{per.table}' has no such column",
                asset=asset.name,
                place=asset.place,
                mend=did_you_mean(name, scan.columns) or f"It has {', '.join(scan.columns)}.",
            )
    named = ", ".join(map(quoted, per.columns))
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in per.columns)
    text = (
        f"SELECT {named}, md5(string_agg(md5(p::VARCHAR), '' ORDER BY md5(p::VARCHAR))) AS {VERSION}_of_all"
        f" FROM (SELECT * FROM {quoted(per.table)}) p WHERE {there} GROUP BY {named} ORDER BY {named}"
    )
    engine = context.lake.engine.fork()
    try:
        for batch in engine.read(context.query(text, per.table)):
            for row in batch.to_pylist():
                version = row.pop(f"{VERSION}_of_all")
                yield _Parent(row={name: _plain(value) for name, value in row.items()}, version=version)
    finally:
        engine.close()


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else as_text(value)


def _by_row(last: Recorded) -> dict[bytes, list[Exchange]]:
    """The answers about each row in a visit, in its order, each with when it came."""
    found: dict[bytes, list[Exchange]] = {}
    for one in last.manifest.exchanges:
        if one.about:
            found.setdefault(_key(one.about[ROW]), []).append(one if one.at else replace(one, at=last.manifest.at))
    return found


def _resumed(journal: Journal | None) -> dict[tuple[bytes, str], list[Exchange]]:
    """What a run that was broken off had asked, of each row all its answers."""
    found: dict[tuple[bytes, str], list[Exchange]] = {}
    for exchange in journal.read.values() if journal else ():
        if exchange.about:
            found.setdefault((_key(exchange.about[ROW]), exchange.about[VERSION]), []).append(exchange)
    return {key: about for key, about in found.items() if len(about) == about[0].about[ANSWERS]}


def _is_in(resumed: Mapping[tuple[bytes, str], list[Exchange]], parent: _Parent) -> bool:
    return (_key(parent.row), parent.version) in resumed


def _key(row: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(row, order="sorted")


def _digest(exchanges: Iterable[Exchange]) -> str:
    """What was asked about which rows, in short: where that moved, it is committed though no record came of it."""
    digest = hashlib.sha256()
    for exchange in exchanges:
        digest.update(f"{exchange.address} {exchange.sha} {exchange.about[VERSION]}\n".encode())
    return digest.hexdigest()[:16]
