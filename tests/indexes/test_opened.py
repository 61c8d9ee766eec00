"""Indexes that stay open: the same answers as those that are opened anew, whatever happens to files and snapshots."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import PumphouseError, SnapshotExpired
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import current, folder_of, needed
from pumphouse.indexes.searching import search
from pumphouse.lake import lake as lakes
from pumphouse.lake.builds import Counts
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.expired import kept
from pumphouse.lake.lake import Lake
from pumphouse.lake.upkeep import merge_files, rewrite_deletes

KEY = ("ticket_id",)


def changed(desk: Any, rows: pa.Table) -> int:
    commit = Commit(desk.lake, "tickets", run="load", actor="tester")
    stem = f"t_{desk.lake.snapshot()}"
    commit.upsert("tickets", desk.lake.stage(rows.to_batches(), rows.schema, stem=stem), key=KEY)
    commit.publish(Counts())
    return int(desk.lake.snapshot())


def numbered(tickets: pa.Table, *ids: int) -> pa.Table:
    rows = pa.concat_tables([tickets.slice(number % 4, 1) for number in ids])
    return rows.set_column(0, "ticket_id", [list(ids)])


def keys(desk: Any, query: str, snapshot: int | None = None) -> tuple[int, list[int]]:
    found = search(desk.lake, desk.index(), query, limit=1_000, snapshot=snapshot)
    assert found.total == len(found.hits)
    return found.snapshot, sorted(hit.key[0] for hit in found.hits)


def test_an_index_stays_open_until_its_folder_goes(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    assert keys(desk, "refund")[1] == [1, 2]
    [(folder, first)] = [(one, desk.lake.opened.get(one)) for one in desk.lake.opened]
    assert keys(desk, "thanks")[1] == [4]
    assert desk.lake.opened.get(folder) is first
    for number in range(4):
        changed(desk, numbered(tickets, 100 + number))
        assert keys(desk, "*")[1] == [1, 2, 3, 4, *range(100, 101 + number)]  # by a view
        build(desk.index(), desk.context(run=f"run-{number}"))
        assert keys(desk, "*")[1] == [1, 2, 3, 4, *range(100, 101 + number)]
    assert not folder.exists()
    assert folder not in list(desk.lake.opened)
    assert all(one.exists() for one in desk.lake.opened)
    assert len(list(desk.lake.opened)) <= lakes.OPENED_MAX


def test_the_catalogue_is_asked_once_by_a_search_that_is_warm(
    desk: Any, tickets: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    commit = Commit(desk.lake, "tickets", run="load", actor="tester")
    rows = numbered(tickets, 9)
    commit.append("tickets", desk.lake.stage(rows.to_batches(), rows.schema, stem="more"), key=KEY)
    commit.publish(Counts())
    asked, catalogue = [], Lake.catalogue
    monkeypatch.setattr(Lake, "catalogue", lambda self, sql: asked.append(sql) or catalogue(self, sql))
    for _ in range(2):  # of a snapshot that no state covers
        asked.clear()
        assert keys(desk, "refund")[1] == [1, 2, 9]
    assert len(asked) == 1
    build(desk.index(), desk.context(run="run-2"))
    for _ in range(2):
        asked.clear()
        assert keys(desk, "refund")[1] == [1, 2, 9]
    assert len(asked) == 1


def test_a_file_that_goes_while_its_index_is_open_is_seen(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    assert search(desk.lake, desk.index(), "refund").scanned == 0
    manifest, _ = current(desk.lake, "tickets_search")
    assert manifest is not None
    file = next(folder_of(desk.lake, "tickets_search", manifest.newest).glob("*.term"))
    other = file.with_name("other")
    other.write_bytes(file.read_bytes()[:-1])
    other.rename(file)
    found = search(desk.lake, desk.index(), "refund")
    assert (found.total, found.scanned) == (2, 4)


def test_a_snapshot_that_was_searched_and_left_is_refused(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    old = changed(desk, numbered(tickets, 9))
    assert keys(desk, "*", old)[1] == [1, 2, 3, 4, 9]
    changed(desk, numbered(tickets, 10))
    assert keys(desk, "*", old)[1] == [1, 2, 3, 4, 9]
    desk.engine.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{old}])")
    with pytest.raises(SnapshotExpired, match=f"snapshot {old} is not kept any more"):
        keys(desk, "*", old)
    assert keys(desk, "*")[1] == [1, 2, 3, 4, 9, 10]


def test_somebody_who_is_hidden_is_in_no_index_that_is_open(desk: Any, tickets: pa.Table) -> None:
    at = desk.table(tickets)
    build(desk.index(), desk.context())
    assert keys(desk, "*", at)[1] == [1, 2, 3, 4]
    hide(desk.lake, entity="account", value="acme", why="asked", run="hide", actor="tester")
    assert keys(desk, "*", at)[1] == [2, 4]
    assert keys(desk, "*")[1] == [2, 4]


def test_threads_search_while_runs_merges_and_expiry_go_on(desk: Any, tickets: pa.Table) -> None:
    """What a thread is told of a snapshot are the rows that the table had in it."""
    desk.table(numbered(tickets, *range(20)))
    build(desk.index(), desk.context())
    expected = {desk.lake.snapshot(): list(range(20))}
    over, heard = Event(), []

    def ask(number: int) -> None:
        while not over.is_set():
            old = None if number % 2 else min(list(expected))
            try:
                heard.append(keys(desk, "* -nothing" if number else "*", old))
            except PumphouseError:
                if old is None or old in kept(catalogue=desk.lake.catalogue):
                    raise

    def now() -> None:
        there = desk.engine.execute(f"SELECT ticket_id FROM {desk.lake.name_of('tickets')} ORDER BY 1")
        expected[at := desk.lake.snapshot()] = [row[0] for row in there]
        while not any(one >= at for one, _ in list(heard)) and not any(one.done() for one in asked):
            time.sleep(0.01)

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, number) for number in range(3)]
        try:
            for step in range(3):
                changed(desk, numbered(tickets, step, 100 + 2 * step, 101 + 2 * step))
                now()
                commit = Commit(desk.lake, "tickets", run="load", actor="tester")
                gone = pa.table({"ticket_id": [10 + step]})
                staged = desk.lake.stage(gone.to_batches(), gone.schema, stem=f"gone_{step}")
                commit.delete_keys("tickets", staged, key=KEY)
                commit.publish(Counts())
                now()
                build(desk.index(), desk.context(run=f"run-{step}", mode="full" if step == 1 else "normal"))
                if step == 0:
                    merge_files(desk.lake)
                if step == 2:
                    rewrite_deletes(desk.lake, deleted_share=0.0)
                pinned = {at for one in needed(desk.lake).values() for at in one} | {desk.lake.snapshot()}
                left = [at for at in expected if at not in pinned][:1]
                if left:
                    desk.engine.execute(f"CALL ducklake_expire_snapshots('lake', versions => {left})")
                    desk.engine.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
        finally:
            over.set()
        for one in asked:
            one.result()
    assert len({at for at, _ in heard}) > 4
    for at, told in heard:
        assert told == expected[max(one for one in expected if one <= at)], at  # upkeep's own have the same rows
