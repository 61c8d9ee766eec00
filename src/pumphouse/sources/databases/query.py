"""What is asked of a database, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from pumphouse.engines.parameters import quoted
from pumphouse.lake.context import Connection
from pumphouse.sources.databases.stored import Fetched

Quote = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A table or a query from where its cursor stood, in the order of the cursor, else of the key."""

    asset: str
    table: str
    query: str | None
    """SQL in the database's own words; then `table` is only what it is called here."""
    cursor: str | None
    since: Any  # a number or text, as the database wrote it, less the lag
    key: tuple[str, ...]
    lists_keys: bool = False
    """Whether the keys of the whole table are asked for as well."""

    @property
    def starts_over(self) -> bool:
        """Whether all there is is asked for."""
        return self.cursor is None or self.since is None

    def relation(self, quote: Quote = quoted) -> str:
        """What stands behind FROM; `schema.table` is in a schema."""
        if self.query is not None:
            return f"({self.query.strip().rstrip(';')}\n) selected"
        return ".".join(quote(part) for part in self.table.split("."))

    def where(self, mark: str, quote: Quote = quoted) -> str:
        """The condition on the cursor, with `mark` where the value of `since` goes; empty without one."""
        if self.starts_over or self.cursor is None:
            return ""
        return f" WHERE {quote(self.cursor)} >= {mark} OR {quote(self.cursor)} IS NULL"

    def sql(self, columns: str, *, mark: str, quote: Quote = quoted) -> str:
        """The query of its rows, the same each time."""
        order = (self.cursor,) if self.cursor else self.key
        by = f" ORDER BY {', '.join(quote(name) for name in order)}" if order else ""
        return f"SELECT {columns} FROM {self.relation(quote)}{self.where(mark, quote)}{by}"

    @property
    def of_keys(self) -> Selection:
        """The keys of the whole table."""
        return replace(self, cursor=None, since=None, lists_keys=False)


Read = Callable[[], Generator[Fetched]]
"""Reads one range of a table, on a connection that no other range uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that is being read: its columns, and its rows in one range or several that may be read at a time."""

    forms: Mapping[str, pa.DataType | None]
    """The type of each column; None where only the values show it."""
    ranges: tuple[Read, ...]
    keys: Read | None = None
    """The keys of the whole table, where they are asked for."""
    readers: int = 1
    """How many ranges are read at a time."""
    has_unique_keys: bool = False
    """Whether the database itself sees to it that no two rows have one key."""


def without_secrets(error: Exception | str, connection: Connection) -> str:
    """What a database said, on one line, without the password."""
    text = " ".join(str(error).split())
    written = urlsplit(connection.url).password
    for secret in (connection.options.get("password"), written, unquote(written) if written else None):
        if secret:
            text = text.replace(str(secret), "***")
    return text
