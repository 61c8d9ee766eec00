from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.indexes import ordering
from pumphouse.indexes.build import build
from pumphouse.indexes.estimates import Reach
from pumphouse.indexes.lookup import lookup
from pumphouse.indexes.manifest import State
from pumphouse.indexes.ordering import (
    WINDOWED_ROWS_MIN,
    After,
    count_of,
    first_by_columns,
    first_by_score,
    first_by_steps,
    in_order,
    order_of,
    values_of,
)
from pumphouse.indexes.views import view

ROWS = 3_000
START = dt.datetime(2022, 1, 1, tzinfo=dt.UTC)


class Tickets:
    """An index that is open, and its first rows."""

    def __init__(self, desk: Any, name: str) -> None:
        self.opened = view(desk.lake, name, snapshot=None)

    @property
    def state(self) -> State:
        return self.opened.manifest.newest

    def first(self, query: str, order: str, *, most: int, reach: Reach | None = None) -> tuple[int, list[Any]]:
        """How many rows match, and where the first ten are."""
        asked = lookup(query, index=self.opened.index, manifest=self.opened.manifest, where={})
        by = order_of(order, self.opened.manifest) or ()
        known = reach or self.state.reach(by[0].field.column if by else None)
        found = first_by_columns(self.opened.index, asked.query, by, limit=10, most=most, reach=known)
        assert found.count == count_of(self.opened.index, asked.query)
        assert found.is_more == (found.count > 10)
        return found.count, [(place.segment_ord, place.doc) for place in found.places]

    def pages(self, query: str, order: str, *, most: int, limit: int) -> list[int]:
        """The ids of all rows that match, page by page."""
        index, manifest = self.opened.index, self.opened.manifest
        asked = lookup(query, index=index, manifest=manifest, where={}).query
        by = order_of(order, manifest) or ()
        reach = self.state.reach(by[0].field.column if by else None)
        ids: list[int] = []
        after, is_more = None, True
        while is_more:
            found = first_by_columns(index, asked, by, limit=limit, after=after, most=most, reach=reach)
            rows, columns = values_of(index, found.places, by)
            hits = [(row, known) for row, *known in zip(rows, *columns, strict=True)]
            chosen = [hits[number] for number in in_order(hits, by)]
            ids += [row for row, _ in chosen]
            is_more = found.is_more
            after = After(values=chosen[-1][1], row=chosen[-1][0]) if chosen else None
        return ids


