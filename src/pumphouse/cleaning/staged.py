"""The rows that reach a table step, and what it may ask about the table that is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.engines.engine import HIDDEN_COLUMNS, DataFile, Engine, Query, Scan
from pumphouse.engines.parameters import literal
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.lake.builds import row_id

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """The rows that reach a step, and what it may ask about the table that is made."""

    engine: Engine
    rows: Scan
    """Also the name of the input in its queries: `staged`."""
    count: int
    """How many rows there are; 0 while it is being learnt from the source itself."""
    folder: Path
    """The build's own: what it writes goes here."""
    stem: str
    """What names of its files begin with."""
    key: tuple[str, ...]
    newest_by: str
    """The column that says which of two rows is newer, if the step names none: the source's cursor or LOADED_AT."""
    named: frozenset[str]
    """Columns that the declaration names or that steps made."""
    kept: tuple[str, ...]
    """The columns that go on: its own, and of the lake's those that a later step will ask for."""
    refusal: str = ""
    """How to mend a lack of LOADED_AT, in words that go on after 'Name a column to go by'."""

    @property
    def row_id(self) -> str:
        """SQL of how a row is named, as in a quarantine; null without a key."""
        return row_id(self.key) if self.key else "CAST(NULL AS VARCHAR)"

    def query(self, text: str, **inputs: Scan) -> Query:
        """SQL over `staged`, and over other inputs."""
        return Query(text=text, inputs={"staged": self.rows, **inputs})

    def scan_of(self, file: Path) -> Scan:
        """A Parquet file that the step wrote, as an input."""
        import pyarrow.parquet as pq

        return scan_of_files((file,), pq.read_schema(file), snapshot=self.rows.snapshot, table=file.stem)

    def require(self, *names: str) -> None:
        """Raises UnknownName with the nearest there is for a column that is not among the rows."""
        known = self.rows.schema.names
        for name in names:
            if name not in known:
                shown = ", ".join(column for column in known if column not in HIDDEN_COLUMNS)
                raise UnknownName(
                    f"there is no column '{name}'", mend=did_you_mean(name, known) or f"There are {shown}."
                )


def scan_of_files(files: Sequence[Path], schema: pa.Schema, *, snapshot: int, table: str) -> Scan:
    """Parquet files of a build's own as an input, by a name and the snapshot of what they were made from."""
    listed = ", ".join(literal(str(file)) for file in files)
    return Scan(
        table=table,
        snapshot=snapshot,
        schema=schema,
        relation=f"SELECT * FROM read_parquet([{listed}])",
        files=tuple(DataFile(path=str(file)) for file in files),
    )
