from __future__ import annotations

import time

import pytest
from tests.sources.conftest import Reply, html_reply

from pumphouse.declare.websites import website
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection

ITEM = {"sku": "[data-sku]", "name": "h1", "price": ".price"}
ROBOTS = Reply(b"User-agent: *\nDisallow: /private/\n", 200, {"Content-Type": "text/plain"})


def page(sku: str, price: str = "$9.99", more: str = "") -> Reply:
    return html_reply(f'<main data-sku="{sku}"><h1> The\n  {sku} &amp; co </h1>{more}<b class=price>{price}</b></main>')


@pytest.fixture
def site(works, world):
    works.connections["shop_site"] = Connection(name="shop_site", url=world.url, options={"tries": 1})
    world.replies |= {
        "/robots.txt": ROBOTS,
        "/": html_reply(
            '<a class=product href="/a">A</a> <a class=product href="b#top">B</a> <a href="/other">no</a>'
            '<a class=product href="/private/c">C</a> <a class=product href="http://elsewhere.example/">x</a>'
            '<a class=product href="mailto:me@x">m</a> <a class=product href="http://[::1">bad</a>'
            "<a class=product>none</a>"
            '<a class=product href="/gone">G</a> <a class=product href="/cover.jpg">J</a>'
        ),
        "/a": page("A-1", more='<a class=product href="/b">again</a><a class=product href="/d">D</a>'),
        "/b": page("B-2", price=""),
        "/d": page("D-4"),
        "/cover.jpg": Reply(b"\xff\xd8\xff", 200, {"Content-Type": "image/jpeg"}),
    }
    return world


def products(**options):
    return website("shop_site", **{"follow": "a.product", "item": ITEM, "key": "sku", **options})


def test_items_are_read_from_the_pages_that_links_lead_to(works, site):
    built = works.run(works.asset(products()))
    assert works.rows() == [
        ("A-1", "The A-1 & co", "$9.99"),
        ("B-2", "The B-2 & co", None),
        ("D-4", "The D-4 & co", "$9.99"),
    ]
    assert site.asked == ["/robots.txt", "/", "/a", "/b", "/gone", "/cover.jpg", "/d"]
    assert built.warnings == (
        "links not followed, since robots.txt forbids it: 1",
        "links to pages that are gone: 1",
    )
    raw = dict(works.rows("raw", "sku, _raw"))["D-4"]
    assert works.lake.blobs.get(raw) == site.replies["/d"].body
    assert all(headers["User-Agent"].startswith("pumphouse/") for headers in site.headers)


def test_an_unchanged_site_changes_nothing_and_a_changed_page_one_row(works, site):
    made = works.asset(products())
    works.run(made)
    assert works.run(made).snapshot is None
    site.replies["/d"] = page("D-4", price="$1")
    site.replies["/b"] = Reply(status=404)
    works.run(made)
    assert works.rows("raw", "sku, price") == [("A-1", "$9.99"), ("D-4", "$1")]
    loaded = dict(works.rows("raw", "sku, _loaded_at"))
    assert loaded["A-1"] < loaded["D-4"]


def test_changed_selectors_read_the_stored_pages_without_a_visit(works, site):
    works.run(works.asset(products()))
    asked = len(site.asked)
    works.run(works.asset(products(item={"sku": "[data-sku]", "title": "h1"})), mode="full", accept_schema=True)
    assert works.rows() == [("A-1", "The A-1 & co"), ("B-2", "The B-2 & co"), ("D-4", "The D-4 & co")]
    with pytest.raises(SourceError, match=r"hold none for .*/other: .*--refetch"):
        works.run(works.asset(products(follow="a")), mode="full")
    assert len(site.asked) == asked


def test_a_site_that_forbids_is_not_read_and_the_rule_is_named(works, site):
    site.replies["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /\n")
    with pytest.raises(SourceError, match=r"robots\.txt forbids http://127\.0\.0\.1:\d+/: 'Disallow: /'"):
        works.run(works.asset(products()))
    assert site.asked == ["/robots.txt"]


def test_a_site_may_forbid_us_alone(works, site):
    site.replies["/robots.txt"] = Reply(b"User-agent: pumphouse\nDisallow: /\n\nUser-agent: *\nAllow: /\n")
    with pytest.raises(SourceError, match="forbids"):
        works.run(works.asset(products()))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_site_without_rules_allows_all(works, site, status):
    site.replies["/robots.txt"] = Reply(b"", status)
    works.run(works.asset(products()))
    assert len(works.rows()) == 3


