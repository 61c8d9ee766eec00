"""Text that stands for nothing, as N/A and a dash do: a gap, by a list that is declared."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pumphouse.cleaning.step import EachValue, Resources, Step

COMMON = (
    "N/A", "n/a", "N/a", "N.A.", "n.a.", "#N/A", "#NA", "<NA>", "NULL", "null", "(null)", "<null>", "\\N", "None",
    "NaN", "nan", "-", "--", "---", "\u2013", "\u2014", "#NULL!", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!",
)  # fmt: skip
"""Without a list of one's own. NA is not among them: it is Namibia, North America, sodium; nor are Null and Nan, which
are names, nor none and unknown, which are answers."""
VALUES_DECLARED_MAX = 1_000
INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class NullIf(Step):
    """The step that `null_if` makes."""

    name: ClassVar[str] = "null_if"
    gives: ClassVar[str] = "VARCHAR"
    values: tuple[str, ...]
    case: Literal["exact", "any"] = "exact"
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, GapFinder(self).found)


def null_if(*values: str, case: Literal["exact", "any"] = "exact") -> NullIf:
    """A step that makes a gap of text that stands for nothing: one of `values`, or without any, of the common ones.

    The common ones are `N/A`, `n/a`, `#N/A`, `NULL`, `null`, `None`, `NaN`, `-`, `--`, `\\N` and the errors of
    spreadsheets; never `NA`, which is Namibia. White space around does not count, and case does unless it is "any".
    Such a cell is null with no reason, and is not in the quarantine, for the declaration says what it means; the table
    that is cleaned still has it. Every other cell stays exactly as it is.

    `null_if("?", "tbd").one("tbd").value is None`
    """
    if case not in ("exact", "any"):
        raise ValueError(f"null_if's case is 'exact' or 'any', not {case!r}")
    if len(values) > VALUES_DECLARED_MAX:
        raise ValueError(f"null_if takes up to {VALUES_DECLARED_MAX:,} values, and was given {len(values):,}")
    return NullIf(values=values or COMMON, case=case)


class GapFinder:
    """Declared values, ready to find cells by."""

    def __init__(self, step: NullIf) -> None:
        self.is_any_case = step.case == "any"
        self.values = frozenset(self._compared(value) for value in step.values) | {""}

    def found(self, written: str) -> tuple[str | None, None]:
        """The text or, where it stands for nothing, None; and no reason."""
        return (None if self._compared(written) in self.values else written), None

    def _compared(self, text: str) -> str:
        compared = unicodedata.normalize("NFC", text.strip().strip(INVISIBLE).strip())
        return unicodedata.normalize("NFC", compared.casefold()) if self.is_any_case else compared
