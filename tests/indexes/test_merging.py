"""Segments: how many there are, what is in them, and that nobody can tell from an answer."""

from __future__ import annotations

import datetime as dt
import random
from collections import deque
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest
import tantivy

from pumphouse.indexes.build import build, fields_of
from pumphouse.indexes.fields import ROW, Field, schema
from pumphouse.indexes.lookup import lookup
from pumphouse.indexes.manifest import current, folder_of
from pumphouse.indexes.segments import open_whole, put_together, row_ids, seal, segments, write
from pumphouse.indexes.states import Rows
from pumphouse.indexes.views import view
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit

BODY = Field(column="body", is_text=True)
SCHEMA = schema((BODY,))


def written(folder: Path, rows: list[tuple[int, str]]) -> Path:
    documents = [msgspec.json.encode({ROW: number, BODY.words: text, "absent": []}).decode() for number, text in rows]
    if not folder.exists():
        put_together(folder, (), schema=SCHEMA)
    deque(write(folder, [pa.array(documents)]), maxlen=0)
    return folder


def scored(index: tantivy.Index, words: list[str]) -> list[tuple[float, int]]:
    terms = [(tantivy.Occur.Should, tantivy.Query.term_query(index.schema, BODY.words, word, "freq")) for word in words]
    found = index.searcher().search(tantivy.Query.boolean_query(terms), 1000)
    ids = index.searcher().fast_field_values(ROW, [place for _, place in found.hits])
    return sorted((-round(score, 4), int(row or 0)) for (score, _), row in zip(found.hits, ids, strict=True))


def test_scores_are_the_same_with_one_ten_or_a_hundred_segments(tmp_path: Path) -> None:
    chance = random.Random(5)
    words = [f"word{number}" for number in range(30)]
    rows = [(number, " ".join(chance.choices(words, k=chance.randrange(1, 40)))) for number in range(300)]
    answers = []
    for count in (1, 10, 100):
        folders = [written(tmp_path / f"{count}-{part}", rows[part::count]) for part in range(count)]
        whole = tmp_path / f"whole-{count}"
        put_together(whole, [(folder, segments(folder)) for folder in folders], schema=SCHEMA)
        seal(whole)
        assert len(segments(whole)) == count
        index = open_whole(whole)
        answers.append([scored(index, chosen) for chosen in (["word1"], ["word2", "word3"], ["word4"] * 2)])
    assert answers[0] == answers[1] == answers[2]
    assert all(len(one) > 30 for one in answers[0])


def test_small_commits_leave_few_segments(tmp_path: Path) -> None:
    folder, most = tmp_path / "grows", 0
    for number in range(40):
        written(folder, [(number * 2 + one, f"refund {number}") for one in range(2)])
        most = max(most, len(segments(folder)))
    assert most < 20
    seal(folder)
    assert len(row_ids(open_whole(folder))) == 80


def test_what_is_written_at_once_is_one_segment(tmp_path: Path) -> None:
    rows = [(number, " ".join(f"{number}x{other}" for other in range(100))) for number in range(2_000)]
    assert [one.rows for one in segments(written(tmp_path / "at-once", rows))] == [2_000]


