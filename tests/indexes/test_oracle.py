"""Searches against an oracle that knows nothing of the index: a tokenizer of its own, and DuckDB over the same rows."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.declare.asset import Asset
from pumphouse.indexes import ordering
from pumphouse.indexes.build import build
from pumphouse.indexes.facets import VALUES_MAX
from pumphouse.indexes.searching import Found, matching, search

WORDS = ("late", "later", "latte", "plate", "order", "odrer", "refund", "café", "Ärger", "12", "naïve", "x")
LONG = "x" * 50
ACCOUNTS = ("acme", "Acme Ltd", "", "a*b", "[x]", "Ä", "zz top", "😀", "o'hara", f"{LONG}a", f"{LONG}b", None)
DAYS = (
    dt.date(2023, 12, 31),
    dt.date(2024, 1, 1),
    dt.date(2024, 1, 31),
    dt.date(2024, 2, 1),
    dt.date(1969, 5, 5),
    None,
)
AMOUNTS = (None, -(2**63), -3, 0, 5, 10, 11, 2**53 + 1, 2**63 - 1)
PRICES = (None, Decimal("-0.01"), Decimal("0.00"), Decimal("9.99"), Decimal("10.00"), Decimal("10.01"))
RATES = (None, -1.5, -0.0, 0.0, 0.1, 1e300)
Row = dict[str, Any]


class World:
    """The rows, and the same in an index."""

    def __init__(self, desk: Any, asset: Asset, rows: list[Row], table: pa.Table) -> None:
        self.desk, self.asset, self.rows, self.table = desk, asset, rows, table

    def ids(self, query: str, **options: Any) -> set[int]:
        return set(matching(self.desk.lake, self.asset, query, **options).table["_rowid"].to_pylist())

    def search(self, query: str, **options: Any) -> Found:
        return search(self.desk.lake, self.asset, query, **options)

    def pages(self, query: str, **options: Any) -> list[int]:
        """The keys of all hits, page by page."""
        found = self.search(query, **options)
        keys = [hit.key[0] for hit in found.hits]
        while found.after:
            found = self.search(query, after=found.after, **options)
            keys += [hit.key[0] for hit in found.hits]
        assert found.total == len(keys)
        return keys


@pytest.fixture(scope="module")
def world(shared_desk: Any) -> World:
    chance = random.Random(7)

    def text() -> str | None:
        return None if chance.random() < 0.1 else " ".join(chance.choices(WORDS, k=chance.randrange(6)))

    def moment(day: dt.date | None) -> dt.datetime | None:
        return day and dt.datetime(day.year, day.month, day.day, chance.choice([0, 23]), tzinfo=dt.UTC)

    rows = []
    for number in range(300):
        day = chance.choice(DAYS)
        rows.append(
            {
                "ticket_id": number,
                "subject": text(),
                "body": text(),
                "account": chance.choice(ACCOUNTS),
                "amount": chance.choice(AMOUNTS),
                "price": chance.choice(PRICES),
                "rate": chance.choice(RATES),
                "day": day,
                "opened_at": moment(chance.choice(DAYS)),
                "urgent": chance.choice([True, False, None]),
            }
        )
    kinds = {
        "ticket_id": pa.int64(),
        "amount": pa.int64(),
        "price": pa.decimal128(10, 2),
        "rate": pa.float64(),
        "day": pa.date32(),
        "opened_at": pa.timestamp("us", tz="UTC"),
        "urgent": pa.bool_(),
    }
    table = pa.table({name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in rows[0]})
    shared_desk.table(table)
    values = ("account", "amount", "price", "rate", "day", "opened_at", "urgent")
    asset = shared_desk.index(filter=values, sort="opened_at")
    build(asset, shared_desk.context())
    return World(shared_desk, asset, rows, table)


def words(text: str | None) -> list[str]:
    """An own idea of what words are."""
    plain = "".join(one for one in unicodedata.normalize("NFD", text or "") if not unicodedata.combining(one))
    return re.findall(r"[a-z0-9]+", plain.lower())


@cache
def distance(one: str, other: str) -> int:
    """Letters added, taken away, changed or swapped, each once; by the definition, slowly."""
    if not one or not other:
        return len(one) + len(other)
    if one[-1] == other[-1]:
        return distance(one[:-1], other[:-1])
    least = min(distance(one[:-1], other), distance(one, other[:-1]), distance(one[:-1], other[:-1])) + 1
    if len(one) > 1 and len(other) > 1 and one[-1] == other[-2] and one[-2] == other[-1]:
        least = min(least, distance(one[:-2], other[:-2]) + 1)
    return least


TERMS = [words(one)[0] for one in WORDS]
NEAR = {(one, other): distance(one, other) for one in TERMS for other in TERMS}


def phrase(looked_for: list[str], found: list[str], slop: int) -> bool:
    places = [
        [place - number for place, one in enumerate(found) if one == word] for number, word in enumerate(looked_for)
    ]
    pairs = itertools.combinations(places, 2)
    if len(looked_for) == 1 or not slop:
        return bool(set.intersection(*map(set, places)))
    return all(any(abs(one - other) <= slop for one in first for other in second) for first, second in pairs)


@dataclass(frozen=True, repr=False)
class Asked:
    """A query, and whether a row is what it asks for."""

    text: str
    holds: Callable[[Row], bool]

    def __repr__(self) -> str:
        return self.text


def in_text(column: str | None, holds: Callable[[list[str]], bool]) -> Callable[[Row], bool]:
    return lambda row: any(holds(words(row[name])) for name in ([column] if column else ["subject", "body"]))


@st.composite
def asked_words(draw: st.DrawFn) -> Asked:
    column = draw(st.sampled_from([None, "subject", "body"]))
    before = f"{column}:" if column else ""
    word = draw(st.sampled_from(WORDS))
    [term] = words(word)
    match draw(st.sampled_from(["word", "start", "like", "phrase", "present"])):
        case "word":
            return Asked(before + word, in_text(column, lambda found: term in found))
        case "start":
            start = term[: draw(st.integers(1, 3))]
            begun = {one for one in TERMS if one.startswith(start)}
            return Asked(f"{before}{start}*", in_text(column, lambda found: not begun.isdisjoint(found)))
        case "like":
            most = draw(st.sampled_from([1, 2]))
            return Asked(
                f"{before}{word}~{most}", in_text(column, lambda found: any(NEAR[term, one] <= most for one in found))
            )
        case "phrase":
            several = draw(st.lists(st.sampled_from(WORDS), min_size=2, max_size=4))
            slop = draw(st.integers(0, 4))
            typed, terms = " ".join(several), words(" ".join(several))
            return Asked(f'{before}"{typed}"~{slop}', in_text(column, lambda found: phrase(terms, found, slop)))
        case _:
            column = column or "body"
            return Asked(f"{column}:*", lambda row: row[column] is not None)


def shown(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f'"{value:%Y-%m-%dT%H:%M:%S}Z"'
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if re.fullmatch(r"[\w.+-]+", text) else f'"{text}"'


@st.composite
def asked_values(draw: st.DrawFn) -> Asked:
    values = {
        "account": ACCOUNTS,
        "amount": AMOUNTS,
        "price": PRICES,
        "rate": RATES,
        "day": DAYS,
        "urgent": (True, False, None),
        "opened_at": [day and dt.datetime(day.year, day.month, day.day, 23, tzinfo=dt.UTC) for day in DAYS],
    }
    column = draw(st.sampled_from(sorted(values)))
    known = [one for one in values[column] if one is not None]
    one, other = draw(st.sampled_from(known)), draw(st.sampled_from(known))

    def holds(condition: Callable[[Any], bool]) -> Callable[[Row], bool]:
        return lambda row: row[column] is not None and condition(row[column])

    match draw(st.sampled_from(["equal", "set", "range", "open", "present", "month"])):
        case "equal":
            return Asked(f"{column}:{draw(st.sampled_from(['', '=']))}{shown(one)}", holds(lambda value: value == one))
        case "set":
            return Asked(f"{column}:({shown(one)} OR {shown(other)})", holds(lambda value: value in (one, other)))
        case "range":
            low, high = draw(st.sampled_from("[{")), draw(st.sampled_from("]}"))
            return Asked(
                f"{column}:{low}{shown(one)} TO {shown(other)}{high}",
                holds(
                    lambda value: (
                        (value > one or (low == "[" and value == one))
                        and (value < other or (high == "]" and value == other))
                    )
                ),
            )
        case "open":
            operator = draw(st.sampled_from([">", ">=", "<", "<="]))
            return Asked(
                f"{column}:{operator}{shown(one)}",
                holds(
                    lambda value: {">": value > one, ">=": value >= one, "<": value < one, "<=": value <= one}[operator]
                ),
            )
        case "present":
            return Asked(f"{column}:*", lambda row: row[column] is not None)
        case _:
            column = draw(st.sampled_from(["day", "opened_at"]))
            operator = draw(st.sampled_from(["", ">", "<=", "<", ">="]))
            month = draw(st.sampled_from(["2024-01", "2023-12", "2024"]))

            def in_month(value: dt.date) -> bool:
                start = value.isoformat()[: len(month)]
                return {"": start == month, ">": start > month, "<=": start <= month, "<": start < month}.get(
                    operator, start >= month
                )

            return Asked(f"{column}:{operator}{month}", lambda row: row[column] is not None and in_month(row[column]))


def joined(parts: st.SearchStrategy[Asked]) -> st.SearchStrategy[Asked]:
    def both(first: Asked, second: Asked) -> Asked:
        return Asked(f"({first.text}) {second.text}", lambda row: first.holds(row) and second.holds(row))

    def either(first: Asked, second: Asked) -> Asked:
        return Asked(f"({first.text} OR {second.text})", lambda row: first.holds(row) or second.holds(row))

    def neither(first: Asked) -> Asked:
        return Asked(f"NOT ({first.text})", lambda row: not first.holds(row))

    return st.one_of(st.builds(both, parts, parts), st.builds(either, parts, parts), st.builds(neither, parts))


QUERIES = st.recursive(st.one_of(asked_words(), asked_values()), joined, max_leaves=4)
MANY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


FEW = settings(MANY, max_examples=15)


@MANY
@given(asked=QUERIES)
def test_a_query_finds_the_rows_of_the_oracle(world: World, asked: Asked) -> None:
    assert world.ids(asked.text) == {row["ticket_id"] for row in world.rows if asked.holds(row)}


COLUMNS = ("account", "amount", "price", "rate", "day", "opened_at", "urgent")


@FEW
@given(
    asked=QUERIES,
    order=st.lists(
        st.tuples(st.sampled_from(COLUMNS), st.booleans()), min_size=1, max_size=3, unique_by=lambda one: one[0]
    ),
    limit=st.sampled_from([7, 50, 300]),
    windowed=st.sampled_from([1, 1, 100_000]),
)
def test_pages_by_columns_are_the_rows_of_the_oracle_in_its_order(
    world: World, asked: Asked, order: list[tuple[str, bool]], limit: int, windowed: int
) -> None:
    by = ", ".join(f"{column} {'desc' if falls else 'asc'}" for column, falls in order)
    wanted = {row["ticket_id"] for row in world.rows if asked.holds(row)}
    with duckdb.connect() as db:
        db.register("tickets", world.table)
        order_by = ", ".join(f"{part} NULLS LAST" for part in by.split(", "))
        listed = db.execute(f"SELECT ticket_id FROM tickets ORDER BY {order_by}, ticket_id").fetchall()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "WINDOWED_ROWS_MIN", windowed)
        found = world.pages(asked.text, order=by, limit=limit)
    assert found == [row for (row,) in listed if row in wanted]


@FEW
@given(asked=QUERIES, limit=st.sampled_from([7, 50, 300]))
def test_pages_by_score_have_each_row_once_and_the_best_first(world: World, asked: Asked, limit: int) -> None:
    keys = world.pages(asked.text, limit=limit)
    assert sorted(keys) == [row["ticket_id"] for row in world.rows if asked.holds(row)]
    scores = dict(zip(*matching(world.desk.lake, world.asset, asked.text).table.to_pydict().values(), strict=True))
    ranks = [(-round(scores[key], 4), key) for key in keys]
    assert ranks == sorted(ranks)


@FEW
@given(asked=QUERIES)
def test_facets_are_the_counts_of_the_oracle(world: World, asked: Asked) -> None:
    found = world.search(asked.text, facets=[*COLUMNS[:4], "day by day", "opened_at by month", "opened_at by year"])
    rows = [row for row in world.rows if asked.holds(row)]
    assert found.total == len(rows)
    for name, facet in found.facets.items():
        known = [row[facet.column] for row in rows if row[facet.column] is not None]
        shown = {"": 0, "day": 10, "month": 7, "year": 4}[facet.by]
        counted = Counter(value.isoformat()[:shown] if shown else value for value in known)
        ranked = sorted(counted.items(), key=lambda one: one[0] if shown else (-one[1], one[0]))
        assert list(facet.counts) == (ranked if shown else ranked[:VALUES_MAX]), name
        assert (facet.missing, facet.others) == (len(rows) - len(known), len(known) - sum(dict(facet.counts).values()))
