"""Files: all that match a pattern become one table. Each file's bytes are stored before they are read.

Only files that are new or changed are read again, where that makes the same table as reading all of them:

    without a key         rows of the same bytes stay, rows of bytes that are gone leave, rows of new bytes come
    a key                 files that come after all others in the order of names upsert; else all is compared
    a cursor, a history   what came is read, and meets the table as the declaration says

Where the readers or the code are others than they were, or what came has other columns or types, all is read again from
the stored bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pumphouse.declare.asset import Asset
from pumphouse.declare.files import Files
from pumphouse.errors import PumphouseError, SourceError
from pumphouse.lake.context import Built, Connection, Context
from pumphouse.lake.lake import Lake
from pumphouse.sources import fetch
from pumphouse.sources.fetch import SAMPLE_EXCHANGES_MAX, Exchange, Recorded, Visit, dated, last_visit, newest_visit
from pumphouse.sources.files.keeping import TIME_GRAIN_NS, Opening, kept, looks_same
from pumphouse.sources.files.listing import Found, matching, opened
from pumphouse.sources.files.places import is_stored, storage
from pumphouse.sources.files.reading import READERS, read_all
from pumphouse.sources.http.addresses import is_web
from pumphouse.sources.http.asking import asking, get
from pumphouse.sources.landing import gather
from pumphouse.sources.spool import Spool

STORAGE_GRAIN_NS = 3_000_000_000
"""Object storage tells the second in which an object was written, by its own clock."""


def build(asset: Asset, context: Context) -> Built:
    """The rows of all files that match, in the order of their names.

    Where the code changed and files too, the table is made again of what is stored, and then meets what came.
    """
    last = context.lake.builds().get(asset.name)
    is_by_code = context.mode == "full" and last is not None and last.fingerprint != context.fingerprint
    is_live = context.sample is None and not context.settings.get("replay")
    brings = is_by_code and is_live and _brings(asset, context)
    again = _build(asset, context)
    if not brings:
        return again
    came = _build(asset, replace(context, mode="normal", accept_schema=False))
    if came.snapshot is None:
        return again
    warnings = dict.fromkeys((*again.warnings, *came.warnings))
    return replace(came, note="after all that is stored was read by the new code", warnings=tuple(warnings))


def _brings(asset: Asset, context: Context) -> bool:
    """Whether files in the folder are others than those that are stored; not where there is none to look at."""
    try:
        return changed(asset, context.lake, context.folder) and bool(matching(asset, context.folder))
    except (PumphouseError, OSError):
        return False


def _build(asset: Asset, context: Context) -> Built:
    spec: Files = asset.spec
    if context.mode == "full" and _matched_another_pattern(asset, context.lake):
        # What is stored is of other files. All of these are read, whatever was read of those.
        is_whole = not spec.cursor and not spec.history
        context = replace(context, mode="normal" if is_whole else "refetch")
    looks: list[str] = []

    def read(visit: Visit, spool: Spool) -> None:
        came: Sequence[Exchange] = visit.exchanges
        if not visit.exchanges:
            if visit.recorded:
                came = list(visit.replayed())
                came = came if visit.whole else _new(visit)
            elif is_web(spec.pattern):
                _download(asset, context, visit)
            elif is_stored(spec.pattern):
                place = storage(asset, _connection(asset, context))
                came = _gathered(
                    asset, context, visit, place.matching(), opening=place.opened, grain_ns=STORAGE_GRAIN_NS
                )
            else:
                found = matching(asset, context.folder)
                came = _gathered(asset, context, visit, found, opening=lambda some: opened(some, context.folder))
                looks.append(_look(found))
        engine = context.lake.engine.fork()
        try:
            read_all(asset, visit, came, spool, engine)
        finally:
            engine.close()

    built = gather(asset, context, read, cursor=spec.cursor, history=spec.history)
    if looks and built.snapshot is None and context.sample is None:
        context.lake.state.remember(_memory(asset), looks[-1])
    return built


def _readers(spec: Files) -> str:
    """By which version of the readers files are read, and which files."""
    return f"{READERS} of {spec.pattern}"


def _matched_another_pattern(asset: Asset, lake: Lake) -> bool:
    last = last_visit(lake.history(asset.name), lake.blobs)
    pattern = last.manifest.readers.partition(" of ")[2] if last else ""
    return pattern not in ("", asset.spec.pattern)


def changed(asset: Asset, lake: Lake, folder: Path) -> bool:
    """Whether a file came, went or changed since it was last read: a look at sizes and times, and where only a time
    differs, once at the bytes. A table that was restored stays as it is until they change again, or back to its own.

    What can't be looked at counts as changed, so that a build says why; an address, which would have to be asked, as
    unchanged.
    """
    spec: Files = asset.spec
    if is_web(spec.pattern) or is_stored(spec.pattern):
        return False
    history = lake.history(asset.name)
    try:
        last = last_visit(history, lake.blobs)
        was_restored = any("restored" in one.detail for one in history)
        newest = newest_visit(history, lake.blobs) if was_restored else last
        if newest is None or last is None:
            return True
        found = matching(asset, folder)
        visits = {newest.sha: newest, last.sha: last}.values()
        if not all(_differs(found, visit, asset, lake, folder) for visit in visits):
            return False
        return lake.state.recall(_memory(asset)) != _look(found)
    except (PumphouseError, OSError):
        return True


def _differs(found: list[Found], visit: Recorded, asset: Asset, lake: Lake, folder: Path) -> bool:
    known = {exchange.address: exchange for exchange in visit.manifest.exchanges}
    if [one.name for one in found] != list(known):
        return True
    return any(_is_other(one, before, asset, lake, folder) for one, before in zip(found, known.values(), strict=True))


def _is_other(one: Found, exchange: Exchange, asset: Asset, lake: Lake, folder: Path) -> bool:
    if looks_same(one, exchange):
        return False
    if one.size_bytes != exchange.size_bytes:
        return True
    # Its bytes are read once for each time that somebody touched it: a build of the same bytes commits nothing.
    memory, look = f"looked:{asset.name}:{exchange.address}", f"{one.size_bytes} {one.modified_ns} "
    last = lake.state.recall(memory) or ""
    if not last.startswith(look):
        with (folder / one.name).open("rb") as file:
            last = look + hashlib.file_digest(file, "sha256").hexdigest()
        lake.state.remember(memory, last)
    return last.removeprefix(look) != exchange.sha


def _look(found: list[Found]) -> str:
    """What the files look like from outside, in short."""
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _memory(asset: Asset) -> str:
    """Where a look is remembered after which nothing had to be committed."""
    return f"nothing new:{asset.name}"


def _connection(asset: Asset, context: Context) -> Connection | None:
    return context.connection(asset.spec.connection) if asset.spec.connection else None


def _gathered(
    asset: Asset, context: Context, visit: Visit, found: list[Found], *, opening: Opening, grain_ns: int = TIME_GRAIN_NS
) -> Sequence[Exchange]:
    """Store the files' bytes; those of which rows have to be read."""
    blobs = context.lake.blobs
    found = found if context.sample is None else found[:SAMPLE_EXCHANGES_MAX]
    last = None if context.mode == "refetch" else last_visit(context.lake.history(asset.name), blobs)
    if last:
        last = replace(last, manifest=replace(last.manifest, exchanges=dated(last.manifest)))
    known = {exchange.address: exchange for exchange in last.manifest.exchanges} if last else {}
    try:
        exchanges = kept(found, blobs, known=known, opening=opening, grain_ns=grain_ns)
    except OSError as error:
        name = str(error.filename).removeprefix(f"{context.folder}/")
        raise SourceError(
            f"{name} can't be read: {error.strerror}", asset=asset.name, mend="Is it there, and yours to read?"
        ) from None
    for exchange in exchanges:
        visit.note(exchange)
    visit.readers, visit.since = _readers(asset.spec), last
    if not visit.whole:
        return _new(visit)
    return _beside(asset, context, visit, last) if last else visit.exchanges


