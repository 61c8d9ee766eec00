"""What a visitor may see: which tables, which of their columns and rows, and what stands in place of a masked one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import HIDDEN_COLUMNS, Scan
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.lake.lake import Lake
from pumphouse.server.access.gate import Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one visitor sees of one table."""

    table: str
    columns: tuple[str, ...]
    """The columns there are for them, masked ones included, in the table's order."""
    own: tuple[str, ...] = ()
    """Those of the lake's own columns that they may name."""
    masks: Mapping[str, str] = field(default_factory=dict)
    """SQL that stands in place of a column."""
    rows: str | None = None
    """The SQL condition of the rows there are for them; None is all."""

    def applied(self, scan: Scan) -> Scan:
        """The scan as the visitor has it. What is under it can't be reached from SQL above it."""
        return scan.only((*self.columns, *self.own))

    def shown(self, schema: pa.Schema) -> pa.Schema:
        """The table's columns as the visitor has them."""
        return pa.schema([schema.field(name) for name in self.columns])

    @property
    def digest(self) -> str:
        """A short text that differs where two policies of a table do."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


class Policies:
    """What everybody may see, as the project declares it."""

    def __init__(self, lake: Lake, assets: Mapping[str, Asset]) -> None:
        self._lake = lake
        self._assets = assets

    def visible(self, visitor: Visitor, *, snapshot: int) -> tuple[str, ...]:
        """The tables that a visitor may read at least something of, in order."""
        names = self._lake.versions(snapshot=snapshot)
        return tuple(sorted(name for name in names if visitor.tables is None or name in visitor.tables))

    def of(self, visitor: Visitor, table: str, *, snapshot: int) -> Policy:
        """What a visitor sees of a table. Raises UnknownName also where they may not know that it is there."""
        seen = self.visible(visitor, snapshot=snapshot)
        if table not in seen:
            raise UnknownName(f"the lake has no table '{table}'", asset=table, mend=did_you_mean(table, seen) or None)
        schema = self._lake.schema(table, snapshot=snapshot)
        own = tuple(name for name in schema.names if name in HIDDEN_COLUMNS)
        return Policy(table=table, columns=tuple(name for name in schema.names if name not in own), own=own)
