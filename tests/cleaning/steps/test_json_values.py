from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.cleaning import Cell, json_path

ORDER = (
    '{"id": 12345678901234567890, "to": {"lines": ["Am Wall 1", null], "zip code": "01067"}, "paid": true, "sum": 1.50}'
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.id", "12345678901234567890"),
        ("$.to.lines[0]", "Am Wall 1"),
        ("$.to.lines[-2]", "Am Wall 1"),
        ('$.to["zip code"]', "01067"),
        ("$['to']['zip code']", "01067"),
        ("$.paid", "true"),
        ("$.sum", "1.5"),
        ("$.to", '{"lines":["Am Wall 1",null],"zip code":"01067"}'),
        ("$.to.lines[1]", None),
        ("$.to.lines[1].more", None),
        ("$.to.lines[7]", None),
        ("$.nothing.here", None),
    ],
)
def test_a_path_leads_to_a_value_or_to_a_gap(path: str, value: str | None) -> None:
    assert json_path(path).one(ORDER) == Cell(value=value)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1.50", "1.5"), ("100", "100"), ("1e2", "100"), ("1.0", "1"), ("-0", "0"), ("-0.0e5", "0"), ("0.1", "0.1"),
        ("1E-7", "0.0000001"), ("-12.30e1", "-123"), ("1e21", "1e+21"), ("1.5e400", "1.5e+400"), ("2e-400", "2e-400"),
        ("9" * 5000, "9" * 5000), ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
    ],
)  # fmt: skip
def test_numbers_keep_all_their_digits_and_have_one_form(written: str, number: str) -> None:
    assert json_path("$").one(written) == Cell(value=number)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{'a': 1}", "not JSON"),
        ('{"a": 1,}', "not JSON"),
        ('{"a": 1} x', "not JSON"),
        ("N/A", "not JSON"),
        ("-", "not JSON"),
        ('{"a": NaN}', "not JSON: it knows no NaN"),
        ('{"a": -Infinity}', "not JSON: it knows no -Infinity"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "a name stands twice in one object"),
        ('{"a": "\\ud800"}', "half of a character in it"),
        ('{"a": 1e99999999999}', "a number too large to write"),
        ("[1]", "part 1 of the path needs an object"),
        ("[" * 100_000 + "]" * 100_000, "JSON nested too deep"),
    ],
)
def test_what_is_no_json_to_the_letter_is_declined(written: str, reason: str) -> None:
    assert json_path("$.a").one(written) == Cell(value=None, reason=reason)


def test_text_is_the_string_itself_and_a_byte_order_mark_no_harm() -> None:
    assert json_path("$.a").one('\ufeff{"a": " İ\\u0131 "}').value == " İı "


def test_the_column_stays_and_the_value_has_one_of_its_own() -> None:
    assert json_path("$.a").target("payload") == "payload__value"
    assert json_path("$.a", into="a").target("payload") == "a"


@pytest.mark.parametrize("path", ["", "a", "$.", "$.a b", "$[x]", "$..a", "$.*", "$[0", "$" + ".a" * 101])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a path into JSON is like"):
        json_path(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON.filter(lambda value: isinstance(value, dict | list)))
def test_the_form_is_json_of_the_same_value_and_does_not_change_again(value: object) -> None:
    found = json_path("$").one(json.dumps(value, indent=2)).value
    assert json.loads(found, parse_float=Decimal) == json.loads(json.dumps(value), parse_float=Decimal)
    assert json_path("$").one(found).value == found
