from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.cleaning.spellings.proposals import Proposal, is_within, propose

CITIES = {
    "New York": 50, "new york": 3, "NewYork": 2, "New  York ": 1, "New Yrok": 1, "New York City": 5, "São Paulo": 7,
    "Sao Paulo": 3, "Frankfurt am Main": 8, "Main, Frankfurt am": 1, "Meyer": 9, "Maier": 4, "Germany": 40, "Germny": 2,
}  # fmt: skip


def pairs(counts: dict[str, int], settled: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    return {one.variant: (one.value, one.method) for one in propose(counts, settled)}


def test_variants_are_proposed_with_the_surest_method_that_finds_them() -> None:
    assert pairs(CITIES) == {
        "new york": ("New York", "fingerprint"),
        "NewYork": ("New York", "n-gram fingerprint"),
        "New Yrok": ("New York", "phonetic"),
        "Sao Paulo": ("São Paulo", "fingerprint"),
        "Main, Frankfurt am": ("Frankfurt am Main", "fingerprint"),
        "Maier": ("Meyer", "phonetic"),
        "Germny": ("Germany", "nearest neighbour"),
    }


def test_the_evidence_is_counted_and_spaces_make_no_variant() -> None:
    assert propose({"a b": 3, "a  b ": 2, "A b": 1}) == [
        Proposal(variant="A b", value="a b", method="fingerprint", variant_count=1, value_count=5)
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Austria", "Australia"), ("Iran", "Iraq"), ("Hall 12", "Hall 13"), ("Slovakia", "Slovenia"),
        ("Niger", "Nigeria"),
        ("C", "C++"), ("C", "C#"), ("東京", "東京都"), ("NA", "N/A"), ("男", "女"), ("-", "--"),
        ("Order 1001", "Order 1010"),
    ],
)  # fmt: skip
def test_different_things_are_not_proposed(first: str, second: str) -> None:
    assert propose({first: 9, second: 2}) == []


@pytest.mark.parametrize("formula", ["=Paris", "@paris", "+paris", "-PARIS", "'=paris", "\uff1dParis"])
def test_what_a_spreadsheet_would_run_is_not_proposed_for_a_file(formula: str) -> None:
    assert propose({"Paris": 9, "paris": 3, formula: 2}) == propose({"Paris": 9, "paris": 3})


def test_what_is_settled_is_not_proposed_again() -> None:
    counts = {"Bern": 9, "Berne": 4, "bern": 1}
    assert pairs(counts) == {"bern": ("Bern", "fingerprint"), "Berne": ("Bern", "phonetic")}
    assert pairs(counts, {"Berne": "Berne"}) == {"bern": ("Bern", "fingerprint")}
    assert pairs(counts, {"Berne": "Berne", "bern": "Bern"}) == {}
    assert pairs({"Koeln": 9, "koeln": 1}, {"Koeln": "Köln"}) == {}
    assert pairs({"Köln": 9, "koln": 1}, {"koln": "koln"}) == {}


def test_letters_that_differ_are_counted_up_to_a_bound() -> None:
    assert is_within("kitten", "sitting", 3)
    assert not is_within("kitten", "sitting", 2)
    assert is_within("", "abc", 3)
    assert not is_within("abc", "", 2)
    assert is_within("Berlin", "Belrin", 2)
    assert not is_within("Berlin", "Belrin", 1)


VALUES = st.dictionaries(
    st.text(st.sampled_from("aAbc éÉ.1-\u0301")) | st.sampled_from(list(CITIES)), st.integers(1, 9), max_size=12
)


@given(VALUES)
def test_proposals_do_not_depend_on_order_and_make_no_chains(counts: dict[str, int]) -> None:
    found = propose(counts)
    assert propose(dict(reversed(counts.items()))) == found
    variants = [one.variant for one in found]
    assert len(variants) == len(set(variants))
    assert not set(variants) & {one.value for one in found}
    assert all(one.variant_count <= one.value_count for one in found)
    assert propose(counts, {one.variant: one.value for one in found}) == []
