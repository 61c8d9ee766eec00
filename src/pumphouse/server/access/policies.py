"""What a visitor may see: which tables, which of their columns and rows, and what stands in place of a masked one."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec
import pyarrow as pa

from pumphouse.catalog.lineage import nearest_first
from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Search
from pumphouse.declare.grants import Grant
from pumphouse.engines.engine import HIDDEN_COLUMNS, Query, Scan
from pumphouse.engines.parameters import quoted
from pumphouse.errors import PumphouseError, UnknownName, did_you_mean
from pumphouse.indexes.sights import Sight
from pumphouse.lake.lake import Lake
from pumphouse.project.declared import Declared
from pumphouse.project.queries import CLOCKS_AND_CHANCE
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.masks import Shown, shown
from pumphouse.server.access.rights import Right, Rights
from pumphouse.server.access.telling import reached
from pumphouse.sources.external.sightings import Sightings
from pumphouse.sources.external.tables import ExternalTables

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

DECIDED_MAX = 10_000
"""Of how many tables, each for one visitor, it is remembered what they see; to decide it anew takes milliseconds."""
VISITORS_MAX = 500
"""For how many visitors it is remembered which of all tables are there for them."""
CALLED = re.compile(r"\w+(?=\s*\()|\b(?:current|local|session)\w*", re.IGNORECASE)
"""Functions that a condition or a mask calls, with and without parentheses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one visitor sees of one table."""

    table: str
    columns: tuple[str, ...]
    """The columns there are for them, masked ones included, in the table's order."""
    is_whole: bool = False
    """Whether all of the table is there for them, and nothing of it masked."""
    own: tuple[str, ...] = ()
    """Those of the lake's own columns that they may name."""
    masks: Mapping[str, str] = field(default_factory=dict, repr=False)  # with the key of hashes
    """SQL that stands in place of a column, over its row and the flags of `conditions`."""
    conditions: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(name of a flag, SQL condition) for each grant that covers some rows only."""
    rows: str | None = None
    """The SQL condition, over the flags, of the rows there are for them; None is all."""
    types: Mapping[str, pa.DataType] = field(default_factory=dict)
    """The types of columns whose masks have another than the column."""
    as_stored: Mapping[str, str] = field(default_factory=dict)
    """Where some rows are hidden: columns that every other row shows as they are, with the engine's name of a type."""

    def applied(self, scan: Scan, *, beside: tuple[str, ...] = ()) -> Scan:
        """The scan as the visitor has it. What is under it can't be reached from SQL above it.

        `beside` are columns of a scan with row ids that stay with it.
        """
        if not self.masks and self.rows is None:
            return scan.only((*self.columns, *self.own, *beside))
        flags = "".join(f", {condition} AS {quoted(name)}" for name, condition in self.conditions)
        names = (*self.columns, *beside)
        cells = ", ".join(f"{self.masks.get(name, quoted(name))} AS {quoted(name)}" for name in names)
        flagged = f"SELECT *{flags} FROM ({scan.relation})" if flags else scan.relation
        where = "" if self.rows is None else f" WHERE {self.rows}"
        schema = pa.schema([*self.shown(scan.schema), *(scan.schema.field(name) for name in beside)])
        return replace(scan, schema=schema, relation=f"SELECT {cells} FROM ({flagged}){where}", files=None)

    def shown(self, schema: pa.Schema) -> pa.Schema:
        """The table's columns as the visitor has them."""
        fields = (schema.field(name) for name in self.columns)
        return pa.schema([one.with_type(self.types.get(one.name, one.type)) for one in fields])

    def key(self, asset: Asset | None) -> tuple[str, ...]:
        """The key that a table declares; none where not all of it is there for them as it is."""
        declared = asset.common.key if asset is not None else ()
        plain = {name for name in self.columns if name not in self.masks}
        return declared if plain.issuperset(declared) else ()

    @property
    def is_steady(self) -> bool:
        """Whether it shows the same of the same rows each time, by the words of what limits it."""
        limits = (*self.masks.values(), *(sql for _, sql in self.conditions))
        return CLOCKS_AND_CHANCE.isdisjoint(word.lower() for text in limits for word in CALLED.findall(text))

    @property
    def sight(self) -> Sight | None:
        """What an index may tell the visitor of the table; None is all."""
        if self.is_whole:
            return None
        plain = frozenset(self.columns) - self.masks.keys() if self.rows is None else frozenset(self.as_stored)
        return Sight(
            digest=self.digest,
            shown=lambda scan: self.applied(scan, beside=("_rowid",)),
            plain=plain,
            is_steady=self.is_steady,
        )

    @property
    def digest(self) -> str:
        """A short text that differs where two policies of a table do."""
        asked = (self.table, self.columns, self.own, self.masks, self.conditions, self.rows)
        return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]


