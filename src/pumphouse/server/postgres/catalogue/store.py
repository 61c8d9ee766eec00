"""A small DuckDB that holds one visitor's catalogue and nothing else: no lake, no files, no settings to change."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from pumphouse.engines.parameters import quoted
from pumphouse.server.postgres.catalogue.builtin import KEYWORDS, Builtin, physical
from pumphouse.server.postgres.catalogue.contents import rows_of
from pumphouse.server.postgres.catalogue.functions import FUNCTIONS, MACROS, Function
from pumphouse.server.postgres.catalogue.information import VIEWS
from pumphouse.server.postgres.catalogue.lookups import Lookups
from pumphouse.server.postgres.catalogue.visible import Visible
from pumphouse.server.postgres.sqlstate import Refused

SECONDS_MAX = 20.0
ROWS_MAX = 100_000
MEMORY = "128MB"
_ARROW = {
    "UINTEGER": pa.uint32(), "BOOLEAN": pa.bool_(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(),
    "BIGINT": pa.int64(), "FLOAT": pa.float32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(),
}  # fmt: skip
_TABLES = re.compile(r'"((?:pg_catalog|information_schema)\.\w+)"')
_CALLS = re.compile(r"\bf_(\w+)\(")
_NOT_THERE = re.compile(r'(relation|type|function|schema|role|database) "(?:[^"]|"")*" does not exist')
_STATES = {"relation": "42P01", "function": "42883", "schema": "3F000", "database": "3D000"}


class Store:
    """The catalogue of one visitor. Tables are made when they are first read. Used from many threads at once."""

    def __init__(self, seen: Visible, known: Builtin) -> None:
        self._known = known
        self._rows = rows_of(seen, known)
        self._lookups = Lookups(self._rows, known, who=seen.who)
        self._made: set[str] = set()
        self._lock = threading.Lock()
        self._connection = duckdb.connect(
            config={
                "threads": 1,
                "memory_limit": MEMORY,
                "temp_directory": "",
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "default_null_order": "nulls_last_on_asc_first_on_desc",
            }
        )
        for setting in ("TimeZone = 'UTC'", "python_enable_replacements = false", "enable_external_access = false",
                        "lock_configuration = true"):  # fmt: skip
            self._connection.execute(f"SET {setting}")

    def read(self, sql: str) -> pa.Table:
        """The rows of a query, all of them. Raises Refused where there are too many, or it takes too long."""
        self._make(sql)
        with self._bounded() as cursor:
            rows = cursor.execute(f"SELECT * FROM ({sql}\n) LIMIT {ROWS_MAX + 1}").to_arrow_table()
        if rows.num_rows > ROWS_MAX:
            raise Refused(f"the catalogue has more than {ROWS_MAX:,} rows for this", state="54000")
        return rows

    @contextmanager
    def _bounded(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._connection.cursor()
        timer = threading.Timer(SECONDS_MAX, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield cursor
        except duckdb.InterruptException as error:
            raise Refused(f"the catalogue did not answer within {SECONDS_MAX:.0f} s", state="57014") from error
        except duckdb.Error as error:
            raise _refused(error) from error
        finally:
            timer.cancel()
            cursor.close()

    def _make(self, sql: str) -> None:
        """Make the tables, views and functions that a query names, and those that these name."""
        with self._lock:
            for name in dict.fromkeys(_CALLS.findall(sql)):
                if (called := f"f_{name}") not in self._made:
                    self._function(name, called)
                    self._made.add(called)
            for name in dict.fromkeys(_TABLES.findall(sql)):
                if name not in self._made:
                    self._made.add(name)
                    self._relation(name)

    def _function(self, name: str, called: str) -> None:
        if called in FUNCTIONS:
            self._python(FUNCTIONS[called])
        else:
            self._connection.execute(f"CREATE MACRO {called}{MACROS[name]}")

    def _python(self, one: Function) -> None:
        lookups, returns = self._lookups, _arrow(one.returns)

        def call(*columns: Any) -> pa.Array:
            rows = zip(*(column.to_pylist() for column in columns), strict=True)
            if one.strict:
                return pa.array([None if None in row else one.call(lookups, *row) for row in rows], returns)
            return pa.array([one.call(lookups, *row) for row in rows], returns)

        parameters = [inspect.Parameter(f"_{n}", inspect.Parameter.POSITIONAL_ONLY) for n in range(len(one.takes))]
        vars(call)["__signature__"] = inspect.Signature(parameters)  # DuckDB counts them by it
        self._connection.create_function(
            one.called,
            call,
            list(one.takes),
            one.returns,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )

    def _relation(self, name: str) -> None:
        if name == KEYWORDS.stored_as:
            names = list(KEYWORDS.columns)
            self._table(name, KEYWORDS.columns, [dict(zip(names, row, strict=True)) for row in self._known.keywords])
            return
        relation = self._known.relations[name]
        view = VIEWS.get(name)
        if view is None:
            self._table(name, relation.columns, self._rows.get(name, ()))
            return
        for needed in dict.fromkeys(_CALLS.findall(view)):
            if (called := f"f_{needed}") not in self._made:
                self._function(needed, called)
                self._made.add(called)
        for table in dict.fromkeys(_TABLES.findall(view)):
            if table not in self._made:
                self._made.add(table)
                self._relation(table)
        given = self._connection.execute(f"SELECT * FROM ({view}) LIMIT 0").to_arrow_table().schema.names
        columns = ", ".join(
            f"CAST({quoted(column) if column in given else 'NULL'} AS {physical(kind)}) AS {quoted(column)}"
            for column, kind in relation.columns.items()
        )
        self._connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT {columns} FROM ({view})")

    def _table(self, name: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
        defined = ", ".join(f"{quoted(column)} {physical(kind)}" for column, kind in columns.items())
        self._connection.execute(f"CREATE TABLE {quoted(name)} ({defined})")
        if rows:
            fields = [pa.field(column, _arrow(physical(kind))) for column, kind in columns.items()]
            self._connection.register("filling", pa.Table.from_pylist(list(rows), schema=pa.schema(fields)))
            self._connection.execute(f"INSERT INTO {quoted(name)} SELECT * FROM filling")
            self._connection.unregister("filling")


def _arrow(kind: str) -> pa.DataType:
    if kind.endswith("[]"):
        return pa.list_(_arrow(kind[:-2]))
    return _ARROW.get(kind, pa.string())  # what is seldom filled is cast as it is inserted


def _refused(error: duckdb.Error) -> Refused:
    """An error of the store as PostgreSQL says it."""
    text = str(error)
    if found := _NOT_THERE.search(text):
        return Refused(found[0], state=_STATES.get(found[1], "42704"))
    first = text.split("\n", maxsplit=1)[0]
    if isinstance(error, (duckdb.ConversionException, duckdb.OutOfRangeException)):
        return Refused(first, state="22P02")
    if isinstance(error, duckdb.BinderException) and "eferenced column" in first:
        return Refused(first.removeprefix("Binder Error: "), state="42703")
    return Refused("the catalogue can't answer this", state="0A000", hint=first)
