"""What is delivered, and what a target says of it. Every target takes a parcel and gives a receipt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A table at one snapshot, to be handed over whole.

    `rows` gives the rows as a new stream; it is asked only where the target does not hold them yet.
    """

    delivery: str
    table: str
    to: str
    snapshot: int
    version: int
    """The snapshot of the table's last change."""
    version_at: str = ""
    """When that snapshot was made: a catalogue that was put back from a copy gives its number again."""
    fingerprint: str
    made_at: datetime
    definition: str
    schema: pa.Schema
    rows: Callable[[], Iterable[pa.RecordBatch]]

    @property
    def key(self) -> str:
        """The idempotency key: a target that holds it has these rows, made by this code, already."""
        parts = json.dumps([self.delivery, self.to, self.version, self.version_at, self.fingerprint])
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def columns(self) -> list[dict[str, str]]:
        """Names and types, as a manifest lists them."""
        return [{"name": field.name, "type": str(field.type)} for field in self.schema]

    def manifest(self) -> dict[str, Any]:
        """What the lake and the receiver are told of it; a target adds what it knows."""
        return {
            "delivery": self.delivery,
            "table": self.table,
            "to": self.to,
            "snapshot": self.snapshot,
            "version": self.version,
            "made_at": self.made_at.isoformat(),
            "definition": self.definition,
            "columns": self.columns,
            "fingerprint": self.fingerprint,
            "key": self.key,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a target holds now. `was_there`: it held it before, and nothing was sent."""

    rows: int
    manifest: dict[str, Any]
    was_there: bool
