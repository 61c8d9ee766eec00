"""`search(...)` in SQL, at every door: rows that an index finds, at the statement's snapshot."""

from __future__ import annotations

import httpx
import pytest
from tests.server.searching.conftest import Found

from pumphouse.errors import BadRequest, QueryError, UnknownName

JOINED = (
    "SELECT s.ticket_id, a.country FROM search('tickets', 'refund AND late') s"
    " JOIN accounts a USING (account) WHERE s.score > 0 ORDER BY 1"
)
ROWS = [(2, "FR"), (5, "US")]


def asked(client: httpx.Client, sql: str, **more: object) -> httpx.Response:
    return client.post("/api/sql", json={"sql": sql, **more})


def test_a_search_joins_a_table_at_every_door(found: Found) -> None:
    here = found.project.sql(JOINED).to_arrow().to_pylist()
    assert [tuple(row.values()) for row in here] == ROWS
    with found.http("ann") as client:
        assert [tuple(row.values()) for row in asked(client, JOINED).json()["rows"]] == ROWS
    assert found.flight("ann", JOINED) == ROWS
    assert found.postgres("ann", JOINED) == ROWS


def test_what_is_looked_for_may_be_a_parameter(found: Found) -> None:
    text = "SELECT ticket_id FROM search('tickets_search', {}) WHERE account = {} ORDER BY score DESC"
    mine = found.project.sql(text.format("$words", "$account"), words="broken", account="acme")
    assert mine.to_arrow().column(0).to_pylist() == [3, 1]
    with found.http("ann") as client:
        reply = asked(client, text.format("?", "?"), parameters=["broken", "acme"])
        assert [row["ticket_id"] for row in reply.json()["rows"]] == [3, 1]
        wrong = asked(client, text.format("?", "?"), parameters=['"broken', "acme"])
        assert wrong.status_code == 400
        assert "this quote is never closed (character 1" in wrong.text
        assert "is no text" in asked(client, text.format("?", "?"), parameters=[7, "acme"]).text
    assert found.postgres("ann", text.format("%s", "%s"), ("broken", "acme")) == [(3,), (1,)]


def test_columns_are_those_of_the_table_and_a_score(found: Found) -> None:
    table = found.project.sql("FROM search('tickets', 'thanks')")
    assert table.columns[-1] == "score"
    assert table.columns[:-1] == found.project["tickets"].columns
    assert found.project.sql("SELECT search.score FROM search('tickets', 'thanks')").to_arrow().num_rows == 1


def test_several_searches_and_what_looks_like_one(found: Found) -> None:
    text = (
        "WITH late AS (FROM search('tickets', '(late)')) SELECT ticket_id, 'search(''tickets'', ''x'')' AS said"
        " FROM late SEMI JOIN search ( 'tickets', $$refund$$ /* ) */ ) USING (ticket_id) -- search('tickets', 'y')\n"
        " ORDER BY 1"
    )
    assert found.project.sql(text).to_arrow().column(0).to_pylist() == [2, 5]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("FROM search('tickets', 'refund AND (late')", QueryError, "never closed (character 12 of: refund AND (late)"),
        ("FROM search('tikets', 'refund')", UnknownName, "Did you mean 'tickets'?"),
        ("FROM search('accounts', 'refund')", UnknownName, "no index 'accounts'"),
        ("FROM search('tickets')", BadRequest, "not 1 arguments"),
        ("FROM search('tickets', words := 'a')", BadRequest, "no arguments by name"),
        ("SELECT * FROM accounts, search('tickets', accounts.country)", BadRequest, "no column of another table"),
        (r"FROM search('tickets', E'a\'b')", BadRequest, "in single quotes"),
    ],
)
def test_a_wrong_search_is_told(found: Found, text: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as raised:
        found.project.sql(text).to_arrow()
    assert said in str(raised.value)
    with found.http("ann") as client:
        assert said in asked(client, text).text


def test_a_search_is_of_the_snapshot_of_its_statement(found: Found) -> None:
    before = found.project.lake.builds()["tickets"].snapshot
    text = "SELECT count(*) AS n FROM search('tickets', 'broken')"
    assert found.project.sql(text, snapshot=before).to_arrow().column(0).to_pylist() == [3]
    with found.http("ann") as client:
        reply = asked(client, text, snapshot=before).json()
        assert (reply["snapshot"], reply["rows"]) == (before, [{"n": 3}])


def test_reads_are_logged_of_the_table_and_of_the_index(found: Found) -> None:
    with found.http("eve") as client:
        asked(client, "SELECT ticket_id FROM search('tickets', 'broken')").raise_for_status()
    log = [(one.asset, one.door, one.rows) for one in found.project.lake.state.accesses() if one.who == "eve"]
    assert sorted(log) == [("tickets", "http", 3), ("tickets_search", "http", 3)]


def test_who_sees_a_part_of_a_table_searches_that_part(found: Found) -> None:
    text = "SELECT id FROM search('notes', '{}') ORDER BY id"
    with found.http("bob") as bob, found.http("ann") as ann, found.http("cid") as cid:
        assert asked(ann, text.format("word")).json()["rows"] == [{"id": 1}, {"id": 2}]
        assert asked(bob, text.format("word")).json()["rows"] == [{"id": 1}]
        assert asked(bob, text.format("hidden")).json()["rows"] == []
        assert found.flight("bob", text.format("word")) == found.postgres("bob", text.format("word")) == [(1,)]
        refused, absent = asked(cid, text), asked(cid, text.replace("notes", "nothing"))
        assert refused.status_code == absent.status_code == 404
        assert refused.text.replace("notes", "nothing") == absent.text
