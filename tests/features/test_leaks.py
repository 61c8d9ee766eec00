from __future__ import annotations

import gzip
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common, Time
from pumphouse.declare.learning import Label
from pumphouse.declare.rollouts import rollout
from pumphouse.engines.engine import Query
from pumphouse.errors import Place
from pumphouse.features.leaks import leaks
from pumphouse.features.point_in_time import FeatureDefinition
from pumphouse.features.training_sets import TrainingData
from pumphouse.features.values import definitions, feature_query, feature_values, value_columns
from pumphouse.graph.headers import read_sql_header

START = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = pa.timestamp("us", tz="UTC")
ROWS = 400
SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


def asset(name: str, **values: Any) -> Asset:
    return Asset(name=name, place=Place(file=f"{name}.sql"), **{"spec": None, "common": Common()} | values)


def data_of(column: pa.Array, label: list[Any], *, task: Any = "chance") -> TrainingData:
    as_of = pa.array([START + timedelta(hours=number) for number in range(len(label))], TIMES)
    moments = pa.table({"id": pa.array(range(len(label)), pa.int64()), "as_of": as_of})
    outcome = pa.array(label, pa.int64() if task == "chance" else pa.float64())
    return TrainingData(
        rows=moments.append_column("value", column).append_column("returned", outcome),
        entity=("id",),
        columns=("value",),
        label="returned",
        task=task,
        snapshot=1,
        assumed=True,
        unlabelled=0,
        moments=moments,
        certain_at=pa.chunked_array([as_of]),
    )


def found(column: pa.Array, label: list[Any], *, task: Any = "chance", **assets: Asset) -> tuple[str, ...]:
    text = "SELECT m.id, m.as_of, max(o.x) AS value FROM moments m LEFT JOIN orders o ON o.id = m.id GROUP BY ALL"
    feature = FeatureDefinition(name="spend", text=text, entity=("id",))
    known = {
        "orders": asset("orders", kind="files", common=Common(time=Time(event="at", known="at"))),
        "returned": asset(
            "returned", kind="label", spec=Label(text="", entity=("id",), matures="1 day"), inputs=("orders",)
        ),
    }
    return leaks(data_of(column, label, task=task), [feature], known | assets)


chance = random.Random(2)
label = [int(chance.random() < 0.3) for _ in range(ROWS)]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (
            [each * 10 + chance.random() for each in label],
            "'value' alone tells a true 'returned' from a false one 100.0% of the time",
        ),
        (
            [-each * 10 + chance.random() for each in label],
            "'value' alone tells a true 'returned' from a false one 100.0%",
        ),
        ([5.0 + chance.random() if each else None for each in label], "'value' is null where 'returned' is false"),
        (["came" if each else "went" for each in label], "'value' alone tells 'returned' almost without a mistake"),
    ],
)
def test_a_column_that_knows_the_answer_is_named_with_where_to_look(column: list[Any], said: str):
    (told,) = found(pa.array(column), label)
    assert told.startswith(said)
    assert "'orders', which the label reads too, only assumes" in told
    assert told.endswith("pumphouse show spend")


@pytest.mark.parametrize(
    "column",
    [
        [each + chance.gauss(0, 1) for each in label],  # a good feature: it ranks well, and makes mistakes
        [chance.random() for _ in label],
        [1.0 if chance.random() < 0.5 else None for _ in label],
        [f"name {number}" for number in range(ROWS)],  # each comes once, and so decides nothing
        [7.0] * ROWS,
        [None if number else 1.0 for number in range(ROWS)],
    ],
)
def test_an_ordinary_column_is_not_accused(column: list[Any]):
    assert found(pa.array(column), label) == ()


def test_a_few_moments_accuse_nobody():
    assert found(pa.array([1.0, 2.0, 3.0, 4.0]), [0, 0, 1, 1]) == ()


def test_a_number_that_is_the_label_in_another_unit_is_named():
    cents = [chance.random() * 1000 for _ in range(ROWS)]
    (told,) = found(pa.array([each / 100 for each in cents]), cents, task="number")
    assert told.startswith("'value' is 'returned' but for its scale (correlation 1.0000)")
    assert found(pa.array([each + chance.gauss(0, 200) for each in cents]), cents, task="number") == ()


def test_an_input_that_is_made_from_the_label_is_named_with_the_way():
    orders = asset("orders", kind="sql", inputs=("history",))
    history = asset("history", kind="sql", inputs=("returned",))
    (told,) = found(pa.array([0.5] * ROWS), label, orders=orders, history=history)
    assert "made from the label 'returned' (orders <- history <- returned)" in told


def test_an_input_that_is_made_from_predictions_of_the_label_is_named():
    declared = rollout("returns", outcome="returned")
    live = asset("returns_live", kind="rollout", spec=declared.spec, inputs=())
    orders = asset("orders", kind="scores", inputs=("returns_live",))
    (told,) = found(pa.array([0.5] * ROWS), label, orders=orders, returns_live=live)
    assert "(orders <- returns_live)" in told


def test_the_shops_features_are_not_accused(ground):
    """Spend and visits of CDNOW's real customers, and whether each came back: good features, and no leak."""
    lines = gzip.decompress((SHOP / "cdnow" / "purchases.txt.gz").read_bytes()).decode().splitlines()
    rows = [line.split() for line in lines if line.strip()]
    rows = [row for row in rows if int(row[0]) < 3000]
    days = [datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) for _, day, *_ in rows]
    orders = pa.table(
        {
            "customer_id": pa.array([int(customer) for customer, *_ in rows], pa.int64()),
            "paid_on": pa.array([day.date() for day in days], pa.date32()),
            "amount_usd": pa.array([float(amount) for *_, amount in rows], pa.float64()),
            "_known_at": pa.array([day + timedelta(days=1) for day in days], TIMES),
        }
    )
    ground.table("orders", orders, event="paid_on")
    for name in ("spend", "visits"):
        ground.feature(name, read_sql_header((SHOP / f"{name}.sql").read_text())[1])
    text = read_sql_header((SHOP / "returned_26w.sql").read_text())[1]
    asked = ground.engine.read(Query(text=f"FROM ({text}) ORDER BY as_of, customer_id", inputs=ground.tables))
    labelled = asked.read_all()
    moments = labelled.select(["customer_id", "as_of"])
    features = definitions(["spend", "visits"], ground.assets)
    values = feature_values(feature_query(ground.world, features), moments)
    data = TrainingData(
        rows=values.append_column("returned_26w", labelled["returned_26w"].cast(pa.int64())),
        entity=("customer_id",),
        columns=value_columns(features),
        label="returned_26w",
        task="chance",
        snapshot=1,
        assumed=True,
        unlabelled=0,
        moments=moments,
        certain_at=labelled["as_of"],
    )
    assert len(data.y) > 1_000
    assert leaks(data, features, ground.assets) == ()
