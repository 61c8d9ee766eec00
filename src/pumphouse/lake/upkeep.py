"""Upkeep of the lake's files: the same rows, at every snapshot, in fewer files.

Each step is one table's, and no build commits meanwhile. A file that is in no snapshot any more stays for
LEFT_BEHIND_S: who has begun to read it, reads on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pumphouse.declare.layouts import TableLayout
from pumphouse.engines.parameters import literal
from pumphouse.engines.parquet import ROW_GROUP_ROWS
from pumphouse.lake.fragments import fragments, fragments_of, holes
from pumphouse.lake.lake import LEFT_BEHIND_S, Lake
from pumphouse.lake.locks import held
from pumphouse.lake.merging import Merge, merges, write
from pumphouse.lake.statistics import forget
from pumphouse.lake.swapping import NewFile, swap

WAIT_S = 600.0
"""How long a step waits for a build that commits."""
AT_ONCE = 2
"""Files of up to 500 MB each that DuckLake makes of others while no build commits, for some seconds."""
ROUND_BYTES = 4_000_000_000
"""Of files that are put in the place of others at once, in one snapshot."""
_OPTIONS = {
    "parquet_row_group_size": str(ROW_GROUP_ROWS),
    "parquet_compression": "zstd",
    "parquet_compression_level": "1",
}
"""Of how DuckLake writes; it keeps them in its catalogue."""
_ROW_ID = "_ducklake_internal_row_id"
"""The column of a data file that holds the ids of rows which were elsewhere before."""


def merge_files(
    lake: Lake,
    tables: Iterable[str] | None = None,
    *,
    layouts: Mapping[str, TableLayout] | None = None,
    at_once: int = AT_ONCE,
) -> None:
    """Have neighbouring small files written as one; snapshots, rows and ids stay.

    Of all tables, or of some, as `fragments` calls them, which also says how small they are. Those that have a layout
    are brought into its order. Builds can commit after every `at_once` files that were made.
    """
    for table in fragments(lake) if tables is None else tables:
        ours = merges(lake, table, layouts[table]) if layouts and table in layouts else None
        if ours is not None:
            _merge_in_order(lake, table, ours)
            continue
        while _merge_some(lake, table, at_once):
            pass


def _merge_some(lake: Lake, table: str, at_once: int) -> bool:
    """Whether some files were merged, and there may be more of them."""
    schema, name = _parts(table)
    with no_commit(lake, f"merging files of {table}"):
        found = fragments_of(lake, table)
        if not found.merged:
            return False
        keep_row_ids(lake, name, schema=schema)
        _write_as_builds_do(lake)
        merge = "CALL ducklake_merge_adjacent_files(?, ?, schema => ?, max_file_size => ?, max_compacted_files => ?)"
        return bool(lake.engine.fork().execute(merge, [lake.alias, name, schema, found.merged_below, at_once]))


def _merge_in_order(lake: Lake, table: str, found: Sequence[Merge]) -> None:
    """Write merges while builds go on, and put what they make in the place of what was, some at a time."""
    written: list[tuple[Merge, list[NewFile]]] = []
    for number, merge in enumerate(found, start=1):
        written.append((merge, write(lake, merge)))
        if number < len(found) and sum(one.size_bytes for one, _ in written) < ROUND_BYTES:
            continue
        pairs = [([file.id for file in one.files], new) for one, new in written]
        with no_commit(lake, f"merging files of {table}"):
            done = swap(lake, merge.table_id, pairs)
        for (_, new), is_done in zip(pairs, done, strict=True):
            for file in () if is_done else new:
                file.path.unlink(missing_ok=True)
        written = []


def rewrite_deletes(
    lake: Lake,
    tables: Iterable[str] | None = None,
    *,
    deleted_share: float | None = None,
    bytes_at_once: int = ROUND_BYTES,
) -> None:
    """Have DuckLake write files again without their deleted rows, in snapshots of their own; row ids stay.

    From which share of deleted rows on, `fragments` says, unless it is given. Builds can commit after each
    `bytes_at_once`; files with most deleted rows come first.
    """
    for table in lake.tables() if tables is None else tables:
        found = fragments_of(lake, table)
        if found.rewritten or (deleted_share is not None and found.rows_deleted):
            least = found.rewritten_share if deleted_share is None else deleted_share
            for share in _shares(holes(lake, table), least=least, bytes_at_once=bytes_at_once):
                with no_commit(lake, f"rewriting files of {table}"):
                    forget(lake, table)
                    _write_as_builds_do(lake)
                    lake.engine.fork().execute(
                        "CALL ducklake_rewrite_data_files(?, ?, schema => 'main', delete_threshold => ?)",
                        [lake.alias, table, share],
                    )


def _shares(holes: Sequence[tuple[float, int]], *, least: float, bytes_at_once: int) -> list[float]:
    """Shares of deleted rows, each less than the one before: the files from each on are about so many bytes."""
    steps: list[float] = []
    held, last = 0, 1.0
    for share, size in holes:
        if share < least:
            break
        if held and held + size > bytes_at_once and share < last:
            steps.append(last)
            held = 0
        held, last = held + size, share
    return [*steps, least]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """Files that are in no snapshot since LEFT_BEHIND_S: those of snapshots that left, and what killed builds wrote."""

    unused: tuple[Path, ...]
    """DuckLake has them in its list of files to remove."""
    orphans: tuple[Path, ...]
    """No catalogue names them."""
    bytes: int
    later_files: int
    """That will be removed, but were in a snapshot less than LEFT_BEHIND_S ago."""
    later_bytes: int

    @property
    def files(self) -> int:
        """How many they are."""
        return len(self.unused) + len(self.orphans)


def removable(lake: Lake, *, now: datetime | None = None) -> Removable:
    """What `remove_files` would remove."""
    before = (now or datetime.now(UTC)) - timedelta(seconds=LEFT_BEHIND_S)
    engine = lake.engine.fork()
    unused, orphans = (
        [
            Path(path)
            for (path,) in engine.execute(f"CALL {function}(?, dry_run => true, older_than => ?)", [lake.alias, before])
        ]
        for function in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files")
    )
    named = {
        name
        for files in ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
        for (name,) in lake.catalogue(f"SELECT parse_filename(path) FROM {{meta}}.{files}")
    }
    # DuckLake tells them by their whole paths; a link in the lake's own path must not make a stranger of each.
    strangers = tuple(path for path in orphans if path.name not in named)
    waiting = set(_waiting(lake)) - set(unused)
    return Removable(
        unused=tuple(unused), orphans=strangers, bytes=_size((*unused, *strangers)),
        later_files=len(waiting), later_bytes=_size(waiting),
    )  # fmt: skip


def remove_files(lake: Lake, *, now: datetime | None = None) -> Removable:
    """Remove the files that are in no snapshot since LEFT_BEHIND_S; killed between two, the next time goes on."""
    now = now or datetime.now(UTC)
    with no_commit(lake, "removing files"):
        gone = removable(lake, now=now)
        for path in gone.orphans:
            path.unlink(missing_ok=True)
        lake.engine.fork().execute(
            "CALL ducklake_cleanup_old_files(?, older_than => ?)", [lake.alias, now - timedelta(seconds=LEFT_BEHIND_S)]
        )
    return gone


def keep_row_ids(lake: Lake, table: str, *, schema: str = "main") -> None:
    """Have DuckLake take the ids of updated rows from their files, where they stand.

    It gives a file of updated rows a range of ids as well, and merging such files gives the rows ids of that range, at
    every snapshot (DuckLake of DuckDB 1.5.5; decision 33). A file without a range keeps those that stand in it.
    """
    engine = lake.engine.fork()
    listed = engine.execute("SELECT data_file FROM ducklake_list_files(?, ?, schema => ?)", [lake.alias, table, schema])
    files = [file for (file,) in listed]
    named = (
        engine.execute(
            "SELECT DISTINCT parse_filename(file_name) FROM parquet_schema(?) WHERE name = ?", [files, _ROW_ID]
        )
        if files
        else []
    )
    if named:
        names = ", ".join(literal(name) for (name,) in named)
        lake.catalogue(
            "UPDATE {meta}.ducklake_data_file SET row_id_start = NULL"
            f" WHERE row_id_start IS NOT NULL AND parse_filename(path) IN ({names})"
        )


def _write_as_builds_do(lake: Lake) -> None:
    """Have DuckLake write as we write batches: in row groups of our size, and compressed, so that no table grows."""
    known = dict(lake.catalogue("SELECT key, value FROM {meta}.ducklake_metadata"))
    for name, value in _OPTIONS.items():
        if known.get(name) != value:
            lake.engine.fork().execute("CALL ducklake_set_option(?, ?, ?)", [lake.alias, name, value])


def _waiting(lake: Lake) -> list[Path]:
    """Files that are in no snapshot any more."""
    rows = lake.engine.fork().execute("CALL ducklake_cleanup_old_files(?, dry_run => true, cleanup_all => true)", [
        lake.alias
    ])  # fmt: skip
    return [Path(path) for (path,) in rows]


def _size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


def _parts(table: str) -> tuple[str, str]:
    schema, _, name = table.rpartition(".")
    return schema or "main", name


@contextmanager
def no_commit(lake: Lake, purpose: str) -> Iterator[None]:
    """No build commits inside the `with` block."""
    with (
        held(lake.folder / "commit.lock", purpose=purpose, wait_s=WAIT_S),
        lake.taking_turns("commit", purpose=purpose, wait_s=WAIT_S),
    ):
        yield
