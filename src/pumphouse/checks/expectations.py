"""What an expectation of Great Expectations says, also as dbt_expectations has it: a condition, or why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pumphouse.declare.checks import Condition, between, matches, not_null, one_of, query, row_count, unique
from pumphouse.engines.parameters import literal, quoted

Arguments = Mapping[str, Any]  # as JSON or YAML has them


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A condition, and the rows of which it is said. `nulls_apart` where the share `mostly` counts no nulls."""

    condition: Condition
    where: str | None = None
    nulls_apart: str | None = None
    used: frozenset[str] = field(default=frozenset())


def expected(kind: str, table: str, given: Arguments) -> Expected | str:
    """What an expectation says of a table; a reason where it can't be said here. Raises KeyError, ValueError."""
    if kind in _NOT_HERE:
        return _NOT_HERE[kind]
    if (said := _about_a_column(kind, given)) is not None:
        return said
    if (said := _about_columns(kind, given)) is not None:
        return said
    if (said := _about_the_table(kind, table, given)) is not None:
        return said
    return "no rule here says the same"


def _about_a_column(kind: str, given: Arguments) -> Expected | None:
    if "column" not in given:
        return None
    column = given["column"]
    name = quoted(column)
    text = f"CAST({name} AS VARCHAR)"
    least, most = given.get("min_value"), given.get("max_value")
    strict = {bound: bool(given.get(f"strict_{bound}") or given.get("strictly")) for bound in ("min", "max")}
    match kind:
        case "expect_column_values_to_not_be_null":
            return Expected(condition=not_null(column))
        case "expect_column_values_to_be_null":
            return Expected(condition=f"{name} IS NULL")
        case "expect_column_values_to_be_unique":
            return _said(column, unique(column))
        case "expect_column_values_to_be_in_set" | "expect_column_distinct_values_to_be_in_set":
            return _said(column, one_of(column, _values(given["value_set"])), "value_set", "quote_values")
        case "expect_column_values_to_not_be_in_set":
            values = ", ".join(map(literal, _values(given["value_set"])))
            return _said(column, f"{name} NOT IN ({values})", "value_set", "quote_values")
        case "expect_column_values_to_be_between":
            used = ("min_value", "max_value", "strict_min", "strict_max", "strictly")
            if not any(strict.values()):
                return _said(column, between(column, _plain(least), _plain(most)), *used)
            return _said(column, _bounds(name, least, most, strict), *used)
        case "expect_column_value_lengths_to_be_between":
            bounds = _bounds(f"length({text})", least, most, strict)
            return _said(column, bounds, "min_value", "max_value", "strict_min", "strict_max", "strictly")
        case "expect_column_value_lengths_to_equal":
            return _said(column, f"length({text}) = {literal(given['value'])}", "value")
        case "expect_column_values_to_match_regex":
            return _said(column, matches(column, given["regex"]), "regex", "is_raw")
        case "expect_column_values_to_not_match_regex":
            return _said(column, f"NOT regexp_matches({text}, {literal(given['regex'])})", "regex", "is_raw")
        case "expect_column_values_to_match_regex_list":
            joint = " AND " if given.get("match_on") == "all" else " OR "
            each = [f"regexp_matches({text}, {literal(one)})" for one in given["regex_list"]]
            return _said(column, joint.join(each), "regex_list", "match_on")
        case "expect_column_values_to_match_like_pattern":
            return _said(column, f"{text} LIKE {literal(given['like_pattern'])}", "like_pattern")
        case "expect_column_values_to_not_match_like_pattern":
            return _said(column, f"{text} NOT LIKE {literal(given['like_pattern'])}", "like_pattern")
        case "expect_column_values_to_match_strftime_format":
            parsed = f"try_strptime({text}, {literal(given['strftime_format'])}) IS NOT NULL"
            return _said(column, f"{name} IS NULL OR {parsed}", "strftime_format")
        case "expect_column_values_to_be_json_parseable":
            return _said(column, f"json_valid({text})")
    return None


def _about_columns(kind: str, given: Arguments) -> Expected | None:
    used = {"column_A", "column_B", "column_list", "ignore_row_if", "or_equal", "sum_total", "quote_columns"}
    ignored = given.get("ignore_row_if")
    if "column_A" in given and "column_B" in given:
        first, second = quoted(given["column_A"]), quoted(given["column_B"])
        said = {
            "expect_column_pair_values_to_be_equal": f"{first} = {second}",
            "expect_column_pair_values_a_to_be_greater_than_b": (
                f"{first} {'>=' if given.get('or_equal') else '>'} {second}"
            ),
        }.get(kind.lower())
        # With a null on one side neither is true nor false, and passes here.
        never = f"{first} IS NOT DISTINCT FROM {second}" if kind.endswith("_equal") else f"coalesce({said}, false)"
        if said is None:
            return None
        return Expected(condition=said if ignored in (None, "either_value_is_missing") else never, used=frozenset(used))
    if "column_list" not in given:
        return None
    columns = list(given["column_list"])
    names = list(map(quoted, columns))
    nothing = f"NOT ({' AND '.join(f'{name} IS NULL' for name in names)})"
    match kind:
        case "expect_compound_columns_to_be_unique":
            is_apart = ignored == "any_value_is_missing"
            where = nothing if ignored in (None, "all_values_are_missing") else None
            rule = unique(*columns, nulls="distinct" if is_apart else "equal")
            return Expected(condition=rule, where=where, used=frozenset(used))
        case "expect_select_column_values_to_be_unique_within_record":
            pairs = [f"{a} <> {b}" for place, a in enumerate(names) for b in names[place + 1 :]]
            return Expected(condition=" AND ".join(pairs), used=frozenset(used))
        case "expect_multicolumn_sum_to_equal":
            total = f"{' + '.join(names)} = {literal(given['sum_total'])}"
            return Expected(condition=total, used=frozenset(used))
    return None


