"""One build's changes, and the transaction that makes them all visible or none (law 1).

Files are written before; the transaction registers them, merges keys, checks, and stores who built what from what in
the snapshot itself. It is short, so it can be tried again when somebody else committed first.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pumphouse.declare.layouts import TableLayout
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import HIDDEN_COLUMNS, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.engines.parquet import storable
from pumphouse.errors import CheckFailed, KeyConflict, LakeBusy, LakeError
from pumphouse.lake.arranging import arranged
from pumphouse.lake.builds import Build, Counts, encode, failed_of, quarantine_of
from pumphouse.lake.checking import Judged, judge, log_found
from pumphouse.lake.checks import CheckOfTable, Found, View
from pumphouse.lake.lake import SCHEMA, Lake
from pumphouse.lake.locks import held
from pumphouse.lake.schemas import as_compared, refuse_narrowing, widens
from pumphouse.lake.statistics import forget_before_widening

COMMIT_TRIES_MAX = 8
COMMIT_WAIT_S = 120.0
"""How long a commit waits for another one."""
BACKOFF_S = 0.05

_OWN_TABLES = {
    "artefacts": (
        "asset VARCHAR, name VARCHAR, sha VARCHAR, snapshot BIGINT, made_at TIMESTAMPTZ, number INTEGER, detail VARCHAR"
    ),
    "cursors": "asset VARCHAR, moved_at TIMESTAMPTZ",
    "tombstones": "entity VARCHAR, value VARCHAR, hidden_at TIMESTAMPTZ, actor VARCHAR, why VARCHAR",
}


@dataclass(slots=True)
class _Outcome:
    """What one try of the transaction found."""

    changed: dict[str, int | None] = field(default_factory=dict)
    """Each table that is changed, with how many of its rows, at most; None where it is another table now."""
    merged: int = 0
    warnings: list[str] = field(default_factory=list)

    def change(self, table: str, rows: int | None = None) -> None:
        """Note that so many rows of a table come or go; without a number, that all may be others."""
        before = self.changed.get(table, 0)
        self.changed[table] = None if rows is None or before is None else before + rows


class Commit:
    """What one build will change. Nothing is visible before `publish`, and then all of it at once."""

    def __init__(
        self,
        lake: Lake,
        asset: str,
        *,
        run: str,
        actor: str,
        fingerprint: str = "",
        inputs: Mapping[str, int] | None = None,
        accept_schema: bool = False,
        view: View | None = None,
        layout: TableLayout | None = None,
    ) -> None:
        """`layout` says how the rows of the asset's own table lie in the files that this adds."""
        if not lake.writable:
            raise LakeError("this lake is open for reading only", mend="Open it in an environment of its own.")
        self._lake = lake
        self._accept_schema = accept_schema
        self._layout = layout
        self._changes: list[Callable[[DuckDB, _Outcome], None]] = []
        self._arriving: list[tuple[str, pa.Schema]] = []
        """Tables that rows are added to, with the types of these."""
        self._checks: list[CheckOfTable] = []
        self._view = view
        self._found: list[Found] = []
        """What the checks of the last try found."""
        self._files: list[Path] = []
        """All that were handed over; those that the commit did not register are removed after it."""
        self._registered: set[Path] = set()
        self._artefacts = 0
        self._build = Build(
            id=uuid.uuid4().hex, asset=asset, run=run, actor=actor, fingerprint=fingerprint, inputs=dict(inputs or {})
        )

    def replace(self, table: str, written: Written, *, key: tuple[str, ...] = ()) -> None:
        """The table is these rows and no others. Raises KeyConflict on publish where `key` is null or comes twice."""
        written = self._settled(table, written, key)

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            old = self._old_schema(engine, table)
            if old is not None and not self._accept_schema:
                refuse_narrowing(table, old=old, new=as_compared(written.schema))
            self._replace_now(engine, outcome, table, written)
            self._guard_key(engine, table, _rows_of(written), () if written.key == key else key)

        self._changes.append(change)

    def append(self, table: str, written: Written, *, key: tuple[str, ...] = ()) -> None:
        """These rows are added. New columns are added to the table, wider types widen it."""
        written = self._settled(table, written, key)
        self._arriving.append((table, as_compared(written.schema)))

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            self._fit_columns(engine, table, written, outcome)
            if not written.rows:
                return
            self._insert(engine, table, written)
            self._guard_key(engine, table, self._rows_with_keys_of(table, written, key), key)
            outcome.change(table, written.rows)

        self._changes.append(change)

    def upsert(self, table: str, written: Written, *, key: tuple[str, ...]) -> None:
        """Rows replace those of the same key; others are added.

        Of rows with one key the last wins, and the others are counted as merged.
        Rows that are equal to what is there (the lake's own columns apart) change nothing.
        """
        self._files += written.files
        self._keyed(table, key)
        self._arriving.append((table, as_compared(written.schema)))

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            self._fit_columns(engine, table, written, outcome)
            arriving, rows = self._last_of_each_key(engine, table, written, key)
            outcome.merged += written.rows - rows
            if 0 < rows == written.rows and not self._has_rows(engine, table):
                self._insert(engine, table, written)
                outcome.change(table, rows)
            elif differing := engine.execute(self._merge(engine, table, written, arriving, key))[0][0]:
                outcome.change(table, int(differing))

        self._changes.append(change)

    def replace_where(self, table: str, written: Written, *, where: str, key: tuple[str, ...] = ()) -> None:
        """Rows that meet the condition are replaced by these: one slice of a table."""
        written = self._settled(table, written, key)
        self._arriving.append((table, as_compared(written.schema)))

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            self._fit_columns(engine, table, written, outcome)
            gone = engine.execute(f"DELETE FROM {self._lake.name_of(table)} WHERE {where}")
            self._insert(engine, table, written)
            self._guard_key(engine, table, self._rows_with_keys_of(table, written, key), key)
            outcome.change(table, written.rows + (int(gone[0][0]) if gone else 0))

        self._changes.append(change)

    def delete_keys(self, table: str, keys: Written, *, key: tuple[str, ...]) -> None:
        """Rows whose key is among these are removed: what a source no longer has."""
        self._files += keys.files

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            name = self._lake.name_of(table)
            gone = engine.execute(f"DELETE FROM {name} t USING {_rows_of(keys)} a WHERE {_same_key(key)}")
            if gone and gone[0][0]:
                outcome.change(table, int(gone[0][0]))

        self._changes.append(change)

    def quarantine(self, table: str, written: Written) -> None:
        """What could not be cleaned is added to `<table>__quarantine` (columns: lake.builds.QUARANTINE_SCHEMA)."""
        if written.rows or not self._lake.has(quarantine_of(table)):
            self.append(quarantine_of(table), written)

    def replace_quarantine(self, table: str, written: Written) -> None:
        """`<table>__quarantine` is these rows: the whole table was made again."""
        self.replace(quarantine_of(table), written)

    def cursor(self, value: Any) -> None:  # a number or text
        """How far the source has been read, as JSON: the next fetch starts there."""
        self._build = replace(self._build, cursor=value)

    def raw(self, sha: str) -> None:
        """The blob that lists what was fetched."""
        self._build = replace(self._build, raw=sha)

    def detail(self, **values: Any) -> None:  # JSON of the kind that builds
        """Facts about this build that its kind wants to find again in `Build.detail`."""
        self._build = replace(self._build, detail={**self._build.detail, **values})

    def artefact(
        self, name: str, sha: str, detail: Mapping[str, Any] | None = None, *, read_at: int | None = None
    ) -> None:
        """A file that the build made, kept in the lake's blobs, and the snapshot from which it was made."""
        number, self._artefacts = self._artefacts, self._artefacts + 1
        snapshot = self._lake.snapshot() if read_at is None else read_at

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            self._insert_own(
                engine,
                "artefacts",
                [self._build.asset, name, sha, snapshot, datetime.now(UTC), number, json.dumps(detail or {})],
            )
            outcome.change(f"{SCHEMA}.artefacts")

        self._changes.append(change)

    def tombstone(self, entity: str, value: str, *, why: str) -> None:
        """Hide a person from every scan at every snapshot: rows in which the column `entity` is `value`."""

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            self._insert_own(engine, "tombstones", [entity, value, datetime.now(UTC), self._build.actor, why])
            outcome.change(f"{SCHEMA}.tombstones")

        self._changes.append(change)
        self.detail(tombstone=entity)

    def restore(self, table: str, *, to: int) -> None:
        """The table is what it was at an earlier snapshot; that is a change like any other, and history keeps both."""

        def change(engine: DuckDB, outcome: _Outcome) -> None:
            name = self._lake.name_of(table)
            engine.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {name} AT (VERSION => {to})")
            outcome.change(table)

        self._changes.append(change)

    def check(self, *checks: CheckOfTable) -> None:
        """What must hold of tables as this build leaves them."""
        self._checks += checks

    def publish(self, counts: Counts | None = None) -> Build | None:
        """Commit it all as one snapshot; the build as it was committed, or None where nothing would change.

        Rows that failed checks are in `<table>__failed`. Raises SchemaChange, KeyConflict, CheckFailed, or LakeBusy
        after COMMIT_TRIES_MAX tries. After any of them the lake is as it was, but for the rows that failed.
        """
        self._build = replace(self._build, counts=counts or Counts())
        build = None
        try:
            build = self._publish()
            self._log_checks(build)
        except _Failing as failing:
            self._log_checks(None)
            self._keep(failing.judged)
            look = f" Look at them: pumphouse query 'FROM {failed_of(failing.judged.table)}'"
            mend = f"The version before stands.{look if failing.judged.rows.num_rows else ''}"
            raise CheckFailed(str(failing), asset=failing.judged.table, mend=mend) from None
        finally:
            self._remove_unused(build)
        return build

    # -- inside -------------------------------------------------------------------------------------------------------

    def _publish(self) -> Build | None:
        purpose = f"committing {self._build.asset}"
        with (
            held(self._lake.folder / "commit.lock", purpose=purpose, wait_s=COMMIT_WAIT_S),
            self._lake.taking_turns("commit", purpose=purpose, wait_s=COMMIT_WAIT_S),
        ):
            for attempt in range(COMMIT_TRIES_MAX):
                try:
                    return self._try()
                except (duckdb.TransactionException, duckdb.IOException) as error:
                    text = str(error)
                    if "No space left" in text or "disk is full" in text:
                        raise LakeError(
                            "the lake's disk is full; nothing was changed", mend="Free some space and run again."
                        ) from error
                    if isinstance(error, duckdb.IOException) and "locked" not in text:
                        raise LakeError(
                            f"'{self._build.asset}' could not be committed: {text.splitlines()[0]}"
                        ) from error
                    done = next((b for b in self._lake.history(self._build.asset) if b.id == self._build.id), None)
                    if done is not None:  # the answer to the commit was lost, not the commit
                        return done
                    if attempt == COMMIT_TRIES_MAX - 1:
                        raise LakeBusy(
                            f"'{self._build.asset}' could not be committed in {COMMIT_TRIES_MAX} tries: {error}",
                            mend="Somebody else keeps writing to this lake; run again.",
                        ) from error
                    time.sleep(BACKOFF_S * 2**attempt * random.uniform(0.5, 1.5))
        raise AssertionError("the loop above returns or raises")

    def _try(self) -> Build | None:
        engine = self._lake.engine.fork()
        outcome = _Outcome()
        self._registered.clear()
        self._found.clear()
        for table, schema in self._arriving:
            forget_before_widening(self._lake, table, schema)
        engine.execute("BEGIN")
        try:
            self._lake.load_schema(engine)
            for change in self._changes:
                change(engine, outcome)
            if not outcome.changed and self._same_cursor():
                engine.execute("ROLLBACK")
                return None
            self._run_checks(engine, outcome)
            self._stamp(engine, outcome)
            engine.execute("COMMIT")
        except BaseException:
            _roll_back(engine)
            raise
        finally:
            engine.close()
        return next(build for build in reversed(self._lake.history(self._build.asset)) if build.id == self._build.id)

    def _replace_now(self, engine: DuckDB, outcome: _Outcome, table: str, written: Written) -> None:
        name = self._lake.name_of(table)
        engine.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {_rows_of(written)} LIMIT 0")
        self._register(engine, table, written)
        outcome.change(table)

    def _stamp(self, engine: DuckDB, outcome: _Outcome) -> None:
        """Write the build into the snapshot that is being made."""
        if not outcome.changed:  # only the cursor moved; a snapshot needs a change to carry it
            self._insert_own(engine, "cursors", [self._build.asset, datetime.now(UTC)])
        counts = replace(self._build.counts, merged=self._build.counts.merged + outcome.merged)
        detail = {**self._build.detail, "warnings": outcome.warnings} if outcome.warnings else self._build.detail
        rows = {table: rows for table, rows in outcome.changed.items() if rows is not None}
        writes = tuple(sorted(outcome.changed))
        build = replace(self._build, writes=writes, rows=rows, counts=counts, detail=detail)
        engine.execute(
            f"CALL {self._lake.alias}.set_commit_message(?, ?, extra_info => ?)",
            [build.actor, f"build {build.asset}", encode(build)],
        )

    def _same_cursor(self) -> bool:
        last = self._lake.builds().get(self._build.asset)
        return bool(self._build.cursor == (last.cursor if last else None))

    def _run_checks(self, engine: DuckDB, outcome: _Outcome) -> None:
        view = self._view or View(now=datetime.now(UTC))
        for table in dict.fromkeys(check.table for check in self._checks):
            schema = self._old_schema(engine, table)
            if schema is None:  # no row has ever come, and no column is known
                continue
            judged = judge(
                self._lake,
                engine,
                self._lake.uncommitted(table, schema),
                [check for check in self._checks if check.table == table],
                view=view,
                before=self._lake.changes(table),
            )
            self._found += judged.found
            outcome.warnings += judged.warnings
            if judged.errors:
                raise _Failing("; ".join(one.said for one in judged.errors), judged)
            if judged.changes(self._lake):
                self._replace_now(engine, outcome, failed_of(table), self._staged_failed(judged))

    def _staged_failed(self, judged: Judged) -> Written:
        table = failed_of(judged.table)
        stem = f"{table}_{uuid.uuid4().hex}"
        return self._settled(table, self._lake.stage(judged.rows.to_batches(), judged.rows.schema, stem=stem), ())

    def _keep(self, judged: Judged) -> None:
        """Commit the rows that checks refused, in a build of their own, so that somebody can look at them."""
        if judged.changes(self._lake):
            keep_failed(self._lake, judged, run=self._build.run, actor=self._build.actor)

    def _log_checks(self, build: Build | None) -> None:
        if self._found:
            with suppress(LakeError):  # history alone; what was committed stands
                log_found(self._lake, self._found, run=self._build.run, snapshot=build.snapshot if build else None)

    def _keyed(self, table: str, key: tuple[str, ...]) -> None:
        if key and table == self._build.asset:
            self._build = replace(self._build, key=key)

    def _settled(self, table: str, written: Written, key: tuple[str, ...]) -> Written:
        """The same files in the table's own folder: there they are stored by a relative path, and the lake can move."""
        self._keyed(table, key)
        if self._layout is not None and table == self._build.asset and written.rows:
            written = arranged(self._lake, table, written, self._layout)
        home = self._lake.folder / "data" / "main" / table
        home.mkdir(parents=True, exist_ok=True)
        files = tuple(home / f"{file.parent.name}_{file.name}" for file in written.files)
        for file, settled in zip(written.files, files, strict=True):
            file.rename(settled)
        self._files += files
        for folder in {file.parent for file in written.files} - {self._lake.staging()}:
            with suppress(OSError):  # it holds another output of the build
                folder.rmdir()
        return replace(written, files=files)

    def _remove_unused(self, published: Build | None) -> None:
        """Remove the files that no snapshot names: their rows were copied, or nothing was committed."""
        with suppress(LakeError):  # where the lake can't say whether it was committed, they stay
            history = [published] if published else self._lake.history(self._build.asset)
            committed = any(build.id == self._build.id for build in history)
            for file in self._files:
                if not (committed and file in self._registered):
                    file.unlink(missing_ok=True)
        for folder in {file.parent for file in self._files} - {self._lake.staging()}:
            with suppress(OSError):  # it holds what is used
                folder.rmdir()

    def _old_schema(self, engine: DuckDB, table: str) -> pa.Schema | None:
        """The table's columns as this transaction sees them; None where there is no such table."""
        try:
            found = engine.connection.execute(f"SELECT * FROM {self._lake.name_of(table)} LIMIT 0")
        except duckdb.CatalogException:
            return None
        return storable(found.to_arrow_table().schema)

    def _fit_columns(self, engine: DuckDB, table: str, written: Written, outcome: _Outcome) -> None:
        """Make the table if it is not there; add what is new, widen what is wider, refuse what narrows."""
        name = self._lake.name_of(table)
        old, new = self._old_schema(engine, table), as_compared(written.schema)
        if old is None:
            engine.execute(f"CREATE TABLE {name} AS SELECT * FROM {_rows_of(written)} LIMIT 0")
            outcome.change(table)
            return
        added = [column for column in new if column.name not in old.names]
        kept = pa.schema([new.field(column.name) if column.name in new.names else column for column in old])
        if added and any(column.name not in new.names for column in old):
            kept = new  # one column gone and another come: a rename, unless somebody says otherwise
        narrower = pa.schema(
            [old.field(f.name) if f.name in old.names and widens(f.type, old.field(f.name).type) else f for f in kept]
        )
        if not self._accept_schema:
            refuse_narrowing(table, old=old, new=narrower)
        kinds = _kinds(engine, _rows_of(written)) if added or narrower != old else {}
        for column in narrower:
            if column.name in old.names and column.type != old.field(column.name).type:
                of, kind = quoted(column.name), kinds[column.name]
                if widens(old.field(column.name).type, column.type):
                    engine.execute(f"ALTER TABLE {name} ALTER COLUMN {of} SET DATA TYPE {kind}")
                else:  # somebody accepted it; DuckLake only widens in place
                    cast = f"SELECT * REPLACE (CAST({of} AS {kind}) AS {of}) FROM {name}"
                    engine.execute(f"CREATE OR REPLACE TABLE {name} AS {cast}")
                outcome.change(table)
        for column in added:
            engine.execute(f"ALTER TABLE {name} ADD COLUMN {quoted(column.name)} {kinds[column.name]}")
            outcome.change(table)

    def _insert(self, engine: DuckDB, table: str, written: Written) -> None:
        """Register the files where their columns are the table's; else copy the rows, cast to the table's types."""
        name = self._lake.name_of(table)
        if [*_kinds(engine, name).items()] == [*_kinds(engine, _rows_of(written)).items()]:
            self._register(engine, table, written)
        else:
            engine.execute(f"INSERT INTO {name} BY NAME SELECT * FROM {_rows_of(written)}")

    def _has_rows(self, engine: DuckDB, table: str) -> bool:
        return bool(engine.execute(f"SELECT 1 FROM {self._lake.name_of(table)} LIMIT 1"))

    def _register(self, engine: DuckDB, table: str, written: Written) -> None:
        if not written.rows:
            return
        for file in written.files:
            added = ", ".join(map(literal, (self._lake.alias, table, str(file))))
            engine.execute(f"CALL ducklake_add_data_files({added}, schema => 'main')")
            self._registered.add(file)

    def _last_of_each_key(self, engine: DuckDB, table: str, written: Written, key: tuple[str, ...]) -> tuple[str, int]:
        """The relation in which the last row of each key is, and how many rows it has."""
        if written.key == key:
            return _rows_of(written), written.rows
        self._refuse_missing_key(engine, table, _rows_of(written), key)
        keys = ", ".join(map(quoted, key))
        rows = int(engine.execute(f"SELECT count(DISTINCT ({keys})) FROM {_rows_of(written)}")[0][0])
        if rows == written.rows:
            return _rows_of(written), rows
        in_order = " UNION ALL ".join(
            f"SELECT *, {number} AS _file, row_number() OVER () AS _row FROM read_parquet({literal(str(file))})"
            for number, file in enumerate(written.files)
        )
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE arriving AS SELECT * EXCLUDE (_row, _file) FROM ({in_order})"
            f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _file DESC, _row DESC) = 1"
        )
        return "temp.arriving", rows

    def _merge(self, engine: DuckDB, table: str, written: Written, arriving: str, key: tuple[str, ...]) -> str:
        """SQL that updates the rows that differ and inserts those that are new; it returns how many they are."""
        name = self._lake.name_of(table)
        columns = [column[0] for column in engine.connection.execute(f"SELECT * FROM {name} LIMIT 0").description]
        values = {column: f"a.{quoted(column)}" if column in written.schema.names else "NULL" for column in columns}
        others = [column for column in columns if column not in key]
        differs = " OR ".join(
            f"t.{quoted(column)} IS DISTINCT FROM {values[column]}" for column in others if column not in HIDDEN_COLUMNS
        )
        sets = ", ".join(f"{quoted(column)} = {values[column]}" for column in others)
        return (
            f"MERGE INTO {name} t USING {arriving} a ON {_same_key(key)}"
            + (f" WHEN MATCHED AND ({differs}) THEN UPDATE SET {sets}" if differs else "")
            + f" WHEN NOT MATCHED THEN INSERT ({', '.join(map(quoted, columns))}) VALUES ({', '.join(values.values())})"
        )

    def _rows_with_keys_of(self, table: str, written: Written, key: tuple[str, ...]) -> str:
        """The table's rows that have a key among these: only they can come twice now."""
        if not key:
            return ""
        matching = " AND ".join(f"t.{quoted(column)} IS NOT DISTINCT FROM a.{quoted(column)}" for column in key)
        name = self._lake.name_of(table)
        return f"(SELECT t.* FROM {name} t WHERE EXISTS (SELECT 1 FROM {_rows_of(written)} a WHERE {matching}))"

    def _guard_key(self, engine: DuckDB, table: str, rows: str, key: tuple[str, ...]) -> None:
        if not key:
            return
        self._refuse_missing_key(engine, table, rows, key)
        keys = ", ".join(map(quoted, key))
        # Where each key is greater than the one before, none comes twice. To see that costs a tenth of counting them,
        # and nothing where rows come in another order.
        in_turn = f"SELECT ({keys}) AS this, lag(({keys})) OVER () AS before FROM {rows}"
        if not engine.execute(f"SELECT 1 FROM ({in_turn}) WHERE this <= before LIMIT 1"):
            return
        distinct = engine.execute(
            f"SELECT count(*), (SELECT count(*) FROM (SELECT 1 FROM {rows} GROUP BY {keys})) FROM {rows}"
        )
        if distinct[0][0] == distinct[0][1]:
            return
        twice = engine.execute(
            f"SELECT {keys}, count(*) AS n FROM {rows} GROUP BY {keys} HAVING n > 1 ORDER BY n DESC, {keys} LIMIT 1"
        )
        example = ", ".join(f"{column} = {value!r}" for column, value in zip(key, twice[0], strict=False))
        raise KeyConflict(
            f"'{table}' has {distinct[0][0] - distinct[0][1]:,} rows too many for its key:"
            f" {example} comes {twice[0][-1]} times",
            asset=table,
            mend="Declare the key that is true, or merge the rows first.",
        )

    def _refuse_missing_key(self, engine: DuckDB, table: str, rows: str, key: tuple[str, ...]) -> None:
        missing = " OR ".join(f"{quoted(column)} IS NULL" for column in key)
        if engine.execute(f"SELECT 1 FROM {rows} WHERE {missing} LIMIT 1"):
            nulls = ", ".join(f"count_if({quoted(column)} IS NULL)" for column in key)
            counts = zip(key, engine.execute(f"SELECT {nulls} FROM {rows}")[0], strict=True)
            said = ", ".join(f"{column} is null in {count:,}" for column, count in counts if count)
            raise KeyConflict(
                f"'{table}' has rows without its key ({', '.join(key)}): {said}",
                asset=table,
                mend="Leave such rows out, or declare another key.",
            )

    def _insert_own(self, engine: DuckDB, table: str, row: list[Any]) -> None:  # values of any column type
        self._own_table(engine, table, _OWN_TABLES[table])
        marks = ", ".join("?" for _ in row)
        engine.execute(f"INSERT INTO {self._lake.alias}.{SCHEMA}.{table} VALUES ({marks})", row)

    def _own_table(self, engine: DuckDB, table: str, columns: str) -> None:
        engine.execute(f"CREATE SCHEMA IF NOT EXISTS {self._lake.alias}.{SCHEMA}")
        engine.execute(f"CREATE TABLE IF NOT EXISTS {self._lake.alias}.{SCHEMA}.{table} ({columns})")


