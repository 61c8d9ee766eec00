"""Declaring tables of a database as sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pumphouse.declare.asset import Common, Declaration, Part, names, place_of_caller, refuse_unknown, time_of
from pumphouse.declare.layouts import layout_of
from pumphouse.declare.sources import Lag, lag_of

OPTIONS = frozenset(
    {"key", "cursor", "lag", "deletes", "query", "time", "every", "history", "required", "layout", "doc"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTable:
    """Spec of kind "database": one table or query of a connection."""

    connection: str
    table: str
    query: str | None = None
    cursor: str | None = None
    lag: Lag = None
    deletes: bool = False
    """Whether the keys of the whole table are compared, so that rows which are gone are removed."""
    history: bool = False


def database(
    connection: str, *, tables: Mapping[str, Mapping[str, Any]], every: str | None = None, history: bool = False
) -> Declaration:
    """Tables of a database, each an asset named `<variable>_<table>`.

    `tables` maps a table, or what a `query` is to be called, to its `key`, `cursor`, `time`, `every`, `history`,
    `required` and `doc`, all optional. `lag` ("1h", or a number) reads again what lies so far before the cursor,
    `deletes=True` compares keys and removes what is gone. `history=True` keeps every version of a key.

    For example, the assets `crm_customers`, `crm_staff` and `crm_big_spenders`:

        crm = ph.database(
            "shop_db",
            tables={
                "customers": {"key": "customer_id", "cursor": "updated_at", "lag": "1h", "deletes": True},
                "staff": {},
                "big_spenders": {"query": "SELECT id, sum(cents) AS cents FROM orders GROUP BY id", "key": "id"},
            },
        )
    """
    parts = []
    for table, options in tables.items():
        spec = _spec(connection, table, {"history": history, **options})
        parts.append(
            Part(
                suffix=table.replace(".", "_"),
                spec=spec,
                common=Common(
                    doc=options.get("doc", ""),
                    key=names(options.get("key")),
                    required=names(options.get("required")),
                    time=time_of(options.get("time")),
                    every=options.get("every", every),
                    layout=layout_of(options.get("layout")),
                ),
            )
        )
    return Declaration(
        kind="database", spec=None, common=Common(every=every), place=place_of_caller(), parts=tuple(parts)
    )


def _spec(connection: str, table: str, options: Mapping[str, Any]) -> DatabaseTable:
    refuse_unknown(options, OPTIONS, what=f"database table '{table}' has")
    if "*" in table:
        raise TypeError(f"database table '{table}' is a pattern: nobody asks a database before a run; name each table")
    cursor = options.get("cursor")
    lag = lag_of(options.get("lag"), cursor=cursor, of=f"database table '{table}'")
    deletes = bool(options.get("deletes", False))
    if deletes and not options.get("key"):
        raise TypeError(f"database table '{table}' has deletes=True and no key to compare")
    if deletes and options["history"]:
        raise TypeError(f"database table '{table}' has deletes=True and history=True, which keeps what is gone")
    return DatabaseTable(
        connection=connection,
        table=table,
        query=options.get("query"),
        cursor=cursor,
        lag=lag,
        deletes=deletes and bool(cursor),  # without a cursor the whole is compared anyway
        history=options["history"],
    )
