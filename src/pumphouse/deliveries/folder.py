"""A delivery as a file: `<table>.csv`, and beside it `<table>.csv.json`, which says what the file is."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from pumphouse.deliveries.parcel import Parcel, Receipt
from pumphouse.engines.csv import write_csv
from pumphouse.errors import BuildError
from pumphouse.lake.disk import to_disk

_CHUNK_BYTES = 1024 * 1024
_ABOUT_TEXT = "A text that a spreadsheet would take for a formula has an apostrophe in front; take one off to read it."


def deliver(parcel: Parcel, *, folder: Path, run: str) -> Receipt:
    """The file and its manifest, each replaced in one step: a reader sees the earlier one or this one, whole.

    A file that is what its manifest says, from this snapshot and code, is left alone. Raises BuildError where the
    folder can't be written; the earlier file then stands.
    """
    path = folder / f"{parcel.table}.csv"
    about = folder / f"{parcel.table}.csv.json"
    held = _held(path, about)
    if held is not None and held["key"] == parcel.key:
        return Receipt(rows=held["rows"], manifest=held, was_there=True)
    part, about_part = (folder / f".{name.name}.{run}.part" for name in (path, about))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_parts(path)
        with part.open("wb") as file:
            hashed = _Hashed(file)
            rows = write_csv(parcel.rows(), parcel.schema, sink=hashed)  # type: ignore[arg-type]  # all that Arrow needs
            to_disk(file)
        manifest = {
            **parcel.manifest(),
            "rows": rows,
            "bytes": hashed.bytes,
            "sha256": hashed.digest.hexdigest(),
            "text": _ABOUT_TEXT,
        }
        with about_part.open("wb") as file:
            file.write((json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())
            to_disk(file)
        # A run that dies between the two leaves a file that its manifest does not fit: the next run delivers again.
        part.replace(path)
        about_part.replace(about)
    except OSError as error:
        raise BuildError(
            f"'{parcel.table}' could not be written to {path}: {error.strerror or error}",
            asset=parcel.delivery,
            mend="Free some space or give write permission, and run again; the file of the last delivery is as it was.",
        ) from error
    finally:
        with suppress(OSError):
            _remove_parts(path)
    return Receipt(rows=rows, manifest=manifest, was_there=False)


class _Hashed:
    """A file that hashes what passes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:  # any buffer Arrow hands over
        self.digest.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _held(path: Path, about: Path) -> dict[str, Any] | None:
    """The manifest of the file that is there, where it is true of the file."""
    try:
        manifest = json.loads(about.read_text(encoding="utf-8"))
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except (OSError, ValueError):
        return None
    known = isinstance(manifest, dict) and {"key", "rows", "sha256"} <= manifest.keys()
    return manifest if known and manifest["sha256"] == digest.hexdigest() else None


def _remove_parts(path: Path) -> None:
    """Remove what a killed run left. A run that still writes one then fails at its rename, and replaces nothing."""
    for part in path.parent.glob(f".{path.name}.*part"):
        part.unlink(missing_ok=True)
