"""Rows as CSV, JSON and JSON lines. The engine writes the lines; here they are only passed on."""

from __future__ import annotations

import codecs
from collections.abc import Generator

import msgspec
import pyarrow as pa

from pumphouse.engines.texts import Columns, csv_head, csv_line, json_line
from pumphouse.server.access.desk import Statement
from pumphouse.server.formats.form import Options, Run


def csv(statement: Statement, run: Run, options: Options) -> Generator[bytes]:
    """CSV after RFC 4180, in UTF-8, with a header."""
    columns = statement.columns
    head = csv_head(columns.names, exact=options.exact).encode()
    yield codecs.BOM_UTF8 + head if options.mark else head
    yield from _lines(statement, run, csv_line(columns, exact=options.exact), columns)


def json_lines(statement: Statement, run: Run, options: Options) -> Generator[bytes]:
    """A JSON object for each row, each on a line of its own."""
    columns = statement.columns
    yield from _lines(statement, run, json_line(columns, end="\n"), columns)


def json(statement: Statement, run: Run, options: Options) -> Generator[bytes]:
    """One JSON object: the snapshot, the columns with their types, and the rows as objects."""
    columns = statement.columns
    head = msgspec.json.encode({"snapshot": statement.snapshot, "columns": described(columns.schema)})
    yield head[:-1] + b',"rows":['
    between = b""
    for piece in _lines(statement, run, json_line(columns, end=","), columns):
        yield between + piece[:-1]
        between = b","
    yield b"]}"


def described(schema: pa.Schema) -> list[dict[str, str]]:
    """Names and types of columns, as JSON has them."""
    return [{"name": field.name, "type": str(field.type)} for field in schema]


def _lines(statement: Statement, run: Run, written: str, columns: Columns) -> Generator[bytes]:
    with run(statement.lines(written, columns=len(columns.kinds))) as result:
        for batch in result:
            if batch.num_rows:
                yield joined(batch.column(0))


def joined(lines: pa.StringArray) -> bytes:
    """The lines one behind the other, which is how Arrow keeps them."""
    _, offsets, data = lines.buffers()
    first, last = (
        int.from_bytes(offsets[4 * place : 4 * place + 4].to_pybytes(), "little")
        for place in (lines.offset, lines.offset + len(lines))
    )
    return bytes(data.slice(first, last - first).to_pybytes())
