"""Where in an asset's SQL the fault is that DuckDB finds in it, and which name is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import duckdb

from pumphouse.engines.engine import Scan
from pumphouse.engines.wording import worded
from pumphouse.errors import BuildError, Place

_LAST_QUOTED = re.compile(r'"([^"]+)"(?=[^"]*$)')
_FUNCTION = re.compile(r"Function with name (\S+) does not exist")
_COMMENT = re.compile(r"--.*")


def located(error: BuildError, text: str, *, inputs: Mapping[str, Scan], place: Place | None) -> BuildError:
    """The error with the line of `text` that names what is not there, in plain words, with the nearest name there is.

    `text` is the author's own, from the first line of the file; what the engine ran may have been made from it. An
    error that is not about names keeps its words.
    """
    cause = error.__cause__
    if type(error) is not BuildError or error.place is not None or isinstance(cause, duckdb.IOException):
        return error  # of a full disk no line of SQL is the cause
    said, mend, line = error.what, error.mend, None
    if isinstance(cause, duckdb.BinderException | duckdb.CatalogException):
        first, *hints = str(cause).splitlines()
        columns = list(dict.fromkeys(name for scan in inputs.values() for name in scan.columns))
        if function := _FUNCTION.search(first):
            name = function[1]
            said, mend = f"there is no function '{name}'", " ".join(hints[:1]).replace('"', "'")
        else:
            said, mend = worded(str(cause), columns)
            name = found[1] if (found := _LAST_QUOTED.search(first)) else ""
        line = _line_of(name, text.splitlines())
    if place is not None and line is not None:
        place = replace(place, line=line)
    return BuildError(said, asset=error.asset, place=place, mend=mend or None)


def _line_of(name: str, lines: Iterable[str]) -> int | None:
    """The first line that has the name outside a comment."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return next((number for number, line in enumerate(lines, 1) if name and word.search(_COMMENT.sub("", line))), None)
