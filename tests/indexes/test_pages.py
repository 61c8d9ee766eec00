from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import RequestError, UnknownName
from pumphouse.indexes import pages
from pumphouse.indexes.build import build
from pumphouse.indexes.searching import Found, search
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit


def rows(start: int, count: int) -> pa.Table:
    ids = range(start, start + count)
    return pa.table(
        {
            "ticket_id": ids,
            "subject": ["refund " * (number % 4) + "order" for number in ids],
            "account": [f"account {number % 3}" for number in ids],
            "amount": pa.array([number % 5 or None for number in ids], pa.int64()),
        }
    )


def index(desk: Any) -> Any:
    return desk.index(text=("subject",), filter=("account", "amount"), facet=("account",), sort=None)


def keys(found: Found) -> list[int]:
    return [hit.key[0] for hit in found.hits]


@pytest.mark.parametrize("order", ["score", "amount desc", "account, amount"])
@pytest.mark.parametrize("query", ["refund", "orde~1", "account:*"])
def test_pages_stay_true_while_the_table_changes_and_the_index_is_rebuilt(desk: Any, query: str, order: str) -> None:
    desk.table(rows(0, 40))
    build(index(desk), desk.context())
    whole = search(desk.lake, index(desk), query, order=order, limit=100)
    found = search(desk.lake, index(desk), query, order=order, limit=7)
    seen = keys(found)
    assert seen == keys(whole)[:7]
    for number in range(3):
        commit = Commit(desk.lake, "tickets", run="load", actor="tester")
        gone = pa.table({"ticket_id": pa.array(range(number * 8, number * 8 + 8), pa.int64())})
        commit.delete_keys(
            "tickets", desk.lake.stage(gone.to_batches(), gone.schema, stem=f"gone{number}"), key=("ticket_id",)
        )
        commit.publish(Counts())
        build(index(desk), desk.context(run=f"run-{number + 2}", mode="full" if number == 1 else "normal"))
        found = search(desk.lake, index(desk), query, order=order, limit=7, after=found.after)
        assert (found.snapshot, found.total) == (whole.snapshot, whole.total)
        seen += keys(found)
    while found.after:
        found = search(desk.lake, index(desk), query, order=order, limit=7, after=found.after)
        seen += keys(found)
    assert sorted(seen) == sorted(keys(whole))
    if order != "score":
        assert seen == keys(whole)


def test_a_page_of_another_search_is_refused(desk: Any) -> None:
    desk.table(rows(0, 40))
    build(index(desk), desk.context())
    after = search(desk.lake, index(desk), "refund").after
    assert after
    assert len(search(desk.lake, index(desk), "refund", after=after).hits) == 10
    for query, options in (
        ("order", {}),
        ("refund", {"order": "amount"}),
        ("refund", {"where": {"amount": 1}}),
        ("refund", {"after": after[:-3]}),
        ("refund", {"after": "é" + after}),
        ("refund", {"after": ""}),
    ):
        with pytest.raises(RequestError, match=r"this is no page of this search\. Pass 'after' as the page before"):
            search(desk.lake, index(desk), query, **{"after": after, **options})
    with pytest.raises(RequestError, match=r"the page before is of snapshot \d, not of 0"):
        search(desk.lake, index(desk), "refund", after=after, snapshot=0)


