"""SQL that writes a row as one line of CSV or JSON, so that the engine makes the text, on all its threads.

The columns of the row are called `c0`, `c1` and so on. CSV is as `engines.csv` has it, with the ends of lines of RFC
4180. JSON holds what JavaScript's numbers hold exactly as numbers, and everything else as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.engines.csv import FORMULA, NUMBER, guarded_name
from pumphouse.engines.parameters import literal

if TYPE_CHECKING:
    import pyarrow as pa

LINE_END = "\r\n"
WHOLE_MAX = 2**53 - 1
"""The last of the whole numbers that a double holds without a gap; beyond it JavaScript reads another one."""

SMALL = frozenset({"tinyint", "smallint", "integer", "utinyint", "usmallint", "uinteger"})
LARGE = frozenset({"bigint", "ubigint", "hugeint", "uhugeint", "bignum"})
UNSIGNED = frozenset({"ubigint", "uhugeint"})
MOMENTS = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"})
_PLAIN = SMALL | LARGE | {"boolean", "float", "double", "decimal", "time", "time with time zone", "uuid"}
"""Of these no value needs quotes in CSV, and none that a spreadsheet takes for a formula means another thing."""
_NESTED = frozenset({"list", "array", "struct", "map"})
_NO_FORMULA = _NESTED | {"blob", "interval", "bit"}
"""Written as text, which begins with none of a formula's signs."""
_MAYBE_FORMULA = "unicode({0}) < 48 OR unicode({0}) BETWEEN 61 AND 64 OR unicode({0}) >= 65291"
"""Whether a text may begin with what `FORMULA` matches; no letter or digit does. Looking there first is faster.

Not as a list: DuckDB makes a join of a long one.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a query's columns are, before it is run."""

    schema: pa.Schema
    kinds: tuple[Any, ...]
    """Their types as DuckDB's own library has them."""

    @property
    def names(self) -> list[str]:
        """Their names, of which two may be the same."""
        return list(self.schema.names)


def csv_head(names: Sequence[str], *, exact: bool = False) -> str:
    """The first line of CSV. Where it is not to be `exact`, no name is a formula either."""
    shown = names if exact else [guarded_name(name) for name in names]
    return ",".join('"' + name.replace('"', '""') + '"' for name in shown) + LINE_END


def csv_line(columns: Columns, *, exact: bool = False) -> str:
    """SQL of a line of CSV. Where it is not to be `exact`, a text that a spreadsheet would run begins with `'`."""
    cells = [_csv_cell(f"c{place}", kind, exact=exact) for place, kind in enumerate(columns.kinds)]
    return f"concat({', {}, '.format(literal(',')).join(cells)}, chr(13), chr(10))"


def json_line(columns: Columns, *, end: str = "") -> str:
    """SQL of one JSON object with the columns' names, and `end` behind it."""
    fields = [
        (name, f"c{place}", kind) for place, (name, kind) in enumerate(zip(columns.names, columns.kinds, strict=True))
    ]
    return f"concat({_members(fields, 0)}, {literal(end)})"


def _csv_cell(cell: str, kind: Any, *, exact: bool) -> str:
    if kind.id in _PLAIN:
        return cell
    text = plain_text(cell, kind)
    if kind.id == "date":  # of days and moments only -infinity begins as a formula does
        return text if exact else f"CASE WHEN {cell} = DATE '-infinity' THEN '''' || {text} ELSE {text} END"
    if kind.id in MOMENTS:
        return text if exact else _moment(cell, kind, between=" ", guard="'")
    if kind.id in _NO_FORMULA:
        return _in_quotes(_quotes_doubled(text))
    special = f"contains({text}, '\"')" + ("" if exact else f" OR {_MAYBE_FORMULA.format(text)}")
    inside = _quotes_doubled(text if exact else _guarded(text))
    return _in_quotes(f"CASE WHEN {special} THEN {inside} ELSE {text} END")


def _quotes_doubled(text: str) -> str:
    return f"""replace({text}, '"', '""')"""


def plain_text(value: str, kind: Any) -> str:
    """SQL of a value as text: nested ones as JSON, bytes in hexadecimal, moments and intervals in ISO 8601."""
    match kind.id:
        case "varchar" if str(kind) == "VARCHAR":  # JSON is one too, with functions of its own
            return value
        case "blob":
            return f"lower(hex({value}))"
        case nested if nested in _NESTED:
            return f"CASE WHEN {value} IS NOT NULL THEN {_json(value, kind, 0)} END"
        case "interval":
            return _interval(value)
        case moment if moment in MOMENTS:
            return _moment(value, kind, between=" ")
        case _:
            return f"CAST({value} AS VARCHAR)"


def _guarded(text: str) -> str:
    formula = f"regexp_matches({text}, {literal(FORMULA)}) AND NOT regexp_matches({text}, {literal(NUMBER)})"
    return f"CASE WHEN {formula} THEN '''' || {text} ELSE {text} END"


