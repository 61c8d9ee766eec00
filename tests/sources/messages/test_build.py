from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import Works

from pumphouse.declare.asset import Asset
from pumphouse.declare.messages import messages
from pumphouse.errors import ConfigError, SourceError
from pumphouse.sources.messages.build import waits
from pumphouse.sources.messages.protocols import chunks
from pumphouse.sources.messages.receiving import receive

ORDERS = {"orders": {"key": "id", "cursor": "at"}}
STATE = {"type": "STATE", "value": {"bookmarks": {"orders": {"at": "2026-01-02"}}}}
SCHEMA = {
    "type": "SCHEMA", "stream": "orders", "key_properties": ["id"],
    "schema": {"properties": {
        "id": {"type": "integer"}, "at": {"type": ["null", "string"], "format": "date-time"},
        "paid": {"type": ["boolean", "null"]}, "usd": {"type": "number"}, "lines": {"type": ["array", "null"]},
        "note": {"type": ["string", "integer"]},
    }},
}  # fmt: skip


def record(stream: str = "orders", **values: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": values}


def airbyte(stream: str = "orders", **values: Any) -> dict[str, Any]:
    return {"type": "RECORD", "record": {"stream": stream, "data": values, "emitted_at": 1_700_000_000_000}}


def lines(*sent: Any) -> io.BytesIO:
    texts = (one if isinstance(one, str) else json.dumps(one) for one in sent)
    return io.BytesIO("".join(f"{text}\n" for text in texts).encode())


class Receiving:
    def __init__(self, works: Works, streams: dict[str, dict[str, Any]]) -> None:
        self.works = works
        self.made = [works.asset(messages(streams), f"shop_{name}") for name in streams]

    @property
    def assets(self) -> list[Asset]:
        return [asset for asset, _ in self.made]

    def send(self, *sent: Any, **options: Any) -> Any:
        return receive(self.works.lake, self.assets, lines(*sent), **options)

    def run(self, place: int = 0, **changes: Any) -> Any:
        return self.works.run(self.made[place], **changes)


@pytest.fixture
def shop(works: Works) -> Receiving:
    return Receiving(works, ORDERS)


def test_records_of_singer_become_rows_of_the_types_that_their_schema_says(shop, works):
    got = shop.send(
        SCHEMA,
        record(id=1, at="2026-01-01T10:00:00+02:00", paid=None, usd=5, lines=[{"sku": 1}], note="x"),
        record(id=2, at="2026-01-02T00:00:00Z", paid=None, usd=0.5, lines=None, note=7),
        STATE,
    )
    assert (got.records, got.state, got.unread) == ({"orders": 2}, STATE["value"], ())
    assert shop.run().counts.rows_out == 2
    kinds = works.types("shop_orders")
    assert [kinds[name] for name in ("id", "at", "paid", "usd", "lines", "note")] == [
        "BIGINT", "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "DOUBLE", "VARCHAR", "VARCHAR",
    ]  # fmt: skip
    assert works.rows("shop_orders", "id, usd, lines, note") == [(1, 5.0, '[{"sku":1}]', "x"), (2, 0.5, None, "7")]


def test_records_of_airbyte_become_rows_too(shop, works):
    shop.send({"type": "LOG", "log": {"level": "INFO", "message": "hi"}}, airbyte(id=1, at="2026-01-01"), STATE)
    shop.run()
    assert works.rows("shop_orders", "id") == [(1,)]


def test_what_arrives_later_is_upserted_and_the_same_again_is_nothing_new(shop, works):
    first = (record(id=1, at="2026-01-01", usd=1), record(id=2, at="2026-01-01", usd=2), STATE)
    shop.send(*first)
    shop.run()
    assert not shop.send(*first).is_new
    assert not waits(shop.assets[0], works.lake)
    shop.send(record(id=2, at="2026-01-03", usd=9), STATE)
    shop.send(record(id=3, at="2026-01-04", usd=3), STATE)
    assert waits(shop.assets[0], works.lake)
    shop.run()
    assert works.rows("shop_orders", "id, usd") == [(1, 1), (2, 9), (3, 3)]
    assert shop.run().snapshot is None
    before = works.rows("shop_orders")
    shop.run(mode="full")
    assert works.rows("shop_orders") == before


def test_a_stream_without_a_cursor_is_the_whole_table(works):
    shop = Receiving(works, {"staff": {"key": "id"}})
    shop.send(record("staff", id=1), record("staff", id=2), STATE)
    shop.send(record("staff", id=2), record("staff", id=3), STATE)
    shop.run()
    assert works.rows("shop_staff", "id") == [(2,), (3,)]
    with pytest.raises(SourceError, match=r"does not end with a STATE, so it may be cut off, and shop_staff would"):
        shop.send(record("staff", id=2))
    shop.send(record("staff", id=4), complete=True)
    shop.run()
    assert works.rows("shop_staff", "id") == [(4,)]


def test_several_streams_arrive_together_and_what_nobody_reads_is_told(works):
    shop = Receiving(works, ORDERS | {"staff": {}})
    got = shop.send(record(id=1, at="2026-01-01"), record("staff", name="Ann"), record("visits", n=1), STATE)
    assert got.unread == ("visits",)
    shop.run(0)
    shop.run(1)
    assert works.rows("shop_staff", "name") == [("Ann",)]


def test_lines_that_are_no_messages_are_quarantined_with_their_number(shop, works):
    shop.send(record(id=1, at="2026-01-01"), '{"type": "RECORD", "stream": "ord', "[]", {"type": "WHAT"}, STATE)
    counts = shop.run().counts
    assert (counts.rows_in, counts.rows_out, counts.withheld) == (4, 1, 3)
    reasons = [reason for _, _, reason in works.quarantine("shop_orders")]
    assert [reason.partition(" of the messages ")[0] for reason in sorted(reasons)] == ["line 2", "line 3", "line 4"]


def test_a_source_that_failed_and_what_is_no_message_are_refused_and_leave_nothing(shop, works):
    failed = {"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "quota exceeded"}}}
    with pytest.raises(SourceError, match="the source says that it failed: quota exceeded"):
        shop.send(airbyte(id=1, at="2026-01-01"), failed)
    with pytest.raises(SourceError, match=r"holds no message of Singer or Airbyte: 12 bytes, 2 other lines"):
        shop.send("hello", "world")
    with pytest.raises(SourceError, match="nothing has arrived for 'shop_orders' yet"):
        shop.run()
    assert works.lake.tables() == ()


def test_a_table_of_which_only_other_lines_came_waits_for_its_first_row(works, shop):
    shop.send("no message", record("order", id=1, at="2026-01-01"), STATE)
    with pytest.raises(SourceError, match="'shop_orders' has given no row yet, so its columns are not known"):
        shop.run()
    shop.send(record(id=1, at="2026-01-01"), STATE)
    assert shop.run().counts.withheld == 1
    assert works.rows("shop_orders", "id") == [(1,)]


def test_a_stream_of_another_name_is_told(shop):
    shop.send(record(id=1, at="2026-01-01"), STATE)
    shop.run()
    shop.send(record("order", id=1, at="2026-01-01"), STATE)
    built = shop.run()
    assert built.warnings == ("no message of stream 'orders' came; there were order. Did you mean 'order'?",)


def test_options_that_are_none_are_refused_when_they_are_declared():
    with pytest.raises(ConfigError, match=r"stream 'a' has no 'keys'. Did you mean 'key'\?"):
        messages({"a": {"keys": "id"}})


def sent() -> Iterable[Any]:
    values = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.booleans(), max_size=2))
    made = st.builds(lambda make, n, value: make(id=n, at=f"2026-01-{n + 1:02d}", value=value),
                     st.sampled_from([record, airbyte]), st.integers(0, 9), values)  # fmt: skip
    return st.lists(st.one_of(made, st.sampled_from([STATE, SCHEMA, "{", "", "7", {"type": "LOG"}])), min_size=1)


@given(sent(), st.integers(1, 200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_pieces_of_any_size_hold_the_same_messages(tmp_path, monkeypatch, all_sent, size):
    path = tmp_path / "messages.jsonl"
    path.write_bytes(lines(*all_sent).getvalue())

    def held() -> tuple[list[Any], list[Any], bool]:
        found = list(chunks(path))
        records = [one for chunk in found for one in chunk.records.get("orders", ())]
        ends = [chunk.ends_with_state for chunk in found if chunk.ends_with_state is not None]
        return records, [line for chunk in found for line in chunk.strange], bool(ends and ends[-1])

    whole = held()
    monkeypatch.setattr("pumphouse.sources.messages.protocols.CHUNK_BYTES", size)
    assert held() == whole
    assert len(whole[0]) == sum(isinstance(one, dict) and one["type"] == "RECORD" for one in all_sent)
