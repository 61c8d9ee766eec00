"""Upkeep brings the files of a project's tables into the order that they declare, and its dry run says so before."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from tests.project.conftest import CONFIG, Folder, failure

from pumphouse.lake.commit import Commit
from pumphouse.project.project import Project
from pumphouse.project.upkeep import foreseen, keep_up

GATHER = """
import pumphouse as ph

visits = ph.files("visits/*.csv", key="visit_id", cursor="seq", layout={layout})
plain = ph.files("visits/*.csv", cursor="seq")
"""


def test_upkeep_does_what_its_dry_run_says_and_sorts_what_lost_its_deleted_rows(folder: Folder) -> None:
    layout = '{"sort_by": "began_at", "partition_by": "month(began_at)"}'
    folder.write({"pumphouse.toml": CONFIG, "gather.py": GATHER.format(layout=layout)})
    for number in range(3):
        rows = [f"v{number * 100 + one},2026-0{1 + one % 2}-{1 + one * 7 % 28:02d},{number}" for one in range(60)]
        if number == 2:
            rows += [f"v{one},2026-01-0{1 + one % 9},2" for one in range(20)]
        folder.write({f"visits/{number}.csv": "\n".join(["visit_id,began_at,seq", *rows])})
        assert folder.run().ok
    project = folder.open()
    before = project.lake.engine.fork().execute("SELECT * FROM lake.main.visits ORDER BY ALL")
    said = {one.table: (one.files, one.files_after) for one in foreseen(project).tables if one.table == "visits"}
    done = {one.table: (one.files, one.files_after) for one in keep_up(project).tables if one.table == "visits"}
    assert said.keys() == done.keys() == {"visits"}
    assert said["visits"][0] == done["visits"][0] == 4
    assert [days for days in ordered(project) if days != sorted(days)] == []
    keep_up(project)
    assert {day[5:7] for days in ordered(project) for day in days} == {"01", "02"}
    assert all(len({day[5:7] for day in days}) == 1 for days in ordered(project))
    assert project.lake.engine.fork().execute("SELECT * FROM lake.main.visits ORDER BY ALL") == before
    assert [one.table for one in foreseen(project).tables if one.table == "visits"] == []


def test_the_dry_run_has_the_snapshots_leave_that_upkeep_has(folder: Folder) -> None:
    folder.write({"pumphouse.toml": CONFIG, "a.sql": "SELECT range AS n FROM range(9)"})
    assert folder.run().ok
    project = folder.open()
    for number in range(12):
        rows = pa.table({"id": [number]})
        commit = Commit(project.lake, "clicks", run="r", actor="ann")
        commit.append("clicks", project.lake.stage(rows.to_batches(), rows.schema, stem=f"clicks{number}"))
        commit.publish()
    project.lake.catalogue("UPDATE {meta}.ducklake_snapshot SET snapshot_time = TIMESTAMPTZ '2020-01-01'")
    newest = project.lake.snapshot()
    for merged in (True, False):  # the second time there is nothing to merge, and the newest stays
        said, done = foreseen(project, retention="1 day").expiry, keep_up(project, retention="1 day").expiry
        assert said is not None
        assert done is not None
        assert said.snapshots == done.snapshots
        assert (newest in said.snapshots) == merged


def test_a_layout_that_is_declared_later_is_of_the_next_upkeep(folder: Folder) -> None:
    query = "SELECT range AS n, hash(range) % 100 AS h FROM range(500)"
    folder.write({"pumphouse.toml": CONFIG, "t.sql": query})
    assert folder.run().ok
    assert foreseen(folder.open()).tables == ()
    folder.write({"t.sql": f'/* pumphouse\nlayout = {{ sort_by = "h" }}\n*/ {query}'})
    project = folder.open()
    assert [(one.table, one.files, one.files_after) for one in foreseen(project).tables] == [("t", 1, 1)]
    keep_up(project)
    assert foreseen(project).tables == ()
    (file,) = files(project, "t")
    values = pq.read_table(file)["h"].to_pylist()
    assert values == sorted(values)


def test_a_layout_by_a_column_that_is_not_there_is_told_where_it_is_declared(folder: Folder) -> None:
    layout = '{"sort_by": "begun_at"}'
    folder.write({"pumphouse.toml": CONFIG, "gather.py": GATHER.format(layout=layout)})
    folder.write({"visits/1.csv": "visit_id,began_at,seq\n1,2026-01-01,1\n"})
    said = failure(folder.run("visits"), "visits")
    assert said.startswith("'visits' has no column 'begun_at', by which its layout is declared (gather.py:3). Did you")


def ordered(project: Project) -> list[list[str]]:
    return [[str(day) for day in pq.read_table(file)["began_at"].to_pylist()] for file in files(project, "visits")]


def files(project: Project, table: str) -> list[str]:
    listed = project.lake.engine.execute("SELECT data_file FROM ducklake_list_files('lake', ?)", [table])
    return [file for (file,) in listed]
