"""Indexes in a project: when a run builds one, and what it says of one that it leaves as it is."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.project.conftest import Folder, statuses

from pumphouse.indexes import standing
from pumphouse.indexes.manifest import current, folder_of, home, needed, swap
from pumphouse.indexes.standing import LEFT_FOR_MAX
from pumphouse.project.results import standing_text
from pumphouse.project.running import Report

PROJECT = {
    "tickets.csv": "ticket_id,subject\n1,Refund please\n2,Late delivery\n",
    "facts.py": """
        import pumphouse as ph

        tickets = ph.files("tickets.csv", key="ticket_id")
        tickets_search = ph.search("tickets", text=["subject"])
    """,
}
INDEX = "tickets_search"


@pytest.fixture
def built(folder: Folder) -> Folder:
    folder.write(PROJECT)
    assert folder.run().ok
    return folder


def newest(folder: Folder) -> Path:
    lake = folder.open().lake
    manifest, _ = current(lake, INDEX)
    assert manifest is not None
    return folder_of(lake, INDEX, manifest.newest)


def test_an_index_that_broke_is_built_by_the_next_run(built: Folder) -> None:
    base = home(built.open().lake, INDEX)
    for harm, said in (
        (lambda: next(newest(built).glob("*.term")).write_bytes(b""), "its files are damaged"),
        (lambda: next(newest(built).glob("*.idx")).unlink(), "its files are damaged"),
        (lambda: (newest(built) / "meta.json").write_bytes(b"{}"), "its files are damaged"),
        (lambda: (base / "manifest.json").write_bytes(b"\xff{"), "its manifest is missing or damaged"),
        ((base / "manifest.json").unlink, "its manifest is missing or damaged"),
        (lambda: shutil.rmtree(base), "its manifest is missing or damaged"),
    ):
        assert built.open().plan().builds == ()
        harm()
        assert built.open().stale() == {INDEX: said}
        assert [build.reasons for build in built.open().plan(due=True).builds] == [(said,)]
        assert statuses(built.run()) == {INDEX: "built"}
        found = built.open().search(INDEX, "refund")
        assert (found.total, found.scanned) == (1, 0)
    assert built.run().results == ()


def tickets(*subjects: str) -> dict[str, str]:
    return {"tickets.csv": "\n".join(["ticket_id,subject", *(f"{n},{one}" for n, one in enumerate(subjects, 1)), ""])}


def results(report: Report) -> dict[str, tuple[str, str]]:
    return {one.asset: (one.status, one.note) for one in report.results}


def test_few_rows_are_left_to_searches_and_everybody_says_so(built: Folder) -> None:
    covered = built.open().lake.snapshot()
    built.write(tickets("Refund please", "Late delivery", "Refund now"))
    report = built.run()
    words = f"covers snapshot {covered - 1}; 1 row since is read by searches"
    assert results(report)[INDEX] == ("unchanged", words)
    project = built.open()
    found = project.search(INDEX, "refund")
    assert (found.total, found.scanned, found.snapshot) == (2, 1, project.lake.snapshot())
    assert project.stale() == {}
    assert project.plan(due=True).builds == ()
    assert str(project.plan()) == f"Nothing to build: 2 assets up to date.\n  {INDEX} {words}"
    again = built.run()
    assert (again.results, again.left) == ((), {INDEX: words})
    assert str(again).splitlines()[0] == f"Nothing to do: everything else is as of snapshot {again.snapshot}."
    assert f"{INDEX} {words}." in str(again)
    text = standing_text(project.lake, project.graph.assets, project.graph.assets[INDEX], folder=built.path)
    assert text == f"It has 2 rows of tickets as of snapshot {covered - 1}; 1 since are read by searches."
    assert needed(project.lake) == {INDEX: (covered - 1,)}  # the next run begins there
    assert statuses(built.run(INDEX)) == {INDEX: "built"}  # who names it asks for it
    assert built.open().search(INDEX, "refund").scanned == 0
    assert (built.run(INDEX).results, built.run().left) == ((), {})


def test_an_index_follows_many_rows_a_day_another_code_and_full(built: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    built.write(tickets("Refund please", "Late delivery", "Refund now"))
    assert statuses(built.run()) == {"tickets": "built", INDEX: "unchanged"}
    in_a_day = datetime.now(UTC) + LEFT_FOR_MAX
    assert statuses(built.run(due=True, now=in_a_day)) == {INDEX: "built"}
    monkeypatch.setattr(standing, "LEFT_ROWS_MAX", 3)
    built.write(tickets("Refund please", "Late", "Refund now", "Broken"))
    assert statuses(built.run()) == {"tickets": "built", INDEX: "unchanged"}
    assert built.run().left[INDEX].endswith("; 2 rows since are read by searches")
    built.write(tickets("Refund", "Late", "Refund now", "Broken", "Order"))  # two more: they are counted together
    assert statuses(built.run()) == {"tickets": "built", INDEX: "built"}
    built.write(tickets("Refund", "Late", "Refund now", "Broken", "Order", "Plate"))
    assert statuses(built.run()) == {"tickets": "built", INDEX: "unchanged"}
    monkeypatch.setattr(standing, "LEFT_BYTES_MAX", 10)  # a row of this index is larger
    assert statuses(built.run()) == {INDEX: "built"}
    monkeypatch.undo()
    built.write(tickets("Refund", "Late", "Refund now", "Broken", "Order", "Latte please"))
    assert statuses(built.run()) == {"tickets": "built", INDEX: "unchanged"}
    assert statuses(built.run(full=True))[INDEX] == "built"
    built.write(tickets("Refund", "Late", "Refund now", "Broken", "Order", "Latte"))
    built.write({"facts.py": PROJECT["facts.py"].replace('"subject"]', '"subject"], sort="ticket_id"')})
    assert statuses(built.run()) == {"tickets": "built", INDEX: "built"}
    built.write({"tickets.csv": "ticket_id,subject,more\n1,Refund,x\n"})  # each row has another column
    assert statuses(built.run(accept_schema=True))[INDEX] == "built"


def test_who_is_hidden_leaves_the_index_at_once(built: Folder) -> None:
    built.write(tickets("Refund please", "Late delivery", "Refund now"))
    assert statuses(built.run())[INDEX] == "unchanged"
    project = built.open()
    project.hide("ticket_id", 1, why="asked for it")
    assert project.search(INDEX, "refund").total == 1
    assert project.stale()[INDEX] == "tickets changed, a person was hidden"
    assert statuses(built.run(due=True)) == {INDEX: "built"}
    lake = built.open().lake
    manifest, _ = current(lake, INDEX)
    assert manifest is not None
    assert {state.rows for state in manifest.states if state.world.hidden == lake.snapshot() - 1} == {2}
    assert built.open().search(INDEX, "refund").scanned == 0


def test_a_run_that_died_before_it_was_recorded_is_recorded_by_the_next(built: Folder) -> None:
    built.write(tickets("Refund please", "Late delivery", "Refund now"))
    built.run()
    lake = built.open().lake
    manifest, digest = current(lake, INDEX)
    assert manifest is not None
    [state] = manifest.states
    folder_of(lake, INDEX, state).rename(folder_of(lake, INDEX, state).with_name("other"))
    swap(
        lake, msgspec.structs.replace(manifest, states=(msgspec.structs.replace(state, folder="other"),)), before=digest
    )
    assert statuses(built.run()) == {INDEX: "built"}
    assert built.run().results == ()
