"""Vectors against an oracle in NumPy, at every snapshot of a table that changes; and what a function may do wrong."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.indexes.test_snapshots import Story

from pumphouse.declare.facts import search as declare
from pumphouse.errors import BadRequest, BuildError, LakeError, UnknownName
from pumphouse.indexes.build import build
from pumphouse.indexes.searching import search
from pumphouse.indexes.semantic import fused, search_by_meaning
from pumphouse.indexes.vectors import follow, nearest
from pumphouse.lake.builds import Counts
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit

DIMENSION = 24


class Embedder:
    """Vectors of how often groups of letters stand in a text; it remembers what it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> Any:
        self.asked += texts
        return [vector(text).tolist() for text in texts]


def vector(text: str) -> np.ndarray:
    found = np.zeros(DIMENSION)
    for at in range(len(text)):
        found[hashlib.sha256(text[at : at + 3].encode()).digest()[0] % DIMENSION] += 1
    return found


class Shelf:
    """An index with vectors of a table that changes."""

    def __init__(self, desk: Any, seed: int = 1) -> None:
        self.desk, self.lake = desk, desk.lake
        self.story = Story(desk, seed)
        self.embed: Any = Embedder()
        self.asset = replace(self.story.asset, code="code-1")
        desk.table(self.story.rows([]))
        self.story.commit("append")

    def build(self, run: str, **changes: Any) -> Any:
        declaration = declare("tickets", text="body", embed=changes.pop("embed", self.embed))
        asset = replace(self.asset, code=changes.pop("code", "code-1"))
        return build(asset, self.desk.context(run=run, declaration=declaration, **changes))

    def follow(self) -> int:
        """Bring only the vectors to the newest snapshot; how many texts were asked about."""
        return follow(
            self.lake, self.asset.name, table="tickets", text=("body",), embed=self.embed, code="code-1",
            snapshot=self.lake.snapshot(), is_full=False, progress=lambda done: None,
        )  # fmt: skip

    def texts(self, at: int) -> dict[int, str]:
        scan = self.lake.scan("tickets", snapshot=at, row_ids=True)
        rows = self.desk.engine.execute(f"SELECT _rowid, body FROM ({scan.relation}) WHERE body <> ''")
        return dict(rows)

    def near(self, question: str, *, at: int | None = None, among: pa.Table | None = None, count: int = 5) -> Any:
        at = self.lake.snapshot() if at is None else at
        return nearest(
            self.lake, self.asset.name, table="tickets", question=question, embed=self.embed, code="code-1",
            snapshot=at, among=among, count=count,
        )  # fmt: skip

    def agrees(self, at: int, question: str) -> None:
        texts = self.texts(at)
        asked = vector(question)
        cosine = {
            row: float(vector(text) @ asked / np.linalg.norm(vector(text)) / np.linalg.norm(asked))
            for row, text in texts.items()
        }
        found = self.near(question, at=at, count=1000)
        assert len(found.ids) + found.without == len(texts)
        scores = [cosine[row] for row in found.ids]
        assert scores == pytest.approx(sorted(scores, reverse=True), abs=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_every_snapshot_has_the_vectors_of_its_rows(desk: Any, seed: int) -> None:
    shelf = Shelf(desk, seed)
    shelf.follow()
    for step in range(6):
        shelf.story.commit(shelf.story.random.choice(["append", "upsert", "upsert", "delete", "replace"]))
        if step % 2:
            shelf.follow()
            assert shelf.near("refund").without == 0
        for at in shelf.story.random.sample(shelf.story.snapshots, 2):
            shelf.agrees(at, "late refund")
    shelf.follow()
    hide(shelf.lake, entity="ticket_id", value="1", why="asked", run="hide", actor="tester")
    shelf.agrees(shelf.lake.snapshot(), "broken order")


def test_a_text_is_asked_about_once_whatever_becomes_of_its_row(desk: Any) -> None:
    shelf = Shelf(desk)
    shelf.follow()
    for kind in ("append", "upsert", "replace", "delete", "append"):
        shelf.story.commit(kind)
        shelf.follow()
    assert len(shelf.embed.asked) == len(set(shelf.embed.asked))
    assert {*shelf.texts(shelf.lake.snapshot()).values()} <= {*shelf.embed.asked}
    before = len(shelf.embed.asked)
    assert shelf.follow() == 0
    shelf.build("run-1")
    assert len(shelf.embed.asked) == before
    shelf.build("run-2", code="code-2")
    assert len(shelf.embed.asked) > before


def test_many_small_changes_leave_few_files(desk: Any) -> None:
    shelf = Shelf(desk)
    shelf.follow()
    for _ in range(10):
        shelf.story.commit("append")
        shelf.follow()
    shelf.agrees(shelf.lake.snapshot(), "order")
    folder = desk.lake.folder / "indexes" / shelf.asset.name / "vectors"
    assert len(list(folder.glob("*.parquet"))) <= 24  # of four states together


def test_a_filter_counts_before_the_nearest_are_taken(desk: Any) -> None:
    shelf = Shelf(desk)
    for _ in range(4):
        shelf.story.commit("append")
    shelf.build("run-0")
    found = search_by_meaning(
        shelf.lake, shelf.asset, "refund for a broken order", embed=shelf.embed, where={"account": "a"}, limit=1000
    )
    scan = shelf.lake.scan("tickets")
    assert {hit.row["account"] for hit in found.hits} == {"a"}
    expected = f"SELECT count(*) FROM ({scan.relation}) WHERE account = 'a' AND body <> ''"
    assert found.total == desk.engine.execute(expected)[0][0]


def test_ranks_are_fused_and_rows_without_a_vector_are_found_by_words(desk: Any) -> None:
    assert fused(([7, 8], [8, 9])) == {7: 1 / 61, 8: 1 / 62 + 1 / 61, 9: 1 / 62}
    shelf = Shelf(desk)
    shelf.build("run-0")
    key = ("ticket_id",)

    rows = shelf.story.rows([5_000]).set_column(1, "body", pa.array(["zebra crossing"]))
    commit = Commit(shelf.lake, "tickets", run="load", actor="tester")
    commit.append("tickets", shelf.lake.stage(rows.to_batches(), rows.schema, stem="zebra"), key=key)
    commit.publish(Counts())
    found = search_by_meaning(shelf.lake, shelf.asset, "where is the ZEBRA?", embed=shelf.embed)
    assert found.scanned == 1
    assert (5_000,) in [hit.key for hit in found.hits]
    assert found.snapshot == shelf.lake.snapshot()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda texts: 1 / 0, "failed: ZeroDivisionError"),
        (lambda texts: [[1.0, 2.0]] * (len(texts) + 1), r"gave \d+ vectors for \d+ texts"),
        (lambda texts: [1.0] * len(texts), "gave an array of the shape"),
        (lambda texts: [[float("nan"), 1.0]] * len(texts), "not finite"),
        (lambda texts: [[]] * len(texts), "1 to 8,192 numbers, not 0"),
        (lambda texts: ["ab"] * len(texts), "failed: ValueError"),
        (lambda texts: [[1.0] * 3] * len(texts), "vectors of 3 numbers, before 24"),
    ],
)
def test_what_is_no_vector_is_refused(desk: Any, answer: Any, said: str) -> None:
    shelf = Shelf(desk)
    right = shelf.embed
    if "before" in said:
        shelf.follow()
        shelf.story.commit("append")
    shelf.embed = answer
    with pytest.raises(BuildError, match=said):
        shelf.follow()
    shelf.embed = right
    assert shelf.follow() > 0
    shelf.agrees(shelf.lake.snapshot(), "refund")


