"""A run that is killed, at any step: no row is missing, none is dead, and the next run ends well and tidies up.

At every step rather than at some: CRASH_EVERY=1 pytest tests/indexes/test_crashes.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from pumphouse.indexes.build import build
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit

EVERY = int(os.environ.get("CRASH_EVERY", "45"))
"""Which of the steps are tried: each is a file or folder made, linked, renamed or removed."""

CRASHES = """
import os, shutil, signal, sys
from pathlib import Path

sys.path.insert(0, sys.argv[3])
import duckdb, numpy, pyarrow, pyarrow.compute, tantivy
from tests.indexes.conftest import Desk
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import current, home
from pumphouse.indexes.searching import search

source, every = Path(sys.argv[1]), int(sys.argv[2])
STEPS = ("os.rename", "os.link", "os.mkdir", "os.rmdir", "os.remove", "os.chmod")


def right(desk):
    for text, keys in (("refund", [2, 9]), ("late", [1, 2]), ("*", [1, 2, 4, 9])):
        found = search(desk.lake, desk.index(), text)
        assert (text, sorted(hit.key[0] for hit in found.hits), found.total) == (text, keys, len(keys))


def dies(folder, at):
    seen = 0

    def counts(event, details):
        nonlocal seen
        is_write = event == "open" and isinstance(details[2], int) and details[2] & (os.O_WRONLY | os.O_RDWR)
        if event in STEPS or is_write:
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)

    desk = Desk(folder)
    context = desk.context(run="killed")
    sys.addaudithook(counts)
    build(desk.index(), context)


def goes_on(folder):
    desk = Desk(folder)
    right(desk)
    build(desk.index(), desk.context(run="next"))
    assert build(desk.index(), desk.context(run="again")).snapshot is None
    right(desk)
    manifest, _ = current(desk.lake, "tickets_search")
    inside = home(desk.lake, "tickets_search")
    assert search(desk.lake, desk.index(), "*").scanned == 0
    assert not [one for one in inside.iterdir() if one.name.startswith((".work", ".view", ".manifest"))]
    assert {one.name for one in (inside / "states").iterdir()} == {one.folder for one in manifest.states}


def forked(action, *arguments):
    child = os.fork()
    if not child:
        try:
            action(*arguments)
        except BaseException as error:
            print(action.__name__, arguments, repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


at = 1
while True:
    folder = source.with_name(f"crash-{at}")
    shutil.copytree(source, folder)
    ended = forked(dies, folder, at)
    assert ended in (0, -signal.SIGKILL), (at, ended)
    assert forked(goes_on, folder) == 0, at
    shutil.rmtree(folder)
    if ended == 0:
        break
    at += every
print("steps", at)
"""


def test_a_run_that_is_killed_at_any_step_is_no_harm(desk: Any, tickets: pa.Table, tmp_path: Path) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    changed = tickets.slice(0, 2).set_column(0, "ticket_id", [[9, 1]])
    changed = changed.set_column(2, "body", [["refund", "late"]]).set_column(1, "subject", [["new", "new"]])
    commit = Commit(desk.lake, "tickets", run="load", actor="tester")
    commit.upsert("tickets", desk.lake.stage(changed.to_batches(), changed.schema, stem="t"), key=("ticket_id",))
    gone = pa.table({"ticket_id": [3]})
    commit.delete_keys("tickets", desk.lake.stage(gone.to_batches(), gone.schema, stem="gone"), key=("ticket_id",))
    commit.publish(Counts())
    desk.lake.close()
    root = Path(__file__).parents[2]
    (tmp_path / "source").mkdir()
    (desk.folder / "lake").rename(tmp_path / "source" / "lake")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CRASHES, tmp_path / "source", str(EVERY), root],
        capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    assert int(ran.stdout.split()[-1]) > 30
