"""Declaring a cleaned table: its input, its steps from top to bottom, and what must not be null."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pumphouse.cleaning.columns import ColumnSteps
from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.step import Step
from pumphouse.cleaning.table_step import TableStep
from pumphouse.declare.asset import Common, Declaration, names, place_of_caller, time_of
from pumphouse.declare.layouts import layout_of

Mark = TypeVar("Mark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """Spec of kind "clean"."""

    input: str
    steps: tuple[ColumnSteps | TableStep, ...]

    def carried(
        self, marks: Mapping[str, frozenset[Mark]], *, filled: Callable[[str, str], Mark]
    ) -> dict[str, frozenset[Mark]]:
        """The marks of its columns, given those of its input's, all by names in lower case; "*" is any other column.

        A step hands the marks of all columns that it reads to those that it sets. One that fills gaps with what it
        learnt from other rows adds `filled(column, step as it is written)`.
        """
        found = dict(marks)

        def of(*names: str) -> frozenset[Mark]:
            return frozenset().union(*(found.get(name.lower(), found.get("*", frozenset())) for name in names))

        for column, step in self.one_by_one():
            if isinstance(step, Step):
                together, target = of(column, *step.reads), step.target(column)
                for name in (target, *(f"{target}__{suffix}" for suffix in step.extras)):
                    found[name.lower()] = together
            elif target := step.sets(column):
                own = frozenset() if step.imputes is None else frozenset({filled(target, step.imputes)})
                found[target.lower()] = of(target, *step.reads) | own
        return found

    def one_by_one(self) -> Iterator[tuple[str, Step | TableStep]]:
        """(column, step) from top to bottom; the column of a step of the table is ''."""
        for step in self.steps:
            if isinstance(step, ColumnSteps):
                yield from ((step.column, one) for one in step.steps)
            else:
                yield "", step


def clean(
    input: str,
    *steps: ColumnSteps | TableStep,
    key: str | tuple[str, ...] | list[str] | None = None,
    required: str | tuple[str, ...] | list[str] | None = None,
    time: Mapping[str, str] | None = None,
    layout: Mapping[str, str | tuple[str, ...]] | None = None,
    doc: str = "",
) -> Declaration:
    """A table made by cleaning another one, step by step from top to bottom.

    A cell that a step can't clean becomes null, and what it was goes to `<table>__quarantine` with the reason. A row
    whose `key` or a `required` column is null at the end is withheld: it goes there whole. Nothing else is lost.
    `layout` says how rows lie in the table's files, as of `ph.table`.

    For example:

        customers = clean(
            "crm_customers",
            col.phone >> e164(region=col.country, default="US"),
            col.note >> expand("shorthand.csv"),
            dedupe(on=["phone", "email"], keep="newest"),
            key="customer_id",
        )
    """
    if not isinstance(input, str):
        raise TypeError(f"clean takes the name of a table, as in clean('crm_customers'), not a {type(input).__name__}")
    for step in steps:
        if isinstance(step, Step) or (isinstance(step, TableStep) and step.on_column):
            raise TypeError(f"{step.name} works on a column: write col.<column> >> {step.name}(...)")
        if not isinstance(step, (ColumnSteps, TableStep)):
            raise TypeError(f"a step is col.<column> >> step(...), drop(...) or dedupe(...), not {step!r}")
    inner: list[Step | TableStep] = []
    for step in steps:
        if isinstance(step, TableStep):
            inner.append(step)
            continue
        for one in step.steps:
            if not _works_on_a_column(one):
                raise TypeError(f"a column goes through steps like e164(...), not {one!r}")
            inner.append(one)
    spec = Clean(input=input, steps=steps)
    _refuse_to_learn_what_is_masked(spec)
    return Declaration(
        kind="clean",
        spec=spec,
        common=Common(doc=doc, key=names(key), required=names(required), time=time_of(time), layout=layout_of(layout)),
        place=place_of_caller(),
        inputs=(input,),
        files=tuple(dict.fromkeys(file for one in inner for file in one.files)),
    )


def _refuse_to_learn_what_is_masked(spec: Clean) -> None:
    """Raise ValueError for a step whose fit would keep cells of a column that is masked only after it."""
    learnt: dict[str, str] = {}
    for column, step in spec.one_by_one():
        if isinstance(step, (TableStep, FittedStep)) and step.fit_name(column) is not None:
            learnt |= dict.fromkeys((column, *step.reads), step.name)
        if isinstance(step, Step) and step.hides and column in learnt:
            raise ValueError(
                f"{learnt[column]} learns from '{column}' before {step.name} hides it, and its fit would keep what it "
                f"was: put col.{column} >> {step.name}(...) above it"
            )


def _works_on_a_column(step: object) -> bool:
    return isinstance(step, Step) or (isinstance(step, TableStep) and step.on_column)
