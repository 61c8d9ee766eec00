"""An index at every snapshot against a plain scan, while rows change, files are merged, people hidden, things break.

A longer story: STORY_SEED=7 STORY_STEPS=200 pytest tests/indexes/test_snapshots.py
"""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.layouts import Partition, TableLayout
from pumphouse.indexes import steps
from pumphouse.indexes.build import build
from pumphouse.indexes.fields import ROW
from pumphouse.indexes.lookup import lookup
from pumphouse.indexes.manifest import current, folder_of, home, needed
from pumphouse.indexes.searching import search
from pumphouse.indexes.views import view
from pumphouse.lake.builds import Counts
from pumphouse.lake.changes import hide, restore
from pumphouse.lake.commit import Commit
from pumphouse.lake.upkeep import merge_files

WORDS = ("refund", "late", "order", "broken", "café", "v1.2.3", "12:30", "naïve", "Äpfel", "👍ok", "https://a.be/late")
LAYOUT = {"tickets": TableLayout(sort_by=("account",), partition_by=(Partition(column="opened_at", unit="month"),))}
KEY = ("ticket_id",)
SEEDS = (int(os.environ["STORY_SEED"]),) if "STORY_SEED" in os.environ else (0, 1)
STEPS = int(os.environ.get("STORY_STEPS", "7"))

Row = dict[str, Any]
Matches = Callable[[Row], bool]


def tokens(text: str | None) -> list[str]:
    """Another way to words than the index has."""
    plain = unicodedata.normalize("NFD", (text or "").lower())
    return re.findall(r"[0-9a-z]+", "".join(one for one in plain if not unicodedata.combining(one)))


