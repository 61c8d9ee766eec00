"""Search: what an index of a table costs to build, to ask and to keep, beside other indexes and a scan, in one run.

    python bench/search.py [--rows 500000 4000000] [--keep FOLDER] [--commits 1000] [--peers 500000]
    python bench/search.py --table PROJECT TABLE COLUMN

Text is generated: words are drawn as often as they stand in the documentation of the packages on this machine, and
two of a hundred are numbers, of which a table has ever more different ones. Or it is a column of a table of a project,
copied, and asked for by its own words. Rows come in the order of their time, over three years.

Queries are of words that stand in the rows, frequent and rare ones, and give ten rows and how many match. "index" is
what the query costs in an index that is open, "whole" a search with all around it: the snapshot, the index's folder,
the ten rows out of the lake's files, their excerpts. CPU time of this process, which other work on the machine disturbs
least, with wall time beside it, each with its limit as a ratio. `--keep` keeps generated tables for the next run;
`--peers` is the number of rows up to which others are measured: SQLite's FTS5, DuckDB's FTS, and scans.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import mmap
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.facts import Search
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.indexes.build import build
from pumphouse.indexes.estimates import narrower
from pumphouse.indexes.facets import facets
from pumphouse.indexes.lookup import lookup
from pumphouse.indexes.manifest import current, folder_of
from pumphouse.indexes.ordering import count_of, first_by_columns, order_of
from pumphouse.indexes.searching import search
from pumphouse.indexes.standing import harm, left
from pumphouse.indexes.views import View, view
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake, Location
from pumphouse.project.project import open_project

ROWS_AT_ONCE = 250_000
ACCOUNTS = 2_000
NUMBERS_SHARE = 0.02
FIRST_US, LAST_US = 1_640_995_200_000_000, 1_735_603_200_000_000  # 2022 to 2024
SEED = 7
PEERS_ASKED = 20
"""How many queries somebody is asked who takes long for each."""
PARTS = {
    "idx": "which rows a word is in",
    "pos": "where it is in them",
    "term": "words",
    "fast": "values and row ids",
    "fieldnorm": "lengths",
    "store": "an empty store",
}
"""What the library's files hold, by the end of their names."""
SEARCH_EACH = 7
"""After how many small commits there is a search."""
NOW = datetime(2026, 5, 1, tzinfo=UTC)
SPEC = Search(table="tickets", text=("body",), filter=("account", "amount"), sort="opened_at")

FIRST_QUERY = """
import sys
from pathlib import Path
import tantivy
from pumphouse.indexes.segments import open_whole
index = open_whole(Path(sys.argv[1]))
index.searcher().search(tantivy.Query.term_query(index.schema, "text:body", "package"), 10)
used, is_ours = 0, False
for line in Path("/proc/self/smaps").read_text().splitlines():
    if "-" in line.split(" ", 1)[0]:
        is_ours = sys.argv[1] in line
    elif is_ours and line.startswith("Rss:"):
        used += int(line.split()[1]) * 1024
print(used)
"""


@cache
def words() -> tuple[pa.Array, np.ndarray]:
    """The words of the documentation on this machine, the most frequent first, and how frequent each is."""
    counted: Counter[str] = Counter()
    packages, library = Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib"))
    for pattern in ("*.dist-info/METADATA", "**/*.rst", "**/*.md"):
        for file in sorted(packages.glob(pattern)):
            counted.update(re.findall(r"[^\W\d_]+", file.read_text(errors="ignore")))
    for file in sorted(library.glob("*.py")):
        for text in re.findall(r'"""(.*?)"""', file.read_text(errors="ignore"), flags=re.DOTALL):
            counted.update(re.findall(r"[^\W\d_]+", text))
    chosen = counted.most_common()
    counts = np.array([count for _, count in chosen], dtype=np.float64)
    return pa.array([word for word, _ in chosen]), counts / counts.sum()


