"""Declaring what a source has promised, and what happens where it brings something else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from pumphouse.declare.asset import Common, Declaration, place_of_caller
from pumphouse.errors import did_you_mean

Answer = Literal["take", "quarantine", "stop"]
Bound = int | float | Decimal | date | datetime | str
PLAIN_TYPES = ("BIGINT", "BOOLEAN", "DATE", "DOUBLE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR")
DECIMAL_TYPE = r"DECIMAL\(\s*([0-9]{1,2})\s*,\s*([0-9]{1,2})\s*\)"
DECIMAL_DIGITS_MAX = 38
VALUES_MAX = 10_000
"""Values that `one_of` may list."""
_KEYS = ("type", "min", "max", "one_of", "matches", "optional")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnTerms:
    """What a contract says of one column."""

    name: str
    type: str | None = None
    least: Bound | None = None
    most: Bound | None = None
    one_of: tuple[Bound, ...] = ()
    pattern: str | None = None
    optional: bool = False
    """Whether it may be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Spec of kind "contract": the answer to each way in which a source may drift."""

    asset: str
    new: Answer
    missing: Answer
    type: Answer
    outside: Answer
    columns: tuple[ColumnTerms, ...]

    def terms_of(self, name: str) -> ColumnTerms | None:
        """What is said of a column; None where nothing is."""
        return next((one for one in self.columns if one.name == name), None)


def contract(
    asset: str,
    *,
    new: Answer = "take",
    missing: Answer = "stop",
    type: Answer = "quarantine",
    outside: Answer = "quarantine",
    columns: Mapping[str, str | Mapping[str, Any]] | None = None,  # values as TOML has them
    doc: str = "",
) -> Declaration:
    """What a source has promised: its columns are frozen as they are, and each drift has its answer.

    `new` is about a column that was not there, `missing` about one that does not come, `type` about a value that is
    not of its column's type, `outside` about one beyond what `columns` say. Each is "take", "quarantine" or "stop". A
    column is a type ("DOUBLE"), or has some of `type`, `min`, `max`, `one_of`, `matches` and `optional`.

    For example:

        orders_contract = ph.contract(
            "raw_orders",
            new="quarantine",
            columns={"amount_usd": {"type": "DOUBLE", "min": 0, "max": 10_000}, "status": {"one_of": ["open", "paid"]}},
        )
    """
    for drift, answer in {"new": new, "missing": missing, "type": type, "outside": outside}.items():
        if answer not in get_args(Answer):
            raise ValueError(f"{drift} is answered by 'take', 'quarantine' or 'stop', not {answer!r}")
    return Declaration(
        kind="contract",
        spec=Contract(
            asset=asset,
            new=new,
            missing=missing,
            type=type,
            outside=outside,
            columns=tuple(_terms(name, said) for name, said in (columns or {}).items()),
        ),
        common=Common(doc=doc),
        place=place_of_caller(),
        inputs=(asset,),
    )


def _terms(name: str, said: str | Mapping[str, Any]) -> ColumnTerms:
    given: Mapping[str, Any] = {"type": said} if isinstance(said, str) else said
    for key in given:
        if key not in _KEYS:
            mend = did_you_mean(key, _KEYS) or f"There are {', '.join(_KEYS)}."
            raise ValueError(f"column '{name}' of a contract has no '{key}'. {mend}")
    values = given.get("one_of", ())
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) > VALUES_MAX:
        raise ValueError(f"one_of of column '{name}' is a list of up to {VALUES_MAX:,} values")
    least, most, pattern = given.get("min"), given.get("max"), given.get("matches")
    if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
        raise ValueError(f"column '{name}' has a min of {least} above its max of {most}")
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"matches of column '{name}' is no regular expression: {error}") from None
    return ColumnTerms(
        name=name,
        type=_type(name, given["type"]) if "type" in given else None,
        least=least,
        most=most,
        one_of=tuple(values),
        pattern=pattern,
        optional=bool(given.get("optional")),
    )


def _type(name: str, text: str) -> str:
    wanted = str(text).upper()
    found = re.fullmatch(DECIMAL_TYPE, wanted)
    if found and int(found[2]) <= int(found[1]) <= DECIMAL_DIGITS_MAX and int(found[1]):
        return f"DECIMAL({int(found[1])},{int(found[2])})"
    if re.match(r"(STRUCT|MAP|LIST|JSON)\b", wanted) or wanted.endswith("]"):
        raise ValueError(f"column '{name}' can't be {text}: what is nested is JSON text. ph.children makes it a table.")
    if wanted not in PLAIN_TYPES:
        mend = did_you_mean(wanted, PLAIN_TYPES) or f"There are {', '.join(PLAIN_TYPES)} and DECIMAL(18,2)."
        raise ValueError(f"column '{name}' has no type '{text}'. {mend}")
    return wanted
