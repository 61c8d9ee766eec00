"""Law 6, its last sentence: the same feature is the same number in training, batch and online, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.models.conftest import Shop

from pumphouse.declare.learning import Feature, Label, model
from pumphouse.declare.rollouts import online, rollout
from pumphouse.features import labels
from pumphouse.features.frames import frame
from pumphouse.features.moments import AS_OF
from pumphouse.features.online.opening import open_store
from pumphouse.features.online.publish import build as publish
from pumphouse.features.online.store import Found
from pumphouse.features.values import World, entities_query, feature_values
from pumphouse.lake.commit import Commit
from pumphouse.models import training
from pumphouse.models.batch import answered, panel
from pumphouse.models.online import Predictor

ENTITIES = 3_000
PURCHASES = 20_000
AT = datetime(2026, 9, 1, 9, tzinfo=UTC)
TIMES = pa.timestamp("us", tz="UTC")
ENTITY = ("shop", "customer_id")
TASTE = """
SELECT m.shop, m.customer_id, m.as_of, sum(p.amount) AS spent, avg(p.amount) AS mean, count(p.amount) AS times,
       max(p.amount) AS largest, arg_max(p.channel, p.bought_at) AS channel, sum(p.cents) AS cents,
       stddev_samp(p.amount) AS spread
FROM moments m LEFT JOIN purchases p ON p.shop = m.shop AND p.customer_id = m.customer_id
  AND p.bought_at > m.as_of - INTERVAL 90 DAY
GROUP BY ALL
"""
AGAIN = """
SELECT p.shop, p.customer_id, TIMESTAMPTZ '2026-07-01' AS as_of,
       count(*) FILTER (p.bought_at >= '2026-07-01') > 0 AS again
FROM purchases p WHERE p.customer_id < 300 GROUP BY ALL
"""
NUMBERS = ["spent", "mean", "times", "largest", "cents", "spread"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Customers of two shops with doubles that don't add up exactly, texts and nulls, and a model of them."""
    shop = Shop(tmp_path_factory.mktemp("parity"))
    chance = np.random.default_rng(7)
    seconds = chance.integers(0, 240 * 86_400, PURCHASES)
    times = pa.array([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=int(one)) for one in seconds], TIMES)
    rows = pa.table(
        {
            "shop": chance.choice(["berlin", "köln/mitte"], PURCHASES),
            "customer_id": pa.array(chance.integers(0, ENTITIES // 2, PURCHASES), pa.int64()),
            "bought_at": times,
            "amount": pa.array(chance.lognormal(3, 2, PURCHASES), mask=chance.random(PURCHASES) < 0.1),
            "cents": pa.array(chance.integers(0, 10**6, PURCHASES), pa.int64()),
            "channel": pa.array(
                chance.choice(["web", "shop", "Ärger"], PURCHASES), mask=chance.random(PURCHASES) < 0.1
            ),
            "_known_at": times,
        }
    )
    commit = Commit(shop.lake, "purchases", run="run-0", actor="ada")
    commit.replace("purchases", shop.lake.stage(rows.to_batches(), rows.schema, stem="purchases"))
    commit.publish()
    shop.add("taste", kind="feature", spec=Feature(text=TASTE, entity=ENTITY))
    shop.add("again", kind="label", spec=Label(text=AGAIN, entity=ENTITY, matures="30 days"), inputs=("purchases",))
    shop.declare("taste_online", online(["taste"]))
    shop.declare("buys", model(label="again", features=["taste"])(fit))
    shop.declare("buys_live", rollout("buys"))
    shop.build(labels.build, "again", today=AT.date())
    shop.build(training.build, "buys", today=AT.date())
    yield shop
    shop.lake.close()


def fit(train):
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False)), ["channel"]),
    )
    return make_pipeline(columns, LogisticRegression()).fit(train.X, train.y)


def batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[pa.Table, np.ndarray]:
    """The values and predictions of everybody as scores are made, in ranges and chunks that divide nothing."""
    monkeypatch.setattr("pumphouse.models.batch.RANGE_ENTITIES", 700)
    monkeypatch.setattr("pumphouse.models.batch.CHUNK_ROWS", 301)
    context = shop.context("buys_live", today=AT.date())
    world = World(engine=context.engine, scan=context.scan, assets=context.assets)
    asked = panel(shop.lake, shop.assets["buys_live"], world)
    said = list(answered(asked, as_of=AT, then=lambda answers: answers))
    values = pa.concat_tables([each.values for each in said]).combine_chunks()
    return values, np.concatenate([each.predictions.to_numpy() for each in said])


def bits(values: pa.Table) -> dict[str, list[object]]:
    """Each column as what can be told apart bit by bit; a null is not a NaN."""
    return {
        name: [
            None if one is None else one.hex() if isinstance(one, float) else one for one in values[name].to_pylist()
        ]
        for name in values.column_names
    }


def test_values_in_a_training_set_and_in_batch_are_the_same_bits(world, monkeypatch):
    found, _ = batch(world, monkeypatch)
    assert found.num_rows > 2_900
    assert found["channel"].null_count
    assert found["spread"].null_count
    context = world.context("buys_live", today=AT.date())
    asked = panel(
        world.lake, world.assets["buys_live"], World(engine=context.engine, scan=context.scan, assets=context.assets)
    ).live.query
    moments = context.engine.read(entities_query(asked, as_of=AT)).read_all()
    days = [AT - timedelta(days=number) for number in (0, 3, 30)]
    many = pa.concat_tables(
        [moments.set_column(2, AS_OF, pa.repeat(pa.scalar(day, TIMES), moments.num_rows)) for day in days]
    ).cast(pa.schema([*list(moments.schema)[:2], (AS_OF, TIMES)]))
    order = np.random.default_rng(1).permutation(many.num_rows)
    trained = feature_values(asked, many.take(order))
    now = trained.filter(pa.compute.equal(trained[AS_OF], pa.scalar(AT, TIMES)))
    assert bits(now.drop(AS_OF)) == bits(found.drop(AS_OF))


def test_values_online_are_the_bits_of_batch(world, monkeypatch):
    found, _ = batch(world, monkeypatch)
    publish(world.assets["taste_online"], world.context("taste_online", today=AT.date()))
    store = open_store(world.assets["taste_online"], world.lake, {})
    assert store is not None
    rows = store.read(list(zip(*(found[name].to_pylist() for name in ENTITY), strict=True)), now=AT)
    store.close()
    offline = frame(found, [*NUMBERS, "channel"])
    for name in NUMBERS:
        assert np.array_equal(rows.values[name].view(np.uint64), offline[name].to_numpy(copy=True).view(np.uint64)), (
            name
        )
        nulls = np.asarray(found[name].is_null())
        assert np.array_equal(rows.states[name], np.where(nulls, Found.NULL, Found.PRESENT)), name
    assert list(rows.values["channel"]) == found["channel"].to_pylist()


def test_predictions_of_the_service_are_the_bits_of_batch(world, monkeypatch):
    found, chances = batch(world, monkeypatch)
    keys = found.select(ENTITY).to_pylist()
    predictor = Predictor(world.lake, world.lake.engine.fork(), assets=world.assets, rollout=world.assets["buys_live"])
    try:
        for size in (1, 2, 63, 200):
            said = predictor.predict_many(keys[:size], now=AT)
            assert [each.prediction for each in said] == chances[:size].tolist()
    finally:
        predictor.close()