def _members(fields: Sequence[tuple[str, str, Any]], depth: int) -> str:
    """SQL of the parts of a JSON object, to be put one behind the other."""
    parts = []
    for place, (name, value, kind) in enumerate(fields):
        before = ("," if place else "{") + _json_text(name) + ":"
        parts += [literal(before), _json(value, kind, depth)]
    return ", ".join([*parts, "'}'"]) if fields else "'{}'"


def _json(value: str, kind: Any, depth: int) -> str:
    """SQL of a value as JSON; `null` where there is none."""
    return f"coalesce({_json_of(value, kind, depth)}, 'null')"


def _json_of(value: str, kind: Any, depth: int) -> str:
    one = f"x{depth}"
    match kind.id:
        case "boolean":
            return f"CAST({value} AS VARCHAR)"
        case small if small in SMALL:
            return f"CAST({value} AS VARCHAR)"
        case large if large in LARGE:
            text = f"CAST({value} AS VARCHAR)"
            least = 0 if kind.id in UNSIGNED else -WHOLE_MAX
            return f"CASE WHEN {value} BETWEEN {least} AND {WHOLE_MAX} THEN {text} ELSE {_in_quotes(text)} END"
        case "float" | "double":
            text = f"CAST({value} AS VARCHAR)"
            endless = (
                f"""CASE WHEN isnan({value}) THEN '"NaN"' WHEN {value} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END"""
            )
            return f"CASE WHEN {value} IS NULL THEN NULL WHEN isfinite({value}) THEN {text} ELSE {endless} END"
        case moment if moment in MOMENTS:
            return _in_quotes(_moment(value, kind, between="T"))
        case "decimal" | "date" | "time" | "time with time zone" | "uuid" | "bit":
            return _in_quotes(f"CAST({value} AS VARCHAR)")
        case "interval":
            return _in_quotes(_interval(value))
        case "blob":
            return _in_quotes(f"base64({value})")
        case "list" | "array":
            inner = dict(kind.children)["child"]
            items = f"list_transform({value}, lambda {one}: {_json(one, inner, depth + 1)})"
            return f"'[' || array_to_string({items}, ',') || ']'"
        case "map":
            parts = dict(kind.children)
            key, held = _json(f"{one}.key", parts["key"], depth + 1), _json(f"{one}.value", parts["value"], depth + 1)
            entries = f"list_transform(map_entries({value}), lambda {one}: concat('[', {key}, ',', {held}, ']'))"
            return f"'[' || array_to_string({entries}, ',') || ']'"
        case "struct":
            fields = [
                (name, f"struct_extract_at({value}, {place})", inner)
                for place, (name, inner) in enumerate(kind.children, start=1)
            ]
            if any(name for name, _, _ in fields):
                return f"CASE WHEN {value} IS NOT NULL THEN concat({_members(fields, depth)}) END"
            cells = ", ',', ".join(_json(part, inner, depth) for _, part, inner in fields)
            return f"CASE WHEN {value} IS NOT NULL THEN concat('[', {cells}, ']') END"
        case _:
            return f"CAST(to_json(CAST({value} AS VARCHAR)) AS VARCHAR)"


def _in_quotes(text: str) -> str:
    return f"""'"' || {text} || '"'"""


def _json_text(text: str) -> str:
    import msgspec

    return msgspec.json.encode(text).decode()


def _moment(value: str, kind: Any, *, between: str, guard: str = "") -> str:
    """SQL of a moment in ISO 8601, in UTC where it is one of the world's; as DuckDB has it where ISO has no form.

    The `guard` stands before -infinity.
    """
    zoned = kind.id == "timestamp with time zone"
    # Faster than AT TIME ZONE 'UTC', and the same of what is finite, which is all that it is used for.
    clock = f"make_timestamp(epoch_us({value}))" if zoned else value
    text = f"CAST({clock} AS VARCHAR)"
    iso = text if between == " " else f"replace({text}, ' ', {literal(between)})"
    iso = f"{iso} || 'Z'" if zoned else iso
    usual = f"isfinite({value})"
    if kind.id != "timestamp_ns":  # which has no others, and can't be compared with them
        first, beyond = (f"TIMESTAMPTZ '{year}-01-01 00:00:00+00'" for year in ("0001", "10000"))
        if not zoned:
            first, beyond = "TIMESTAMP '0001-01-01'", "TIMESTAMP '10000-01-01'"
        usual = f"{value} >= {first} AND {value} < {beyond}"
    other = f"CAST({value} AS VARCHAR)"
    if guard:
        other = f"CASE WHEN starts_with({other}, '-') THEN {literal(guard)} || {other} ELSE {other} END"
    return f"CASE WHEN {usual} THEN {iso} ELSE {other} END"


def _interval(value: str) -> str:
    """SQL of a span of time in ISO 8601, in the three parts that DuckDB keeps: months, days, seconds."""
    months = f"datepart('year', {value}) * 12 + datepart('month', {value})"
    clock = f"datepart('hour', {value}) * 3600 + datepart('minute', {value}) * 60"
    seconds = f"({clock}) + CAST(datepart('microsecond', {value}) AS DECIMAL(18, 0)) * 0.000001"
    return f"'P' || ({months}) || 'M' || datepart('day', {value}) || 'DT' || ({seconds}) || 'S'"
