"""CSV and TSV, read by DuckDB.

Before, the rows are written out once as clean UTF-8 up to a line end: DuckDB takes a quoted last line without one for a
broken line. A row with too many or too few cells is withheld with its text and the number of the line on which it
begins; an empty cell is null. A column has the type from which all its cells can be told back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pumphouse.declare.formats import Delimited
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.parameters import literal
from pumphouse.sources.files.dialects import Dialect, dialect_of
from pumphouse.sources.files.encodings import is_utf8, readings
from pumphouse.sources.files.headers import named
from pumphouse.sources.files.texts import CHUNK_BYTES, StoredFile, Told, opened
from pumphouse.sources.rows import batch_of_arrow
from pumphouse.sources.spool import BATCH_ROWS, Spool

SAMPLE_CHARACTERS = 256 * 1024
LINE_BYTES_MAX = 16 * 1024 * 1024
SURE_BYTES_MAX = 4 * LINE_BYTES_MAX
"""In a text no longer than this, DuckDB says of every line that it refuses it."""
RAGGED = {"MISSING COLUMNS": "has fewer cells than the header", "TOO MANY COLUMNS": "has more cells than the header"}
REASONS = {
    **RAGGED,
    "UNQUOTED VALUE": "has a quote that is not closed, or not where a cell ends",
    "LINE SIZE OVER MAXIMUM": f"is longer than {LINE_BYTES_MAX:,} bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands before the rows of a text, and how they are cut."""

    text: str
    dialect: Dialect
    names: tuple[str, ...]
    """Of the columns, as the table has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A line that DuckDB refused: the byte at which it begins, its text, and the kind of fault."""

    place: int
    text: str
    kind: str


def read(file: StoredFile, form: Delimited, spool: Spool, engine: DuckDB, told: Told) -> bool:
    """Read a file into the spool; false where there is nothing in it, not even a header."""
    encoding = form.encoding or _encoding(file, told)
    head = head_of(file, form, encoding, told)
    if head is None:
        return False
    clean = spool.folder / "clean.csv"
    ending = _clean(file, head, encoding, clean)
    spool.declare(dict.fromkeys(head.names, "text"))
    if not clean.stat().st_size:
        return True
    rows = 0
    for batch in rows_of(clean, head, engine, file, line_end=ending):
        rows += batch.num_rows
        spool.add_columns(batch_of_arrow(batch, asset=file.asset), raw=file.raw)
        if spool.is_full:  # DuckDB names the lines it refused at the end only
            return True
    rejected = rejected_of(engine)
    if clean.stat().st_size > SURE_BYTES_MAX:
        _refuse_overlong(file, clean, head, records=rows + len(rejected))
    lines = _lines_at(clean, [one.place for one in rejected])
    for above, one in zip(lines, rejected, strict=True):
        withhold(file, one, head.dialect.lines_above + above + 1, spool)
    return True


def head_of(file: StoredFile, form: Delimited, encoding: str, told: Told) -> Head | None:
    """The head of a text; None where there is nothing in it."""
    with opened(file, encoding=encoding) as text:
        sample = text.read(SAMPLE_CHARACTERS)
        while sample and not sample.strip() and (more := text.read(SAMPLE_CHARACTERS)):
            sample += more
        is_whole = len(sample) < SAMPLE_CHARACTERS
        if not is_whole:
            sample += text.readline(LINE_BYTES_MAX)
    lines = list(io.StringIO(sample, newline=""))
    if not sample.strip():
        return None
    dialect = dialect_of(file, lines, form, told)
    return Head(
        text="".join(lines[: dialect.lines_above]), dialect=dialect, names=tuple(named(file, dialect.names, told))
    )


def rows_of(
    clean: Path, head: Head, engine: DuckDB, file: StoredFile, *, line_end: str = ""
) -> Iterator[pa.RecordBatch]:
    """The rows of a clean text, every column text. Raises SourceError where it can't be cut into lines.

    `line_end` is what rows end in, where other line ends stand in cells.
    """
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in head.names)
    quote = literal(head.dialect.quote)
    options = (
        f"columns = {{{columns}}}, auto_detect = false, header = false, delim = {literal(head.dialect.delimiter)},"
        f" quote = {quote}, escape = {quote}, strict_mode = true, store_rejects = true,"
        " rejects_table = 'rejected_lines', rejects_scan = 'rejected_scans', rejects_limit = 0,"
        f" max_line_size = {LINE_BYTES_MAX}{line_end and f', new_line = {literal(line_end)}'}"
    )
    try:
        rows = engine.connection.execute(f"SELECT * FROM read_csv({literal(str(clean))}, {options})")
        yield from rows.to_arrow_reader(BATCH_ROWS)
    except (duckdb.InvalidInputException, OSError) as error:  # the second from the stream, for a line further down
        if isinstance(error, OSError) and not str(error).startswith("Invalid Input Error"):
            raise
        raise file.error(
            f"it can't be read as a delimited file: {str(error).splitlines()[0]}",
            mend="Is one kind of line end used throughout, and is every quote inside a quoted cell doubled?",
        ) from None


