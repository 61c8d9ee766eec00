"""Checks of dbt and Great Expectations come over as Python that declares the same, and nothing is lost silently."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

import pumphouse as ph
from pumphouse.checks.dbt import from_dbt
from pumphouse.checks.great_expectations import from_great_expectations
from pumphouse.checks.imported import ASCII_ONLY, Imported
from pumphouse.cli import main
from pumphouse.declare.asset import Declaration
from pumphouse.declare.checks import code_of
from pumphouse.declare.tables import Check
from pumphouse.errors import ConfigError

SCHEMA = """
version: 2
sources:
  - name: crm
    loaded_at_field: _loaded_at
    tables:
      - name: people
        freshness:
          warn_after: {count: 12, period: hour}
          error_after: {count: 2, period: day}
        columns:
          - name: person_id
            tests: [unique]
models:
  - name: orders
    tests:
      - dbt_utils.unique_combination_of_columns:
          combination_of_columns: [order_id, line]
      - dbt_utils.expression_is_true:
          expression: "paid_at >= ordered_at"
          config: {severity: warn, where: "state <> 'test'"}
      - dbt_utils.recency: {datepart: day, field: paid_at, interval: 2}
      - dbt_expectations.expect_table_row_count_to_be_between: {min_value: 1, max_value: 1000}
      - dbt_expectations.expect_column_pair_values_A_to_be_greater_than_B: {column_A: a, column_B: b, or_equal: true}
      - dbt_utils.sequential_values: {column_name: order_id}
    columns:
      - name: order_id
        tests: [unique, not_null]
      - name: state
        data_tests:
          - accepted_values:
              arguments:
                values: [open, paid, 3]
              config: {error_if: ">10"}
          - assert_own_thing
      - name: customer_id
        tests:
          - relationships: {to: ref('customers'), field: id}
          - relationships: {to: "source('crm', 'people')", field: person_id, severity: warn}
          - relationships: {to: "{{ var('x') }}", field: id}
      - name: amount
        tests:
          - dbt_utils.accepted_range: {min_value: 0, max_value: 10, inclusive: false}
          - dbt_utils.accepted_range: {min_value: 0, name: amount_not_negative}
          - dbt_utils.accepted_range: {max_value: current_date}
          - dbt_utils.not_null_proportion: {at_least: 0.95}
          - dbt_expectations.expect_column_values_to_be_between: {min_value: 1, row_condition: "kind = 'x'"}
          - not_null: {where: "{{ dbt.is_null('x') }}"}
          - unique: {enabled: false}
      - name: code
        tests:
          - dbt_expectations.expect_column_values_to_match_regex: {regex: '^\\d+$', flags: i}
          - dbt_expectations.expect_column_values_to_match_regex: {regex: '(?=x)y'}
          - dbt_utils.not_empty_string
