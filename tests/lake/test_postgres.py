"""A lake whose catalogue is in PostgreSQL: the same promises, and turns taken across machines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import KeyConflict, LakeBusy, LakeError
from pumphouse.lake import rowids
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.locks import held_in_postgres
from pumphouse.lake.upkeep import rewrite_deletes

from .conftest import Desk


@pytest.fixture
def shared(tmp_path: Path, postgres: str) -> Iterator[Desk]:
    lake = Lake(Location(folder=tmp_path / "lake", catalogue=postgres), engine=DuckDB(threads=1))
    yield Desk(lake)
    lake.close()


def test_builds_keys_history_and_artefacts_are_as_in_a_file(shared: Desk) -> None:
    first = shared.replaced("SELECT range AS id, 'a' AS v FROM range(3)", key=("id",))
    commit = shared.commit()
    commit.upsert("orders", shared.written("SELECT 1::BIGINT AS id, 'b' AS v"), key=("id",))
    commit.artefact("page.html", shared.lake.blobs.put(b"<p>"))
    assert commit.publish() is not None
    assert shared.rows("SELECT v FROM orders ORDER BY id", "orders") == [("a",), ("b",), ("a",)]
    assert shared.rows("SELECT v FROM orders ORDER BY id", "orders", snapshot=first) == [("a",)] * 3
    assert [build.snapshot for build in shared.lake.history("orders")] == [first, first + 1]
    assert len(shared.lake.artefacts("orders")) == 1
    with pytest.raises(KeyConflict):
        shared.replaced("SELECT unnest([1, 1])::BIGINT AS id, 'c' AS v", key=("id",))
    again = Desk(Lake(shared.lake.location, engine=DuckDB(threads=1)))
    assert again.rows("SELECT count(*) FROM orders", "orders") == [(3,)]
    again.lake.close()


def test_what_came_and_went_between_two_snapshots_is_told_as_in_a_file(shared: Desk) -> None:
    lake, table = shared.lake, "numbers"
    first = shared.replaced("SELECT range AS id FROM range(100)", table=table)
    commit = shared.commit(table)
    commit.delete_keys(table, shared.written("SELECT range AS id FROM range(30)"), key=("id",))
    commit.publish()
    second = lake.snapshot()
    assert lake.rows_changed(table, after=first, until=second) == 30
    rewrite_deletes(lake, [table], deleted_share=0.01)
    last = lake.snapshot()
    for one, other, rows, is_rewritten in (
        (first, second, 30, False),
        (second, last, 0, True),
        (first, last, 30, True),
    ):
        found = rowids.differing(lake, table, one=one, other=other)
        assert found is not None
        assert (len(found.ids), found.has_come, found.is_rewritten) == (rows, False, is_rewritten)


def test_who_has_to_wait_is_told_for_whom(postgres: str) -> None:
    with (
        held_in_postgres(postgres, name="run", purpose="the nightly run", wait_s=0),
        pytest.raises(LakeBusy, match="the nightly run by"),
        held_in_postgres(postgres, name="run", purpose="mine", wait_s=0.05),
    ):
        pass
    with held_in_postgres(postgres, name="run", purpose="mine", wait_s=0):
        pass


def test_a_catalogue_that_cannot_be_reached_does_not_tell_its_password(tmp_path: Path) -> None:
    address = "postgresql://reader:hush-hush@127.0.0.1:1/lake"
    with pytest.raises(LakeError, match="can't be opened") as caught:
        Lake(Location(folder=tmp_path / "lake", catalogue=address), engine=DuckDB(threads=1))
    assert "hush" not in str(caught.value)
