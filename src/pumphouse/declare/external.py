"""Declaring a table that stays where it is, and is read there."""

from __future__ import annotations

from dataclasses import dataclass

from pumphouse.declare.asset import Common, Declaration, names, place_of_caller

FILES_END = ".parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """Spec of kind "external": a table of a connection's database, or the Parquet files that match a pattern."""

    connection: str | None
    table: str | None = None
    pattern: str | None = None
    columns: tuple[str, ...] = ()
    """The only ones that there are; none is all."""


def external(
    what: str,
    *,
    connection: str | None = None,
    columns: list[str] | tuple[str, ...] | str | None = None,
    key: str | tuple[str, ...] | None = None,
    doc: str = "",
) -> Declaration:
    """A table that is not gathered but read where it lies, through the same doors and under the same grants.

    `what` is a table of a `connection` (PostgreSQL, MySQL or MariaDB, SQLite, DuckDB), or a pattern of Parquet files,
    here or on object storage. It has no versions: each read gives what is there now, so no build reads it.

    For example:

        accounts = ph.external("public.accounts", connection="crm", columns=["id", "name", "country"])
        clicks = ph.external("s3://warehouse/clicks/*.parquet", connection="warehouse")
    """
    is_files = what.endswith(FILES_END)
    if not is_files and connection is None:
        raise TypeError(
            f"external table '{what}' needs the connection that it is a table of, or is a pattern of {FILES_END} files"
        )
    return Declaration(
        kind="external",
        spec=External(
            connection=connection,
            table=None if is_files else what,
            pattern=what if is_files else None,
            columns=names(tuple(columns) if isinstance(columns, list) else columns),
        ),
        common=Common(doc=doc, key=names(key)),
        place=place_of_caller(),
    )
