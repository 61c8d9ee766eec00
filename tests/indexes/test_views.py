"""An index as of a snapshot for readers: of an environment, of a lake that can't be written to, of snapshots gone."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import LakeError, SnapshotExpired, UnknownName
from pumphouse.indexes import steps, views
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import home, needed
from pumphouse.indexes.searching import search
from pumphouse.lake.builds import Counts
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake


def appended(desk: Any, rows: pa.Table) -> int:
    commit = Commit(desk.lake, "tickets", run="load", actor="tester", accept_schema=True)
    commit.append("tickets", desk.lake.stage(rows.to_batches(), rows.schema, stem=f"t{desk.lake.snapshot()}"))
    commit.publish(Counts())
    return int(desk.lake.snapshot())


def other(tickets: pa.Table, ticket_id: int) -> pa.Table:
    return tickets.slice(0, 1).set_column(0, "ticket_id", [[ticket_id]])


def read_only(desk: Any, pinned: int | None = None, alias: str = "lake") -> Lake:
    return Lake(desk.lake.location, engine=DuckDB(threads=1), alias=alias, writable=False, pinned=pinned)


def test_an_environment_searches_the_index_of_the_lake_above_at_its_snapshot(
    desk: Any, tickets: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pinned = desk.table(tickets)
    build(desk.index(), desk.context())
    appended(desk, other(tickets, 9))
    above = read_only(desk, pinned, "above")
    desk.lake.location.folder.with_name("dev").mkdir()
    location = type(desk.lake.location)(folder=tmp_path / "dev")
    dev = Lake(location, engine=above.engine, upstream=above)
    found = search(dev, desk.index(), "refund")
    assert (sorted(hit.key for hit in found.hits), found.snapshot) == ([(1,), (2,)], dev.snapshot())
    # An index of its own over the same table follows the snapshot at which that is read.
    desk.lake, production = dev, desk.lake
    build(desk.index(), desk.context(lake=dev, engine=dev.engine.fork(), snapshot=dev.snapshot()))
    assert needed(dev) == {}
    assert search(dev, desk.index(), "refund").total == 2
    desk.lake = production
    hide(production, entity="account", value="acme", why="asked", run="hide", actor="tester")
    assert [hit.key for hit in search(dev, desk.index(), "refund").hits] == [(2,)]
    above.pinned = production.snapshot()
    found = search(dev, desk.index(), "*")
    assert sorted(hit.key for hit in found.hits) == [(2,), (4,)]
    dev.close()


def test_a_lake_that_is_only_read_gets_its_views_elsewhere(
    desk: Any, tickets: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    desk.table(tickets)
    build(desk.index(), desk.context())
    appended(desk, other(tickets, 9))
    lake = read_only(desk)
    link = os.link

    def on_another_disk(source: str, target: str) -> None:
        if Path(source).is_relative_to(desk.lake.folder):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        link(source, target)

    monkeypatch.setattr(os, "link", on_another_disk)
    before = sorted(home(lake, "tickets_search").rglob("*"))
    for _ in range(2):
        found = search(lake, desk.index(), "refund")
        assert (found.total, found.scanned) == (3, 1)
    assert sorted(home(lake, "tickets_search").rglob("*")) == before
    [mine] = (tmp_path / "temporary").iterdir()
    assert mine.stat().st_mode & 0o777 == 0o700
    [made] = mine.glob("*/views/*")
    assert any(file.is_symlink() for file in made.iterdir())
    monkeypatch.setattr(os, "link", link)
    # A run removes the state that the links lead to: the view is made anew.
    build(desk.index(), desk.context(run="run-2", mode="full"))
    assert search(lake, desk.index(), "refund").total == 3
    mine.chmod(0o755)
    appended(desk, other(tickets, 10))
    with pytest.raises(LakeError, match="others can read it"):
        search(lake, desk.index(), "refund", snapshot=desk.lake.snapshot())
    lake.close()


def test_an_index_goes_on_where_its_snapshot_left_and_another_has_the_same_rows(desk: Any, tickets: pa.Table) -> None:
    first = desk.table(tickets)
    build(desk.index(), desk.context())
    same = desk.lake.snapshot()
    appended(desk, other(tickets, 9))
    assert first < same
    desk.engine.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{first}])")
    assert needed(desk.lake) == {"tickets_search": (first,)}
    found = search(desk.lake, desk.index(), "refund")
    assert found.scanned == 1
    build(desk.index(), desk.context(run="run-2"))
    assert search(desk.lake, desk.index(), "refund").scanned == 0


def test_a_snapshot_that_is_gone_is_told_and_the_index_needs_one(
    desk: Any, tickets: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = desk.table(tickets)
    build(desk.index(), desk.context())
    second = appended(desk, other(tickets, 9))
    appended(desk, other(tickets, 10))
    last = appended(desk, other(tickets, 11))
    assert needed(desk.lake) == {"tickets_search": (first,)}
    desk.engine.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{second}, {second + 1}])")
    assert search(desk.lake, desk.index(), "refund").scanned == 3  # told across the ones that are gone
    with pytest.raises(SnapshotExpired, match=f"snapshot {second} is not kept any more"):
        search(desk.lake, desk.index(), "refund", snapshot=second)
    desk.engine.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{first}, {second - 1}])")
    found = search(desk.lake, desk.index(), "refund", snapshot=last)
    assert (found.total, found.scanned) == (5, 3)  # by what was put right before, and is open still
    lake = read_only(desk)
    found = search(lake, desk.index(), "refund", snapshot=last)
    assert (found.total, found.scanned) == (5, 7)
    lake.close()
    build(desk.index(), desk.context(run="run-2"))
    assert search(desk.lake, desk.index(), "refund", snapshot=last).scanned == 0


def test_more_rows_than_a_search_may_read_are_told(
    desk: Any, tickets: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    appended(desk, tickets.slice(0, 2).set_column(0, "ticket_id", [[8, 9]]))
    monkeypatch.setattr(views, "SCANNED_ROWS_MAX", 1)
    assert search(desk.lake, desk.index(), "refund").scanned == 6
    appended(desk, other(tickets, 10))
    monkeypatch.setattr(views, "WHOLE_ROWS_MAX", 5)
    with pytest.raises(LakeError, match=r"3 rows differ at \d+, too many for a search. Build it: pumphouse run tick"):
        search(desk.lake, desk.index(), "refund")


def test_a_column_that_was_another_or_none_is_not_guessed(desk: Any, tickets: pa.Table) -> None:
    none = desk.table(tickets.drop(["account"]))
    number = desk.table(tickets.set_column(3, "account", [[1, 2, 3, 4]]))
    desk.table(tickets)
    build(desk.index(), desk.context())
    found = search(desk.lake, desk.index(), "refund", snapshot=none)
    assert (sorted(hit.key for hit in found.hits), found.scanned) == ([(1,), (2,)], 4)
    assert search(desk.lake, desk.index(), 'account:"acme"', snapshot=none).total == 0
    with pytest.raises(LakeError, match=f"column 'account' was int64 at snapshot {number}"):
        search(desk.lake, desk.index(), "refund", snapshot=number)
    with pytest.raises(UnknownName):
        search(desk.lake, desk.index(), "refund", snapshot=0)


def test_a_view_is_put_right_from_the_nearest_and_never_from_many_or_a_damaged_one(
    desk: Any, tickets: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "ROWS_MIN", 1)
    monkeypatch.setattr(steps, "STEPS_MAX", 2)
    desk.table(tickets)
    build(desk.index(), desk.context())

    def made() -> list[int]:
        """On how many views each view stands."""
        views = home(desk.lake, "tickets_search") / "views"
        return sorted(json.loads(one.read_bytes())["steps"] for one in views.glob("*/view.json"))

    found = {}
    expected = {1: [0], 2: [0, 0], 3: [0, 0, 1], 4: [0, 0, 1, 2], 5: [0, 1, 2, 2]}
    for number, steps_of_each in expected.items():
        rows = tickets.slice(0, 3).set_column(0, "ticket_id", [[20 + number, 30 + number, 40 + number]])
        appended(desk, rows.set_column(1, "subject", [[f"refund {number}"] * 3]))
        answer = search(desk.lake, desk.index(), "refund", limit=50)
        assert (answer.total, answer.scanned, made()) == (2 + 3 * number, 3 * number, steps_of_each)
        found[answer.snapshot] = {hit.key for hit in answer.hits}
        if number == 1:
            [view] = (home(desk.lake, "tickets_search") / "views").iterdir()
            [own] = [one for one in view.glob("*.idx") if one.stat().st_nlink == 1]  # the others are the state's too
            own.write_bytes(b"")
    for snapshot, keys in found.items():
        assert {hit.key for hit in search(desk.lake, desk.index(), "refund", limit=50, snapshot=snapshot).hits} == keys
