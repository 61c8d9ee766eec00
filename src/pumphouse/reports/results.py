"""The rows of a report's SQL blocks: the first of them for the page, all of them as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.engines.csv import write_csv
from pumphouse.errors import BuildError, Place, PumphouseError
from pumphouse.reports import charts

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.engines.engine import Engine, Query
    from pumphouse.reports.document import Block

KEPT_ROWS_MAX = charts.ROWS_MAX
"""What a page may show or draw of one block."""
CSV_ROWS_MAX = 1_000_000
"""A spreadsheet holds no more; what is larger is a delivery."""

_LINE = re.compile(r"\s*\n+LINE (\d+):.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a block's query came to. `rows` are the first KEPT_ROWS_MAX of `total`; `csv` is a file with all of them."""

    name: str
    rows: pa.Table
    total: int
    csv: Path


def run(block: Block, query: Query, *, engine: Engine, file: str, folder: Path) -> Result:
    """The block's result, streamed into `<folder>/<name>.csv`. Raises BuildError naming the line that is wrong."""
    import duckdb
    import pyarrow as pa

    kept = _Kept()
    path = folder / f"{block.name}.csv"
    try:
        schema = engine.schema(query)  # which also refuses what is not one SELECT, before anything runs
        with path.open("wb") as sink, engine.read(query) as reader:
            total = write_csv(kept.of(reader, block=block, file=file), schema, sink=sink)
    except (duckdb.Error, pa.ArrowException) as error:
        raise _located(str(error), block=block, file=file) from error
    except PumphouseError as error:
        if error.place:
            raise
        # The engine keeps DuckDB's own words, with the line they are about, as the cause.
        said = str(error.__cause__) if isinstance(error.__cause__, duckdb.Error) else error.what
        raise _located(said, block=block, file=file, mend=error.mend) from error
    return Result(name=block.name, rows=pa.Table.from_batches(kept.batches, schema=schema), total=total, csv=path)


class _Kept:
    """The first rows of a stream that passes through."""

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []

    def of(self, batches: Iterator[pa.RecordBatch], *, block: Block, file: str) -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in batches:
            if rows < KEPT_ROWS_MAX:
                self.batches.append(batch.slice(0, KEPT_ROWS_MAX - rows))
            rows += batch.num_rows
            if rows > CSV_ROWS_MAX:
                raise BuildError(
                    f"block '{block.name}' has more than {CSV_ROWS_MAX:,} rows, and a report is read by people",
                    place=Place(file=file, line=block.line),
                    mend="Aggregate it here, and deliver the table: ph.deliver(...).",
                )
            yield batch


def _located(said: str, *, block: Block, file: str, mend: str | None = None) -> BuildError:
    """DuckDB's complaint about a block, at the file's line."""
    found = _LINE.search(said)
    before = block.text[: len(block.text) - len(block.text.lstrip())].count("\n")
    line = block.line + before + (int(found[1]) - 1 if found else 0)
    what, *hints = _LINE.sub("", said).strip().splitlines()
    hint = " ".join(filter(None, map(str.strip, hints)))
    return BuildError(
        f"block '{block.name}': {what.rstrip('!.')}",
        place=Place(file=file, line=line),
        mend=mend or (f"{hint.rstrip('.')}." if hint else None),
    )
