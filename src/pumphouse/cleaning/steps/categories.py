"""Categories with one spelling each, by a file of the project that somebody accepted line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.spellings import seen
from pumphouse.cleaning.spellings.merges import Merges, read_merges, written_as
from pumphouse.cleaning.step import EachValue, Resources

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged
    from pumphouse.cleaning.table_step import FitRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories(FittedStep):
    """The step that `categories` makes."""

    name: ClassVar[str] = "categories"
    gives: ClassVar[str] = "VARCHAR"
    file: str
    others: Literal["keep", "decline"] = "keep"
    known: tuple[str, ...] | None = None
    """The values that were there when it was fitted; None where it was not, or where they were too many."""
    version: str = field(default="2", init=False)

    @property
    def files(self) -> tuple[str, ...]:
        """The file of accepted spellings."""
        return (self.file,)

    def fit_name(self, column: str) -> str:
        """Another one with another file, or where others become something else. The file's lines may change."""
        return f"categories {column} by {self.file}, others {self.others}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """Which values there are, and which are likely one, whatever the file says of them by now."""
        return seen.learn(staged, column, step=self.fit_name(column))

    def fitted(self, fit: Sequence[FitRow]) -> Categories:
        """The step that knows the values that were there."""
        return replace(self, known=seen.known(fit))

    def told(self, fit: Sequence[FitRow], *, column: str, resources: Resources) -> list[str]:
        """How many groups of spellings nobody has accepted or refused in the file."""
        return seen.told(fit, read_merges(resources.folder / self.file), column=column, file=self.file)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays, with the file read and checked."""
        return EachValue(self, Merger(read_merges(resources.folder / self.file), self).merged)


def categories(file: str, *, others: Literal["keep", "decline"] = "keep") -> Categories:
    """A step that gives categories one spelling each by a CSV file of the project, `variant,value,note`.

    A variant is compared as it is written, but for white space around and between words. Nothing is merged that the
    file does not name. A table's first build learns which values the column has and which of them are likely one, says
    how many groups wait to be accepted, and keeps both in `<table>__fit` until `--refit`; `pumphouse categories
    TABLE.COLUMN` proposes their lines.

    Other values are kept. With `others="decline"` those are declined that neither the file names nor the column had
    when it was fitted; where there is no column, as for one value and in SQL, all that the file does not name.
    A file in which a variant has two values, or a value becomes another one, is refused.

    `col.city >> categories("cities.csv")`
    """
    if not isinstance(file, str):
        raise TypeError('categories needs a file, as in categories("cities.csv")')
    if others not in ("keep", "decline"):
        raise ValueError(f"categories keeps or declines others: others='keep' or 'decline', not {others!r}")
    return Categories(file=file, others=others)


class Merger:
    """Accepted spellings, ready to merge by."""

    def __init__(self, merges: Merges, step: Categories) -> None:
        self.merges = merges
        self.others = step.others
        self.known = None if step.known is None else frozenset(step.known)
        self.likeness = seen.Likeness((*sorted(merges.known), *(step.known or ())))

    def merged(self, written: str) -> tuple[str | None, str | None]:
        """(value, reason)."""
        name = written_as(written)
        if name in self.merges.values:
            return self.merges.values[name], None
        if name in self.merges.known:
            return name, None
        if self.others == "keep":
            return written, None
        if self.known is None:
            return None, "not a value of the file of categories"
        return (name, None) if name in self.known else (None, self.likeness.reason(name))
