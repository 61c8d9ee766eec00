from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import QueryError, UnknownName
from pumphouse.indexes import searching
from pumphouse.indexes.build import build
from pumphouse.indexes.searching import Found, matching, search
from pumphouse.lake.commit import Commit


@pytest.fixture
def ask(desk: Any, tickets: pa.Table) -> Callable[..., Found]:
    """Searches an index that a test may change."""
    return _asking(desk, tickets)


@pytest.fixture(scope="module")
def find(shared_desk: Any, tickets: pa.Table) -> Callable[..., Found]:
    """Searches an index that stays as it is."""
    return _asking(shared_desk, tickets)


def _asking(desk: Any, tickets: pa.Table) -> Callable[..., Found]:
    desk.table(tickets)
    build(desk.index(), desk.context())
    return lambda query, **options: search(desk.lake, desk.index(), query, **options)


def keys(found: Found) -> list[int]:
    return [hit.key[0] for hit in found.hits]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("refund", {1, 2}),
        ("REFUND broken", {1}),
        ("refund -broken", {2}),
        ("-refund", {3, 4}),
        ("late OR cafe", {1, 2}),
        ('"want the order"', {2}),
        ('"order the want"', set()),
        ("deliver*", {2, 4}),
        ("strasse", {4}),
        ("NAIVE", {4}),
        ("12:30", {4}),
        ("don't", {2}),
        ("account:acme", {1, 3}),
        ('account:"Acme Ltd"', {2}),
        ("account:ACME", set()),
        ("account:ac*", {1, 3}),
        ('account:(acme OR "Acme Ltd")', {1, 2, 3}),
        ('subject:(refund OR "late delivery")', {1, 2}),
        ("account:* -account:acme", {2}),
        ("-account:*", {4}),
        ("-body:*", {3}),
        ("brokn~", {1, 3}),
        ("dleivred~2", {4}),
        ('"order late"~2', {2}),
        ("opened_at:>=2026-01-03", {1, 2}),
        ("opened_at:[2026-01 TO 2026-01-03}", {3}),
        ("opened_at:2026-01-05", {2}),
        ('account:<"acme"', {2}),
        ("subject:refund", {1}),
        ("", {1, 2, 3, 4}),
        ("* -account:acme", {2, 4}),
        ("(late OR thanks) deliver*", {2, 4}),
        ("xyz*", set()),
        ("http://example.org", set()),
    ],
)
def test_a_query_finds_the_rows_that_match(find: Callable[..., Found], query: str, wanted: set[int]) -> None:
    found = find(query)
    assert set(keys(found)) == wanted
    assert found.total == len(wanted)


def test_a_hit_has_its_key_score_row_and_escaped_excerpts(find: Callable[..., Found]) -> None:
    found = find("broken cafe")
    [hit] = found.hits
    assert hit.key == (1,)
    assert hit.score is not None
    assert hit.score > 0
    assert hit.row["account"] == "acme"
    assert list(hit.row) == ["ticket_id", "subject", "body", "account", "opened_at"]
    assert list(hit.excerpts) == ["body"]
    assert (
        hit.excerpts["body"].html
        == "The <mark>café</mark> machine is &lt;b&gt;<mark>broken</mark>&lt;/b&gt; &amp; leaks."
    )
    assert found.rows == (hit.row,)
    assert found.table == "tickets"


def test_the_best_hit_comes_first_or_the_newest(find: Callable[..., Found]) -> None:
    assert keys(find("broken")) == [3, 1]
    newest = find("refund OR broken OR thanks", order="newest")
    assert keys(newest) == [2, 1, 3, 4]
    assert {hit.score for hit in newest.hits} == {None}


def test_a_limit_bounds_the_hits_and_not_the_total(find: Callable[..., Found]) -> None:
    found = find("", limit=2)
    assert (len(found.hits), found.total) == (2, 4)


def test_rows_are_filtered_by_exact_values(find: Callable[..., Found]) -> None:
    assert keys(find("refund", where={"account": "Acme Ltd"})) == [2]
    assert keys(find("refund", where={"account": "nobody"})) == []
    with pytest.raises(UnknownName, match=r"can't be filtered by 'acount'\. Did you mean 'account'\?"):
        find("refund", where={"acount": "acme"})


def test_rows_are_filtered_by_ranges_and_parts_of_the_calendar(find: Callable[..., Found]) -> None:
    assert keys(find("*", where={"opened_at": "2026-01"}, order="newest")) == [2, 1, 3]
    assert keys(find("*", where={"opened_at >=": "2026-01-02", "opened_at<": "2026-01-05"})) == [1]
    assert keys(find("*", where={"account >": "acme"})) == []
    assert keys(find("*", where={"account <": "acme"})) == [2]
    with pytest.raises(UnknownName, match=r"column 'opened_at': 'soon' is not a moment"):
        find("*", where={"opened_at >": "soon"})
    with pytest.raises(UnknownName, match="compared by '>' with one value"):
        find("*", where={"account >": ["a", "b"]})
    with pytest.raises(UnknownName, match=r"can't be filtered by 'acount'"):
        find("*", where={"acount >": "a"})


