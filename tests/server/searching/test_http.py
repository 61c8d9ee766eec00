"""Searching over HTTP and on its page."""

from __future__ import annotations

import html
import re

from tests.server.searching.conftest import Found

SCRIPT = "<script>alert('x')</script>"


def test_hits_come_as_json_with_their_rows_scores_and_marked_words(found: Found) -> None:
    with found.http("ann") as client:
        told = client.get("/api/search/tickets_search", params={"q": "refund late"}).json()
        assert (told["total"], told["scanned"], told["snapshot"]) == (2, 0, found.project.lake.snapshot())
        (first, second) = sorted(told["hits"], key=lambda hit: hit["key"])
        assert (first["key"], second["key"]) == ([2], [5])
        assert first["row"]["account"] == "Acme Ltd"
        assert first["score"] > 0
        assert ["late", True] in [[text.lower(), is_found] for text, is_found in first["excerpts"]["body"]]


def test_rows_are_narrowed_sorted_and_limited(found: Found) -> None:
    with found.http("ann") as client:
        by = {"q": "broken", "where": "account=acme", "sort": "newest", "limit": 1}
        told = client.get("/api/search/tickets", params=by).json()
        assert (told["total"], [hit["key"] for hit in told["hits"]]) == (2, [[1]])
        between = {"q": "*", "where": ["opened_on>=2026-01-03", "opened_on<2026-01-07"]}
        assert [hit["key"] for hit in client.get("/api/search/tickets", params=between).json()["hits"]] == [[1], [2]]
        shown = client.get("/search/tickets", params=between).text
        assert "opened_on&gt;= 2026-01-03 ×" in shown
        assert 'name="where" value="opened_on&gt;=2026-01-03"' in shown
        for wrong, status in (
            ({"where": "colour=red"}, 404),
            ({"where": "account"}, 400),
            ({"where": "opened_on>=soon"}, 404),
            ({"where": ["opened_on>=2026", "opened_on>=2025"]}, 400),
            ({"where": ["account=a", "account=b"]}, 400),
            ({"colour": "red"}, 400),
            ({"limit": "many"}, 400),
            ({"snapshot": 10_000}, 404),
            ({"q": ""}, 400),
            ({"q": '"broken'}, 400),
        ):
            assert client.get("/api/search/tickets", params={"q": "broken", **wrong}).status_code == status, wrong  # type: ignore[dict-item]


def test_all_that_matches_comes_in_any_format(found: Found) -> None:
    with found.http("ann") as client:
        rows = client.get("/api/search/tickets_search.csv", params={"q": "broken"}).text.splitlines()
        assert rows[0].endswith('"score"')
        assert {row.split(",")[0] for row in rows[1:]} == {"1", "3", "5"}
        assert client.get("/api/search/tickets_search.parquet", params={"q": "broken"}).content[:4] == b"PAR1"
        assert client.get("/api/search/tickets_search.json", params={"q": "(", "limit": 1}).status_code == 400


def test_a_wrong_search_says_at_which_character(found: Found) -> None:
    with found.http("ann") as client:
        told = client.get("/api/search/tickets", params={"q": 'late "refund'}).json()
        assert told["position"] == 5
        shown = client.get("/search/tickets_search", params={"q": 'late "refund'}, headers={"Accept": "text/html"}).text
        assert html.escape('late "refund', quote=True).replace("&quot;", "&#34;") + "\n     ^" in shown


def test_reads_are_logged_with_their_rows(found: Found) -> None:
    with found.http("kim") as client:
        client.get("/api/search/tickets", params={"q": "broken", "limit": 2}).raise_for_status()
        client.get("/search/tickets_search", params={"q": "refund"}).raise_for_status()
    log = [
        (one.asset, one.door, one.rows, one.detail) for one in found.project.lake.state.accesses() if one.who == "kim"
    ]
    assert sorted(log) == [
        ("tickets", "page", 3, "refund"),
        ("tickets", "search", 2, "broken"),
        ("tickets_search", "page", 3, "refund"),
        ("tickets_search", "search", 2, "broken"),
    ]


