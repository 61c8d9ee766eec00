"""What ends a statement: whoever asked, its time, its memory, a reader who is away, a token that is no more."""

from __future__ import annotations

import itertools
import random
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import AccessDenied, Cancelled, Late, PumphouseError, TooMuch
from pumphouse.lake.commit import Commit
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.state import Access
from pumphouse.server.access.desk import Bounds, Desk, Result
from pumphouse.server.access.gate import Gate, Visitor
from pumphouse.server.access.policies import Policies
from pumphouse.server.access.runs import BATCH_BYTES, CHUNK_ROWS

ADA = Visitor(who="ada", scope="all")
LONG = "SELECT sum(hash(a.range + b.range)) FROM range(1_000_000) a, range(1_000_000) b"
WIDE = "SELECT o.*, r.range, repeat('x', 1000) AS text FROM orders o, range(100_000) r"


@pytest.fixture(scope="module")
def desk(served: Any) -> Iterator[Desk]:
    shop = served.shop
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), memory="300MB", threads=2)
    yield desk
    desk.close()


def logged(served: Any, door: str) -> list[Access]:
    return [one for one in served.shop.lake.state.accesses(asset="orders") if one.door == door]


def stopped(result: Result) -> tuple[PumphouseError, float]:
    """What ended it, and how long that took."""
    started = time.monotonic()
    with pytest.raises(PumphouseError) as caught:
        result.read_all()
    return caught.value, time.monotonic() - started


@pytest.mark.parametrize("after_s", [0.0, 0.2])
def test_cancel_stops_what_runs_from_another_thread(desk: Desk, served: Any, after_s: float) -> None:
    result = desk.ask(ADA, f"SELECT * FROM ({LONG}), orders", door=f"cancelled {after_s}").run()
    threading.Timer(after_s, result.cancel).start()
    error, _ = stopped(result)
    assert isinstance(error, Cancelled)
    assert [one.rows for one in logged(served, f"cancelled {after_s}")] == [0]


def test_cancelled_stream_is_in_the_log_with_the_rows_that_were_taken(desk: Desk, served: Any) -> None:
    with desk.ask(ADA, WIDE, door="halfway").run() as result:
        batches = iter(result)
        taken = next(batches).num_rows + next(batches).num_rows
        result.cancel()
        with pytest.raises(Cancelled):
            next(batches)
    assert [one.rows for one in logged(served, "halfway")] == [taken]


def test_row_that_is_taken_of_a_batch_after_the_end_is_none(desk: Desk, served: Any) -> None:
    result = desk.ask(ADA, WIDE, door="by pieces").run()
    result.count(7 - next(iter(result)).num_rows)
    result.close()
    with pytest.raises(Cancelled):
        result.count(1)
    assert [one.rows for one in logged(served, "by pieces")] == [7]


def test_failure_halfway_is_in_the_log_with_the_rows_that_were_taken(desk: Desk, served: Any) -> None:
    text = "SELECT o.order_id, (CASE WHEN r.range < 90_000 THEN '1' ELSE 'x' END)::INT FROM range(100_000) r, orders o"
    result = desk.ask(ADA, text, door="failing").run()
    error, _ = stopped(result)
    assert "can't be read as INT32" in error.what
    assert [one.rows for one in logged(served, "failing")] == [result.rows]
    assert result.rows > 0


def test_rows_are_on_the_disk_before_the_end_is_told(desk: Desk, served: Any) -> None:
    for _ in (batches := iter(desk.ask(ADA, "FROM orders", door="whole").run())):
        pass
    assert next(batches, None) is None
    assert [one.rows for one in logged(served, "whole")] == [40]


def test_statement_that_takes_too_long_is_ended(desk: Desk) -> None:
    error, _ = stopped(replace(desk.ask(ADA, LONG, door="late"), bounds=Bounds(seconds=0.5)).run())
    assert isinstance(error, Late)
    assert "0.5 seconds" in error.what


def test_reader_who_is_away_loses_the_stream_and_is_in_the_log(desk: Desk, served: Any) -> None:
    result = replace(desk.ask(ADA, WIDE, door="stalled"), bounds=Bounds(stall_s=2.0)).run()
    batches = iter(result)
    taken = next(batches).num_rows
    deadline = time.monotonic() + 20
    while not logged(served, "stalled") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [one.rows for one in logged(served, "stalled")] == [taken]
    with pytest.raises(Late, match="nobody took the rows"):
        next(batches)
    result.close()
    assert len(logged(served, "stalled")) == 1


