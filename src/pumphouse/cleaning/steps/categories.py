"""Categories with one spelling each, by a file of the project that somebody accepted line by line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pumphouse.cleaning.spellings.merges import Merges, read_merges, written_as
from pumphouse.cleaning.step import EachValue, Resources, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories(Step):
    """The step that `categories` makes."""

    name: ClassVar[str] = "categories"
    gives: ClassVar[str] = "VARCHAR"
    file: str
    others: Literal["keep", "decline"] = "keep"
    version: str = field(default="1", init=False)

    @property
    def files(self) -> tuple[str, ...]:
        """The file of accepted spellings."""
        return (self.file,)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays, with the file read and checked."""
        return EachValue(self, Merger(read_merges(resources.folder / self.file), self.others).merged)


def categories(file: str, *, others: Literal["keep", "decline"] = "keep") -> Categories:
    """A step that gives categories one spelling each by a CSV file of the project, `variant,value,note`.

    A variant is compared as it is written, but for white space around and between words. Nothing is merged that the
    file does not name: `pumphouse categories TABLE.COLUMN` proposes lines for it. Other values are kept, or with
    `others="decline"` declined unless they are a value of the file. A file in which a variant has two values, or a
    value becomes another one, is refused.

    `col.city >> categories("cities.csv")`
    """
    if not isinstance(file, str):
        raise TypeError('categories needs a file, as in categories("cities.csv")')
    if others not in ("keep", "decline"):
        raise ValueError(f"categories keeps or declines others: others='keep' or 'decline', not {others!r}")
    return Categories(file=file, others=others)


class Merger:
    """Accepted spellings, ready to merge by."""

    def __init__(self, merges: Merges, others: Literal["keep", "decline"]) -> None:
        self.merges = merges
        self.others = others

    def merged(self, written: str) -> tuple[str | None, str | None]:
        """(value, reason)."""
        name = written_as(written)
        if name in self.merges.values:
            return self.merges.values[name], None
        if name in self.merges.known:
            return name, None
        return (written, None) if self.others == "keep" else (None, "not a value of the file of categories")
