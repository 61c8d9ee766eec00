from __future__ import annotations

import gzip
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.sources.conftest import Reply, json_reply

from pumphouse.declare.apis import api
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.fetch import load


@pytest.fixture
def shop(works, world):
    works.connections["shop_api"] = Connection(name="shop_api", url=f"{world.url}/api", options={"tries": 2})
    return world


@pytest.fixture
def bad(idle, world):
    idle.connections["shop_api"] = Connection(name="shop_api", url=f"{world.url}/api", options={"tries": 1})
    return world


def declared(path="/orders", **options):
    return api("shop_api", path, **options)


def numbers(*ids):
    return [{"id": number} for number in ids]


def parameters(target):
    return dict(pair.split("=") for pair in target.partition("?")[2].split("&") if pair)


@pytest.mark.parametrize(
    ("records", "answer", "rows"),
    [
        (None, numbers(1, 2), [(1,), (2,)]),
        (None, {"data": numbers(1)}, [(1,)]),
        ("data.items", {"data": {"items": numbers(1, 2)}}, [(1,), (2,)]),
        (
            "data.orders.edges.node",
            {"data": {"orders": {"edges": [{"node": {"id": 1}}, {"node": {"id": 2}}]}}},
            [(1,), (2,)],
        ),
        ("customers.orders", {"customers": [{"orders": numbers(1)}, {"orders": numbers(2, 3)}]}, [(1,), (2,), (3,)]),
        (".", {"at": 1, "rates": {"USD": 1.5}}, [(1, '{"USD":1.5}')]),
        ({"at": "rates", "id": "currency"}, {"rates": {"USD": 1.5, "PLN": 4}}, [("PLN", 4.0), ("USD", 1.5)]),
        ({"at": "by_id", "id": "sku"}, {"by_id": {"A": {"n": 1}, "B": {"n": 2}}}, [("A", 1), ("B", 2)]),
    ],
)
def test_records_are_found_wherever_an_answer_has_them(works, shop, records, answer, rows):
    shop.replies["/api/orders"] = json_reply(answer)
    works.run(works.asset(declared(records=records)))
    assert works.rows() == rows


def test_where_records_might_be_is_said(idle, bad):
    bad.replies["/api/orders"] = json_reply({"meta": 1, "result": {"orders": [{"id": 1}]}})
    with pytest.raises(
        SourceError, match=r"no list of records in 'data'; its fields are meta, result.*records=\"result"
    ):
        idle.run(idle.asset(declared()))


PAGED = {
    "next": ({"next": "links.next"}, lambda at: {"links": {"next": f"orders?page={at + 1}" if at < 3 else None}}),
    "page": ({"page": "page"}, lambda at: {}),
    "size": ({"page": "page", "size": 2}, lambda at: {}),
    "last": ({"page": "page", "last": "meta.pages"}, lambda at: {"meta": {"pages": 3}}),
    "total": ({"page": "page", "total": "total"}, lambda at: {"total": 5}),
    "more": ({"page": "page", "more": "has_more"}, lambda at: {"has_more": at < 3}),
    "cursor": ({"cursor": "meta.next", "param": "page"}, lambda at: {"meta": {"next": at + 1 if at < 3 else None}}),
}


@pytest.mark.parametrize(("pages", "told"), PAGED.values(), ids=PAGED)
def test_pages_follow_each_other_as_the_api_has_it(works, shop, pages, told):
    held = {1: numbers(1, 2), 2: numbers(3, 4), 3: numbers(5)}

    def reply(target):
        at = int(parameters(target).get("page", 1))
        return json_reply({"data": held.get(at, []), **told(at)})

    shop.replies["/api/orders"] = reply
    made = works.asset(declared(pages=pages, params={"kind": "paid"}))
    works.run(made)
    assert works.rows() == [(1,), (2,), (3,), (4,), (5,)]
    assert len(shop.asked) == (4 if pages == {"page": "page"} else 3)
    before = works.rows("raw", "*, _raw, _loaded_at")
    asked = len(shop.asked)
    works.run(made, mode="full")
    assert works.rows("raw", "*, _raw, _loaded_at") == before
    assert len(shop.asked) == asked


