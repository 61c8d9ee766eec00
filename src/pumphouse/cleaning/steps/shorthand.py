"""Writing out shorthand: "pls call asap" becomes "please call as soon as possible"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.dictionaries.columns import ColumnExpander
from pumphouse.cleaning.dictionaries.dictionary import AGAIN, Dictionary
from pumphouse.cleaning.dictionaries.files import read_dictionaries
from pumphouse.cleaning.step import Cleaned, EachValue, Resources, Step, text

if TYPE_CHECKING:
    import pyarrow as pa


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

    def load(self, resources: Resources) -> ExpandTexts:
        """The function over arrays, with the dictionaries read and checked."""
        return ExpandTexts(read_dictionaries(resources.folder, self.dictionaries))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansions(Step):
    """The step that `expansions` makes."""

    name: ClassVar[str] = "expansions"
    gives: ClassVar[str] = "VARCHAR[]"
    dictionaries: tuple[str, ...]
    into: str | None = None
    version: str = field(default="1", init=False)

    @property
    def files(self) -> tuple[str, ...]:
        """The dictionaries."""
        return self.dictionaries

    def target(self, column: str) -> str:
        """The column of entries; the text stays as it is."""
        return self.into or f"{column}__expansions"

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays, with the dictionaries read and checked."""
        return EachValue(self, Tracer(read_dictionaries(resources.folder, self.dictionaries)).trace, blank_is_text=True)


def expansions(*dictionary: str, into: str | None = None) -> Expansions:
    """A step that says which entries `expand` uses in a text, into another column: `shorthand.csv:2 pls` for each.

    Stand it before `expand`, with the same dictionaries. Without `into` the column is `<column>__expansions`.

    `expansions("shorthand.csv").one("pls call").value == ["shorthand.csv:2 pls"]`
    """
    if not dictionary:
        raise TypeError('expansions needs a dictionary, as in expansions("shorthand.csv")')
    return Expansions(dictionaries=dictionary, into=into)


class ExpandTexts:
    """The function of `expand` over arrays."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.expander = ColumnExpander(dictionary)

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """The texts written out. Equal ones, and equal words, are worked on once."""
        expanded, reasons = self.expander(text(column, step=Expand.name))
        return Cleaned(values=expanded, reasons=reasons)

    def __reduce__(self) -> tuple[object, ...]:
        return (ExpandTexts, (self.expander.dictionary,))


class Tracer:
    """A dictionary, ready to say which of its entries are used."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary

    def trace(self, written: str) -> tuple[list[str] | None, str | None]:
        """Where each entry used stands, in their order, or why the text is not expanded."""
        expanded, used = self.dictionary.expanded(written)
        return (None, AGAIN) if expanded is None else ([entry.place for entry in used], None)
