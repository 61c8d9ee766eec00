"""The messages of Singer (specification 0.3) and Airbyte (protocol 1), a JSON object a line.

Both have RECORD and STATE; Singer says a stream's JSON Schema before its records, Airbyte says on the way whether a
source failed. Which of the two a record is of shows in where it names its stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from pumphouse.sources.columns import MOMENT

LINE_BYTES_MAX = 64 * 1024 * 1024
CHUNK_BYTES = 8 * 1024 * 1024
OTHERS = frozenset(
    {"LOG", "TRACE", "STATE", "SCHEMA", "ACTIVATE_VERSION", "CATALOG", "SPEC", "CONNECTION_STATUS", "CONTROL"}
)
"""Messages that are no rows."""
_KINDS = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
_NESTED = frozenset({"object", "array"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that is no message that we know, with its number and why."""

    number: int
    text: str
    why: str


@dataclass(slots=True, kw_only=True)
class Chunk:
    """What a piece of a stream of messages holds, in the order of the stream."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The records of each stream."""
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last SCHEMA message of each stream."""
    state: Any = None  # whatever the tap makes of it
    ends_with_state: bool | None = None
    """Whether a STATE came after all else but logs; None where there was nothing else."""
    failure: str | None = None
    """What a source said of its own failure."""
    strange: list[Line] = field(default_factory=list)


def chunks(path: Path) -> Iterator[Chunk]:
    """A stored stream of messages, piece by piece, in bounded memory."""
    number, decoder = 0, msgspec.json.Decoder()
    with path.open("rb") as stream:
        while lines := stream.readlines(CHUNK_BYTES):
            chunk = Chunk()
            for line in lines:
                number += 1
                if not line.strip():
                    continue
                why = None
                try:
                    message = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    why = f"is not JSON: {error}"
                else:
                    why = _take(message, chunk)
                if why is not None:
                    text = line.rstrip(b"\r\n").decode(errors="backslashreplace")
                    chunk.strange.append(Line(number=number, text=text, why=why))
            yield chunk


def kinds_of(schema: dict[str, Any]) -> dict[str, pa.DataType | None]:
    """The types that a SCHEMA message promises, None where only the values tell."""
    found: dict[str, pa.DataType | None] = {}
    properties = schema.get("schema", {}).get("properties", {})
    for name, one in properties.items() if isinstance(properties, dict) else ():
        said = one.get("type") if isinstance(one, dict) else None
        kinds = {kind for kind in (said if isinstance(said, list) else [said]) if kind != "null"}
        if kinds == {"string"} and one.get("format") == "date-time":
            found[name] = MOMENT
        elif kinds == {"string"} and one.get("format") == "date":
            found[name] = pa.date32()
        elif kinds and kinds <= _NESTED:
            found[name] = pa.string()
        else:
            found[name] = _KINDS.get(str(kinds.pop())) if len(kinds) == 1 else None
    return found


def _take(message: Any, chunk: Chunk) -> str | None:
    """Take a message into the chunk; why it is none of those that we know, else None."""
    if not isinstance(message, dict):
        return "is no object"
    kind = message.get("type")
    if kind not in ("LOG", "TRACE", "CONTROL"):
        chunk.ends_with_state = kind == "STATE"
    match message:
        case {"type": "RECORD", "stream": str(stream), "record": dict(record)}:
            chunk.records.setdefault(stream, []).append(record)
        case {"type": "RECORD", "record": {"stream": str(stream), "data": dict(record)}}:
            chunk.records.setdefault(stream, []).append(record)
        case {"type": "SCHEMA", "stream": str(stream), "schema": dict()}:
            chunk.schemas[stream] = message
        case {"type": "STATE"}:
            chunk.state = message.get("value", message.get("state"))
        case {"type": "TRACE", "trace": {"type": "ERROR", "error": dict(error)}}:
            chunk.failure = str(error.get("message") or error.get("internal_message") or "it did not say why")
        case {"type": "RECORD"}:
            return "is a record without a stream or an object"
        case {"type": "BATCH"}:
            return "is a batch in files of its own, which are not read"
        case _ if kind not in OTHERS:
            return f"is a message of type {str(kind)[:40]!r}, which is not known"
    return None
