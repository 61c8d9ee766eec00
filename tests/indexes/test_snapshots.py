"""An index at every snapshot against a plain scan, while rows change, files are merged and people hidden."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.indexes.build import build
from pumphouse.indexes.searching import search
from pumphouse.lake.builds import Counts
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.upkeep import merge_files

WORDS = ("refund", "late", "order", "broken", "café", "東京", "12:30", "naïve")
KEY = ("ticket_id",)


class Story:
    """A table of tickets whose rows come, change and go by chance."""

    def __init__(self, desk: Any, seed: int) -> None:
        self.desk, self.lake, self.random = desk, desk.lake, random.Random(seed)
        self.next = 0
        self.snapshots: list[int] = []
        self.asset = desk.index(text=("body",), sort="opened_at", filter=("account",))

    def rows(self, ids: list[int]) -> pa.Table:
        def text() -> str | None:
            return None if self.random.random() < 0.1 else " ".join(self.random.choices(WORDS, k=3))

        moments = [self.random.randrange(1_500_000_000, 1_760_000_000) * 1_000_000 for _ in ids]
        return pa.table(
            {
                "ticket_id": pa.array(ids, pa.int64()),
                "body": pa.array([text() for _ in ids], pa.string()),
                "account": pa.array([self.random.choice(["a", "b", None]) for _ in ids], pa.string()),
                "opened_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
            }
        )

    def commit(self, kind: str) -> None:
        commit = Commit(self.lake, "tickets", run="load", actor="tester", accept_schema=True)
        there = [row[0] for row in self.desk.engine.execute(f"SELECT ticket_id FROM {self.lake.name_of('tickets')}")]
        fresh = list(range(self.next, self.next + self.random.randrange(1, 30)))
        self.next = fresh[-1] + 1
        some = self.random.sample(there, min(len(there), self.random.randrange(1, 12)))
        match kind:
            case "append":
                commit.append("tickets", self.staged(self.rows(fresh)), key=KEY)
            case "upsert":
                commit.upsert("tickets", self.staged(self.rows([*fresh[:2], *some])), key=KEY)
            case "delete":
                commit.delete_keys("tickets", self.staged(pa.table({"ticket_id": pa.array(some, pa.int64())})), key=KEY)
            case "replace":
                commit.replace("tickets", self.staged(self.rows([*fresh, *some])), key=KEY)
        commit.publish(Counts())
        self.snapshots.append(self.lake.snapshot())

    def staged(self, rows: pa.Table) -> Any:
        return self.lake.stage(rows.to_batches(), rows.schema, stem=f"tickets_{self.lake.snapshot()}_{self.next}")

    def agrees(self, at: int) -> None:
        scan = self.lake.scan("tickets", snapshot=at)
        for word in self.random.sample(WORDS, 3):
            folded = word.replace("é", "e").replace("ï", "i")
            # The oracle's own way to words: blanks and colons apart, in lower case, without accents.
            text = f"list_contains(string_split(replace(strip_accents(lower(body)), ':', ' '), ' '), '{folded}')"
            text = text if ":" not in word else f"contains(body, '{word}')"
            expected = self.desk.engine.execute(f"SELECT ticket_id FROM ({scan.relation}) WHERE {text} ORDER BY 1")
            found = search(self.lake, self.asset, f'"{word}"', limit=1000, snapshot=at)
            ids = sorted(hit.row["ticket_id"] for hit in found.hits)
            assert (at, word, ids, found.total) == (at, word, [row[0] for row in expected], len(expected))
        everything = search(self.lake, self.asset, "*", limit=1000, order="newest", snapshot=at)
        moments = [hit.row["opened_at"] for hit in everything.hits]
        assert moments == sorted(moments, reverse=True)
        assert len(moments) == self.lake.count("tickets", snapshot=at)


@pytest.mark.parametrize("seed", range(2))
def test_every_snapshot_is_answered_as_a_scan_would(desk: Any, seed: int) -> None:
    story = Story(desk, seed)
    desk.table(story.rows([]))
    story.commit("append")
    build(story.asset, desk.context(run="run-0"))
    for step in range(8):
        story.commit(story.random.choice(["append", "append", "upsert", "upsert", "delete", "replace"]))
        if story.random.random() < 0.3:
            build(story.asset, desk.context(run=f"run-{step}"))
        if story.random.random() < 0.2:
            merge_files(desk.lake)
        if step == 5:
            someone = story.random.choice(["a", "b"])
            hide(desk.lake, entity="account", value=someone, why="asked", run="hide", actor="tester")
        for at in story.random.sample(story.snapshots, min(3, len(story.snapshots))):
            story.agrees(at)
    for at in story.snapshots:
        story.agrees(at)
