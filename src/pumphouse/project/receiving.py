"""Messages that arrive on a standard input: stored, then built into the tables that read them."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.sources.messages.receiving import Received, receive

if TYPE_CHECKING:
    from pumphouse.declare.asset import Asset
    from pumphouse.project.project import Project


def receiving(project: Project, name: str) -> tuple[Asset, ...]:
    """The assets that `ph.messages` declares under a name. Raises UnknownName with the nearest name."""
    declared = [one for one in project.graph.assets.values() if one.kind == "messages"]
    found = tuple(one for one in declared if name in (one.variable, one.name))
    if not found:
        known = {one.variable or one.name for one in declared}
        raise UnknownName(
            f"'{name}' receives no messages",
            mend=did_you_mean(name, known) or 'Declare it: shop = ph.messages({"orders": {"key": "id"}})',
        )
    return found


def take_messages(project: Project, name: str, stream: IO[bytes], *, complete: bool = False) -> Received:
    """Store a stream of messages for the tables of a declaration. Raises SourceError where it can't be all."""
    return receive(project.lake, receiving(project, name), stream, complete=complete)
