"""Declaring a cleaned table: its input, its steps from top to bottom, and what must not be null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pumphouse.cleaning.columns import ColumnSteps
from pumphouse.cleaning.dropping import Drop
from pumphouse.cleaning.duplicates import Dedupe
from pumphouse.cleaning.filling import Fill
from pumphouse.cleaning.step import Step
from pumphouse.declare.asset import Common, Declaration, Time, names, place_of_caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """Spec of kind "clean"."""

    input: str
    steps: tuple[ColumnSteps | Drop | Dedupe, ...]


def clean(
    input: str,
    *steps: ColumnSteps | Drop | Dedupe,
    key: str | tuple[str, ...] | list[str] | None = None,
    required: str | tuple[str, ...] | list[str] | None = None,
    time: Mapping[str, str] | None = None,
    doc: str = "",
) -> Declaration:
    """A table made by cleaning another one, step by step from top to bottom.

    A cell that a step can't clean becomes null, and what it was goes to `<table>__quarantine` with the reason. A row
    whose `key` or a `required` column is null at the end is withheld: it goes there whole. Nothing else is lost.

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
        if isinstance(step, (Step, Fill)):
            raise TypeError(f"{step.name} works on a column: write col.<column> >> {step.name}(...)")
        if not isinstance(step, (ColumnSteps, Drop, Dedupe)):
            raise TypeError(f"a step is col.<column> >> step(...), drop(...) or dedupe(...), not {step!r}")
    inner = [one for step in steps if isinstance(step, ColumnSteps) for one in step.steps]
    for one in inner:
        if not isinstance(one, (Step, Fill)):
            raise TypeError(f"a column goes through steps like e164(...), not {one!r}")
    return Declaration(
        kind="clean",
        spec=Clean(input=input, steps=steps),
        common=Common(doc=doc, key=names(key), required=names(required), time=Time(**(time or {}))),
        place=place_of_caller(),
        inputs=(input,),
        files=tuple(dict.fromkeys(file for one in inner if isinstance(one, Step) for file in one.files)),
    )
