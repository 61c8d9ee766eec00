"""Answers to what clients ask of PostgreSQL's own tables: for each visitor over what they may see, and nothing else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from pumphouse.errors import AccessDenied, PumphouseError
from pumphouse.project import queries
from pumphouse.project.allowed import FUNCTIONS as PLAIN_FUNCTIONS
from pumphouse.project.allowed import OPERATORS
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies
from pumphouse.server.postgres.catalogue.builtin import KEYWORDS, Builtin, builtin
from pumphouse.server.postgres.catalogue.functions import FUNCTIONS, MACROS
from pumphouse.server.postgres.catalogue.kept import Kept
from pumphouse.server.postgres.catalogue.parsing import parsed
from pumphouse.server.postgres.catalogue.refusals import unsupported
from pumphouse.server.postgres.catalogue.rewriting import Around, Rewritten, rewrite
from pumphouse.server.postgres.catalogue.statements import asks_functions, relations_in
from pumphouse.server.postgres.catalogue.store import Store
from pumphouse.server.postgres.catalogue.visible import Catalogued, Visible, visible
from pumphouse.server.postgres.sqlstate import Refused
from pumphouse.server.postgres.types import KINDS, PARAMETERS_KEY, TYPE_KEY

STORES_MAX = 16
"""Catalogues that are kept, each of some 10 MB: one for each visitor, and what they may see."""
SEEN_MAX = 100
"""Visitors at a snapshot of whom it is remembered which catalogue is theirs."""
ASKED_MAX = 500
"""Statements that are kept as they are run: tools ask the same again and again."""
ASKED_CHARACTERS_MAX = 10_000


class Catalogues:
    """The catalogues of a project. Used from many threads at once."""

    def __init__(self, project: Catalogued) -> None:
        self._project = project
        self._stores: Kept[str, Store] = Kept(most=STORES_MAX)
        self._seen: Kept[tuple[Policies, Visitor, int, int], tuple[str, Visible]] = Kept(most=SEEN_MAX)
        self._asked: OrderedDict[tuple[Any, ...], Rewritten] = OrderedDict()
        self._checker = project.lake.engine.fork()
        self._lock = threading.Lock()
        self._checking = threading.Lock()

    def __call__(
        self,
        desk: Desk,
        visitor: Visitor,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        settings: Mapping[str, str] | None = None,
        snapshot: int | None = None,
    ) -> pa.Table | None:
        """The rows of a statement about the catalogue, each field with its type; None for any other statement.

        A parameter without a value yet is None. Raises Refused for what can't be answered.
        """
        asked = self._kept(visitor, sql, parameters, settings or {})
        if asked is None:
            return None
        return self._told(self._store(desk, visitor, desk.at(snapshot)).read(asked.sql), asked)

    def _kept(self, visitor: Visitor, sql: str, values: Sequence[Any], settings: Mapping[str, str]) -> Rewritten | None:
        """The statement as the store runs it, made once; None where it is not about the catalogue."""
        key = visitor.who, sql, repr(values), tuple(settings.items())
        with self._lock:
            asked = self._asked.get(key)
        if asked is None:
            asked = self._rewritten(visitor, sql, values, settings)
            if asked is not None and len(sql) + len(key[2]) <= ASKED_CHARACTERS_MAX:
                with self._lock:
                    self._asked[key] = asked
                    while len(self._asked) > ASKED_MAX:
                        self._asked.popitem(last=False)
        return asked

    def _rewritten(
        self, visitor: Visitor, sql: str, values: Sequence[Any], settings: Mapping[str, str]
    ) -> Rewritten | None:
        try:
            tree = parsed(sql)
            if tree is None:
                return None
            relations, others = relations_in(tree, self._known)
            if not relations and (others or not asks_functions(tree)):
                return None
            if others:
                names = f"{others[0]} together with {next(iter(relations.values())).name}"
                raise unsupported(names, hint="Ask for one of them at a time.")
            around = Around(
                who=visitor.who,
                database=self._project.name,
                version=f"PostgreSQL {settings.get('server_version', '15.0')}, by Pumphouse {self._version}",
                settings=settings,
                values=values,
            )
            asked = rewrite(tree, relations, around, self._known)
            self._check(asked.sql)
        except RecursionError:
            raise Refused("the statement is nested too deeply for the catalogue", state="54001") from None
        return asked

    def _check(self, sql: str) -> None:
        """Look at what DuckDB would run as at any query of a visitor. Raises Refused for what may not be asked."""
        try:
            with self._checking:
                queries.asked(sql, engine=self._checker, known=self._tables, functions=self._callable)
        except AccessDenied as error:
            raise unsupported(error.what) from error
        except PumphouseError as error:
            raise Refused(error.what, state="42601", hint=error.mend) from error

    @cached_property
    def _version(self) -> str:
        return version("pumphouse")

    @cached_property
    def _tables(self) -> frozenset[str]:
        return frozenset(self._known.relations) | {KEYWORDS.stored_as}

    @cached_property
    def _callable(self) -> frozenset[str]:
        return PLAIN_FUNCTIONS | OPERATORS | frozenset(FUNCTIONS) | {f"f_{name}" for name in MACROS}

    @cached_property
    def _known(self) -> Builtin:
        return builtin()

    def _store(self, desk: Desk, visitor: Visitor, snapshot: int) -> Store:
        """The catalogue of a visitor. Those who see the same at two snapshots have one."""

        policies = desk.policies

        def seen_now() -> tuple[str, Visible]:
            found = visible(self._project, policies, visitor, snapshot=snapshot)
            return found.digest, found

        changes = policies.changes(visitor, snapshot=snapshot)
        digest, seen = self._seen.get((policies, visitor, snapshot, changes), seen_now)
        return self._stores.get(digest, lambda: Store(seen, self._known))

    def _told(self, rows: pa.Table, asked: Rewritten) -> pa.Table:
        """The rows with their types told to whoever writes them."""
        fields, columns = [], []
        for number, (field, values) in enumerate(zip(rows.schema, rows.columns, strict=True)):
            name, kind = asked.columns[number] if asked.columns is not None else (field.name, None)
            if kind is None and field.type == pa.uint32():
                kind = "oid"
            stored = _stored(field.type, kind)
            told = {TYPE_KEY: kind.removeprefix("_").encode()} if kind and stored is not None else None
            columns.append(values.cast(stored) if stored is not None else values)
            fields.append(pa.field(name, columns[-1].type, metadata=told))
        wanted = ",".join(map(str, self._wanted(asked))).encode()
        return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata={PARAMETERS_KEY: wanted}))

    def _wanted(self, asked: Rewritten) -> tuple[int, ...]:
        numbers = range(1, max(asked.parameters, default=0) + 1)
        return tuple(self._known.types[asked.parameters.get(number, "text")] for number in numbers)


def _stored(found: pa.DataType, kind: str | None) -> pa.DataType | None:
    """The type of Arrow in which values of a type are written; None where it is not for sure that these are such."""
    named = KINDS.get(kind.removeprefix("_")) if kind else None
    if named is None or kind is None or kind.startswith("_") != pa.types.is_list(found):
        return None
    element = found.value_type if pa.types.is_list(found) else found
    wanted = named.storage
    is_number = pa.types.is_integer(element) or pa.types.is_decimal(element)
    if element != wanted and not (is_number and (pa.types.is_integer(wanted) or kind == "text")):
        return None
    return pa.list_(wanted) if kind.startswith("_") else wanted