def test_pages_by_score_have_an_end_that_is_said(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SEEN_MAX", 10)
    desk.table(rows(0, 40))
    build(index(desk), desk.context())
    after = search(desk.lake, index(desk), "refund").after
    with pytest.raises(RequestError, match=r"paged up to the 10th in the order of their score\. Sort by a column"):
        search(desk.lake, index(desk), "refund", after=after)


def test_declared_facets_come_with_an_answer_and_others_when_asked(desk: Any) -> None:
    desk.table(rows(0, 40))
    build(index(desk), desk.context())
    found = search(desk.lake, index(desk), "refund")
    assert list(found.facets) == ["account"]
    assert found.facets["account"].counts == (("account 0", 10), ("account 1", 10), ("account 2", 10))
    assert search(desk.lake, index(desk), "refund", facets=[]).facets == {}
    amounts = search(desk.lake, index(desk), "refund", facets=["amount"]).facets["amount"]
    assert (sum(count for _, count in amounts.counts), amounts.others, amounts.missing) == (24, 0, 6)
    with pytest.raises(UnknownName, match=r"can't be counted by 'acount'\. Did you mean 'account'\?"):
        search(desk.lake, index(desk), "refund", facets=["acount"])
    with pytest.raises(UnknownName, match=r"'amount by month' can't be counted\. Days and moments"):
        search(desk.lake, index(desk), "refund", facets=["amount by month"])


def test_of_values_that_are_as_frequent_the_lowest_are_listed_however_many_there_are(desk: Any) -> None:
    accounts = [f"account {number * 7 % 90:02}" for number in range(90)] + ["account 88", "account 89"]
    desk.table(rows(0, 92).set_column(2, "account", pa.array(accounts)))
    build(index(desk), desk.context())
    facet = search(desk.lake, index(desk), "order", facets=["account"]).facets["account"]
    expected = [("account 88", 2), ("account 89", 2), *((f"account {number:02}", 1) for number in range(8))]
    assert (list(facet.counts), facet.others, facet.missing) == (expected, 80, 0)


def test_nothing_found_is_in_any_order(desk: Any) -> None:
    desk.table(rows(0, 4))
    build(index(desk), desk.context())
    for order in ("score", "account", "amount desc, account"):
        found = search(desk.lake, index(desk), "nothing", order=order)
        assert (found.hits, found.total, found.after) == ((), 0, None)


def test_an_order_that_is_none_is_named(desk: Any) -> None:
    desk.table(rows(0, 4))
    build(index(desk), desk.context())
    with pytest.raises(UnknownName, match=r"can't be sorted by 'amont'\. Did you mean 'amount'\?"):
        search(desk.lake, index(desk), "refund", order="account, amont desc")


def test_filters_beside_the_query_are_values_several_or_none(desk: Any) -> None:
    desk.table(rows(0, 20))
    build(index(desk), desk.context())

    def total(where: dict[str, Any]) -> int:
        return search(desk.lake, index(desk), "", where=where).total

    assert total({"amount": 3}) == 4
    assert total({"amount": [1, "2"]}) == 8
    assert total({"amount": None}) == 4
    assert total({"amount": [None, 4], "account": ["account 0"]}) == 3
    with pytest.raises(UnknownName, match="column 'amount': 'x' is not a number of the column's kind"):
        total({"amount": "x"})


@pytest.mark.parametrize(
    ("query", "suggested"),
    [
        ("refnud", "refund"),
        ("Please refnud broken", "Please refund broken"),
        ("subject:delvery late", "subject:delivery late"),
        ('"delivred"', '"delivered"'),
        ("refund", None),
        ("zzzzzz", None),
        ("refnud*", None),
        ("-refnud", None),
    ],
)
def test_a_query_that_finds_next_to_nothing_has_a_suggestion_that_finds_more(
    desk: Any, tickets: pa.Table, query: str, suggested: str | None
) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    found = search(desk.lake, desk.index(), query)
    assert found.suggestion == suggested
    if suggested:
        assert search(desk.lake, desk.index(), suggested).total > found.total


@pytest.mark.parametrize(("others", "suggested"), [(299, None), (300, "colour late")])
def test_a_word_that_is_there_is_put_right_by_one_ten_times_as_frequent(
    desk: Any, others: int, suggested: str | None
) -> None:
    texts = ["color wide"] * 30 + ["colour late"] * others
    desk.table(rows(0, len(texts)).set_column(1, "subject", pa.array(texts)))
    build(index(desk), desk.context())
    assert search(desk.lake, index(desk), "color late").suggestion == suggested


def test_a_suggestion_is_of_rows_within_the_filters(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    assert search(desk.lake, desk.index(), "brokn", where={"account": "acme"}).suggestion == "broken"
    assert search(desk.lake, desk.index(), "brokn", where={"account": "Acme Ltd"}).suggestion is None


def test_what_is_found_shows_itself(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    found = search(desk.lake, desk.index(), "broken")
    assert repr(found) == f"Found(2 of 'tickets' at snapshot {found.snapshot})"
    assert "<mark>broken</mark>&lt;/b&gt; &amp; leaks" in found._repr_html_()
    none = search(desk.lake, desk.index(), "brokn", limit=1)
    assert repr(none) == f"Found(0 of 'tickets' at snapshot {none.snapshot}, did you mean 'broken'?)"
