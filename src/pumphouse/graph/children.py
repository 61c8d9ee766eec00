"""What children have of the table that they are children of: its key, before what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pumphouse.declare.children import POSITION
from pumphouse.errors import Fault
from pumphouse.graph.drafts import Draft
from pumphouse.graph.edges import sort_by_edges
from pumphouse.graph.fingerprints import fingerprint


def with_keys(
    drafts: Mapping[str, Draft], edges: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Draft], list[Fault]]:
    """The drafts, those of children with the key of their table; and those that could not say whose they are."""
    found, faults = dict(drafts), []
    for name in sort_by_edges(edges, allowed_self=drafts):
        draft = found[name]
        if draft.kind != "children" or draft.spec.table not in found:
            continue
        table = found[draft.spec.table]
        names = _naming(table)
        if not names and not draft.spec.along:
            what = f"'{table.name}' has no key, so that nothing would say whose the rows of '{name}' are"
            mend = f'Declare its key, or name columns of it that come along: along="{draft.spec.column}_id".'
            faults.append(Fault(what=what, place=draft.place, mend=mend, asset=name))
        called = {of: here for here, of in draft.spec.along}
        outer = table.spec.column if table.kind == "children" else table.name
        whose = tuple((called.get(one, f"{outer}_{POSITION}" if one == POSITION else one), one) for one in names)
        spec = replace(draft.spec, along=tuple(dict.fromkeys((*whose, *draft.spec.along))))
        own = tuple(one if one == POSITION else spec.called(one) for one in spec.own_key)
        spec = replace(spec, own_key=own)
        # In a history a key has several versions, and so have its children: no key holds.
        has_key = table.common.key and not getattr(table.spec, "history", False)
        key = (*(here for here, _ in whose), *own) if has_key else ()
        content = fingerprint(draft.content, list(spec.along), list(key))
        found[name] = replace(draft, spec=spec, common=replace(draft.common, key=key), content=content)
    return found, faults


def _naming(table: Draft) -> tuple[str, ...]:
    """The columns that say which row of the table it is."""
    if table.kind == "children" and not table.common.key:
        return (*(here for here, _ in table.spec.along), *table.spec.own_key)
    return table.common.key
