"""Writing out shorthand: "pls call asap" becomes "please call as soon as possible"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.dictionaries.dictionary import Dictionary
from pumphouse.cleaning.dictionaries.files import read_dictionary
from pumphouse.cleaning.step import EachValue, Resources, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Expand(Step):
    """The step that `expand` makes."""

    name: ClassVar[str] = "expand"
    gives: ClassVar[str] = "VARCHAR"
    dictionary: str
    version: str = field(default="1", init=False)

    @property
    def files(self) -> tuple[str, ...]:
        """The dictionary."""
        return (self.dictionary,)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays, with the dictionary read and checked."""
        return EachValue(self, Expander(read_dictionary(resources.folder / self.dictionary)).expand, blank_is_text=True)


def expand(dictionary: str) -> Expand:
    """A step that writes out shorthand by a CSV file of the project, `shorthand,expansion,note`.

    Only whole words match, the longest entry first. Shorthand in small letters matches in any case, and `Pls` becomes
    `Please`; shorthand with a capital matches as it is written (US, not us). Addresses of mail and pages stay as they
    are. A dictionary in which one entry would be expanded by another is refused. It never declines a cell.

    `expand("shorthand.csv").one("pls call asap").value == "please call as soon as possible"`
    """
    return Expand(dictionary=dictionary)


class Expander:
    """A dictionary, ready to write text out."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary

    def expand(self, written: str) -> tuple[str, None]:
        """The text, and no reason."""
        return self.dictionary.expand(written), None
