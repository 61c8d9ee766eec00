"""Rows as Arrow and as Parquet: types and values as they are."""

from __future__ import annotations

from collections.abc import Generator

import pyarrow as pa

from pumphouse.errors import BadRequest
from pumphouse.server.access.desk import Statement
from pumphouse.server.formats.form import Options, Pipe, Run

GROUP_ROWS = 122_880
GROUP_BYTES = 32 * 1024 * 1024
"""A row group of Parquet is written once it has as many rows or bytes: so much of it is in memory."""


def arrow(statement: Statement, run: Run, options: Options) -> Generator[bytes]:
    """Arrow's stream format, one piece for each batch."""
    pipe = Pipe()
    how = pa.ipc.IpcWriteOptions(compression=options.compression)
    with run(statement) as result, pa.ipc.new_stream(pipe, result.schema, options=how) as writer:
        for batch in result:
            writer.write_batch(batch)
            yield pipe.taken()
    yield pipe.taken()


def parquet(statement: Statement, run: Run, options: Options) -> Generator[bytes]:
    """A Parquet file, one piece for each row group."""
    from pyarrow import parquet as pq

    pipe = Pipe()
    with run(statement) as result:
        try:
            writer = pq.ParquetWriter(pa.PythonFile(pipe, mode="w"), result.schema, compression="zstd")
        except pa.ArrowNotImplementedError as error:
            raise BadRequest(f"Parquet can't hold this: {error}", mend="Ask for Arrow, or cast it to text.") from error
        with writer:
            held: list[pa.RecordBatch] = []
            for batch in result:
                held.append(batch)
                if sum(one.num_rows for one in held) >= GROUP_ROWS or sum(one.nbytes for one in held) >= GROUP_BYTES:
                    writer.write_table(pa.Table.from_batches(held), row_group_size=GROUP_ROWS)
                    held = []
                    yield pipe.taken()
            if held:
                writer.write_table(pa.Table.from_batches(held), row_group_size=GROUP_ROWS)
    yield pipe.taken()
