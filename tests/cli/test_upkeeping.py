from __future__ import annotations

import os
import re
import shlex
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from pumphouse.lake.commit import Commit
from pumphouse.lake.locks import held
from pumphouse.project.project import open_project

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "upkeep.md"


def test_upkeep_says_what_it_would_free_and_frees_it(pumphouse: Any, shop: Path) -> None:
    foreseen = pumphouse("upkeep", "--dry-run", cwd=shop)
    assert foreseen.code == 0
    assert foreseen.out == (
        "No table's files would be written again.\n"
        'No snapshot leaves without a retention: [upkeep] retention = "30 days" in pumphouse.toml.\n'
        "0 files of 0 bytes would go now: they are in no snapshot.\n"
    )
    with (shop / "pumphouse.toml").open("a") as file:
        file.write('[upkeep]\nretention = "30 days"\n')
    done = pumphouse("upkeep", "--json", cwd=shop).json
    assert (done["files"], done["expiry"]["snapshots"], done["expiry"]["kept"]) == (0, [], [])
    assert pumphouse("query", "SELECT count(*) AS n FROM orders", "--format", "json", cwd=shop).json == [{"n": 4}]


def test_a_dry_run_says_what_merging_would_do_and_upkeep_does_that(pumphouse: Any, shop: Path) -> None:
    with open_project(shop) as project:
        for number in range(12):
            rows = pa.table({"id": [number]})
            commit = Commit(project.lake, "clicks", run="r", actor="ann")
            commit.append("clicks", project.lake.stage(rows.to_batches(), rows.schema, stem=f"clicks{number}"))
            commit.publish()
    before = pumphouse("upkeep", "--dry-run", "--json", cwd=shop).json["tables"]
    assert [(one["table"], one["files"], one["files_after"], one["bytes_after"]) for one in before] == [
        ("clicks", 12, 1, None)
    ]
    foreseen = pumphouse("upkeep", "--dry-run", cwd=shop).out.splitlines()
    assert foreseen[0].startswith("12 files of 1 table would become 1; ")
    assert foreseen[2].split()[:4] == ["clicks", "12", "->", "1"]
    done = pumphouse("upkeep", cwd=shop)
    assert done.err == ""
    assert done.out.splitlines()[0].startswith("12 files of 1 table became 1; ")
    assert "12 files of " in done.out.splitlines()[-1]
    assert "go within a day" in done.out.splitlines()[-1]
    assert "12 files of 1 table became 1" in pumphouse("log", "--limit", "1", cwd=shop).out


def test_while_another_upkeep_is_under_way_it_waits_as_long_as_it_is_told(pumphouse: Any, shop: Path) -> None:
    with held(shop / "lake" / "upkeep.lock", purpose="upkeep 7", wait_s=0):
        done = pumphouse("upkeep", "--wait", "0.1", cwd=shop)
    assert done.code == 4
    assert "has to wait: upkeep 7 by " in done.err


def test_a_dry_run_tells_of_stored_bytes_that_nothing_names(pumphouse: Any, shop: Path) -> None:
    (shop / "lake" / "blobs" / "ab").mkdir()
    (shop / "lake" / "blobs" / "ab" / ("ab" * 32)).write_bytes(b"left")
    for path in (shop / "lake" / "blobs").glob("*/*"):
        os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)
    done = pumphouse("upkeep", "--dry-run", cwd=shop)
    assert "1 stored file of 4 bytes, of " in done.out
    assert pumphouse("upkeep", "--dry-run", "--json", cwd=shop).json["stored"]["files"] == 1


def test_a_retention_that_is_none_or_too_short_is_told_how_to_say_it(pumphouse: Any, shop: Path) -> None:
    wrong = pumphouse("upkeep", "--retention", "1 hour", cwd=shop)
    assert wrong.err.splitlines()[0] == "error: '1 hour' is no retention"
    assert 'Say it in days or weeks, at least "1 day"' in wrong.err
    assert "too short" in pumphouse("upkeep", "--retention", "0 days", "--dry-run", cwd=shop).err


def test_upkeep_that_is_due_is_done_once_and_is_in_the_log(pumphouse: Any, shop: Path) -> None:
    assert 'Say when: [upkeep] every = "day at 03:00"' in pumphouse("upkeep", "--due", cwd=shop).err
    with (shop / "pumphouse.toml").open("a") as file:
        file.write('[upkeep]\nevery = "30d"\n')
    assert "upkeep is due now" in pumphouse("upkeep", "--dry-run", cwd=shop).out
    assert "The upkeep of the lake is due: it never ran." in pumphouse("plan", "--due", cwd=shop).err
    assert "0 files of 0 bytes go now" in pumphouse("upkeep", "--due", cwd=shop).out
    assert pumphouse("upkeep", "--due", cwd=shop).out.startswith("Not due. By its schedule, upkeep is due 20")
    assert pumphouse("plan", "--due", cwd=shop).err == ""
    assert "upkeep --due  done  0 files of 0 bytes removed" in pumphouse("log", cwd=shop).out


def test_the_examples_of_the_guide_run(pumphouse: Any, shop: Path) -> None:
    blocks = re.findall(r"```(sh|toml)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    before = (shop / "pumphouse.toml").read_text()
    (shop / "pumphouse.toml").write_text(before + [text for language, text in blocks if language == "toml"][-1])
    for language, text in blocks:
        if language == "toml":
            (shop / "pumphouse.toml").write_text(before + text)
            continue
        for command in text.splitlines():
            done = pumphouse(*shlex.split(command)[1:], cwd=shop)
            assert done.code == 0, done.err
            assert "0 snapshots" in done.out or "Not due" in done.out


def test_what_pins_old_snapshots_is_listed_and_lets_go_when_it_is_not_declared_any_more(
    pumphouse: Any, shop: Path
) -> None:
    (shop / "usual.py").write_text(
        "import pumphouse as ph\nfrom pumphouse.checks import steady\n\n"
        'as_usual = ph.check("orders", steady("order_id", builds=2), severity="warn")\n'
    )
    (shop / "orders.sql").write_text((shop / "orders.sql").read_text() + "WHERE order_id > 1\n")
    with open_project(shop) as project:
        assert project.run().ok
        made = "strftime(CAST(snapshot_time AS TIMESTAMPTZ) - INTERVAL 101 DAY, '%Y-%m-%d %H:%M:%S+00')"
        project.lake.catalogue(f"UPDATE {{meta}}.ducklake_snapshot SET snapshot_time = {made}")
        (project.lake.folder / "indexes" / "old_search").mkdir(parents=True)
        (project.lake.folder / "indexes" / "old_search" / "words").write_bytes(b"words")
    listed = pumphouse("upkeep", "--retention", "30 days", "--dry-run", cwd=shop).out
    assert "Pinned: 1 older snapshot, with " in listed
    (line,) = [line.split() for line in listed.splitlines() if line.endswith("orders that as_usual compares with")]
    assert (line[0], line[2]) == ("3", "100")  # the last one with the orders of before
    assert "The index old_search is not declared any more, and pins nothing. Its 5 bytes go when" in listed
    (shop / "usual.py").unlink()
    told = pumphouse("upkeep", "--retention", "30 days", "--json", cwd=shop).json["expiry"]
    assert (told["kept"], told["kept_bytes"]) == ([], 0)
    assert 3 in told["snapshots"]
    for command in (("query", "FROM orders", "--snapshot", "3"), ("restore", "orders", "--to", "3")):
        asked = pumphouse(*command, cwd=shop)
        assert asked.code == 2
        assert "error: snapshot 3 of " in asked.err
        assert "is not kept any more: it left the lake by the declared retention" in asked.err