def test_the_page_marks_words_and_runs_nothing(found: Found) -> None:
    with found.http("ann") as client:
        shown = client.get("/search/tickets_search", params={"q": "refund", "where": "account=globex"}).text
        assert "<mark>Refund</mark>" in shown
        assert SCRIPT not in shown
        assert "&lt;script&gt;" in shown
        assert "account: globex ×" in shown
        assert "<strong>1</strong> row" in shown
        everything = client.get("/search/tickets_search").text
        assert "<strong>5</strong> rows" in everything
        assert everything.index("Refund &lt;") < everything.index("Late delivery") < everything.index("Broken, broken!")


def test_pages_lead_to_it(found: Found) -> None:
    with found.http("ann") as client:
        assert 'href="/search/tickets_search"' in client.get("/").text
        assert 'action="/search/tickets_search"' in client.get("/assets/tickets_search").text


def test_who_sees_a_part_of_a_table_searches_that_part(found: Found) -> None:
    with found.http("bob") as bob, found.http("ann") as ann, found.http("cid") as cid:
        for query, theirs, all_of_it in (("word", [[1]], 2), ("hidden", [], 1), ("*", [[1]], 2)):
            for name in ("notes", "notes_search"):
                told = bob.get("/api/search/" + name, params={"q": query}).json()
                assert ([hit["key"] for hit in told["hits"]], told["total"], told["scanned"]) == (
                    theirs, len(theirs), 0,
                )  # fmt: skip
            assert ann.get("/api/search/notes", params={"q": query}).json()["total"] == all_of_it
        assert len(bob.get("/api/search/notes.csv", params={"q": "word"}).text.splitlines()) == 2
        shown = bob.get("/search/notes_search", params={"q": "word"}).text
        assert "<mark>word</mark>" in shown
        assert "You see a part of this table" in shown
        assert 'action="/search/notes_search"' in bob.get("/assets/notes").text
        assert bob.get("/assets/notes_search").status_code == 404  # what is told of an index is of all rows
        refused, absent = cid.get("/api/search/notes?q=word"), cid.get("/api/search/notez?q=word")
        assert refused.status_code == absent.status_code == 404
        assert refused.text.replace("notes", "notez") == absent.text


def test_values_are_counted_and_pages_follow_without_gaps(found: Found) -> None:
    with found.http("ann") as client:
        told = client.get("/api/search/tickets", params={"q": "*", "sort": "newest", "limit": 2}).json()
        assert told["facets"]["account"] == {
            "counts": [["acme", 2], ["Acme Ltd", 1], ["globex", 1]],
            "others": 0,
            "missing": 1,
        }
        keys = [hit["key"] for hit in told["hits"]]
        while told["after"]:
            more = {"q": "*", "sort": "newest", "limit": 2, "after": told["after"]}
            told = client.get("/api/search/tickets", params=more).json()
            keys += [hit["key"] for hit in told["hits"]]
        assert keys == [[5], [4], [2], [1], [3]]
        by_month = client.get("/api/search/tickets", params={"q": "*", "facet": "opened_on by month"}).json()
        assert by_month["facets"]["opened_on by month"]["counts"] == [["2026-01", 5]]
        assert client.get("/api/search/tickets", params={"q": "late", "after": "x"}).status_code == 400


def test_the_page_has_links_to_values_the_next_page_and_what_was_meant(found: Found) -> None:
    with found.http("ann") as client:
        shown = client.get("/search/tickets_search", params={"q": "broken", "limit": 2}).text
        assert 'href="/search/tickets_search?q=broken&amp;where=account%3Dacme&amp;limit=2"' in shown
        (following,) = re.findall(r'<a class="way" href="([^"]+)" rel="next">', shown)
        rest = client.get(html.unescape(following)).text
        assert rest.count("<li>\n<h2>") == 1
        by_month = {"q": "*", "facet": "opened_on by month"}
        shown = client.get("/search/tickets_search", params=by_month).text
        (month,) = re.findall(r'href="([^"]+where=opened_on%3D2026-01[^"]*)"', shown)
        chosen = client.get(html.unescape(month)).text
        assert "<strong>5</strong> rows" in chosen
        assert "opened_on: 2026-01 ×" in chosen
        meant = client.get("/search/tickets_search", params={"q": "refnd"}).text
        assert 'Did you mean <a href="/search/tickets_search?q=refund">' in meant