@pytest.fixture(scope="module")
def tickets(shared_desk: Any) -> Tickets:
    ids = range(ROWS)
    opened = [START + dt.timedelta(hours=9 * number) for number in ids]
    rows = {
        "ticket_id": ids,
        "subject": ["late order" if number % 3 else "refund" for number in ids],
        "amount": pa.array([number * 7919 % 1000 if number % 10 else None for number in ids], pa.int64()),
        "tens": [number // 10 for number in ids],
        "zero": [0.0 if number % 2 else -0.0 for number in ids],
        "share": [1 / (1 + number) for number in ids],
        "opened_at": pa.array(opened, pa.timestamp("us", "UTC")),
    }
    shared_desk.table(pa.table(rows))
    asset = shared_desk.index(text=("subject",), filter=("amount", "share", "tens", "zero"))
    build(asset, shared_desk.context())
    return Tickets(shared_desk, asset.name)


@pytest.mark.parametrize("query", ["*", "late", "opened_at:[2022-06 TO 2024-02]", "amount:<30", "NOT amount:*"])
@pytest.mark.parametrize("order", ["newest", "opened_at", "amount desc", "amount", "share", "share desc", "score"])
def test_the_first_of_many_rows_are_those_of_all_sorted(tickets: Tickets, query: str, order: str) -> None:
    whole = tickets.first(query, order, most=0)
    assert tickets.first(query, order, most=WINDOWED_ROWS_MIN) == whole
    for reach in ((0.0, 1.0), (-1e300, 1e300), (5e15, 6e15), (None, None)):  # wrong as it may be
        assert tickets.first(query, order, most=WINDOWED_ROWS_MIN, reach=reach) == whole


@pytest.mark.parametrize("query", ["late", "opened_at:[2022-06 TO 2022-12]"])
@pytest.mark.parametrize(
    "order", ["newest", "opened_at", "tens desc", "tens, opened_at", "amount desc", "share", "zero", "score"]
)
def test_pages_of_many_rows_are_those_of_all_sorted(tickets: Tickets, query: str, order: str) -> None:
    whole = tickets.pages(query, order, most=0, limit=ROWS)
    assert len(whole) == len(set(whole)) > 300
    assert tickets.pages(query, order, most=WINDOWED_ROWS_MIN, limit=97) == whole


@pytest.mark.parametrize(
    ("query", "most", "reach"),
    [
        ("late", 2000, {}),
        ("refund late", 1000, {}),
        ("refund OR nothing", 1000, {}),
        ("late*", ROWS, {}),
        ("-late", ROWS, {}),
        ("late amount:[3 TO 9} amount:<=5", 2000, {"amount": (3, 5)}),
        ("late (amount:3 OR amount:5)", 2000, {}),
        ("amount:>3.5", ROWS, {"amount": (3, None)}),
        ("amount:7", ROWS, {"amount": (7, 7)}),
    ],
)
def test_what_a_query_may_find_is_known_beforehand(
    tickets: Tickets, query: str, most: int, reach: dict[str, Reach]
) -> None:
    index, manifest = tickets.opened.index, tickets.opened.manifest
    known = lookup(query, index=index, manifest=manifest, where={}).estimate
    assert (known.most, known.reach) == (most, reach)


@pytest.fixture(scope="module")
def letters(tickets: Tickets, shared_desk: Any) -> Tickets:
    """An index of two columns of text, with many rows of the same score."""
    words = ["refund", "refunds", "refnd", "fund", "order", "orders", "late", "", "refund refund"]
    ids = range(ROWS)
    rows = {
        "ticket_id": ids,
        "subject": [f"{words[number % 9]} {words[number % 7]}" for number in reversed(ids)],
        "body": [words[number % 11 % 9] for number in ids],
        "amount": [number % 10 for number in ids],
    }
    shared_desk.table(pa.table(rows), "letters")
    asset = replace(
        shared_desk.index(table="letters", languages=(("body", "english"),), filter=("amount",), sort=None),
        name="letters_search",
        inputs=("letters",),
    )
    known = {"letters": replace(shared_desk.context().assets["tickets"], name="letters")}
    build(asset, shared_desk.context(assets=known))
    return Tickets(shared_desk, asset.name)


@pytest.mark.parametrize("windowed_from", [1, WINDOWED_ROWS_MIN])
@pytest.mark.parametrize(
    ("query", "is_nested"),
    [
        ("refund~1", False),
        ("refund~2", False),
        ("refumd~2", False),
        ("rfnd~2", False),
        ("subject:refund~2 amount:>3", True),
        ("subject:rfnd~2", True),
        ("subject:refunds~1", True),
        ("body:refunds~2 -late", True),
        ("refu*", False),
        ("refunds*", False),
        ("body:refunds*", False),
        ("subject:o* amount:[2 TO 8]", True),
        ("subject:zzzz~2", True),
        ("zzzz~2", False),
        ("refund~1 late", None),
        ("refund~1 OR ordr~2", None),
        ("refund~1 orders~1", None),
        ("* refu*", None),
    ],
)
def test_of_rows_with_the_same_score_the_lowest_ids_are_first(
    letters: Tickets, monkeypatch: pytest.MonkeyPatch, query: str, is_nested: bool | None, windowed_from: int
) -> None:
    monkeypatch.setattr(ordering, "WINDOWED_ROWS_MIN", windowed_from)
    index, manifest = letters.opened.index, letters.opened.manifest
    asked = lookup(query, index=index, manifest=manifest, where={"amount <": 9})
    alike = asked.alike
    assert (alike.is_nested if alike else None) == is_nested
    every, count = first_by_score(index, asked.query, limit=ROWS)
    assert len(every) == count == count_of(index, asked.query)
    worth, reach = alike.worth if alike else None, (0, ROWS - 1)
    for limit in (1, 10, 200):
        ways = [first_by_score(index, asked.query, limit=limit, worth=worth, reach=reach)]
        if alike and alike.is_nested:
            steps = [alike.within(one) for one in alike.steps[0]]
            itself = alike.within(alike.itself) if alike.itself else None
            ways.append(first_by_steps(index, steps, itself=itself, limit=limit, reach=reach))
        for found, total in ways:
            assert total == count
            assert [row for _, row in found] == [row for _, row in every[:limit]]
            assert [score for score, _ in found] == pytest.approx([score for score, _ in every[:limit]])


def test_a_manifest_knows_between_which_numbers_the_rows_of_a_segment_are(tickets: Tickets) -> None:
    assert [one.partition for one in tickets.state.segments] == ["2022", "2023", "2024", "2025"]
    start = START.timestamp() * 1_000_000
    assert tickets.state.segments[0].ends["opened_at"][0] == start
    assert tickets.state.reach("opened_at") == (start, start + (ROWS - 1) * 9 * 3_600_000_000)
    assert tickets.state.reach("amount") == (1, 999)
    assert tickets.state.reach(None) == (0, ROWS - 1)
    assert tickets.state.reach("subject") == (None, None)