class Story:
    """A table of tickets whose rows come, change and go by chance, and in which things break."""

    def __init__(self, desk: Any, seed: int) -> None:
        self.desk, self.lake, self.random = desk, desk.lake, random.Random(seed)
        self.next = 0
        self.runs = 0
        self.told: list[str] = []
        self.asset = desk.index(text=("body",), sort="opened_at", filter=("account",))

    @property
    def name(self) -> str:
        return str(self.lake.name_of("tickets"))

    @property
    def snapshots(self) -> list[int]:
        """Those that the lake has, and the table in them."""
        known = self.lake.catalogue("SELECT snapshot_id FROM {meta}.ducklake_snapshot ORDER BY 1")
        return [at for (at,) in known if "tickets" in self.lake.tables(snapshot=at)]

    def rows(self, ids: list[int]) -> pa.Table:
        def text() -> str | None:
            words = self.random.choices(WORDS, k=self.random.randrange(5))
            return None if self.random.random() < 0.1 else " ".join(words)

        moments = [self.random.randrange(1_600_000_000, 1_660_000_000) * 1_000_000 for _ in ids]
        moments = [one if self.random.random() < 0.9 else None for one in moments]
        columns = {
            "ticket_id": pa.array(ids, pa.int64()),
            "body": pa.array([text() for _ in ids], pa.string()),
            "account": pa.array([self.random.choice(["a", "b", "c", None]) for _ in ids], pa.string()),
            "opened_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
        }
        return pa.table(columns)

    def staged(self, rows: pa.Table) -> Any:
        return self.lake.stage(rows.to_batches(), rows.schema, stem=f"tickets_{self.lake.snapshot()}_{self.next}")

    def goes_on(self, kind: str | None = None) -> None:
        """One thing that may happen."""
        kinds = ["append", "append", "twice", "upsert", "upsert", "delete", "replace", "empty"]
        kinds += [
            "restore",
            "hide",
            "merge",
            "rewrite",
            "rewrite",
            "others",
            "column",
            "expire",
            "harm",
            "full",
            *(["run"] * 6),
        ]
        kind = kind or self.random.choice(kinds)
        self.told.append(kind)
        match kind:
            case "run" | "full":
                self.run(mode="full" if kind == "full" else "normal")
            case "restore":
                restore(self.lake, "tickets", to=self.random.choice(self.snapshots), run="r", actor="tester")
            case "hide":
                someone = self.random.choice(["a", "b", "nobody"])
                hide(self.lake, entity="account", value=someone, why="asked", run="hide", actor="tester")
            case "merge":
                merge_files(self.lake, layouts=self.random.choice([{}, LAYOUT]))
            case "others":
                self.others()
            case "column":
                self.column()
            case "expire":
                self.expire()
            case "harm":
                self.harm()
            case _:
                self.commit(kind)

    def commit(self, kind: str) -> None:
        commit = Commit(self.lake, "tickets", run="load", actor="tester", accept_schema=True)
        there = [row[0] for row in self.desk.engine.execute(f"SELECT ticket_id FROM {self.name}")]
        fresh = list(range(self.next, self.next + self.random.randrange(1, 20)))
        self.next = fresh[-1] + 1
        some = self.random.sample(there, min(len(there), self.random.randrange(1, 12)))
        match kind:
            case "append":
                commit.append("tickets", self.staged(self.rows(fresh)))
            case "twice":
                commit.append("tickets", self.staged(self.rows(some)))
            case "upsert":
                commit.upsert("tickets", self.staged(self.rows([*fresh[:2], *some])), key=KEY)
            case "delete":
                commit.delete_keys("tickets", self.staged(pa.table({"ticket_id": pa.array(some, pa.int64())})), key=KEY)
            case "empty":
                ids = pa.table({"ticket_id": pa.array(there, pa.int64())})
                commit.delete_keys("tickets", self.staged(ids), key=KEY)
            case "replace":
                commit.replace("tickets", self.staged(self.rows([*fresh, *some])))
        commit.publish(Counts())

    def others(self) -> None:
        """Another program writes into the table, of which no build tells."""
        some = f"ticket_id % 5 = {self.random.randrange(5)}"
        with_id = f"INSERT INTO {self.name} BY NAME SELECT {self.next} AS ticket_id, 'late refund' AS body"
        text = self.random.choice(
            [
                f"UPDATE {self.name} SET body = 'late order' WHERE {some}",
                f"DELETE FROM {self.name} WHERE {some}",
                with_id,
            ]
        )
        self.next += 1
        self.desk.engine.execute(text)

    def column(self) -> None:
        """A column of the index goes, and another one of its name comes."""
        self.desk.engine.execute(f"ALTER TABLE {self.name} DROP COLUMN account")
        self.desk.engine.execute(f"ALTER TABLE {self.name} ADD COLUMN account VARCHAR DEFAULT 'c'")

    def expire(self) -> None:
        """Snapshots go but some, and with them files that nothing else needs; not those that an index starts from."""
        pinned = {at for one in needed(self.lake).values() for at in one}
        known = [at for (at,) in self.lake.catalogue("SELECT snapshot_id FROM {meta}.ducklake_snapshot ORDER BY 1")]
        gone = [at for at in known[:-1] if at not in pinned and self.random.random() < 0.4]
        if gone:
            listed = ", ".join(map(str, gone))
            self.desk.engine.execute(f"CALL ducklake_expire_snapshots('lake', versions => [{listed}])")
            self.desk.engine.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")

    def harm(self) -> None:
        """Some file of the index is cut, or is gone."""
        manifest, _ = current(self.lake, self.asset.name)
        if manifest is not None:
            folder = folder_of(self.lake, manifest.name, self.random.choice(manifest.states))
            file = self.random.choice([one for one in folder.iterdir() if not one.name.startswith(".")])
            if self.random.random() < 0.5:
                file.unlink()
            else:
                file.write_bytes(file.read_bytes()[:-2])

    def run(self, mode: str = "normal") -> None:
        self.runs += 1
        build(self.asset, self.desk.context(run=f"run-{self.runs}", mode=mode))
        manifest, _ = current(self.lake, self.asset.name)
        assert manifest is not None
        folder = home(self.lake, self.asset.name)
        assert {one.name for one in (folder / "states").iterdir()} == {one.folder for one in manifest.states}
        assert not list(folder.glob(".work-*"))
        years = [(one.partition, one.rows, one.dead) for one in manifest.newest.segments]
        assert all(dead <= 0.2 * rows for _, rows, dead in years)
        assert search(self.lake, self.asset, "*", snapshot=self.lake.snapshot()).scanned == 0

    def question(self, depth: int = 0) -> tuple[str, Matches]:
        """A query, and what it asks of a row."""
        kind = self.random.choice(
            ["word", "word", "phrase", "prefix", "exact", "and", "or", "not"][: 5 if depth > 1 else 8]
        )
        if kind in ("and", "or", "not"):
            (one, left), (other, right) = self.question(depth + 1), self.question(depth + 1)
            if kind == "and":
                return f"({one}) AND ({other})", lambda row: left(row) and right(row)
            if kind == "or":
                return f"({one}) OR ({other})", lambda row: left(row) or right(row)
            return f"({one}) AND NOT ({other})", lambda row: left(row) and not right(row)
        if kind == "exact":
            account = self.random.choice("abc")
            return f'account:"{account}"', lambda row: row.get("account") == account
        words = self.random.choices(WORDS, k=2 if kind == "phrase" else 1)
        if kind == "prefix":
            begun = tokens(words[0])[-1][:2]
            return f"{begun}*", lambda row: any(one.startswith(begun) for one in tokens(row["body"]))
        wanted = [one for word in words for one in tokens(word)]

        def follows(row: Row) -> bool:
            there = tokens(row["body"])
            return any(there[at : at + len(wanted)] == wanted for at in range(len(there)))

        return f'"{" ".join(words)}"', follows

    def agrees(self, at: int) -> None:
        """All that is asked at a snapshot is answered as the scan's rows say."""
        scan = self.lake.scan("tickets", snapshot=at, row_ids=True)
        rows = self.desk.engine.fork().connection.sql(scan.relation).to_arrow_table().to_pylist()
        opened = view(self.lake, self.asset.name, snapshot=at)
        searcher = opened.index.searcher()
        asked = [self.question() for _ in range(6)]
        for text, matches in [*asked, ("*", lambda row: True)]:
            query = lookup(text, index=opened.index, manifest=opened.manifest, where={}).query
            found = searcher.search(query, 10_000)
            ids = sorted(searcher.fast_field_values(ROW, [place for _, place in found.hits]))
            expected = sorted(row["_rowid"] for row in rows if matches(row))
            assert (at, text, ids) == (at, text, expected), self.told
        order = self.random.choice(ORDERS)
        for text, matches in (asked[0], ("*", lambda row: True)):
            answer = search(self.lake, self.asset, text, limit=1000, order=order, facets=FACETS, snapshot=at)
            there = ordered([row for row in rows if matches(row)], order)
            assert (answer.total, answer.snapshot) == (len(there), at)
            assert [shown(hit.row) for hit in answer.hits] == [shown(row) for row in there], (text, order, self.told)
            for name, facet in answer.facets.items():
                values = [one for row in there if (one := faceted(row, facet.column)) is not None]
                counted = sorted(Counter(values).items(), key=lambda one: one if facet.by else (-one[1], one[0]))
                assert (text, name, list(facet.counts)) == (text, name, counted), self.told
                assert (facet.missing, facet.others) == (len(there) - len(values), 0), self.told


