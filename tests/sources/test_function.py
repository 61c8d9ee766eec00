from __future__ import annotations

import datetime as dt
import logging
import time
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from tests.sources.conftest import Reply, json_reply

from pumphouse.declare.sources import source
from pumphouse.declare.tables import check
from pumphouse.errors import CheckFailed, ConfigError, SchemaChange, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources import from_dlt
from pumphouse.sources.fetch import load

SERVICES = {"http": "Http", "since": "Cursor"}
MOMENT = {"event": "paid_at"}


def orders(**options):
    """Orders of an API, as a user declares them."""

    @source(connection="shop_api", **options)
    def raw_orders(http, since):
        """Orders. One row per order."""
        yield from http.pages("/orders", params={"since": since})

    return raw_orders


def order(number: int, day: int, *, cents: object = 500) -> dict[str, object]:
    return {
        "order_id": number,
        "cents": cents,
        "paid_at": f"1998-01-{day:02}T00:00:00Z",
        "updated_at": f"1998-01-{day:02}T12:00:00Z",
    }


@pytest.fixture
def api(works, world):
    works.connections["shop_api"] = connection(world)
    return world


@pytest.fixture
def bad_api(idle, world):
    """An API from which nothing will be built."""
    idle.connections["shop_api"] = connection(world)
    return world


def connection(world):
    return Connection(name="shop_api", url=f"{world.url}/api", options={"auth": {"bearer": "hush-hush"}, "tries": 2})


def test_pages_are_followed_and_every_answer_is_stored_before_it_is_read(works, api):
    api.replies["/api/orders"] = lambda target: (
        json_reply({"data": [order(3, 3)], "next": None})
        if "page=2" in target
        else json_reply({"data": [order(1, 1), order(2, 2)], "next": "orders?page=2"})
    )
    made = works.asset(orders(key="order_id", cursor="updated_at", time=MOMENT), services=SERVICES)

    built = works.run(made)

    assert api.asked == ["/api/orders", "/api/orders?page=2"]
    assert [row[0] for row in works.rows("raw", "order_id")] == [1, 2, 3]
    assert works.types()["paid_at"] == works.types()["updated_at"] == "TIMESTAMP WITH TIME ZONE"
    last = works.lake.builds()["raw"]
    assert last.cursor == "1998-01-03T12:00:00Z"
    manifest = load(works.lake.blobs, last.raw, asset="raw")
    assert [(exchange.address, exchange.status) for exchange in manifest.exchanges] == [
        (f"{api.url}/api/orders", 200),
        (f"{api.url}/api/orders?page=2", 200),
    ]
    raws = dict(works.rows("raw", "order_id, _raw"))
    assert raws[1] == raws[2] == manifest.exchanges[0].sha != raws[3]
    assert b'"order_id":3' in works.lake.blobs.get(raws[3])
    assert built.counts.rows_in == built.counts.rows_out == 3


def test_the_cursor_is_sent_as_the_source_wrote_it_and_rows_that_come_again_change_nothing(works, api):
    api.replies["/api/orders"] = [
        json_reply({"data": [order(1, 1), order(2, 2)]}),
        json_reply({"data": [order(2, 2)]}),
        json_reply({"data": [order(2, 2, cents=700), order(3, 3)]}),
    ]
    made = works.asset(orders(key="order_id", cursor="updated_at", time=MOMENT), services=SERVICES)
    works.run(made)
    again = works.run(made)
    assert api.asked[1] == "/api/orders?since=1998-01-02T12%3A00%3A00Z"
    assert again.snapshot is None
    assert again.note == "nothing new"

    built = works.run(made)
    assert built.snapshot is not None
    assert works.rows("raw", "order_id, cents") == [(1, 500), (2, 700), (3, 500)]
    assert works.lake.builds()["raw"].cursor == "1998-01-03T12:00:00Z"


