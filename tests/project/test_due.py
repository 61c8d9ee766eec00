"""Runs of what is due: what has a clock, what follows from it, and what waits for a clock of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from tests.project.conftest import Folder, statuses

from pumphouse.errors import ProjectFaults

PROJECT = {
    "raw.csv": "id\n1\n",
    "slow.csv": "id\n1\n",
    "new.csv": "id\n1\n",
    "gather.py": """
        import pumphouse as ph

        raw = ph.files("raw.csv", every="1h")
        slow = ph.files("slow.csv", every="day at 02:00")
        new = ph.files("new.csv")
    """,
    "follows.sql": "SELECT id FROM raw",
    "waits.sql": '/* pumphouse\nevery = "day at 03:00" */\nSELECT id FROM raw',
    "apart.sql": "SELECT id FROM slow",
}
NOON = datetime.now(UTC).replace(hour=12) + timedelta(days=1)


@pytest.fixture
def built(folder: Folder) -> Folder:
    folder.write(PROJECT)
    assert folder.run(now=NOON).ok
    return folder


def test_what_is_due_runs_with_what_follows_and_the_rest_waits_for_its_own_clock(built: Folder) -> None:
    assert built.run(due=True, now=NOON + timedelta(minutes=59)).results == ()
    built.write({"raw.csv": "id\n1\n2\n"})
    later = NOON + timedelta(minutes=60)
    assert statuses(built.run(due=True, now=later)) == {"raw": "built", "follows": "built"}
    assert built.run(due=True, now=later + timedelta(minutes=1)).results == ()
    night = NOON.replace(hour=3, minute=30) + timedelta(days=1)
    assert statuses(built.run(due=True, now=night)) == {
        "raw": "unchanged", "follows": "unchanged", "waits": "built", "slow": "unchanged", "apart": "unchanged"
    }  # fmt: skip


def test_after_a_week_of_downtime_everything_due_runs_once(built: Folder) -> None:
    later = NOON + timedelta(days=7)
    assert set(statuses(built.run(due=True, now=later))) == {"raw", "slow", "follows", "apart", "waits"}
    assert built.run(due=True, now=later + timedelta(seconds=1)).results == ()


def test_what_was_made_from_a_hidden_person_is_due_at_once_whatever_its_clock(built: Folder) -> None:
    soon = NOON + timedelta(minutes=1)
    built.open().hide("id", 1, why="asked for it")
    assert statuses(built.run(due=True, now=soon)) == {"follows": "built", "waits": "built", "apart": "built"}
    assert built.run(due=True, now=soon).results == ()


def test_what_was_never_built_is_due_if_it_has_a_clock_and_files_are_due_when_they_change(folder: Folder) -> None:
    folder.write(PROJECT)
    first = folder.run(due=True, now=NOON)
    assert set(statuses(first)) == {"raw", "slow", "follows", "waits", "apart"}
    assert statuses(folder.run(now=NOON)) == {"new": "built"}
    folder.write({"new.csv": "id\n1\n2\n"})
    with_reason = folder.open().plan(due=True, now=NOON)
    assert [(build.asset, build.reasons) for build in with_reason.builds] == [("new", ("its files changed",))]
    assert statuses(folder.run(due=True, now=NOON)) == {"new": "built"}


def test_what_keeps_failing_is_tried_less_and_less_often_and_at_once_by_a_person(built: Folder) -> None:
    (built.path / "raw.csv").unlink()
    moment = NOON + timedelta(hours=1)
    tried = []
    for _ in range(5 * 60):
        if built.open().plan(due=True, now=moment).builds:
            assert statuses(built.run(due=True, now=moment)) == {"raw": "failed", "follows": "skipped"}
            tried.append(moment)
        moment += timedelta(minutes=1)
    pauses = [(after - before) // timedelta(minutes=1) for before, after in pairwise(tried)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert "raw" in statuses(built.run(now=moment))
    built.write({"raw.csv": "id\n7\n"})
    assert statuses(built.run(now=moment)) == {"raw": "built", "follows": "built"}
    assert statuses(built.run(due=True, now=moment + timedelta(hours=1)))["raw"] == "unchanged"


FOLLOWERS = {
    **PROJECT,
    "made.py": """
        import time
        from pathlib import Path

        import pumphouse as ph


        @ph.table()
        def made(raw):
            if Path("waits").exists():
                Path("waiting").touch()
                time.sleep(600)
            if Path("fails").exists():
                raise ValueError("as told")
            return raw.project("id")
    """,
    "last.sql": "SELECT count(*) AS n FROM made",
}


def test_what_failed_after_its_input_is_due_again_less_and_less_often_until_it_works(folder: Folder) -> None:
    folder.write(FOLLOWERS)
    assert folder.run(now=NOON).ok
    folder.write({"raw.csv": "id\n1\n2\n", "fails": ""})
    moment = NOON + timedelta(hours=1)
    assert statuses(folder.run(due=True, now=moment)) == {
        "raw": "built", "follows": "built", "made": "failed", "last": "skipped"
    }  # fmt: skip
    tried = []
    for _ in range(20):
        moment += timedelta(minutes=1)
        if folder.open().plan(due=True, now=moment).builds:
            assert statuses(folder.open().run_due(now=moment)) == {"made": "failed", "last": "skipped"}
            tried.append(moment)
        else:
            assert folder.open().run_due(now=moment) is None
    assert [moment.minute for moment in tried] == [(NOON.minute + pause) % 60 for pause in (1, 3, 7, 15)]
    (folder.path / "fails").unlink()
    assert statuses(folder.open().run_due(now=moment + timedelta(minutes=15))) == {"made": "built", "last": "built"}
    assert folder.open().run_due(now=moment + timedelta(minutes=16)) is None
    assert folder.open()["last"].rows == [{"n": 2}]


def test_what_should_have_followed_when_a_run_was_killed_is_due(folder: Folder) -> None:
    folder.write({**FOLLOWERS, "waits": ""})
    command = (
        "import sys; from datetime import datetime; from pumphouse.project.project import open_project\n"
        "open_project(sys.argv[1]).run(due=True, now=datetime.fromisoformat(sys.argv[2]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", command, folder.path, NOON.isoformat()]) as run:
        while not (folder.path / "waiting").exists():
            assert run.poll() is None
            time.sleep(0.05)
        run.kill()
    (folder.path / "waits").unlink()
    assert "made" not in folder.open().lake.tables()
    soon = NOON + timedelta(minutes=1)
    assert {"made", "last"} <= set(statuses(folder.run(due=True, now=soon, wait_s=60)))
    assert folder.open()["last"].rows == [{"n": 1}]
    assert folder.open().run_due(now=soon) is None


def test_a_schedule_that_is_none_is_a_fault_of_the_project(folder: Folder) -> None:
    folder.write({**PROJECT, "waits.sql": '/* pumphouse\nevery = "now and then" */\nSELECT id FROM raw'})
    with pytest.raises(ProjectFaults, match=r'waits.sql:\d: every = "now and then" is no schedule'):
        folder.run()


def test_a_source_that_asks_for_the_day_is_asked_on_another_day_and_not_read_again_from_its_store(
    folder: Folder,
) -> None:
    declared = """
        import pumphouse as ph


        @ph.source(cursor="day")
        def rates(*, today):
            yield {"day": str(today), "rate": 1}
    """
    folder.write({"gather.py": declared})
    for days in range(3):
        assert folder.run(now=NOON + timedelta(days=days)).ok
    assert len(folder.open().sql("SELECT day FROM rates").rows) == 3
