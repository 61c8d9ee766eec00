"""Rows of COPY ... TO STDOUT: as text, as CSV, in binary."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.server.postgres.cells import as_binary, joined, offsets_of
from pumphouse.server.postgres.commands import Copy
from pumphouse.server.postgres.messages import framed
from pumphouse.server.postgres.moments import Zone
from pumphouse.server.postgres.rows import COPY_DATA, messages_of, texts_of
from pumphouse.server.postgres.sqlstate import Refused
from pumphouse.server.postgres.types import Column

BINARY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TEXT_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFormat:
    """How rows are copied."""

    name: str
    delimiter: str
    null: str
    header: bool
    quote: str = '"'

    @property
    def binary(self) -> bool:
        """Whether the rows are binary."""
        return self.name == "binary"

    def head(self, columns: Sequence[Column]) -> bytes:
        """What comes before the rows."""
        if self.binary or not self.header:
            return b""
        names = pa.array([column.name for column in columns])
        cells = _quoted(names, self) if self.name == "csv" else _escaped(names, self)
        return framed(b"d", self.delimiter.join(cells.to_pylist()).encode() + b"\n")

    def first(self, rows: memoryview) -> bytes:
        """The first rows, of which a binary one comes in one message with what says that they are binary."""
        if not self.binary:
            return bytes(rows)
        (size,) = struct.unpack_from(">i", rows, 1)
        return framed(b"d", BINARY_HEAD + bytes(rows[5 : 1 + size])) + bytes(rows[1 + size :])

    def tail(self, sent: int) -> bytes:
        """What comes after them."""
        return framed(b"d", (b"" if sent else BINARY_HEAD) + b"\xff\xff") if self.binary else b""


def copy_format(copy: Copy) -> CopyFormat:
    """The format that a COPY asks for. Raises Refused."""
    options = {name.lower(): value for name, value in copy.options.items()}
    name = copy.format.lower()
    if name not in ("text", "csv", "binary"):
        raise Refused(f'COPY format "{name}" not recognized', state="22023")
    known = {"delimiter", "null", "header", "quote", "encoding", "escape"}
    if unknown := sorted(set(options) - known):
        raise Refused(f'option "{unknown[0]}" of COPY is not taken here', state="0A000")
    if options.get("encoding", "UTF8").upper().replace("-", "") != "UTF8":
        raise Refused("text is UTF8 here", state="22023")
    delimiter = options.get("delimiter", "," if name == "csv" else "\t")
    quote = options.get("quote", '"')
    if any(len(one) != 1 or not one.isascii() or one in "\n\r\\" for one in (delimiter, quote)):
        raise Refused("a delimiter and a quote of COPY are one character each", state="22023")
    if options.get("escape", quote) != quote:
        raise Refused("an escape of COPY other than its quote is not taken here", state="0A000")
    return CopyFormat(
        name=name,
        delimiter=delimiter,
        null=options.get("null", "" if name == "csv" else "\\N"),
        header=options.get("header", "false").lower() in ("true", "on", "1", "match"),
        quote=quote,
    )


def copy_message(batch: pa.RecordBatch, columns: Sequence[Column], form: CopyFormat, zone: Zone) -> memoryview:
    """A message for each row."""
    if form.binary:
        return messages_of(batch, columns, [1] * len(columns), zone, kind=COPY_DATA)
    cells = []
    for text in texts_of(batch, columns, zone):
        written = _quoted(text, form) if form.name == "csv" else _escaped(text, form)
        cells.append(pc.fill_null(written, form.null))
    lines = pc.binary_join_element_wise(*cells, form.delimiter) if cells else pa.repeat("", batch.num_rows)
    head = np.empty(batch.num_rows, dtype=[("kind", "S1"), ("size", ">i4")])
    head["kind"], head["size"] = COPY_DATA, np.diff(offsets_of(lines)) + 5
    whole = joined([as_binary(head), lines.view(pa.binary()), pa.scalar(b"\n")])
    return memoryview(whole.buffers()[2])[: int(offsets_of(whole)[-1])]


@dataclass(slots=True)
class Copying:
    """Makes messages of batches, one after the other."""

    columns: Sequence[Column]
    form: CopyFormat
    zone: Zone
    began: bool = False

    def __call__(self, batch: pa.RecordBatch) -> memoryview | bytes:
        """The messages of the next rows."""
        rows = copy_message(batch, self.columns, self.form, self.zone)
        if self.began:
            return rows
        self.began = True
        return self.form.first(rows)


def _escaped(text: pa.Array, form: CopyFormat) -> pa.Array:
    for plain, escape in _TEXT_ESCAPES.items():
        text = pc.replace_substring(text, plain, escape)
    if form.delimiter not in _TEXT_ESCAPES:
        text = pc.replace_substring(text, form.delimiter, f"\\{form.delimiter}")
    return text


def _quoted(text: pa.Array, form: CopyFormat) -> pa.Array:
    special = "".join(f"\\x{ord(one):02x}" for one in (form.delimiter, form.quote, "\n", "\r"))
    needs = pc.match_substring_regex(text, f"[{special}]|^\\\\\\.$")
    null = pc.equal(text, form.null)
    doubled = pc.replace_substring(text, form.quote, form.quote * 2)
    return pc.if_else(pc.or_(needs, null), pc.binary_join_element_wise(form.quote, doubled, form.quote, ""), text)