def test_years_are_kept_apart_and_what_is_mostly_dead_is_written_anew(desk: Any) -> None:
    def tickets(ids: range, text: str) -> pa.Table:
        return pa.table(
            {
                "ticket_id": list(ids),
                "body": [f"{text} {one}" for one in ids],
                "opened_at": pa.array([dt.datetime(2020 + one % 3, 5, 1, tzinfo=dt.UTC) for one in ids]),
            }
        )

    def upserted(rows: pa.Table, run: str) -> Any:
        commit = Commit(desk.lake, "tickets", run="load", actor="tester")
        written = desk.lake.stage(rows.to_batches(), rows.schema, stem=f"t{run}")
        commit.upsert("tickets", written, key=("ticket_id",))
        commit.publish(Counts())
        build(asset, desk.context(run=run))
        manifest, _ = current(desk.lake, asset.name)
        assert manifest is not None
        return manifest

    asset = desk.index(text=("body",), filter=())
    desk.table(tickets(range(60), "first"))
    build(asset, desk.context())
    first = upserted(tickets(range(3), "second"), "run-1").newest
    assert sorted(one.dead for one in first.segments) == [0, 0, 0, 1, 1, 1]  # bitmaps over the old, and new ones
    manifest = upserted(tickets(range(3, 18), "second"), "run-2")
    assert {one.partition for one in manifest.newest.segments} == {"2020", "2021", "2022"}
    assert all(one.dead <= 0.2 * one.rows for one in manifest.newest.segments)
    for one in manifest.newest.segments:
        alone = desk.folder / one.stem
        put_together(
            alone, [(folder_of(desk.lake, asset.name, manifest.newest), [one])], schema=schema(manifest.fields)
        )
        seal(alone)
        ids = row_ids(open_whole(alone)).to_pylist()
        assert (min(ids), max(ids)) == (one.first, one.last)
        assert {2020 + row % 3 for row in ids} == {int(one.partition)}  # ids are given in the order of the keys


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMPTZ", "TIMESTAMP_NS"])
def test_each_row_is_in_the_one_year_that_it_is_of(desk: Any, kind: str) -> None:
    moments = ["1677-12-31 23:59:59", "1678-01-01", "2020-12-31 23:59:59", "2021-01-01", "2021-12-31", "2261-12-31"]
    if "NS" not in kind:
        moments += ["0044-03-15 (BC)", "0001-01-01", "9999-12-31 23:59:59", "12026-06-01", "infinity", "-infinity"]
    listed = ", ".join(f"('{moment}')" for moment in moments)
    made = f"SELECT row_number() OVER () AS ticket_id, CAST(m AS {kind}) AS opened_at, 'late' AS body"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Pacific/Kiritimati'")
        rows = connection.execute(f"{made} FROM (VALUES {listed}, (NULL)) t(m)").to_arrow_table()
    desk.table(rows)
    asset, context = desk.index(text=("body",), filter=()), desk.context()
    fields, snapshot = fields_of(asset, context), context.snapshot
    table = Rows(
        lake=desk.lake,
        engine=context.engine,
        table="tickets",
        snapshot=snapshot,
        fields=fields,
        sort="opened_at",
        schema=schema(fields),
    )
    known = dict(table.partitions())
    assert {"", "2020", "2021"} <= known.keys()
    found = {name: sum(map(len, table.documents(partition=name))) for name in known}
    assert found == known
    assert sum(found.values()) == rows.num_rows


def test_what_goes_and_comes_again_changes_nothing(desk: Any, tickets: pa.Table) -> None:
    def asked(text: str) -> list[tuple[float, str]]:
        opened = view(desk.lake, "tickets_search", snapshot=None)
        query = lookup(text, index=opened.index, manifest=opened.manifest, where={}).query
        return [round(score, 4) for score, _ in opened.index.searcher().search(query, 10).hits]

    asset = desk.index()
    desk.table(tickets)
    build(asset, desk.context())
    before = [asked(text) for text in ("refund", "refund OR broken", "*")]
    for number, change in enumerate(("delete", "add")):
        commit = Commit(desk.lake, "tickets", run="load", actor="tester")
        rows = tickets.slice(1, 2) if change == "add" else tickets.slice(1, 2).select(["ticket_id"])
        staged = desk.lake.stage(rows.to_batches(), rows.schema, stem=f"t{number}")
        if change == "add":
            commit.append("tickets", staged, key=("ticket_id",))
        else:
            commit.delete_keys("tickets", staged, key=("ticket_id",))
        commit.publish(Counts())
    # Of a view's rows more may be dead than a run leaves: they count in the statistics of words, not among the hits.
    assert [len(asked(text)) for text in ("refund", "refund OR broken", "*")] == [len(one) for one in before]
    build(asset, desk.context(run="run-2"))
    assert [asked(text) for text in ("refund", "refund OR broken", "*")] == before
