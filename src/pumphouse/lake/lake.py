"""The lake: tables at every snapshot, who built them from what, and the one way out (`scan`).

The way in is `lake.commit`.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import DataFile, Query, Scan, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.engines.parquet import storable, write_batches
from pumphouse.errors import LakeBusy, LakeError, LakeTooNew, UnknownName
from pumphouse.lake.asking import Ask, asked, asking
from pumphouse.lake.blobs import Blobs
from pumphouse.lake.builds import (
    LAKE_ABOVE,
    Artefact,
    Build,
    decode,
    failed_from,
    is_fit,
    quarantined_from,
    row_id,
    rows_named_in,
)
from pumphouse.lake.changed import Changed
from pumphouse.lake.databases import Postgres, Sqlite, unopened
from pumphouse.lake.expired import kept, no_table, readable, refuse_missing, with_expired
from pumphouse.lake.kept import Kept
from pumphouse.lake.layouts import Layouts
from pumphouse.lake.locks import held_in_postgres
from pumphouse.lake.relations import as_queried, selected
from pumphouse.lake.state import State
from pumphouse.lake.tombstones import columns_of, fit_conditions, quarantine_conditions, rows_of, values
from pumphouse.lake.tombstones import conditions as not_hidden

FORMAT = 1
"""The layout of a lake's folder and metadata; a larger one was made by a newer Pumphouse."""
CATALOGUE_FILE, STATE_FILE = "metadata.sqlite", "state.sqlite"
ATTACH_TRIES_MAX = 8
REMEMBERED_MAX = 20_000
"""Tables' columns, and lists of tables, that an open lake remembers of other snapshots."""
OPENED_MAX, IDENTITIES_MAX = 16, 256
LEFT_BEHIND_S = 24 * 3600.0
"""No build goes on for so long after it wrote a file."""
ROW_IDS = {"_rowid": "rowid", "_row_since": "snapshot_id"}
"""Columns of `scan(row_ids=True)`, each with what DuckLake calls it."""
SCHEMA = "pumphouse"
"""The schema of the lake's own tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a lake is: its folder, and its catalogue's PostgreSQL address where that is not a file in the folder."""

    folder: Path
    catalogue: str | None = None