@pytest.mark.parametrize("pages", [{"offset": "skip"}, {"offset": "skip", "total": "total", "size": "limit"}])
def test_an_offset_goes_on_by_what_came(works, shop, pages):
    def reply(target):
        skip = int(parameters(target)["skip"])
        return json_reply({"data": numbers(*range(skip, min(skip + 2, 5))), "total": 5})

    shop.replies["/api/orders"] = reply
    works.run(works.asset(declared(pages=pages, params={"limit": 2})))
    assert works.rows() == [(0,), (1,), (2,), (3,), (4,)]


def test_a_link_header_is_followed_also_in_a_rebuild(works, shop):
    link = '<http://elsewhere.example/>; rel="help", </api/orders?page=2>; title="a, b"; rel="prev next"'
    shop.replies["/api/orders"] = lambda target: (
        json_reply(numbers(2)) if "page" in target else json_reply(numbers(1), Link=link)
    )
    made = works.asset(declared(pages={"link": "next"}))
    works.run(made)
    works.run(made, mode="full")
    assert works.rows() == [(1,), (2,)]
    assert shop.asked == ["/api/orders", "/api/orders?page=2"]


def test_pages_known_beforehand_are_asked_at_once_and_stay_in_order(works, shop):
    gate = threading.Barrier(3, timeout=20)

    def reply(target):
        page = int(parameters(target)["page"])
        if 2 <= page <= 4:
            gate.wait()  # three requests have to be here at once
        return json_reply({"data": numbers(page), "pages": 7})

    shop.replies["/api/orders"] = reply
    works.run(works.asset(declared(pages={"page": "page", "last": "pages", "at_once": 3})))
    manifest = load(works.lake.blobs, works.lake.builds()["raw"].raw, asset="raw")
    assert [exchange.address[-1] for exchange in manifest.exchanges] == list("1234567")
    assert works.rows("raw", "id", order="_raw IS NULL") == [(number,) for number in range(1, 8)]


@pytest.mark.parametrize(
    "pages", [{"page": "page"}, {"offset": "skip"}, {"page": "page", "total": "total"}, {"cursor": "next"}]
)
def test_a_page_that_repeats_is_an_error(idle, bad, pages):
    bad.replies["/api/orders"] = lambda target: json_reply(
        {"data": numbers(1, 2), "total": 100, "next": str(len(bad.asked))}
    )
    with pytest.raises(SourceError, match="a page that came before: the same page for ever"):
        idle.run(idle.asset(declared(pages=pages)))


@pytest.mark.parametrize("pages", [{"page": "page", "max": 3}, {"page": "page", "max": 3, "total": "total"}])
def test_more_pages_than_declared_end_the_run(idle, bad, pages):
    bad.replies["/api/orders"] = lambda target: json_reply({"data": numbers(len(bad.asked)), "total": 100})
    with pytest.raises(SourceError, match="would be page 4"):
        idle.run(idle.asset(declared(pages=pages)))
    assert len(bad.asked) <= 3


def test_the_cursor_is_sent_where_it_is_declared(works, shop):
    rows = [{"id": 1, "at": "2024-01-01T00:00:00Z"}]
    shop.replies["/api/orders"] = json_reply(rows)
    made = works.asset(declared(params={"since": "$cursor", "q": "at:>$cursor", "limit": 5}, key="id", cursor="at"))
    works.run(made)
    works.run(made)
    assert shop.asked == [
        "/api/orders?limit=5",
        "/api/orders?since=2024-01-01T00%3A00%3A00Z&q=at%3A%3E2024-01-01T00%3A00%3A00Z&limit=5",
    ]


