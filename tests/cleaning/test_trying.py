from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.named import MAKERS, STEPS, class_of, options_of
from pumphouse.cleaning.step import TYPES, Cell, Resources
from pumphouse.cleaning.steps.shorthand import Expand
from pumphouse.cleaning.trying import try_step
from pumphouse.errors import ConfigError, UnknownName


@pytest.mark.parametrize(
    ("name", "value", "options", "cell"),
    [
        (
            "e164",
            "030 901820",
            {"default": "DE"},
            Cell(value="+4930901820", extra={"kind": "fixed line", "country": "DE"}),
        ),
        (
            "e164",
            "030 901820 x1",
            {"region": "DE", "default": "US"},
            Cell(value="+4930901820", extra={"extension": "1", "kind": "fixed line", "country": "DE"}),
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
    assert try_step(name, value, options, Resources(folder=tmp_path)) == cell


def test_a_step_says_which_options_it_takes_as_its_maker_does() -> None:
    options = {option.name: option for option in options_of("e164")}
    assert list(options) == ["region", "default"]
    assert (options["region"].kind, options["default"].kind) == (Column, str)
    formats, *_ = options_of("parse_date")
    assert formats.takes_several
    assert [option.is_needed for option in options_of("json_path")] == [True]
    # `into` names a column, and one value has none
    assert [option.name for option in options_of("ip_country")] == ["forwarded"]
    assert options_of("user_agent") == ()
    assert class_of("expand") is Expand


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_made_by_its_name_and_says_what_it_gives(name: str) -> None:
    made = class_of(name)
    assert made.name == name
    assert {made.gives, *made.extras.values()} <= set(TYPES)
    assert all(option.kind in (Column, str, bool, int, float) for option in options_of(name))


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("e146", {}, UnknownName, r"Did you mean 'e164'\?"),
        ("median", {}, UnknownName, f"There are {', '.join(STEPS)}"),
        ("e164", {"defualt": "DE"}, UnknownName, r"Did you mean 'default'\?"),
        ("user_agent", {"into": "x"}, UnknownName, r"no option 'into'\. It has none"),
        ("expand", {}, ConfigError, "expand needs a dictionary"),
        ("parse_date", {"format": "%d"}, ConfigError, "must have one day"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    name: str, options: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        try_step(name, "x", options, Resources())


def test_steps_are_listed_once_each_in_the_order_of_their_names() -> None:
    assert [maker.__name__ for maker in MAKERS] == sorted(STEPS)
