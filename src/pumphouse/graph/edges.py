"""Who reads whom: names become edges, or faults."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence

from pumphouse.declare.asset import GATHERED, TABLES
from pumphouse.declare.grants import WITH_ROWS
from pumphouse.errors import Fault, did_you_mean
from pumphouse.graph.drafts import Draft
from pumphouse.graph.moments import MOMENTS

_READABLE: Mapping[str, frozenset[str]] = {
    "model": frozenset({"label", "feature"}),
    "rollout": frozenset({"model", "label"}),
    "scores": frozenset({"rollout"}),
    "online": frozenset({"feature"}),
    "deliver": TABLES | {"report"},
    "contract": GATHERED,
    "grant": WITH_ROWS | {"report", "model", "rollout", "experiment", "search", "online", "feature"},
    "bet": TABLES | {"report", "model", "rollout", "experiment", "search", "deliver", "feature"},
}
"""Kinds that an asset of a kind may read, where those are not just tables."""


def find_edges(
    drafts: Mapping[str, Draft], *, unreadable: Collection[str] = ()
) -> tuple[dict[str, tuple[str, ...]], list[Fault]]:
    """The names each asset reads, and the faults of those it can't. `unreadable` are names declared in broken files.

    A name written in SQL is found without regard to case; the edge has the declared spelling.
    """
    edges: dict[str, tuple[str, ...]] = {}
    faults: list[Fault] = []
    spelled = {name.lower(): name for name in drafts}
    for draft in drafts.values():
        inputs: dict[str, None] = {}
        for written, place in draft.reads:
            name = written
            if written not in drafts and draft.variable is None:
                name = spelled.get(written.lower(), written)
            if name in drafts:
                allowed = _READABLE.get(draft.kind, TABLES)
                other = drafts[name]
                if other.kind not in allowed:
                    what = f"'{draft.name}' reads '{name}', which is {_a(other.kind)}"
                    mend = f"{_a(draft.kind).capitalize()} reads {_words(allowed)}."
                    if other.kind == "external":
                        mend = "What is external has no versions to build from; gather it with ph.database or ph.files."
                    faults.append(Fault(what=what, place=place, mend=mend, asset=draft.name))
                inputs[name] = None
            elif name.lower() == MOMENTS:
                what = f"'{draft.name}' reads moments, which only a feature does"
                faults.append(Fault(what=what, place=place, mend='Add kind = "feature".', asset=draft.name))
            elif not any(name == broken or name.startswith(f"{broken}_") for broken in unreadable):
                what = f"'{draft.name}' needs '{written}', which nobody defines"
                mend = did_you_mean(written, drafts) or "Declare it, or correct the name."
                faults.append(Fault(what=what, place=place, mend=mend, asset=draft.name))
        edges[draft.name] = tuple(inputs)
        faults += _roles(draft, drafts)
    return edges, faults


def find_loops(drafts: Mapping[str, Draft], edges: Mapping[str, Sequence[str]]) -> list[Fault]:
    """One fault for each loop, with its chain. A Python table may read itself: that is its previous version."""
    ordered = set(sort_by_edges(edges, allowed_self={name for name, draft in drafts.items() if draft.kind == "table"}))
    left = {name for name in edges if name not in ordered}
    faults = []
    while left:
        name = min(left)
        chain: list[str] = []
        while name in left and name not in chain:
            chain.append(name)
            name = min((one for one in edges[name] if one in left), default="")
        if name in chain:
            loop = chain[chain.index(name) :]
            start = loop.index(min(loop))
            loop = loop[start:] + loop[:start]
            faults.append(
                Fault(
                    what="assets read each other in a loop: " + " reads ".join([*loop, loop[0]]),
                    place=drafts[loop[0]].place,
                    mend="Take one of them out of the loop." if len(loop) > 1 else "Read what it is made from instead.",
                    asset=loop[0],
                )
            )
        # What only leads into a loop goes with it.
        left -= set(chain)
    return faults


def sort_by_edges(edges: Mapping[str, Sequence[str]], *, allowed_self: Collection[str]) -> tuple[str, ...]:
    """Names, each after those it reads; equals by name. Those in or behind a loop are left out."""
    waits: dict[str, int] = {}
    readers: dict[str, list[str]] = {}
    for name, inputs in edges.items():
        others = [one for one in inputs if one != name or name not in allowed_self]
        waits[name] = len(others)
        for one in others:
            readers.setdefault(one, []).append(name)
    ready = [name for name, count in waits.items() if count == 0]
    heapq.heapify(ready)
    ordered = []
    while ready:
        name = heapq.heappop(ready)
        ordered.append(name)
        for reader in readers.get(name, ()):
            waits[reader] -= 1
            if waits[reader] == 0:
                heapq.heappush(ready, reader)
    return tuple(ordered)


def _roles(draft: Draft, drafts: Mapping[str, Draft]) -> Iterator[Fault]:
    """A label among a model's features, or a feature for its label, are both kinds it may read: in their own place."""
    wanted: list[tuple[str, str, str]] = []
    if draft.kind == "model":
        wanted = [(draft.spec.label, "label", "label"), *((name, "feature", "feature") for name in draft.spec.features)]
    elif draft.kind == "rollout":
        wanted = [(draft.spec.model, "model", "model"), (draft.spec.shadow or "", "model", "shadow")]
        wanted.append((draft.spec.challenger.model if draft.spec.challenger else "", "model", "challenger"))
        wanted.append((draft.spec.outcome or "", "label", "outcome"))
    for name, kind, role in wanted:
        if name in drafts and drafts[name].kind != kind and drafts[name].kind in _READABLE[draft.kind]:
            what = f"the {role} of '{draft.name}' is '{name}', which is a {drafts[name].kind}"
            yield Fault(what=what, place=draft.place, mend=f"Name a {kind} here.", asset=draft.name)


def _a(kind: str) -> str:
    if kind == "external":
        return "an external table"
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _words(kinds: frozenset[str]) -> str:
    if kinds >= TABLES:
        return " and ".join(["tables", *sorted(f"{kind}s" for kind in kinds - TABLES)])
    return " and ".join(sorted(f"a {kind}" for kind in kinds))
