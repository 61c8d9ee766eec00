"""How many files each table lies in, and what merging and rewriting would make of them: told from the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pumphouse.engines.parameters import literal
from pumphouse.lake.lake import Lake

FILE_BYTES = 512_000_000
"""What DuckLake merges up to; a file that is as large stays as it is."""
TIERS = (4_000_000, 32_000_000, 256_000_000, FILE_BYTES)
"""Files smaller than the first are always merged; those smaller than another once they are as much together. So a row
is written a few times while its table grows, however often upkeep comes, and there are few files below FILE_BYTES."""
DELETED_SHARE = 0.2
"""A file is written again where at least so many of its rows are deleted."""
CROWD, CROWD_BYTES = 10, 16_000_000
"""Files with deleted rows are not merged. Where they are so many, and no larger than this on average, they are all
written again, however few of their rows are deleted."""
ANY_DELETED = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragments:
    """The files of a table's newest snapshot."""

    files: int = 0
    bytes: int = 0
    rows_deleted: int = 0
    """That stand in the files still."""
    merged: int = 0
    """Files that merging would write as others: those without deleted rows that are smaller than `merged_below`."""
    merged_below: int = TIERS[0]
    merged_into: int = 0
    """How many these would be, or about so many where they are more than FILE_BYTES together."""
    rewritten: int = 0
    """Files that would be written again without their deleted rows, after merging."""
    rewritten_into: int = 0
    rewritten_rows_deleted: int = 0
    rewritten_share: float = DELETED_SHARE
    """Of deleted rows, from which on a file is written again."""
    bytes_merged: int = 0
    """Of the files that would be merged."""
    bytes_rewritten: int = 0

    @property
    def bytes_to_write(self) -> int:
        """Of the files that would be merged or rewritten."""
        return self.bytes_merged + self.bytes_rewritten

    @property
    def files_after(self) -> int:
        """How many files there would be."""
        return self.files - self.merged + self.merged_into - self.rewritten + self.rewritten_into


def fragments(lake: Lake) -> dict[str, Fragments]:
    """Each table that has files, the lake's own bookkeeping as `pumphouse.artefacts`.

    DuckLake merges files that were written with the same columns, in the same partition.
    """
    return _told(lake, "")


def fragments_of(lake: Lake, table: str) -> Fragments:
    """One table, as `fragments` calls it, without looking at the files of others."""
    number = _number(lake, table)
    told = {} if number is None else _told(lake, f"AND f.table_id = {number}")
    return next(iter(told.values()), Fragments())


def holes(lake: Lake, table: str) -> list[tuple[float, int]]:
    """The share of deleted rows of each file that has some, and its bytes; the largest share first."""
    number = _number(lake, table)
    if number is None:
        return []
    return lake.catalogue(
        "SELECT d.delete_count / f.record_count AS share, f.file_size_bytes FROM {meta}.ducklake_data_file f"
        " JOIN {meta}.ducklake_delete_file d USING (data_file_id)"
        f" WHERE f.table_id = {number} AND f.end_snapshot IS NULL AND d.end_snapshot IS NULL ORDER BY share DESC"
    )


def _number(lake: Lake, table: str) -> int | None:
    """DuckLake's number of a table."""
    schema, _, name = table.rpartition(".")
    found = lake.catalogue(
        "SELECT table_id FROM {meta}.ducklake_table t JOIN {meta}.ducklake_schema s USING (schema_id)"
        f" WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL AND s.schema_name = {literal(schema or 'main')}"
        f" AND t.table_name = {literal(name)}"
    )
    return int(found[0][0]) if found else None


def _told(lake: Lake, which: str) -> dict[str, Fragments]:
    names = [field.name for field in fields(Fragments)]
    rows = lake.catalogue(_QUESTION.replace("{which}", which))
    return {table: Fragments(**dict(zip(names, row, strict=True))) for table, *row in rows}


