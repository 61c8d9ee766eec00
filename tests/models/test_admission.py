from __future__ import annotations

from dataclasses import replace
from datetime import date

import msgspec
import pytest

from pumphouse.declare.rollouts import challenger, rollout, serving
from pumphouse.errors import PromotionRefused
from pumphouse.features.values import World
from pumphouse.lake.commit import Commit
from pumphouse.models import training
from pumphouse.models.admission import refuse_lost, refuse_unfit
from pumphouse.models.registry import Version, version

DAY = date(1997, 9, 1)


@pytest.fixture
def trained(served):
    """A shop whose model has two versions, the first of them live."""
    served.build(training.build, "returns", today=DAY)
    return served


def faults(shop, chosen: Version | None = None, **how) -> tuple[str, ...]:
    """What keeps a version, the second unless another is given, from being promoted."""
    world = World(engine=shop.lake.engine.fork(), scan=shop.lake.scan, assets=shop.assets)
    asked = chosen or version(shop.lake, "returns", 2)
    try:
        refuse_unfit(shop.lake, world, asked, **how)
    except PromotionRefused as error:
        refused = error
    else:
        return ()
    told = "".join(f"\n- {fault}" for fault in refused.faults)
    assert str(refused) == f"{asked.name} can't be promoted:{told}\nThe versions that answer stay as they are."
    return refused.faults


def stored(shop, number: int, **changes) -> None:
    """A version of the model that differs in some values from the second."""
    kept = replace(version(shop.lake, "returns", 2), number=number, **changes)
    commit = Commit(shop.lake, "returns", run="run-2", actor="ada")
    commit.artefact(kept.name, kept.sha, {"format": 1, "version": msgspec.to_builtins(kept)})
    commit.publish()


def with_purchases(shop, columns: str) -> None:
    """The purchases with other columns from now on."""
    found = shop.lake.scan("purchases")
    engine = shop.lake.engine.fork()
    rows = engine.connection.execute(f"SELECT {columns}, _known_at FROM ({found.relation})").to_arrow_table()
    commit = Commit(shop.lake, "purchases", run="run-3", actor="ada", accept_schema=True)
    commit.replace("purchases", shop.lake.stage(rows.to_batches(), rows.schema, stem="other"))
    commit.publish()


def test_a_version_that_can_answer_is_let_in_live_or_beside(trained):
    assert faults(trained) == ()
    assert faults(trained, share=0.3) == ()


def test_an_input_without_a_column_that_a_feature_reads_is_found(trained):
    with_purchases(trained, "customer_id, bought_at, channel")
    spending = version(trained.lake, "returns_gbm", 1)
    assert faults(trained) == ()
    (fault,) = faults(trained, spending)
    assert fault.startswith("feature 'spend' can't be computed: ")
    assert "cents" in fault


def test_an_input_that_is_gone_is_found(trained):
    chosen = version(trained.lake, "returns", 2)
    (recency,) = chosen.features
    (fault,) = faults(
        trained, replace(chosen, features=(replace(recency, text=recency.text.replace("purchases", "bought")),))
    )
    assert "the lake has no table 'bought'" in fault


def test_a_value_of_another_type_than_in_training_is_found(trained):
    chosen = version(trained.lake, "returns", 2)
    changed = replace(chosen, columns={"days_since": "text"}, example={})
    assert faults(trained, changed) == ("feature column 'days_since' was text in training and is number now",)


def test_bytes_that_are_not_what_was_stored_are_found(trained):
    path = trained.lake.blobs.path(version(trained.lake, "returns", 2).sha)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (fault,) = faults(trained)
    assert "not what was stored" in fault


def test_an_estimator_that_can_not_answer_its_own_example_is_found(trained):
    chosen = version(trained.lake, "returns", 2)
    assert faults(trained, replace(chosen, example={"days_since": 3.0})) == ()
    other = replace(chosen, columns={"days": "number"}, example={"days": 3.0})
    gone, unusable = faults(trained, other)
    assert gone == "feature column 'days' was number in training and is not among its features' columns"
    assert unusable.startswith("its estimator can't be used: ")


def test_other_columns_to_ask_by_are_found_unless_accepted_for_all(trained):
    chosen = replace(version(trained.lake, "returns", 2), request={"basket_usd": "DOUBLE"})
    reason = "'returns_live' is asked with no further column in a request; returns@2 needs basket_usd (DOUBLE)"
    assert faults(trained, chosen) == (reason,)
    assert faults(trained, chosen, accept_schema=True) == ()
    assert faults(trained, chosen, accept_schema=True, share=0.1) == (reason,)
    about = replace(version(trained.lake, "returns", 2), entity={"customer_id": "string"})
    assert faults(trained, about)[0].startswith(
        "'returns_live' is asked by customer_id (int64); returns@2 by customer_id (string)"
    )


def test_a_fallback_that_could_not_stand_in_is_found(trained):
    trained.declare("returns_live", rollout("returns", serving=serving(fallback="returns@9")))
    assert faults(trained)[0].startswith("'returns_live' falls back on returns@9: model 'returns' has no version 9")
    trained.declare("returns_live", rollout("returns", serving=serving(fallback="returns@3")))
    stored(trained, 3, request={"basket_usd": "DOUBLE"})
    (fault,) = faults(trained)
    assert "falls back on returns@3, which is asked by customer_id (int64), basket_usd (DOUBLE)" in fault
    for good in ("returns@1", "cached", 0.1):
        trained.declare("returns_live", rollout("returns", serving=serving(fallback=good)))
        assert faults(trained) == ()


def test_a_challenger_about_somebody_else_is_found(trained):
    trained.declare("returns_live", rollout("returns", challenger=challenger("returns_gbm", share=0.5)))
    chosen = version(trained.lake, "returns_gbm", 1)
    assert faults(trained, chosen) == ()
    other = replace(chosen, entity={"customer_id": "string"})
    assert "returns_gbm@1 by customer_id (string)" in faults(trained, other, accept_schema=True)[-1]


def test_shares_leave_somebody_to_the_live_version(trained):
    trained.declare("returns_live", rollout("returns", challenger=challenger("returns_gbm", share=0.5)))
    assert faults(trained, share=0.4) == ()
    (fault,) = faults(trained, share=0.5)
    assert "nobody is left to the live version" in fault


def test_a_version_that_was_live_before_is_only_refused_where_it_is_lost(trained):
    world = World(engine=trained.lake.engine.fork(), scan=trained.lake.scan, assets=trained.assets)
    before = replace(version(trained.lake, "returns", 1), request={"basket_usd": "DOUBLE"})
    refuse_lost(trained.lake, world, before)
    trained.lake.blobs.path(before.sha).unlink()
    with pytest.raises(PromotionRefused, match="its estimator can't be used"):
        refuse_lost(trained.lake, world, before)


def test_all_faults_are_said_at_once(trained):
    chosen = version(trained.lake, "returns", 2)
    bad = replace(chosen, columns={"days_since": "text"}, example={}, request={"basket_usd": "DOUBLE"}, format="clay")
    assert len(faults(trained, bad)) == 3
