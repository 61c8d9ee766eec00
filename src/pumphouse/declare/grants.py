"""Declaring who may see what: a grant is a fact about a table, or about what is made from tables, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pumphouse.declare.asset import TABLES, Common, Declaration, names, place_of_caller
from pumphouse.errors import did_you_mean

EVERYONE = "everyone"
"""In `to`: whoever has a token with the scope `read`, or signed in."""
WITH_ROWS = TABLES | {"external"}
"""Kinds of which columns and rows are granted; others are granted as a whole."""
NAMED_MASKS = ("null", "hash", "year", "month", "first 4", "last 4")
CHARACTERS_MAX = 9
"""Of a text, how many `first N` and `last N` may show."""
_ENDS = re.compile(rf"(first|last) ([1-{CHARACTERS_MAX}])")
MASKS_SAID = 'There are "null", "hash", "year", "month", "first N", "last N" and {"sql": "..."}.'

MaskKind = Literal["null", "hash", "year", "month", "first", "last", "sql"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What stands in place of a column's values."""

    column: str
    kind: MaskKind
    count: int = 0
    """Of "first" and "last": how many characters."""
    sql: str = ""
    """Of "sql": an expression over the same row."""

    @property
    def said(self) -> str:
        """As it is declared."""
        return self.sql or (f"{self.kind} {self.count}" if self.count else self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Spec of kind "grant": who sees which columns and rows of something."""

    asset: str
    to: tuple[str, ...]
    columns: tuple[str, ...] | None
    """None is all."""
    masks: tuple[Mask, ...]
    rows: str | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden from whom it names."""
        return self.columns is None and not self.masks and self.rows is None


def grant(
    asset: str,
    *,
    to: Sequence[str] | str,
    columns: Sequence[str] | str | None = None,
    mask: Mapping[str, str | Mapping[str, str]] | None = None,
    rows: str | None = None,
) -> Declaration:
    """Who may see a table, and what of it. A table with a grant is closed to everybody whom none names.

    `to` names people and groups of pumphouse.toml, or is "everyone". `columns` are those that are there for them, all
    without it. `mask` says what they see in place of a column: "null", "hash" (the same text for the same value),
    "year" or "month" (the first day of it), "first N" or "last N" characters, or an SQL expression over the row. `rows`
    is an SQL condition over the table's own columns; `$who` and `$groups` in it are the name and the groups of whoever
    asks. A report, a search index, a model and what else is made from tables is granted as a whole.

    For example:

        orders_for_analysts = ph.grant(
            "orders",
            to=["analysts", "ann"],
            columns=["order_id", "country", "email", "phone", "paid_at"],
            mask={"email": "hash", "phone": "last 4", "paid_at": {"sql": "date_trunc('week', paid_at)"}},
            rows="country = 'DE'",
        )
    """
    return Declaration(
        kind="grant",
        spec=grant_spec(asset, to=to, columns=columns, mask=mask, rows=rows),
        common=Common(),
        place=place_of_caller(),
        inputs=(asset,),
    )


def grant_spec(
    asset: str,
    *,
    to: Sequence[str] | str,
    columns: Sequence[str] | str | None = None,
    mask: Mapping[str, str | Mapping[str, str]] | None = None,
    rows: str | None = None,
) -> Grant:
    """The same as a value. Raises ValueError for what can't be a grant."""
    people = _texts(to, "to")
    if not people:
        raise ValueError('a grant needs somebody in to, such as to=["analysts", "ann"] or to="everyone"')
    shown = None if columns is None else _texts(columns, "columns")
    if shown == ():
        raise ValueError("a grant without columns shows nothing; leave columns out for all of them")
    masks = tuple(_mask(column, said) for column, said in (mask or {}).items())
    for one in masks:
        if shown is not None and one.column not in shown:
            raise ValueError(f"column '{one.column}' is masked and not among the columns that are granted")
    if rows is not None and not str(rows).strip():
        raise ValueError("rows is an SQL condition, such as rows=\"country = 'DE'\"")
    return Grant(asset=asset, to=people, columns=shown, masks=masks, rows=rows)


def _texts(given: Sequence[str] | str, name: str) -> tuple[str, ...]:
    if not isinstance(given, str | list | tuple) or not all(isinstance(one, str) and one for one in given):
        raise ValueError(f"{name} of a grant is a name or a list of names, not {given!r}")
    return names(given if isinstance(given, str) else tuple(given))


def _mask(column: str, said: Any) -> Mask:  # whatever a person wrote
    if isinstance(said, Mapping):
        if set(said) != {"sql"} or not isinstance(said["sql"], str) or not said["sql"].strip():
            raise ValueError(f'the mask of column \'{column}\' is {{"sql": "<expression>"}}, not {dict(said)!r}')
        return Mask(column=column, kind="sql", sql=said["sql"].strip())
    if said in ("null", "hash", "year", "month"):
        return Mask(column=column, kind=said)
    if isinstance(said, str) and (found := _ENDS.fullmatch(said)):
        kind: MaskKind = "first" if found[1] == "first" else "last"
        return Mask(column=column, kind=kind, count=int(found[2]))
    mend = did_you_mean(said, NAMED_MASKS) if isinstance(said, str) else ""
    raise ValueError(f"there is no mask {said!r} for column '{column}'. {mend or MASKS_SAID}")