def batches(rows: int, *, length: int, start: int = 0) -> Iterator[pa.RecordBatch]:
    """Generated tickets; the same for the same start."""
    vocabulary, shares = words()
    known = len(vocabulary)
    upto = np.cumsum(shares)
    for first in range(start, start + rows, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, start + rows - first)
        random = np.random.default_rng([SEED, first])
        offsets = np.concatenate([[0], np.cumsum(random.geometric(1 / length, count))]).astype(np.int32)
        drawn = np.minimum(np.searchsorted(upto, random.random(offsets[-1])), known - 1)
        is_number = random.random(offsets[-1]) < NUMBERS_SHARE
        numbers = (random.pareto(0.5, int(is_number.sum())) * 100).clip(0, 9e8).astype(np.int64)
        drawn[is_number] = known + np.arange(len(numbers))
        text = pa.concat_arrays([vocabulary, pa.array(numbers).cast(pa.string())]).take(pa.array(drawn))
        share = (first + np.arange(count)) / max(1, start + rows)
        opened = (FIRST_US + share * (LAST_US - FIRST_US)).astype(np.int64)
        account = pa.array([f"account {number}" for number in range(ACCOUNTS)])
        yield pa.RecordBatch.from_pydict(
            {
                "ticket_id": pa.array(np.arange(first, first + count)),
                "body": pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), text), " "),
                "account": account.take(pa.array((random.power(3, count) * ACCOUNTS).astype(np.int64))),
                "amount": pa.array(random.normal(100, 20, count).round(2)),
                "opened_at": pa.array(opened, pa.timestamp("us", tz="UTC")),
            }
        )


class Costs:
    """What queries cost, in milliseconds."""

    def __init__(self, asks: Sequence[Callable[[], object]]) -> None:
        taken = [timed(ask) for ask in (asks[0], *asks)][1:]  # the first one twice: it is warm afterwards
        self.cpu = [1000 * cpu for cpu, _ in taken]
        self.wall = [1000 * wall for _, wall in taken]

    def __str__(self) -> str:
        said = f"p50 {median(self.cpu):6.2f} ms, p99 {told(percentile(self.cpu), 'ms', limit=30, aim=10)}"
        return f"{said}, wall {percentile(self.wall):.2f}"


Found = dict[str, tuple[Costs, Costs | None]]
"""By the kind of query what it costs in the index, and as a whole search."""


class Desk:
    """A lake with a table of tickets, and an index of it."""

    def __init__(self, folder: Path, *, spec: Search = SPEC, key: str = "ticket_id", threads: int = 1) -> None:
        self.folder = folder
        self.lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=threads))
        place = Place(file="bench/search.py", line=1)
        self.asset = Asset(
            name="tickets_search", kind="search", spec=spec, common=Common(), place=place, inputs=(spec.table,)
        )
        table = Asset(name=spec.table, kind="files", spec=None, common=Common(key=(key,)), place=place)
        self.assets = {spec.table: table}
        self.runs = 0

    def commit(self) -> Commit:
        return Commit(self.lake, "tickets", run="load", actor="bench", accept_schema=True)

    def load(self, rows: int, *, length: int) -> None:
        made = batches(rows, length=length)
        first = next(made)

        def every() -> Iterator[pa.RecordBatch]:
            yield first
            yield from made

        commit = self.commit()
        commit.replace("tickets", self.lake.stage(every(), first.schema, stem="tickets"))
        commit.publish(Counts(rows_in=rows, rows_out=rows))

    def index(self) -> Built:
        self.runs += 1
        engine = self.lake.engine.fork()
        try:
            context = Context(
                lake=self.lake,
                engine=engine,
                folder=self.folder,
                assets=self.assets,
                now=NOW,
                today=NOW.date(),
                run=f"run-{self.lake.snapshot()}-{self.runs}",
                actor="bench",
                snapshot=self.lake.snapshot(),
                fingerprint="bench",
                inputs={"tickets": self.lake.versions()["tickets"]},
            )
            return build(self.asset, context)
        finally:
            engine.close()

    @property
    def index_folder(self) -> Path:
        manifest, _ = current(self.lake, self.asset.name)
        assert manifest is not None
        return folder_of(self.lake, manifest.name, manifest.newest)

    def segments(self) -> int:
        manifest, _ = current(self.lake, self.asset.name)
        return len(manifest.newest.segments) if manifest else 0

    def sql(self, text: str) -> list[tuple]:  # rows of any shape
        return self.lake.engine.fork().execute(text)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, nargs="+", default=[500_000, 4_000_000])
    asked.add_argument("--length", type=int, default=20, help="words of a row, on average")
    asked.add_argument("--keep", type=Path)
    asked.add_argument("--commits", type=int, default=1_000)
    asked.add_argument("--peers", type=int, default=4_000_000)
    asked.add_argument("--queries", type=int, default=50)
    asked.add_argument("--table", nargs=3, metavar=("PROJECT", "TABLE", "COLUMN"))
    options = asked.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    found: list[tuple[int, Found]] = []
    try:
        if options.table:
            desk = copied(folder, *options.table)
            measured(desk, found, queries=options.queries, peers=options.peers)
            return
        for rows in options.rows:
            desk = generated(folder / f"{rows}-{options.length}", rows, length=options.length)
            measured(desk, found, queries=options.queries, peers=options.peers)
            changes(desk, rows, length=options.length)
        growth(found)
        if options.commits:
            commits(folder / f"commits-{time.time_ns()}", options.commits)
    finally:
        if options.keep is None:
            shutil.rmtree(folder)