def rejected_of(engine: DuckDB) -> list[Rejected]:
    """The lines that were refused in what was read last, in their order."""
    if not engine.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'rejected_lines'"):
        return []
    found = engine.execute(
        "SELECT min(line_byte_position), any_value(csv_line), min(error_type::VARCHAR) FROM rejected_lines"
        " GROUP BY line ORDER BY line"
    )
    engine.execute("DROP TABLE rejected_lines")
    engine.execute("DROP TABLE rejected_scans")
    # A text may begin with the \n of the line end \r\n before it.
    return [Rejected(place=place - 1, text=text.removeprefix("\n"), kind=kind) for place, text, kind in found]


def withhold(file: StoredFile, rejected: Rejected, line: int, spool: Spool) -> None:
    """Keep a refused line for the quarantine."""
    spool.ledger.row(
        row_id=file.row_id(line),
        original=rejected.text,
        reason=f"line {line:,} of {file.name} {REASONS.get(rejected.kind, rejected.kind.lower())}",
    )


def _encoding(file: StoredFile, told: Told) -> str:
    """The encoding of a text, told where it is not UTF-8. Raises SourceError where there is room for doubt."""
    if is_utf8(file.path):
        return "utf-8"
    found = readings(file.path)
    if len(found) == 1:
        encoding = found[0].encoding
        told.add(file.name, f"read as {encoding}", says=f'ph.csv(encoding="{encoding}")')
        return encoding
    if not found:
        return "utf-8"  # which names the byte that is none
    said = " or ".join(f"{one.encoding} ({', '.join(one.words)})" for one in found)
    raise file.error(
        f"it is not UTF-8, and it can't be told whether it is {said}",
        mend=f'Say which: ph.csv(encoding="{found[0].encoding}").',
    )


def _clean(file: StoredFile, head: Head, encoding: str, clean: Path) -> str:
    """Write what follows the head as UTF-8, up to a line end. What rows end in; empty where all line ends are alike."""
    last, returns, feeds, pairs = head.text, 0, 0, 0
    with opened(file, encoding=encoding) as text, clean.open("wb") as target:
        left = len(head.text)
        while left:
            left -= len(text.read(min(left, SAMPLE_CHARACTERS)))
        while chunk := text.read(CHUNK_BYTES):
            returns += chunk.count("\r")
            feeds += chunk.count("\n")
            pairs += chunk.count("\r\n") + (last[-1:] == "\r" and chunk[0] == "\n")
            target.write(chunk.encode())
            last = chunk
        if target.tell() and not last.endswith(("\n", "\r")):
            target.write(line_end(last or head.text))
    return _one_line_end(clean, head.dialect.quote.encode()) if pairs != returns or 0 < pairs < feeds else ""


def _one_line_end(clean: Path, quote: bytes) -> str:
    r"""What rows end in, where cells may hold other line ends. Each \r\n outside of quotes becomes \n.

    DuckDB takes the first line end for that of all rows, also where it stands in a cell that is quoted, as in a note
    of several lines that a spreadsheet wrote; and a text that was appended to on another machine has rows of both.
    """
    united = clean.with_suffix(".united")
    is_quoted, carried, feeds = False, b"", 0
    with clean.open("rb") as text, united.open("wb") as target:
        while chunk := carried + text.read(CHUNK_BYTES):
            # A pair may stand where a piece ends.
            carried = b"\r" if chunk.endswith(b"\r") and len(chunk) > 1 else b""
            piece = chunk[: len(chunk) - len(carried)]
            for place, part in enumerate(piece.split(quote) if quote else [piece]):
                if place:
                    is_quoted = not is_quoted
                    target.write(quote)
                united_part = part if is_quoted else part.replace(b"\r\n", b"\n")
                feeds += 0 if is_quoted else united_part.count(b"\n")
                target.write(united_part)
    united.replace(clean)
    return r"\n" if feeds else r"\r"  # in the words of read_csv


def line_end(text: str) -> bytes:
    """The line end that a text uses."""
    return b"\r\n" if "\r\n" in text else b"\r" if "\r" in text and "\n" not in text else b"\n"


def _refuse_overlong(file: StoredFile, clean: Path, head: Head, *, records: int) -> None:
    """Raise SourceError where a record is so long that DuckDB passes over it, and over what follows, without a word.

    Where every line end is that of a record, none is. Else each is looked for, as Python's reader cuts them.
    """
    ends, longest, length = 0, 0, 0
    with clean.open("rb") as text:
        while chunk := text.read(CHUNK_BYTES):
            found = max(chunk.count(b"\n"), chunk.count(b"\r"))
            ends += found
            length = len(chunk) - 1 - max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) if found else length + len(chunk)
            longest = max(longest, length)
    where = "it has a line"
    if longest <= LINE_BYTES_MAX:
        if ends == records:
            return
        with clean.open(encoding="utf-8", newline="") as text, _field_characters_max(LINE_BYTES_MAX):
            form = csv.QUOTE_MINIMAL if head.dialect.quote else csv.QUOTE_NONE
            cut = csv.reader(text, delimiter=head.dialect.delimiter, quotechar=head.dialect.quote or None, quoting=form)  # type: ignore[arg-type]
            before = 0
            try:
                for _ in cut:
                    before = cut.line_num
            except csv.Error:
                where = f"in line {head.dialect.lines_above + before + 1:,} begins a cell"
            else:
                return
    raise file.error(
        f"{where} of more than {LINE_BYTES_MAX:,} bytes, and what follows can't be told from it",
        mend="Is a quote left open there?",
    )


@contextmanager
def _field_characters_max(limit: int) -> Iterator[None]:
    """Python's own bound of a cell, which holds for the whole process, moved for a while."""
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)


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
