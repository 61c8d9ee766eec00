"""What merging and rewriting would make of a table's files is what they make of them."""

from __future__ import annotations

import pyarrow.parquet as pq

from pumphouse.lake.fragments import CROWD, TIERS, Fragments, fragments, fragments_of, holes
from pumphouse.lake.upkeep import merge_files, rewrite_deletes

from .conftest import Desk
from .test_upkeep import KEY, KINDS, Story


def upkept(desk: Desk, table: str = "t") -> Fragments:
    """What was foreseen, once it has come true."""
    foreseen = fragments(desk.lake).get(table, Fragments())
    assert fragments_of(desk.lake, table) == foreseen
    merge_files(desk.lake, at_once=1)
    rewrite_deletes(desk.lake)
    now = fragments(desk.lake).get(table, Fragments())
    assert now.files == foreseen.files_after
    assert now.rows_deleted == foreseen.rows_deleted - foreseen.rewritten_rows_deleted
    return foreseen


def test_what_is_foreseen_comes_true(desk: Desk) -> None:
    story = Story(desk, 1)
    story.commit("append")
    for kinds in (("append", "upsert", "wider", "lowest"), KINDS):
        for _ in range(5):
            story.commit(story.random.choice(kinds))
        upkept(desk)


def test_a_file_is_written_again_from_a_fifth_of_deleted_rows_on(desk: Desk) -> None:
    for gone, rewritten in ((1, 0), (2, 1)):
        desk.replaced("SELECT range AS id FROM range(10)", table="t")
        commit = desk.commit("t")
        commit.delete_keys("t", desk.written(f"SELECT range AS id FROM range({gone})"), key=KEY)
        commit.publish()
        foreseen = upkept(desk)
        assert (foreseen.rewritten, foreseen.rewritten_rows_deleted) == (rewritten, gone * rewritten)


def test_many_small_files_with_few_deleted_rows_each_become_one(desk: Desk) -> None:
    for number in range(CROWD):
        commit = desk.commit("t")
        commit.append(
            "t", desk.written(f"SELECT range AS id FROM range({100 * number}, {100 * number + 100})"), key=KEY
        )
        commit.publish()
    commit = desk.commit("t")
    commit.delete_keys("t", desk.written(f"SELECT 100 * range AS id FROM range({CROWD})"), key=KEY)
    commit.publish()
    foreseen = upkept(desk)
    assert (foreseen.merged, foreseen.rewritten, foreseen.files_after) == (0, CROWD, 1)
    assert desk.rows("SELECT count(*) FROM t", "t") == [(99 * CROWD,)]
    assert desk.rows("SELECT count(*) FROM t", "t", snapshot=CROWD) == [(100 * CROWD,)]


def test_files_are_rewritten_in_steps_those_with_most_deleted_rows_first(desk: Desk) -> None:
    for number in range(4):
        commit = desk.commit("t")
        commit.append("t", desk.written(f"SELECT range AS id FROM range({10 * number}, {10 * number + 10})"), key=KEY)
        commit.publish()
    commit = desk.commit("t")  # of the four files 3, 5, 5 and 8 rows
    gone = [0, 1, 2, *range(10, 15), *range(20, 25), *range(30, 38)]
    commit.delete_keys("t", desk.written(f"SELECT unnest({gone}) AS id"), key=KEY)
    commit.publish()
    assert [share for share, _ in holes(desk.lake, "t")] == [0.8, 0.5, 0.5, 0.3]
    before = desk.lake.snapshot()
    rewrite_deletes(desk.lake, ["t"], bytes_at_once=1)
    assert desk.lake.snapshot() == before + 3  # two of them have the same share
    assert holes(desk.lake, "t") == []
    assert desk.rows("SELECT count(*) FROM t", "t") == [(40 - len(gone),)]
    assert desk.rows("SELECT count(*) FROM t", "t", snapshot=before - 1) == [(40,)]


def test_the_lakes_own_bookkeeping_is_merged_too(desk: Desk) -> None:
    for number in range(3):
        commit = desk.commit("page")
        commit.artefact("page", desk.lake.blobs.put(b"%d" % number))
        commit.publish()
    before = desk.lake.artefacts("page")
    assert upkept(desk, "pumphouse.artefacts").files == 3
    assert fragments(desk.lake)["pumphouse.artefacts"].files == 1
    assert desk.lake.artefacts("page") == before


def test_a_larger_file_is_merged_once_others_are_as_much(desk: Desk) -> None:
    for rows in (700_000, 10, 10, 10):
        commit = desk.commit("t")
        commit.append("t", desk.written(f"SELECT random() AS x FROM range({rows})"))
        commit.publish()
    foreseen = upkept(desk)
    assert foreseen.bytes > TIERS[0]
    assert (foreseen.files, foreseen.merged, foreseen.files_after) == (4, 3, 2)
    for _ in range(7):
        commit = desk.commit("t")
        commit.append("t", desk.written("SELECT random() AS x FROM range(700_000)"))
        commit.publish()
    foreseen = upkept(desk)
    assert foreseen.merged_below == TIERS[1]
    assert (foreseen.files, foreseen.merged, foreseen.files_after) == (9, 9, 1)


def test_merged_files_are_written_like_those_of_builds(desk: Desk) -> None:
    for number in range(3):
        commit = desk.commit("t")
        commit.append("t", desk.written(f"SELECT range % 7 AS x, 'some text' AS y FROM range({50_000 + number})"))
        commit.publish()
    upkept(desk)
    ((path,),) = desk.lake.engine.fork().execute("SELECT data_file FROM ducklake_list_files('lake', 't')")
    written = pq.read_metadata(path)
    assert written.num_row_groups == 3
    assert written.row_group(0).column(0).compression == "ZSTD"
