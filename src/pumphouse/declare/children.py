"""Declaring that the lists inside a column are a table of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pumphouse.declare.asset import Common, Declaration, Time, names, place_of_caller
from pumphouse.errors import ConfigError

POSITION = "position"
"""The column that numbers the elements of a list, from 1 on."""
VALUE = "value"
"""The column of an element that is no object."""

LAKES_OWN = ("_loaded_at", "_raw", "_known_at")
"""Names that no column of a person's may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Spec of kind "children": each element of the lists in a column of a table, one row."""

    table: str
    column: str
    path: tuple[str, ...]
    """Below the fields of an object in the column, where the list is not the column itself."""
    along: tuple[tuple[str, str], ...]
    """(what it is called here, the table's column) of columns that go along beside the table's key."""
    own_key: tuple[str, ...]
    """What tells the elements of one list apart."""

    def called(self, field: str) -> str:
        """The column for a field of an element: where the table has one of that name, the list is named before it."""
        taken = {POSITION, *LAKES_OWN, *(here.lower() for here, _ in self.along)}
        return f"{(self.column, *self.path)[-1]}_{field}" if field.lower() in taken else field


def children(
    table: str,
    column: str | tuple[str, ...],
    *,
    key: str | tuple[str, ...] | None = None,
    along: str | tuple[str, ...] | Mapping[str, str] = (),
    time: Mapping[str, str] | None = None,
    required: str | tuple[str, ...] | None = None,
    doc: str = "",
) -> Declaration:
    """A table with one row for each element of the lists (JSON) in a column of another table.

    A row has the table's key, the element's `position`, and the element's fields; an element that is no object is a
    `value`. "customer.addresses" is the list addresses in an object in the column customer. `key` names the fields that
    tell the elements of one list apart, in place of their position; `along` names further columns of the table to
    come along, or says what they are called here: {"order_id": "id"}.

    For example:

        order_lines = ph.children("raw_orders", "lines", key="line_id", along="paid_at", time={"event": "paid_at"})
        line_discounts = ph.children("order_lines", "discounts")
    """
    path = tuple(column.split(".")) if isinstance(column, str) else tuple(column)
    if not path or not all(path):
        raise ConfigError(f"{column!r} names no column", mend='Name one: "lines", or "customer.addresses".')
    taken = dict(along) if isinstance(along, Mapping) else {name: name for name in names(along)}
    for name in taken:
        if name.lower() in (POSITION, *LAKES_OWN):
            raise ConfigError(
                f"a column that comes along is called '{name}', which children have of their own",
                mend=f'Call it otherwise: along={{"{table}_{name.strip("_")}": "{taken[name]}"}}.',
            )
    if "known" in (time or {}):
        raise ConfigError(
            "children declare when they were known", mend="They were when their row was: leave out known."
        )
    return Declaration(
        kind="children",
        spec=Children(
            table=table, column=path[0], path=path[1:], along=tuple(taken.items()), own_key=names(key) or (POSITION,)
        ),
        common=Common(doc=doc, required=names(required), time=Time(**(time or {}))),
        place=place_of_caller(),
        inputs=(table,),
    )