def generated(folder: Path, rows: int, *, length: int) -> Desk:
    """The table of a size, copied from what is kept where it was made before."""
    made = folder / "made"
    if not (made / "whole").exists():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        desk = Desk(made)
        desk.load(rows, length=length)
        desk.lake.close()
        (made / "whole").touch()
    now = folder / "now"
    shutil.rmtree(now, ignore_errors=True)
    shutil.copytree(made, now)
    return Desk(now)


def copied(folder: Path, project: str, table: str, column: str) -> Desk:
    """A column of a table that exists, with the number of its row."""
    opened = open_project(project)
    try:
        scan = opened.lake.scan(table)
        text = f"SELECT row_number() OVER () AS ticket_id, {column} AS body FROM ({scan.relation})"
        rows = opened.lake.engine.fork().connection.execute(text).to_arrow_table()
    finally:
        opened.close()
    desk = Desk(folder / "copied", spec=Search(table="tickets", text=("body",), filter=(), sort=None))
    commit = desk.commit()
    commit.replace("tickets", desk.lake.stage(rows.to_batches(), rows.schema, stem="tickets"))
    commit.publish(Counts(rows_in=rows.num_rows, rows_out=rows.num_rows))
    return desk


def measured(desk: Desk, found: list[tuple[int, Found]], *, queries: int, peers: int) -> None:
    """Building the index, and asking it."""
    rows, megabytes = desk.sql("SELECT count(*), sum(strlen(body)) / 1e6 FROM lake.main.tickets")[0]
    print(f"\n{rows:,} rows, {megabytes:,.0f} MB of text")
    seconds, wall = timed(desk.index)
    print(f"build: {seconds:.1f} s CPU, {wall:.1f} s wall; ", end="")
    print(told(megabytes / seconds, "MB of text a CPU second", at_least=5, aim=10))
    sizes: Counter[str] = Counter()
    for file in desk.index_folder.iterdir():
        sizes[file.suffix[1:]] += file.stat().st_size
    size = sizes.total() / 1e6
    share = told(size / megabytes, "of the text", limit=0.6, aim=0.35)
    print(f"index: {size:,.0f} MB in {desk.segments()} segments; {share}")
    print("of the text: " + ", ".join(f"{what} {sizes[end] / 1e6 / megabytes:.3f}" for end, what in PARTS.items()))
    cold(desk, size)
    asked = queries_of(desk, queries)
    gc.collect()
    gc.freeze()  # as the server does: a look for garbage at all that was imported costs 50 ms
    costs: Found = {}
    for kind, texts in asked.items():
        inside, whole = index_costs(desk, kind, texts), None
        if kind != "facets":
            whole = Costs([partial(search, desk.lake, desk.asset, text, order=order_named(kind)) for text in texts])
        costs[kind] = inside, whole
        print(f"{kind:12} index {inside}")
        if whole:
            print(f"{kind:12} whole {whole}")
    found.append((rows, costs))
    if desk.asset.spec.sort:
        scans(desk)
    if rows <= peers:
        others(desk, asked, costs)


