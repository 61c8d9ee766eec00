from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from tests.features.conftest import Ground

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import OutOfMemory
from pumphouse.features.ranges import RANGE_ENTITIES_MIN, by_ranges
from pumphouse.features.values import definitions, feature_query, feature_values

AT = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMERS = 60_000
DIARY = """
SELECT m.customer_id, m.as_of, string_agg(repeat(n.word, {words}), ' ' ORDER BY n.word) AS diary
FROM moments m LEFT JOIN notes n ON n.customer_id = m.customer_id GROUP BY ALL
"""


@pytest.fixture
def small() -> Iterator[Ground]:
    """An engine that may take 150 MB, and a note of each customer."""
    engine = DuckDB(memory_limit="150MB", threads=2)
    ground = Ground(engine)
    engine.connection.execute("SET temp_directory = ''")
    numbers = range(CUSTOMERS)
    notes = {
        "customer_id": pa.array(numbers, pa.int64()),
        "word": [f"{number:08}" for number in numbers],
        "written_at": pa.array([AT] * CUSTOMERS, pa.timestamp("us", "UTC")),
        "_known_at": pa.array([AT] * CUSTOMERS, pa.timestamp("us", "UTC")),
    }
    ground.table("notes", pa.table(notes), event="written_at")
    yield ground
    engine.close()


def asked(ground: Ground, *, words: int) -> Any:
    ground.feature("diary", DIARY.format(words=words))
    return feature_query(ground.world, definitions(["diary"], ground.assets))


def test_ranges_that_need_more_memory_than_there_is_are_halved_and_nobody_is_left_out(small: Ground) -> None:
    query = asked(small, words=100)
    tried: list[int] = []
    customers: list[int] = []

    def compute(moments: pa.Table) -> list[int]:
        tried.append(moments.num_rows)
        values = feature_values(query, moments)
        assert values["diary"][0].as_py() == f"{values['customer_id'][0].as_py():08}" * 100
        return values["customer_id"].to_pylist()

    for found in by_ranges(query, as_of=AT, rows_max=CUSTOMERS, compute=compute):
        customers += found
    assert customers == [*range(CUSTOMERS)]
    assert tried[:2] == [CUSTOMERS, CUSTOMERS // 2]
    assert min(tried[:-1]) >= RANGE_ENTITIES_MIN


def test_what_is_too_much_even_for_few_fails_and_says_what_to_give(small: Ground) -> None:
    query = asked(small, words=10_000)
    with pytest.raises(OutOfMemory, match=r"\[engine\] memory = "):
        list(by_ranges(query, as_of=AT, rows_max=CUSTOMERS, compute=lambda moments: feature_values(query, moments)))


@pytest.mark.parametrize("rows_max", [1, 7, CUSTOMERS, CUSTOMERS + 1])
def test_ranges_hold_everybody_once_in_order_whatever_their_length(ground: Ground, rows_max: int) -> None:
    count = 20 if rows_max < 10 else CUSTOMERS
    times = pa.array([AT] * count, pa.timestamp("us", "UTC"))
    notes = {"customer_id": pa.array(range(count), pa.int64()), "word": ["a"] * count, "_known_at": times}
    ground.table("notes", pa.table(notes | {"written_at": times}), event="written_at")
    query = asked(ground, words=1)
    found = list(by_ranges(query, as_of=AT, rows_max=rows_max, compute=lambda moments: moments))
    assert pa.concat_tables(found)["customer_id"].to_pylist() == [*range(count)]
    assert {one.num_rows for one in found[:-1]} <= {rows_max}