class Lake:
    """A lake that is open. Its DuckDB has it attached as `lake`; `fork` its engine to use it in another thread.

    `upstream` is another lake, read only and pinned at one snapshot: what this lake has not built is read there, or in
    turn in its own upstream.
    """

    def __init__(
        self,
        location: Location,
        *,
        engine: DuckDB,
        alias: str = "lake",
        writable: bool = True,
        upstream: Lake | None = None,
        pinned: int | None = None,
    ) -> None:
        """Open it. One that is only read is pinned at `pinned`, or at its newest snapshot."""
        self.location = location
        self.folder = location.folder.absolute()
        self.engine = engine
        self.alias = alias
        self.writable = writable
        self.upstream = upstream
        self.blobs = Blobs(self.folder / "blobs")
        self.layouts = Layouts()
        self.opened: Kept[Path, Any] = Kept(OPENED_MAX)
        """What readers left open for the next ones, by its folder."""
        self.identities: Kept[tuple[str, int], Any] = Kept(IDENTITIES_MAX)
        """What tables were at snapshots."""
        self._lock = threading.RLock()
        self._tables: Kept[int, Mapping[str, int]] = Kept(REMEMBERED_MAX)
        """For each snapshot the tables, in order, with the one in which their columns last changed, by whomever."""
        self._builds: dict[str, list[Build]] = {}
        self._builds_through = -1
        self._changes = Changed()
        self._tombstoned: dict[str, int] = {}
        """Entity columns with a tombstone, in lower case, each with the snapshot of its newest."""
        self._schemas: Kept[tuple[str, int], pa.Schema] = Kept(REMEMBERED_MAX)
        self._loaded: set[int] = set()
        """Snapshots whose schema DuckLake has in its cache."""
        if writable:
            self._make()
        elif not (self.folder / "lake.json").exists():
            raise LakeError(f"there is no lake at {self.folder}", mend="Run the project there first.")
        self._check_format()
        self._attach()
        if writable:
            _ = self.state  # what is wrong with it is said now
            self._mark_made()
        self.pinned = None if writable else self.snapshot() if pinned is None else pinned

    @cached_property
    def state(self) -> State:
        """What happened around the lake. A lake that is only read leaves no trace, and has none of its own."""
        shared = self.location.catalogue
        return State(Postgres(shared, schema="pumphouse_state") if shared else Sqlite(self.folder / STATE_FILE))

    @property
    def pins(self) -> tuple[int, ...]:
        """The snapshots at which the lakes above are read, nearest first."""
        above = self.upstream
        return () if above is None or above.pinned is None else (above.pinned, *above.pins)

    # -- reading -------------------------------------------------------------------------------------------------

    def snapshot(self) -> int:
        """The newest snapshot. 0 is the empty lake."""
        return int(self.catalogue("SELECT max(snapshot_id) FROM {meta}.ducklake_snapshot")[0][0])

    def newest(self) -> int:
        """The newest snapshot, after learning who was hidden until then; one question where there is no newer one."""
        at = self.snapshot()
        if at > self._builds_through:
            self._catch_up()
        return at

    def shows_all(self, table: str, *, snapshot: int) -> bool:
        """Whether a scan leaves nobody out of a table of this lake, as far as `newest` has learned."""
        if not self._tombstoned:
            return True
        about_rows = (quarantined_from(table), rows_named_in(table), failed_from(table))
        return about_rows == (None, None, None) and not is_fit(table) and not self._hidden_at(table, snapshot)

    def tables(self, *, snapshot: int | None = None) -> tuple[str, ...]:
        """Names of the tables at a snapshot, in order; the lake's own bookkeeping is not among them."""
        return tuple(self._shaped(self.snapshot() if snapshot is None else snapshot))

    def _shaped(self, at: int) -> Mapping[str, int]:
        if (known := self._tables.get(at)) is not None:
            return known
        refuse_missing(at, catalogue=self.catalogue)
        rows = self.catalogue(
            "SELECT t.table_name, max(c.begin_snapshot), max(CASE WHEN c.end_snapshot <= {at} THEN c.end_snapshot END)"
            " FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s USING (schema_id)"
            " LEFT JOIN {meta}.ducklake_column c ON c.table_id = t.table_id AND c.begin_snapshot <= {at}"
            " WHERE s.schema_name = 'main' AND t.begin_snapshot <= {at}"
            " AND (t.end_snapshot IS NULL OR t.end_snapshot > {at})"
            " AND s.begin_snapshot <= {at} AND (s.end_snapshot IS NULL OR s.end_snapshot > {at})"
            " GROUP BY 1 ORDER BY 1".replace("{at}", str(at))
        )
        found = {row[0]: max(row[1] or 0, row[2] or 0) for row in rows}
        self._tables.put(at, found)
        return found

    def has(self, table: str, *, snapshot: int | None = None) -> bool:
        """Whether there is such a table, in this lake or upstream."""
        return self.owner(table, snapshot) is not None

    def version(self, table: str, *, snapshot: int | None = None) -> int:
        """The table's version, as `versions` has it. Raises UnknownName where there is no such table."""
        if self.owner(table, snapshot) is None:
            raise self._unknown(table, snapshot)
        return self.versions(snapshot=snapshot)[table]

    def versions(self, *, snapshot: int | None = None) -> dict[str, int]:
        """The version of every table that can be read: the snapshot in which its content last changed.

        Where this lake has none it is upstream's, and says so (see `builds.place_of`): by chance both may be equal.
        """
        if snapshot is None or snapshot > self._builds_through:
            self._catch_up()
        at = self._builds_through if snapshot is None else snapshot
        versions = {
            table: max(self._changed(table, at), self._hidden_at(table, at)) for table in self.tables(snapshot=at)
        }
        above = self.upstream.versions(snapshot=self.upstream.pinned) if self.upstream is not None else {}
        return {**{table: LAKE_ABOVE + version for table, version in above.items()}, **versions}

    def hidden_at(self, table: str, *, snapshot: int | None = None) -> int:
        """The snapshot of the newest tombstone that takes rows out of the table; 0 where there is none."""
        self._catch_up()
        return self._hidden_at(table, snapshot)

    def hidden_last(self) -> int:
        """The snapshot at which somebody was hidden last, here or in a lake above; 0 where nobody was."""
        self._catch_up()
        above = 0 if self.upstream is None else self.upstream.hidden_last()
        return max(above, *self._tombstoned.values()) if self._tombstoned else above

    def hidden_tables(self) -> dict[str, int]:
        """Every table out of which a tombstone takes rows, with the snapshot of the newest one."""
        self._catch_up()
        tables = self.tables(snapshot=self._builds_through) if self._tombstoned else ()
        return {table: at for table in tables if (at := self._hidden_at(table, self._builds_through))}

    def schema(self, table: str, *, snapshot: int | None = None) -> pa.Schema:
        """Names and types of a table's columns as queries see them, the lake's own among them."""
        return as_queried(self.stored_schema(table, snapshot=snapshot))

    def stored_schema(self, table: str, *, snapshot: int | None = None) -> pa.Schema:
        """Names and types of a table's columns as files hold them."""
        owner = self.owner(table, snapshot)
        if owner is None:
            raise self._unknown(table, snapshot)
        if owner is not self:
            return owner.stored_schema(table, snapshot=owner.pinned)
        at = self.snapshot() if snapshot is None else snapshot
        version = self._shaped(at)[table]
        with self._lock:
            found = self._schemas.get((table, version))
            if found is None:
                refuse_missing(at, catalogue=self.catalogue)
                select = f"SELECT * FROM {self.name_of(table)} AT (VERSION => {at}) LIMIT 0"
                cursor = self.engine.connection.cursor()
                found = storable(cursor.execute(select).to_arrow_table().schema)
                self._schemas.put((table, version), found)
            return found

    def scan(self, table: str, *, snapshot: int | None = None, files: bool = False, row_ids: bool = False) -> Scan:
        """The table's rows at a snapshot, for any engine; `files` lists data files for one that is not DuckDB.

        With `row_ids` DuckDB has the columns of ROW_IDS too: a row's id, and the snapshot of its newest version.

        People with a tombstone are left out at every snapshot. Raises UnknownName where there is no such table.
        """
        owner = self.owner(table, snapshot)
        if owner is None:
            raise self._unknown(table, snapshot)
        if owner is not self:
            return owner.scan(table, snapshot=owner.pinned, files=files, row_ids=row_ids)
        at = self.snapshot() if snapshot is None else snapshot
        self._load_schema(table, at)
        stored = self.stored_schema(table, snapshot=at)
        people, conditions = self._in_sight(stored)
        entities = list(self._tombstoned)
        if entities and quarantined_from(table) is not None:
            conditions += quarantine_conditions(entities, tombstones=self._tombstones)
        if entities and is_fit(table) and "group" in stored.names:
            conditions += fit_conditions(entities, tombstones=self._tombstones)
        hidden = [(column, self._hidden(entity, stored.field(column).type)) for column, entity in people]
        if entities and (naming := rows_named_in(table)) is not None:
            of, named = naming
            rows = self._hidden_rows(of, at, entities)
            ids = [name for name in named if rows and name in stored.names]
            conditions += [f"coalesce({quoted(name)} NOT IN ({', '.join(map(literal, rows))}), true)" for name in ids]
            hidden += [(name, rows) for name in ids]
        own: tuple[str, ...] = ()
        if entities and (whose := failed_from(table)) is not None:
            own = self._not_failed_from(whose, stored, at, entities)
        row_columns = ROW_IDS if row_ids else {}
        schema = self.schema(table, snapshot=at)
        return Scan(
            table=table,
            snapshot=at,
            schema=pa.schema([*schema, *(pa.field(name, pa.int64()) for name in row_columns)]),
            relation=selected(stored, f"{self.name_of(table)} AT (VERSION => {at})", [*conditions, *own], row_columns),
            files=self._files(table, at) if files else None,
            hidden=tuple(hidden),
            conditions=own,
        )

    def uncommitted(self, table: str, stored: pa.Schema) -> Scan:
        """A table as the transaction of a commit leaves it, for that transaction's connection; nobody hidden in it."""
        _, conditions = self._in_sight(stored)
        return Scan(
            table=table,
            snapshot=self._builds_through,
            schema=as_queried(stored),
            relation=selected(stored, self.name_of(table), conditions),
        )

    def changes(self, table: str) -> tuple[int, ...]:
        """For each version of a table, oldest first, the first snapshot that has it, of those that are kept."""
        self._catch_up()
        return readable(self._changes.snapshots(table), there=kept(catalogue=self.catalogue))

    def span(self, table: str, *, at: int) -> tuple[int, int | None]:
        """The snapshots, from the first up to without the second, in which a table has the rows that it has at one."""
        self._catch_up()
        return self._changes.span(table, at=at)

    def rows_changed(self, table: str, *, after: int, until: int) -> int | None:
        """How many rows of a table came or went after a snapshot up to its version `until`, at most.

        None where nobody counted them, or somebody was hidden since.
        """
        if until > self._builds_through:
            self._catch_up()
        return None if self._hidden_at(table, until) > after else self._changes.rows(table, after=after)

    def without_hidden(self, rows: pa.Table) -> pa.Table:
        """Rows that are not in the lake, without those whose columns say that they are a hidden person's."""
        self._catch_up()
        people = columns_of(rows.schema, list(self._tombstoned)).items()
        conditions = " AND ".join(not_hidden(rows.schema, people, tombstones=self._tombstones))
        if not conditions:
            return rows
        return self.engine.fork().read(Query(text=f"FROM given WHERE {conditions}", tables={"given": rows})).read_all()

    def count(self, table: str, *, snapshot: int | None = None) -> int:
        """How many rows a scan gives."""
        scan = self.scan(table, snapshot=snapshot)
        return int(self.engine.fork().execute(f"SELECT count(*) FROM ({scan.relation})")[0][0])

    def builds(self) -> Mapping[str, Build]:
        """The last committed build of each asset."""
        self._catch_up()
        with self._lock:
            return {asset: builds[-1] for asset, builds in self._builds.items()}

    def history(self, asset: str) -> tuple[Build, ...]:
        """All committed builds of an asset, oldest first."""
        self._catch_up()
        with self._lock:
            return tuple(self._builds.get(asset, ()))

    def artefacts(self, asset: str) -> tuple[Artefact, ...]:
        """Files that builds of an asset made, oldest first."""
        if not self._has_own("artefacts"):
            return ()
        rows = self.engine.fork().execute(
            f"SELECT asset, name, sha, snapshot, made_at, detail FROM {self.alias}.{SCHEMA}.artefacts"
            " WHERE asset = ? ORDER BY made_at, number",
            [asset],
        )
        return tuple(
            Artefact(asset=name, name=file, sha=sha, snapshot=snapshot, at=at, detail=json.loads(detail))
            for name, file, sha, snapshot, at, detail in rows
        )

    # -- writing (what `Commit` stands on) --------------------------------------------------------------------------

    def staging(self) -> Path:
        """The folder for files of builds that are not committed yet, on the disk where a commit registers them."""
        folder = self.folder / "data" / "staged"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def sweep(self) -> None:
        """Remove what builds left behind that were killed before their commit, once it is older than LEFT_BEHIND_S."""
        for folder in (self.staging(), self.blobs.arriving):
            for path in folder.iterdir() if folder.is_dir() else ():
                with suppress(FileNotFoundError):  # whoever made it has just moved it
                    if time.time() - path.stat().st_mtime > LEFT_BEHIND_S:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def stage(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, stem: str, key: Sequence[str] = ()
    ) -> Written:
        """Parquet files of a stream of batches, in the lake's data path; nothing sees them before a commit."""
        return write_batches(batches, schema, folder=self.staging(), stem=stem, key=key)

    def taking_turns(self, name: str, *, purpose: str, wait_s: float) -> AbstractContextManager[None]:
        """A lock that machines with the same catalogue take in turns; nothing where the catalogue is a file."""
        if self.location.catalogue is None:
            return nullcontext()
        return held_in_postgres(self.location.catalogue, name=name, purpose=purpose, wait_s=wait_s)

    def name_of(self, table: str) -> str:
        """The table's full name in the lake's DuckDB."""
        return f"{self.alias}.main.{quoted(table)}"

    def close(self) -> None:
        """Close the lake and its engine."""
        if "state" in self.__dict__:
            self.state.close()
        self.engine.close()

    # -- inside -------------------------------------------------------------------------------------------------------

    def load_schema(self, engine: DuckDB) -> None:
        """Have DuckLake load the newest schema in the transaction that an engine has begun, one at a time.

        Two connections that load a new schema at once each put it into DuckLake's cache, and the one whose schema is
        replaced there crashes at its COMMIT (DuckLake of DuckDB 1.5.3 and later; decision 15).
        """
        tables = self.tables()
        if tables:
            with self._lock:
                engine.execute(f"SELECT 1 FROM {self.name_of(tables[0])} LIMIT 0")

    def _load_schema(self, table: str, at: int) -> None:
        """Have DuckLake load the schema of a snapshot, once, before queries do it side by side."""
        if at < self._builds_through:
            refuse_missing(at, catalogue=self.catalogue)  # it may have left since
        with self._lock:
            if at not in self._loaded:
                if len(self._loaded) >= REMEMBERED_MAX:
                    self._loaded.clear()
                cursor = self.engine.connection.cursor()
                cursor.execute(f"SELECT 1 FROM {self.name_of(table)} AT (VERSION => {at}) LIMIT 0")
                self._loaded.add(at)

    def owner(self, table: str, snapshot: int | None) -> Lake | None:
        if table in self.tables(snapshot=snapshot):
            return self
        return self.upstream.owner(table, self.upstream.pinned) if self.upstream is not None else None

    def _unknown(self, table: str, snapshot: int | None) -> UnknownName:
        return no_table(table, snapshot=snapshot, known=self.tables(snapshot=snapshot))

    def _catch_up(self) -> None:
        """Learn of the builds that were committed since the last time."""
        with self._lock:
            with self.asking() as ask:
                if ask("SELECT max(snapshot_id) FROM {meta}.ducklake_snapshot")[0][0] <= self._builds_through:
                    return  # it takes a third of the time to know that
                rows = ask(
                    "SELECT c.snapshot_id, s.snapshot_time, c.commit_extra_info FROM {meta}.ducklake_snapshot_changes c"
                    " JOIN {meta}.ducklake_snapshot s USING (snapshot_id)"
                    f" WHERE c.snapshot_id > {self._builds_through} ORDER BY 1"
                )
            for snapshot, at, info in with_expired(rows, after=self._builds_through, catalogue=self.catalogue):
                moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
                build = decode(info, snapshot=snapshot, at=moment.astimezone(UTC)) if info else None
                if build is not None:
                    self._builds.setdefault(build.asset, []).append(build)
                    self._changes.add(build)
                    if "tombstone" in build.detail:
                        self._tombstoned[build.detail["tombstone"].lower()] = snapshot
                self._builds_through = snapshot

    def _changed(self, table: str, at: int) -> int:
        """The newest snapshot, up to `at`, in which a build changed the table; 0 where somebody else made it."""
        if at > self._builds_through:
            self._catch_up()
        return self._changes.last(table, at=at)

    def _hidden_at(self, table: str, at: int | None) -> int:
        hidden = dict(self._tombstoned)
        columns = columns_of(self.stored_schema(table, snapshot=at), hidden) if hidden else {}
        return max((hidden[entity] for entity in columns.values()), default=0)

    @property
    def _tombstones(self) -> str:
        return f"{self.alias}.{SCHEMA}.tombstones"

    def _in_sight(self, stored: pa.Schema) -> tuple[list[tuple[str, str]], list[str]]:
        """The columns by which people are hidden with the tombstones' entities, and what holds of all other rows."""
        self._catch_up()
        people = sorted(columns_of(stored, list(self._tombstoned)).items())
        return people, list(not_hidden(stored, people, tombstones=self._tombstones))

    def _not_failed_from(self, table: str, failed: pa.Schema, at: int, entities: Sequence[str]) -> tuple[str, ...]:
        """A row that failed by a query may have the table's key and not the column by which somebody is hidden."""
        key = next((one.key for one in reversed(self.history(table)) if one.key and one.snapshot <= at), ())
        rows = self._hidden_rows(table, at, entities) if key and set(key) <= set(failed.names) else ()
        return (f"coalesce(({row_id(key)}) NOT IN ({', '.join(map(literal, rows))}), true)",) if rows else ()

    def _hidden_rows(self, table: str, at: int, entities: Sequence[str]) -> tuple[str, ...]:
        """Ids of rows of hidden people in a table and in what it was made from, where merged and withheld ones are."""
        builds = (one for one in reversed(self.history(table)) if one.key and one.snapshot <= at)
        build = next(builds, Build(id="", asset=table))
        there = self.tables(snapshot=at)
        found: set[str] = set()
        for name in (one for one in (table, *build.inputs) if one in there):
            stored = self.stored_schema(name, snapshot=at)
            people = columns_of(stored, entities) if set(build.key) <= set(stored.names) else {}
            place = f"{self.name_of(name)} AT (VERSION => {at})"
            queries = rows_of(stored, people, table=place, key=build.key, tombstones=self._tombstones)
            for query in queries:
                found |= {row[0] for row in self.engine.fork().execute(query)}
        return tuple(sorted(found))

    def _hidden(self, entity: str, kind: pa.DataType) -> tuple[str, ...]:
        rows = self.engine.fork().execute(f"{values(entity, kind, tombstones=self._tombstones)} ORDER BY value")
        return tuple(row[0] for row in rows)

    def _files(self, table: str, at: int) -> tuple[DataFile, ...]:
        rows = self.engine.fork().execute(
            "SELECT data_file, delete_file FROM ducklake_list_files(?, ?, snapshot_version => ?)",
            [self.alias, table, at],
        )
        return tuple(DataFile(path=data, delete_file=deletes, snapshot_max=at) for data, deletes in rows)

    def _has_own(self, table: str) -> bool:
        rows = self.catalogue(
            "SELECT 1 FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s USING (schema_id)"
            f" WHERE s.schema_name = '{SCHEMA}' AND t.table_name = {literal(table)} AND t.end_snapshot IS NULL"
        )
        return bool(rows)

    def catalogue(self, sql: str) -> list[tuple]:  # type: ignore[type-arg]  # rows of any shape
        """Rows of DuckLake's own metadata."""
        return asked(self.engine, self.alias, self.folder, sql)

    def asking(self) -> AbstractContextManager[Ask]:
        """Several questions to it, as it is at one moment."""
        return asking(self.engine, self.alias, self.folder)

    def _make(self) -> None:
        try:
            (self.folder / "data").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LakeError(
                f"the lake's folder can't be made: {error.strerror} ({self.folder})",
                mend='Name another with lake = "..." in pumphouse.toml.',
            ) from error
        if (self.folder / "lake.json").exists():
            self._refuse_lost()
        elif self.location.catalogue is None:
            db = sqlite3.connect(self.folder / CATALOGUE_FILE, timeout=30)
            db.execute("PRAGMA journal_mode = wal")  # readers go on beside a writer
            db.close()

    def _refuse_lost(self) -> None:
        """A new catalogue in the place of a lost one would be an empty lake, with everybody who was hidden in sight."""
        files = (CATALOGUE_FILE, STATE_FILE) if self.location.catalogue is None else ()
        for name in files:
            if not (self.folder / name).exists():
                raise LakeError(
                    f"the lake at {self.folder} has lost its {name}",
                    mend="Restore it from a backup; the tables' files are still there.",
                )

    def _mark_made(self) -> None:
        """Say of which format the lake is, once all its parts are there: killed before, it is made again."""
        about = self.folder / "lake.json"
        if not about.exists():
            arriving = about.with_suffix(".arriving")
            arriving.write_text(json.dumps({"format": FORMAT}) + "\n")
            arriving.replace(about)

    def _check_format(self) -> None:
        about = self.folder / "lake.json"
        if not about.exists():
            return
        try:
            number = int(json.loads(about.read_text())["format"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise LakeError(f"the lake's {about} can't be read", mend="Restore it from a backup.") from error
        if number > FORMAT:
            raise LakeTooNew(
                f"the lake at {self.folder} has format {number}, this Pumphouse knows formats up to {FORMAT}",
                mend="Update Pumphouse: pip install --upgrade pumphouse",
            )

    def _attach(self) -> None:
        self.engine.load("ducklake", "sqlite_scanner" if self.location.catalogue is None else "postgres_scanner")
        if self.location.catalogue is None:
            catalogue = f"ducklake:sqlite:{self.folder / CATALOGUE_FILE}"
        else:
            catalogue = f"ducklake:postgres:{self.location.catalogue}"
        options = (
            f"DATA_PATH {literal(str(self.folder / 'data') + '/')}, OVERRIDE_DATA_PATH true, DATA_INLINING_ROW_LIMIT 0"
        )
        if not self.writable:
            options += ", READ_ONLY"
        if (self.folder / "lake.json").exists():
            options += ", CREATE_IF_NOT_EXISTS false"
        for attempt in range(ATTACH_TRIES_MAX):
            try:
                self.engine.execute(f"ATTACH {literal(catalogue)} AS {self.alias} ({options})")
                return
            except duckdb.Error as error:
                text = str(error)
                if "catalog version mismatch" in text:  # ours is the oldest there is
                    raise LakeTooNew(
                        f"the lake at {self.folder} was made by a newer DuckLake",
                        mend="Update Pumphouse: pip install --upgrade pumphouse",
                    ) from error
                if "locked" not in text:
                    raise unopened(self.folder, self.location.catalogue, error) from error
                time.sleep(0.05 * 2**attempt)
        raise LakeBusy("the lake's catalogue stayed locked", mend="Another program holds it; try again.")