def queries_of(desk: Desk, count: int) -> dict[str, list[str]]:
    """Queries of each kind, of words that stand in the rows: every other one is among the hundred most frequent."""
    chosen = random.Random(SEED)
    texts = [
        row[0]
        for row in desk.sql("SELECT body FROM lake.main.tickets USING SAMPLE reservoir(20000 ROWS) REPEATABLE (7)")
    ]
    split = [re.findall(r"[a-z]{3,}", (text or "").lower()) for text in texts]
    counted = [word for word, _ in Counter(word for words in split for word in words).most_common(5_000)]
    word = lambda number: chosen.choice(counted[:100] if number % 2 else counted[100:])  # noqa: E731
    pairs = [pair for words in split for pair in pairwise(words)]
    long = [each for each in counted if len(each) >= 6]
    kinds = {
        "term": [word(number) for number in range(count)],
        "AND": [f"{word(0)} {word(1)}" for _ in range(count)],
        "phrase": ['"{} {}"'.format(*chosen.choice(pairs)) for _ in range(count)],
        "prefix": [f"{chosen.choice(long)[:5]}*" for _ in range(count)],
        "fuzzy": [f"{misspelt(chosen.choice(long), chosen)}~{1 + number % 2}" for number in range(count)],
    }
    if desk.asset.spec.sort:
        span = [f"[2022-{1 + number % 12:02d}-01 TO 2024-{1 + number % 12:02d}-01]" for number in range(count)]
        kinds["range + sort"] = [f"{word(number)} opened_at:{each}" for number, each in enumerate(span)]
        kinds["range alone"] = [f"opened_at:{each}" for each in span]
        kinds["facets"] = kinds["term"]
    return kinds


def misspelt(word: str, chosen: random.Random) -> str:
    at = chosen.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1 :]


def order_named(kind: str) -> str:
    return "newest" if kind.startswith("range") else "score"


def index_costs(desk: Desk, kind: str, texts: Sequence[str]) -> Costs:
    """Each query in an index that is open: ten rows' places and the count, or facets."""
    opened = view(desk.lake, desk.asset.name, snapshot=None)
    return Costs([partial(ask, opened, kind, text) for text in texts])


def ask(opened: View, kind: str, text: str) -> None:
    index, manifest = opened.index, opened.manifest
    asked = lookup(text, index=index, manifest=manifest, where={})
    if kind == "facets":
        facets(["account"], index=index, manifest=manifest, query=asked.query, total=0)
    elif order_named(kind) == "score":
        index.searcher().search(asked.query, 10)
    else:
        by = order_of("newest", manifest) or ()
        column = by[0].field.column
        reach = narrower(manifest.newest.reach(column), asked.estimate.reach.get(column, (None, None)))
        first_by_columns(index, asked.query, by, limit=10, most=asked.estimate.most, reach=reach)


