"""The one way to rows for whoever asks through a door: who it is, what they may see, when to stop, what was read.

    statement = desk.ask(visitor, "SELECT ... FROM orders", door="flight")     # checked and pinned, nothing has run
    with statement.run() as result:
        for batch in result:                                                   # counted as they are taken
            ...

Who goes away calls `result.cancel()` from any thread, or just leaves the `with`: what runs is stopped, and the rows
that were taken until then are in the access log either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pumphouse.engines.duckdb import with_defaults
from pumphouse.engines.engine import Query, Scan, SqlFunction, called_in
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.graph.sql_words import with_settings
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.project.queries import asked
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies
from pumphouse.server.access.statements import Bounds, Parameters, Result, Statement

__all__ = ["Bounds", "Desk", "Parameters", "Prepared", "Result", "Statement"]


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
    ) -> None:
        self.policies = policies
        self.bounds = bounds or Bounds()
        self._lake = lake
        self._catalogues = frozenset({"lake", project})
        self._functions = functions
        self._settings = settings

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
        at = self.at(snapshot)
        engine = self._lake.engine.fork()
        seen = self.policies.visible(visitor, snapshot=at)
        used = called_in(text, self._functions)
        own = frozenset(parameters) if isinstance(parameters, Mapping) else frozenset()
        bound = self._with_settings(text.strip().rstrip(";"), own=own)
        query = asked(
            with_defaults(bound, used) if used else bound, engine=engine, known=seen, catalogues=self._catalogues
        )
        policies = {name: self.policies.of(visitor, name, snapshot=at) for name in query.tables}
        scans: dict[str, Scan] = {
            name: policy.applied(self._lake.scan(name, snapshot=at)).for_text(query.text)
            for name, policy in policies.items()
        }
        statement = Statement(
            visitor=visitor,
            door=door,
            text=query.text,
            tables=query.tables,
            snapshot=at,
            policies=tuple(policies.values()),
            parameters=query.parameters,
            bounds=self.bounds,
            _query=Query(text=query.text, inputs=scans, functions=used),
            _engine=engine,
            _lake=self._lake,
        )
        return statement if parameters is None else statement.bound(parameters)

    def prepare(self, visitor: Visitor, text: str, *, door: str, snapshot: int | None = None) -> Prepared:
        """A statement to be asked many times with other values. Raises what `ask` raises."""
        checked = self.ask(visitor, text, door=door, snapshot=snapshot)
        schema = checked.schema if checked.parameters else None
        return Prepared(
            text=text, door=door, snapshot=snapshot, parameters=checked.parameters,
            schema=checked.schema if schema is None else schema, _desk=self,
        )  # fmt: skip

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

    def record(self, *reads: Access) -> None:
        """Write reads to the access log that were made other than by a statement."""
        self._lake.state.access(*reads)

    def at(self, snapshot: int | None) -> int:
        """The newest snapshot, or the one that is given. Raises UnknownName where there is none of that number."""
        newest = self._lake.snapshot()
        if snapshot is not None and not 0 <= snapshot <= newest:
            raise UnknownName(f"there is no snapshot {snapshot} yet", mend=f"The newest is {newest}.")
        return newest if snapshot is None else snapshot

    def _with_settings(self, text: str, *, own: frozenset[str]) -> str:
        """The SQL with the project's settings in place of their names; every other name is a parameter."""
        settings = self._settings() if "$" in text else {}

        def value(name: str) -> str:
            return literal(settings[name]) if name in settings and name not in own else f"${name}"

        return with_settings(text, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A statement that was checked, and is asked again and again: each time as the newest policy and snapshot are."""

    text: str
    door: str
    snapshot: int | None
    """Where it is pinned; None is the newest at each asking."""
    parameters: tuple[str, ...]
    """What it wants values for, in order: "1" for the first `?` or `$1`, "name" for `$name`."""
    schema: pa.Schema
    """Of its columns, as they are without values: a type that depends on one is guessed."""
    _desk: Desk

    def ask(self, visitor: Visitor, values: Parameters = ()) -> Statement:
        """The statement with these values. Raises what `Desk.ask` raises, since more may be forbidden by now."""
        return self._desk.ask(visitor, self.text, door=self.door, parameters=values, snapshot=self.snapshot)
