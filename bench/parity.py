"""Offline = online = batch, to the bit: each value of a million users by three ways, and predictions by two.

    python bench/parity.py [users]

The purchases and the model of bench/batch.py. Values as of one moment come from a training set's query, asked about
all users in another order, from the published online store, and from the ranges and chunks of scores; predictions of
SAMPLE users from the service and from scores. It prints how many differ: none may.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import batch
import numpy as np
import pyarrow as pa

from pumphouse.features.frames import arrays_of
from pumphouse.features.online.opening import open_store
from pumphouse.features.values import World, entities_query, feature_values
from pumphouse.models.batch import answered, panel
from pumphouse.models.online import Predictor
from pumphouse.project.project import Project, open_project

USERS = 1_000_000
SAMPLE = 2_000
AT_ONCE = 200
STORE = '\ncustomers_online = ph.online(["spend", "recency"])\n'


def main() -> None:
    """Print how many values and predictions differ by the way they came."""
    users = int(sys.argv[1]) if len(sys.argv) > 1 else USERS
    folder = Path(tempfile.mkdtemp(prefix="pumphouse-bench-"))
    try:
        batch._prepare(folder, users, batch.LOGISTIC + "\n" + STORE)
        with open_project(folder) as project:
            _compare(project)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compare(project: Project) -> None:
    assert project.run("customers_online", only=True, now=batch.NOW).ok
    engine = project.lake.engine.fork()
    world = World(engine=engine, scan=project.lake.scan, assets=project.graph.assets)
    asked = panel(project.lake, project.graph.assets["returns_live"], world)
    said = list(answered(asked, as_of=batch.NOW, then=lambda answers: answers))
    found = pa.concat_tables([each.values for each in said]).combine_chunks()
    chances = np.concatenate([each.predictions.to_numpy() for each in said])
    scored = arrays_of(found, asked.live.query.columns)

    moments = engine.read(entities_query(asked.live.query, as_of=batch.NOW)).read_all()
    order = np.random.default_rng(1).permutation(moments.num_rows)
    trained = arrays_of(feature_values(asked.live.query, moments.take(order)), asked.live.query.columns)
    store = open_store(project.graph.assets["customers_online"], project.lake, {})
    assert store is not None
    keys = [(key,) for key in found["customer_id"].to_pylist()]
    online = store.read(keys, now=batch.NOW + timedelta(seconds=1)).values
    store.close()
    print(f"{found.num_rows:,} users, {len(scored)} values each, as of {batch.NOW:%Y-%m-%d %H:%M %Z}")
    for way, values in (("training set", trained), ("online store", online)):
        differ = sum(_differ(values[name], scored[name]) for name in scored)
        print(f"  {way:<14} {differ:,} of {found.num_rows * len(scored):,} values differ from batch   limit 0")

    predictor = Predictor(
        project.lake,
        project.lake.engine.fork(),
        assets=project.graph.assets,
        rollout=project.graph.assets["returns_live"],
    )
    sample = np.sort(np.random.default_rng(2).choice(found.num_rows, min(SAMPLE, found.num_rows), replace=False))
    given: list[float] = []
    for start in range(0, len(sample), AT_ONCE):
        some = [{"customer_id": keys[row][0]} for row in sample[start : start + AT_ONCE]]
        given += [each.prediction for each in predictor.predict_many(some, now=batch.NOW)]
    predictor.close()
    differ = _differ(np.array(given), chances[sample])
    print(f"  {'service':<14} {differ:,} of {len(sample):,} predictions differ from batch   limit 0")


def _differ(one: np.ndarray, other: np.ndarray) -> int:
    """How many differ in a bit."""
    return int((one.astype(np.float64).view(np.uint64) != other.astype(np.float64).view(np.uint64)).sum())


if __name__ == "__main__":
    main()