def scans(desk: Desk) -> None:
    """Half of all rows, the newest first, and how many they are: by the index, and by a scan of the columns."""
    engine = desk.lake.engine.fork()
    opened = view(desk.lake, desk.asset.name, snapshot=None)
    halves = {
        "amount:>100": "amount > 100",
        "opened_at:>=2023-07": "opened_at >= TIMESTAMPTZ '2023-07-01 00:00:00+00'",
        "the": r"regexp_matches(body, '(?i)\bthe\b')",
    }
    for text, condition in halves.items():
        inside = Costs([partial(ask, opened, "range", text)] * 3)
        rows = count_of(opened.index, lookup(text, index=opened.index, manifest=opened.manifest, where={}).query)
        given = f"FROM lake.main.tickets WHERE {condition}"

        def scan(given: str = given) -> None:
            engine.connection.execute(f"SELECT count(*) {given}").fetchall()
            engine.connection.execute(f"SELECT ticket_id {given} ORDER BY opened_at DESC LIMIT 10").fetchall()

        took = Costs([scan])
        times = median(took.cpu) / median(inside.cpu)
        print(f"{rows:,} rows of {text}, newest first: index {median(inside.cpu):.1f} ms; ", end="")
        print(f"a scan {median(took.cpu):.1f}, {times:.1f} times the index's")
    engine.close()


def cold(desk: Desk, size: float) -> None:
    """What the first query of an index reads that is not in memory: pages that are there afterwards.

    A disk's reading ahead is among them; how many pages the query itself has mapped is told beside it.
    """
    files = sorted(desk.index_folder.iterdir())
    for file in files:
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before = resident(files)
    asked = [sys.executable, "-c", FIRST_QUERY, desk.index_folder]
    touched = int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout) / 1e6
    read = (resident(files) - before) / 1e6
    ahead = max(int(file.read_text()) for file in Path("/sys/block").glob("*/queue/read_ahead_kb")) / 1e3
    print(f"cold: the first query reads {read:.1f} MB; {told(read / size, 'of the index', limit=0.1)}")
    print(f"cold: of that it uses {touched:.1f} MB, {touched / size:.3f} of the index; disks read {ahead:.1f} MB ahead")


def resident(files: Sequence[Path]) -> int:
    """Bytes of files that are in memory."""
    library = ctypes.CDLL(None, use_errno=True)
    total = 0
    for file in files:
        size = file.stat().st_size
        if not size:
            continue
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_COPY) as mapped:
            pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
            held = ctypes.c_char.from_buffer(mapped)
            if library.mincore(ctypes.c_void_p(ctypes.addressof(held)), ctypes.c_size_t(size), pages):
                raise OSError(ctypes.get_errno(), "mincore")
            del held
            total += sum(page & 1 for page in pages) * mmap.PAGESIZE
    return total