"""

SUITE: dict[str, Any] = {
    "expectation_suite_name": "orders.warning",
    "expectations": [
        {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id", "mostly": 0.9}},
        {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
        {
            "expectation_type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "state", "value_set": ["a", "b", None], "mostly": 0.9},
            "meta": {"notes": {"format": "markdown", "content": ["Known", "states"]}},
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "x", "min_value": 0},
            "severity": "warning",
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "x", "min_value": 0, "strict_min": True, "max_value": 5},
        },
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "x", "regex": "^a'b$"}},
        {"type": "expect_column_values_to_not_match_regex", "kwargs": {"column": "x", "regex": "^(a)\\1$"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}},
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "x", "min_value": 1, "max_value": 2}},
        {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {"column_list": ["a", "b"], "ignore_row_if": "any_value_is_missing"},
        },
        {"type": "expect_column_to_exist", "kwargs": {"column": "x", "column_index": 1}},
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "x", "row_condition": 'col("y") == 1', "condition_parser": "great_expectations"},
        },
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": {"$PARAMETER": "n"}}},
        {"type": "expect_column_values_to_be_of_colour", "kwargs": {"column": "x"}},
    ],
}

CLOCK = 'current_date() is a clock: the same inputs would not give the same table: "amount" <= (current_date)'


def declared(found: Imported) -> dict[str, tuple[Any, ...]]:
    """What the Python that was printed declares, run as a person would who pasted it."""
    names: dict[str, Any] = {}
    exec(compile(found.to_python(), "pasted.py", "exec"), names)
    told = {}
    for name, value in names.items():
        if isinstance(value, Declaration):
            spec: Check = value.spec
            told[name] = (spec.asset, code_of(spec.condition), spec.severity, spec.where, spec.mostly)
    return told


def test_tests_of_dbt_are_declared_the_same() -> None:
    found = from_dbt(SCHEMA, source="schema.yml of dbt")
    assert declared(found) == {
        "crm_people_person_id_unique": ("crm_people", "unique('person_id')", "error", None, 1.0),
        "crm_people_loaded_at_fresh_error": (
            "crm_people", "fresh('_loaded_at', within='2 days')", "error", None, 1.0,
        ),
        "crm_people_loaded_at_fresh_warn": (
            "crm_people", "fresh('_loaded_at', within='12 hours')", "warn", None, 1.0,
        ),
        "orders_unique_combination_of_columns": (
            "orders", "unique('order_id', 'line', nulls='equal')", "error", None, 1.0,
        ),
        "orders_expression_is_true": ("orders", "paid_at >= ordered_at", "warn", "state <> 'test'", 1.0),
        "orders_recency": ("orders", "fresh('paid_at', within='2 days')", "error", None, 1.0),
        "orders_expect_table_row_count_to_be_between": ("orders", "row_count(1, 1000)", "error", None, 1.0),
        "orders_expect_column_pair_values_a_to_be_greater_than_b": ("orders", '"a" >= "b"', "error", None, 1.0),
        "orders_order_id_unique": ("orders", "unique('order_id')", "error", None, 1.0),
        "orders_order_id_not_null": ("orders", "not_null('order_id')", "error", None, 1.0),
        "orders_state_accepted_values": ("orders", "one_of('state', ['open', 'paid', 3])", "error", None, 1.0),
        "orders_customer_id_relationships": (
            "orders", "refers_to('customer_id', 'customers.id')", "error", None, 1.0,
        ),
        "orders_customer_id_relationships_2": (
            "orders", "refers_to('customer_id', 'crm_people.person_id')", "warn", None, 1.0,
        ),
        "orders_amount_accepted_range": ("orders", '"amount" > 0 AND "amount" < 10', "error", None, 1.0),
        "orders_amount_not_negative": ("orders", "between('amount', 0, None)", "error", None, 1.0),
        "orders_amount_not_null_proportion": ("orders", "not_null('amount')", "error", None, 0.95),
        "orders_amount_expect_column_values_to_be_between": (
            "orders", "between('amount', 1, None)", "error", "kind = 'x'", 1.0,
        ),
        "orders_code_expect_column_values_to_match_regex": (
            "orders", "matches('code', '^\\\\d+$')", "error", None, 1.0,
        ),
        "orders_code_not_empty_string": ("orders", "trim(\"code\") <> ''", "error", None, 1.0),
    }  # fmt: skip


def test_what_dbt_says_and_cant_be_said_here_is_told_with_the_reason() -> None:
    found = from_dbt(SCHEMA, source="schema.yml of dbt")
    assert {one.what: one.why for one in found.left} == {
        "order_id: dbt_utils.sequential_values": "no rule here says the same",
        "state: assert_own_thing": "no rule here says the same; a test of the project's own is a query(...)",
        "customer_id: relationships": "it can't be read: '{{ var('x') }}' is no ref(...) and no source(...)",
        "amount: dbt_utils.accepted_range": CLOCK,
        "amount: not_null": "it has Jinja, which only dbt can run",
        "amount: unique": "it is not enabled",
        "code: dbt_expectations.expect_column_values_to_match_regex": (
            "RE2 has no such pattern (look-around, references?): (?=x)y"
        ),
    }
    notes = {one.about: one.notes for one in found.taken if one.notes}
    assert notes == {
        "_recency": ("values in the future count as none here",),
        "state_accepted_values": ("its error_if is left out",),
        "code_expect_column_values_to_match_regex": ("its flags is left out", ASCII_ONLY),
    }
    tests = SCHEMA.count("- dbt_") + 12  # the others, with the two of freshness
    assert len(found.taken) + len(found.left) == tests  # each is there, as a check or as a reason


def test_a_suite_of_great_expectations_is_declared_the_same() -> None:
    found = from_great_expectations(json.dumps(SUITE), source="suite.json")
    assert list(declared(found).values()) == [
        ("orders", "not_null('id')", "error", None, 0.9),
        ("orders", "unique('id')", "error", None, 1.0),
        ("orders", "one_of('state', ['a', 'b'])", "error", '"state" IS NOT NULL', 0.9),
        ("orders", "between('x', 0, None)", "warn", None, 1.0),
        ("orders", '"x" > 0 AND "x" <= 5', "error", None, 1.0),
        ("orders", "matches('x', \"^a'b$\")", "error", None, 1.0),
        ("orders", "row_count(3, 3)", "error", None, 1.0),
        (
            "orders",
            "query('FROM (SELECT avg(\"x\") AS figure FROM \"orders\") WHERE NOT (figure >= 1 AND figure <= 2)')",
            "error", None, 1.0,
        ),
        ("orders", "unique('a', 'b')", "error", None, 1.0),
    ]  # fmt: skip
    assert len(found.taken) + len(found.left) == len(SUITE["expectations"])
    assert [one.why.split(":")[0] for one in found.left] == [
        "RE2 has no such pattern (look-around, references?)",
        "a table's columns are guarded by themselves",
        "its row_condition is no SQL",
        "it has a $PARAMETER, whose value is not in the suite",
        "no rule here says the same",
    ]
    assert found.taken[2].doc == "Known states"
    assert "# - orders: x: expect_column_values_to_be_of_colour: no rule here says the same" in found.to_python()


def test_the_command_prints_what_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schema.yml").write_text(SCHEMA)
    (tmp_path / "suite.json").write_text(json.dumps(SUITE))
    assert main.call(["checks", "import", "schema.yml"]) == 0
    code = capsys.readouterr().out
    assert code.startswith("# From schema.yml of dbt: 19 checks, 7 left out.\n")
    (tmp_path / "pumphouse.toml").write_text("")
    tables = {
        "orders": "1 AS order_id, 2 AS line, 3 AS state, 4 AS customer_id, 5 AS amount, 6 AS code, 7 AS paid_at",
        "customers": "1 AS id",
        "crm_people": "1 AS person_id, 2 AS at",
    }
    for name, columns in tables.items():
        (tmp_path / f"{name}.sql").write_text(f"SELECT {columns}")
    (tmp_path / "pasted.py").write_text(textwrap.dedent(code))
    with ph.open(tmp_path) as project:
        assert len(project.graph.checks_of("orders")) == 16
    assert main.call(["checks", "import", "suite.json", "--table", "sales", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["asset"] for one in told["checks"]} == {"sales"}
    assert len(told["left"]) == 5


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "version: 2"])
def test_what_is_no_schema_of_dbt_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        from_dbt(text, source="schema.yml")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"expectations": 1}', '{"expectations": ["a"]}'])
def test_what_is_no_suite_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        from_great_expectations(text, source="suite.json")
