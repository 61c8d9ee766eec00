"""From a prediction id, among a million in the lake, to its source rows: under a second."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

import pumphouse as ph
from pumphouse.lake.commit import Commit

PREDICTIONS = 1_000_000
CUSTOMERS = 200_000
TRACES = 15
LIMIT_S = 1.0
PROJECT = {
    "pumphouse.toml": 'name = "bench"\nlake = "lake/"\n',
    "gather.py": 'import pumphouse as ph\n\nbought = ph.files("bought.csv", time={"event": "at", "known": "at"})\n',
    "spend.sql": """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(b.cents), 0) AS cents
FROM moments m LEFT JOIN bought b ON b.customer_id = m.customer_id GROUP BY m.customer_id, m.as_of
""",
    "returned.sql": """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "8 weeks" */
SELECT customer_id, TIMESTAMPTZ '2024-03-01' AS as_of, customer_id % 3 = 0 AS returned
FROM bought WHERE customer_id <= 1000
""",
    "learn.py": """import pumphouse as ph
from sklearn.linear_model import LogisticRegression


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet):
    return LogisticRegression().fit(train.X, train.y)


returns_live = ph.rollout("returns", outcome="returned")
""",
}


def main() -> None:
    """Print how long a trace takes, beside its limit."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PROJECT.items():
            Path(folder, name).write_text(text)
        lines = [
            f"{customer},2024-01-{customer % 28 + 1:02}T10:00:00Z,{customer % 900}" for customer in range(CUSTOMERS)
        ]
        Path(folder, "bought.csv").write_text("\n".join(["customer_id,at,cents", *lines]) + "\n")
        with ph.open(folder) as project:
            assert project.run().ok
            answer = project.predict("returns_live", {"customer_id": 7})
            assert project.run().ok
            _fill(project, answer.snapshot)
            ids = [f"of {number}" for number in range(0, PREDICTIONS, PREDICTIONS // TRACES)]
            took, used = [], []
            for prediction in ids:
                began, cpu = time.perf_counter(), time.process_time()
                told = project.trace(prediction)
                took.append(time.perf_counter() - began)
                used.append(time.process_time() - cpu)
                assert told.inputs[0].rows == 1
    print(
        f"trace among {PREDICTIONS:,} predictions: half within {statistics.median(took):.2f} s, all {max(took):.2f} s"
    )
    print(f"  CPU: half within {statistics.median(used):.2f} s; limit {LIMIT_S:g} s: {max(took) / LIMIT_S:.2f} of it")


def _fill(project: ph.Project, snapshot: int) -> None:
    """A million predictions of another day, as scores leave them."""
    lake, table = project.lake, "returns_live__predictions"
    schema = lake.stored_schema(table)
    moment = datetime(2024, 2, 1, tzinfo=UTC)
    given = {
        "prediction_id": pa.array([f"of {number}" for number in range(PREDICTIONS)]),
        "customer_id": pa.array(np.arange(PREDICTIONS) % CUSTOMERS),
        "as_of": [moment] * PREDICTIONS,
        "features_as_of": [moment] * PREDICTIONS,
        "prediction": pa.array(np.random.default_rng(1).random(PREDICTIONS)),
        "version": ["returns@1"] * PREDICTIONS,
        "snapshot": [snapshot] * PREDICTIONS,
        "known_entity": [True] * PREDICTIONS,
        "role": ["live"] * PREDICTIONS,
        "features_from": ["lake"] * PREDICTIONS,
    }
    columns = {
        field.name: pa.array(given[field.name], field.type)
        if field.name in given
        else pa.nulls(PREDICTIONS, field.type)
        for field in schema
    }
    rows = pa.table(columns, schema=schema)
    commit = Commit(lake, table, run="bench", actor="bench")
    commit.append(table, lake.stage(rows.to_batches(max_chunksize=100_000), schema, stem="bench"))
    commit.publish()


if __name__ == "__main__":
    main()
