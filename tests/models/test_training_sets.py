from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pumphouse.declare.asset import Common, Time
from pumphouse.declare.learning import Feature, Label, model
from pumphouse.declare.rollouts import rollout, scores
from pumphouse.errors import BuildError
from pumphouse.features import labels
from pumphouse.features.training_sets import training_set
from pumphouse.lake.commit import Commit
from pumphouse.models import scores as scoring
from pumphouse.models import training
from pumphouse.models.card import version_text
from pumphouse.models.registry import live

NEW_YEAR = date(1998, 1, 1)
BASKET = """
SELECT m.customer_id, m.as_of, m.basket_cents, m.basket_cents - coalesce(max(p.cents), 0) AS above_before
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id
GROUP BY m.customer_id, m.as_of, m.basket_cents
"""
ABOUT_BASKETS = """
SELECT p.customer_id, p.bought_at::TIMESTAMP AS as_of, p.cents AS basket_cents, count(n.cents) > 0 AS returned
FROM purchases p
LEFT JOIN purchases n
  ON n.customer_id = p.customer_id AND n.bought_at > p.bought_at AND n.bought_at < p.bought_at + INTERVAL 5 WEEK
GROUP BY ALL
"""


def fit(train):
    return make_pipeline(SimpleImputer(), LogisticRegression()).fit(train.X, train.y)


def with_baskets(shop, *, label: str = ABOUT_BASKETS):
    request = (("basket_cents", "DOUBLE"),)
    shop.add("basket", kind="feature", spec=Feature(text=BASKET, entity=("customer_id",), request=request))
    spec = Label(text=label, entity=("customer_id",), matures="5 weeks")
    shop.add("returned", kind="label", spec=spec, inputs=("purchases",))
    shop.build(labels.build, "returned", today=NEW_YEAR)
    shop.declare("returns", model(label="returned", features=["basket"])(fit))
    return shop


def test_what_comes_with_a_request_is_learned_from_the_labels_columns(bought):
    data = training_set(with_baskets(bought).context("returns", today=NEW_YEAR), bought.assets["returns"])
    assert data.moments.column_names == ["customer_id", "as_of", "basket_cents"]
    assert data.rows["basket_cents"].type == pa.float64()  # as declared, and as a request will bring it
    first = data.rows.to_pylist()[0]
    assert first["above_before"] == first["basket_cents"]
    assert data.rows.num_rows + data.unlabelled == bought.lake.count("returned")


def test_a_label_without_what_comes_with_a_request_is_refused(bought):
    text = ABOUT_BASKETS.replace("p.cents AS basket_cents, ", "")
    with_baskets(bought, label=text)
    with pytest.raises(BuildError, match=r"label 'returned' has no basket_cents, which basket takes from the request"):
        bought.build(training.build, "returns", today=NEW_YEAR)


def test_a_model_that_needs_a_request_can_not_score_everybody(bought):
    shop = with_baskets(bought)
    shop.build(training.build, "returns", today=NEW_YEAR)
    assert live(shop.lake, "returns").request == {"basket_cents": "DOUBLE"}
    shop.declare("returns_live", rollout("returns"))
    shop.declare("returns_scores", scores("returns_live"))
    with pytest.raises(BuildError, match="basket takes from the request"):
        shop.build(scoring.build, "returns_scores", today=NEW_YEAR)


def test_made_again_after_a_backfill_it_is_the_same(bought):
    bought.build(labels.build, "returned", today=NEW_YEAR)
    bought.declare("returns", model(label="returned", features=["spend", "recency"])(fit))
    context = bought.context("returns", today=NEW_YEAR)
    before = training_set(context, bought.assets["returns"])
    learned = datetime(1997, 8, 15, tzinfo=UTC)
    backfill(bought, day=date(1997, 2, 3), learned=learned)
    again = training_set(context, bought.assets["returns"])
    assert again.rows == before.rows
    now = training_set(replace(context, snapshot=bought.lake.snapshot()), bought.assets["returns"])
    earlier = pc.less(before.moments["as_of"], pa.scalar(learned, pa.timestamp("us", "UTC")))
    assert now.rows.filter(earlier) == before.rows.filter(earlier)
    assert now.rows.filter(pc.invert(earlier)) != before.rows.filter(pc.invert(earlier))


