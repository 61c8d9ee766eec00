from __future__ import annotations

import pytest

from pumphouse.cleaning.spellings.merges import parse_merges
from pumphouse.cleaning.spellings.seen import Likeness, known, told
from pumphouse.cleaning.table_step import FitRow

FIT = [
    FitRow(step="s", column="city", group=group, value=value, evidence="…")
    for group, value in (("Bern", "Bern"), ("Koeln", "Köln"), ("Köln", "Köln"), ("NewYork", "New York"))
]
NOTHING = parse_merges("variant,value\n", file="cities.csv")


@pytest.mark.parametrize(
    ("value", "like"),
    [
        ("new york", "New York"), ("NewYork", "New York"), ("Nwe York", "New York"), ("Mayer", "Meyer"),
        ("Paris", None), ("Hall 13", None), ("", None), ("!", None),
    ],
)  # fmt: skip
def test_a_value_is_like_the_first_that_a_method_of_the_proposals_finds(value: str, like: str | None) -> None:
    assert Likeness(["New York", "Meyer", "Hall 12", "new york city"]).nearest(value) == like


def test_values_that_are_a_spelling_of_another_come_last() -> None:
    assert known(FIT) == ("Bern", "Köln", "Koeln", "NewYork")


def test_what_the_file_settles_does_not_wait() -> None:
    words = "pumphouse categories 'shop people.city' --file cities.csv"
    two = told(FIT, NOTHING, column="shop people.city", file="cities.csv")
    assert two == [f"city: 2 groups of spellings wait to be accepted ({words})"]
    one = told(FIT, parse_merges("variant,value\nKoeln,Köln\n", file="c"), column="shop people.city", file="cities.csv")
    assert one == [f"city: 1 group of spellings waits to be accepted ({words})"]
    apart = parse_merges("variant,value\nKoeln,Koeln\nNewYork,NewYork\n", file="c")
    assert told(FIT, apart, column="shop people.city", file="cities.csv") == []
