"""What was made before somebody was hidden: who was in the tables that a build was made from, and is hidden since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from pumphouse.engines.parameters import quoted
from pumphouse.lake.builds import Build, place_of
from pumphouse.lake.lake import SCHEMA, Lake
from pumphouse.lake.pinning import newest_with
from pumphouse.lake.tombstones import columns_of, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A table that a build was made from: in which lake, and with which of its snapshots."""

    lake: Lake
    table: str
    snapshot: int


def readings(lake: Lake, build: Build) -> Iterator[Reading]:
    """The tables that a build was made from, directly and through others, each as it was then."""
    seen: set[Reading] = set()
    waiting = [(lake, build)]
    while waiting:
        home, made = waiting.pop()
        for name, version in made.inputs.items():
            lakes_up, snapshot = place_of(version)
            owner: Lake | None = home
            for _ in range(lakes_up):
                owner = owner.upstream if owner is not None else None
            if owner is None or name not in owner.tables():  # gone since, or no table
                continue
            reading = Reading(lake=owner, table=name, snapshot=snapshot)
            if reading not in seen:
                seen.add(reading)
                yield reading
                if (maker := _maker(reading)) is not None:
                    waiting.append((owner, maker))


def hidden_since(lake: Lake, build: Build) -> str | None:
    """A table that a build was made from, directly or through others, out of which somebody was hidden later."""
    return next((one.table for one in readings(lake, build) if one.lake.hidden_at(one.table) > one.snapshot), None)


def people_hidden_since(lake: Lake, build: Build, *, kept: Callable[[], pa.Table]) -> int:
    """How many people were in the tables that a build was made from, and were hidden after it was made.

    Where a table as it was then left the lake, whoever is in the rows that the build kept of it, `kept`, counts; and
    whoever was hidden by a column that these have not, since they may have been there.
    """
    people: set[tuple[str, str]] = set()
    for one in readings(lake, build):
        if one.lake.hidden_at(one.table) <= one.snapshot:
            continue
        at = newest_with(one.lake, one.table, at=one.snapshot)
        schema = one.lake.stored_schema(one.table, snapshot=at)
        entities = [
            told["tombstone"] for told in (each.detail for each in one.lake.builds().values()) if "tombstone" in told
        ]
        later = f"(SELECT * FROM {one.lake.alias}.{SCHEMA}.tombstones WHERE hidden_at > ?)"
        for column, entity in columns_of(schema, entities).items():
            hidden = values(entity, schema.field(column).type, tombstones=later)
            if at is None:
                people |= {(entity.lower(), value) for value in _among(one.lake, hidden, build, column, kept())}
                continue
            text = f"CAST({quoted(column)} AS VARCHAR)"
            found = one.lake.engine.fork().execute(
                f"SELECT DISTINCT {text} FROM {one.lake.name_of(one.table)} AT (VERSION => {at})"
                f" WHERE {text} IN ({hidden})",
                [build.at],
            )
            people |= {(entity.lower(), value) for (value,) in found}
    return len(people)


def _among(lake: Lake, hidden: str, build: Build, column: str, kept: pa.Table) -> set[str]:
    found = {value for (value,) in lake.engine.fork().execute(hidden, [build.at])}
    same = next((name for name in kept.column_names if name.lower() == column.lower()), None)
    return found if same is None else found & set(kept[same].cast("string").to_pylist())


def _maker(reading: Reading) -> Build | None:
    """The build whose inputs a table had: the last one up to the next change of its content."""
    history = reading.lake.history(reading.table)
    changed = [one.snapshot for one in history if reading.table in one.writes and one.snapshot > reading.snapshot]
    before = [one for one in history if not changed or one.snapshot < changed[0]]
    return before[-1] if before else None