def test_a_site_whose_rules_can_not_be_had_is_not_read(works, site):
    site.replies["/robots.txt"] = Reply(b"", 503)
    with pytest.raises(SourceError, match=r"robots\.txt answered 503"):
        works.run(works.asset(products()))
    assert site.asked == ["/robots.txt"]


def test_the_pause_a_site_asks_for_is_kept_and_one_too_long_refused(works, site):
    site.replies["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 0.3\n")
    began = time.monotonic()
    works.run(works.asset(products(start="/a")))  # /a, /b, /d
    assert time.monotonic() - began >= 0.6
    site.replies["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 86400\n")
    with pytest.raises(SourceError, match="asks for 86,400 s between two pages"):
        works.run(works.asset(products()))


def test_a_page_that_fails_fails_the_walk_and_the_table_stands(works, site):
    made = works.asset(products())
    works.run(made)
    for status in (500, 403):
        site.replies["/b"] = Reply(b"", status)
        with pytest.raises(SourceError, match=f"/b answered {status}"):
            works.run(made)
    assert len(works.rows()) == 3


def test_a_walk_without_end_ends(works, site):
    site.replies |= {f"/p{n}": page(f"P-{n}", more=f'<a class=product href="/p{n + 1}">next</a>') for n in range(50)}
    site.replies["/"] = html_reply('<a class=product href="/p0">go</a>')
    bounded = works.asset(products(bounds={"pages_max": 10}))
    assert works.run(bounded, sample=4).counts.rows_out == 4
    built = works.run(bounded)
    assert built.counts.rows_out == 9
    assert built.warnings == ("pages not read, since pages_max is 10: 1",)


def test_a_site_of_more_pages_than_anybody_said_is_refused(works, site, monkeypatch):
    monkeypatch.setattr("pumphouse.sources.websites.walk.PAGES_MAX", 3)
    with pytest.raises(SourceError, match=r'leads to more than 3 pages\. .*bounds=\{"pages_max"'):
        works.run(works.asset(products()))


def test_a_site_without_any_item_is_told_and_not_an_empty_table(works, site):
    with pytest.raises(SourceError, match=r"no page of the 6 that were read has what 'sku' selects: \.nothing"):
        works.run(works.asset(products(item={"sku": ".nothing"})))


def test_a_selector_that_is_none_is_named_before_a_visit(works, site):
    with pytest.raises(SourceError, match=r"'a\[' is no CSS selector \(gather\.py:3\)"):
        works.run(works.asset(products(follow="a[")))
    assert site.asked == []


def test_pages_are_decoded_as_they_say_and_doubt_is_told(works, site):
    site.replies |= {
        "/": html_reply(
            '<a class=product href="/l">l</a><a class=product href="/m">m</a><a class=product href="/u">u</a>'
        ),
        "/l": Reply('<p data-sku="é1">'.encode("cp1252"), 200, {"Content-Type": "text/html; charset=windows-1252"}),
        "/m": Reply(
            '<meta charset="iso-8859-1"><p data-sku="é2">'.encode("latin-1"), 200, {"Content-Type": "text/html"}
        ),
        "/u": Reply(b'<p data-sku="\xe93">', 200, {"Content-Type": "text/html; charset=unicode-escape"}),
    }
    built = works.run(works.asset(products()))
    assert [row[0] for row in works.rows()] == ["é1", "é2", "\ufffd3"]
    assert built.warnings == (f"pages not in the encoding they claim, first {site.url}/u: 1",)


def test_a_redirect_is_a_link_that_robots_may_forbid(works, site):
    site.replies["/a"] = Reply(status=301, headers={"Location": "/private/a"})
    site.replies["/b"] = Reply(status=302, headers={"Location": "/d"})
    built = works.run(works.asset(products()))
    assert [row[0] for row in works.rows()] == ["D-4"]
    assert "/private/a" not in site.asked
    assert built.warnings[0] == "links not followed, since robots.txt forbids it: 2"


def test_a_redirect_to_another_site_is_not_followed(works, site):
    site.replies["/b"] = Reply(status=301, headers={"Location": "http://10.0.0.1/admin"})
    built = works.run(works.asset(products()))
    assert "links to pages that have moved to another site: 1" in built.warnings
    site.replies["/"] = Reply(status=301, headers={"Location": "http://169.254.169.254/"})
    with pytest.raises(SourceError, match=r"leads to another site: 'http://169\.254\.169\.254/'"):
        works.run(works.asset(products()))


def test_a_site_that_has_moved_is_rebuilt_from_its_stored_pages(works, site):
    made = works.asset(products())
    works.run(made)
    works.connections["shop_site"] = Connection(name="shop_site", url="http://127.0.0.1:1")
    works.run(made, mode="full")
    assert len(works.rows()) == 3
