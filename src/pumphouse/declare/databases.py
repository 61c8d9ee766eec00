"""Declaring tables of a database as sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pumphouse.declare.asset import Common, Declaration, Part, Time, names, place_of_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTable:
    """Spec of kind "database": one table of a connection."""

    connection: str
    table: str
    cursor: str | None
    history: bool


def database(
    connection: str, *, tables: Mapping[str, Mapping[str, Any]], every: str | None = None, history: bool = False
) -> Declaration:
    """Tables of a database, each an asset named `<variable>_<table>`.

    `tables` maps a table to its `key`, `cursor`, `time`, `required` and `doc`, all optional. `history=True` keeps every
    version of a key.

    For example, the assets `crm_customers` and `crm_staff`:

        crm = ph.database("shop_db", tables={"customers": {"key": "customer_id", "cursor": "updated_at"}, "staff": {}})
    """
    parts = []
    for table, options in tables.items():
        known = {"key", "cursor", "time", "doc", "required"}
        if unknown := set(options) - known:
            raise TypeError(f"database table '{table}' has no option {sorted(unknown)}; it has {sorted(known)}")
        parts.append(
            Part(
                suffix=table.replace(".", "_"),
                spec=DatabaseTable(connection=connection, table=table, cursor=options.get("cursor"), history=history),
                common=Common(
                    doc=options.get("doc", ""),
                    key=names(options.get("key")),
                    required=names(options.get("required")),
                    time=Time(**options.get("time", {})),
                    every=every,
                ),
            )
        )
    return Declaration(
        kind="database", spec=None, common=Common(every=every), place=place_of_caller(), parts=tuple(parts)
    )