def test_settings_and_the_day_are_sent_and_a_rebuild_on_another_day_asks_nobody(works, shop):
    shop.replies["/api/EU/orders"] = lambda target: json_reply(numbers(len(shop.asked)))
    options = {"params": {"day": "$today", "q": "at:$today of $region", "size": "$size", "price": "$$5"}}
    made = works.asset(declared("/$region/orders", **options))
    settings = {"region": "EU", "size": 5, "zone": "Pacific/Auckland"}
    assert made[1].settings == ("region", "size")
    works.run(made, settings=settings)
    before = works.rows()
    works.run(made, settings=settings, mode="full", now=works.now + timedelta(days=3))
    assert shop.asked == ["/api/EU/orders?day=2026-11-23&q=at%3A2026-11-23+of+EU&size=5&price=%245"]
    assert works.rows() == before
    works.run(made, settings=settings, now=datetime(2026, 11, 25, 11, tzinfo=UTC))
    assert "day=2026-11-26" in shop.asked[-1]  # it is Thursday already in Auckland


def test_a_setting_without_a_value_is_told_before_anybody_is_asked(idle, bad):
    with pytest.raises(ConfigError, match=r"setting '\$regoin' has no value"):
        idle.run(idle.asset(declared(params={"r": "$regoin"})), settings={"region": "EU"})
    assert bad.asked == []


def test_a_body_is_posted_and_a_rebuild_finds_each_answer_by_what_was_sent(works, shop):
    shop.replies["/api/search"] = lambda target: json_reply(
        {"data": numbers(msgspec.json.decode(shop.sent[-1])["paging"]["page"]), "more": len(shop.sent) < 3}
    )
    made = works.asset(
        declared(
            "/search", body={"paging": {"size": 1}, "since": "$cursor"}, pages={"page": "paging.page", "more": "more"}
        )
    )
    works.run(made)
    assert [msgspec.json.decode(sent) for sent in shop.sent] == [
        {"paging": {"size": 1, "page": page}} for page in (1, 2, 3)
    ]
    assert {headers["Content-Type"] for headers in shop.headers} == {"application/json"}
    works.run(made, mode="full")
    assert works.rows() == [(1,), (2,), (3,)]
    assert len(shop.sent) == 3


CSV = 'id,name,born\n1,Ann,1980-01-02\n2,,\n3,Bo,1990-01-01,too much\n4,"Eve\nAdam",2000-02-03\n'
XML = """<?xml version="1.0"?>
<answer xmlns="urn:shop"><count>2</count><orders><order id="1"><name>Ann</name><line n="1"/><line n="2"/></order>
<order id="2"><name/></order></orders></answer>"""


def test_csv_is_read_with_its_types_and_ragged_lines_are_withheld(works, shop):
    shop.replies["/api/people"] = Reply(CSV.encode(), headers={"Content-Type": "text/csv; charset=utf-8"})
    counts = works.run(works.asset(declared("/people", time={"event": "born"}))).counts
    assert [row[:2] for row in works.rows()] == [(1, "Ann"), (2, None), (4, "Eve\nAdam")]
    assert works.types()["born"] == "DATE"
    assert works.quarantine() == [("*", "3,Bo,1990-01-01,too much", "line 4 has more cells than the header")]
    assert (counts.rows_in, counts.rows_out, counts.withheld) == (4, 3, 1)


def test_xml_is_read_as_json_would_have_it(works, shop):
    shop.replies["/api/orders"] = Reply(XML.encode(), headers={"Content-Type": "application/atom+xml"})
    works.run(works.asset(declared(records="orders.order")))
    assert works.rows() == [(1, "Ann", '[{"n":"1"},{"n":"2"}]'), (2, None, None)]


def test_xml_that_could_grow_or_read_files_is_refused(idle, bad):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x><order>&b;</order></x>'
    bad.replies["/api/orders"] = Reply(bomb, headers={"Content-Type": "text/xml"})
    with pytest.raises(SourceError, match="XML with a document type"):
        idle.run(idle.asset(declared(records="order")))


def test_a_format_that_is_said_counts_more_than_what_the_server_says(works, shop):
    shop.replies["/api/people"] = Reply(b"id\n7\n", headers={"Content-Type": "text/plain"})
    works.run(works.asset(declared("/people", format="csv")))
    assert works.rows() == [(7,)]


