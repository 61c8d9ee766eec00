"""The one way to rows for whoever asks through a door: who it is, what they may see, when to stop, what was read.

    statement = desk.ask(visitor, "SELECT ... FROM orders", door="flight")     # checked and pinned, nothing has run
    with statement.run() as result:
        for batch in result:                                                   # counted as they are taken
            ...

Who goes away calls `result.cancel()` from any thread, or just leaves the `with`: what runs is stopped, and the rows
that were taken until then are in the access log either way.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from pumphouse.engines.duckdb import DuckDB, with_defaults
from pumphouse.engines.engine import Scan, SqlFunction, called_in
from pumphouse.engines.parameters import literal, quoted
from pumphouse.engines.sizes import bytes_of
from pumphouse.errors import BadRequest, ConfigError, Overloaded, UnknownName, did_you_mean
from pumphouse.graph.sql_words import with_settings
from pumphouse.lake.expired import refuse_missing
from pumphouse.lake.lake import ROW_IDS, Lake
from pumphouse.lake.state import Access
from pumphouse.project.allowed import FUNCTIONS, OPERATORS
from pumphouse.project.conditions import condition
from pumphouse.project.queries import asked, no_snapshot, readable
from pumphouse.project.search_calls import Search, SearchCall, found_rows, no_matches
from pumphouse.server.access.audit import Audit
from pumphouse.server.access.below import below
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.places import Places
from pumphouse.server.access.policies import Policies, Policy
from pumphouse.server.access.runs import Bounds, Works
from pumphouse.server.access.sessions import Sessions
from pumphouse.server.access.statements import Parameters, Result, Statement
from pumphouse.server.access.turns import Turns
from pumphouse.server.access.watch import Watch
from pumphouse.sources.external.tables import ExternalTables

__all__ = ["Bounds", "Desk", "Parameters", "Result", "Statement"]

TEXT_BYTES_MAX = 256 * 1024
"""How long a statement may be: to check the worst of this length takes a second or two, of a mebibyte half a minute."""
CHECKED_MAX = 1_000
"""Statements of which it is remembered that they were checked."""
CHECKED_BYTES_MAX = 16 * 1024
"""Longer ones are checked each time, and one after the other: what others ask goes on beside."""
CHECK_WAIT_S = 30.0
"""How long a long one waits for its turn to be checked."""
MEMORY = "1GB"
"""What the statements of all doors may take together, where pumphouse.toml does not say."""


class Desk:
    """Where visitors ask. Used from many threads at once."""

    def __init__(
        self,
        lake: Lake,
        policies: Policies,
        *,
        project: str = "lake",
        functions: tuple[SqlFunction, ...] = (),
        settings: Callable[[], Mapping[str, Any]] = dict,
        bounds: Bounds | None = None,
        places: Places | None = None,
        memory: str = MEMORY,
        threads: int | None = None,
        admits: Callable[[Visitor], bool] = lambda _: True,
        external: Callable[[DuckDB], ExternalTables] | None = None,
        search: Search | None = None,
    ) -> None:
        """`admits` is asked now and then whether somebody whose statement runs may still be here.

        `external` are the tables that stay where they are, as the doors' own DuckDB reads them. `search` finds rows for
        `search(...)` in SQL.
        """
        self.policies = policies
        """What everybody may see now. Ask for it anew each time."""
        self.bounds = bounds or Bounds()
        self.places = places or Places()
        self._catalogues = frozenset({"lake", project})
        self._functions = functions
        self._search = search
        self._allowed = FUNCTIONS | OPERATORS | {one.name for one in functions}
        self._settings = settings
        memory_bytes = bytes_of(memory)
        if memory_bytes is None:
            raise ConfigError(f"'{memory}' is no size of memory", mend="Write it like 2GB.")
        self._audit = Audit(lambda reads: lake.state.access(*reads))
        self._sessions = Sessions(
            lake,
            memory_bytes=memory_bytes,
            threads=threads,
            functions=functions,
            external=external,
        )
        turns = Turns()
        self._works = Works(
            sessions=self._sessions, turns=turns, watch=Watch(turns, memory_bytes=memory_bytes), admits=admits
        )
        self._checked: OrderedDict[tuple[object, ...], Statement] = OrderedDict()
        self._lock = threading.Lock()
        self._checking = threading.Lock()

    def ask(
        self,
        visitor: Visitor,
        text: str,
        *,
        door: str,
        parameters: Parameters | None = None,
        snapshot: int | None = None,
    ) -> Statement:
        """A statement over what the visitor may see, at one snapshot: the newest, or the one that is given.

        `parameters` are values of `?` and `$1` by position, or of `$name`; they can be given later, with
        `Statement.bound`. A `$name` that is not among those that are given is a setting of the project.

        Raises what `queries.asked` raises: for what is no single SELECT, for tables that are not there for them, for
        what a query may not use; BadRequest where values are not those that the query wants.
        """
        if len(text) > TEXT_BYTES_MAX or len(text.encode()) > TEXT_BYTES_MAX:
            raise BadRequest(
                f"the query is longer than {TEXT_BYTES_MAX // 1024} KiB",
                mend="Give its values as parameters, a list of them as one: WHERE list_contains(?, id).",
            )
        at = self.at(snapshot)
        own = frozenset(parameters) if isinstance(parameters, Mapping) else frozenset()
        text = self._with_settings(text.strip().rstrip(";"), own=own)
        # What is hidden from everybody by the newest snapshot is hidden at older ones too.
        policies = self.policies
        key = (policies, visitor, at, self._sessions.snapshot(), text)
        checked_s = 0.0
        with self._lock:
            statement = self._checked.get(key)
        if statement is None:
            began = time.monotonic()
            with self._in_turn(text):
                statement = self._check(visitor, text, at=at, policies=policies)
            checked_s = time.monotonic() - began
            with self._lock:
                if len(text) <= CHECKED_BYTES_MAX and not statement.is_live:
                    self._checked[key] = statement
                while len(self._checked) > CHECKED_MAX:
                    self._checked.popitem(last=False)
        if snapshot is not None and statement.is_live:
            table = next(name for name in statement.tables if statement.snapshot_of(name) is None)
            raise no_snapshot(table)
        statement = replace(statement, visitor=visitor, door=door, checked_s=checked_s)
        return statement if parameters is None else statement.bound(parameters)

    def table(
        self,
        visitor: Visitor,
        name: str,
        *,
        door: str,
        columns: Sequence[str] = (),
        limit: int | None = None,
        snapshot: int | None = None,
    ) -> Statement:
        """The rows of one table. Raises UnknownName for a table, a column or a snapshot that is not there for them."""
        policy = self.policies.of(visitor, name, snapshot=self.at(snapshot))
        for column in columns:
            if column not in (*policy.columns, *policy.own):
                mend = did_you_mean(column, policy.columns) or f"It has {', '.join(policy.columns)}."
                raise UnknownName(f"'{name}' has no column '{column}'", asset=name, mend=mend)
        selected = ", ".join(map(quoted, columns or policy.columns))
        limited = "" if limit is None else f" LIMIT {limit}"
        return self.ask(visitor, f"SELECT {selected} FROM {quoted(name)}{limited}", door=door, snapshot=snapshot)

    def condition(self, text: str) -> str:
        """The text as SQL that can stand in a WHERE. Raises QueryError where it is no expression."""
        return condition(text, engine=self._sessions.lake.engine.fork())

    def record(self, *reads: Access) -> None:
        """Write reads to the access log that were made other than by a statement; they are on the disk then."""
        self._audit.write(*reads)

    def put_in_force(self, policies: Policies) -> None:
        """What everybody may see from now on, also of what runs."""
        self.policies = policies
        with self._lock:
            self._checked.clear()

    def at(self, snapshot: int | None) -> int:
        """The newest snapshot, or the one that is given. Raises UnknownName where there is none of that number."""
        newest = self._sessions.snapshot()
        if snapshot is None or snapshot == newest:  # the newest never leaves, and to ask again is half a small query
            return newest
        refuse_missing(snapshot, catalogue=self._sessions.lake.catalogue)
        return snapshot

    def close(self) -> None:
        """Close the doors' own DuckDB, once no statement runs any more."""
        self._sessions.close()

    @contextmanager
    def _in_turn(self, text: str) -> Iterator[None]:
        """Where a long text may be checked. Raises Overloaded where that takes too long."""
        if len(text) <= CHECKED_BYTES_MAX:
            yield
            return
        if not self._checking.acquire(timeout=CHECK_WAIT_S):
            raise Overloaded("more long queries are asked at once than can be checked", mend="Ask again in a moment.")
        try:
            yield
        finally:
            self._checking.release()

    def _check(self, visitor: Visitor, text: str, *, at: int, policies: Policies) -> Statement:
        lake = self._sessions.lake
        used = called_in(text, self._functions)
        query = asked(
            with_defaults(text, used) if used else text,
            engine=lake.engine.fork(),
            known=policies.visible(visitor, snapshot=at),
            catalogues=self._catalogues,
            functions=self._allowed,
            indexes=policies.indexes(visitor, snapshot=at) if self._search is not None else {},
        )
        seen = {name: policies.of(visitor, name, snapshot=at) for name in query.tables}
        scans = {name: self._sessions.scan(name, snapshot=at) for name in seen}
        inputs = {name: policy.applied(scans[name]).for_text(query.text) for name, policy in seen.items()}
        only = query.tables[0] if len(seen) == 1 and not query.searches else None
        return Statement(
            visitor=visitor,
            door="",
            text=query.text,
            tables=query.tables,
            snapshot=at,
            policies=tuple(seen.values()),
            parameters=query.parameters,
            is_steady=query.is_steady
            and all(policy.is_steady for policy in seen.values())
            and not any(scan.is_live for scan in inputs.values()),
            bounds=self.bounds,
            searches=query.searches,
            _inputs=inputs,
            _found=partial(self._found, at=at, policies=seen),
            _below=None if only is None else below(query.tree, policy=seen[only], scan=scans[only]),
            _works=self._works,
            _places=self.places,
            _under=policies,
            _in_force=lambda: self.policies,
            _audit=self._audit,
        )

    def _found(self, call: SearchCall, asked: str | None, *, at: int, policies: Mapping[str, Policy]) -> Scan:
        """The rows that a search finds among those that are there for the visitor; without a text none."""
        policy = policies[call.table]
        matches = no_matches()
        if asked is not None and self._search is not None:
            matches = self._search(call, asked, at, policy.sight)
        rows = policy.applied(self._sessions.lake.scan(call.table, snapshot=at, row_ids=True), beside=tuple(ROW_IDS))
        return found_rows(rows, matches, view=call.view)

    def _with_settings(self, text: str, *, own: frozenset[str]) -> str:
        """The SQL with the project's settings in place of their names; every other name is a parameter."""
        if "$" not in text:
            return text
        readable(text)
        settings = self._settings()

        def value(name: str) -> str:
            return literal(settings[name]) if name in settings and name not in own else f"${name}"

        return with_settings(text, value)