def keep_failed(lake: Lake, judged: Judged, *, run: str, actor: str) -> None:
    """Make `<table>__failed` the rows that failed the table's checks."""
    table = failed_of(judged.table)
    written = lake.stage(judged.rows.to_batches(), judged.rows.schema, stem=f"{table}_{uuid.uuid4().hex}")
    keeping = Commit(lake, table, run=run, actor=actor, accept_schema=True)
    keeping.replace(table, written)
    keeping.publish(Counts(rows_in=written.rows, rows_out=written.rows))


class _Failing(Exception):
    """A check of severity "error" found rows; carries them out of the transaction."""

    def __init__(self, said: str, judged: Judged) -> None:
        super().__init__(said)
        self.judged = judged


def _roll_back(engine: DuckDB) -> None:
    try:
        engine.execute("ROLLBACK")
    except duckdb.Error:  # the failed commit has already ended the transaction
        return


def _same_key(key: tuple[str, ...]) -> str:
    return " AND ".join(f"t.{quoted(column)} = a.{quoted(column)}" for column in key)


def _rows_of(written: Written) -> str:
    return f"read_parquet([{', '.join(literal(str(file)) for file in written.files)}])"


def _kinds(engine: DuckDB, rows: str) -> dict[str, str]:
    """DuckDB's type of each column. Some that differ are one to Arrow: a UUID and the text of it."""
    return {name: kind for name, kind, *_ in engine.execute(f"DESCRIBE SELECT * FROM {rows}")}
