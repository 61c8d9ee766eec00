"""What all values of a column prove about the order of day and month, counted by format."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pumphouse.cleaning.dates.columns import each_format, small_letters
from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.dates.reader import DateReader
from pumphouse.cleaning.libraries import numpy
from pumphouse.cleaning.step import text
from pumphouse.cleaning.table_step import FitRow
from pumphouse.engines.parameters import quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from pumphouse.cleaning.staged import Staged


class Proof:
    """Counts of different values: how many fit each format, and how many are against it, that fit another of its form.

    Formats are of one form where they differ in the order of their numbers alone, as %d/%m/%Y and %m/%d/%Y.
    """

    def __init__(self, reader: DateReader) -> None:
        self.reader = reader
        self.forms = [[format for format, _ in formats] for formats in reader.triples.values()]
        self.fits: Counter[str] = Counter()
        self.against: Counter[str] = Counter()

    def add(self, column: pa.Array) -> None:
        """Count different values."""
        import pyarrow as pa

        found = {one.format: one for one in each_format(small_letters(column), self.reader)}
        is_read = numpy("parse_date").zeros(len(column), dtype=bool)
        for form in self.forms:
            of_any = found[form[0]].is_day
            for format in form:
                of_any = of_any | found[format].is_day
                is_read |= found[format].fits
            for format in form:
                self.fits[format] += int(found[format].is_day.sum())
                self.against[format] += int((of_any & ~found[format].is_day).sum())
        others = [found[format] for format, _ in self.reader.others]
        of_one = sum(one.fits.astype(int) for one in others) == 1
        for one in others:
            is_only = one.is_day & of_one
            self.fits[one.format] += int(is_only.sum())
            is_read |= is_only
        for written in column.filter(pa.array(~is_read)).to_pylist():
            for format in set(self.reader.dates(written.strip(AROUND))[0].values()):
                self.fits[format] += 1

    def rows(self, step: str, column: str) -> list[FitRow]:
        """A row for each format that values fit or are against, with whether it is read from now on."""
        rows = []
        for format in sorted({*self.fits, *self.against}):
            if self.fits[format] or self.against[format]:
                evidence = {"read": self._is_read(format), "values": self.fits[format], "against": self.against[format]}
                rows.append(FitRow(step=step, column=column, group=format, value=json.dumps(evidence)))
        return rows

    def _is_read(self, format: str) -> bool:
        """No value is against it; or all of its form have some against them, and none is proved."""
        form = next((form for form in self.forms if format in form), [format])
        return not self.against[format] or all(self.against[other] for other in form)


def learn(
    staged: Staged, column: str, *, reader: DateReader, step: str, part: Callable[[str], str] | None = None
) -> list[FitRow]:
    """What the different values of a column prove, or the `part` of each that is a date. They are counted batch by
    batch."""
    import pyarrow as pa

    staged.require(column)
    proof = Proof(reader)
    query = staged.query(f"SELECT DISTINCT {quoted(column)} FROM staged WHERE {quoted(column)} IS NOT NULL")
    for batch in staged.engine.read(query):
        written = text(batch.column(0), step=step)
        proof.add(pa.array([part(value) for value in written.to_pylist()], pa.string()) if part else written)
    return proof.rows(step, column)


def rejected(fit: Sequence[FitRow]) -> frozenset[str]:
    """The formats that a column's values disproved."""
    return frozenset(row.group for row in fit if row.group and row.value and not json.loads(row.value)["read"])
