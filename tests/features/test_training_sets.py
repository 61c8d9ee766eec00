from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.errors import BuildError
from pumphouse.features.moments import entity_numbers, entity_texts
from pumphouse.features.training_sets import TrainingData

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TIMES = pa.timestamp("us", tz="UTC")


def data_of(asked: list[tuple[str, int]], *, matures_days: int = 8) -> TrainingData:
    """A set with a moment for each (customer, day), in order of the day."""
    asked = sorted(asked, key=lambda moment: (moment[1], moment[0]))
    moments = pa.table(
        {
            "customer": [customer for customer, _ in asked],
            "as_of": pa.array([START + day * DAY for _, day in asked], TIMES),
        }
    )
    rows = moments.append_column("spend", pa.array(range(len(asked)), pa.int64()))
    rows = rows.append_column("returned", pa.array([number % 2 for number in range(len(asked))], pa.int64()))
    certain = pa.chunked_array([pa.array([START + (day + matures_days) * DAY for _, day in asked], TIMES)])
    return TrainingData(
        rows=rows,
        entity=("customer",),
        columns=("spend",),
        label="returned",
        task="chance",
        snapshot=1,
        assumed=False,
        unlabelled=0,
        moments=moments,
        certain_at=certain,
    )


monthly = [(customer, day) for customer in "abcde" for day in range(0, 100, 10)]


def days(data: TrainingData) -> set[int]:
    return {(at - START).days for at in data.moments["as_of"].to_pylist()}


def test_by_time_the_last_moments_are_tested_on():
    learned, tested = data_of(monthly).split(by="time", share=0.2)
    assert days(tested) == {80, 90}
    assert days(learned) == {0, 10, 20, 30, 40, 50, 60, 70}
    assert len(learned.X) == len(learned.y) == learned.moments.num_rows == 40
    assert tested.y.tolist() == [number % 2 for number in range(40, 50)]


def test_by_time_a_label_that_saw_the_days_of_the_test_is_not_learned_from():
    learned, tested = data_of(monthly, matures_days=25).split(by="time", share=0.2)
    assert days(tested) == {80, 90}
    assert days(learned) == {0, 10, 20, 30, 40, 50}


def test_by_time_moments_of_one_time_stay_together():
    asked = [*((str(n), 0) for n in range(10)), *((str(n), 50) for n in range(90))]
    learned, tested = data_of(asked).split(by="time", share=0.2)
    assert (len(learned.y), len(tested.y)) == (10, 90)


@settings(max_examples=30, deadline=None)
@given(
    asked=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 40)), min_size=2, max_size=40, unique=True),
    share=st.floats(0.05, 0.9),
    matures=st.integers(0, 15),
)
def test_by_time_nothing_learned_from_is_certain_after_the_test_begins(asked, share, matures):
    data = data_of(asked, matures_days=matures)
    try:
        learned, tested = data.split(by="time", share=share)
    except BuildError:
        return
    begins = min(days(tested))
    assert max(days(learned)) + matures <= begins
    kept = sum(day >= begins or day + matures <= begins for _, day in asked)
    assert len(learned.y) + len(tested.y) == kept


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_by_entity_all_moments_of_one_go_together_and_all_are_kept(share: float):
    asked = [(str(customer), day) for customer in range(300) for day in (0, 10)]
    learned, tested = data_of(asked).split(by="entity", share=share)
    sides = [set(part.moments["customer"].to_pylist()) for part in (learned, tested)]
    assert not sides[0] & sides[1]
    assert len(learned.y) + len(tested.y) == 600
    assert abs(len(sides[1]) / 300 - share) < 0.1


def test_a_split_with_an_empty_part_is_refused():
    with pytest.raises(BuildError, match="can't be split by time: one part would be empty"):
        data_of([("a", 1), ("b", 1)]).split(by="time")
    with pytest.raises(BuildError, match="can't be split by time"):
        data_of(monthly, matures_days=200).split(by="time")
    with pytest.raises(BuildError, match="can't be split by entity"):
        data_of([("a", 1), ("a", 2)]).split(by="entity")


def test_a_split_by_nothing_known_is_refused():
    with pytest.raises(ValueError, match="by 'time' or by 'entity', not by 'rows'"):
        data_of(monthly).split(by="rows")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="above 0 and below 1"):
        data_of(monthly).split(by="time", share=1.0)


def test_entities_are_told_apart_whatever_their_columns_hold():
    rows = pa.table({"shop": ["a", "a", "b", "a", None], "sku": pa.array([11, 1, 11, 11, 1], pa.int64())})
    assert entity_texts(rows, ["shop", "sku"]).to_pylist() == ["a\x0011", "a\x001", "b\x0011", "a\x0011", "None\x001"]
    assert entity_numbers(rows, ["shop", "sku"]).tolist() == [0, 1, 2, 0, 3]
    parted = pa.concat_tables([rows.slice(2), rows.slice(0, 2)])
    assert entity_numbers(parted, ["sku"]).tolist() == [0, 0, 1, 0, 1]
    assert entity_numbers(rows.slice(0, 0), ["sku"]).tolist() == []