def test_an_answer_that_did_not_change_is_not_sent_again(works, shop):
    tagged = {"ETag": '"one"', "Last-Modified": "Mon, 23 Nov 2026 05:00:00 GMT"}
    shop.replies["/api/orders"] = [
        json_reply(numbers(1, 2), **tagged), Reply(status=304), Reply(status=304), json_reply(numbers(3), ETag='"two"'),
    ]  # fmt: skip
    made = works.asset(declared())
    works.run(made)
    again = works.run(made)
    assert again.note == "nothing new"
    assert shop.headers[1]["If-None-Match"] == '"one"'
    assert shop.headers[1]["If-Modified-Since"] == "Mon, 23 Nov 2026 05:00:00 GMT"
    works.lake.blobs.path(load(works.lake.blobs, works.lake.builds()["raw"].raw, asset="raw").exchanges[0].sha).unlink()
    shop.replies["/api/orders"] = [json_reply(numbers(3), ETag='"two"')]
    works.run(made)  # without the earlier bytes the answer itself is needed
    assert "If-None-Match" not in shop.headers[-1]
    assert works.rows() == [(3,)]


def test_a_304_stands_for_the_stored_answer_where_another_page_is_new(works, shop):
    def reply(target):
        if "page=2" in target:
            return json_reply({"data": numbers(len(shop.asked))})
        return (
            Reply(status=304)
            if len(shop.asked) > 2
            else json_reply({"data": numbers(0), "next": "orders?page=2"}, ETag='"a"')
        )

    shop.replies["/api/orders"] = reply
    made = works.asset(declared(pages={"next": "next"}))
    works.run(made)
    works.run(made)
    assert works.rows() == [(0,), (4,)]
    works.run(made, mode="full")
    assert works.rows() == [(0,), (4,)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pages": {"nxt": "links.next"}}, "pages say nothing of how they follow each other. Did you mean 'next'"),
        ({"pages": {"next": "a", "page": "b"}}, "pages say 'next' and 'page'"),
        ({"pages": {"page": "page", "totl": "n"}}, "pages by page have no 'totl'. Did you mean 'total'"),
        ({"pages": {"page": "page", "max": 0}}, "pages have a 'max' of 0"),
        ({"pages": {"page": "page", "in": "header"}}, "pages stand in 'header'"),
        ({"records": {"at": "x", "ids": "y"}}, "records have no 'ids'. Did you mean 'id'"),
        ({"records": {"at": "x"}}, "name no column for the id"),
        ({"format": "jsn"}, "'jsn' is no format of an answer. Did you mean 'json'"),
        ({"body": {}, "graphql": "{ a }"}, "a body and a GraphQL query"),
    ],
)
def test_what_means_nothing_is_refused_where_it_is_declared(options, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        declared(**options)


def test_what_is_nested_too_deeply_is_refused_with_where_it_came_from(bad, idle):
    bad.replies["/api/orders"] = Reply(b"[" * 100_000 + b"]" * 100_000, headers={"Content-Type": "application/json"})
    with pytest.raises(SourceError, match=r"/api/orders answers JSON that is nested too deeply"):
        idle.run(idle.asset(declared()))


@pytest.mark.parametrize("packed", ["gzip, gzip", "zstd", "deflate,br"])
def test_an_answer_that_is_packed_as_nobody_asked_for_is_not_unpacked(bad, idle, packed):
    body = gzip.compress(gzip.compress(b"[" + b" " * 1_000_000 + b"]"))
    bad.replies["/api/orders"] = Reply(body, headers={"Content-Encoding": packed})
    with pytest.raises(SourceError, match=r"/api/orders answers packed by .*, which was not asked for"):
        idle.run(idle.asset(declared()))
    assert bad.headers[0]["Accept-Encoding"] == "gzip, deflate"


def test_a_name_that_no_catalogue_keeps_is_refused(bad, idle):
    bad.replies["/api/orders"] = json_reply([{"a\0b": 1}])
    with pytest.raises(SourceError, match=r"a column is called 'a.x00b'"):
        idle.run(idle.asset(declared()))
