"""Tests in a dbt project's YAML (`models`, `sources`, `seeds`, `snapshots`) as checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pumphouse.checks.expectations import expected
from pumphouse.checks.imported import Imported, Left, Taken, admitted
from pumphouse.declare.checks import (
    Condition,
    FailingRows,
    RowCount,
    between,
    fresh,
    not_null,
    one_of,
    query,
    refers_to,
    unique,
)
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import ConfigError, MissingExtra

_REF = re.compile(r"""^\s*(?:\{\{\s*)?(?:ref|source)\(\s*['"](\w+)['"]\s*(?:,\s*['"](\w+)['"]\s*)?\)(?:\s*\}\})?\s*$""")
_OF_ANY_TEST = frozenset(
    {"name", "description", "severity", "where", "tags", "meta", "enabled", "config", "arguments", "column_name"}
)
_NOT_HERE = frozenset({"error_if", "warn_if", "fail_calc", "limit", "group_by_columns"})
"""Settings that change what a test says and have no equal here."""


def from_dbt(text: str, *, source: str) -> Imported:
    """The checks of a schema file of dbt. Raises ConfigError for what is none, MissingExtra without PyYAML."""
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("pyyaml", extra="checks", purpose="reading a schema file of dbt") from error
    try:
        schema = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is no YAML: {' '.join(str(error).split())}") from error
    kinds = ("models", "sources", "seeds", "snapshots")
    if not isinstance(schema, dict) or not any(kind in schema for kind in kinds):
        raise ConfigError(f"{source} is no schema file of dbt", mend=f"It has {', '.join(kinds)} at its top.")
    found = list(_of_schema(schema))
    notes = ("Tables of sources are named as ph.database names them: SOURCE_TABLE.",) if "sources" in schema else ()
    return Imported(
        source=source,
        taken=tuple(one for one in found if isinstance(one, Taken)),
        left=tuple(one for one in found if isinstance(one, Left)),
        notes=notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """One test with its arguments, wherever dbt lets them stand."""

    table: str
    column: str | None
    kind: str
    given: Mapping[str, Any]  # as YAML has them
    settings: Mapping[str, Any]

    @property
    def what(self) -> str:
        """What a comment calls it."""
        return f"{self.column}: {self.kind}" if self.column else self.kind


def _of_schema(schema: Mapping[str, Any]) -> Iterator[Taken | Left]:  # as YAML has it
    for kind in ("models", "seeds", "snapshots"):
        for model in schema.get(kind) or ():
            yield from _of_table(str(model["name"]), model)
    for source in schema.get("sources") or ():
        for table in source.get("tables") or ():
            name = f"{source['name']}_{table['name']}"
            yield from _of_table(name, table)
            yield from _freshness(
                name, {**source, **(source.get("config") or {}), **table, **(table.get("config") or {})}
            )


def _of_table(name: str, about: Mapping[str, Any]) -> Iterator[Taken | Left]:  # as YAML has it
    for column, holder in [(None, about), *((str(one["name"]), one) for one in about.get("columns") or ())]:
        for key in ("tests", "data_tests"):
            for entry in holder.get(key) or ():
                yield _one(_test(entry, name, column))


def _test(entry: Any, table: str, column: str | None) -> _Test:  # as YAML has it
    if isinstance(entry, str):
        return _Test(table=table, column=column, kind=entry, given={}, settings={})
    if "test_name" in entry:
        kind, given = str(entry["test_name"]), {name: value for name, value in entry.items() if name != "test_name"}
    else:
        kind, given = next(iter(entry.items()))
        given = {**(given or {}), **{name: value for name, value in entry.items() if name != kind}}
    settings = {**{name: given[name] for name in given if name in _OF_ANY_TEST}, **(given.get("config") or {})}
    arguments = {**{name: given[name] for name in given if name not in _OF_ANY_TEST}, **(given.get("arguments") or {})}
    return _Test(
        table=table, column=column or given.get("column_name"), kind=str(kind), given=arguments, settings=settings
    )


def _one(test: _Test) -> Taken | Left:
    def left(why: str) -> Left:
        return Left(asset=test.table, what=test.what, why=why)

    if test.settings.get("enabled") is False:
        return left("it is not enabled")
    try:
        found = _condition(test)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        return left(f"it can't be read: {error}")
    if isinstance(found, str):
        return left(found)
    condition, more = found
    where = [one for one in (test.settings.get("where"), more.get("where")) if one]
    if where and isinstance(condition, FailingRows):
        return left(f"it looks at the table as a whole, and has a where: {where[0]}")
    used = more.get("used", frozenset())
    lost = [name for name in {**test.settings, **test.given} if name in _NOT_HERE or name in set(test.given) - used]
    return admitted(
        Taken(
            asset=test.table,
            about=str(test.settings.get("name") or f"{test.column or ''}_{test.kind.rpartition('.')[2]}"),
            condition=condition,
            severity="warn" if str(test.settings.get("severity", "")).lower() == "warn" else "error",
            where=" AND ".join(f"({one})" for one in where) if len(where) > 1 else (where[0] if where else None),
            mostly=float(more.get("mostly", 1.0)),
            doc=" ".join(str(test.settings.get("description") or "").split()),
            notes=(*(f"its {name} is left out" for name in sorted(set(lost))), *more.get("notes", ())),
        ),
        what=test.what,
    )


def _condition(test: _Test) -> tuple[Condition, dict[str, Any]] | str:
    """What a test says, with what else decides; or why it can't be said."""
    package, _, kind = test.kind.rpartition(".")
    given, column = test.given, test.column
    if package == "dbt_expectations" or kind.startswith("expect_"):
        return _expectation(kind, test)
    name = quoted(column) if column else ""
    match kind:
        case "not_null" if column:
            return not_null(column), {}
        case "unique" if column:
            return unique(column), {}
        case "accepted_values" if column:
            return one_of(column, list(given["values"])), {"used": frozenset({"values", "quote"})}
        case "relationships" if column:
            other = _table(given["to"])
            return refers_to(column, f"{other}.{given['field']}"), {"used": frozenset({"to", "field"})}
    if package != "dbt_utils":
        return "no rule here says the same; a test of the project's own is a query(...)"
    match kind:
        case "accepted_range" if column:
            return _range(column, given), {"used": frozenset({"min_value", "max_value", "inclusive"})}
        case "expression_is_true":
            said = f"{name} {given['expression']}" if column else str(given["expression"])
            return said, {"used": frozenset({"expression"})}
        case "unique_combination_of_columns":
            columns = [str(one) for one in given["combination_of_columns"]]
            used = frozenset({"combination_of_columns", "quote_columns"})
            return unique(*columns, nulls="equal"), {"used": used}
        case "not_null_proportion" if column and float(given.get("at_most", 1.0)) >= 1:
            return not_null(column), {"mostly": given["at_least"], "used": frozenset({"at_least", "at_most"})}
        case "not_accepted_values" if column:
            values = ", ".join(map(literal, given["values"]))
            return f"{name} NOT IN ({values})", {"used": frozenset({"values", "quote"})}
        case "not_empty_string" if column:
            value = f"trim({name})" if given.get("trim_whitespace", True) else name
            return f"{value} <> ''", {"used": frozenset({"trim_whitespace"})}
        case "not_constant" if column:
            counts = f"SELECT count(DISTINCT {name}) AS different FROM {quoted(test.table)}"
            return query(f"FROM ({counts}) WHERE different = 1"), {}
        case "at_least_one" if column:
            return query(f"FROM (SELECT count({name}) AS known FROM {quoted(test.table)}) WHERE known = 0"), {}
        case "recency":
            within = f"{given['interval']} {given['datepart']}s"
            notes = ("values in the future count as none here",)
            used = frozenset({"field", "interval", "datepart"})
            return fresh(str(given["field"]), within=within), {"used": used, "notes": notes}
        case "equal_rowcount":
            other = _table(given["compare_model"])
            counts = f"(SELECT count(*) FROM {quoted(test.table)}) AS a, (SELECT count(*) FROM {quoted(other)}) AS b"
            return query(f"FROM (SELECT {counts}) WHERE a <> b"), {"used": frozenset({"compare_model"})}
    return "no rule here says the same"


def _range(column: str, given: Mapping[str, Any]) -> Condition:  # as YAML has it
    least, most = given.get("min_value"), given.get("max_value")
    is_inclusive = bool(given.get("inclusive", True))
    if is_inclusive and not isinstance(least, str) and not isinstance(most, str):
        return between(column, _plain(least), _plain(most))
    # A text is SQL there, such as another column's name.
    ends = [(least, ">"), (most, "<")]
    bounds = [
        f"{quoted(column)} {sign}{'=' if is_inclusive else ''} "
        + (f"({bound})" if isinstance(bound, str) else literal(_plain(bound)))
        for bound, sign in ends
        if bound is not None
    ]
    if not bounds:
        raise ValueError("it has neither min_value nor max_value")
    return " AND ".join(bounds)


def _expectation(kind: str, test: _Test) -> tuple[Condition, dict[str, Any]] | str:
    given = {**test.given, **({"column": test.column} if test.column else {})}
    if "compare_model" in given:
        given["compare_model"] = _table(given["compare_model"])
    if kind == "expect_row_values_to_have_recent_data" and test.column:
        within = f"{given['interval']} {given['datepart']}s"
        used = frozenset({"datepart", "interval"})
        return fresh(test.column, within=within), {"used": used, "where": given.get("row_condition")}
    said = expected(kind, test.table, given)
    if isinstance(said, str):
        return said
    mostly = float(given.get("mostly") or 1.0)
    if mostly < 1 and isinstance(said.condition, FailingRows | RowCount):
        return "mostly is about rules that look at each row"
    where = [one for one in (said.where, given.get("row_condition"), said.nulls_apart if mostly < 1 else None) if one]
    return said.condition, {
        "used": said.used | {"row_condition", "mostly"},
        "where": " AND ".join(f"({one})" for one in where) if len(where) > 1 else (where[0] if where else None),
        "mostly": mostly,
    }


def _freshness(name: str, about: Mapping[str, Any]) -> Iterator[Taken | Left]:  # as YAML has it
    """What `dbt source freshness` says: a check for each of its two limits."""
    for key, severity in (("error_after", "error"), ("warn_after", "warn")):
        limit = (about.get("freshness") or {}).get(key)
        if not limit or not limit.get("count"):
            continue
        field, what = about.get("loaded_at_field"), f"freshness: {key}"
        if not field or not re.fullmatch(r"\w+", str(field)):
            why = f"its loaded_at_field is no column: {field}" if field else "it has no loaded_at_field"
            yield Left(asset=name, what=what, why=why)
            continue
        within = f"{limit['count']} {limit['period']}s"
        filtered = (about.get("freshness") or {}).get("filter")
        yield admitted(
            Taken(
                asset=name, about=f"{field}_fresh_{severity}", condition=fresh(str(field), within=within),
                severity=severity, where=filtered,  # type: ignore[arg-type]  # one of the two above
            ),
            what=what,
        )  # fmt: skip


def _table(written: Any) -> str:  # as YAML has it
    """The asset that `ref('customers')` or `source('crm', 'customers')` names."""
    found = _REF.match(str(written))
    if not found:
        raise ValueError(f"'{written}' is no ref(...) and no source(...)")
    if "source" in str(written).split("(")[0]:
        return f"{found[1]}_{found[2]}"
    return found[2] or found[1]


def _plain(value: Any) -> Any:  # as YAML has it
    return value.isoformat() if hasattr(value, "isoformat") else value
