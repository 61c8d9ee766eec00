"""CSV and TSV with a header line, read by DuckDB.

Before, the text is written out once as clean UTF-8: DuckDB reads half of a gzip that was cut off without a word, and
takes a quoted last line without a line end for a broken one. A row with too many or too few cells is withheld with its
text and the number of the line on which it begins; an empty cell is null. A column has the type from which all its
cells can be told back.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb

from pumphouse.declare.files import Delimited
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal
from pumphouse.errors import ConfigError
from pumphouse.sources.files.texts import CHUNK_BYTES, StoredFile, opened
from pumphouse.sources.rows import batch_of_arrow, refuse_names
from pumphouse.sources.spool import BATCH_ROWS, Spool

DELIMITERS = (",", ";", "\t", "|")
LINE_BYTES_MAX = 16 * 1024 * 1024
REASONS = {
    "MISSING COLUMNS": "has fewer cells than the header",
    "TOO MANY COLUMNS": "has more cells than the header",
    "UNQUOTED VALUE": "has a quote that is not closed, or not where a cell ends",
    "LINE SIZE OVER MAXIMUM": f"is longer than {LINE_BYTES_MAX:,} bytes",
}


def read(file: StoredFile, form: Delimited, spool: Spool, engine: DuckDB) -> bool:
    """Read a file into the spool; false where there is nothing in it, not even a header."""
    clean = spool.folder / "clean.csv"
    begins = _clean(file, form, clean)
    if begins is None:
        return False
    blank_lines, header = begins
    delimiter = form.delimiter or _delimiter(header)
    if len(delimiter) != 1:
        raise ConfigError(
            f"delimiter {delimiter!r} is not one character", asset=file.asset, mend='Say ph.csv(delimiter=";").'
        )
    names = _names(file, header, delimiter)
    spool.declare(dict.fromkeys(names, "text"))
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    options = (
        f"columns = {{{columns}}}, auto_detect = false, header = true, delim = {literal(delimiter)}, quote = '\"',"
        " escape = '\"', strict_mode = true, store_rejects = true, rejects_table = 'rejected_lines',"
        f" rejects_scan = 'rejected_scans', rejects_limit = 0, max_line_size = {LINE_BYTES_MAX}"
    )
    try:
        rows = engine.connection.execute(f"SELECT * FROM read_csv({literal(str(clean))}, {options})")
        for batch in rows.to_arrow_reader(BATCH_ROWS):
            spool.add_columns(batch_of_arrow(batch, asset=file.asset), raw=file.sha)
            if spool.is_full:  # DuckDB names the lines it refused at the end only
                return True
    except duckdb.InvalidInputException as error:
        raise file.error(
            f"it can't be read as a delimited file: {str(error).splitlines()[0]}",
            mend="Is one kind of line end used throughout, and is every quote inside a quoted cell doubled?",
        ) from None
    rejected = engine.execute(
        "SELECT min(line_byte_position), any_value(csv_line), min(error_type::VARCHAR) FROM rejected_lines"
        " GROUP BY line ORDER BY line"
    )
    lines = _lines_at(clean, [place - 1 for place, _, _ in rejected])
    for above, (_, text, kind) in zip(lines, rejected, strict=True):
        line = blank_lines + above + 1
        spool.ledger.row(
            row_id=f"{file.sha[:12]}:{line}",
            original=text.removeprefix("\n"),  # of the line end \r\n before it
            reason=f"line {line:,} of {file.name} {REASONS.get(kind, kind.lower())}",
        )
    engine.execute("DROP TABLE rejected_lines")
    engine.execute("DROP TABLE rejected_scans")
    return True


def _clean(file: StoredFile, form: Delimited, clean: Path) -> tuple[int, str] | None:
    """Write the text as UTF-8, from the first line that is not blank to a line end.

    The number of lines before it and that line; None where there is none.
    """
    with opened(file, encoding=form.encoding) as text, clean.open("w", encoding="utf-8", newline="") as target:
        found = next(((number, line) for number, line in enumerate(text) if line.strip()), None)
        if found is None:
            return None
        blank_lines, header = found
        # A name may hold a line end inside quotes.
        while header.count('"') % 2 and (more := text.readline()):
            header += more
        target.write(header)
        last = header
        while chunk := text.read(CHUNK_BYTES):
            target.write(chunk)
            last = chunk
        if not last.endswith(("\n", "\r")):
            target.write("\r\n" if header.endswith("\r\n") else "\r" if header.endswith("\r") else "\n")
    return blank_lines, header


def _lines_at(clean: Path, places: list[int]) -> Iterator[int]:
    """How many line ends stand before each of the bytes, which are in order. A cell may hold some."""
    lines, last = 0, b""
    with clean.open("rb") as text:
        for place in places:
            while (left := place - text.tell()) > 0:
                chunk = text.read(min(left, CHUNK_BYTES))
                # \r\n is one, also where a chunk ends between the two.
                pairs = chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
                lines += chunk.count(b"\n") + chunk.count(b"\r") - pairs
                last = chunk[-1:]
            yield lines


def _delimiter(header: str) -> str:
    """The one that cuts the header into the most names; a comma where none does."""
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter))))


def _names(file: StoredFile, header: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader(header.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise file.error(f"its header can't be read: {error}", mend="Is there a quote that is not closed?") from None
    # A column without a name is often a row number that was saved along.
    names = [cell.strip() or f"column_{place}" for place, cell in enumerate(cells, 1)]
    refuse_names(names, asset=file.asset)
    return names