def test_a_function_that_fails_leaves_the_words(desk: Any) -> None:
    shelf = Shelf(desk)
    with pytest.raises(BuildError, match="ZeroDivisionError"):
        shelf.build("run-1", embed=lambda texts: 1 / 0)
    assert search(shelf.lake, shelf.asset, "*").scanned == 0  # the index of words covers it
    assert shelf.build("run-2").note.endswith("texts embedded")
    shelf.agrees(shelf.lake.snapshot(), "refund")


def test_what_was_embedded_before_a_failure_is_not_asked_about_again(desk: Any) -> None:
    shelf = Shelf(desk)
    rows = shelf.story.rows(list(range(10_000, 11_000)))
    texts = pa.array([f"text {number}" for number in range(1000)])
    desk.table(rows.set_column(1, "body", texts))
    calls: list[int] = []
    right = shelf.embed

    def fails_late(texts: list[str]) -> Any:
        if calls:
            raise RuntimeError("the quota is used up")
        calls.append(len(texts))
        return right(texts)

    shelf.embed = fails_late
    with pytest.raises(BuildError, match="the quota is used up"):
        shelf.follow()
    shelf.embed = right
    assert 0 < len(shelf.embed.asked) < 1000
    shelf.follow()
    assert len(shelf.embed.asked) == len(set(shelf.embed.asked)) == 1000
    shelf.agrees(shelf.lake.snapshot(), "text 7")


def test_a_question_that_can_not_be_answered_says_why(desk: Any) -> None:
    shelf = Shelf(desk)
    with pytest.raises(UnknownName, match="was never built"):
        shelf.near("refund")
    shelf.build("run-0")
    with pytest.raises(BadRequest, match="searched by words alone"):
        search_by_meaning(shelf.lake, shelf.asset, "refund", embed=None)
    with pytest.raises(UnknownName, match="built with another function"):
        search_by_meaning(shelf.lake, replace(shelf.asset, code="code-2"), "refund", embed=shelf.embed)
    with pytest.raises(LakeError, match="vectors of 1 numbers, before 24"):
        search_by_meaning(shelf.lake, shelf.asset, "refund", embed=lambda texts: [[1.0]])
    found = search_by_meaning(shelf.lake, shelf.asset, "?!", embed=shelf.embed, limit=3)
    assert len(found.hits) == 3
