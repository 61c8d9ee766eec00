from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pumphouse.cleaning.shorthand import Expand
from pumphouse.cleaning.step import Cell
from pumphouse.cleaning.trying import STEPS, step_by_name, step_options, try_step
from pumphouse.errors import ConfigError, UnknownName


@pytest.mark.parametrize(
    ("name", "value", "options", "cell"),
    [
        ("e164", "030 901820", {"default": "DE"}, Cell(value="+4930901820")),
        (
            "e164",
            "030 901820 x1",
            {"region": "DE", "default": "US"},
            Cell(value="+4930901820", extra={"extension": "1"}),
        ),
        ("ip_country", "10.0.0.1", {}, Cell(value=None, reason="a private network")),
        ("parse_date", "1962-04-03", {"format": "%d/%m/%Y|%Y-%m-%d"}, Cell(value=date(1962, 4, 3))),
        ("expand", "pls call", {"dictionary": "shorthand.csv"}, Cell(value="please call")),
    ],
)
def test_a_step_is_tried_on_one_value(
    tmp_path: Path, name: str, value: str, options: dict[str, str], cell: Cell
) -> None:
    (tmp_path / "shorthand.csv").write_text("shorthand,expansion\npls,please\n", encoding="utf-8")
    assert try_step(name, value, options, tmp_path) == cell


def test_every_step_says_which_options_it_takes() -> None:
    assert {name: step_options(name) for name in STEPS} == {
        "e164": ("region", "default"),
        "expand": ("dictionary",),
        "ip_country": (),
        "parse_date": ("format",),
    }
    assert step_by_name("expand") is Expand


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("e146", {}, UnknownName, r"Did you mean 'e164'\?"),
        ("median", {}, UnknownName, "There are e164, expand, ip_country, parse_date"),
        ("e164", {"defualt": "DE"}, UnknownName, r"Did you mean 'default'\?"),
        ("ip_country", {"into": "x"}, UnknownName, r"no option 'into'\. It has none"),
        ("expand", {}, ConfigError, "expand needs the option 'dictionary'"),
        ("parse_date", {"format": "%d"}, ConfigError, "must have one day"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    name: str, options: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        try_step(name, "x", options, Path())
