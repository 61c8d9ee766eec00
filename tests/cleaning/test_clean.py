from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from pumphouse.cleaning import clean, col, dedupe, drop, e164, expand, fill, ip_country, parse_date
from pumphouse.cleaning.columns import Column, ColumnSteps
from pumphouse.declare.asset import Declaration, Time


def customers(region: str = "US") -> Declaration:
    return clean(
        "crm_customers",
        col.phone >> e164(region=col.country, default=region),
        col.note >> expand("shorthand.csv"),
        col.signup_ip >> ip_country(into="signup_country"),
        col.born >> parse_date("%d/%m/%Y", "%Y-%m-%d"),
        col.income >> fill("median", by=["job", "region"]),
        drop(mostly_null=0.95, constant=True),
        dedupe(on=["phone", "email"], keep="newest"),
        key="customer_id",
        required="customer_id",
        time={"event": "signed_up_at"},
    )


def test_a_declaration_names_its_input_and_the_files_of_its_steps() -> None:
    declared = customers()
    assert declared.kind == "clean"
    assert declared.inputs == ("crm_customers",)
    assert declared.files == ("shorthand.csv",)
    assert declared.common.key == declared.common.required == ("customer_id",)
    assert declared.common.time == Time(event="signed_up_at")
    assert declared.place.file == __file__


def test_steps_are_frozen_and_stay_in_their_order() -> None:
    steps = customers().spec.steps
    assert [step.column for step in steps[:5]] == ["phone", "note", "signup_ip", "born", "income"]
    assert steps[5:] == (drop(mostly_null=0.95, constant=True), dedupe(on=("phone", "email")))
    with pytest.raises(dataclasses.FrozenInstanceError):
        steps[0].column = "other"


def test_equal_declarations_have_one_text_and_others_another() -> None:
    assert repr(customers().spec) == repr(customers().spec)
    assert repr(customers().spec) != repr(customers(region="GB").spec)
    assert "phonenumbers" in repr(customers().spec)  # newer rules make another result


def test_steps_of_one_column_chain_from_left_to_right() -> None:
    first, second = expand("a.csv"), expand("b.csv")
    assert col["my note"] >> first >> second == ColumnSteps(column="my note", steps=(first, second))
    assert clean("notes", col.note >> first >> second).files == ("a.csv", "b.csv")
    assert col.note == Column("note")


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: clean("a", e164()), r"write col\.<column> >> e164"),
        (lambda: clean("a", fill("mode")), r"write col\.<column> >> fill"),
        (lambda: clean("a", col.phone), "a step is col"),
        (lambda: clean("a", col.phone >> e164), "a column goes through steps"),
        (lambda: clean("a", col.phone >> drop(constant=True)), "a column goes through steps"),
        (lambda: clean(customers()), "the name of a table"),
    ],
)
def test_what_is_no_step_is_refused_with_the_form_to_write(declare: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        declare()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: fill("medain"), r"Did you mean 'median'\?"),
        (lambda: fill("zero"), r"a constant is fill\(value='zero'\)"),
        (fill, "either how"),
        (lambda: fill("median", value=1), "either how"),
        (lambda: fill(value=1, by="job"), "no groups"),
        (drop, "drop needs a rule"),
        (lambda: drop(mostly_null=95), "a share of the rows"),
        (lambda: dedupe(on=[]), "needs the columns"),
        (lambda: dedupe(on="a", keep="oldest"), "'newest', 'first' or 'most complete', not 'oldest'"),
    ],
)
def test_a_step_that_means_nothing_is_refused_when_declared(declare: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        declare()  # type: ignore[operator]


def test_importing_and_declaring_loads_no_engine_and_no_library() -> None:
    code = (
        "from pumphouse.cleaning import *; import sys;"
        "clean('a', col.x >> e164() >> ip_country() >> expand('a.csv') >> fill('median'), drop(constant=True));"
        "print(*(name for name in ('duckdb', 'pyarrow', 'numpy', 'phonenumbers', 'sqlglot') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
