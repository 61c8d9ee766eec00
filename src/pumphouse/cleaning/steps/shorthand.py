"""Writing out shorthand: "pls call asap" becomes "please call as soon as possible"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.dictionaries.dictionary import AGAIN, Dictionary
from pumphouse.cleaning.dictionaries.files import read_dictionaries
from pumphouse.cleaning.step import EachValue, Resources, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Expand(Step):
    """The step that `expand` makes."""

    name: ClassVar[str] = "expand"
    gives: ClassVar[str] = "VARCHAR"
    dictionaries: tuple[str, ...]
    version: str = field(default="2", init=False)

    @property
    def files(self) -> tuple[str, ...]:
        """The dictionaries."""
        return self.dictionaries

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays, with the dictionaries read and checked."""
        dictionary = read_dictionaries(resources.folder, self.dictionaries)
        return EachValue(self, Expander(dictionary).expand, blank_is_text=True)


def expand(*dictionary: str) -> Expand:
    """A step that writes out shorthand by CSV files of the project, `shorthand,expansion,note`.

    Only whole words match, the longest entry first. Shorthand in small letters matches in any case, and `Pls` becomes
    `Please`; shorthand with a capital matches as it is written (US, not us). Addresses, tags and `&amp;` stay as they
    are. Of several dictionaries, a later one's entries stand for those that an earlier one has of the same shorthand.
    A dictionary in which one entry would be expanded by another is refused.

    `expand("shorthand.csv").one("pls call asap").value == "please call as soon as possible"`
    """
    if not dictionary:
        raise TypeError('expand needs a dictionary, as in expand("shorthand.csv")')
    return Expand(dictionaries=dictionary)


class Expander:
    """A dictionary, ready to write text out."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary

    def expand(self, written: str) -> tuple[str | None, str | None]:
        """The text, or why there is none."""
        expanded = self.dictionary.expand(written)
        return expanded, AGAIN if expanded is None else None
