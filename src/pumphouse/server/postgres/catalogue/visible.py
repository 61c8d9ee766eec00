"""What a visitor's catalogue holds: the tables and columns that they may read, and who they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.engines.engine import SqlFunction
from pumphouse.errors import BadRequest
from pumphouse.lake.column_docs import docs_of
from pumphouse.lake.lake import Lake
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies, Policy
from pumphouse.server.postgres.types import TEXT, columns_of

TABLES_MAX = 10_000
"""Tables that a catalogue lists; who may see more asks for them by name."""


class Catalogued(Protocol):
    """What a catalogue needs of a project."""

    @property
    def name(self) -> str: ...
    @property
    def lake(self) -> Lake: ...
    @property
    def assets(self) -> Mapping[str, Asset]: ...
    @property
    def functions(self) -> tuple[SqlFunction, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as PostgreSQL would have it."""

    name: str
    type: int
    """Its oid."""
    modifier: int
    required: bool
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as PostgreSQL would have it."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    """The columns of its primary key; none where the visitor does not see all of them as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that SQL may call, by the oids of its types."""

    name: str
    parameters: tuple[int, ...]
    names: tuple[str, ...]
    defaults: int
    returns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """All that a catalogue is made of."""

    database: str
    who: str
    tables: tuple[Table, ...]
    functions: tuple[Function, ...]

    @property
    def digest(self) -> str:
        """A text that differs where two catalogues do."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def visible(project: Catalogued, policies: Policies, visitor: Visitor, *, snapshot: int) -> Visible:
    """What a visitor may know of the lake at a snapshot."""
    lake, assets = project.lake, project.assets
    tables = []
    for name in policies.listed(visitor, snapshot=snapshot)[:TABLES_MAX]:
        policy, shown = policies.told(visitor, name, snapshot=snapshot)
        tables.append(table_seen(lake, assets.get(name), policy, shown=shown, snapshot=snapshot))
    return Visible(
        database=project.name,
        who=visitor.who,
        tables=tuple(tables),
        functions=tuple(found for one in project.functions if (found := _function(one)) is not None),
    )


def table_seen(lake: Lake, asset: Asset | None, policy: Policy, *, shown: pa.Schema, snapshot: int) -> Table:
    """A table as a policy lets it be seen."""
    common = asset.common if asset is not None else None
    key = policy.key(asset)
    plain = {name for name in policy.columns if name not in policy.masks}
    required = {*key, *(common.required if common is not None else ())} & plain
    docs = docs_of(lake, policy.table, snapshot=snapshot)
    columns = []
    for field in shown:
        kind, modifier = _type(field)
        columns.append(
            Column(
                name=field.name,
                type=kind,
                modifier=modifier,
                required=field.name in required,
                doc=docs.get(field.name, ""),
            )
        )
    return Table(name=policy.table, doc=common.doc if common is not None else "", columns=tuple(columns), key=key)


def _type(field: pa.Field) -> tuple[int, int]:
    try:
        column = columns_of(pa.schema([field]))[0]
    except BadRequest:  # it can be read only as text
        return TEXT, -1
    return column.oid, column.typmod


def _function(function: SqlFunction) -> Function | None:
    fields = [pa.field("_", kind) for kind in (*function.parameters, function.returns)]
    try:
        types = [column.oid for column in columns_of(pa.schema(fields))]
    except BadRequest:
        return None
    return Function(
        name=function.name,
        parameters=tuple(types[:-1]),
        names=function.names,
        defaults=len(function.defaults),
        returns=types[-1],
    )
