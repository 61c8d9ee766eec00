"""What Spark computes of one row, DuckDB computes inside Spark's tasks, so that it is the same on both to the bit.

Engines agree on joins and groups and differ in small things: `5 / 0`, `EXTRACT(DOW ...)`, how text becomes a number. A
`Scalar` is an expression of DuckDB's over columns p0, p1...; Spark calls it like any other function, batch by batch.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import pyarrow as pa

from pumphouse.engines import storage
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, SqlFunction
from pumphouse.engines.parameters import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """An expression over `p0`, `p1`..., whose values travel as the lake stores them (`engines.storage`)."""

    text: str
    inputs: tuple[str, ...]
    """DuckDB's types of p0, p1..."""
    kind: str
    """DuckDB's type of the result."""
    carried: pa.DataType
    """The Arrow type in which the result travels."""
    zone: str
    functions: tuple[SqlFunction, ...] = ()


class Evaluate:
    """A scalar as a function over Arrow arrays. Pickles; what calls it at once has a DuckDB each.

    They are kept here and not by thread: a DuckDB that goes while its thread ends takes the process with it.
    """

    def __init__(self, scalar: Scalar) -> None:
        self.scalar = scalar
        self._idle: deque[DuckDB] = deque()

    def __call__(self, *columns: pa.Array) -> pa.Array:
        """The result, as long as the columns; a scalar without inputs is given one column, for its length."""
        try:
            engine = self._idle.pop()
        except IndexError:
            engine = DuckDB(threads=1, zone=self.scalar.zone)
        batch = pa.table(list(columns), names=[f"p{place}" for place in range(len(columns))])
        query = Query(text=self._text(), tables={"batch": batch}, functions=self.scalar.functions)
        try:
            result = engine.read(query).read_all().column(0).combine_chunks()
        finally:
            self._idle.append(engine)
        return result.cast(self.scalar.carried)

    def __reduce__(self) -> tuple[object, ...]:
        return (Evaluate, (self.scalar,))

    def _text(self) -> str:
        inputs = ", ".join(restored(f"p{place}", kind) for place, kind in enumerate(self.scalar.inputs)) or "p0"
        value = f"SELECT {self.scalar.text} AS value FROM (SELECT {inputs} FROM batch)"
        return f"SELECT {storage.stored('value', self.scalar.kind)} FROM ({value})"


def restored(column: str, kind: str) -> str:
    """The SQL expression that reads a column as it travels as one of DuckDB's type `kind`."""
    if kind == "INTERVAL":
        return storage.restored(column, storage.INTERVAL_STRUCT)
    return f"CAST({quoted(column)} AS {kind}) AS {quoted(column)}"


def carried(kind: pa.DataType) -> pa.DataType | None:
    """The type in which Spark carries values of a stored type, each exactly, or None where it can't."""
    wider = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20)}
    if kind in wider:
        return wider[kind]
    if pa.types.is_list(kind):
        inner = carried(kind.value_type)
        return pa.list_(inner) if inner is not None else None
    if pa.types.is_struct(kind):
        fields = [(field.name, carried(field.type)) for field in kind]
        return pa.struct(fields) if all(inner is not None for _, inner in fields) else None
    plain = (
        pa.types.is_signed_integer, pa.types.is_floating, pa.types.is_decimal128, pa.types.is_boolean,
        pa.types.is_string, pa.types.is_binary, pa.types.is_date32, pa.types.is_timestamp,
    )  # fmt: skip
    return kind if any(is_kind(kind) for is_kind in plain) and kind != pa.float16() else None
