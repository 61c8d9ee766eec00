"""Code of the user's runs in processes of its own: one that dies, grows, hangs or prints takes nothing with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.project.conftest import Folder, failure, statuses

from pumphouse.errors import BuildError, BuildTimeout, WorkerDied
from pumphouse.project.workers import bytes_of

SLEEP_S = f"600.{os.getpid()}"
"""Not what another run of these tests sleeps."""
TABLES = """
    import os
    import signal
    import subprocess
    import sys
    import time

    import pumphouse as ph

    raw = ph.files("raw.csv")


    @ph.table()
    def exits(raw):
        sys.stderr.write("the last thing it said\\n")
        os._exit(7)


    @ph.table()
    def is_killed(raw):
        subprocess.Popen(["sleep", "600"])
        os.kill(os.getpid(), signal.SIGKILL)


    @ph.table(memory_bytes_max=400_000_000)
    def grows(raw):
        held = [b"x" * 50_000_000 for _ in range(40)]
        time.sleep(60)


    @ph.table(timeout_s=4)
    def hangs(raw):
        time.sleep(600)


    @ph.table()
    def fails(raw):
        from shop import helping
        return helping.divided(raw)


    @ph.table()
    def is_none(raw):
        return 5


    @ph.table(key="id")
    def chats(raw):
        print('{"built": "nonsense"}')
        print("x" * 100_000, file=sys.stderr)
        os.write(1, b"straight to the descriptor\\n")
        assert sys.stdin.read() == ""
        return raw
"""
FAILING = {
    "exits": (WorkerDied, "the process of 'exits' died with exit code 7. Its last words: the last thing it said"),
    "is_killed": (WorkerDied, "the process of 'is_killed' died by signal 9."),
    "grows": (WorkerDied, "'grows' reached its memory limit of 400 MB."),
    "hangs": (BuildTimeout, "'hangs' took longer than 4 s. Give it longer with timeout_s"),
    "fails": (BuildError, "'fails' failed: ZeroDivisionError: division by zero (helping.py:2)"),
    "is_none": (BuildError, "'is_none' returned builtins.int, which is no table"),
}


def test_each_fails_alone_and_says_why(folder: Folder) -> None:
    folder.write(
        {
            "raw.csv": "id\n1\n2\n",
            "tables.py": TABLES.replace("600", SLEEP_S, 1),
            "helping.py": "def divided(rows):\n    return rows.fetchall() and 1 / 0\n",
            "after.sql": "SELECT id FROM chats",
            "never.sql": "SELECT id FROM exits",
        }
    )
    sleepers = _sleepers()
    report = folder.run()
    assert statuses(report) == {
        **dict.fromkeys(("raw", "chats", "after"), "built"),
        **dict.fromkeys(FAILING, "failed"),
        "never": "skipped",
    }
    for asset, (kind, said) in FAILING.items():
        assert failure(report, asset).startswith(said)
        assert type(_error(report, asset)) is kind
    assert folder.open()["after"].rows == [{"id": 1}, {"id": 2}]
    assert _sleepers() == sleepers  # what a process started ends with it
    (traced,) = _error(report, "fails").__notes__
    assert "in divided" in traced  # what --debug shows
    assert "rows.fetchall() and 1 / 0" in traced
    log = {record.asset: record for record in folder.open().lake.state.run_builds(run=report.run)}
    assert log["hangs"].note == failure(report, "hangs")
    assert log["never"].note == "not tried: exits failed"


def _error(report, asset):  # type: ignore[no-untyped-def]
    return next(result.error for result in report.results if result.asset == asset)


def _sleepers() -> int:
    return sum(process.info["cmdline"] == ["sleep", SLEEP_S] for process in psutil.process_iter(["cmdline"]))


SLOW = """
    import time
    from pathlib import Path

    import pumphouse as ph

    raw = ph.files("raw.csv")


    @ph.table()
    def slow(raw):
        Path(__file__).with_name("reached").write_text("")
        time.sleep(600)
        return raw
"""
RUN = "import sys; from pumphouse.project.project import open_project; open_project(sys.argv[1]).run()"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_ends_its_workers_and_the_next_builds_only_the_rest(
    folder: Folder, how: signal.Signals
) -> None:
    folder.write({"made.py": SLOW, "raw.csv": "n\n1\n"})
    with subprocess.Popen([sys.executable, "-c", RUN, folder.path], stderr=subprocess.DEVNULL) as run:
        _wait_for(folder.path / "reached")
        workers = psutil.Process(run.pid).children()
        run.send_signal(how)
    assert run.returncode != 0
    folder.write({"made.py": SLOW.replace("time.sleep(600)", "")})
    report = folder.run(wait_s=20)
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not [worker for worker in alive if worker.status() != psutil.STATUS_ZOMBIE]  # whoever is first buries those
    assert statuses(report) == {"slow": "built"}
    assert folder.open()["slow"].rows == [{"n": 1}]
    stopped = folder.open().lake.state.runs()[1]
    assert stopped.status == "stopped"
    assert stopped.finished is not None


def _wait_for(file: Path) -> None:
    for _ in range(1200):
        if file.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{file.name} did not come")


def test_sizes_are_written_as_people_write_them() -> None:
    assert [bytes_of(text) for text in ("512MB", "2 GiB", "1.5gb")] == [512_000_000, 2 * 2**30, 1_500_000_000]


SET = """
    import pyarrow as pa

    import pumphouse as ph


    @ph.table()
    def names():
        return pa.table({"name": list({"ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ida", "jo"})})
"""


def test_a_set_of_texts_has_one_order_in_every_build(folder: Folder) -> None:
    folder.write({"made.py": SET})
    folder.run()
    first = folder.open()["names"].rows
    assert statuses(folder.run("names", full=True)) == {"names": "built"}
    assert folder.open()["names"].rows == first


def test_code_that_changed_since_the_plan_is_not_built(folder: Folder) -> None:
    made = "import pyarrow as pa\nimport pumphouse as ph\nfrom shop.rates import RATE\n"
    made += "@ph.table()\ndef rows():\n    return pa.table({'rate': [RATE]})\n"
    folder.write({"made.py": made, "rates.py": "RATE = 1\n"})
    project = folder.open()
    assert [build.asset for build in project.plan().builds] == ["rows"]
    folder.write({"rates.py": "RATE = 2\n"})
    report = project.run()
    assert failure(report, "rows") == ("its code changed during the run (shop.rates). Run again: pumphouse run rows")
    assert not project.lake.has("rows")
    assert statuses(folder.run()) == {"rows": "built"}
    assert folder.open()["rows"].rows == [{"rate": 2}]
