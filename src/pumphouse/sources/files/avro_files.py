"""Avro files, block by block. Logical types are what they say: days, moments, decimals, identifiers."""

from __future__ import annotations

import zlib
from itertools import islice

from pumphouse.errors import MissingExtra
from pumphouse.sources.files.texts import StoredFile
from pumphouse.sources.spool import BATCH_ROWS, Spool


def read(file: StoredFile, spool: Spool) -> bool:
    """Read a file into the spool. It always says which columns it has."""
    try:
        import fastavro
    except ImportError:
        raise MissingExtra("fastavro", extra="files", purpose=f"{file.name}: reading Avro") from None

    try:
        with file.path.open("rb") as stream:
            rows = fastavro.reader(stream)
            schema = rows.writer_schema
            if not isinstance(schema, dict) or schema.get("type") != "record":
                raise file.error("its values are no records", mend="Gather it with a function, @ph.source.")
            spool.declare(dict.fromkeys(field["name"] for field in schema["fields"]))
            while not spool.is_full and (some := list(islice(rows, BATCH_ROWS))):
                spool.add_rows(some, raw=file.raw)  # type: ignore[arg-type]  # records, as their schema says
    except (EOFError, ValueError, IndexError, KeyError, TypeError, OSError, zlib.error) as error:
        raise file.error(
            f"it is no whole Avro file ({str(error) or 'it ends in the middle'})", mend="Fetch it again."
        ) from None
    return True
