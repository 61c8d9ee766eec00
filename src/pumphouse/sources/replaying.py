"""What a source set aside, read again from its stored bytes after the code, the format or the contract was mended."""

from __future__ import annotations

from dataclasses import dataclass

from pumphouse.declare.asset import Asset
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake
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
