from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import UnknownName
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import home
from pumphouse.indexes.searching import search, snippets
from pumphouse.lake.changes import hide


@pytest.fixture
def stored(desk: Any, tickets: pa.Table) -> Any:
    desk.table(tickets)
    index = desk.index(store=True)
    build(index, desk.context())
    return index


def test_hits_come_from_the_index_alone_as_they_do_with_rows_of_the_lake(desk: Any, stored: Any) -> None:
    for query in ("refund OR broken", "strasse", "* -refund", "account:acme", "12:30"):
        for order in ("score", "newest"):
            alone = snippets(desk.lake, stored, query, order=order)
            full = search(desk.lake, stored, query, order=order)
            assert (alone.total, alone.snapshot) == (full.total, full.snapshot)
            for one, other in zip(alone.hits, full.hits, strict=True):
                assert (one.key, one.score, one.excerpts) == (other.key, other.score, other.excerpts)
                assert one.row == {name: other.row[name] for name in ("ticket_id", "subject", "body")}


def test_stored_text_follows_its_table(desk: Any, tickets: pa.Table, stored: Any) -> None:
    odd = "late \u0000 😀 東京都 \"'\\ \u2028"
    desk.table(tickets.set_column(1, "subject", pa.array([odd, None, "late", ""])))
    for run in (None, "run-2"):  # a view, and then the index itself
        if run:
            build(stored, desk.context(run=run))
        found = snippets(desk.lake, stored, "subject:late")
        assert {hit.key[0]: hit.row["subject"] for hit in found.hits} == {1: odd, 3: "late"}
        assert [hit.excerpts["subject"].html for hit in found.hits if hit.key == (3,)] == ["<mark>late</mark>"]


def test_an_index_without_text_says_so_and_is_made_anew_with_it(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    with pytest.raises(UnknownName, match=r"does not keep the text\. Declare it, and run it: ph.search"):
        snippets(desk.lake, desk.index(), "refund")
    build(desk.index(store=True), desk.context(run="run-2"))
    assert snippets(desk.lake, desk.index(store=True), "refund").total == 2


def test_a_full_run_leaves_no_file_with_what_was_written_of_a_hidden_person(desk: Any, stored: Any) -> None:
    folder = home(desk.lake, stored.name)
    files = {path.name for path in folder.rglob("*.store")}
    hide(desk.lake, entity="ticket_id", value="1", why="asked", run="hide", actor="tester")
    search(desk.lake, stored, "refund")  # leaves a view, which links to them as well
    assert files <= {path.name for path in folder.rglob("*.store")}
    build(stored, desk.context(run="run-2", mode="full"))
    left = {path.name for path in folder.rglob("*.store")}
    assert left
    assert not left & files
