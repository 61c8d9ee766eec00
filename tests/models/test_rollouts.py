from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.declare.asset import Asset
from pumphouse.declare.rollouts import challenger, rollout
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place, UnknownName
from pumphouse.features.online.store import Key
from pumphouse.lake.lake import Lake, Location
from pumphouse.models import training
from pumphouse.models.pins import pins
from pumphouse.models.predictions import Role
from pumphouse.models.promotion import promote, roll_back, undo
from pumphouse.models.registry import live
from pumphouse.models.rollouts import Arm, Arms, Stop, arms, commit_stop, stops_of

DAY = date(1997, 9, 1)
NOW = datetime(1997, 9, 1, 14, 30, tzinfo=UTC)
WHO = {"run": "run-2", "actor": "ada"}


@pytest.fixture
def trained(served):
    """A shop whose model has two versions, the first of them live."""
    served.build(training.build, "returns", today=DAY)
    return served


def with_shares(made: Arms, *, canary: float, challenger: float) -> Arms:
    def arm(role: Role, share: float) -> Arm:
        return replace(made.live, role=role, share=share, pin=role)

    return replace(made, canary=arm("canary", canary), challenger=arm("challenger", challenger))


def of(shop) -> Arms:
    return arms(shop.lake, shop.assets["returns_live"])


def shift_of(arm: Arm, *, role: Role) -> Stop:
    return Stop(
        rollout="returns_live", role=role, version=arm.version.name, pin=arm.pin, guardrail="shift", bound=0.2,
        seen=0.6, sure=0.4, requests=1_000, at=NOW,
    )  # fmt: skip


def test_the_live_version_answers_for_all_without_a_canary(trained):
    found = of(trained)
    assert (found.live.version.name, found.canary, found.challenger) == ("returns@1", None, None)
    assert found.shadow is not None
    assert found.shadow.name == "returns_gbm@1"
    assert set(found.pick([(n,) for n in range(100)])) == {"live"}
    assert found.role((7,)) == "live"


def test_a_canary_answers_for_its_share_until_it_is_promoted_or_taken_back(trained):
    promote(trained.lake, "returns", 2, share=0.25, **WHO)
    found = of(trained)
    assert found.canary is not None
    assert (found.live.version.name, found.canary.version.name, found.canary.share) == ("returns@1", "returns@2", 0.25)
    share = (found.pick([(n,) for n in range(10_000)]) == "canary").mean()
    assert 0.23 < share < 0.27
    assert live(trained.lake, "returns").number == 1

    taken = roll_back(trained.lake, "returns", **WHO)
    assert (taken.taken_back, taken.was, taken.live) == ("returns@2", "canary", "returns@1")
    assert of(trained).canary is None

    promote(trained.lake, "returns", 2, share=0.25, **WHO)
    promote(trained.lake, "returns", 2, **WHO)
    assert (of(trained).live.version.name, of(trained).canary) == ("returns@2", None)


def test_a_rollback_brings_back_what_was_live_before_as_often_as_there_was_something(trained):
    trained.build(training.build, "returns", today=DAY)
    for number in (2, 3, 3):
        promote(trained.lake, "returns", number, **WHO)
    assert roll_back(trained.lake, "returns", **WHO).live == "returns@2"
    assert roll_back(trained.lake, "returns", **WHO).live == "returns@1"
    with pytest.raises(UnknownName, match="no version of 'returns' was live before returns@1"):
        roll_back(trained.lake, "returns", **WHO)
    assert live(trained.lake, "returns").number == 1
    assert [pin.number for pin in pins(trained.lake, "returns").history] == [1, 2, 3, 3, 2, 1]


def test_two_who_roll_back_the_same_promotion_go_back_once(trained):
    trained.build(training.build, "returns", today=DAY)
    for number in (2, 3):
        promote(trained.lake, "returns", number, **WHO)
    broken = pins(trained.lake, "returns").live
    assert broken is not None
    for _ in range(2):
        undo(trained.lake, "returns", broken, to=2, why="errors", **WHO)
    assert live(trained.lake, "returns").number == 2


def test_a_rollback_that_comes_after_another_promotion_does_nothing(trained):
    trained.build(training.build, "returns", today=DAY)
    promote(trained.lake, "returns", 2, **WHO)
    broken = pins(trained.lake, "returns").live
    assert broken is not None
    promote(trained.lake, "returns", 3, **WHO)
    undo(trained.lake, "returns", broken, to=1, why="errors", **WHO)
    assert live(trained.lake, "returns").number == 3


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_that_is_none_is_refused(trained, share: float):
    with pytest.raises(UnknownName, match="above 0 and below 1"):
        promote(trained.lake, "returns", 2, share=share, **WHO)


def test_the_live_version_can_be_no_canary(trained):
    with pytest.raises(UnknownName, match="returns@1 is the live version already"):
        promote(trained.lake, "returns", 1, share=0.1, **WHO)


