from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from pumphouse.cleaning import Cell, categories, clean, col, mask, null_if
from pumphouse.cleaning.spellings import seen
from pumphouse.cleaning.step import Resources, one
from pumphouse.cleaning.table_step import FitRow
from pumphouse.errors import UnknownName

if TYPE_CHECKING:
    from conftest import Works


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    lines = "variant,value,note\nKoeln,Köln,\nNYC,New York,\nBern,Bern,stays\n"
    (tmp_path / "cities.csv").write_text(lines, encoding="utf-8")
    return Resources(folder=tmp_path)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Koeln", "Köln"), ("Ko\u0308ln", "Köln"), (" NYC\u00a0", "New York"), ("New  York", "New York"),
        ("nyc", "nyc"), ("Bern", "Bern"), (" Paris ", " Paris "), ("N/A", "N/A"),
    ],
)  # fmt: skip
def test_only_what_the_file_names_is_merged(written: str, value: str, resources: Resources) -> None:
    assert one(categories("cities.csv"), written, {}, resources=resources) == Cell(value=value)


def test_other_values_are_declined_where_declared(resources: Resources) -> None:
    step = categories("cities.csv", others="decline")
    assert one(step, "NYC", {}, resources=resources) == Cell(value="New York")
    assert one(step, "Köln", {}, resources=resources) == Cell(value="Köln")
    reason = "not a value of the file of categories"
    assert one(step, "Paris", {}, resources=resources) == Cell(value=None, reason=reason)


def test_the_file_is_an_input_of_the_table() -> None:
    assert categories("cities.csv").files == ("cities.csv",)


def test_what_else_to_do_with_others_is_refused() -> None:
    with pytest.raises(ValueError, match="'keep' or 'decline', not 'drop'"):
        categories("cities.csv", others="drop")  # type: ignore[arg-type]


def gathered(works: Works, *cities: str | None) -> None:
    rows = [{"id": number, "city": city} for number, city in enumerate(cities)]
    works.gather(rows, schema=pa.schema({"id": pa.int64(), "city": pa.string()}))


def cities_of(works: Works) -> list[str | None]:
    return [row["city"] for row in works.table(order="id")]


def accepted(works: Works, *lines: str) -> None:
    text = "\n".join(["variant,value,note", *lines, ""])
    (works.folder / "cities.csv").write_text(text, encoding="utf-8")


FIRST = ("Köln", "Köln", "koln", "New York", "New York", "NewYork", "Bern", " ", None)


def test_the_first_build_learns_what_is_known_and_proposed_and_merges_only_what_is_accepted(works: Works) -> None:
    gathered(works, *FIRST)
    accepted(works, "NewYork,New York,")
    built = works.build(col.city >> categories("cities.csv"), key="id")
    assert cities_of(works) == ["Köln", "Köln", "koln", "New York", "New York", "New York", "Bern", None, None]
    fit = works.table("__fit", order='"group"')
    assert [(row["group"], row["value"], row["evidence"]) for row in fit] == [
        ("Bern", "Bern", "1 row"),
        ("Köln", "Köln", "2 rows"),
        ("New York", "New York", "2 rows"),
        ("NewYork", "New York", "n-gram fingerprint: 1 against 2 rows"),
        ("koln", "Köln", "fingerprint: 1 against 2 rows"),
    ]
    assert {row["step"] for row in fit} == {"categories city by cities.csv, others keep, version 2"}
    where = f"pumphouse categories {works.name}.city --file cities.csv"
    assert built.note == f"city: 1 group of spellings waits to be accepted ({where})"


def test_a_later_build_goes_by_the_stored_fit_and_declines_what_was_not_seen(works: Works) -> None:
    gathered(works, *FIRST)
    accepted(works, "NewYork,New York,", "NYC,New York,")
    step = col.city >> categories("cities.csv", others="decline")
    assert works.build(step, key="id").counts.quarantined == 0
    stored = works.table("__fit")
    gathered(works, "koln", "Köln ", "Kölm", "NYC", "Paris", "new york", "Bern")
    works.build(step, key="id")
    assert cities_of(works) == ["koln", "Köln", None, "New York", None, None, "Bern"]
    assert [(row["original"], row["reason"]) for row in works.table("__quarantine", order="row_id")] == [
        ("Kölm", "not seen before: a new category, or a spelling of 'Köln'"),
        ("Paris", "not seen before: a new category, or a spelling of one that is known"),
        ("new york", "not seen before: a new category, or a spelling of 'New York'"),
    ]
    assert works.table("__fit") == stored


