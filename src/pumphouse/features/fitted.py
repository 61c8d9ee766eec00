"""Features that read a column which a clean table filled with what it learnt: the model would learn from its own test.

A median, a mode or a model is fitted on all rows of a table, those outside of a model's training rows and later ones
among them. A feature that reads such a column knows of them (law 6), and no test can show it. So training refuses it: a
model takes the column as it is in the table's input, and fills it in its own pipeline. `<column>__filled`, a constant
and `fill("forward")` look at no other rows but earlier ones of the same group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildError
from pumphouse.graph.marks import ANY, Marks, all_marks, marked_columns


@dataclass(frozen=True, slots=True, order=True)
class Filled:
    """A column that a clean table filled by a fit."""

    table: str
    column: str
    step: str
    """As it is written: fill("median")."""
    input: str
    """What the table is cleaned from."""
    lost: str = ""
    """The first table on the way in which it can't be told which column comes from which; '' if none."""


def filled_reads(model: Asset, assets: Mapping[str, Asset]) -> dict[str, tuple[Filled, ...]]:
    """By feature of a model, the filled columns that it reads; without those that read none."""
    known: dict[str, Marks[Filled]] = {}
    found = {}
    for name in model.spec.features:
        if name in assets and (marks := all_marks(_marks(name, assets, known))):
            found[name] = tuple(sorted(marks))
    return found


def refuse_filled(model: Asset, assets: Mapping[str, Asset]) -> None:
    """Raises BuildError where a feature of the model reads, or may read, a column that was filled by a fit."""
    for feature, columns in filled_reads(model, assets).items():
        raise refusal(model, assets[feature], columns[0])


def refusal(model: Asset, feature: Asset, filled: Filled) -> BuildError:
    """Which column, table and step it is about, and how to mend it."""
    reads = f"column '{filled.column}' of '{filled.table}', whose gaps {filled.step} filled"
    learnt = "with what it learnt from rows outside of the model's training rows"
    if filled.lost:
        what = (
            f"it can't be told whether feature '{feature.name}' of model '{model.name}' reads {reads} {learnt}: "
            f"'{filled.lost}' doesn't say which of its columns come from it"
        )
    else:
        what = f"feature '{feature.name}' of model '{model.name}' reads {reads} {learnt}"
    return BuildError(
        what,
        asset=model.name,
        place=feature.place,
        mend=f"Read the column from '{filled.input}', where its gaps are null, or clean it in a table of its own "
        "without that fill, and fill it in the model's own pipeline: make_pipeline(SimpleImputer(), ...).",
    )


def _marks(name: str, assets: Mapping[str, Asset], known: dict[str, Marks[Filled]]) -> Marks[Filled]:
    """The filled columns of a table, or of what a feature selects and by what it chooses rows."""
    if name in known:
        return known[name]
    known[name] = {}  # a table that reads its own previous version brings nothing new
    asset = assets.get(name)
    if asset is None:
        return known[name]
    spec: Any = asset.spec
    inputs = {one: _marks(one, assets, known) for one in asset.inputs if one != name}
    if asset.kind == "clean":
        known[name] = spec.carried(
            inputs.get(spec.input, {}),
            filled=lambda column, step: Filled(table=name, column=column, step=step, input=spec.input),
        )
    elif asset.kind in ("sql", "label", "feature") and any(inputs.values()):
        found = marked_columns(spec.text, inputs)
        known[name] = _lost(inputs, name) if found is None else _lost_within(found, name)
    elif asset.kind == "table" and any(inputs.values()):
        known[name] = _lost(inputs, name)
    return known[name]


def _lost(inputs: Mapping[str, Marks[Filled]], name: str) -> Marks[Filled]:
    """Any column may come from any."""
    every = frozenset().union(*map(all_marks, inputs.values()))
    return {ANY: frozenset(one if one.lost else replace(one, lost=name) for one in every)}


def _lost_within(marks: Marks[Filled], name: str) -> Marks[Filled]:
    """The same marks, those of unnamed columns as ones that can't be told."""
    if ANY not in marks:
        return marks
    return {**marks, ANY: frozenset(one if one.lost else replace(one, lost=name) for one in marks[ANY])}
