"""Upkeep by its schedule: once, however many clocks there are; in the run log; its failures told like any other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from tests.project.conftest import CONFIG, Folder

from pumphouse.errors import BuildError, ConfigError, LakeBusy
from pumphouse.lake.commit import Commit
from pumphouse.lake.locks import held
from pumphouse.project.project import Project
from pumphouse.project.upkeep import Watch
from pumphouse.project.upkeep_runs import next_upkeep, run_upkeep, run_upkeep_due, why_due

DAILY = f'name = "shop"\n{CONFIG}[failures]\ncommand = "cat >> told"\n[upkeep]\nevery = "1d"\nretention = "2 days"\n'
NOON = datetime.now(UTC).replace(hour=12)
DAY = timedelta(days=1)


@pytest.fixture
def project(folder: Folder) -> Project:
    folder.write({"pumphouse.toml": DAILY, "one.sql": "SELECT 1 AS id"})
    assert folder.run().ok
    return folder.open()


def statuses(project: Project) -> list[tuple[str, str]]:
    return [(run.command, run.status) for run in project.lake.state.runs() if run.command.startswith("upkeep")]


def test_it_is_due_by_its_schedule_and_counts_from_the_last_time_whoever_called(project: Project) -> None:
    assert why_due(project, now=NOON) == "it never ran"
    assert run_upkeep_due(project, now=NOON) is not None
    assert run_upkeep_due(project, now=NOON + timedelta(hours=23)) is None
    run_upkeep(project, retention="1 week", now=NOON + timedelta(hours=23))
    assert next_upkeep(project) == NOON + timedelta(hours=47)
    assert why_due(project, now=NOON + DAY) is None
    late = NOON + 9 * DAY
    assert "due since" in (why_due(project, now=late) or "")
    done = run_upkeep_due(project, now=late)
    assert done is not None
    assert done.expiry is not None
    assert done.expiry.snapshots == (0,)
    assert run_upkeep_due(project, now=late) is None
    assert statuses(project) == [
        ("upkeep --due", "done"), ('upkeep --retention "1 week"', "done"), ("upkeep --due", "done")
    ]  # fmt: skip
    assert project.lake.state.runs()[0].summary == "1 snapshot expired; 0 files of 0 bytes removed"


def test_a_retention_that_somebody_mistyped_is_no_failed_run_that_the_schedule_waits_for(
    folder: Folder, project: Project
) -> None:
    with pytest.raises(ConfigError, match="no retention"):
        run_upkeep(project, retention="1 hour", now=NOON)
    assert statuses(project) == []
    assert not (folder.path / "told").exists()
    assert why_due(project, now=NOON) == "it never ran"


def test_of_several_clocks_one_does_it(folder: Folder, project: Project) -> None:
    others = [folder.open() for _ in range(3)]

    def tick(one: Project) -> bool:
        try:
            return run_upkeep_due(one, now=NOON) is not None
        except LakeBusy:
            return False

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(tick, others)) == 1
    with held(project.lake.folder / "upkeep.lock", purpose="upkeep 7", wait_s=0), pytest.raises(LakeBusy, match="upk"):
        run_upkeep(project)
    assert statuses(project) == [("upkeep --due", "done")]


def test_a_failure_is_logged_told_once_and_tried_again_later(folder: Folder, project: Project) -> None:
    def broken(what: str, tables: int) -> None:
        raise OSError(5, "Input/output error")

    for minutes in (0, 1):
        with pytest.raises(BuildError, match="'the upkeep of the lake' failed: OSError"):
            run_upkeep_due(project, now=NOON + timedelta(minutes=minutes), watch=Watch(step=broken))
        assert run_upkeep_due(project, now=NOON + timedelta(minutes=minutes, seconds=30)) is None
    told = (folder.path / "told").read_text()
    assert told.startswith("shop: 1 failed in run ")
    assert told.count("- the upkeep of the lake: 'the upkeep of the lake' failed: OSError") == 1
    assert run_upkeep_due(project, now=NOON + timedelta(hours=1)) is not None
    assert statuses(project) == [("upkeep --due", "done"), ("upkeep --due", "failed"), ("upkeep --due", "failed")]


def test_told_to_stop_it_stops_between_tables_and_is_still_due(project: Project) -> None:
    for table in ("a", "b"):
        for number in range(2):
            rows = pa.table({"id": [number]})
            commit = Commit(project.lake, table, run="r", actor="ann")
            commit.append(table, project.lake.stage([*rows.to_batches()], rows.schema, stem=f"{table}{number}"))
            commit.publish()
    seen: list[str] = []
    stopped = Watch(step=lambda what, tables: seen.append(what), table=seen.append, stops=lambda: len(seen) > 1)
    done = run_upkeep_due(project, now=NOON, watch=stopped)
    assert done is not None
    assert [(one.table, one.files, one.files_after) for one in done.tables] == [("a", 2, 1)]
    assert seen == ["merging small files", "a", "rewriting files with deleted rows"]
    assert statuses(project) == [("upkeep --due", "stopped")]
    done = run_upkeep_due(project, now=NOON)
    assert done is not None
    assert [one.table for one in done.tables] == ["b"]


def test_one_that_was_killed_is_in_the_log_as_stopped_and_a_run_beside_it_goes_on(
    folder: Folder, project: Project
) -> None:
    project.lake.state.run_started("killed", command="upkeep", actor="ann", at=NOON)
    assert folder.run().ok
    assert statuses(project) == [("upkeep", "running")]
    run_upkeep(project)
    assert sorted(statuses(project)) == [("upkeep", "done"), ("upkeep", "stopped")]


def test_a_lake_above_is_left_as_it_is(folder: Folder, project: Project) -> None:
    folder.write({"pumphouse.toml": f'{DAILY}[env.dev]\nlake = "dev"\ninputs_from = "prod"\n'})
    before = project.lake.snapshot(), [row[0] for row in project.lake.catalogue("FROM {meta}.ducklake_snapshot")]
    dev = folder.open(env="dev")
    assert run_upkeep_due(dev, now=NOON + 9 * DAY) is not None
    assert [run.command for run in dev.lake.state.runs()] == ["upkeep --due"]
    assert statuses(project) == []
    after = project.lake.snapshot(), [row[0] for row in project.lake.catalogue("FROM {meta}.ducklake_snapshot")]
    assert before == after


def test_a_schedule_or_retention_that_is_none_is_told_where_it_stands(folder: Folder) -> None:
    for key, value in (("every", "now and then"), ("retention", "1 hour"), ("retention", "0 days")):
        folder.write({"pumphouse.toml": f'[upkeep]\n{key} = "{value}"\n'})
        with pytest.raises(ConfigError) as refused:
            folder.open()
        assert str(refused.value.place) == "pumphouse.toml:2"
        assert value in refused.value.what
    assert 'at least "1 day"' in (refused.value.mend or "")


def test_a_table_may_be_kept_longer_than_the_rest_but_not_shorter(folder: Folder, project: Project) -> None:
    first = project.lake.snapshot()
    folder.write({"one.sql": "SELECT 2 AS id", "other.sql": "SELECT 1 AS id"})
    folder.run()
    folder.write({"pumphouse.toml": f'{DAILY}longer = {{ one = "52 weeks" }}\n', "one.sql": "SELECT 3 AS id"})
    folder.run()
    done = run_upkeep(folder.open(), now=NOON + 9 * DAY)
    assert done.expiry is not None
    assert ("one is kept for 364 days",) in [one.why for one in done.expiry.kept]
    assert folder.open().read("one", snapshot=first).to_pylist() == [{"id": 1}]
    for longer, fault in (("one = '1 day'", "no longer than the rest"), ("on = '52 weeks'", "no such table")):
        folder.write({"pumphouse.toml": f"{DAILY}longer = {{ {longer} }}\n"})
        with pytest.raises(ConfigError, match=fault):
            run_upkeep(folder.open(), now=NOON + 9 * DAY)
