"""Files: all that match a pattern become one table. Each file's bytes are stored before they are read."""

from __future__ import annotations

import hashlib
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from pumphouse.declare.asset import Asset
from pumphouse.declare.files import Files
from pumphouse.errors import ConfigError, PumphouseError, SourceError
from pumphouse.lake.blobs import Blobs
from pumphouse.lake.context import Built, Connection, Context
from pumphouse.lake.lake import Lake
from pumphouse.sources.fetch import Exchange, Recorded, Visit, last_visit, newest_visit
from pumphouse.sources.files.reading import read_all
from pumphouse.sources.http.addresses import is_web
from pumphouse.sources.http.asking import asking, get
from pumphouse.sources.landing import gather
from pumphouse.sources.spool import Spool

FILES_MAX = 100_000
MODIFIED = "modified-ns"
NAMES_SHOWN_MAX = 5


def build(asset: Asset, context: Context) -> Built:
    """The rows of all files that match, in the order of their names."""
    spec: Files = asset.spec

    def read(visit: Visit, spool: Spool) -> None:
        if visit.recorded:
            for exchange in visit.recorded.manifest.exchanges:
                visit.note(exchange)
        elif is_web(spec.pattern):
            _download(asset, visit)
        else:
            _copy(asset, context, visit)
        engine = context.lake.engine.fork()
        try:
            read_all(asset, visit, spool, engine)
        finally:
            engine.close()

    return gather(asset, context, read, cursor=spec.cursor)


def changed(asset: Asset, lake: Lake, folder: Path) -> bool:
    """Whether a file came, went or changed since it was last read: a look at sizes and times, and where only a time
    differs, once at the bytes. A table that was restored stays as it is until they change again, or back to its own.

    What can't be looked at counts as changed, so that a build says why; but an address, which would have to be fetched,
    as unchanged.
    """
    spec: Files = asset.spec
    if is_web(spec.pattern):
        return False
    history = lake.history(asset.name)
    try:
        newest, last = newest_visit(history, lake.blobs), last_visit(history, lake.blobs)
        if newest is None or last is None:
            return True
        paths = matching(asset, folder)
        return all(
            _differs(paths, visit, asset, lake, folder) for visit in {newest.sha: newest, last.sha: last}.values()
        )
    except (PumphouseError, OSError):
        return True


def _differs(paths: list[Path], visit: Recorded, asset: Asset, lake: Lake, folder: Path) -> bool:
    known = _by_name(visit)
    if [name_in(folder, path) for path in paths] != list(known):
        return True
    return any(_is_other(path, one, asset, lake) for path, one in zip(paths, known.values(), strict=True))


def matching(asset: Asset, folder: Path) -> list[Path]:
    """The files that match, by name. Raises SourceError where there are none, or more than FILES_MAX."""
    pattern = asset.spec.pattern
    if not pattern or Path(pattern).is_absolute():
        raise ConfigError(
            f"'{pattern}' is no pattern of files",
            asset=asset.name,
            place=asset.place,
            mend="Give it relative to the project's folder.",
        )
    found = sorted((path for path in folder.glob(pattern) if path.is_file()), key=lambda path: name_in(folder, path))
    if not 0 < len(found) <= FILES_MAX:
        raise SourceError(
            f"{len(found):,} files match '{pattern}'" if found else f"no file matches '{pattern}' in {folder}",
            asset=asset.name,
            place=asset.place,
            mend=f"At most {FILES_MAX:,} are read." if found else _nearest(pattern, folder),
        )
    return found


def name_in(folder: Path, path: Path) -> str:
    """A file's name relative to the project's folder, with forward slashes."""
    return path.relative_to(folder).as_posix()


def _nearest(pattern: str, folder: Path) -> str:
    parent = (folder / pattern).parent
    while "*" in str(parent) or not parent.is_dir():
        parent = parent.parent
    try:
        names = sorted(path.name for path in parent.iterdir())
    except OSError as error:
        return f"{parent} can't be read: {error.strerror}."
    near = get_close_matches(PurePosixPath(pattern).name, names, n=NAMES_SHOWN_MAX, cutoff=0.3)
    shown = ", ".join(near or names[:NAMES_SHOWN_MAX])
    return f"In {parent} there is {shown}." if shown else f"There is nothing in {parent}."


def _copy(asset: Asset, context: Context, visit: Visit) -> None:
    """Store each file's bytes, those apart that have the size and time of the last visit."""
    blobs = context.lake.blobs
    known = {}
    if context.mode != "refetch" and (last := last_visit(context.lake.history(asset.name), blobs)):
        known = _by_name(last)
    for path in matching(asset, context.folder):
        name = name_in(context.folder, path)
        try:
            before = known.get(name)
            if before and _looks_same(path, before) and blobs.has(before.sha):
                visit.note(before)
            else:
                visit.note(_stored(path, name, blobs))
        except OSError as error:
            raise SourceError(
                f"{name} can't be read: {error.strerror}", asset=asset.name, mend="Is it there, and yours to read?"
            ) from None


def _stored(path: Path, name: str, blobs: Blobs) -> Exchange:
    # Looked at before it is copied: a change in between is seen as one by the next run.
    stat = path.stat()
    return Exchange(
        method="FILE",
        address=name,
        sha=blobs.put_file(path),
        size_bytes=stat.st_size,
        headers={MODIFIED: str(stat.st_mtime_ns)},
    )


def _looks_same(path: Path, exchange: Exchange) -> bool:
    stat = path.stat()
    return (stat.st_size, str(stat.st_mtime_ns)) == (exchange.size_bytes, exchange.headers.get(MODIFIED))


def _is_other(path: Path, exchange: Exchange, asset: Asset, lake: Lake) -> bool:
    if _looks_same(path, exchange):
        return False
    stat = path.stat()
    if stat.st_size != exchange.size_bytes:
        return True
    # Its bytes are read once for each time that somebody touched it: a build of the same bytes commits nothing.
    memory, look = f"looked:{asset.name}:{exchange.address}", f"{stat.st_size} {stat.st_mtime_ns} "
    last = lake.state.recall(memory) or ""
    if not last.startswith(look):
        with path.open("rb") as file:
            last = look + hashlib.file_digest(file, "sha256").hexdigest()
        lake.state.remember(memory, last)
    return last.removeprefix(look) != exchange.sha


def _by_name(last: Recorded) -> dict[str, Exchange]:
    return {exchange.address: exchange for exchange in last.manifest.exchanges}


def _download(asset: Asset, visit: Visit) -> None:
    address = asset.spec.pattern
    with asking(Connection(name=asset.name, url=address), visit) as asker:
        answer = get(asker, address)
    if answer.status >= 400:
        raise SourceError(f"{answer.url} answered {answer.status}", asset=asset.name, mend="Is the address right?")
