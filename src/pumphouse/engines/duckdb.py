"""The engine of one machine: DuckDB, in this process."""

from __future__ import annotations

import inspect
import re
import shutil
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import sqlglot
from duckdb.func import FunctionNullHandling, PythonUDFType
from sqlglot import exp

from pumphouse.engines import storage
from pumphouse.engines.engine import BatchFunction, Query, SqlFunction, Written
from pumphouse.engines.extensions import wheel_file
from pumphouse.engines.parameters import bind, literal, quoted
from pumphouse.engines.parquet import ROW_GROUP_ROWS, ParquetFiles
from pumphouse.errors import BuildError, OutOfMemory, SnapshotExpired

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_BYTES_MAX = 512 * 1024 * 1024
BATCH_ROWS = 50_000
_ASOF = re.compile(r"\bASOF\b", re.IGNORECASE)
_ASOF_LOOP_ROWS_MAX = 64
"""Up to how many rows on its left an ASOF join is a loop over them; DuckDB's own bound."""


class DuckDB:
    """A DuckDB in memory, with its extensions linked, no network, and no reading of Python variables from SQL.

    `fork()` is a connection to the same database for another thread; what `close()` closes is this connection.
    """

    dialect = "duckdb"

    def __init__(self, *, memory_limit: str | None = None, threads: int | None = None, zone: str = "UTC") -> None:
        config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_unsigned_extensions": True,  # until the first were loaded, see `load`
            # It tells a file from an older one of its name by the second of its change, and mixes the two (decision 7).
            "enable_external_file_cache": False,
        }
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads:
            config["threads"] = threads
        connection = duckdb.connect(config=config)
        connection.execute("SET GLOBAL python_enable_replacements = false")
        connection.execute(f"SET GLOBAL TimeZone = {literal(zone)}")
        self.zone = zone
        self._open(connection, functions=_Functions(connection.cursor()))
        self._is_fork = False
        self._is_locked = False

    def _open(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        functions: _Functions,
    ) -> None:
        self.connection = connection
        self._functions = functions
        self._forks: weakref.WeakSet[DuckDB] = weakref.WeakSet()

    def fork(self) -> DuckDB:
        """The same database for another thread."""
        other = DuckDB.__new__(DuckDB)
        connection = self.connection.cursor()
        if not self._is_locked:
            connection.execute("SET enable_progress_bar = false")
        other.zone = self.zone
        other._open(connection, functions=self._functions)
        other._is_fork, other._is_locked = True, self._is_locked
        self._forks.add(other)
        return other

    def load(self, *extensions: str) -> None:
        """Load extensions from their wheels. Raises MissingExtra where one is not installed.

        What the first call names is loaded by its place among this environment's packages, without looking for a
        signature, which takes 0.13 s each (decision 41). From then on DuckDB takes what is signed alone.
        """
        for extension in extensions:
            self.connection.execute(f"LOAD {literal(str(wheel_file(extension)))}")
        self.connection.execute("SET GLOBAL allow_unsigned_extensions = false")

    def lock(self, *, folders: Sequence[Path], spill: Path, spill_bytes_max: int) -> None:
        """From here on no file is read or written but in these folders, nothing attached or loaded, no setting changed.

        What does not fit into memory goes to the folder `spill`. Forks that are made from here on have it too.
        """
        allowed = ", ".join(literal(f"{folder}/") for folder in folders)
        self.connection.execute(f"SET GLOBAL temp_directory = {literal(str(spill))}")
        self.connection.execute(f"SET GLOBAL max_temp_directory_size = '{spill_bytes_max} bytes'")
        self.connection.execute(f"SET GLOBAL allowed_directories = [{allowed}]")
        self.connection.execute("SET GLOBAL enable_external_access = false")
        self.connection.execute("SET GLOBAL lock_configuration = true")
        self._is_locked = True

    def teach(self, functions: Iterable[SqlFunction]) -> None:
        """Make functions known to SQL by their names."""
        for function in functions:
            self._functions.register(function)

    def execute(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of one statement, for the lake's own bookkeeping."""
        return self.connection.execute(sql, parameters or []).fetchall()

    def schema(self, query: Query) -> pa.Schema:
        """Names and types of a query's columns, without running it."""
        with _explained(), self._prepared(query) as sql:
            return self.connection.execute(f"SELECT * FROM ({sql}\n) LIMIT 0", query.values).to_arrow_table().schema

    def read(self, query: Query) -> pa.RecordBatchReader:
        """A stream of the query's rows. The stream has a connection of its own and may outlive other queries."""
        fork = self.fork()
        with _explained():
            return fork.connection.execute(fork._prepare(query), query.values).to_arrow_reader(BATCH_ROWS)

    def rows(self, query: Query) -> pa.Table:
        """All rows of a query, on this very connection: it sees what its transaction has not committed."""
        return self.connection.execute(self._prepare(query)).to_arrow_table()

    def relation(self, query: Query) -> duckdb.DuckDBPyRelation:
        """The query as a lazy relation of DuckDB. Those of one connection can be joined, and are read one at a time."""
        with _explained():
            return self.connection.sql(self._prepare(query))

    def write(self, query: Query, *, folder: Path, stem: str) -> Written:
        """Parquet files of the query's rows in `folder`; see `engines.storage` for the types."""
        folder.mkdir(parents=True, exist_ok=True)
        with _removed_on_failure(folder / stem), _explained(), self._prepared(query) as sql:
            described = self.connection.execute(f"DESCRIBE {sql}").fetchall()
            columns = ", ".join(storage.stored(name, kind) for name, kind, *_ in described)
            target = folder / stem
            options = (
                f"FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE {ROW_GROUP_ROWS},"
                f" FILE_SIZE_BYTES {FILE_BYTES_MAX}, FILENAME_PATTERN 'part_{{i}}'"
            )
            copy = f"COPY (SELECT {columns} FROM ({sql}\n)) TO {literal(str(target))} ({options}, RETURN_STATS)"
            stats = self.connection.execute(copy).fetchall()
            files = tuple(sorted(Path(row[0]) for row in stats))
            rows = sum(row[1] for row in stats)
            if not files:  # no rows: an empty file carries the schema
                empty = target / "part_0.parquet"
                target.mkdir(exist_ok=True)
                self.connection.execute(
                    f"COPY (SELECT {columns} FROM ({sql}\n) LIMIT 0) TO {literal(str(empty))} (FORMAT parquet)"
                )
                files = (empty,)
            return Written(files=files, rows=rows, schema=self._schema_of_file(files[0]))

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
        """Parquet files of each output of `function` over the query's batches."""
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(ParquetFiles(folder, f"{stem}_{name}", schema, key=key))
                for name, schema in outputs.items()
            }
            for batch in self.read(query):
                for name, result in function(batch).items():
                    if result.num_rows:
                        files[name].write(result)
            return {name: file.close() for name, file in files.items()}

    def interrupt(self) -> None:
        """Stop what this connection and its forks run; it raises there."""
        self.connection.interrupt()
        for fork in list(self._forks):
            with suppress(duckdb.ConnectionException):  # one that is closed already runs nothing
                fork.interrupt()

    def close(self) -> None:
        """Close this connection; the database goes with its last one."""
        if not self._is_fork:
            self._functions.close()
        self.connection.close()

    @contextmanager
    def _prepared(self, query: Query) -> Iterator[str]:
        sql = self._prepare(query)
        try:
            yield sql
        finally:
            for name in query.inputs:
                self.connection.execute(f"DROP VIEW IF EXISTS temp.{quoted(name)}")
            for name in query.tables:
                self.connection.unregister(name)

    def _prepare(self, query: Query) -> str:
        """Make the query's inputs and functions known to this connection; the text to run."""
        for name, scan in query.inputs.items():
            for called, dataset in scan.datasets:
                self.connection.register(called, dataset)
            self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {scan.relation}")
        for name, table in query.tables.items():
            self.connection.register(name, table)
        if _ASOF.search(query.text):
            # It takes an Arrow table for a handful of rows, and would compare each of them with every row of the other.
            most = max((table.num_rows for table in query.tables.values()), default=0)
            self.connection.execute(
                f"SET asof_loop_join_threshold = {_ASOF_LOOP_ROWS_MAX * (most <= _ASOF_LOOP_ROWS_MAX)}"
            )
        self.teach(query.functions)
        text = query.text.strip().rstrip(";")
        if query.parameters or not query.values:
            text = bind(text, query.parameters)
        return with_defaults(text, query.functions) if query.functions else text

    def _schema_of_file(self, path: Path) -> pa.Schema:
        # As DuckDB reads it, not as Parquet's own metadata says: the lake compares what queries will see.
        return (
            self.connection.execute(f"SELECT * FROM read_parquet({literal(str(path))}) LIMIT 0").to_arrow_table().schema
        )


