"""What checks ask of the graph: columns that are there, and a run's order in which they see what they compare with.

A check is a leaf: nothing reads it, so what it reads makes no loop, and a change of it makes no table stale. It only
asks that the run builds what it reads first. Where that would make a table wait for itself (two that refer to each
other, or a table that is made from the one with the check), it sees the version that there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pumphouse.declare.checks import RefersTo, columns_named
from pumphouse.errors import Fault, did_you_mean
from pumphouse.graph.drafts import Draft


def column_faults(drafts: Mapping[str, Draft]) -> Iterator[Fault]:
    """Columns that a rule names and its table's query does not have, where the query's text alone says its columns."""
    for draft in drafts.values():
        if draft.kind != "check":
            continue
        condition = draft.spec.condition
        named = [(draft.spec.asset, column) for column in columns_named(condition)]
        if isinstance(condition, RefersTo):
            named += [(condition.table, key) for key in condition.keys]
        for table, column in named:
            known = drafts[table].columns if table in drafts else None
            if known is None or column.lower() in {one.lower() for one in known} or column.startswith("_"):
                continue  # a name that begins with _ may be the lake's own
            mend = did_you_mean(column, known) or f"Its columns are {', '.join(known)}."
            what = f"the check '{draft.name}' is about '{column}', which '{table}' does not have"
            yield Fault(what=what, place=draft.place, mend=mend, asset=draft.name)


def waits_of_checks(drafts: Mapping[str, Draft], edges: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """For each table what its checks compare it with, to be built before it; without what would make a loop."""
    waits: dict[str, dict[str, None]] = {}
    for name in sorted(drafts):
        draft = drafts[name]
        if draft.kind != "check":
            continue
        for other in edges[name]:
            if other != draft.spec.asset and not _reaches(other, draft.spec.asset, edges, waits):
                waits.setdefault(draft.spec.asset, {})[other] = None
    return {name: tuple(others) for name, others in waits.items()}


def _reaches(start: str, end: str, *edges: Mapping[str, Iterable[str]]) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        one = waiting.pop()
        if one == end:
            return True
        fresh = {other for some in edges for other in some.get(one, ())} - seen
        seen |= fresh
        waiting += fresh
    return False
