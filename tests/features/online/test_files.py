from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.online.conftest import NOON, Home

from pumphouse.errors import RequestRefused, UnknownName
from pumphouse.features.online.files import FEW_MAX
from pumphouse.features.online.store import Found

ENTITIES = {
    "id": [7, 8, -9],
    "spend": [1.5, None, math.nan],
    "orders": [2**63 - 1, -(2**63), 0],
    "gold": [True, None, False],
}


def test_values_nulls_and_strangers_are_told_apart(home: Home) -> None:
    home.publish(ENTITIES)
    rows = home.open().read([(8,), (7,), (404,), (-9,)], now=NOON)
    assert rows.states["spend"].tolist() == [Found.NULL, Found.PRESENT, Found.MISSING, Found.PRESENT]
    assert np.array_equal(rows.values["spend"], [math.nan, 1.5, math.nan, math.nan], equal_nan=True)
    assert rows.states["gold"].tolist() == [Found.NULL, Found.PRESENT, Found.MISSING, Found.PRESENT]
    assert rows.snapshot.tolist() == [1, 1, -1, 1]
    assert rows.as_of.tolist() == [int(NOON.timestamp() * 1e6)] * 2 + [-1, int(NOON.timestamp() * 1e6)]


def test_one_value_keeps_its_own_type(home: Home) -> None:
    home.publish(ENTITIES)
    values = home.open().entities([(7,)], now=NOON)[0].values
    assert values == {"spend": 1.5, "orders": 2**63 - 1, "gold": True}


def test_a_composite_key_is_compared_part_by_part(home: Home) -> None:
    table = {"shop": ["a", "", "a\x00b", "ä"], "id": [1, 1, -1, 2], "n": [1.0, 2.0, 3.0, 4.0]}
    home.publish(table, ("shop", "id"))
    rows = home.open().read([("a\x00b", -1), ("ä", 2), ("", 1), ("a", 1), ("a", 2), ("1", 1)], now=NOON)
    assert rows.values["n"][:4].tolist() == [3, 4, 2, 1]
    assert rows.states["n"].tolist() == [0, 0, 0, 0, Found.MISSING, Found.MISSING]


def test_a_store_without_entities_or_without_columns_answers(homes: Callable[[], Home]) -> None:
    empty, bare = homes(), homes()
    empty.publish(pa.table({"id": pa.array([], pa.int64()), "n": pa.array([], pa.float64())}))
    bare.publish({"id": [1]})
    assert empty.open().read([(1,), (2,)], now=NOON).states["n"].tolist() == [Found.MISSING] * 2
    assert bare.open().read([(1,), (2,)], now=NOON).snapshot.tolist() == [1, -1]


def test_values_expire_by_the_age_of_all_and_by_their_own(home: Home) -> None:
    table = pa.table(
        {
            "id": [1, 2],
            "n": [1.0, 2.0],
            "n__expires_at": pa.array([NOON + timedelta(minutes=1), None], pa.timestamp("us", tz="UTC")),
            "m": [1, 2],
        }
    )
    home.publish(table, expiring=["n"], max_age=3_600_000_000)
    store = home.open()
    later = NOON + timedelta(minutes=2)
    for keys in ([(1,), (2,)] * FEW_MAX, [(1,), (2,)], [(1,)]):
        at_once, soon = store.read(keys, now=NOON), store.read(keys, now=later)
        assert at_once.states["n"].tolist() == [Found.PRESENT] * len(keys)
        assert soon.states["n"].tolist() == ([Found.EXPIRED, Found.PRESENT] * len(keys))[: len(keys)]
        assert math.isnan(soon.values["n"][0])
        assert soon.states["m"].tolist() == [Found.PRESENT] * len(keys)
        assert set(store.read(keys, now=NOON + timedelta(hours=2)).states["m"].tolist()) == {Found.EXPIRED}


def test_a_column_is_asked_for_by_name_and_fingerprint(home: Home) -> None:
    home.publish(ENTITIES)
    store = home.open()
    assert list(store.read([(7,)], columns=[("orders", "1")], now=NOON).values) == ["orders"]
    with pytest.raises(UnknownName, match="of another version"):
        store.read([(7,)], columns=[("orders", "2")], now=NOON)
    with pytest.raises(UnknownName, match="no column 'order'"):
        store.read([(7,)], columns=[("order", "1")], now=NOON)


@pytest.mark.parametrize("key", [("7",), (True,), (7.0,), (2**63,), (7, 8), (None,)])
def test_a_key_of_another_type_is_refused(home: Home, key: tuple[int]) -> None:
    home.publish(ENTITIES)
    with pytest.raises(RequestRefused):
        home.open().read([key], now=NOON)


def test_an_entity_that_comes_twice_is_refused_and_nothing_changes(home: Home) -> None:
    home.publish(ENTITIES)
    with pytest.raises(Exception, match="came twice"):
        home.publish({"id": [1, 2, 1], "n": [1.0, 1.0, 2.0]})
    assert home.open().generation.entities == 3


WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROWS = st.dictionaries(
    st.tuples(WHOLE, TEXT),
    st.tuples(st.none() | st.floats(), st.none() | WHOLE, st.none() | st.booleans(), st.none() | TEXT),
    max_size=12,
)


def table_of(rows: dict[tuple[int, str], tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*((*key, *values) for key, values in rows.items()), strict=True)) or [()] * 6
    types = (pa.int64(), pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.string())
    names = ("id", "shop", "float", "whole", "truth", "text")
    return pa.table({n: pa.array(list(c), t) for n, c, t in zip(names, columns, types, strict=True)})


def bits(value: object) -> object:
    return np.float64(value).tobytes() if isinstance(value, float) else value


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_what_is_read_is_what_was_published_last(homes: Callable[[], Home], generations: list) -> None:  # type: ignore[type-arg]
    home = homes()
    everybody = sorted({key for rows in generations for key in rows})
    for number, rows in enumerate(generations):
        home.publish(table_of(rows), ("id", "shop"), at=NOON + timedelta(minutes=number), snapshot=number)
        store = home.open()
        assert store.generation.entities == len(rows)
        many = store.read(everybody * (FEW_MAX + 1), now=NOON)  # so many are read in another way
        for at, key in enumerate(everybody):
            (one,) = store.entities([key], now=NOON)
            alone = store.read([key], now=NOON)
            assert one.snapshot == many.snapshot[at] == alone.snapshot[0] == (number if key in rows else -1)
            for place, (name, value) in enumerate(one.values.items()):
                state = one.states[name]
                assert state == many.states[name][at] == alone.states[name][0]
                assert bits(many.values[name][at]) == bits(alone.values[name][0])
                if key in rows:
                    assert bits(value) == bits(rows[key][place])
                    assert state == (Found.NULL if rows[key][place] is None else Found.PRESENT)
                else:
                    assert state == Found.MISSING