def test_a_cursor_alone_appends_and_nothing_comes_twice(works, api):
    api.replies["/api/orders"] = [
        json_reply({"data": [order(1, 1), order(2, 2)]}),
        json_reply({"data": [order(2, 2), order(3, 3), {"order_id": 9}]}),
        json_reply({"data": [order(3, 3), {"order_id": 9}]}),
    ]
    made = works.asset(orders(cursor="updated_at"), services=SERVICES)
    works.run(made)
    counts = works.run(made).counts
    assert [row[0] for row in works.rows("raw", "order_id")] == [1, 2, 3]
    assert (counts.rows_in, counts.rows_out, counts.dropped, counts.withheld) == (3, 1, 1, 1)
    assert works.quarantine() == [("*", '{"order_id":9}', "cursor 'updated_at' is null")]
    assert works.run(made).snapshot is None  # what was held back is not held back twice
    assert len(works.quarantine()) == 1


def test_a_key_alone_compares_the_whole(works, api):
    api.replies["/api/orders"] = [
        json_reply([order(1, 1), order(2, 2), order(3, 3)]),
        json_reply([order(3, 3), order(2, 2, cents=1), order(4, 4), order(4, 4, cents=2)]),
    ]
    made = works.asset(orders(key="order_id"), services=SERVICES)
    works.run(made)
    counts = works.run(made).counts
    assert works.rows("raw", "order_id, cents") == [(2, 1), (3, 500), (4, 2)]
    assert (counts.rows_in, counts.rows_out, counts.merged) == (4, 3, 1)
    loaded = dict(works.rows("raw", "order_id, _loaded_at"))
    assert loaded[3] < loaded[2] == loaded[4]


def test_neither_replaces_and_equal_bytes_change_nothing(works, api):
    api.replies["/api/orders"] = [json_reply([order(1, 1)]), json_reply([order(1, 1)]), json_reply([order(2, 2)])]
    made = works.asset(orders(), services=SERVICES)
    works.run(made)
    assert works.run(made).snapshot is None
    works.run(made)
    assert [row[0] for row in works.rows("raw", "order_id")] == [2]


def test_history_keeps_every_version_of_a_key(works, api):
    api.replies["/api/orders"] = [
        json_reply([order(1, 1), order(2, 2)]),
        json_reply([order(1, 1, cents=7), order(2, 2)]),
        json_reply([order(1, 1), order(2, 2), order(2, 2)]),
    ]
    made = works.asset(orders(key="order_id", history=True), services=SERVICES)
    works.run(made)
    works.run(made)
    counts = works.run(made).counts
    expected = [(1, 500), (1, 7), (1, 500), (2, 500)]
    assert works.rows("raw", "order_id, cents", order="order_id, _loaded_at") == expected
    assert (counts.rows_in, counts.rows_out, counts.merged) == (3, 2, 1)
    works.run(made, mode="full")
    assert works.rows("raw", "order_id, cents", order="order_id, _loaded_at") == expected
    works.run(made)
    assert works.rows("raw", "order_id, cents", order="order_id, _loaded_at") == expected


def test_history_needs_a_key(idle, bad_api):
    with pytest.raises(ConfigError, match="keeps a history of no key"):
        idle.run(idle.asset(orders(history=True), services=SERVICES))


def test_a_rebuild_runs_the_changed_code_over_all_stored_answers_and_asks_nobody(works, api):
    api.replies["/api/orders"] = [
        json_reply({"data": [order(1, 1), order(2, 2)]}),
        json_reply({"data": [order(2, 2, cents=700), order(3, 3)]}),
    ]
    options = {"key": "order_id", "cursor": "updated_at", "time": MOMENT}
    made = works.asset(orders(**options), services=SERVICES)
    works.run(made)
    works.run(made)
    before = works.rows("raw", "*, _loaded_at, _known_at, _raw")
    asked = len(api.asked)

    works.run(made, mode="full")
    assert works.rows("raw", "*, _loaded_at, _known_at, _raw") == before

    @source(connection="shop_api", **options)
    def doubled(http, since):
        for page in http.pages("/orders", params={"since": since}):
            yield [{**row, "cents": row["cents"] * 2} for row in page]

    works.run(works.asset(doubled, services=SERVICES), mode="full")
    assert works.rows("raw", "order_id, cents") == [(1, 1000), (2, 1400), (3, 1000)]
    assert works.lake.builds()["raw"].cursor == "1998-01-03T12:00:00Z"
    assert len(api.asked) == asked

    @source(connection="shop_api", **options)
    def elsewhere(http, since):
        yield from http.pages("/refunds", params={"since": since})

    with pytest.raises(SourceError, match=r"hold none for .*/api/refunds.*run raw --refetch"):
        works.run(works.asset(elsewhere, services=SERVICES), mode="full")
    assert len(api.asked) == asked


