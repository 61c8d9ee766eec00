from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.errors import BuildError, LakeError
from pumphouse.indexes import words
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import STATES_MAX, current, home
from pumphouse.indexes.searching import search
from pumphouse.indexes.standing import harm
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit


def folders(desk: Any) -> list[str]:
    return sorted(path.name for path in (home(desk.lake, "tickets_search") / "states").iterdir())


def test_an_index_names_the_snapshot_it_covers_and_the_lake_knows(desk: Any, tickets: pa.Table) -> None:
    read = desk.table(tickets)
    built = build(desk.index(), desk.context())
    assert built.snapshot == read + 1
    assert (built.counts.rows_in, built.counts.rows_out) == (4, 4)
    manifest, _ = current(desk.lake, "tickets_search")
    assert manifest is not None
    assert (manifest.newest.snapshot, manifest.newest.rows, manifest.words) == (read, 4, words.VERSION)
    [artefact] = desk.lake.artefacts("tickets_search")
    assert (artefact.name, artefact.snapshot, artefact.detail["rows"]) == ("index", read, 4)
    assert json.loads(desk.lake.blobs.get(artefact.sha))["states"][-1]["folder"] == manifest.newest.folder


def test_a_second_run_does_nothing_and_a_changed_table_is_followed(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    again = build(desk.index(), desk.context(run="run-2"))
    assert again.snapshot is None
    desk.table(pa.table({"n": [1]}), "others")
    assert build(desk.index(), desk.context(run="run-3")).snapshot is None
    read = desk.table(tickets.slice(1))
    assert build(desk.index(), desk.context(run="run-4")).counts.rows_out == 3
    found = search(desk.lake, desk.index(), "", snapshot=read)
    assert (found.snapshot, found.total, found.scanned) == (read, 3, 0)
    assert build(desk.index(), desk.context(run="run-5", mode="full")).snapshot is not None


def test_an_index_of_snapshots_that_a_put_back_catalogue_lost_is_refused_and_made_anew(
    desk: Any, tickets: pa.Table
) -> None:
    desk.table(tickets.slice(0, 1))
    build(desk.index(), desk.context())
    copy = desk.put_back()
    lost = desk.table(tickets.slice(1, 1))
    build(desk.index(), desk.context())
    assert search(desk.lake, desk.index(), "").hits[0].row["ticket_id"] == 2
    desk.put_back(copy)
    with pytest.raises(LakeError, match="its catalogue was put back"):
        search(desk.lake, desk.index(), "")
    assert "its catalogue was put back" in (harm(desk.lake, "tickets_search") or "")
    assert desk.table(tickets.slice(2)) == lost
    build(desk.index(), desk.context())
    assert sorted(hit.row["ticket_id"] for hit in search(desk.lake, desk.index(), "").hits) == [3, 4]


def test_a_view_of_a_snapshot_that_a_put_back_catalogue_lost_is_not_shown(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets.slice(0, 1))
    build(desk.index(), desk.context())
    copy = desk.put_back()
    lost = desk.table(tickets.slice(1, 1))
    assert search(desk.lake, desk.index(), "").hits[0].row["ticket_id"] == 2
    desk.put_back(copy)
    assert desk.table(tickets.slice(2)) == lost
    assert sorted(hit.row["ticket_id"] for hit in search(desk.lake, desk.index(), "").hits) == [3, 4]


def test_states_before_are_kept_for_their_readers_and_older_ones_are_removed(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    made = []
    for number in range(STATES_MAX + 2):
        desk.table(tickets.slice(number % 3))
        build(desk.index(), desk.context(run=f"run-{number}"))
        manifest, _ = current(desk.lake, "tickets_search")
        assert manifest is not None
        made.append(manifest.newest.folder)
    assert folders(desk) == sorted(made[-STATES_MAX:])


FULL = """
import resource, sys
from pathlib import Path
from datetime import datetime, timezone
from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.facts import Search
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BuildError, Place
from pumphouse.indexes.build import build
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake, Location

engine = DuckDB()
lake = Lake(Location(folder=Path(sys.argv[1]) / "lake"), engine=engine)
now = datetime.now(timezone.utc)
table = Asset(name="tickets", kind="files", spec=None, common=Common(key=("ticket_id",)), place=Place(file="a.py"))
context = Context(lake=lake, engine=engine.fork(), folder=Path(sys.argv[1]), assets={"tickets": table}, now=now,
                  today=now.date(), run="run-2", actor="tester", snapshot=lake.snapshot(), fingerprint="code-1")
spec = Search(table="tickets", text=("body",), filter=(), sort=None)
asset = Asset(name="tickets_search", kind="search", spec=spec, common=Common(), place=Place(file="facts.py"))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    build(asset, context)
except BuildError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_index_before(desk: Any, tickets: pa.Table, tmp_path: Path) -> None:
    read = desk.table(tickets)
    build(desk.index(), desk.context())
    before = folders(desk)
    many = [f"word{number} other{number}" for number in range(20_000)]
    desk.table(pa.table({"ticket_id": range(20_000), "subject": many, "body": many}))
    ran = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True)
    assert ran.stdout.startswith("the index of 'tickets' could not be written: "), ran.stderr
    assert "The index before still answers." in ran.stdout
    assert folders(desk) == before
    assert search(desk.lake, desk.index(), "refund", snapshot=read).scanned == 0


def test_an_index_of_another_version_of_words_is_not_searched(
    desk: Any, tickets: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    monkeypatch.setattr(words, "VERSION", words.VERSION + 1)
    with pytest.raises(LakeError, match="made by another version"):
        search(desk.lake, desk.index(), "refund")
    assert build(desk.index(), desk.context(run="run-2")).snapshot is not None
    assert search(desk.lake, desk.index(), "refund").total == 2


def test_a_key_of_several_columns_and_types_finds_its_row(desk: Any) -> None:
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    rows = pa.table(
        {
            "account": ["a", "b"],
            "as_of": pa.array([at, at], pa.timestamp("us", tz="UTC")),
            "day": [at.date(), at.date()],
            "amount": pa.array([Decimal("1.50"), Decimal("2.50")]),
            "note": ["one", "two"],
            "rank": [0.5, 1.5],
        }
    )
    desk.key = ("account", "as_of", "day", "amount")
    desk.table(rows)
    build(desk.index(text=("note",), filter=("day",), sort="rank"), desk.context())
    found = search(desk.lake, desk.index(), "day:2026-01-02", order="newest")
    assert [hit.row["note"] for hit in found.hits] == ["two", "one"]
    assert found.hits[0].key == ("b", at, at.date(), Decimal("2.50"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": ("subjct",)}, "'tickets' has no column 'subjct' (facts.py:3). Did you mean 'subject'?"),
        ({"filter": ("tags",)}, "column 'tags' is list<item: string>, which can't be searched"),
    ],
)
def test_a_column_that_can_not_be_searched_is_named(
    desk: Any, tickets: pa.Table, changes: dict[str, Any], said: str
) -> None:
    desk.table(tickets.append_column("tags", pa.array([["a"]] * 4)))
    with pytest.raises(BuildError) as raised:
        build(desk.index(**changes), desk.context())
    assert said in str(raised.value)


def test_a_table_without_a_key_is_refused(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    desk.key = ()
    with pytest.raises(BuildError, match=r"'tickets' has no key, so a hit could not name its row"):
        build(desk.index(), desk.context())


@pytest.mark.parametrize("name", ["RowID", "snapshot_id"])
def test_a_column_that_hides_the_ids_of_rows_is_refused(desk: Any, tickets: pa.Table, name: str) -> None:
    desk.table(tickets.append_column(name, pa.array([7, 7, 8, 8])))
    with pytest.raises(BuildError, match=f"'tickets' has a column '{name}', which hides the lake's own"):
        build(desk.index(), desk.context())


def test_a_run_that_died_after_the_swap_is_recorded_without_building_again(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    before = folders(desk)
    # What such a run leaves: an index whose folder the last recorded build does not name.
    commit = Commit(desk.lake, "tickets_search", run="other", actor="tester")
    commit.artefact("other.json", desk.lake.blobs.put(b"{}"))
    commit.publish()
    built = build(desk.index(), desk.context(run="run-2"))
    assert built.snapshot is not None
    assert built.counts.rows_out == 4
    assert folders(desk) == before


def test_a_table_that_is_searched_lies_in_files_of_which_a_few_rows_can_be_read(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets, "raw")
    context = desk.context()
    context = replace(context, assets={**context.assets, "tickets_search": desk.index()})
    written = context.engine.write(context.query("FROM raw", "raw"), folder=desk.lake.staging(), stem="made")
    commit = context.begin(context.assets["tickets"])
    commit.replace("tickets", written)
    commit.publish(Counts())
    [file] = desk.engine.execute("SELECT data_file FROM ducklake_list_files('lake', 'tickets')")[0]
    assert pq.read_metadata(file).row_group(0).column(0).has_offset_index
    build(desk.index(), desk.context())
    assert search(desk.lake, desk.index(), "refund").total == 2