def test_a_challenger_answers_for_its_share_by_its_live_version(trained):
    trained.declare("returns_live", rollout("returns", challenger=challenger("returns_gbm", share=0.3)))
    found = of(trained)
    assert found.challenger is not None
    assert (found.challenger.version.name, found.challenger.share) == ("returns_gbm@1", 0.3)
    assert 0.28 < (found.pick([(n,) for n in range(10_000)]) == "challenger").mean() < 0.32
    trained.declare("returns_live", rollout("returns", challenger=challenger("never_trained", share=0.3)))
    assert of(trained).challenger is None


def test_who_was_stopped_stays_so_until_promoted_again(trained):
    trained.declare("returns_live", rollout("returns", challenger=challenger("returns_gbm", share=0.3)))
    promote(trained.lake, "returns", 2, share=0.25, **WHO)
    found = of(trained)
    for arm in found.answering[1:]:
        stop = shift_of(arm, role=arm.role)
        assert arm.role not in found.without(stop).pick([(n,) for n in range(1_000)])
        commit_stop(trained.lake, stop, **WHO)
        commit_stop(trained.lake, replace(stop, requests=5), **WHO)  # another process, a moment later
    after = of(trained)
    assert (after.canary, after.challenger) == (None, None)
    assert [stop.version for stop in after.stopped] == ["returns@2", "returns_gbm@1"]
    assert [stop.requests for stop in stops_of(trained.lake, "returns_live")] == [1_000, 1_000]
    promote(trained.lake, "returns", 2, share=0.1, **WHO)
    promote(trained.lake, "returns_gbm", 1, **WHO)
    assert [arm.role for arm in of(trained).answering] == ["live", "canary", "challenger"]
    assert of(trained).stopped == ()


def test_a_new_version_that_is_stopped_gives_way_to_the_one_before(trained):
    promote(trained.lake, "returns", 2, **WHO)
    found = of(trained)
    back = found.without(shift_of(found.live, role="live"))
    assert (back.live.version.name, back.before) == ("returns@1", None)
    assert found.without(replace(shift_of(found.live, role="live"), pin="another")) == found


def test_the_scores_of_a_rollout_are_stale_when_who_answers_changes(trained):
    promote(trained.lake, "returns", 2, share=0.25, **WHO)
    commit_stop(trained.lake, shift_of(of(trained).answering[1], role="canary"), **WHO)
    assert [build.detail for build in trained.lake.history("returns")][-1] == {"canary": 2, "share": 0.25}
    assert trained.lake.history("returns_live")[-1].detail == {"stopped": "returns@2"}


@pytest.fixture(scope="module")
def alone(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Arms:
    """Arms that no test changes."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(folders["learned"], folder, dirs_exist_ok=True)
    lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=1))
    declared = rollout("returns")
    asset = Asset(
        name="returns_live", kind="rollout", place=Place(file="learn.py"), spec=declared.spec, common=declared.common,
        fingerprint="",
    )  # fmt: skip
    found = arms(lake, asset)
    lake.close()
    return found


shares = st.floats(0.01, 0.49)
entities = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50)


@settings(deadline=None)
@given(customers=entities, canary=shares, challenger=shares, cut=st.integers(0, 50))
def test_an_entity_is_in_one_arm_whatever_the_batch(alone: Arms, customers, canary, challenger, cut):
    made = with_shares(alone, canary=canary, challenger=challenger)
    keys: Sequence[Key] = [(customer,) for customer in customers]
    together = made.pick(keys).tolist()
    assert together == [*made.pick(keys[:cut]), *made.pick(keys[cut:])] == [made.role(key) for key in keys]
    rows = pa.table({"customer_id": pa.array(customers, pa.int64())})
    assert made.pick_rows(rows).tolist() == together


@settings(deadline=None)
@given(customers=entities, canary=shares, grown=shares, challenger=shares)
def test_a_share_that_grows_only_adds_entities(alone: Arms, customers, canary, grown, challenger):
    keys: Sequence[Key] = [(customer,) for customer in customers]
    small, large = sorted([canary, grown])
    before = with_shares(alone, canary=small, challenger=challenger).pick(keys)
    after = with_shares(alone, canary=large, challenger=challenger).pick(keys)
    assert all(now == then or (then, now) == ("live", "canary") for then, now in zip(before, after, strict=True))


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 9), st.text(max_size=5)), max_size=20))
def test_composite_keys_have_one_arm_as_tuples_and_as_columns(alone: Arms, pairs):
    both = with_shares(alone, canary=0.4, challenger=0.4)
    version = replace(both.live.version, entity={"shop": "int64", "sku": "string"})
    made = replace(both, live=replace(both.live, version=version))
    rows = pa.table(
        {
            "sku": pa.array([sku for _, sku in pairs], pa.string()),
            "shop": pa.array([shop for shop, _ in pairs], pa.int64()),
        }
    )
    assert made.pick_rows(rows).tolist() == made.pick(pairs).tolist()
