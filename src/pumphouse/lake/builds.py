"""What the lake knows of each build: it is written into the build's snapshot, so it is committed or absent with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from pumphouse.engines.parameters import quoted

QUARANTINE_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("row_id", "column", "original", "step", "step_version", "reason", "run")]
)
"""`<table>__quarantine`: a cell that could not be cleaned, or with column '*' a row that was withheld, as JSON."""
_QUARANTINE, _FAILED, _FIT = "__quarantine", "__failed", "__fit"
_NAMING = {"crosswalk": ("row_id", "survivor_id"), "pairs": ("row_id", "other_id"), "quarantine": ("row_id",)}
"""`<table>__crosswalk` says which row became which, `<table>__pairs` which two may be one, `<table>__quarantine` whose
the cell was: each by the rows' keys."""
LAKE_ABOVE = 10**12
"""Added to a version of a table for each lake that it is above: a table's snapshots in two lakes count apart."""


def quarantine_of(table: str) -> str:
    """The name of a table's quarantine."""
    return f"{table}{_QUARANTINE}"


def quarantined_from(table: str) -> str | None:
    """The table whose quarantine this is; None where it is none."""
    return table.removesuffix(_QUARANTINE) if table.endswith(_QUARANTINE) else None


def rows_named_in(table: str) -> tuple[str, tuple[str, ...]] | None:
    """The table whose rows a crosswalk, a list of pairs or a quarantine names, and the columns that do; else None."""
    of, _, suffix = table.rpartition("__")
    return (of, _NAMING[suffix]) if of and suffix in _NAMING else None


def fit_of(table: str) -> str:
    """The name of the table that holds what a table's steps learnt."""
    return f"{table}{_FIT}"


def is_fit(table: str) -> bool:
    """Whether it is a table of what steps learnt."""
    return table.endswith(_FIT)


def failed_of(table: str) -> str:
    """The name of the table of rows that failed a table's checks, each with the check's name in `_check`."""
    return f"{table}{_FAILED}"


def failed_from(table: str) -> str | None:
    """The table whose failed rows these are; None where it is none."""
    return table.removesuffix(_FAILED) if table.endswith(_FAILED) else None


def row_id(key: Sequence[str]) -> str:
    """SQL for how a quarantine names a row: its key as text, the values of several columns with `|` between them."""
    return " || '|' || ".join(f"coalesce(CAST({quoted(column)} AS VARCHAR), '')" for column in key) or "NULL"


def place_of(version: int) -> tuple[int, int]:
    """What a table's version says: how many lakes up it is, 0 for the lake itself, and the snapshot in that lake."""
    return divmod(version, LAKE_ABOVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the rows: where a build maps rows, `rows_in == rows_out + withheld + dropped + merged` (law 2).

    `quarantined` counts cells that were set to null and kept in quarantine; `withheld` counts rows kept out whole.
    """

    rows_in: int = 0
    rows_out: int = 0
    quarantined: int = 0
    dropped: int = 0
    merged: int = 0
    withheld: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One committed build."""

    id: str
    asset: str
    snapshot: int = 0
    at: datetime | None = None
    writes: tuple[str, ...] = ()
    """Tables whose content it changed."""
    rows: dict[str, int] = field(default_factory=dict)
    """Of those that are not other tables now, how many rows came or went, at most; a row that changed is one."""
    run: str = ""
    actor: str = ""
    fingerprint: str = ""
    inputs: dict[str, int] = field(default_factory=dict)
    """Each input with its version when it was read: the snapshot of its last change, and whose (see `place_of`)."""
    counts: Counts = field(default_factory=Counts)
    cursor: Any = None  # a number or text, whatever the source's cursor column holds
    raw: str | None = None
    """Blob that lists what was fetched."""
    key: tuple[str, ...] = ()
    """The key of the asset's own table, where it was written by one."""
    detail: dict[str, Any] = field(default_factory=dict)  # JSON of the kind that built


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A file that a build made: a report's page, a model version, a verdict. Its bytes are in the lake's blobs."""

    asset: str
    name: str
    sha: str
    snapshot: int
    at: datetime
    detail: dict[str, Any]  # JSON of the kind that built


def encode(build: Build) -> str:
    """The build as JSON for its snapshot."""
    return msgspec.json.encode({"pumphouse": 1, **msgspec.to_builtins(build)}).decode()


def decode(text: str, *, snapshot: int, at: datetime) -> Build | None:
    """The build in a snapshot's JSON, or None for a snapshot that somebody else made."""
    try:
        values = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    if not isinstance(values, dict) or values.get("pumphouse") != 1:
        return None
    del values["pumphouse"]
    return msgspec.convert({**values, "snapshot": snapshot, "at": at}, Build)