def test_a_refetch_starts_over_and_is_what_a_later_rebuild_begins_with(works, api):
    api.replies["/api/orders"] = [
        json_reply({"data": [order(1, 1), order(2, 2)]}),
        json_reply({"data": [order(5, 5)]}),
        json_reply({"data": [order(6, 6)]}),
    ]
    made = works.asset(orders(key="order_id", cursor="updated_at"), services=SERVICES)
    works.run(made)
    works.run(made, mode="refetch")
    assert api.asked[-1] == "/api/orders"
    assert works.rows("raw", "order_id") == [(5,)]
    works.run(made)
    works.run(made, mode="full")
    assert works.rows("raw", "order_id") == [(5,), (6,)]


def test_a_full_run_before_the_first_one_fetches(works, api):
    api.replies["/api/orders"] = json_reply([order(1, 1)])
    works.run(works.asset(orders(), services=SERVICES), mode="full")
    assert works.rows("raw", "order_id") == [(1,)]


def test_known_at_is_the_declared_column_or_the_time_of_loading(works, api):
    rows = [order(1, 1), {**order(2, 2), "paid_at": None}]
    api.replies["/api/orders"] = json_reply(rows)
    works.run(works.asset(orders(time={"known": "paid_at"}), services=SERVICES))
    assert works.rows("raw", "order_id, _known_at, _loaded_at") == [
        (1, dt.datetime(1998, 1, 1, tzinfo=dt.UTC), works.now),
        (2, works.now, works.now),
    ]


def test_a_day_was_known_when_it_was_over_in_the_projects_zone(works, api):
    api.replies["/api/orders"] = json_reply([{"id": 1, "reported_on": "1998-05-05"}, {"id": 2, "reported_on": None}])
    made = works.asset(orders(time={"known": "reported_on"}), services=SERVICES)
    works.run(made, settings={"zone": "America/New_York"})
    known = [at for (at,) in works.rows("raw", "_known_at")]
    assert known == [dt.datetime(1998, 5, 6, 4, tzinfo=dt.UTC), works.now]


def test_a_known_column_that_is_no_time_is_refused(idle, bad_api):
    bad_api.replies["/api/orders"] = json_reply([{"id": 1, "when": 5}])
    with pytest.raises(SourceError, match="'when' is declared to be when a row was known, and it holds a whole number"):
        idle.run(idle.asset(orders(time={"known": "when"}), services=SERVICES))


def test_a_stray_among_times_is_quarantined_with_its_original(works, api):
    api.replies["/api/orders"] = json_reply([order(1, 1), {**order(2, 2), "paid_at": "soon"}])
    counts = works.run(works.asset(orders(time=MOMENT), services=SERVICES)).counts
    assert works.rows("raw", "order_id, paid_at") == [(1, dt.datetime(1998, 1, 1, tzinfo=dt.UTC)), (2, None)]
    assert works.quarantine() == [("paid_at", "soon", "is not a time (ISO 8601)")]
    assert (counts.rows_in, counts.rows_out, counts.quarantined) == (2, 2, 1)


