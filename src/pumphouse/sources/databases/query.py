"""What is asked of a database, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pumphouse.engines.parameters import quoted
from pumphouse.sources.rows import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A table from where its cursor stood, in the order of the cursor, else of the key: the same each time."""

    asset: str
    table: str
    cursor: str | None
    since: Any  # a number or text, as the database wrote it
    order: tuple[str, ...]

    @property
    def name(self) -> str:
        """The table as SQL names it; `schema.table` is in a schema."""
        return ".".join(quoted(part) for part in self.table.split("."))

    def sql(self, columns: str, *, mark: str) -> str:
        """The query, with `mark` where the value of `since` goes; it is there if `since` is."""
        where = ""
        if self.cursor and self.since is not None:
            where = f" WHERE {quoted(self.cursor)} >= {mark} OR {quoted(self.cursor)} IS NULL"
        order = (self.cursor,) if self.cursor else self.order
        by = f" ORDER BY {', '.join(quoted(name) for name in order)}" if order else ""
        return f"SELECT {columns} FROM {self.name}{where}{by}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that is being read: its columns, null for a type that only the values show, and its rows."""

    schema: pa.Schema
    batches: Iterator[Batch]
