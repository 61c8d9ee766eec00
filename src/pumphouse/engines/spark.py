"""The engine for more than one machine holds: Spark, through Spark Connect. Without an address, Sail in this process.

It reads the lake's files and writes new ones, so it needs no connector; only the lake commits. What the query means is
decided by `engines.transpile` and `engines.scalars`; what it can't mean alike is refused.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
import threading
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from pumphouse.engines import storage
from pumphouse.engines.duckdb import DuckDB, with_defaults
from pumphouse.engines.engine import BatchFunction, DataFile, Query, Scan, SqlFunction, Written, called_in
from pumphouse.engines.parameters import bind, literal, quoted
from pumphouse.engines.parquet import storable, write_batches
from pumphouse.engines.scalars import Evaluate, Scalar, carried
from pumphouse.engines.spark_scans import frame_of_files, stored_schema
from pumphouse.engines.spark_tasks import WriteRows, as_read
from pumphouse.engines.transpile import Column, Relation, transpile
from pumphouse.engines.trees import names_in, refused
from pumphouse.errors import BuildError, MissingExtra


@dataclass(slots=True)
class _Shared:
    """What an engine and its forks have in common: the session, and the scalars that it knows by name."""

    session: Any  # pyspark has no types for Spark Connect
    server: Any  # Sail's in this process, or None
    scalars: list[Scalar] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Spark:
    """A Spark session. `url` is a Spark Connect server's ("sc://host:15002"); None starts Sail in this process.

    Files are read and written by Spark's tasks at the paths that the lake names, so these have to see the same disk.
    `fork()` shares the session, with its own views; the session ends when the engine that started it is closed.
    """

    dialect = "spark"

    def __init__(self, url: str | None = None, zone: str = "UTC") -> None:
        server = None
        if url is None:
            server = _start_sail()
            url = "sc://{}:{}".format(*server.listening_address)
        session = _connect(url)
        session.conf.set("spark.sql.session.timeZone", zone)
        self._open(_Shared(session, server), oracle=DuckDB(threads=1, zone=zone), zone=zone, tags=())

    def _open(self, shared: _Shared, *, oracle: DuckDB, zone: str, tags: tuple[str, ...]) -> None:
        self._shared = shared
        self._oracle = oracle  # says what a query means, over empty tables
        self._zone = zone
        self._tags = (*tags, f"pumphouse-{uuid.uuid4().hex}")  # those of whom it was forked from, and its own

    def fork(self) -> Spark:
        """The same session for another thread."""
        other = Spark.__new__(Spark)
        other._open(self._shared, oracle=self._oracle.fork(), zone=self._zone, tags=self._tags)
        return other

    def schema(self, query: Query) -> pa.Schema:
        """Names and types of a query's columns, without running it. Raises BuildError for one that can't be moved."""
        with self._moved(query) as moved:
            return moved.schema

    def read(self, query: Query) -> pa.RecordBatchReader:
        """A stream of the query's rows."""
        stack = ExitStack()
        moved = stack.enter_context(self._moved(query))
        return pa.RecordBatchReader.from_batches(moved.schema, self._stream(moved, stack))

    def write(self, query: Query, *, folder: Path, stem: str) -> Written:
        """Parquet files of the query's rows in `folder`; see `engines.storage` for the types."""
        with self._moved(query) as moved:
            schema = self._stored(moved.columns)
            target = folder / stem
            target.mkdir(parents=True, exist_ok=True)
            try:
                task = WriteRows(schema=schema, folder=target, outputs={"part": schema}, stems={"part": "part"})
                return self._run(moved, task)["part"]
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise

    def map(
        self,
        query: Query,
        function: BatchFunction,
        *,
        outputs: Mapping[str, pa.Schema],
        folder: Path,
        stem: str,
        key: Sequence[str] = (),
    ) -> Mapping[str, Written]:
        """Parquet files of each output of `function` over the query's batches. It must pickle: Spark's tasks run it."""
        with self._moved(query) as moved:
            folder.mkdir(parents=True, exist_ok=True)
            stems = {name: f"{stem}_{name}" for name in outputs}
            task = WriteRows(
                schema=moved.schema, folder=folder, outputs=outputs, stems=stems, function=function, key=key
            )
            try:
                return self._run(moved, task)
            except BaseException:
                for file in [one for begin in stems.values() for one in folder.glob(f"{glob.escape(begin)}_*.parquet")]:
                    file.unlink(missing_ok=True)
                raise

    def interrupt(self) -> None:
        """Stop what this engine and its forks run; it raises there, once the batches that tasks have begun are done."""
        self._shared.session.interruptTag(self._tags[-1])

    def close(self) -> None:
        """Close this engine; the session and Sail go with the first one."""
        self._oracle.close()
        if len(self._tags) == 1:
            self._shared.session.stop()
            if self._shared.server is not None:
                self._shared.server.stop()

    # -- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _moved(self, query: Query) -> Iterator[_Moved]:
        """The query as Spark runs it. Its views are there for as long as the block lasts."""
        session = self._shared.session
        views: list[str] = []
        for tag in self._tags:  # by which what this thread runs from now on can be stopped
            session.addTag(tag)
        try:
            with _explained():
                yield self._move(query, views)
        finally:
            for tag in self._tags:
                session.removeTag(tag)
            for view in views:
                session.catalog.dropTempView(view)

    def _move(self, query: Query, views: list[str]) -> _Moved:
        text = bind(query.text.strip().rstrip(";"), query.parameters)
        if query.functions:
            text = with_defaults(text, query.functions)
        schemas = {name: source.schema for name, source in (*query.inputs.items(), *query.tables.items())}
        empty = {name: schema.empty_table() for name, schema in schemas.items()}
        # Only the types of functions are asked for, so the oracle need not know them.
        unasked = tuple(replace(function, function=_nothing) for function in query.functions)
        over_empty = Query(text=text, tables=empty, functions=unasked)
        schema, columns = self._oracle.schema(over_empty), self._described(over_empty)
        named = names_in(text)
        tables = {name: self._scan(_only(scan, named), views) for name, scan in query.inputs.items()}
        tables |= {name: self._table(table, views) for name, table in query.tables.items()}
        relation = self._transpiled(text, tables, query.functions)
        if [column.kind for column in relation.columns] != [column.kind for column in columns]:
            raise refused("its columns would get other types there")
        return _Moved(schema=schema, columns=columns, frame=self._shared.session.sql(relation.select))

    def _transpiled(
        self, text: str, tables: Mapping[str, Relation], functions: tuple[SqlFunction, ...] = ()
    ) -> Relation:
        def named(scalar: str, inputs: tuple[str, ...], kind: str) -> str:
            return self._named(scalar, inputs, kind, functions)

        return transpile(text, tables=tables, oracle=self._oracle, function=named)

    def _scan(self, scan: Scan, views: list[str]) -> Relation:
        """A table of the lake at its snapshot: its files, without those who are hidden, under its conditions."""
        conditions = [
            *(_not_hidden(entity, values) for entity, values in scan.hidden if values),
            *(f"({condition})" for condition in scan.conditions),
        ]
        if scan.files is None:
            raise refused(f"the files of '{scan.table}' were not listed for it")
        wanted = self._columns_of(scan, scan.files, conditions)
        frame = frame_of_files(self._shared.session, scan.files, self._carried(wanted))
        relation = self._view(frame, wanted, views)
        if not conditions and scan.rows_max is None:
            return relation
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        limit = f" LIMIT {scan.rows_max}" if scan.rows_max is not None else ""
        text = f"SELECT {', '.join(map(quoted, scan.schema.names))} FROM files{where}{limit}"
        return self._transpiled(text, {"files": relation})

    def _columns_of(self, scan: Scan, files: tuple[DataFile, ...], conditions: Sequence[str]) -> tuple[Column, ...]:
        """The scan's columns, and those that only its conditions name."""
        columns = self._described(Query(text="SELECT * FROM scanned", tables={"scanned": scan.schema.empty_table()}))
        named = {
            column.name.lower()
            for condition in conditions
            for column in sqlglot.parse_one(condition, dialect="duckdb").find_all(exp.Column)
        }
        if not named - {column.name.lower() for column in columns}:
            return columns
        there = stored_schema(files)
        more = [field for field in there if field.name.lower() in named and field.name not in scan.schema.names]
        empty = pa.schema(more).empty_table()
        return columns + self._described(Query(text="SELECT * FROM scanned", tables={"scanned": empty}))

    def _table(self, table: pa.Table, views: list[str]) -> Relation:
        """A small table of this process, sent along."""
        from pyspark.sql.pandas.types import from_arrow_schema

        columns = self._described(Query(text="SELECT * FROM sent", tables={"sent": table.schema.empty_table()}))
        stored = ", ".join(storage.stored(column.name, column.kind) for column in columns)
        sent = self._oracle.read(Query(text=f"SELECT {stored} FROM sent", tables={"sent": table})).read_all()
        schema = self._carried(columns)
        frame = self._shared.session.createDataFrame(
            sent.cast(schema), from_arrow_schema(schema, prefer_timestamp_ntz=True)
        )
        return self._view(frame, columns, views)

    def _view(self, frame: Any, columns: Sequence[Column], views: list[str]) -> Relation:
        view = f"pumphouse_{uuid.uuid4().hex}"
        lower = tuple(Column(column.name.lower(), column.kind) for column in columns)
        frame.toDF(*(column.name for column in lower)).createOrReplaceTempView(view)
        views.append(view)
        return Relation(f"SELECT * FROM {view}", lower)

    def _named(self, text: str, inputs: tuple[str, ...], kind: str, functions: tuple[SqlFunction, ...]) -> str:
        """The name under which Spark knows a scalar; it is told the first time."""
        from pyspark.sql.functions import arrow_udf  # type: ignore[attr-defined]  # its types lag behind
        from pyspark.sql.pandas.types import from_arrow_type

        (carried_as,) = self._carried([Column("value", kind)])
        scalar = Scalar(
            text=text,
            inputs=inputs,
            kind=kind,
            carried=carried_as.type,
            zone=self._zone,
            functions=called_in(text, functions),
        )
        with self._shared.lock:
            known = self._shared.scalars
            if scalar not in known:
                evaluate = Evaluate(scalar)
                returns = from_arrow_type(carried_as.type, prefer_timestamp_ntz=True)
                # PySpark looks for type hints, and takes nothing but a plain function.
                udf = arrow_udf(lambda *columns: evaluate(*columns), returns)  # noqa: PLW0108
                self._shared.session.udf.register(f"pumphouse_{len(known)}", udf)
                known.append(scalar)
            return f"pumphouse_{known.index(scalar)}"

    def _described(self, query: Query) -> tuple[Column, ...]:
        """A query's columns with DuckDB's types."""
        rows = self._oracle.read(replace(query, text=f"DESCRIBE {query.text}")).read_all().to_pylist()
        return tuple(Column(row["column_name"], row["column_type"]) for row in rows)

    def _stored(self, columns: Sequence[Column]) -> pa.Schema:
        """How the lake stores these columns."""
        stored = ", ".join(storage.stored(column.name, column.kind) for column in columns)
        empty = ", ".join(f"CAST(NULL AS {column.kind}) AS {quoted(column.name)}" for column in columns)
        return storable(self._oracle.schema(Query(text=f"SELECT {stored} FROM (SELECT {empty})")))

    def _carried(self, columns: Sequence[Column]) -> pa.Schema:
        """How Spark carries these columns."""
        kinds = [carried(stored.type) for stored in self._stored(columns)]
        for column, kind in zip(columns, kinds, strict=True):
            if kind is None:
                raise refused(f"Spark has nothing that holds a {column.kind} ('{column.name}')")
        return pa.schema([(column.name, kind) for column, kind in zip(columns, kinds, strict=True)])

    def _run(self, moved: _Moved, task: WriteRows) -> dict[str, Written]:
        """What the tasks wrote, by output; an output without rows is one empty file."""
        report = moved.frame.mapInArrow(task, "output string, path string, rows bigint").toArrow().to_pylist()
        written = {}
        for name, schema in task.outputs.items():
            own = [row for row in report if row["output"] == name]
            if own:
                files = tuple(sorted(Path(row["path"]) for row in own))
                written[name] = Written(files=files, rows=sum(row["rows"] for row in own), schema=storable(schema))
            else:
                written[name] = write_batches([], schema, folder=task.folder, stem=task.stems[name])
        return written

    def _stream(self, moved: _Moved, stack: ExitStack) -> Iterator[pa.RecordBatch]:
        with stack:
            client = self._shared.session.client
            for part in client.to_table_as_iterator(moved.frame._plan.to_proto(client), {}):
                if isinstance(part, pa.Table):  # the first is the schema
                    for batch in part.to_batches():
                        yield as_read(batch, moved.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """A query, moved."""

    schema: pa.Schema
    """Its columns as DuckDB would give them out."""
    columns: tuple[Column, ...]
    frame: Any  # a DataFrame


def _only(scan: Scan, named: frozenset[str] | None) -> Scan:
    """The scan with the columns that a query names, and one at least, so that there are rows to count."""
    if named is None:
        return scan
    columns = [name for name in scan.schema.names if name.lower() in named]
    return scan.only(columns or scan.schema.names[:1])


def _not_hidden(entity: str, values: Sequence[str]) -> str:
    name = quoted(entity)
    return f"({name} IS NULL OR CAST({name} AS VARCHAR) NOT IN ({', '.join(map(literal, values))}))"


def _nothing(*columns: pa.Array) -> pa.Array:
    return pa.nulls(len(columns[0]) if columns else 1)


def _start_sail() -> Any:  # Sail's server
    os.environ.setdefault("RUST_LOG", "error")  # else it tells standard error of each session
    try:
        from pysail.spark import SparkConnectServer
    except ImportError as error:
        raise MissingExtra("pysail", extra="spark", purpose="Spark in this process") from error
    server = SparkConnectServer()
    server.start()
    return server


def _connect(url: str) -> Any:  # a SparkSession
    try:
        with warnings.catch_warnings(), _as_person_at_prompt():
            warnings.simplefilter("ignore")  # it warns of every pandas since 3, of which we use nothing
            from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise MissingExtra("pyspark-client", extra="spark", purpose="Spark") from error
    return SparkSession.builder.remote(url).create()


@contextmanager
def _as_person_at_prompt() -> Iterator[None]:
    """While PySpark is imported: a main program that is no file (`python -c`) is its doctests to it, and it exits."""
    had = hasattr(sys, "ps1")
    if not had:
        sys.ps1 = ">>> "
    try:
        yield
    finally:
        if not had:
            vars(sys).pop("ps1", None)


@contextmanager
def _explained() -> Iterator[None]:
    """Errors of Spark's and DuckDB's as ours, by the line that says what happened."""
    from pyspark.errors import PySparkException

    try:
        yield
    except duckdb.Error as error:
        raise BuildError(str(error).strip().splitlines()[0]) from error
    except PySparkException as error:
        raise BuildError(_what_happened(str(error))) from error


def _what_happened(text: str) -> str:
    """Of a trace of Python or Java, the last line that names an error, without the class."""
    if re.search(r"OPERATION_CANCELED|operation not found", text, re.IGNORECASE):
        return "it was stopped"
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    named = [found[1] for line in lines if (found := re.match(r"(?:\w+\.)*[A-Z]\w*: (.+)", line))]
    return named[-1] if named else lines[0] if lines else "Spark failed and did not say why"