def test_days_stay_days_in_a_declared_time(works, api):
    api.replies["/api/orders"] = json_reply([{"day": "1998-01-02"}, {"day": None}])
    works.run(works.asset(orders(time={"event": "day"}), services=SERVICES))
    assert works.rows() == [(dt.date(1998, 1, 2),), (None,)]


def test_types_are_those_that_hold_all_that_came(works, api):
    api.replies["/api/orders"] = json_reply(
        [
            {"id": 1, "price": 3, "big": 2**63, "who": "x", "deep": {"b": [1, None]}, "ok": True, "nothing": None},
            {"id": 2, "price": 3.5, "big": 1, "who": 7, "deep": None, "ok": False, "late": "2024-01-01T00:00:00Z"},
        ]
    )
    works.run(works.asset(orders(), services=SERVICES))
    assert works.rows() == [
        (1, 3.0, Decimal(2**63), "x", '{"b":[1,null]}', True, None, None),
        (2, 3.5, Decimal(1), "7", None, False, None, "2024-01-01T00:00:00Z"),
    ]
    types = works.types()
    assert (types["price"], types["big"], types["nothing"], types["late"]) == (
        "DOUBLE",
        "DECIMAL(38,0)",
        "VARCHAR",
        "VARCHAR",
    )


def test_a_later_fetch_fits_the_table_or_the_lake_asks(works, api):
    first = [{"id": 1, "price": 1.5, "code": "a", "n": 1}]
    later = [
        [{"id": 2, "price": 2, "code": 7, "n": None}],  # fits without loss
        [{"id": 3}, {"id": 4, "n": "N/A"}, {"id": 5, "n": 5}],  # a column left out, and a stray
        [{"id": 6, "n": "x"}],  # all of it is of another type
    ]
    api.replies["/api/orders"] = [json_reply(rows) for rows in (first, *later)]
    made = works.asset(orders(key="id", cursor="id"), services=SERVICES)
    works.run(made)
    works.run(made)
    assert works.rows() == [(1, 1.5, "a", 1), (2, 2.0, "7", None)]
    works.run(made)
    assert works.rows()[2:] == [(3, None, None, None), (4, None, None, None), (5, None, None, 5)]
    assert works.quarantine() == [("n", "N/A", "is not a whole number of 64 bits")]
    with pytest.raises(SchemaChange, match="'n' was int64 and would be string"):
        works.run(made)
    assert len(works.rows()) == 5


def test_a_column_gone_and_another_come_may_be_a_rename_so_the_lake_asks(works, api):
    api.replies["/api/orders"] = [json_reply([{"id": 1, "price": 1.5}]), json_reply([{"id": 2, "unit_price": 2.5}])]
    made = works.asset(orders(key="id", cursor="id"), services=SERVICES)
    works.run(made)
    with pytest.raises(SchemaChange, match=r"'price' would be gone \(renamed to 'unit_price'\?\)"):
        works.run(made)


def test_rows_of_the_next_batch_may_widen_a_column(works, monkeypatch):
    monkeypatch.setattr("pumphouse.sources.spool.BATCH_ROWS", 10)

    @source()
    def numbers():
        for number in range(25):
            yield {"id": number, "n": number if number < 20 else number / 2}

    works.run(works.asset(numbers))
    assert works.types()["n"] == "DOUBLE"
    assert sum(row[0] for row in works.rows("raw", "n")) == sum(range(20)) + sum(n / 2 for n in range(20, 25))


def test_a_function_without_http_is_its_own_raw_form(works):
    runs = []

    @source(key="id")
    def made_up(*, start):
        runs.append(1)
        yield {
            "id": start,
            "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
            "amount": Decimal("1.50"),
            "data": b"\x00\x01",
        }
        yield [{"id": 8, "mixed": 1}, {"id": 9, "mixed": "x"}]
        yield pa.table({"id": [10], "tags": [["a", "b"]]})
        yield pa.RecordBatch.from_pydict({"id": [11]})

    made = works.asset(made_up, settings=("start",))
    works.run(made, settings={"start": 7})
    expected = [
        (7, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), Decimal("1.50"), b"\x00\x01", None, None),
        (8, None, None, None, "1", None),
        (9, None, None, None, "x", None),
        (10, None, None, None, None, '["a","b"]'),
        (11, None, None, None, None, None),
    ]
    assert works.rows() == expected
    works.run(made, settings={"start": 7}, mode="full")
    assert works.rows() == expected
    assert len(runs) == 1