def test_lines_that_are_accepted_later_count_at_once_and_the_fit_stays(works: Works) -> None:
    gathered(works, *FIRST)
    accepted(works)
    step = col.city >> categories("cities.csv", others="decline")
    assert "2 groups of spellings wait" in works.build(step, key="id").note
    stored = works.table("__fit")
    accepted(works, "koln,Köln,", "NewYork,NewYork,stays", "Paris,Paris,")
    gathered(works, "koln", "NewYork", "Paris")
    assert works.build(step, key="id").note == ""
    assert cities_of(works) == ["Köln", "NewYork", "Paris"]
    assert works.table("__fit") == stored


def test_refit_and_another_step_learn_anew(works: Works) -> None:
    gathered(works, "Bern", "Bern")
    accepted(works)
    step = col.city >> categories("cities.csv", others="decline")
    works.build(step, key="id")
    gathered(works, "Bern", "Paris")
    works.build(step, key="id")
    assert cities_of(works) == ["Bern", None]
    works.build(step, key="id", settings={"refit": True})
    assert cities_of(works) == ["Bern", "Paris"]
    gathered(works, "Rome")
    works.build(col.city >> categories("cities.csv"), key="id")
    works.build(step, key="id")
    assert cities_of(works) == ["Rome"]
    assert {row["step"] for row in works.table("__fit")} == {"categories city by cities.csv, others decline, version 2"}


def test_it_learns_from_what_the_steps_above_made(works: Works) -> None:
    gathered(works, "N/A", "Ko\u0308ln", "Bern")
    accepted(works)
    works.build(col.city >> null_if() >> categories("cities.csv"), key="id")
    assert [row["group"] for row in works.table("__fit", order='"group"')] == ["Bern", "Köln"]


def test_of_too_many_different_values_nothing_is_learnt_and_the_file_decides(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "KNOWN_MAX", 3)
    gathered(works, "a", "b", "c", "d")
    accepted(works, "a,a,")
    built = works.build(col.city >> categories("cities.csv", others="decline"), key="id")
    assert built.note == "city has more than 3 different values, so that no category was learnt"
    assert cities_of(works) == ["a", None, None, None]
    assert {row["reason"] for row in works.table("__quarantine")} == {"not a value of the file of categories"}
    (row,) = works.table("__fit")
    assert (row["group"], row["value"], row["evidence"]) == (None, None, "more than 3 different values")
    gathered(works, "a", "b")
    works.build(col.city >> categories("cities.csv", others="decline"), key="id")
    assert cities_of(works) == ["a", None]


def test_of_a_column_without_a_value_the_next_build_tries_again(works: Works) -> None:
    gathered(works, None, " ")
    accepted(works)
    step = col.city >> categories("cities.csv", others="decline")
    assert works.build(step, key="id").note == ""
    gathered(works, "Bern")
    works.build(step, key="id")
    assert cities_of(works) == ["Bern"]


def test_a_fitted_step_is_idempotent_and_pickles(works: Works, resources: Resources) -> None:
    rows = [FitRow(step="", column="city", group=city, value=city, evidence="1 row") for city in ("Paris", "Rome  x")]
    function = categories("cities.csv", others="decline").fitted(rows).load(resources)
    column = pa.array(["Paris", " Paris ", "paris", "NYC", "Oslo", None])
    first = function(column, {})
    assert first.values.to_pylist() == ["Paris", "Paris", None, "New York", None, None]
    again = pickle.loads(pickle.dumps(function))(first.values, {})
    assert (again.values, again.reasons.null_count) == (first.values, len(column))


def test_a_column_that_is_masked_below_is_not_learnt_from() -> None:
    with pytest.raises(ValueError, match="categories learns from 'city' before mask hides it"):
        clean("raw", col.city >> categories("cities.csv") >> mask())


def test_a_column_that_is_not_there_is_named(works: Works) -> None:
    gathered(works, "Bern")
    accepted(works)
    with pytest.raises(UnknownName, match="there is no column 'town'"):
        works.build(col.town >> categories("cities.csv"), key="id")
