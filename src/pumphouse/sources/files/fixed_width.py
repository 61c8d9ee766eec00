"""Lines cut by position.

White space at both ends of a line is taken off first. Then each column begins where the one before ended:

    a width (5)                     so many characters; white space around the value is taken off. An integer where all
                                    of the column is digits (zeros in front are lost), else text.
    a form ("date", "money", ..)    white space is skipped, and all up to the next white space is the value.

Nothing may follow the last column. A line that does not have all columns is withheld; a value that is not of its form
becomes null and its text goes to quarantine.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.formats import FixedWidth
from pumphouse.errors import ConfigError
from pumphouse.sources.files.texts import StoredFile, opened
from pumphouse.sources.rows import Column
from pumphouse.sources.spool import Form, Spool

CHUNK_CHARACTERS = 4 * 1024 * 1024
WIDTH_MAX = 1000
FORMS: dict[str, Form] = {
    "date": pa.date32(),  # YYYYMMDD or YYYY-MM-DD
    "money": pa.decimal128(18, 2),
    "integer": pa.int64(),
    "text": pa.string(),
}


def read(file: StoredFile, form: FixedWidth, spool: Spool) -> bool:
    """Read a file into the spool; false where there is no line in it."""
    pattern = _pattern(form, file)
    names = [name for name, _ in form.columns]
    spool.declare({name: FORMS[cut] if isinstance(cut, str) else "digits" for name, cut in form.columns})
    first, found = 1, False
    with opened(file) as text:
        while (lines := text.readlines(CHUNK_CHARACTERS)) and not spool.is_full:
            trimmed = pc.utf8_trim_whitespace(pa.array(lines, pa.string()))
            numbers = pa.array(range(first, first + len(lines)))
            first += len(lines)
            present = pc.not_equal(pc.utf8_length(trimmed), 0)
            trimmed, numbers = trimmed.filter(present), numbers.filter(present)
            found = found or len(trimmed) > 0
            cut = pc.extract_regex(trimmed, pattern)
            for at in pc.indices_nonzero(pc.is_null(cut)).to_pylist():
                line = numbers[at].as_py()
                spool.ledger.row(
                    row_id=file.row_id(line),
                    original=lines[line - (first - len(lines))].rstrip("\r\n"),
                    reason=f"line {line:,} of {file.name} does not have the columns {', '.join(names)}",
                )
            rows = cut.filter(pc.is_valid(cut))
            if len(rows):
                values = [_value(rows.field(place), how) for place, (_, how) in enumerate(form.columns)]
                spool.add_columns(
                    {name: Column(value, {pa.string()}) for name, value in zip(names, values, strict=True)},
                    raw=file.raw,
                )
    return found


def _pattern(form: FixedWidth, file: StoredFile) -> str:
    pieces = []
    after_form = False  # which ends at white space, so that white space is what comes next
    for place, (name, cut) in enumerate(form.columns):
        if isinstance(cut, int) and 0 < cut <= WIDTH_MAX:
            # The end of a line is trimmed, so its last column may be shorter.
            least = 1 if place == len(form.columns) - 1 else cut
            pieces.append(
                f"(?P<c{place}>" + (rf"\s.{{{least - 1},{cut - 1}}})" if after_form else f".{{{least},{cut}}})")
            )
            after_form = False
        elif isinstance(cut, str) and cut in FORMS:
            pieces.append((r"\s+" if after_form else r"\s*") + rf"(?P<c{place}>\S+)")
            after_form = True
        else:
            raise ConfigError(
                f"fixed_width column '{name}' is {cut!r}",
                asset=file.asset,
                mend=f"It is a width from 1 to {WIDTH_MAX}, or one of {', '.join(FORMS)}.",
            )
    return f"^{''.join(pieces)}$"


def _value(texts: pa.Array, cut: int | str) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(texts)
    if cut == "integer":
        trimmed = pc.replace_substring_regex(trimmed, "^(-?)0+([0-9])", r"\1\2")
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
