from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace
from tests.models.conftest import Shop

from pumphouse.errors import UnknownName
from pumphouse.lake.changes import hide
from pumphouse.lake.expiry import expire, to_expire
from pumphouse.models import scores
from pumphouse.models.answers import flush_predictions, stream_of
from pumphouse.models.online import Predictor
from pumphouse.models.outcomes import flush_outcomes, take_outcomes
from pumphouse.models.predictions import encode
from pumphouse.models.trace import Trace, trace, trace_text

AT = datetime(1997, 9, 1, 9, tzinfo=UTC)


def traced(shop: Shop, prediction_id: str) -> Trace:
    return trace(shop.lake, shop.assets, prediction_id)


def ask(shop: Shop, customer: int) -> None:
    asking = Predictor(shop.lake, shop.lake.engine.fork(), assets=shop.assets, rollout=shop.assets["returns_live"])
    asking.predict({"customer_id": customer}, now=AT, id=f"of {customer}")


def test_an_answer_leads_to_its_version_features_and_source_rows_before_and_after_it_is_in_the_lake(
    served: Shop,
) -> None:
    ask(served, 7)
    logged = traced(served, "of 7")
    flush_predictions(served.lake, served.assets["returns_live"], run="run-2", actor="ada")
    for found in (logged, traced(served, "of 7")):
        assert (found.rollout, found.version.name, found.prediction.entity) == (
            "returns_live",
            "returns@1",
            {"customer_id": 7},
        )
        assert served.lake.blobs.get(found.version.training_set)[:4] == b"PAR1"
        (feature,) = found.features
        assert (feature.name, feature.feature, feature.stored, feature.again) == ("days_since", "recency", 24.0, 24.0)
        assert found.equal
        (source,) = found.inputs
        assert (source.table, source.version, source.rows) == ("purchases", served.lake.version("purchases"), 8)
        assert source.newest[0]["bought_at"] == date(1997, 8, 8)


def test_rows_that_came_later_are_not_shown_and_change_nothing(served: Shop) -> None:
    ask(served, 7)
    served.buy([(7, date(1997, 8, 20), 5), (7, date(1997, 12, 24), 5)])
    found = traced(served, "of 7")
    assert (found.equal, found.inputs[0].rows) == (True, 8)


def test_a_value_that_comes_out_otherwise_is_told(served: Shop) -> None:
    ask(served, 7)
    stream = stream_of("returns_live")
    wrong = replace(traced(served, "of 7").prediction, id="wrong", features={"days_since": 3.0})
    served.lake.state.append(stream, [("wrong", encode(wrong))])
    found = traced(served, "wrong")
    assert (found.equal, found.features[0].stored, found.features[0].again) == (False, 3.0, 24.0)
    assert "COMPUTED AGAIN, SOME COME OUT OTHERWISE" in trace_text(found)
    assert "days_since = 3.0, again 24.0" in trace_text(found)


def test_a_score_is_traced_like_an_answer_and_one_without_stored_features_as_well(served: Shop) -> None:
    served.build(scores.build, "returns_scores", today=date(1997, 9, 1))
    ids = dict(served.rows("returns_live__predictions", "customer_id, prediction_id"))
    found = traced(served, ids[7])
    assert (found.equal, found.features[0].stored, found.features[0].again) == (True, 24.0, 24.0)
    old = replace(found.prediction, id="old", features={})  # as earlier versions of Pumphouse kept it
    served.lake.state.append(stream_of("returns_live"), [("old", encode(old))])
    assert traced(served, "old").equal is None
    assert "days_since = not stored, again 24.0" in trace_text(traced(served, "old"))


def test_a_prediction_outlives_its_snapshot_with_its_feature_values(served: Shop) -> None:
    ask(served, 7)
    flush_predictions(served.lake, served.assets["returns_live"], run="run-2", actor="ada")
    served.build(scores.build, "returns_scores", today=date(1997, 9, 1))
    (scored,) = [
        id
        for customer, id in served.rows("returns_live__predictions", "customer_id, prediction_id")
        if customer == 8 and id != "of 8"
    ]
    served.buy([(7, date(1997, 12, 24), 5)])
    before = {id: traced(served, id) for id in ("of 7", scored)}
    later = datetime.now(UTC) + timedelta(days=40)
    expire(served.lake, lambda: to_expire(served.lake, retention=timedelta(days=30), now=later, pinned=[]))
    for id, then in before.items():
        found = traced(served, id)
        assert [(one.name, one.stored) for one in found.features] == [(one.name, one.stored) for one in then.features]
        assert (found.equal, found.features[0].is_computed) == (None, False)
        assert found.version == then.version
        assert [(one.table, one.version) for one in found.inputs] == [(one.table, one.version) for one in then.inputs]
        assert f"snapshot {then.prediction.snapshot} of" in str(found.left)
        text = trace_text(found)
        assert "features (as they were stored; they can't be computed again):" in text
        assert f"    days_since = {then.features[0].stored} (feature recency)" in text
        assert "purchases at version 1: its rows then are not kept" in text
        assert "is not kept any more: it left the lake by the declared retention. The nearest that is kept is" in text


def test_what_was_told_of_it_is_part_of_it(served: Shop) -> None:
    ask(served, 7)
    rollout = served.assets["returns_live"]
    for outcome, day in ((True, 1), (False, 2)):
        now = datetime(1998, 1, day, tzinfo=UTC)
        take_outcomes(served.lake, rollout, [{"prediction_id": "of 7", "outcome": outcome}], caller="bob", now=now)
    flush_outcomes(served.lake, rollout, run="run-2", actor="ada")
    assert [row["outcome"] for row in traced(served, "of 7").outcomes] == [1.0, 0.0]


def test_nobody_who_is_hidden_is_traced(served: Shop) -> None:
    ask(served, 7)
    ask(served, 8)
    hide(served.lake, entity="customer_id", value=7, why="asked", run="run-3", actor="ada")
    with pytest.raises(UnknownName, match="there is no prediction 'of 7'"):
        traced(served, "of 7")
    assert traced(served, "of 8").equal


def test_an_entity_that_nobody_knows_and_an_input_that_is_gone(served: Shop) -> None:
    ask(served, 4711)
    found = traced(served, "of 4711")
    assert (found.inputs[0].rows, found.equal) == (0, True)
    stream = stream_of("returns_live")
    early = replace(found.prediction, id="early", snapshot=0)
    served.lake.state.append(stream, [("early", encode(early))])
    told = traced(served, "early")
    assert told.equal is None
    assert "the lake has no table 'purchases' at snapshot 0" in told.unknown[0]
