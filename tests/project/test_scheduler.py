"""The clock beside the server: it runs what is due while others read, survives what goes wrong, and stops."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from tests.project.conftest import CONFIG, Folder

from pumphouse.lake.locks import held
from pumphouse.project.project import Project
from pumphouse.project.scheduler import Scheduler

ONE_FILE = "import pumphouse as ph\n\nraw = ph.files('raw.csv')\n"


@pytest.fixture
def project(folder: Folder) -> Project:
    folder.write(
        {
            "raw.csv": "id\n1\n",
            "gather.py": "import pumphouse as ph\n\nraw = ph.files('raw.csv', every='1s')\n",
            "copied.sql": "SELECT id FROM raw",
        }
    )
    return folder.open()


@pytest.fixture
def scheduler(project: Project) -> Iterator[Scheduler]:
    scheduler = Scheduler(project, tick_s=0.05)
    yield scheduler
    if scheduler.is_alive():
        scheduler.stop()


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def test_it_runs_what_is_due_beside_reading_and_stops(folder: Folder, project: Project, scheduler: Scheduler) -> None:
    scheduler.start()
    wait_until(lambda: "copied" in project.lake.builds())
    folder.write({"raw.csv": "id\n1\n2\n"})
    wait_until(lambda: project.read("copied").num_rows == 2)
    scheduler.stop()
    assert not scheduler.is_alive()
    runs = len(project.lake.state.runs())
    time.sleep(0.2)
    assert len(project.lake.state.runs()) == runs
    assert {run.command for run in project.lake.state.runs()} == {"run --due"}


def test_it_waits_while_another_run_is_under_way(project: Project, scheduler: Scheduler) -> None:
    with held(project.lake.folder / "run.lock", purpose="run by hand", wait_s=0):
        scheduler.start()
        time.sleep(0.5)
        assert project.lake.builds() == {}
    wait_until(lambda: "copied" in project.lake.builds())


def test_it_survives_a_run_that_cannot_begin(
    folder: Folder, project: Project, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    lock = project.lake.folder / "run.lock"
    lock.mkdir()
    with caplog.at_level(logging.ERROR, "pumphouse"):
        scheduler.start()
        wait_until(lambda: "could not be run" in caplog.text)
    lock.rmdir()
    wait_until(lambda: "copied" in project.lake.builds())


def test_upkeep_goes_by_its_schedule_beside_runs_and_is_in_their_log(folder: Folder) -> None:
    folder.write({"pumphouse.toml": f'{CONFIG}[upkeep]\nevery = "1h"\n', "raw.csv": "id\n1\n", "gather.py": ONE_FILE})
    scheduler = Scheduler(project := folder.open(), tick_s=0.05)
    with held(project.lake.folder / "run.lock", purpose="run by hand", wait_s=0):
        scheduler.start()
        wait_until(lambda: bool(project.lake.state.runs()) and project.lake.state.runs()[0].status == "done")
    scheduler.stop()
    (run,) = project.lake.state.runs()
    assert (run.command, run.summary) == ("upkeep --due", "0 files of 0 bytes removed")