_TIER = " ".join(f"WHEN sum(size) FILTER (size < {tier}) >= {tier} THEN {tier}" for tier in reversed(TIERS))
_QUESTION = f"""  -- the columns of Fragments, in their order
WITH partitions AS (
    SELECT data_file_id, string_agg(coalesce(partition_value, ''), '|' ORDER BY partition_key_index) AS part
    FROM {{meta}}.ducklake_file_partition_value GROUP BY data_file_id
), deletes AS (
    SELECT data_file_id, max(delete_count) AS deleted
    FROM {{meta}}.ducklake_delete_file WHERE end_snapshot IS NULL GROUP BY data_file_id
), files AS (
    SELECT CASE s.schema_name WHEN 'main' THEN '' ELSE s.schema_name || '.' END || t.table_name AS table_name,
        f.data_file_id, f.record_count, f.file_size_bytes AS size, coalesce(d.deleted, 0) AS deleted,
        f.partition_id, p.part, max(v.begin_snapshot) AS version
    FROM {{meta}}.ducklake_data_file f
    JOIN {{meta}}.ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
    JOIN {{meta}}.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
    LEFT JOIN {{meta}}.ducklake_schema_versions v ON v.table_id = f.table_id AND v.begin_snapshot <= f.begin_snapshot
    LEFT JOIN partitions p ON p.data_file_id = f.data_file_id
    LEFT JOIN deletes d ON d.data_file_id = f.data_file_id
    WHERE f.end_snapshot IS NULL {{which}} GROUP BY ALL
), shares AS (
    SELECT table_name, CASE
        WHEN count(*) FILTER (deleted > 0) >= {CROWD} AND avg(size) FILTER (deleted > 0) < {CROWD_BYTES}
        THEN {ANY_DELETED} ELSE {DELETED_SHARE} END AS share
    FROM files GROUP BY table_name
), tiers AS (
    SELECT table_name, max(tier) AS below
    FROM (
        SELECT table_name, CASE {_TIER} ELSE {TIERS[0]} END AS tier
        FROM files WHERE deleted = 0 GROUP BY table_name, partition_id, part, version
    )
    GROUP BY table_name
), groups AS (
    SELECT table_name, share, below, count(*) AS files, sum(size) AS size, sum(deleted) AS deleted,
        count(*) FILTER (deleted = 0 AND size < below) AS small,
        coalesce(sum(size) FILTER (deleted = 0 AND size < below), 0) AS small_size,
        count(*) FILTER (deleted >= share * record_count) AS holed,
        coalesce(sum(deleted) FILTER (deleted >= share * record_count), 0) AS gone,
        coalesce(sum(size) FILTER (deleted >= share * record_count), 0) AS holed_size,
        coalesce(sum(size * (1 - deleted / record_count)) FILTER (deleted >= share * record_count), 0) AS left_size
    FROM files JOIN shares USING (table_name) LEFT JOIN tiers USING (table_name)
    GROUP BY table_name, share, below, partition_id, part, version
)
SELECT table_name, CAST(sum(files) AS BIGINT), CAST(sum(size) AS BIGINT), CAST(sum(deleted) AS BIGINT),
    CAST(sum(CASE WHEN small > 1 THEN small ELSE 0 END) AS BIGINT),
    coalesce(below, {TIERS[0]}),
    CAST(sum(CASE WHEN small > 1 THEN least(small, greatest(1, ceil(small_size / {FILE_BYTES}))) ELSE 0 END) AS BIGINT),
    CAST(sum(holed) AS BIGINT),
    CAST(sum(least(holed, ceil(left_size / {FILE_BYTES}))) AS BIGINT),
    CAST(sum(gone) AS BIGINT),
    CAST(share AS DOUBLE),
    CAST(sum(CASE WHEN small > 1 THEN small_size ELSE 0 END) AS BIGINT),
    CAST(sum(holed_size) AS BIGINT)
FROM groups GROUP BY table_name, share, below ORDER BY table_name
"""