def changes(desk: Desk, rows: int, *, length: int) -> None:
    """New rows until they are found, with a run and without; and keys that go."""
    before = median(index_costs(desk, "term", queries_of(desk, 20)["term"]).cpu)
    count = 10_000
    batch = pa.Table.from_batches(list(batches(count, length=length, start=rows)))
    commit = desk.commit()
    commit.append("tickets", desk.lake.stage(batch.to_batches(), batch.schema, stem=f"more-{rows}"))
    commit.publish(Counts())
    seconds, wall = timed(lambda: search(desk.lake, desk.asset, "package", order="newest"))
    print(f"{count:,} new rows, first search without a run: {seconds:.2f} s CPU; {told(wall, 's', limit=1.5)}")
    seconds, wall = timed(desk.index)
    print(f"{count:,} new rows, a run: {seconds:.2f} s CPU; {told(wall, 's', limit=1.5)}")
    keys = pa.table({"ticket_id": pa.array(sorted(random.Random(SEED).sample(range(rows), rows // 100)))})
    commit = desk.commit()
    commit.delete_keys(
        "tickets", desk.lake.stage(keys.to_batches(), keys.schema, stem=f"less-{rows}"), key=("ticket_id",)
    )
    wall = timed(lambda: commit.publish(Counts()))[1]
    print(f"{keys.num_rows:,} keys deleted: the table's commit {wall:.2f} s, ", end="")
    seconds, wall = timed(desk.index)
    print(f"a run of the index {seconds:.2f} s CPU; {told(wall, 's', limit=0.2)}")
    after = median(index_costs(desk, "term", queries_of(desk, 20)["term"]).cpu)
    print(f"a term afterwards: {after:.2f} ms, {after / before:.2f} times before; {desk.segments()} segments")


def growth(found: Sequence[tuple[int, Found]]) -> None:
    """How much more a query costs of a larger table, at the median: as a whole search, and in the index alone."""
    for (few, first), (many, second) in pairwise(found):
        times = f"times for {many / few:.0f} times the rows"
        for kind, (inside, whole) in second.items():
            inside_before, whole_before = first[kind]
            if whole and whole_before:
                print(f"{kind:12} whole {told(_grown(whole_before, whole), times, limit=4, aim=2)}")
            print(f"{kind:12} index {told(_grown(inside_before, inside), times, limit=4, aim=2)}")


def _grown(before: Costs, after: Costs) -> float:
    return median(after.cpu) / median(before.cpu)


def commits(folder: Path, count: int, *, rows: int = 100) -> None:
    """Many small commits, each followed by a run and some by a search, against all of their rows in one commit and run.

    Of a run it is what the index costs: whether it has to be built, and its build. What the many leave to searches is
    built at the end, and counts. A look at its files, which a plan takes without a commit too, is told apart.
    """
    costs = {}
    start = max(100_000, 4 * rows * count)  # else all would be made anew for the one
    for name, parts in (("one", 1), ("many", count)):
        desk = Desk(folder / name)
        desk.load(start, length=20)
        desk.index()
        costs[name], runs, most, searches = 0.0, 0, 0, []
        for part in range(parts):
            each = rows * count // parts
            batch = pa.Table.from_batches(list(batches(each, length=20, start=start + part * each)))
            commit = desk.commit()
            commit.append("tickets", desk.lake.stage(batch.to_batches(), batch.schema, stem=f"part-{part}"))
            commit.publish(Counts())
            is_left = timed_left(desk, costs, name)
            if not is_left:
                costs[name] += timed(desk.index)[0]
                runs += 1
            elif part % SEARCH_EACH == SEARCH_EACH - 1:
                searches.append(timed(partial(search, desk.lake, desk.asset, "package", order="newest"))[0])
            most = max(most, desk.segments())
        costs[name] += timed(desk.index)[0]
        desk.lake.close()
    shutil.rmtree(folder)
    one, many = costs["one"], costs["many"]
    print(f"a look at the files of the index before each run of {count:,}: {costs['looks']:.2f} s CPU")
    print(
        f"{count:,} commits of {rows} rows, a run after each: {many:.2f} s CPU for the index in {runs} builds, ", end=""
    )
    print(f"one of all: {one:.2f} s; {told(many / one, 'times', limit=1.5)}; {told(most, 'segments', limit=20)}")
    if searches:
        print(f"a first search at each {SEARCH_EACH}th of them: p50 {median(searches):.3f} s CPU, ", end="")
        print(told(max(searches), "s at most", limit=0.2))


def timed_left(desk: Desk, costs: dict[str, float], name: str) -> bool:
    """Whether a run leaves the rows since the newest state to searches; what finding that out costs is added."""
    last, version = desk.lake.builds()[desk.asset.name], desk.lake.versions()["tickets"]
    costs["looks"] = costs.get("looks", 0.0) + timed(partial(harm, desk.lake, desk.asset.name))[0]
    found: list[object] = []
    asked = partial(left, desk.lake, desk.asset, last, version=version, now=datetime.now(UTC))
    costs[name] += timed(lambda: found.append(asked()))[0]
    return found[0] is not None


def others(desk: Desk, asked: dict[str, list[str]], costs: Found) -> None:
    """The same words asked of SQLite's FTS5, of DuckDB's FTS where its package is there, and of a scan."""
    engine = desk.lake.engine.fork().connection
    every = "SELECT ticket_id, body FROM lake.main.tickets"
    with tempfile.TemporaryDirectory() as name:
        sqlite = sqlite3.connect(Path(name) / "fts.sqlite")
        sqlite.execute("CREATE VIRTUAL TABLE t USING fts5(body, content='')")
        into = "INSERT INTO t(rowid, body) VALUES (?, ?)"
        seconds, read = 0.0, engine.execute(every)
        while rows := read.fetchmany(ROWS_AT_ONCE):
            seconds += timed(lambda rows=rows: sqlite.executemany(into, rows))[0]
        seconds += timed(sqlite.commit)[0]
        size = (Path(name) / "fts.sqlite").stat().st_size / 1e6
        print(f"SQLite FTS5: built in {seconds:.1f} s CPU, {size:,.0f} MB")
        five = "SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT 10"
        for kind in ("term", "AND", "phrase", "prefix"):
            report("SQLite FTS5", kind, asked[kind], lambda text: sqlite.execute(five, [text]).fetchall(), costs)
        sqlite.close()
    scan = "SELECT ticket_id FROM lake.main.tickets WHERE body ILIKE ? LIMIT 10"
    count = "SELECT count(*) FROM lake.main.tickets WHERE body ILIKE ?"
    report("ILIKE, ten", "term", asked["term"], lambda text: engine.execute(scan, [f"%{text}%"]).fetchall(), costs)
    few = asked["term"][:5]
    report("ILIKE, count", "term", few, lambda text: engine.execute(count, [f"%{text}%"]).fetchall(), costs)
    duckdb_fts(engine.execute(every).to_arrow_reader(ROWS_AT_ONCE), asked, costs)


def duckdb_fts(given: pa.RecordBatchReader, asked: dict[str, list[str]], costs: Found) -> None:
    import duckdb

    try:
        import duckdb_extension_fts
    except ImportError:
        print("DuckDB FTS: not there (pip install --no-deps duckdb-extension-fts==1.5.5)")
        return
    file = next(Path(duckdb_extension_fts.__path__[0]).rglob("*.duckdb_extension"))
    with tempfile.TemporaryDirectory() as name:
        other = duckdb.connect(Path(name) / "fts.duckdb", config={"threads": 1, "memory_limit": "8GB"})
        other.execute(f"LOAD '{file}'")
        other.register("given", given)
        other.execute("CREATE TABLE t AS SELECT ticket_id AS id, body FROM given")
        make = "PRAGMA create_fts_index('t', 'id', 'body', stemmer = 'none', stopwords = 'none')"
        print(f"DuckDB FTS: built in {timed(lambda: other.execute(make))[0]:.1f} s CPU")
        for kind in ("term", "AND"):
            found = f"fts_main_t.match_bm25(id, ?, conjunctive := {int(kind == 'AND')})"
            text = f"SELECT id FROM (SELECT id, {found} AS s FROM t) WHERE s IS NOT NULL ORDER BY s DESC LIMIT 10"
            few = asked[kind][:PEERS_ASKED]
            report("DuckDB FTS", kind, few, lambda query, text=text: other.execute(text, [query]).fetchall(), costs)
        other.close()


def report(who: str, kind: str, texts: Sequence[str], ask: Callable[[str], object], costs: Found) -> None:
    """What somebody else takes, and how many times that is what the index takes."""
    took, ours = Costs([partial(ask, text) for text in texts]), costs[kind][0]
    p50, p99 = median(took.cpu) / median(ours.cpu), percentile(took.cpu) / percentile(ours.cpu)
    print(f"{who:12} {kind:8} p50 {median(took.cpu):8.2f} ms, {p50:,.1f} times the index's; ", end="")
    print(f"p99 {percentile(took.cpu):8.2f} ms, {p99:,.1f} times; wall {percentile(took.wall):.2f}")


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    run()
    return time.process_time() - cpu, time.perf_counter() - began


def percentile(costs: Sequence[float]) -> float:
    return sorted(costs)[min(len(costs) - 1, int(len(costs) * 0.99))]


def told(value: float, unit: str, *, limit: float = 0, at_least: float = 0, aim: float = 0) -> str:
    bound = limit or at_least
    said = f"{value:,.2f} {unit}, {value / bound:.2f} of the {'limit' if limit else 'least'} {bound:g}"
    return f"{said} (aim {aim:g})" if aim else said


if __name__ == "__main__":
    main()