ORDERS = ("newest", "account, opened_at desc", "opened_at", "account desc")
FACETS = ("account", "opened_at by month")


def ordered(rows: list[Row], order: str) -> list[Row]:
    """Rows as SQL's ORDER BY has them, nulls last, and by their ids where they are alike."""
    rows = sorted(rows, key=lambda row: row["_rowid"])
    for part in reversed(order.replace("newest", "opened_at desc").split(", ")):
        column, _, way = part.partition(" ")
        present = [row for row in rows if row.get(column) is not None]
        present.sort(key=lambda row: row[column], reverse=way == "desc")
        rows = present + [row for row in rows if row.get(column) is None]
    return rows


def shown(row: Row) -> tuple[Any, ...]:
    return row["ticket_id"], row["body"], row.get("account"), row["opened_at"]


def faceted(row: Row, column: str) -> str | None:
    value = row.get(column)
    return value if value is None or column == "account" else f"{value.astimezone(dt.UTC):%Y-%m}"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_snapshot_is_answered_as_a_scan_would(desk: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if seed % 2:
        monkeypatch.setattr(steps, "ROWS_MIN", 1)  # views are put right from views
    story = Story(desk, seed)
    desk.table(story.rows([]))
    story.commit("append")
    story.run()
    for _ in range(STEPS):
        story.goes_on()
        story.agrees(story.snapshots[-1])
        if story.random.random() < 0.5:
            story.agrees(story.random.choice(story.snapshots))
    for kind in ("upsert", "delete", "rewrite"):
        story.goes_on(kind)
    story.agrees(story.snapshots[-1])
    story.run()
    for at in story.random.sample(story.snapshots, min(6 + STEPS // 8, len(story.snapshots))):
        story.agrees(at)
