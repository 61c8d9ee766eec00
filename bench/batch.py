"""Scores for everybody: seconds, rows a second and memory of `ph.scores`, beside the same by hand, in one run.

    python bench/batch.py [entities] [lightgbm]

Ten million entities with twice as many purchases, two features of five columns, a logistic regression that fills and
scales. By hand is one DuckDB query written for the purpose, predict_proba on its batches, and a Parquet file: no
moments, no law 6, no predictions to be judged later. Each runs in a process of its own, whose peak of memory counts all
of it, DuckDB too. Limits, for 10M on two cores: 90 s and 2 GB.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path

from pumphouse.project.project import open_project

ENTITIES = 10_000_000
LIMIT_S = 90.0
LIMIT_BYTES = 2_000_000_000
NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)

TOML = "[engine]\nthreads = 2\n"
PURCHASES = """/* pumphouse
time = {{ event = "bought_at", known = "bought_at" }} */
SELECT (CASE WHEN i < {entities} THEN i ELSE hash(i) % {entities} END)::BIGINT AS customer_id,
       TIMESTAMPTZ '2026-01-01' + to_seconds((hash(i + 7) % 20000000)::BIGINT) AS bought_at,
       ((hash(i + 13) % 100000) / 100.0)::DOUBLE AS amount_usd
FROM range({rows}) AS numbers(i)"""
SPEND = """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(p.amount_usd), 0) AS spend_usd, count(p.amount_usd) AS purchases,
       max(p.amount_usd) AS largest_usd
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id AND p.bought_at > m.as_of - INTERVAL 180 DAY
GROUP BY ALL"""
RECENCY = """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, date_diff('hour', max(p.bought_at), any_value(m.as_of)) AS hours_since,
       date_diff('hour', min(p.bought_at), any_value(m.as_of)) AS hours_known
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id
GROUP BY m.customer_id, m.as_of"""
RETURNED = """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "30 days" */
SELECT c.customer_id, TIMESTAMPTZ '2026-06-01' AS as_of, count(p.customer_id) > 0 AS returned
FROM (SELECT DISTINCT customer_id FROM purchases WHERE customer_id < 20000) c
LEFT JOIN purchases p ON p.customer_id = c.customer_id AND p.bought_at >= TIMESTAMPTZ '2026-06-01'
    AND p.bought_at < TIMESTAMPTZ '2026-07-01'
GROUP BY ALL"""
LEARN = """
import pumphouse as ph
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@ph.model(label="returned", features=["spend", "recency"])
def returns(train: ph.TrainingSet):
    {fit}


returns_live = ph.rollout("returns", outcome="returned")
returns_scores = ph.scores("returns_live")
"""
LOGISTIC = "return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(train.X, train.y)"
LIGHTGBM = (
    "from lightgbm import LGBMClassifier\n"
    "    return LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1).fit(train.X, train.y)"
)
BY_HAND = """
SELECT customer_id, coalesce(sum(amount_usd) FILTER (bought_at > $at - INTERVAL 180 DAY), 0) AS spend_usd,
       count(amount_usd) FILTER (bought_at > $at - INTERVAL 180 DAY) AS purchases,
       max(amount_usd) FILTER (bought_at > $at - INTERVAL 180 DAY) AS largest_usd,
       date_diff('hour', max(bought_at), $at) AS hours_since, date_diff('hour', min(bought_at), $at) AS hours_known
FROM purchases WHERE bought_at <= $at GROUP BY customer_id"""


def main() -> None:
    """Print what scoring took beside its limits and beside the same by hand."""
    entities = int(sys.argv[1]) if len(sys.argv) > 1 else ENTITIES
    fit = LIGHTGBM if "lightgbm" in sys.argv[2:] else LOGISTIC
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        _alone(_prepare, folder, entities, fit)
        ours = _alone(_score, folder)
        again = _alone(_score, folder)
        by_hand = _alone(_by_hand, folder)
        limits = f"limits for {ENTITIES:,}: {LIMIT_S:.0f} s and {LIMIT_BYTES / 1e9:.1f} GB"
        print(f"{entities:,} entities, {2 * entities:,} purchases, {fit.split('(')[0].split()[-1]}; {limits}")
        for name, (wall, processor, peak) in {"scores": ours, "the same day again": again, "by hand": by_hand}.items():
            print(
                f"  {name:<20} {wall:6.1f} s   {entities / wall:10,.0f} rows/s   processor {processor:6.1f} s"
                f"   peak {peak / 1e9:.2f} GB"
            )
        print(f"  ratio to by hand: {ours[0] / by_hand[0]:.2f}   (processor: {ours[1] / by_hand[1]:.2f})")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alone(work: Callable[..., None], *arguments: object) -> tuple[float, float, int]:
    """Seconds of wall and processor and the peak of memory in bytes of work in a process of its own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_measured, args=(queue, work, arguments))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} failed")
    found: tuple[float, float, int] = queue.get()
    return found


def _measured(queue: Queue[tuple[float, float, int]], work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    wall, processor = time.perf_counter(), time.process_time()
    work(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    queue.put((time.perf_counter() - wall, time.process_time() - processor, peak))


def _prepare(folder: Path, entities: int, fit: str) -> None:
    files = {
        "pumphouse.toml": TOML,
        "purchases.sql": PURCHASES.format(entities=entities, rows=2 * entities),
        "spend.sql": SPEND,
        "recency.sql": RECENCY,
        "returned.sql": RETURNED,
        "learn.py": LEARN.format(fit=fit),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    with open_project(folder) as project:
        report = project.run("returns", now=NOW)
        assert report.ok, report


def _score(folder: Path) -> None:
    with open_project(folder) as project:
        report = project.run("returns_scores", only=True, full=True, now=NOW)
        assert [result.status for result in report.results] == ["built"], report


def _by_hand(folder: Path) -> None:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pumphouse.models.predictions import loaded
    from pumphouse.models.registry import live

    with open_project(folder) as project:
        estimator = loaded(project.lake, live(project.lake, "returns")).estimator
    files = sorted(str(path) for path in (folder / "lake" / "data" / "main" / "purchases").glob("*.parquet"))
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"CREATE VIEW purchases AS FROM read_parquet({files})")
    midnight = NOW.replace(hour=0)
    columns = ["spend_usd", "purchases", "largest_usd", "hours_since", "hours_known"]
    schema = pa.schema([("customer_id", pa.int64()), ("prediction", pa.float64())])
    with suppress(StopIteration), pq.ParquetWriter(folder / "by_hand.parquet", schema, compression="zstd") as writer:
        reader = connection.execute(BY_HAND, {"at": midnight}).to_arrow_reader(100_000)
        while True:
            batch = reader.read_next_batch()
            inputs = batch.select(columns).to_pandas().astype("float64")
            chances = estimator.predict_proba(inputs)[:, 1]
            writer.write_batch(pa.record_batch([batch["customer_id"], pa.array(chances)], schema=schema))


if __name__ == "__main__":
    main()