def test_more_memory_than_there_is_ends_one_statement_alone(desk: Desk) -> None:
    error, _ = stopped(desk.ask(ADA, "SELECT array_agg(range) FROM range(200_000_000)", door="memory").run())
    assert isinstance(error, TooMuch)
    assert desk.ask(ADA, "FROM orders", door="memory").run().read_all().num_rows == 40


def test_revoked_token_ends_a_running_stream(served: Any) -> None:
    shop = served.shop
    gate = Gate(shop.lake, owner="ada", token="the-owners-own-token")
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), admits=gate.admits)
    visitor = gate.visitor(shop.lake.state.tokens.make("mallory", scope="read"))
    assert visitor is not None
    with desk.ask(visitor, WIDE, door="revoked").run() as result:
        batches = iter(result)
        next(batches)
        shop.lake.state.tokens.revoke("mallory")
        with pytest.raises(AccessDenied, match="token of mallory has ended"):
            _taken_slowly(batches)
    assert [one.rows for one in logged(served, "revoked")] == [result.rows]
    desk.close()


def _taken_slowly(batches: Iterator[Any]) -> None:
    for _ in batches:
        time.sleep(0.05)


def test_many_at_once_are_all_served_and_all_logged(desk: Desk, served: Any) -> None:
    failures: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            for _ in range(5):
                found = desk.ask(
                    ADA, "SELECT * FROM orders WHERE order_id <= ?", door="many", parameters=[number]
                ).run()
                assert found.read_all().num_rows == number
        except BaseException as error:  # noqa: BLE001  # told below
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(number % 40 + 1,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(one.rows for one in logged(served, "many")) == sorted([*range(1, 41)] * 5)


def test_short_statements_do_not_wait_behind_long_ones(served: Any) -> None:
    shop = served.shop
    desk = Desk(shop.lake, Policies(shop.lake, shop.assets), threads=1)
    long = [desk.ask(ADA, LONG, door="long").run() for _ in range(12)]
    threads = [threading.Thread(target=stopped, args=(one,)) for one in long]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            assert desk.ask(ADA, "FROM orders", door="short").run().read_all().num_rows == 40
    finally:
        for one in long:
            one.cancel()
        for thread in threads:
            thread.join()
        desk.close()


def test_batches_are_as_large_as_their_rows_allow(desk: Desk) -> None:
    def sizes(text: str) -> list[int]:
        result = desk.ask(ADA, text, door="sizes").run()
        found = [batch.num_rows for batch in itertools.islice(result, 3)]
        result.close()
        return found

    numbers = "SELECT range AS a, range::INT AS b FROM range(1_000_000)"
    texts = "SELECT 'text ' || range AS a FROM range(1_000_000)"
    wide = "SELECT repeat('x', 4_000) || range AS a FROM range(10_000)"
    assert sizes(numbers) == [65_536] * 3
    sizes(texts)
    assert min(sizes(texts)) > 2_048  # by now it is known how wide they are
    assert sizes(wide) == [2_048] * 3
    assert max(sizes(wide)) <= BATCH_BYTES // 4_000  # likewise


def test_no_batch_is_kept_while_the_next_one_is_made(desk: Desk) -> None:
    with desk.ask(ADA, WIDE, door="kept").run() as result:
        batches = iter(result)
        batch = next(batches)
        kept = weakref.ref(batch)
        del batch
        assert kept() is None


def test_wide_rows_come_a_few_at_a_time(tmp_path: Path) -> None:
    texts = [random.Random(number).randbytes(10_000).hex() for number in range(300)]
    pages = pa.table({"id": range(300), "text": pa.array(texts)})
    lake = Lake(Location(folder=tmp_path / "lake"), engine=DuckDB(threads=1))
    commit = Commit(lake, "pages", run="run-1", actor="ada", accept_schema=True)
    commit.replace("pages", lake.stage(pages.to_batches(), pages.schema, stem="pages"))
    commit.publish()
    desk = Desk(lake, Policies(lake, {}))
    with desk.ask(ADA, "FROM pages", door="test").run() as result:
        batches = list(result)
    assert max(batch.nbytes for batch in batches) <= BATCH_BYTES
    assert pa.Table.from_batches(batches).sort_by("id").equals(pages)
    made = "SELECT range AS id, repeat('x', 10_000) AS text FROM range(5_000)"
    rows = []
    for _ in range(2):  # how wide what a query makes is, nobody knows before
        with desk.ask(ADA, made, door="test").run() as result:
            rows.append(max(batch.num_rows for batch in result))
    assert rows[0] == CHUNK_ROWS
    assert rows[1] * 10_000 <= BATCH_BYTES
    desk.close()
    lake.close()