@pytest.mark.parametrize("value", [5, "text", ["a"], [1, 2], None, pa.array([1])])
def test_a_function_that_yields_no_rows_is_told_what_it_yielded(idle, value):
    @source()
    def wrong():
        yield value

    with pytest.raises(SourceError, match=r"'raw' yielded a value of type .*gather\.py:3.*Yield a dict for each row"):
        idle.run(idle.asset(wrong))


def test_a_function_that_returns_nothing_is_told(idle):
    @source()
    def wrong():
        return None

    with pytest.raises(SourceError, match="'raw' returned a value of type NoneType"):
        idle.run(idle.asset(wrong))


def test_no_row_at_all_makes_no_table(idle):
    @source()
    def empty():
        yield from ()

    with pytest.raises(SourceError, match="has given no row yet, so its columns are not known"):
        idle.run(idle.asset(empty))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"_raw": 1}, "a column is called '_raw', which is the lake's own"),
        ({"a": 1, "A": 2}, "two columns are called 'a' and 'A'"),
        ({"": 1}, "a column is called ''"),
        ({5: 1}, "a column is called 5"),
        ({"a": object()}, "column 'a' has a value of type object"),
        ({f"c{n}": 1 for n in range(2001)}, "more than 2,000 columns"),
    ],
)
def test_rows_that_no_table_holds_are_refused(idle, row, said):
    @source()
    def wrong():
        yield row

    with pytest.raises(SourceError, match=said):
        idle.run(idle.asset(wrong))


def test_a_declared_column_that_never_came_is_named_with_the_nearest(idle, bad_api):
    bad_api.replies["/api/orders"] = json_reply([{"order_id": 1}])
    with pytest.raises(
        SourceError, match=r"declares the key 'orderid', which nothing gathered has; it has order_id.*Did you mean"
    ):
        idle.run(idle.asset(orders(key="orderid"), services=SERVICES))


def test_a_sample_stops_asking(works, api):
    api.replies["/api/orders"] = lambda target: json_reply(
        {"data": [order(len(api.asked), 1)] * 5, "next": f"/api/orders?page={len(api.asked)}"}
    )
    works.run(works.asset(orders(), services=SERVICES), sample=12)
    assert len(works.rows()) == 12
    assert len(api.asked) == 3


def test_checks_run_inside_the_commit(works, api):
    api.replies["/api/orders"] = json_reply([order(1, 1, cents=-5)])
    works.asset(check("raw", "cents >= 0"), "no_negative")
    with pytest.raises(CheckFailed, match="no_negative"):
        works.run(works.asset(orders(), services=SERVICES))
    assert "raw" not in works.lake.tables()


# -- an API that misbehaves ----------------------------------------


def test_an_overloaded_api_is_waited_for_as_long_as_it_asks(works, api):
    api.replies["/api/orders"] = [json_reply({}, 429, **{"Retry-After": "1"}), json_reply([order(1, 1)])]
    began = time.monotonic()
    works.run(works.asset(orders(), services=SERVICES))
    assert time.monotonic() - began >= 1
    assert len(works.rows()) == 1


def test_an_api_that_asks_for_too_long_a_wait_is_left_alone(idle, bad_api):
    bad_api.replies["/api/orders"] = json_reply({}, 429, **{"Retry-After": "3600"})
    with pytest.raises(SourceError, match="answered 429 Too Many Requests, and asks to wait 3,600 s; tried 1 time"):
        idle.run(idle.asset(orders(), services=SERVICES))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_api_that_fails_is_tried_again_and_then_named(idle, bad_api, status):
    bad_api.replies["/api/orders"] = json_reply({"error": "hush-hush"}, status)
    with pytest.raises(SourceError) as caught:
        idle.run(idle.asset(orders(), services=SERVICES))
    assert f"{bad_api.url}/api/orders answered {status}" in str(caught.value)
    assert "tried 2 times" in str(caught.value)
    assert len(bad_api.asked) == 2
    assert caught.value.asset == "raw"


