"""Indexes in a project: when a run builds one, and what it says of one that it leaves as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.project.conftest import Folder, statuses

from pumphouse.indexes.manifest import current, folder_of, home

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
