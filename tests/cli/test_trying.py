from __future__ import annotations

from pathlib import Path
from typing import Any


def test_a_step_cleans_a_value_outside_any_project(pumphouse: Any) -> None:
    done = pumphouse("try", "e164", "030 901820", "--default", "DE")
    assert (done.code, done.out, done.err) == (0, "+4930901820\nkind: fixed line\ncountry: DE\n", "")


def test_what_came_out_besides_is_printed_too(pumphouse: Any) -> None:
    done = pumphouse("try", "e164", "+49 30 901820 ext. 12", "--json")
    extra = {"extension": "12", "kind": "fixed line", "country": "DE"}
    assert done.json == {"value": "+4930901820", "extra": extra, "reason": None}
    assert "extension: 12" in pumphouse("try", "e164", "+49 30 901820 ext. 12").out


def test_a_value_that_is_declined_ends_with_1_and_the_reason(pumphouse: Any) -> None:
    done = pumphouse("try", "parse_date", "31/02/1997", "--format", "%d/%m/%Y")
    assert done.code == 1
    assert done.out.startswith("declined: ")
    both = ("--format", "%d/%m/%Y", "--format", "%Y-%m-%d")
    assert pumphouse("try", "parse_date", "1997-02-28", *both).out == "1997-02-28\n"
    declined = pumphouse("try", "parse_date", "31/02/1997", "--format", "%d/%m/%Y", "--json")
    assert (declined.code, declined.json["value"]) == (1, None)
    assert declined.json["reason"]


def test_files_of_a_step_are_those_of_the_project(pumphouse: Any, shop: Path) -> None:
    (shop / "short.csv").write_text("shorthand,expansion\nasap,as soon as possible\n")
    done = pumphouse("try", "expand", "call asap", "--dictionary", "short.csv", cwd=shop / "data")
    assert (done.code, done.out) == (0, "call as soon as possible\n")


def test_an_unknown_step_or_option_ends_with_2_and_the_nearest(pumphouse: Any) -> None:
    step = pumphouse("try", "e16", "1")
    assert step.code == 2
    assert "Did you mean 'e164'?" in step.err
    option = pumphouse("try", "e164", "1", "--defalt", "DE")
    assert option.code == 2
    assert "Did you mean 'default'?" in option.err