def test_an_api_that_recovers_loses_nothing(works, api):
    api.replies["/api/orders"] = [json_reply({}, 500), json_reply([order(1, 1)])]
    works.run(works.asset(orders(), services=SERVICES))
    assert len(works.rows()) == 1


def test_a_server_that_is_not_there_is_named(idle):
    idle.connections["shop_api"] = Connection(name="shop_api", url="http://127.0.0.1:1", options={"tries": 1})
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:1/orders could not be reached .*Is it up"):
        idle.run(idle.asset(orders(), services=SERVICES))


def test_truncated_json_names_the_place_and_its_bytes_stay_stored(works, api):
    body = b'{"data": [{"order_id": 1}, {"ord'
    api.replies["/api/orders"] = Reply(body)
    with pytest.raises(
        SourceError, match=r"answers what is not JSON: it ends in the middle, after 32 bytes.*Its bytes are stored"
    ):
        works.run(works.asset(orders(), services=SERVICES))
    stored = [path.read_bytes() for path in (works.lake.folder / "blobs").rglob("*") if path.is_file()]
    assert body in stored


def test_an_answer_that_is_cut_off_on_the_way_is_asked_for_again(works, api):
    whole = json_reply([order(1, 1)])
    api.replies["/api/orders"] = [Reply(whole.body[:20], declared_length=len(whole.body)), whole]
    works.run(works.asset(orders(), services=SERVICES))
    assert len(works.rows()) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "answers what is not JSON"),
        (b'{"a": 1e999}', "answers what is not JSON"),
        (b'"\xff"', "answers what is not JSON"),
        (b'{"items": []}', "answers no list of records in 'data'; its fields are items"),
        (b'{"data": [1, 2]}', "answers no list of records in 'data'"),
        (b"7", "it is no object"),
        (b'{"data": [], "next": 2}', "a 'next' that is no address: 2"),
    ],
)
def test_an_answer_of_another_shape_is_refused_and_named(idle, bad_api, body, said):
    bad_api.replies["/api/orders"] = Reply(body)
    with pytest.raises(SourceError, match=said):
        idle.run(idle.asset(orders(), services=SERVICES))


@pytest.mark.parametrize("following", ["/api/orders", "/api/orders?page={n}"])
def test_the_same_page_for_ever_ends(idle, bad_api, following):
    bad_api.replies["/api/orders"] = lambda target: json_reply(
        {"data": [order(1, 1)], "next": following.format(n=len(bad_api.asked))}
    )
    with pytest.raises(SourceError, match="the same page for ever"):
        idle.run(idle.asset(orders(), services=SERVICES))
    assert len(bad_api.asked) <= 2


def test_pages_without_end_end(idle, bad_api, monkeypatch):
    monkeypatch.setattr("pumphouse.declare.apis.PAGES_MAX", 5)
    bad_api.replies["/api/orders"] = lambda target: json_reply(
        {"data": [order(len(bad_api.asked), 1)], "next": f"?page={len(bad_api.asked)}"}
    )
    with pytest.raises(SourceError, match="would be page 6"):
        idle.run(idle.asset(orders(), services=SERVICES))


def test_an_answer_without_end_ends(idle, bad_api, monkeypatch):
    monkeypatch.setattr("pumphouse.sources.http.asking.ANSWER_BYTES_MAX", 1000)
    bad_api.replies["/api/orders"] = Reply(b"x" * 5000)
    with pytest.raises(SourceError, match="answers more than 1,000 bytes at once"):
        idle.run(idle.asset(orders(), services=SERVICES))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_told_with_what_the_server_said(idle, bad_api, status):
    bad_api.replies["/api/orders"] = Reply(b"no\n\x1b[31m such <thing>", status)
    with pytest.raises(SourceError, match=rf"answered {status}: 'no \[31m such <thing>'"):
        idle.run(idle.asset(orders(), services=SERVICES))
    assert len(bad_api.asked) == 1


