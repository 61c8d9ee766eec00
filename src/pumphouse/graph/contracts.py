"""What contracts ask of the graph: one for each source, about columns that it has where the declaration alone says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pumphouse.declare.formats import FixedWidth
from pumphouse.errors import Fault, did_you_mean
from pumphouse.graph.drafts import Draft


def contract_faults(drafts: Mapping[str, Draft]) -> Iterator[Fault]:
    """Two contracts about one source, and columns that a source's own declaration does not have."""
    holders: dict[str, Draft] = {}
    for draft in drafts.values():
        if draft.kind != "contract":
            continue
        source = drafts.get(draft.spec.asset)
        if source is None:
            continue  # told as an edge that leads nowhere
        first = holders.setdefault(source.name, draft)
        if first is not draft:
            what = f"'{source.name}' has two contracts, '{first.name}' ({first.place}) and '{draft.name}'"
            yield Fault(what=what, place=draft.place, mend="Say all of it in one.", asset=draft.name)
        known = _columns_of(source)
        for terms in draft.spec.columns:
            if known and terms.name not in known:
                what = f"the contract '{draft.name}' is about '{terms.name}', which '{source.name}' does not have"
                mend = did_you_mean(terms.name, known) or f"Its columns are {', '.join(known)}."
                yield Fault(what=what, place=draft.place, mend=mend, asset=draft.name)


def _columns_of(source: Draft) -> tuple[str, ...]:
    """The columns that a source's declaration names itself; none where only the world knows them."""
    if source.kind == "website":
        return tuple(name for name, _ in source.spec.item)
    form = getattr(source.spec, "format", None)
    return tuple(name for name, _ in form.columns) if isinstance(form, FixedWidth) else ()