@pytest.mark.parametrize(
    ("query", "position", "said"),
    [
        ("refund acount:acme", 14, "no column 'acount' in this index"),
        ("refund &&", 7, "holds no letter or digit"),
        ("account:acm~", 8, "compared as a whole"),
        ("opened_at:20*", 10, "holds no text"),
        ("opened_at:[2024-01 TO 2024-13]", 22, "'2024-13' is no month of the calendar"),
        ("opened_at:>soon", 11, "'soon' is not a moment such as 2026-01-31T12:00:00Z"),
        ("subject:>a", 8, "only the words of column 'subject' are searched (character 9 of: subject:>a). To compare"),
        ("account: acme", 0, "a value is missing after account: (character 1 of: account: acme). Leave no space"),
        ("refund acount:*", 14, "no column 'acount' in this index"),
        ('"a b c d e f g h i"~2', 0, "at most 8 words"),
        ("x" * 61 + "~", 0, "at most 60 letters"),
        ("a-b*", 0, "a star follows one word"),
        ('"late', 0, "never closed"),
    ],
)
def test_a_wrong_query_is_pointed_at(find: Callable[..., Found], query: str, position: int, said: str) -> None:
    with pytest.raises(QueryError) as raised:
        find(query)
    assert said in str(raised.value)
    assert raised.value.position == position


def test_a_person_with_a_tombstone_is_in_no_hit_before_the_index_follows(desk: Any, ask: Callable[..., Found]) -> None:
    commit = Commit(desk.lake, "privacy", run="run-2", actor="tester")
    commit.tombstone("ticket_id", "3", why="asked")
    commit.publish()
    found = ask("broken")
    assert keys(found) == [1]
    assert found.total == 1
    assert keys(ask("", limit=3)) == [1, 2, 4]
    assert build(desk.index(), desk.context(run="run-3")).counts.rows_out == 3


def test_an_answer_is_of_the_newest_snapshot_or_of_the_one_asked_for(
    desk: Any, tickets: pa.Table, ask: Callable[..., Found]
) -> None:
    covered = ask("late").snapshot
    later = desk.table(tickets.set_column(1, "subject", pa.array(["late"] * 4)))
    found = ask("late")
    assert (found.snapshot, found.total, found.scanned) == (later, 4, 4)
    found = ask("late", snapshot=covered)
    assert (found.snapshot, found.scanned) == (covered, 0)
    assert [hit.row["subject"] for hit in found.hits] == ["Late delivery"]


def test_an_index_that_was_never_built_is_said_so(desk: Any) -> None:
    with pytest.raises(UnknownName, match=r"'tickets_search' was never built\. Build it: pumphouse run tickets_search"):
        search(desk.lake, desk.index(), "refund")


def test_a_column_may_be_searched_and_filtered_by(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    index = desk.index(text=("body", "account"), filter=("account",), sort=None)
    build(index, desk.context())
    assert keys(search(desk.lake, index, "account:ltd")) == [2]
    assert keys(search(desk.lake, index, "refund", where={"account": "Acme Ltd"})) == [2]
    assert keys(search(desk.lake, index, "*", where={"account": "acme"})) == [1, 3]
    with pytest.raises(UnknownName, match="has no column to sort by"):
        search(desk.lake, index, "*", order="newest")


@pytest.mark.parametrize("at_once", [2, 500_000])
def test_all_matches_come_as_row_ids_with_the_scores_of_a_search(
    desk: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    texts = ["late " * (number % 3) + "order" for number in range(20)]
    read = desk.table(pa.table({"ticket_id": range(20), "subject": texts, "account": ["a", "b"] * 10}))
    index = desk.index(text=("subject",), sort=None)
    build(index, desk.context())
    monkeypatch.setattr(searching, "MATCHES_AT_ONCE", at_once)
    found = search(desk.lake, index, "late", limit=20)
    matches = matching(desk.lake, index, "late")
    assert (matches.snapshot, matches.table_name, matches.scanned) == (desk.lake.snapshot(), "tickets", 0)
    assert dict(zip(*matches.table.to_pydict().values(), strict=True)) == {
        hit.key[0]: pytest.approx(hit.score) for hit in found.hits
    }
    best = matching(desk.lake, index, "late", limit=5)
    assert best.table["_rowid"].to_pylist() == [2, 5, 8, 11, 14]
    assert matching(desk.lake, index, "late", where={"account": "a"}, snapshot=read).table.num_rows == 6
    assert matching(desk.lake, index, "nothing").table.num_rows == 0