@pytest.mark.parametrize(
    "leads_to", ["http://169.254.169.254/latest", "http://localhost:1/x", "file:///etc/passwd", "//[::1", "gopher://x"]
)
def test_neither_a_redirect_nor_a_link_leads_to_another_host(idle, bad_api, leads_to):
    bad_api.replies["/api/orders"] = Reply(status=302, headers={"Location": leads_to})
    with pytest.raises(
        SourceError, match=r"not a declared host of connection 'shop_api'|Invalid URL in location header"
    ):
        idle.run(idle.asset(orders(), services=SERVICES))
    bad_api.replies["/api/orders"] = json_reply({"data": [order(1, 1)], "next": leads_to})
    with pytest.raises(SourceError, match="not a declared host of connection 'shop_api'"):
        idle.run(idle.asset(orders(), services=SERVICES))


def test_a_redirect_within_the_host_is_followed_and_one_in_a_circle_ends(works, api):
    api.replies["/api/orders"] = Reply(status=307, headers={"Location": "/v2/orders"})
    api.replies["/v2/orders"] = json_reply({"data": [order(1, 1)], "next": "more"})
    api.replies["/v2/more"] = json_reply({"data": [order(2, 2)]})
    made = works.asset(orders(), services=SERVICES)
    works.run(made)
    assert len(works.rows()) == 2
    works.run(made, mode="full")
    assert len(works.rows()) == 2
    api.replies["/v2/orders"] = Reply(status=307, headers={"Location": "/api/orders"})
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        works.run(made)


# -- secrets ----------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "query"),
    [
        ({"bearer": "hush-hush"}, ("Authorization", "Bearer hush-hush"), ""),
        ({"user": "me", "password": "hush-hush"}, ("Authorization", "Basic bWU6aHVzaC1odXNo"), ""),
        ({"header": "X-Key", "value": "hush-hush"}, ("X-Key", "hush-hush"), ""),
        ({"query": "key", "value": "hush-hush"}, ("Accept", "*/*"), "key=hush-hush"),
    ],
)
def test_signing_in_leaves_no_secret_behind(works, api, caplog, auth, header, query):
    caplog.set_level(logging.DEBUG)
    works.connections["shop_api"] = Connection(name="shop_api", url=api.url, options={"auth": auth, "tries": 2})
    api.replies["/orders"] = [json_reply({}, 500), json_reply([order(1, 1)]), Reply(b"you sent hush-hush", 403)]
    made = works.asset(orders(), services=SERVICES)
    works.run(made)
    assert api.headers[0][header[0]] == header[1]
    assert query in api.asked[0]
    with pytest.raises(SourceError) as caught:
        works.run(made)
    manifest = works.lake.blobs.get(works.lake.builds()["raw"].raw).decode()
    assert "hush" not in caplog.text + str(caught.value) + repr(caught.value.__dict__) + manifest


def test_a_sign_in_of_no_known_form_is_refused_without_its_values(idle, bad_api):
    idle.connections["shop_api"] = Connection(
        name="shop_api", url=bad_api.url, options={"auth": {"token": "hush-hush"}}
    )
    with pytest.raises(ConfigError, match="an auth with token: none that is known") as caught:
        idle.run(idle.asset(orders(), services=SERVICES))
    assert "hush" not in str(caught.value)


def test_http_without_a_connection_is_a_fault_of_the_declaration(idle):
    @source()
    def lost(http):
        yield from http.pages("/x")

    with pytest.raises(ConfigError, match=r"asks for ph\.Http and names no connection"):
        idle.run(idle.asset(lost, services={"http": "Http"}))