def _new(visit: Visit) -> list[Exchange]:
    """The files whose bytes came with this visit."""
    return [exchange for exchange in visit.exchanges if exchange.at is None]


def _beside(asset: Asset, context: Context, visit: Visit, last: Recorded) -> Sequence[Exchange]:
    """The files to read where the rows of the others can stay in the table; else all of them."""
    if last.manifest.readers != _readers(asset.spec) or not fetch.rows_stand(asset, context):
        return visit.exchanges
    if asset.common.key:
        return _after(visit, last)
    gone, come = fetch.differing(visit, last)
    if len(gone) * 2 > len({exchange.sha for exchange in last.manifest.exchanges}):
        return visit.exchanges  # most of it is others: to replace the table is less work
    visit.replaced = gone
    return come


def _after(visit: Visit, last: Recorded) -> Sequence[Exchange]:
    """The files whose rows win over all rows before: those after them, where these are as they were."""
    before = len(last.manifest.exchanges)
    same = zip(last.manifest.exchanges, visit.exchanges, strict=False)
    if len(visit.exchanges) <= before or any((a.address, a.sha) != (b.address, b.sha) for a, b in same):
        return visit.exchanges
    visit.replaced = frozenset()
    return visit.exchanges[before:]


def _download(asset: Asset, context: Context, visit: Visit) -> None:
    address = asset.spec.pattern
    connection = _connection(asset, context) or Connection(name=asset.name, url=address)
    with asking(connection, visit) as asker:
        answer = get(asker, address)
    if answer.status >= 400:
        raise SourceError(f"{answer.url} answered {answer.status}", asset=asset.name, mend="Is the address right?")
