from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, null_if
from pumphouse.cleaning.steps.gaps import COMMON


@pytest.mark.parametrize(
    "written", ["N/A", "n/a", " N/A\u00a0", "\ufeffnull", "NULL", "None", "#N/A", "-", "—", "NaN", "\\N"]
)
def test_what_stands_for_nothing_is_a_gap_with_no_reason(written: str) -> None:
    assert null_if().one(written) == Cell(value=None)


@pytest.mark.parametrize("written", ["NA", "na", "Null", "Nan", "none", "unknown", "0", "-1", "N/A?", " x ", "Ｎ／Ａ"])
def test_names_answers_and_everything_else_stay_as_they_are(written: str) -> None:
    assert null_if().one(written) == Cell(value=written)


def test_a_list_of_ones_own_stands_alone() -> None:
    assert null_if("?", "tbd").one("tbd").value is None
    assert null_if("?", "tbd").one("TBD").value == "TBD"
    assert null_if("?", "tbd").one("N/A").value == "N/A"


def test_case_can_be_left_out() -> None:
    assert null_if("straße", case="any").one("STRASSE").value is None
    assert null_if("cafe\u0301").one("café").value is None


def test_numbers_are_compared_as_text() -> None:
    assert null_if("-999").one(-999.0).value is None
    assert null_if("-999").one(-998.0).value == "-998"


def test_a_case_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="'exact' or 'any', not 'lower'"):
        null_if("x", case="lower")  # type: ignore[arg-type]


@given(st.text(min_size=1), st.lists(st.text(), max_size=3))
def test_a_cell_is_a_gap_or_as_it_was(written: str, values: list[str]) -> None:
    cell = null_if(*values).one(written)
    assert cell.reason is None
    assert cell.value in (None, written)
    assert all(null_if(*values).one(value).value is None for value in values)


def test_namibia_is_in_no_list() -> None:
    assert "NA" not in COMMON