def backfill(shop, *, day: date, learned: datetime) -> None:
    """Every customer bought something on a day of the past, and nobody knew until `learned`."""
    table = pa.table(
        {
            "customer_id": pa.array(range(1, 121), pa.int64()),
            "bought_at": pa.array([day] * 120, pa.date32()),
            "cents": pa.array([7] * 120, pa.int64()),
            "channel": pa.array(["zoo"] * 120),
            "_known_at": pa.array([learned] * 120, pa.timestamp("us", "UTC")),
        }
    )
    commit = Commit(shop.lake, "purchases", run="run-2", actor="ada")
    commit.append("purchases", shop.lake.stage(table.to_batches(), table.schema, stem="backfill"))
    commit.publish()


def test_of_a_source_with_history_the_version_known_then_is_used(bought):
    """A row for each version of a customer's plan: its event is when it took effect, and a correction came later."""
    days = [(1, date(1997, 1, 2), date(1997, 1, 2), "free"), (1, date(1997, 1, 2), date(1997, 6, 2), "paid")]
    table = pa.table(
        {
            "customer_id": pa.array([customer for customer, *_ in days], pa.int64()),
            "since": pa.array([since for _, since, *_ in days], pa.date32()),
            "plan": pa.array([plan for *_, plan in days]),
            "_known_at": pa.array(
                [datetime(known.year, known.month, known.day, tzinfo=UTC) for *_, known, _ in days],
                pa.timestamp("us", "UTC"),
            ),
        }
    )
    commit = Commit(bought.lake, "plans", run="run-0", actor="ada")
    commit.append("plans", bought.lake.stage(table.to_batches(), table.schema, stem="plans"))
    commit.publish()
    bought.add("plans", kind="database", common=Common(time=Time(event="since")))
    text = (
        "SELECT m.customer_id, m.as_of, p.plan FROM moments m ASOF LEFT JOIN plans p ON p.customer_id = m.customer_id"
    )
    bought.add("plan", kind="feature", spec=Feature(text=text, entity=("customer_id",)))
    bought.build(labels.build, "returned", today=NEW_YEAR)
    bought.declare("returns", model(label="returned", features=["plan"])(fit))
    data = training_set(bought.context("returns", today=NEW_YEAR), bought.assets["returns"])
    mine = [(row["as_of"].month, row["plan"]) for row in data.rows.to_pylist() if row["customer_id"] == 1]
    assert mine == [(month, "free" if month < 7 else "paid") for month in range(3, 12)]


def test_a_feature_that_knows_the_answer_is_said_and_kept_with_the_version(bought):
    bought.build(labels.build, "returned", today=NEW_YEAR)
    bought.declare("returns", model(label="returned", features=["recency"])(fit))
    built = bought.build(training.build, "returns", today=NEW_YEAR)
    (told,) = live(bought.lake, "returns").leaks
    assert told in built.warnings
    assert told.startswith("'days_since' alone tells a true 'returned' from a false one")
    assert f"too good to be true: {told}" in version_text(live(bought.lake, "returns"))


def test_a_set_is_split_by_time_with_a_gap_of_what_the_label_takes(bought):
    bought.build(labels.build, "returned", today=NEW_YEAR)
    bought.declare("returns", model(label="returned", features=["recency"])(fit))
    learned, tested = training_set(bought.context("returns", today=NEW_YEAR), bought.assets["returns"]).split(by="time")
    begins = min(tested.moments["as_of"].to_pylist())
    assert max(learned.certain_at.to_pylist()) <= begins
    assert (begins.month, max(learned.moments["as_of"].to_pylist()).month) == (10, 8)