class _Functions:
    """The SQL functions of one database, known to all its forks.

    One connection registers them all: only there can a function be taken back. The callables are kept here, since
    DuckDB keeps them only as long as that connection, and the functions as long as the database.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._known: dict[str, tuple[SqlFunction, Any]] = {}
        self._lock = threading.Lock()

    def register(self, function: SqlFunction) -> None:
        """Make the function known by its name, in place of another of that name."""
        with self._lock:
            known = self._known.get(function.name)
            if known is not None and known[0] == function:
                return
            if known is not None:
                self._connection.remove_function(function.name)
                del self._known[function.name]
            call = _on_arrays(function)
            self._connection.create_function(
                function.name,
                call,
                [_type_name(kind) for kind in function.parameters],
                _type_name(function.returns),
                type=PythonUDFType.ARROW,
                null_handling=FunctionNullHandling.SPECIAL,
            )
            self._known[function.name] = (function, call)

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()


def with_defaults(text: str, functions: tuple[SqlFunction, ...]) -> str:
    """The SQL with the parameters that calls left out: `e164(phone)` is `e164(phone, 'US')`."""
    by_name = {function.name: function for function in functions}
    tree = sqlglot.parse_one(text, dialect="duckdb")
    changed = False
    for call in tree.find_all(exp.Anonymous):
        function = by_name.get(call.name.lower())
        if function is None:
            continue
        missing = len(function.parameters) - len(call.expressions)
        if not 0 <= missing <= len(function.defaults):
            raise BuildError(
                f"{function.name} takes {len(function.parameters)} values, {len(call.expressions)} were given",
                mend=_how_called(function),
            )
        for value in function.defaults[len(function.defaults) - missing :]:
            call.append("expressions", sqlglot.parse_one(literal(value), dialect="duckdb"))
            changed = True
    return tree.sql(dialect="duckdb") if changed else text


def _how_called(function: SqlFunction) -> str | None:
    named = f"It is {function.name}({', '.join(function.names)}). " if function.names else ""
    optional = f"Give the last {len(function.defaults)} or leave them out." if function.defaults else ""
    return f"{named}{optional}".strip() or None


def _on_arrays(function: SqlFunction) -> Any:
    """DuckDB hands chunked arrays to a function; ours take arrays. It evaluates annotations, so there are none."""

    def call(*columns):  # type: ignore[no-untyped-def]
        arrays = [column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column for column in columns]
        return function.function(*arrays).cast(function.returns)

    # DuckDB counts the parameters by looking at the signature.
    parameters = [
        inspect.Parameter(f"p{number}", inspect.Parameter.POSITIONAL_ONLY) for number in range(len(function.parameters))
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_list(kind):
        return f"{_type_name(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{quoted(field.name)} {_type_name(field.type)}' for field in kind)})"
    names = {
        pa.string(): "VARCHAR",
        pa.int64(): "BIGINT",
        pa.int32(): "INTEGER",
        pa.float64(): "DOUBLE",
        pa.bool_(): "BOOLEAN",
        pa.date32(): "DATE",
        pa.time64("us"): "TIME",
    }
    return names[kind]


@contextmanager
def _explained() -> Iterator[None]:
    """DuckDB's errors as ours, with what mends the known ones."""
    try:
        yield
    except duckdb.OutOfRangeException as error:
        raise BuildError(
            _first_line(error), mend="A sum or product left its type's range; cast to a wider type."
        ) from error
    except duckdb.ConversionException as error:
        mend = None
        if "DECIMAL(38,0)" in str(error):
            mend = "A 128-bit integer does not fit DECIMAL(38, 0); cast it to VARCHAR or DOUBLE in the query."
        raise BuildError(_first_line(error), mend=mend) from error
    except duckdb.OutOfMemoryException as error:
        raise OutOfMemory(_first_line(error), mend="Give the engine more with [engine] memory = '8GB'.") from error
    except duckdb.IOException as error:
        mend = "The disk is full; free some space and run again." if "No space left" in str(error) else None
        if "/data/" in str(error) and "No such file" in str(error):
            mend = "A file of the lake is gone; build the table that it is of anew: pumphouse run TABLE --full"
        raise BuildError(_first_line(error), mend=mend) from error
    except duckdb.BinderException as error:
        candidates = next((line for line in str(error).splitlines() if line.startswith("Candidate")), None)
        names = re.findall(r'"([^"]+)"', candidates or "")
        raise BuildError(_first_line(error), mend=f"Did you mean {' or '.join(names)}?" if names else None) from error
    except duckdb.InterruptException:
        raise  # whoever interrupted knows why
    except duckdb.Error as error:
        if left := re.search(r"No snapshot found at version (\d+)", str(error)):
            raise SnapshotExpired(
                f"snapshot {left[1]} left the lake before its rows were read", mend="Ask for a newer one."
            ) from error
        mend = None
        if "/data/" in str(error) and ("No magic bytes" in str(error) or "footer" in str(error)):
            mend = "A file of the lake is damaged; build the table that it is of anew: pumphouse run TABLE --full"
        raise BuildError(_first_line(error), mend=mend) from error


@contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    """Half-written files are of use to nobody, and may be what fills the disk."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