def test_arrow_in_any_form_is_taken(works):
    def rows():
        yield pa.table({"n": [1, 2]}).to_reader()
        yield pl.DataFrame({"n": [3]})
        yield duckdb.sql("SELECT 4 AS n")

    works.run(works.asset(source()(rows)))
    assert works.rows("raw", "n") == [(1,), (2,), (3,), (4,)]


def test_the_rows_of_a_dlt_resource_are_taken(works):
    import dlt
    import pendulum

    @dlt.resource(primary_key="id")
    def issues(after: int = 0):
        yield [{"id": n, "at": pendulum.datetime(2026, 1, n)} for n in range(after + 1, 3)]
        yield {"id": 3, "at": None}

    @dlt.source
    def tracker():
        return [issues, dlt.resource([{"n": 1}], name="labels")]

    def rows(since):
        yield from from_dlt(issues(since.value or 0))

    works.run(works.asset(source(key="id", cursor="id")(rows), services={"since": "Cursor"}))
    assert works.rows("raw", 'id, "at"') == [
        (1, datetime(2026, 1, 1, tzinfo=UTC)), (2, datetime(2026, 1, 2, tzinfo=UTC)), (3, None),
    ]  # fmt: skip
    assert list(from_dlt(tracker().resources["labels"])) == [{"n": 1}]
    with pytest.raises(TypeError, match="has 2 resources; name one of issues, labels"):
        list(from_dlt(tracker()))


def test_what_comes_late_is_read_again_within_the_lag(works):
    came = [{"id": 1, "at": "2026-01-01T10:00:00Z"}]
    asked = []

    def rows(since):
        asked.append(str(since))
        yield from came

    made = works.asset(source(cursor="at", lag="1h")(rows), services={"since": "Cursor"})
    works.run(made)
    came += [{"id": 2, "at": "2026-01-01T09:30:00Z"}, {"id": 3, "at": "2026-01-01T10:00:00Z"}]
    works.run(made)
    assert asked == ["", "2026-01-01T09:00:00Z"]
    assert works.rows("raw", "id") == [(1,), (2,), (3,)]
    assert works.run(made).snapshot is None
    works.run(made, mode="full")
    assert works.rows("raw", "id") == [(1,), (2,), (3,)]


def test_a_lag_that_was_raised_between_visits_makes_no_row_twice(works):
    came = [{"id": 1, "at": 8}, {"id": 2, "at": 10}]

    def rows(since):
        yield from came

    def made(lag):
        return works.asset(source(cursor="at", lag=lag)(rows), services={"since": "Cursor"})

    works.run(made(1))
    came.append({"id": 3, "at": 11})
    works.run(made(1))
    came.append({"id": 4, "at": 12})
    works.run(made(9))
    works.run(made(9), mode="full")
    assert works.rows("raw", "id") == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("lag", ["1 week", -1, True, "h"])
def test_a_lag_that_is_none_is_refused_when_it_is_declared(lag):
    with pytest.raises(TypeError, match="a source has lag="):
        source(cursor="at", lag=lag)
    with pytest.raises(TypeError, match="a lag and no cursor"):
        source(lag="1h")


def test_a_function_that_asks_for_the_day_asks_for_that_of_the_visit_when_it_is_rebuilt(works, world):
    world.replies["/rates"] = lambda target: json_reply([{"day": target.partition("=")[2], "rate": 1}])

    def rates(http, *, today):
        yield from http.get("/rates", params={"day": today})

    works.connections["api"] = Connection(name="api", url=world.url)
    made = works.asset(
        source(connection="api", key="day", cursor="day")(rates), services={"http": "Http"}, settings=("today",)
    )
    works.run(made)
    works.now += dt.timedelta(days=1)
    works.run(made)
    days = works.rows("raw", "day")
    assert len(days) == 2
    works.now += dt.timedelta(days=5)
    works.run(made, mode="full")
    assert works.rows("raw", "day") == days
