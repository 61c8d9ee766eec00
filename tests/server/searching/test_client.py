"""The client's search is an open project's, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.searching.conftest import Found

import pumphouse as ph
from pumphouse_client import ClientError, Connection, NotFound, connect


@pytest.fixture
def there(found: Found) -> Iterator[Connection]:
    token = found.project.lake.state.make_token("ann", scope="read")
    with connect(found.serving.url, token=token, cache=False) as connection:
        yield connection


def test_a_search_here_and_there_is_the_same(found: Found, there: Connection) -> None:
    for query, asked in (
        ("refund late", {}),
        ("broken", {"where": {"account": "acme"}, "order": "newest", "limit": 1}),
        ("*", {"where": {"opened_on >=": "2026-01-03", "opened_on <": "2026-01-07"}}),
        ("*", {"limit": 3, "snapshot": found.project.lake.snapshot()}),
    ):
        mine, theirs = found.project.search("tickets", query, **asked), there.search("tickets", query, **asked)
        assert (mine.total, mine.snapshot, mine.table, mine.scanned) == (
            theirs.total, theirs.snapshot, theirs.table, theirs.scanned,
        )  # fmt: skip
        assert [hit.key for hit in mine.hits] == [hit.key for hit in theirs.hits]
        assert [hit.score for hit in mine.hits] == pytest.approx([hit.score for hit in theirs.hits])
        assert [row["subject"] for row in mine.rows] == [row["subject"] for row in theirs.rows]
        assert [{name: one.html for name, one in hit.excerpts.items()} for hit in mine.hits] == [
            {name: one.html for name, one in hit.excerpts.items()} for hit in theirs.hits
        ]


def test_an_address_opens_to_the_same(found: Found) -> None:
    with ph.open(found.serving.entrance) as opened:
        assert opened.search("tickets_search", "thanks").rows[0]["ticket_id"] == 4


def test_what_is_wrong_is_told_as_there(there: Connection) -> None:
    with pytest.raises(ClientError, match=r"never closed .character 6 of"):
        there.search("tickets", 'late "refund')
    with pytest.raises(NotFound, match="Did you mean 'tickets'"):
        there.search("tikets", "late")


def test_sql_searches_through_a_connection_too(found: Found, there: Connection) -> None:
    text = "SELECT ticket_id, score FROM search('tickets', $words) ORDER BY score DESC"
    assert there.sql(text, words="refund").rows == found.project.sql(text, words="refund").rows
