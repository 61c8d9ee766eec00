"""Rows that can be had in any form, wherever they are: the same object for a folder and for a server's address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, Protocol, overload

import pyarrow as pa

from pumphouse_client.errors import ClientError, MissingPackage
from pumphouse_client.selects import Select
from pumphouse_client.shown import as_html
from pumphouse_client.values import Value

PREVIEW_ROWS = 10
FORMS = ("Table", "RecordBatchReader", "DataFrame", "LazyFrame", "DuckDBPyRelation")

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # type checkers have it; nothing needs it to run

    Row = TypeVar("Row", default=Any)
    Name = TypeVar("Name", bound=str, default=Any)
else:
    from typing import TypeVar

    Row, Name = TypeVar("Row"), TypeVar("Name")

Form = TypeVar("Form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Rows as a stream, and the snapshot that they are of. They are counted as they are taken."""

    batches: pa.RecordBatchReader
    snapshot: int | None
    """None where a table of them stays elsewhere, and is read as it is now."""


class Backend(Protocol):
    """Who has the rows: a server, or the lake of a folder. Used from many threads at once."""

    def run(self, asked: Select, *, snapshot: int | None) -> Answer:
        """The rows of a SELECT at a snapshot; None is the newest."""
        ...

    def schema(self, asked: Select, *, snapshot: int | None) -> tuple[pa.Schema, int | None]:
        """Names and types of its columns, and the snapshot that they are of, as in an Answer. Nothing is read."""
        ...

    def lazy(self, table: Table) -> Any:
        """A polars LazyFrame over the rows."""
        ...

    def relation(self, asked: Select, *, snapshot: int | None) -> Any:
        """A lazy DuckDB relation over the rows."""
        ...


