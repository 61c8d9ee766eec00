"""The doors' own DuckDB: it reads the lake's files and nothing else, in a memory of its own.

A query is checked before it gets here. This is the wall behind that: even one that got through finds no file outside
the lake's data, no extension, nothing to attach, and no setting to change. (SQLite's files are the one gap: DuckDB
reads them by SQLite's own library, which the lake's catalogue needs. Only the first wall stands before them.)
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Scan, SqlFunction
from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.direct import direct
from pumphouse.lake.kept import Kept
from pumphouse.lake.lake import CATALOGUE_FILE, Lake
from pumphouse.lake.moments import moment
from pumphouse.project.search_calls import is_view
from pumphouse.server.access.guards import GUARDS
from pumphouse.server.access.telling import reached
from pumphouse.sources.external.tables import ExternalTables

IDLE_MAX = 64
"""Connections that are kept for the next statement with the same tables."""
MOMENTS_MAX = 1_000
"""Snapshots of which is remembered when they were made."""
SCANS_MAX = 10_000
"""Scans of tables that are remembered."""
STREAM_BUFFER, WIDE_STREAM_BUFFER = "100KB", "1KB"
"""What DuckDB makes of a stream in advance, and of wide rows: it does not count texts, so that little may be much."""
WIDE_ROW_BYTES = 1024
"""Of a row in a table's files, packed as it is there: it is a wide one above that."""
SETTLED_S = 0.05
"""A file that was written longer ago than this shows by its time when it is written again."""
SPILL_TIMES_MEMORY = 8
"""How much of the disk statements may take beside the memory, at most."""
WHO = ("current_role", "current_user", "session_user")
"""What SQL calls the visitor."""


@dataclass(slots=True, eq=False)
class Session:
    """A connection with the tables of a statement, as its visitor has them."""

    connection: duckdb.DuckDBPyConnection
    key: tuple[object, ...]
    is_kept: bool = True
    """Whether the next statement with the same tables may have it: not with rows that a search found."""