_FIGURES: Mapping[str, Callable[[str], str]] = {
    "expect_column_min_to_be_between": lambda name: f"min({name})",
    "expect_column_max_to_be_between": lambda name: f"max({name})",
    "expect_column_mean_to_be_between": lambda name: f"avg({name})",
    "expect_column_sum_to_be_between": lambda name: f"sum({name})",
    "expect_column_median_to_be_between": lambda name: f"median({name})",
    "expect_column_stdev_to_be_between": lambda name: f"stddev_samp({name})",
    "expect_column_unique_value_count_to_be_between": lambda name: f"count(DISTINCT {name})",
    "expect_column_proportion_of_unique_values_to_be_between": lambda name: f"count(DISTINCT {name}) / count({name})",
}


def _about_the_table(kind: str, table: str, given: Arguments) -> Expected | None:
    least, most = given.get("min_value"), given.get("max_value")
    bounds = frozenset({"min_value", "max_value", "strict_min", "strict_max", "strictly"})
    if kind in _FIGURES and "column" in given:
        strict = {bound: bool(given.get(f"strict_{bound}") or given.get("strictly")) for bound in ("min", "max")}
        figure = f"SELECT {_FIGURES[kind](quoted(given['column']))} AS figure FROM {quoted(table)}"
        return Expected(
            condition=query(f"FROM ({figure}) WHERE NOT ({_bounds('figure', least, most, strict)})"), used=bounds
        )
    match kind:
        case "expect_table_row_count_to_be_between":
            return Expected(condition=row_count(least, most), used=bounds)
        case "expect_table_row_count_to_equal":
            return Expected(condition=row_count(given["value"], given["value"]), used=frozenset({"value"}))
        case "expect_table_row_count_to_equal_other_table":
            other = given.get("other_table_name") or given["compare_model"]
            counts = ", ".join(
                f"(SELECT count(*) FROM {quoted(one)}) AS {two}" for one, two in ((table, "a"), (other, "b"))
            )
            said = query(f"FROM (SELECT {counts}) WHERE a <> b")
            return Expected(condition=said, used=frozenset({"other_table_name", "compare_model"}))
    return None


def _said(column: str, condition: Condition, *used: str) -> Expected:
    return Expected(condition=condition, nulls_apart=f"{quoted(column)} IS NOT NULL", used=frozenset(used))


def _bounds(value: str, least: Any, most: Any, strict: Mapping[str, bool]) -> str:  # as JSON or YAML has them
    bounds = [f"{value} {'>' if strict['min'] else '>='} {literal(_plain(least))}"] if least is not None else []
    bounds += [f"{value} {'<' if strict['max'] else '<='} {literal(_plain(most))}"] if most is not None else []
    if not bounds:
        raise ValueError("it has neither min_value nor max_value")
    return " AND ".join(bounds)


def _values(given: Any) -> list[Any]:  # as JSON or YAML has them
    if not isinstance(given, list) or not given:
        raise ValueError("its set of values is no list")
    return [_plain(value) for value in given if value is not None]


def _plain(value: Any) -> Any:  # as JSON or YAML has it
    """Dates as text: that is what they are in code that is pasted."""
    if isinstance(value, dict | list):
        raise ValueError(f"a value of it is no plain one: {value}")
    return value.isoformat() if hasattr(value, "isoformat") else value


_SCHEMA = "a table's columns are guarded by themselves: a change of them needs --accept-schema"
_NOT_HERE: Mapping[str, str] = {
    "expect_column_to_exist": _SCHEMA,
    "expect_table_columns_to_match_ordered_list": _SCHEMA,
    "expect_table_columns_to_match_set": _SCHEMA,
    "expect_table_columns_to_contain_set": _SCHEMA,
    "expect_table_column_count_to_equal": _SCHEMA,
    "expect_table_column_count_to_be_between": _SCHEMA,
    "expect_column_values_to_be_of_type": _SCHEMA,
    "expect_column_values_to_be_in_type_list": _SCHEMA,
    "expect_column_values_to_be_increasing": "rows of a table have no order",
    "expect_column_values_to_be_decreasing": "rows of a table have no order",
    "expect_column_kl_divergence_to_be_less_than": "it compares with a stored distribution; steady(...) does with the "
    "version before",
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": "it compares with a stored distribution; "
    "steady(...) does with the version before",
}
