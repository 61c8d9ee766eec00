from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace
from tests.models.conftest import Shop

from pumphouse.declare.rollouts import rollout, worth
from pumphouse.engines.engine import Query
from pumphouse.features import labels
from pumphouse.lake.commit import Commit
from pumphouse.models import scores
from pumphouse.models.account import account, summary
from pumphouse.models.answers import flush_predictions, stream_of
from pumphouse.models.kept import kept
from pumphouse.models.online import Predictor
from pumphouse.models.performance import Performance, performance
from pumphouse.models.predictions import encode

NOW = datetime(1998, 1, 1, tzinfo=UTC)


def told(shop: Shop, **at: int) -> Performance:
    return performance(shop.lake, shop.assets, shop.assets["returns_live"], now=NOW, **at)


@pytest.fixture
def live(served: Shop) -> Shop:
    """Everybody was scored at the start of June to October; 60 were asked about on the first of October as well."""
    declared = worth("USD", gain=12, cost=1.5, act_above=0.2)
    served.declare("returns_live", rollout("returns", shadow="returns_gbm", outcome="returned", worth=declared))
    for month in (6, 7, 8, 9, 10):
        served.build(scores.build, "returns_scores", today=date(1997, month, 1))
    served.build(labels.build, "returned", today=date(1997, 12, 1))
    return served


def ask(shop: Shop, customers: range, *, at: datetime, **changed: object) -> None:
    asking = Predictor(shop.lake, shop.lake.engine.fork(), assets=shop.assets, rollout=shop.assets["returns_live"])
    for customer in customers:
        asking.predict({"customer_id": customer}, now=at, id=f"of {customer}")
    if changed:  # as if the service had said so
        stream = stream_of("returns_live")
        found = kept(shop.lake, shop.assets["returns_live"], [f"of {customer}" for customer in customers])
        events = [(f"{id} too", encode(replace(one, id=f"{id} too", **changed))) for id, one in found.items()]
        shop.lake.state.append(stream, events)
    flush_predictions(shop.lake, shop.assets["returns_live"], run="run-2", actor="ada")


def test_quality_is_told_for_each_version_role_and_month(live: Shop) -> None:
    found = told(live)
    assert [(one.version, one.role, one.gain.rows) for one in found.overall] == [
        ("returns@1", "live", 600),
        ("returns_gbm@1", "shadow", 600),
    ]
    mine = found.overall[0]
    assert mine.gain.is_above
    assert mine.gain.entities == 120
    assert mine.gain.value == pytest.approx(mine.squared_error_of_guess - mine.squared_error)
    assert found.period == "month"
    assert [one.first.month for one in found.over_time if one.role == "live"] == [6, 7, 8, 9, 10]
    assert all(one.gain.rows == 120 for one in found.over_time)
    assert found.worth[0].total == 300 * 12 - 300 * 1.5
    assert summary(found).startswith("Since 1 June 1997 returns@1 beats guessing: its squared error is smaller by 0.25")
    assert "brought 3,150 USD in 600 predictions. Acting on everybody would have brought less." in summary(found)


def test_what_is_told_can_be_made_again_at_its_snapshot_and_written_as_json(live: Shop) -> None:
    first = told(live)
    ask(live, range(1, 40), at=datetime(1997, 10, 1, 5, tzinfo=UTC))
    again = told(live, snapshot=first.snapshot)
    assert msgspec.json.encode(again) == msgspec.json.encode(first)
    assert told(live).waiting == 39


def test_who_asked_how_and_for_whom_is_told(live: Shop) -> None:
    at = datetime(1997, 10, 1, 5, tzinfo=UTC)
    ask(live, range(1, 61), at=at, latency_ms=2.0, caller="shop", features_as_of=at - timedelta(hours=5))
    ask(live, range(1000, 1003), at=at)
    found = told(live)
    assert found.operation is not None
    assert (found.operation.known, found.operation.reached) == (120, 120)
    answers = {(one.version, one.role): one for one in found.operation.answers}["returns@1", "live"]
    assert (answers.answers, answers.unknown_entity, answers.fallback) == (120 + 120 + 3, 3, 0)
    assert answers.latency_ms_p50 is not None
    assert answers.features_age_s_max == 5 * 3600
    assert {one.caller: one.recent for one in found.operation.callers}["shop"] == 60
    assert found.operation.missing == {"days_since": pytest.approx(3 / 243)}


def test_batch_and_online_say_the_same_of_the_same_moment_and_a_difference_is_found(live: Shop) -> None:
    at = datetime(1997, 10, 1, 0, tzinfo=UTC)
    ask(live, range(1, 61), at=at, latency_ms=2.0)
    same = told(live).skew
    assert same is not None
    assert same.pairs == same.pairs_equal >= 60
    assert (same.recomputed, same.unequal) == (60, {})
    rows = live.lake.engine.fork().read(
        Query(
            text="SELECT * REPLACE (CAST(0.5 AS DOUBLE) AS prediction, '{\"days_since\": 1.5}' AS features) FROM p"
            " WHERE prediction_id IN ('of 7', 'of 7 too')",
            inputs={"p": live.lake.scan("returns_live__predictions")},
        )
    )
    table = rows.read_all()
    commit = Commit(live.lake, "returns_live__predictions", run="run-3", actor="ada")
    written = live.lake.stage(table.to_batches(), table.schema, stem="skewed")
    commit.upsert("returns_live__predictions", written, key=("prediction_id",))
    commit.publish()
    other = told(live).skew
    assert other is not None
    assert other.pairs > other.pairs_equal
    assert other.unequal == {"days_since": 1}
    assert other.difference_max == pytest.approx(0.5, abs=0.01)


def test_drift_tells_what_moved_from_the_training_set(live: Shop) -> None:
    drifts = {(one.of, one.column): one for one in told(live).drift}
    assert drifts["feature", "days_since"].moved == "much"  # who bought once is away for longer and longer
    assert drifts["outcome", "returned"].moved == "no"


def test_too_little_says_so(served: Shop) -> None:
    assert summary(told(served)) == "Nothing was predicted yet."
    ask(served, range(1, 4), at=datetime(1997, 8, 31, 12, tzinfo=UTC))
    assert summary(told(served)).startswith("returns@1 has made 3 predictions; none can be judged yet. 3 predictions")
    served.build(labels.build, "returned", today=date(1997, 12, 1))
    found = told(served)
    assert found.overall[0].gain.value is None
    assert "about 3 different ones: too few to say how good it is." in summary(found)
    assert "drift of features: 3 predictions are too few" in account(found)


def test_without_anything_to_judge_by_the_rest_is_told(served: Shop) -> None:
    served.declare("returns_live", rollout("returns"))
    served.build(scores.build, "returns_scores", today=date(1997, 9, 1))
    found = told(served)
    assert (found.overall, found.judged, found.waiting) == ((), 0, 120)
    assert "has no outcome to be judged by" in found.unknown[0]
    assert found.operation is not None
    assert "coverage: 120 of 120 known entities (100.0%)" in account(found)
