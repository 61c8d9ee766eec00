"""Writing out shorthand: "pls call asap" becomes "please call as soon as possible"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.dictionary import Dictionary
from pumphouse.cleaning.dictionary_files import read_dictionary
from pumphouse.cleaning.step import Cleaned, Step, each_value, text

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Expand(Step):
    """The step that `expand` makes."""

    name: ClassVar[str] = "expand"
    dictionary: str
    version: str = field(default="1", init=False)

    @property
    def files(self) -> tuple[str, ...]:
        """The dictionary."""
        return (self.dictionary,)

    def load(self, folder: Path) -> Expander:
        """The function over arrays, with the dictionary read and checked."""
        return Expander(read_dictionary(folder / self.dictionary))


def expand(dictionary: str) -> Expand:
    """A step that writes out shorthand by a CSV file of the project, `shorthand,expansion,note`.

    Only whole words match, the longest entry first. Shorthand in small letters matches in any case, and `Pls` becomes
    `Please`; shorthand with a capital matches as it is written (US, not us). Addresses of mail and pages stay as they
    are. A dictionary in which one entry would be expanded by another is refused. It never declines a cell.

    `expand("shorthand.csv").one("pls call asap").value == "please call as soon as possible"`
    """
    return Expand(dictionary=dictionary)


class Expander:
    """What `Expand.load` hands out."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """Text, and no reasons."""
        import pyarrow as pa

        (values,) = each_value(text(column, step="expand"), lambda value: (self.dictionary.expand(value),), pa.string())
        return Cleaned(values=values, reasons=pa.nulls(len(column), pa.string()))