@dataclass(slots=True)
class Pin:
    """The snapshot of a table and of all that was made of it: None until the first answer says which it is."""

    snapshot: int | None = None

    def settle(self, snapshot: int | None) -> None:
        """Stay at this snapshot, unless another was settled before."""
        if self.snapshot is None:
            self.snapshot = snapshot


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Table(Generic[Row, Name]):
    """Rows that can be had in any form. Nothing is read before one is asked for; each asking is a read, and is logged.

    A value: `select`, `where`, `order`, `limit` and `at` give another table. All that is made of one table is read at
    one snapshot, the newest when it was first asked for anything. In a package that is made for a project, rows and
    columns have types.

    For example:

        paid = connection.table("orders").where("amount > 10").where(country="DE")
        paid.select("order_id", net="amount / 1.19").order("-paid_at").limit(100).to_polars()
    """

    _backend: Backend
    _asked: Select
    _pin: Pin = field(default_factory=Pin)

    # -- which rows -------------------------------------------------------------------------------------------------

    def select(self, /, *columns: Name, **expressions: str) -> Table[dict[str, Any], str]:
        """With these columns alone, and those that expressions make: `.select("order_id", net="amount / 1.19")`."""
        asked = self._asked.selecting(columns, expressions)
        return Table(_backend=self._backend, _asked=asked, _pin=self._pin)

    def where(self, /, *conditions: str, **values: Value) -> Table[Row, Name]:
        """With the rows alone that meet all conditions: `.where("amount > 10")`, `.where(country="DE")`.

        A condition is SQL, and may name values: `.where("paid_at > $since", since=datetime(2026, 1, 1))`. Without a
        condition the values are of columns: equal to it, one of a list, or null for None. Values go beside the text,
        and never become part of it.
        """
        return self._with(self._asked.meeting(conditions, values))

    def order(self, *columns: str) -> Table[Row, Name]:
        """In the order of these columns, with a minus from the last to the first: `.order("-paid_at", "order_id")`."""
        return self._with(self._asked.ordered(columns))

    def limit(self, rows: int) -> Table[Row, Name]:
        """With at most so many rows. What is asked of it after that is asked of these."""
        return self._with(self._asked.limited(rows))

    def at(self, snapshot: int) -> Table[Row, Name]:
        """As it was at a snapshot. What stays elsewhere has none: reading it so is refused."""
        return replace(self, _pin=Pin(snapshot))

    # -- what they are ----------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """The table's name, or "query"."""
        return self._asked.title

    @property
    def text(self) -> str:
        """The SQL that is asked."""
        return self._asked.text

    @property
    def snapshot(self) -> int | None:
        """The snapshot that it is read at; None where it stays elsewhere, and each read has what is there then."""
        if self._pin.snapshot is None:
            _ = self.schema
        return self._pin.snapshot

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        schema, snapshot = self._backend.schema(self._asked, snapshot=self._pin.snapshot)
        self._pin.settle(snapshot)
        return schema

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        found: list[str] = self.schema.names
        return found

    def count(self) -> int:
        """How many rows there are, counted where they are."""
        with self._run(self._asked.counting()) as batches:
            return int(batches.read_all().column(0)[0].as_py())

    # -- in every form ----------------------------------------------------------------------------------------------

    def to_batches(self) -> pa.RecordBatchReader:
        """A stream of Arrow batches, so that no more is held than one; counted as they are taken. Close it."""
        return self._run(self._asked)

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        with self.to_batches() as batches:
            return batches.read_all()

    def to_polars(self) -> Any:
        """All rows as a polars DataFrame. Raises MissingPackage without polars."""
        return _polars("to_polars()").from_arrow(self.to_arrow())

    def to_lazy(self) -> Any:
        """A polars LazyFrame over the rows, of which only the columns and rows are fetched that are used."""
        _polars("to_lazy()")
        return self._backend.lazy(self)

    def to_pandas(self) -> Any:
        """All rows as a pandas DataFrame. Raises MissingPackage without pandas."""
        try:
            import pandas as pd  # noqa: F401  # to_pandas imports it itself, with a worse message
        except ImportError as error:
            raise MissingPackage("pandas", purpose="to_pandas()") from error
        return self.to_arrow().to_pandas()

    def to_duckdb(self, connection: Any = None) -> Any:
        """A DuckDB relation over the rows: all of them, in a connection of yours; or without one, lazy where it can be.

        For example:

            import duckdb

            mine = duckdb.connect()
            table.to_duckdb(mine).create("orders")
        """
        if connection is None:
            return self._backend.relation(self._asked, snapshot=self._pin.snapshot)
        return connection.from_arrow(self.to_arrow())

    @property
    def rows(self) -> list[Row]:
        """All rows as dicts, for tests and small tables."""
        found: list[Row] = self.to_arrow().to_pylist()
        return found

    def first(self, count: int = PREVIEW_ROWS) -> pa.Table:
        """The first rows as an Arrow table."""
        return self.limit(count).to_arrow()

    @overload
    def to(self, form: None = None) -> pa.Table: ...
    @overload
    def to(self, form: type[Form]) -> Form: ...
    def to(self, form: type[Any] | None = None) -> Any:
        """The rows as this type: `pl.DataFrame`, `pl.LazyFrame`, `pd.DataFrame`, `pa.RecordBatchReader`, `pa.Table`."""
        match form.__name__ if form else "Table":
            case "Table":
                return self.to_arrow()
            case "RecordBatchReader":
                return self.to_batches()
            case "LazyFrame":
                return self.to_lazy()
            case "DuckDBPyRelation":
                return self.to_duckdb()
            case "DataFrame" if form and form.__module__.startswith("polars"):
                return self.to_polars()
            case "DataFrame":
                return self.to_pandas()
        raise ClientError(
            f"a table can't be read as {getattr(form, '__name__', form)}", mend=f"Use one of {', '.join(FORMS)}."
        )

    # -- how it shows itself ----------------------------------------------------------------------------------------

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows for whatever takes Arrow's stream interface: `pl.DataFrame(table)`, `duckdb.from_arrow(table)`."""
        return self.to_batches().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        columns = ", ".join(f"{column.name} {column.type}" for column in self.schema)
        at = "as it is now" if self._pin.snapshot is None else f"at snapshot {self._pin.snapshot}"
        return f"{self.title} {at}: {columns}"

    def _repr_html_(self) -> str:
        """The first rows for a notebook, with every cell escaped."""
        preview = self.first()
        at = "as it is now" if self._pin.snapshot is None else f"snapshot {self._pin.snapshot}"
        return as_html(preview, f"{self.title}, {at}, first {preview.num_rows} rows")

    # -- inside -----------------------------------------------------------------------------------------------------

    def _with(self, select: Select) -> Table[Row, Name]:
        return replace(self, _asked=select)

    def _run(self, select: Select) -> pa.RecordBatchReader:
        answer = self._backend.run(select, snapshot=self._pin.snapshot)
        self._pin.settle(answer.snapshot)
        return answer.batches


def in_parts(table: Table) -> Any:
    """A polars LazyFrame that asks for rows when it is collected: only for the columns and as many rows as it uses."""
    import polars as pl
    from polars.io.plugins import register_io_source

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        asked = table if columns is None else table.select(*(columns or table.columns[:1]))
        left = rows
        with (asked if left is None or predicate is not None else asked.limit(left)).to_batches() as batches:
            for batch in chain([batches.schema.empty_table()], batches):
                frame = pl.DataFrame(pl.from_arrow(batch))
                frame = frame if predicate is None else frame.filter(predicate)
                yield frame if left is None else frame.head(left)
                left = None if left is None else left - frame.height
                if left is not None and left <= 0:
                    break

    schema = pl.DataFrame(pl.from_arrow(table.schema.empty_table())).schema
    return register_io_source(source, schema=schema)


def _polars(purpose: str) -> Any:
    try:
        import polars as pl
    except ImportError as error:
        raise MissingPackage("polars", purpose=purpose) from error
    return pl