class Policies:
    """What everybody may see, as the project declares it. Used from many threads at once.

    It is decided once for each visitor and version of a table, and then remembered.
    """

    def __init__(
        self,
        lake: Lake,
        assets: Mapping[str, Asset],
        *,
        groups: Collection[str] = (),
        is_open: bool = True,
        external: ExternalTables | None = None,
        declared: Mapping[str, Asset] | None = None,
    ) -> None:
        """`groups` and `is_open` are as in `Rights`; `external` are the tables that stay where they are.

        `declared` are what rights go by, where that is not `assets`: those are served, and may have changed since.
        """
        declared = assets if declared is None else declared
        self.rights = Rights(declared, groups=groups, is_open=is_open)
        self._lake = lake
        self._assets = assets
        self._inputs = {name: asset.inputs for name, asset in declared.items()}
        self._external = external.names if external is not None else ()
        self._sightings = Sightings(external) if external is not None else None
        self._lock = threading.Lock()
        self._rights: dict[Visitor, Mapping[str, Right]] = {}
        self._visible: dict[tuple[Visitor, int], tuple[str, ...]] = {}
        self._policies: dict[tuple[Visitor, int, str], Policy] = {}
        self._versions: dict[tuple[Visitor, str, int, int], Policy] = {}

    def with_declared(self, declared: Declared) -> Policies:
        """The same lake and what is served of it, under what is declared by now."""
        found = Policies(
            self._lake, self._assets, groups=declared.groups, is_open=declared.is_open, declared=declared.assets
        )
        found._external, found._sightings = self._external, self._sightings
        return found

    def visible(self, visitor: Visitor, *, snapshot: int) -> tuple[str, ...]:
        """The tables that a visitor may read at least something of, in order."""
        found = self._visible.get((visitor, snapshot))
        if found is None:
            tables = sorted({*self._lake.versions(snapshot=snapshot), *self._external})
            found = tuple(name for name in tables if self._is_there(visitor, name, snapshot))
            self._keep(self._visible, (visitor, snapshot), found, most=VISITORS_MAX)
        return found

    def listed(self, visitor: Visitor, *, snapshot: int) -> tuple[str, ...]:
        """The visible tables of which a visitor can be told now: one whose database is down is left out.

        Of those that stay where they are it is what was last seen: a list waits for no place that does not answer.
        """
        visible = self.visible(visitor, snapshot=snapshot)
        if self._sightings is None:
            return visible
        there = frozenset(self._sightings.there([name for name in visible if name in self._external]))
        return tuple(name for name in visible if name in there or name not in self._external)

    def changes(self, visitor: Visitor, *, snapshot: int) -> int:
        """A number that differs where `listed` or `told` may, at one snapshot."""
        self.listed(visitor, snapshot=snapshot)
        return self._sightings.changes if self._sightings is not None else 0

    def told(self, visitor: Visitor, table: str, *, snapshot: int) -> tuple[Policy, pa.Schema]:
        """What a visitor sees of one of the `listed` tables, and its columns as they have them.

        Raises UnknownName as `of` does, and where it was never seen.
        """
        seen = self._sightings.last(table) if self._sightings is not None and table in self._external else None
        if table not in self._external:
            policy = self.of(visitor, table, snapshot=snapshot)
            return policy, policy.shown(self._lake.schema(table, snapshot=snapshot))
        found = self._decided(visitor, table, snapshot, seen) if seen is not None else None
        if seen is None or found is None:
            raise UnknownName(f"the lake has no table '{table}'", asset=table)
        return found, found.shown(seen.schema)

    def of(self, visitor: Visitor, table: str, *, snapshot: int) -> Policy:
        """What a visitor sees of a table. Raises UnknownName also where they may not know that it is there."""
        seen = self.visible(visitor, snapshot=snapshot)
        policy = self._policy(visitor, table, snapshot) if table in seen else None
        if policy is None:
            raise UnknownName(f"the lake has no table '{table}'", asset=table, mend=did_you_mean(table, seen) or None)
        return policy

    @property
    def external(self) -> tuple[str, ...]:
        """The tables that stay where they are, whoever may see them."""
        return self._external

    def known(self, visitor: Visitor) -> Mapping[str, Asset]:
        """The assets that a visitor may know of: those that they see some of. Nothing else is named to them."""
        rights = self._rights_of(visitor)
        return {name: asset for name, asset in self._assets.items() if name in rights and not rights[name].is_nothing}

    def indexes(self, visitor: Visitor, *, snapshot: int) -> Mapping[str, str]:
        """The indexes that a visitor may search, each with its table: those of tables of which they see some text.

        Of a table that they do not see in full they search what they see of it, by `Policy.sight`.
        """
        visible = frozenset(self.visible(visitor, snapshot=snapshot))
        specs = {name: asset.spec for name, asset in self._assets.items() if asset.kind == "search"}
        return {
            name: spec.table
            for name, spec in specs.items()
            if spec.table in visible and self._may_search(visitor, name, spec, snapshot)
        }

    def _may_search(self, visitor: Visitor, name: str, spec: Search, snapshot: int) -> bool:
        if self.rights.has_own(name) and not self.sees_whole(visitor, name):
            return False
        policy = self.of(visitor, spec.table, snapshot=snapshot)
        return policy.is_whole or not frozenset(policy.columns).isdisjoint(spec.text)

    def sees_origin(self, visitor: Visitor, name: str) -> bool:
        """Whether a visitor may know of all that something is made from: then it may be named to them."""
        rights = self._rights_of(visitor)
        if visitor.scope == "all" and visitor.tables is None:
            return True
        return all(one in rights and not rights[one].is_nothing for one in (name, *nearest_first(name, self._inputs)))

    def sees_whole(self, visitor: Visitor, name: str) -> bool:
        """Whether a visitor sees all of something, unmasked: then also what is told of it."""
        return self._right(visitor, name).is_whole

    def _rights_of(self, visitor: Visitor) -> Mapping[str, Right]:
        alike = self.rights.alike(visitor)
        found = self._rights.get(alike)
        if found is None:
            found = self.rights.of_all(alike)
            self._keep(self._rights, alike, found, most=VISITORS_MAX)
        return found

    def _right(self, visitor: Visitor, name: str) -> Right:
        return self._rights_of(visitor).get(name) or self.rights.of(visitor, name)

    def _is_there(self, visitor: Visitor, table: str, snapshot: int) -> bool:
        right = self._right(visitor, table)
        if table in self._external:  # its database is not asked: it may be down
            return not right.is_nothing
        return right.is_whole or (not right.is_nothing and self._policy(visitor, table, snapshot) is not None)

    def _policy(self, visitor: Visitor, table: str, snapshot: int) -> Policy | None:
        if self._sightings is not None and table in self._external:
            with reached(table):
                return self._decided(visitor, table, snapshot, self._sightings.look(table))
        key = (visitor, snapshot, table)
        if (found := self._policies.get(key)) is not None:
            return found
        newest = self._lake.versions().get(table, -1)
        version = (visitor, table, self._lake.versions(snapshot=snapshot)[table], newest)
        found = self._versions.get(version) or self._decided(visitor, table, snapshot)
        if found is not None:
            self._keep(self._versions, version, found)
            self._keep(self._policies, key, found)
        return found

    def _decided(self, visitor: Visitor, table: str, snapshot: int, seen: Scan | None = None) -> Policy | None:
        """What a visitor sees of a table of the lake, or of one that stays where it is and was seen."""
        right = self._right(visitor, table)
        if right.is_nothing:
            return None
        schema = self._lake.schema(table, snapshot=snapshot) if seen is None else seen.schema
        own = tuple(name for name in schema.names if name in HIDDEN_COLUMNS)
        columns = tuple(name for name in schema.names if name not in own)
        if right.grants is None:
            return Policy(table=table, columns=columns, is_whole=True, own=own)
        return self._granted(visitor, table, right.grants, snapshot, schema, seen)

    def _granted(
        self,
        visitor: Visitor,
        table: str,
        grants: tuple[Grant, ...],
        snapshot: int,
        schema: pa.Schema,
        seen: Scan | None,
    ) -> Policy | None:
        """What grants show of a table; None where the rows can't be told at this snapshot, or no column is left."""
        rows = pa.schema([one for one in schema if one.name not in HIDDEN_COLUMNS])
        current = seen.schema if seen is not None else self._lake.schema(table) if self._lake.has(table) else None
        newest = current.names if current is not None else []
        found = shown(grants, rows, offered=newest, visitor=visitor, key=self._lake.state.tokens.secret("masks"))
        if not found.columns:
            return None
        policy = Policy(
            table=table, columns=found.columns, masks=found.cells, conditions=found.conditions, rows=found.rows
        )
        scan = seen or self._lake.scan(table, snapshot=snapshot)
        types = self._types(policy, scan)
        if types is None:
            policy = replace(policy, masks=self._sound(policy, found, scan))
            types = self._types(policy, scan)
        if types is None:
            return None
        return replace(
            policy,
            types={one.name: one.type for one in types if one.type != schema.field(one.name).type},
            as_stored=self._as_stored(found, scan),
        )

    def _sound(self, policy: Policy, found: Shown, scan: Scan) -> Mapping[str, str]:
        """What stands in place of columns, null where SQL means nothing at this snapshot."""
        return {
            name: cell
            if self._types(replace(policy, columns=(name,), masks={name: cell}), scan) is not None
            else f"CASE WHEN FALSE THEN {quoted(name)} END"
            for name, cell in found.cells.items()
        }

    def _as_stored(self, found: Shown, scan: Scan) -> Mapping[str, str]:
        if found.rows is None or scan.is_live:  # what another database makes of a comparison is not for us to say
            return {}
        described = self._lake.engine.fork().execute(f"DESCRIBE SELECT * FROM ({scan.relation})")
        return {name: kind for name, kind, *_ in described if name in found.as_stored}

    def _types(self, policy: Policy, scan: Scan) -> pa.Schema | None:
        """The columns of a table under a policy as the engine has them; None where its SQL means nothing."""
        applied = policy.applied(scan)
        try:
            return self._lake.engine.fork().schema(Query(text=applied.relation))
        except PumphouseError:
            return None

    def _keep(self, known: dict[_Key, _Value], key: _Key, value: _Value, *, most: int = DECIDED_MAX) -> None:
        with self._lock:
            if len(known) >= most:
                known.clear()
            known[key] = value
