"""Who sees a part of a table searches that part: exactly as in an index of a table that has no more."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.indexes.conftest import Desk
from tests.indexes.test_views import read_only

from pumphouse.declare.facts import search as declare
from pumphouse.engines.engine import Scan
from pumphouse.errors import BadRequest, Overloaded, QueryError, TooMuch, UnknownName
from pumphouse.indexes import sights
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import home
from pumphouse.indexes.searching import Found, matching, search
from pumphouse.indexes.semantic import search_by_meaning
from pumphouse.indexes.sights import Sight
from pumphouse.lake.changes import hide
from pumphouse.lake.lake import Lake, Location
from pumphouse.lake.locks import held

ACME = "account = 'acme'"
QUERIES = ("refund", "refund OR broken", "o* late", "brokn~", "refnud", "*", '"late delivery"', "-broken", "account:a*")


def sight(rows: str, *columns: str, masked: str = "", **changes: Any) -> Sight:
    """The rows that meet a condition, with these columns, and one of them masked."""

    def shown(scan: Scan) -> Scan:
        names = [*(columns or (one for one in scan.schema.names if not one.startswith("_"))), "_rowid"]
        cells = ", ".join(f"left({one}, 1) AS {one}" if one == masked else one for one in names)
        schema = pa.schema([scan.schema.field(one) for one in names])
        return replace(scan, schema=schema, relation=f"SELECT {cells} FROM ({scan.relation}) WHERE {rows}")

    plain = frozenset(columns or ("ticket_id", "subject", "body", "account", "opened_at")) - {masked}
    return Sight(**{"digest": f"{rows} {columns} {masked}", "shown": shown, "plain": plain, **changes})


def said(found: Found) -> tuple[Any, ...]:
    hits = [(hit.key, hit.score, {name: one.html for name, one in hit.excerpts.items()}) for hit in found.hits]
    return hits, found.total, found.facets, found.suggestion


@pytest.fixture
def apart(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "apart")


def test_a_part_is_searched_as_a_table_that_has_no_more(desk: Any, apart: Desk, tickets: pa.Table) -> None:
    ids = tickets["ticket_id"]
    many = pa.concat_tables([tickets.set_column(0, "ticket_id", pc.add(ids, 10 * number)) for number in range(9)])
    index = desk.index(facet=("account", "opened_at"))
    desk.table(many)
    build(index, desk.context())
    apart.table(many.filter(pc.equal(many["account"], "acme")))
    build(index, apart.context())
    for query in QUERIES:
        for asked in ({}, {"order": "newest", "limit": 3}, {"limit": 2}, {"where": {"opened_at": "2026-01"}}):
            there = search(apart.lake, index, query, **asked)
            here = search(desk.lake, index, query, sight=lambda at: sight(ACME), **asked)
            assert said(here) == said(there), (query, asked)
            if there.after:
                there = search(apart.lake, index, query, after=there.after, **asked)
                here = search(desk.lake, index, query, after=here.after, sight=lambda at: sight(ACME), **asked)
                assert said(here) == said(there), (query, asked)
    assert here.scanned == 0


def test_matches_have_the_ids_of_their_rows(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    found = matching(desk.lake, desk.index(), "broken", sight=lambda at: sight(ACME)).table
    relation = desk.lake.scan("tickets", row_ids=True).relation
    text = f"SELECT ticket_id FROM ({relation}) WHERE _rowid IN (SELECT unnest(?)) ORDER BY 1"
    rows = desk.engine.fork().execute(text, [found.column("_rowid").to_pylist()])
    assert rows == [(1,), (3,)]


def test_hidden_and_masked_columns_are_searched_as_they_are_shown(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    index = desk.index(facet=("account",))
    build(index, desk.context())

    def find(query: str, of: Sight, **asked: Any) -> Found:
        return search(desk.lake, index, query, sight=lambda at: of, **asked)

    no_body = sight("true", "ticket_id", "subject", "account")
    assert find("machine", no_body).total == 0
    assert "body" not in find("broken", no_body).rows[0]
    with pytest.raises(QueryError, match="no column 'body'"):
        find("body:machine", no_body)
    with pytest.raises(UnknownName, match="can't be sorted by 'opened_at'"):
        find("broken", no_body, order="opened_at")
    masked = sight("true", masked="account")
    assert dict(find("*", masked).facets["account"].counts) == {"a": 2, "A": 1}
    assert find("*", masked, where={"account": "acme"}).total == 0
    assert find("*", masked, where={"account": "a"}).total == 2
    assert find("*", sight("true", "subject")).hits[0].key == ()
    with pytest.raises(UnknownName, match="no index"):
        find("*", sight("true", "account"))


def test_what_is_made_is_kept_for_the_same_rows_and_bounded(
    desk: Any, tickets: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.table(tickets)
    index = desk.index()
    build(index, desk.context())

    def kept() -> set[str]:
        return {one.name for one in (home(desk.lake, index.name) / "sights").glob("*")}

    def find(rows: str) -> Found:
        return search(desk.lake, index, "broken", sight=lambda at: sight(rows))

    assert find(ACME).total == 2
    first = kept()
    assert find(ACME).total == 2
    assert kept() == first
    monkeypatch.setattr(sights, "SIGHTS_MAX", 2)
    for number in range(3):
        find(f"{ACME} OR ticket_id = {number}")
    assert len(kept()) == 2
    (home(desk.lake, index.name) / "sights" / min(kept()) / "rows.npy").write_bytes(b"")  # damaged: made again
    assert all(find(f"{ACME} OR ticket_id = {number}").total == 2 for number in range(3))
    desk.table(tickets.slice(1))
    assert find(ACME).total == 1
    for keep in range(4):  # states come and go, and what was made of them
        desk.table(tickets.slice(keep % 2))
        build(index, desk.context())
    assert kept() == set()


def test_who_sees_too_many_rows_or_has_to_wait_is_told(
    desk: Any, tickets: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.table(tickets)
    index = desk.index()
    build(index, desk.context())
    find: Callable[[Sight], Found] = lambda of: search(desk.lake, index, "broken", sight=lambda at: of)  # noqa: E731
    with pytest.raises(BadRequest, match="changes with the clock"):
        find(sight(ACME, is_steady=False))
    monkeypatch.setattr(sights, "WAIT_S", 0.0)
    with held(home(desk.lake, index.name) / ".sights", purpose="a test", wait_s=0), pytest.raises(Overloaded):
        find(sight(ACME))
    monkeypatch.setattr(sights, "WHOLE_ROWS_MAX", 1)
    with pytest.raises(TooMuch, match="too many to be searched"):
        find(sight(ACME))


def test_by_meaning_a_part_is_compared_as_if_there_were_no_more(desk: Any, apart: Desk, tickets: pa.Table) -> None:
    index = replace(desk.index(text=("body",)), code="code-1")
    declaration = declare("tickets", text="body", embed=embed)
    new, same = "never seen before", "the very text of a new row"
    found = []
    for place, hidden in ((desk, [same, "money money"]), (apart, ["nothing"])):
        theirs = pa.table({"ticket_id": [100 + number for number in range(len(hidden))], "body": hidden})
        account = pa.array(["globex"] * len(hidden))
        theirs = theirs.append_column("account", account).append_column("subject", account)
        rows = pa.concat_tables(
            [theirs, tickets.filter(pc.equal(tickets["account"], "acme"))], promote_options="default"
        )
        place.table(rows)
        build(index, place.context(declaration=declaration))
        more = pa.table({"ticket_id": [7, 8], "body": [new, same], "account": ["acme", "acme"]})
        place.table(pa.concat_tables([rows, more], promote_options="default"))
        for snapshot in (None, place.lake.snapshot() - 2):
            one = search_by_meaning(
                place.lake, index, "my money is late", embed=embed, snapshot=snapshot, sight=lambda at: sight(ACME)
            )
            found.append((said(one), one.scanned))
    assert found[:2] == found[2:]
    assert [scanned for _, scanned in found[:2]] == [3, 0]
    with pytest.raises(BadRequest, match="its vectors are of body too"):
        search_by_meaning(desk.lake, index, "money", embed=embed, sight=lambda at: sight("true", masked="body"))


def test_a_hidden_person_leaves_what_somebody_sees_at_once(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    index = desk.index()
    build(index, desk.context())
    find: Callable[[], Found] = lambda: search(desk.lake, index, "broken", sight=lambda at: sight(ACME))  # noqa: E731
    before = desk.lake.snapshot()
    assert {hit.key for hit in find().hits} == {(1,), (3,)}
    hide(desk.lake, entity="ticket_id", value="3", why="asked", run="hide", actor="tester")
    assert {hit.key for hit in find().hits} == {(1,)}
    old = search(desk.lake, index, "broken", snapshot=before, sight=lambda at: sight(ACME))
    assert {hit.key for hit in old.hits} == {(1,)}


def test_an_environment_shows_a_part_of_the_lake_above(
    desk: Any, tickets: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pinned = desk.table(tickets)
    build(desk.index(), desk.context())
    desk.table(tickets.slice(0, 1))
    above = read_only(desk, pinned, "above")
    (tmp_path / "dev").mkdir()
    dev = Lake(Location(folder=tmp_path / "dev"), engine=above.engine, upstream=above)
    found = search(dev, desk.index(), "broken", sight=lambda at: sight(ACME))
    assert ({hit.key for hit in found.hits}, found.snapshot) == ({(1,), (3,)}, dev.snapshot())
    assert len(matching(dev, desk.index(), "broken", sight=lambda at: sight(ACME)).table) == 2
    dev.close()


def embed(texts: list[str]) -> list[list[float]]:
    """How often some words stand in a text."""
    return [[float(text.lower().count(word)) for word in ("money", "late", "broken", "e")] for text in texts]