class Sessions:
    """Connections to the doors' own DuckDB, which is opened by the first who asks. Used from many threads at once."""

    def __init__(
        self,
        lake: Lake,
        *,
        memory_bytes: int,
        threads: int | None,
        functions: Iterable[SqlFunction],
        external: Callable[[DuckDB], ExternalTables] | None = None,
    ) -> None:
        """`external` are the tables that stay where they are, as an engine reads them."""
        self._source = lake
        self._external_of = external
        self._external: ExternalTables | None = None
        self._before: list[Lake] = []
        """With the engines of before, on which statements may still run."""
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._functions = tuple(functions)
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._lake: Lake | None = None
        self._idle: OrderedDict[tuple[object, ...], list[Session]] = OrderedDict()
        self._idle_count = 0
        self._scans: dict[tuple[str, int, int], Scan] = {}
        self._newest: tuple[object, int] | None = None
        self._hidden: tuple[int, int] | None = None
        self._moments: Kept[int, str] = Kept(MOMENTS_MAX)
        self._catalogue = tuple(f"{lake.folder / CATALOGUE_FILE}{end}" for end in ("", "-wal"))

    @property
    def lake(self) -> Lake:
        """The lake as this DuckDB reads it."""
        if self._lake is None:
            with self._opening:
                if self._lake is None:
                    self._lake = self._open()
        return self._lake

    def snapshot(self) -> int:
        """The lake's newest snapshot. The catalogue is asked again only where it may have been written since."""
        stamp, known = self._stamp(), self._newest
        if stamp is not None and known is not None and known[0] == stamp:
            return known[1]
        asked_at = time.time()
        newest = self.lake.snapshot()
        is_settled = stamp is not None and all(asked_at - at > SETTLED_S for at, _ in stamp)
        self._newest = (stamp, newest) if is_settled else None
        return newest

    def hidden_last(self) -> int:
        """The snapshot at which somebody was hidden last; whoever is hidden makes a snapshot."""
        newest, known = self.snapshot(), self._hidden
        if known is not None and known[0] == newest:
            return known[1]
        last = self.lake.hidden_last()
        if self._source.upstream is None:  # a lake above has snapshots of its own
            self._hidden = newest, last
        return last

    def moment(self, snapshot: int) -> str:
        """When a snapshot was made: a catalogue that was put back from a copy gives its number again."""
        return self._moments.of(snapshot, lambda: moment(self.lake, snapshot))

    def scan(self, table: str, *, snapshot: int) -> Scan:
        """A table's rows, from its files themselves where that is the same. Raises UnknownName.

        Of one that stays where it is, as it is now; SourceError where it can't be reached.
        """
        lake = self.lake  # opened by now, and what stays where it is with it
        if self._external is not None and table in self._external.names:
            with reached(table):
                return self._live(table, snapshot)
        # What is hidden from everybody by the newest snapshot is hidden at older ones too.
        key = (table, snapshot, self.snapshot())
        found = self._scans.get(key)
        if found is None:
            found = direct(lake, lake.scan(table, snapshot=snapshot))
            with self._lock:
                if len(self._scans) >= SCANS_MAX:
                    self._scans.clear()
                self._scans[key] = found
        return found

    def _live(self, table: str, snapshot: int) -> Scan:
        external = self._external
        assert external is not None
        assert self._external_of is not None
        if external.has_failed(table):
            # A locked engine attaches nothing: a new one does, once the database answers.
            self._external_of(self._source.engine.fork()).scan(table, snapshot=snapshot)
            with self._opening:
                if self._external is external:
                    self._before += [self._lake] if self._lake else []
                    self._lake = self._open()
                    with self._lock:
                        self._idle.clear()
                        self._idle_count = 0
                    external = self._external
        return external.scan(table, snapshot=snapshot)

    def take(self, inputs: Mapping[str, Scan], *, who: str) -> Session:
        """A connection on which each input is there by its name."""
        relations = ((name, scan.relation, *(id(one) for _, one in scan.datasets)) for name, scan in inputs.items())
        key = (who, *sorted(relations))
        is_kept = not any(is_view(name) for name in inputs)
        with self._lock:
            kept = self._idle.get(key)
            if kept:
                session = kept.pop()
                self._idle_count -= 1
                if not kept:
                    del self._idle[key]
                return session
        connection = self.lake.engine.connection.cursor()
        is_wide = any(scan.row_bytes > WIDE_ROW_BYTES for scan in inputs.values())
        connection.execute(f"SET streaming_buffer_size = '{WIDE_STREAM_BUFFER if is_wide else STREAM_BUFFER}'")
        for name, scan in inputs.items():
            for called, dataset in scan.datasets:
                connection.register(called, dataset)
            connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS {scan.relation}")
        for name in WHO:
            connection.execute(f"CREATE TEMP MACRO {name}() AS {literal(who)}")
        return Session(connection=connection, key=key, is_kept=is_kept)

    def give(self, session: Session) -> None:
        """Take a connection back. Nothing runs on it any more."""
        if not session.is_kept:
            session.connection.close()
            return
        dropped: list[Session] = []
        with self._lock:
            self._idle.setdefault(session.key, []).append(session)
            self._idle.move_to_end(session.key)
            self._idle_count += 1
            while self._idle_count > IDLE_MAX:
                oldest, sessions = next(iter(self._idle.items()))
                dropped.append(sessions.pop(0))
                self._idle_count -= 1
                if not sessions:
                    del self._idle[oldest]
        for one in dropped:
            one.connection.close()

    def close(self) -> None:
        """Close the connections that nobody uses, and the DuckDB with its last one."""
        with self._lock:
            sessions = [session for kept in self._idle.values() for session in kept]
            self._idle.clear()
            self._idle_count = 0
        for session in sessions:
            session.connection.close()
        with self._opening:
            for lake in (*self._before, self._lake):
                if lake is not None:
                    lake.engine.close()

    def _open(self) -> Lake:
        source = self._source
        engine = DuckDB(memory_limit=f"{self._memory_bytes} bytes", threads=self._threads, zone=source.engine.zone)
        lake = _read_only(source, engine)
        if self._external_of is not None:
            self._external = self._external_of(engine)
            self._external.attach()
        engine.teach(self._functions)
        engine.execute("SET GLOBAL parquet_metadata_cache = true")  # the lake's files never change
        engine.execute("SET GLOBAL allowed_configs = ['streaming_buffer_size']")  # of each connection, see `take`
        for guard in GUARDS:
            engine.execute(f"CREATE MACRO {guard}")
        spill = Path(tempfile.mkdtemp(prefix="pumphouse-"))
        weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        engine.lock(
            folders=[one.folder / "data" for one in _with_those_above(lake)],
            spill=spill,
            spill_bytes_max=SPILL_TIMES_MEMORY * self._memory_bytes,
        )
        return lake

    def _stamp(self) -> tuple[tuple[float, int], ...] | None:
        """What differs once the catalogue is written; None where that can't be told."""
        if self._source.location.catalogue is not None:
            return None
        return tuple(map(_written, self._catalogue))


def _read_only(source: Lake, engine: DuckDB) -> Lake:
    above = None if source.upstream is None else _read_only(source.upstream, engine)
    return Lake(
        source.location,
        engine=engine,
        alias=source.alias,
        writable=False,
        upstream=above,
        pinned=source.pinned,
    )


def _with_those_above(lake: Lake) -> list[Lake]:
    return [lake, *([] if lake.upstream is None else _with_those_above(lake.upstream))]


def _written(path: str) -> tuple[float, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  # a few times for each statement
    except FileNotFoundError:
        return 0.0, 0
    return found.st_mtime_ns / 1e9, found.st_size
