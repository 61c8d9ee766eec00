"""What fails fails alone, what follows from it waits, the next run goes on. One run at a time, reading beside it."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from tests.project.conftest import CONFIG, Folder, failure, statuses

from pumphouse.engines.engine import Query
from pumphouse.errors import BuildTimeout, CheckFailed, LakeBusy, SchemaChange
from pumphouse.lake.commit import Commit
from pumphouse.lake.locks import held
from pumphouse.project.running import Nobody, Result, run_id

GATHER = 'import pumphouse as ph\n\nraw = ph.files("raw.csv")\nother = ph.files("other.csv")\n'
BASE = {"gather.py": GATHER, "raw.csv": "id,n\n1,10\n2,20\n", "other.csv": "id\n1\n"}
FOREVER = "SELECT sum(a.range * b.range) AS n FROM range(10_000_000) a, range(10_000_000) b, raw, other"


def error(report: Any, asset: str) -> Any:
    return next(result.error for result in report.results if result.asset == asset)


def test_what_follows_from_a_failure_is_skipped_and_the_next_run_goes_on(folder: Folder) -> None:
    folder.write(
        {
            **BASE,
            "broken.sql": "SELECT id,\n  n / missing AS x\nFROM raw",
            "after.sql": "SELECT x FROM broken",
            "later.sql": "SELECT x FROM after",
            "beside.sql": "SELECT id FROM other",
        }
    )
    report = folder.run()
    assert statuses(report) == {
        "raw": "built", "other": "built", "beside": "built", "broken": "failed", "after": "skipped", "later": "skipped"
    }  # fmt: skip
    assert not report.ok
    assert failure(report, "broken").startswith(
        "there is no column 'missing' in the tables of the query (broken.sql:2)"
    )
    assert [result.note for result in report.results if result.asset == "later"] == ["not tried: after failed"]
    assert str(report).startswith("3 built, 1 failed, 2 skipped in ")
    log = folder.open().lake.state
    assert log.runs()[0].status == "failed"
    assert {record.asset: record.status for record in log.run_builds(run=report.run)} == statuses(report)

    folder.write({"broken.sql": "SELECT id, n / 10 AS x FROM raw"})
    mended = folder.run()
    assert statuses(mended) == {"broken": "built", "after": "built", "later": "built"}
    assert log.runs()[0].status == "done"


def test_a_failed_check_and_a_narrowed_column_leave_the_version_before(folder: Folder) -> None:
    folder.write({**BASE, "copied.sql": "SELECT id, n FROM raw", "facts.py": "import pumphouse as ph\n"})
    assert folder.run().ok
    folder.write({"facts.py": "import pumphouse as ph\n\nsmall = ph.check('copied', 'n < 20')\n"})
    report = folder.run("copied", full=True)
    assert isinstance(error(report, "copied"), CheckFailed)
    assert "check 'small' found 1 row of 'copied' where not (n < 20)" in failure(report, "copied")
    assert folder.open()["copied__failed"].rows == [{"_check": "small", "id": 2, "n": 20}]

    folder.write({"facts.py": "import pumphouse as ph\n", "copied.sql": "SELECT id, n::INTEGER AS number FROM raw"})
    report = folder.run()
    assert isinstance(error(report, "copied"), SchemaChange)
    assert "pumphouse run copied --accept-schema" in failure(report, "copied")
    assert folder.open()["copied"].rows == [{"id": 1, "n": 10}, {"id": 2, "n": 20}]
    assert statuses(folder.run("copied", accept_schema=True)) == {"copied": "built"}
    assert folder.open()["copied"].schema.names == ["id", "number"]


def test_a_build_is_tried_again_as_often_as_it_may(folder: Folder) -> None:
    """Both fail until more rows come; one is tried again then."""
    query = (
        "/* pumphouse\nretries = {} */\nSELECT CASE WHEN count(*) > 2 THEN 1 ELSE error('too few') END AS n FROM raw"
    )
    folder.write({**BASE, "patient.sql": query.format(3), "hasty.sql": query.format(0)})
    lake = folder.open().lake

    class Doubling(Nobody):
        def finished(self, result: Result) -> None:
            if result.asset == "hasty":
                rows = Query(text="FROM raw", inputs={"raw": lake.scan("raw")})
                commit = Commit(lake, "raw", run="r", actor="a")
                commit.append("raw", lake.engine.fork().write(rows, folder=lake.staging(), stem="doubled"))
                commit.publish()

    report = folder.run(watcher=Doubling())
    assert statuses(report) == {"raw": "built", "other": "built", "patient": "built", "hasty": "failed"}


def test_a_query_that_takes_too_long_is_interrupted(folder: Folder) -> None:
    folder.write(
        {**BASE, "endless.sql": f"/* pumphouse\ntimeout_s = 0.5 */\n{FOREVER}", "copied.sql": "SELECT id FROM raw"}
    )
    began = time.monotonic()
    report = folder.run()
    assert isinstance(error(report, "endless"), BuildTimeout)
    assert failure(report, "endless").startswith("'endless' took longer than 0.5 s (endless.sql:")
    assert statuses(report)["copied"] == "built"
    assert time.monotonic() - began < 60


def test_ctrl_c_ends_a_running_query_and_what_waits_behind_it(folder: Folder) -> None:
    endless = {f"endless_{number}.sql": FOREVER for number in range(4)}
    folder.write({**BASE, **endless})
    command = (
        "import sys; from pumphouse.project.project import open_project\n"
        "class Watching:\n"
        "    def planned(self, builds): ...\n"
        "    def started(self, asset): print(asset, flush=True)\n"
        "    def progress(self, asset, rows): ...\n"
        "    def finished(self, result): ...\n"
        "open_project(sys.argv[1]).run(watcher=Watching())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", command, folder.path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout is not None
        while not run.stdout.readline().startswith("endless"):
            assert run.poll() is None
        time.sleep(0.3)
        run.send_signal(signal.SIGINT)
        run.wait(timeout=60)
    assert run.returncode != 0
    lake = folder.open().lake
    assert lake.state.runs()[0].status == "stopped"
    assert {"raw", "other"} <= set(lake.tables())


def test_the_second_run_names_the_first_or_waits_for_it(folder: Folder) -> None:
    folder.write({**BASE, "copied.sql": "SELECT id FROM raw"})
    lock = folder.open().lake.folder / "run.lock"
    with held(lock, purpose="run nightly", wait_s=0):
        with pytest.raises(LakeBusy, match=r"run \S+ has to wait: run nightly by \S+ on \S+, process \d+, since 2"):
            folder.run()
        results: list[Any] = []
        waiting = threading.Thread(target=lambda: results.append(folder.run(wait_s=30)))
        waiting.start()
        time.sleep(0.2)
        assert results == []
    waiting.join()
    assert statuses(results[0]) == {"raw": "built", "other": "built", "copied": "built"}


def test_reading_goes_on_beside_a_run_and_sees_whole_tables_only(folder: Folder) -> None:
    config = CONFIG + "[settings]\nfactor = {factor}\n"
    folder.write(
        {
            **BASE,
            "pumphouse.toml": config.format(factor=1),
            "scaled.sql": "SELECT range AS id, $factor AS factor FROM range(1000), other",
        }
    )
    assert folder.run().ok
    seen: set[tuple[int, int, int]] = set()
    faults: list[BaseException] = []
    done = threading.Event()
    reading = folder.open()

    def read() -> None:
        try:
            while not done.is_set():
                row = reading.sql("SELECT count(*) AS n, min(factor) AS low, max(factor) AS high FROM scaled").rows[0]
                seen.add((row["n"], row["low"], row["high"]))
        except BaseException as fault:  # noqa: BLE001  # the test's own thread hands it over
            faults.append(fault)

    reader = threading.Thread(target=read)
    reader.start()
    for factor in range(2, 50):
        folder.write({"pumphouse.toml": config.format(factor=factor)})
        assert statuses(folder.run()) == {"scaled": "built"}
        if len(seen) > 2:
            break
    done.set()
    reader.join()
    assert faults == []
    assert len(seen) > 1
    assert all(rows == 1000 and low == high for rows, low, high in seen)


def test_runs_are_named_so_that_they_sort_by_time() -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert run_id(moment).startswith("20260102T010405-")
    assert run_id(moment) != run_id(moment)
