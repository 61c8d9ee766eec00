"""The kinds of comparison: how values of a column are written before they are compared, and how alike two may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pumphouse.errors import did_you_mean

Kind = Literal["exact", "name", "text", "date", "number", "code", "address"]
Like = tuple[tuple[str, Kind], ...]
"""Columns, each with how it is compared."""
KINDS: tuple[Kind, ...] = get_args(Kind)
_BEGINS = ("name", "text", "address")
"""Kinds of which the first BEGINNING letters bring rows together that differ further on."""
BEGINNING = 4


def checked(like: Mapping[str, str]) -> Like:
    """The columns with their kinds. Raises ValueError for a kind that there is not, and for fewer than two columns."""
    for column, kind in like.items():
        if kind not in KINDS:
            near = did_you_mean(str(kind), KINDS) or f"There are {', '.join(KINDS)}"
            raise ValueError(f"dedupe can't compare '{column}' as {kind!r}. {near}")
    if len(like) < 2:
        raise ValueError("dedupe(like=...) needs two columns or more: from one alone nothing can be learnt")
    return tuple((column, kind) for column, kind in like.items() if kind in KINDS)


def normal(kind: Kind, column: str) -> str:
    """SQL of a value as it is compared; null where nothing is left of it."""
    if kind == "number":
        return f"TRY_CAST({column} AS DOUBLE)"
    text = f"lower(strip_accents(trim(CAST({column} AS VARCHAR))))"
    match kind:
        case "code":
            text = f"regexp_replace({text}, '[^\\p{{L}}\\p{{N}}]', '', 'g')"
        case "address":  # the same words in another order are the same address
            words = f"list_filter(regexp_split_to_array({text}, '[^\\p{{L}}\\p{{N}}]+'), x -> x <> '')"
            text = f"array_to_string(list_sort({words}), ' ')"
        case "name" | "text":
            text = f"trim(regexp_replace({text}, '[^\\p{{L}}\\p{{N}}]+', ' ', 'g'))"
    return f"nullif({text}, '')"


def beginnings(kind: Kind, column: str) -> list[str]:
    """SQL of what rows may have in common that differ in the whole value."""
    return [f"substr({column}, 1, {BEGINNING})"] if kind in _BEGINS else []


def levels(kind: Kind, column: str) -> list[dict[str, Any]]:  # Any: a comparison as Splink's settings have it
    """How alike two values may be, the most alike first, as levels of Splink."""
    left, right = f"{column}_l", f"{column}_r"
    alike = f"jaro_winkler_similarity({left}, {right})"
    edits = f"damerau_levenshtein({left}, {right})"
    larger = f"greatest(abs({left}), abs({right}))"
    between: dict[Kind, list[str]] = {
        "exact": [],
        "name": [f"{alike} >= 0.92", f"{alike} >= 0.8"],
        "text": [f"{alike} >= 0.92", f"{alike} >= 0.8"],
        "address": [f"{alike} >= 0.92", f"{alike} >= 0.75"],
        "code": [f"{edits} <= 1", f"{edits} <= 2"],
        "date": [f"{edits} <= 1", f"{edits} <= 2"],
        "number": [f"abs({left} - {right}) <= 0.01 * {larger}", f"abs({left} - {right}) <= 0.1 * {larger}"],
    }
    equal: dict[str, Any] = {"sql_condition": f"{left} = {right}", "label_for_charts": "same"}
    if kind not in ("date", "number"):  # a rare name says more than a frequent one
        equal |= {"tf_adjustment_column": column, "tf_adjustment_weight": 1.0}
    return [
        {"sql_condition": f"{left} IS NULL OR {right} IS NULL", "is_null_level": True, "label_for_charts": "unknown"},
        equal,
        *({"sql_condition": condition, "label_for_charts": condition} for condition in between[kind]),
        {"sql_condition": "ELSE", "label_for_charts": "different"},
    ]
