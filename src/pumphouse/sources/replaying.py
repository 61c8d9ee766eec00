"""What a source set aside, read again from its stored bytes after the code, the format or the contract was mended.

Of a source with a cursor only the visits are read again that set something aside; with a key too, all from the first of
them on, since a later one may have newer rows of a key. That is right where what was clean in them comes out as it
stands, with the columns that the table has. Else, and for all other sources, everything stored is read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pumphouse.declare.asset import Asset
from pumphouse.declare.sources import Mode
from pumphouse.engines.engine import HIDDEN_COLUMNS, Query, Scan, Written
from pumphouse.engines.parameters import literal, quoted
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake
from pumphouse.sources import contracts
from pumphouse.sources.fetch import Visit
from pumphouse.sources.spool import Ledger


@dataclass(frozen=True, slots=True)
class SetAside:
    """How much stood in a source's quarantine before it was read again."""

    entries: int

    @classmethod
    def now(cls, lake: Lake, table: str) -> SetAside:
        """What stands there now."""
        name = quarantine_of(table)
        return cls(lake.count(name) if lake.has(name) else 0)

    def told(self, ledger: Ledger) -> str:
        """What became of it, for people."""
        left = ledger.cells + ledger.rows
        were, are = ("was" if self.entries == 1 else "were"), ("is" if left == 1 else "are")
        return f"{self.entries:,} {were} set aside before, {left:,} {are} now; nobody was asked"


def is_needed(asset: Asset, context: Context) -> bool:
    """Whether anything of the source is set aside."""
    return SetAside.now(context.lake, asset.name).entries > 0


def picked(asset: Asset, context: Context, visits: tuple[Visit, ...], *, how: Mode, history: bool) -> tuple[Visit, ...]:
    """Those of the recorded visits that a replay has to read; all of them where it is none, or where it needs them."""
    if not context.settings.get("replay") or history or how not in ("append", "upsert"):
        return visits
    if any(one.recorded is None or any(it.at for it in one.recorded.manifest.exchanges) for one in visits):
        return visits
    terms = contracts.terms_of(asset, context, known={})
    if terms and terms.says.missing != "take":  # what is missing is told by the visits before
        return visits
    rejecting = [number for number, one in enumerate(visits) if one.recorded and one.recorded.set_aside]
    if how == "upsert":
        return visits[rejecting[0] :] if rejecting else visits
    return tuple(visits[number] for number in rejecting) or visits


def fits(lake: Lake, asset: Asset, rows: Written, *, visits: Collection[Visit], how: Mode) -> bool:
    """Whether all that was clean in these visits comes out as it stands: only rows with a rejected cell may differ."""
    names = ", ".join(quoted(name) for name in rows.schema.names if name not in HIDDEN_COLUMNS)
    standing = f"SELECT {names} FROM standing WHERE {_of(visits)}"
    otherwise = f"SELECT count(*) FROM ({standing} EXCEPT ALL SELECT {names} FROM arrived)"
    same_key = " AND ".join(f"standing.{quoted(name)} = arrived.{quoted(name)}" for name in asset.common.key)
    gone = f"SELECT count(*) FROM standing ANTI JOIN arrived ON {same_key} WHERE {_of(visits)}" if same_key else "0"
    mended = "SELECT count(DISTINCT row_id) FROM aside WHERE \"column\" <> '*'"
    text = f"SELECT ({otherwise}) <= ({mended}) AND ({gone}) = 0 AS fits"
    files = ", ".join(literal(str(file)) for file in rows.files)
    arrived = f"SELECT * FROM read_parquet([{files}])"
    query = Query(
        text=text,
        inputs={
            "standing": lake.scan(asset.name),
            "arrived": Scan(table="arrived", snapshot=0, schema=rows.schema, relation=arrived),
            "aside": lake.scan(quarantine_of(asset.name)),
        },
    )
    return bool(lake.engine.read(query).read_all()["fits"][0].as_py())


def land(
    commit: Commit, lake: Lake, asset: Asset, rows: Written, entries: Written, *, visits: Collection[Visit], how: Mode
) -> None:
    """The rows of these visits are these, and the quarantine what of them does not fit; the cursor stays."""
    if how == "append":
        commit.replace_where(asset.name, rows, where=_of(visits))
    else:
        commit.upsert(asset.name, rows, key=asset.common.key)
    commit.replace_quarantine(asset.name, entries)
    commit.cursor(lake.builds()[asset.name].cursor)


def _of(visits: Collection[Visit]) -> str:
    """SQL for the rows that came with these visits."""
    return f"_loaded_at IN ({', '.join(f'TIMESTAMPTZ {literal(one.at.isoformat())}' for one in visits)})"
