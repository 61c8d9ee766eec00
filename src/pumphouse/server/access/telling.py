"""What the engine says of a statement, as its visitor may hear it: what, where in the query, never a path."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from pumphouse.engines.wording import worded
from pumphouse.errors import (
    AccessDenied,
    BadRequest,
    Cancelled,
    ConfigError,
    LakeError,
    Place,
    PumphouseError,
    SourceError,
    TooMuch,
    Unreachable,
)

log = logging.getLogger("pumphouse.server")

_OURS = (
    "IO Error", "FATAL Error", "INTERNAL Error", "HTTP Error", "TransactionContext Error", "Serialization Error",
    "Missing Extension Error", "Dependency Error",
)  # fmt: skip
"""How errors begin that are no fault of the statement."""
_FILES = "arrow_scan: get_next failed"
"""What stands in an error over a file that is read where it lies."""


@contextmanager
def told(columns: Callable[[], Sequence[str]] = tuple) -> Iterator[None]:
    """DuckDB's errors, and those that Arrow hands on in the middle of a stream, as ours.

    `columns` are those that whoever asks sees of the tables that are asked.
    """
    try:
        yield
    except MemoryError as error:
        raise _too_much() from error
    except (OSError, duckdb.Error) as error:
        raise _told(str(error).strip() or type(error).__name__, columns) from error
    except pa.ArrowInvalid as error:
        if "Recursion level" not in str(error):
            raise
        raise BadRequest("a column is nested too deeply to be sent", mend="Make it text: to_json(...).") from error


@contextmanager
def reached(table: str) -> Iterator[None]:
    """What goes wrong with a table that stays elsewhere; where that is, and what is wrong there, is the log's alone."""
    try:
        yield
    except (SourceError, ConfigError) as error:
        log.warning("external table '%s': %s", table, error)
        raise _unreachable(f"'{table}'", table) from error


def _unreachable(what: str, table: str | None = None) -> Unreachable:
    return Unreachable(
        f"{what} lies elsewhere, and can't be read there just now", asset=table, mend="The server's log says why."
    )


def _too_much() -> TooMuch:
    return TooMuch(
        "the query needs more memory than queries may take here",
        mend="Ask for less at once, or have it built as a table.",
    )


def _told(text: str, columns: Callable[[], Sequence[str]]) -> PumphouseError:
    what = text.splitlines()[0]
    if what.startswith("INTERRUPT Error"):
        return Cancelled("the statement was stopped")
    if what.startswith("Out of Memory Error"):
        return _too_much()
    if what.startswith("Permission Error"):
        return AccessDenied("the query reaches for what is not in the lake")
    if _FILES in what:
        log.error("a statement failed: %s", text)
        return _unreachable("a table of the query")
    if what.startswith(_OURS):
        log.error("a statement failed: %s", text)
        return LakeError("the lake can't be read just now", mend="The server's log says why.")
    line = re.search(r"^LINE (\d+): ", text, re.MULTILINE)
    place = Place(file="query", line=int(line[1])) if line else None
    said, mend = worded(text, columns())
    return BadRequest(said, place=place, mend=mend)
