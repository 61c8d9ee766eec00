"""Which columns of a table hold personal data or secrets, how many cells of them, and how sure that is.

It says nothing of what the cells hold: an example is the shape of what was found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.batch import written
from pumphouse.cleaning.sensitive.people import KINDS
from pumphouse.cleaning.sensitive.secrets import KINDS as SECRET_FORMS
from pumphouse.cleaning.sensitive.spans import Span
from pumphouse.cleaning.steps.identifiers import IdentifierReader, kinds
from pumphouse.cleaning.steps.masking_text import Personal
from pumphouse.cleaning.suggestions.samples import sample_rows
from pumphouse.cleaning.wording import percent
from pumphouse.engines.engine import Engine, Query, Scan

if TYPE_CHECKING:
    import pyarrow as pa

LETTERS_MAX = 10_000
"""Of a longer cell the beginning is looked at."""
EXAMPLES_SHOWN, SHAPE_MAX = 2, 40
IDS_TRIED, IDS_MIN, IDS_SHARE = 200, 20, 0.9
"""So many different values of a column are tried as national identifiers, and so many of them have to check out."""
NATIONAL = (
    "au.tfn", "bg.egn", "br.cpf", "ca.sin", "ch.ssn", "cl.rut", "cn.ric", "cz.rc", "de.idnr", "ee.ik", "es.dni",
    "es.nie", "fi.hetu", "fr.nir", "gb.nhs", "hr.oib", "il.idnr", "in.aadhaar", "it.codicefiscale", "jp.in",
    "lt.asmens", "mx.curp", "nl.bsn", "pl.pesel", "pt.nif", "ro.cnp", "tr.tckimlik",
)  # fmt: skip
"""Identifiers of people with check digits."""
CALLED = {
    "name of a person": (
        r"(?:^|_)(?:first|last|given|family|full|middle|maiden|nick|contact|customer|person|user)_?names?$"
        r"|^sur_?name$|^name$|^(?:vor|nach|familien)name$"
    ),
    "postal address": (
        r"(?:^|_)(?:street|(?:postal|home|billing|shipping|mailing|delivery|post)?_?addr(?:ess)?|stra(?:ss|\u00df)e"
        r"|zip(?:_?code)?|post_?code|postal_?code|plz)(?:_?[0-9]|_line_?[0-9])?$"
    ),
    "date of birth": r"(?:^|_)(?:birth_?(?:day|date)|date_of_birth|dob|born(?:_on)?|geburtsdatum|geburtstag)$",
}
"""What the names of columns say."""
NO_ADDRESS = re.compile(r"(?:e_?mail|ip|mac|web|url)_?addr", re.IGNORECASE)
SURE = frozenset({"email", "iban", *SECRET_FORMS})
"""Kinds of which the form or the check digits say enough; of others, something else may look the same."""
BY_FORM, BY_LOOK, BY_NAME = "sure", "likely", "by the column's name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One kind of data in a column."""

    column: str
    kind: str
    cells: int
    """Cells of the sample that have it; those that have something, where the column's name says so."""
    share: float
    """Of the sample's cells that are not null."""
    how_sure: str
    examples: tuple[str, ...]
    """Shapes: letters as x, digits as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """What was found in a table."""

    table: str
    snapshot: int
    rows: int
    looked_at: int
    """Rows of the sample."""
    columns: tuple[str, ...]
    """All that were looked at."""
    found: tuple[Found, ...]

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """The same as a table for a person."""
        looked = "all of them" if self.looked_at == self.rows else f"{self.looked_at:,} of them, picked evenly,"
        head = f"{self.table}: {self.rows:,} rows at snapshot {self.snapshot}; {looked} looked at"
        if not self.found:
            return f"{head}\nNothing was found in {len(self.columns)} columns. Names in text are not looked for."
        rows = [("column", "kind", "share", "how sure", "looks like")]
        rows += [(one.column, one.kind, percent(one.share), one.how_sure, " ".join(one.examples)) for one in self.found]
        widths = [max(len(row[place]) for row in rows) for place in range(4)]
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]).rstrip()
            for row in rows
        ]
        named = {one.column for one in self.found}
        rest = [column for column in self.columns if column not in named]
        tail = [f"Nothing was found in {', '.join(rest)}."] if rest else []
        return "\n".join([head, "", *lines, "", *tail]).rstrip()


def personal_data(table: str, scan: Scan, engine: Engine, *, region: str | None = None) -> PersonalData:
    """What a table holds of people and of secrets, at the scan's snapshot. `region` reads telephone numbers."""
    counted = engine.read(Query(text="SELECT count(*) AS rows FROM scanned", inputs={"scanned": scan})).read_all()
    rows: int = counted["rows"][0].as_py()
    sample = sample_rows(engine, scan, rows=rows)
    find = Personal(kinds=KINDS, region=region)
    return PersonalData(
        table=table,
        snapshot=scan.snapshot,
        rows=rows,
        looked_at=sample.num_rows,
        columns=tuple(sample.column_names),
        found=tuple(found for name in sample.column_names for found in _column(name, sample.column(name), find)),
    )


def _column(name: str, column: pa.ChunkedArray, find: Personal) -> Iterator[Found]:
    cells = len(column) - column.null_count
    counts: Counter[str] = Counter()
    shapes: dict[str, dict[str, None]] = {}
    values = _values(column)
    for value, times in values:
        spans = find(value[:LETTERS_MAX])
        for kind in {span.kind for span in spans}:
            counts[kind] += times
        for span in spans:
            shapes.setdefault(span.kind, {}).setdefault(_shape(span, value), None)
    for kind, count in counts.most_common():
        examples = tuple(list(shapes[kind])[:EXAMPLES_SHOWN])
        yield _found(name, kind, count, cells, BY_FORM if kind in SURE else BY_LOOK, examples)
    if not counts or max(counts.values()) < IDS_SHARE * cells:
        yield from _national(name, values, cells)
    for kind, pattern in CALLED.items():
        if cells and re.search(pattern, name, re.IGNORECASE) and not NO_ADDRESS.search(name):
            yield _found(name, kind, cells, cells, BY_NAME, ())


def _found(column: str, kind: str, count: int, cells: int, how_sure: str, examples: tuple[str, ...]) -> Found:
    share = round(count / cells, 4)
    return Found(column=column, kind=kind, cells=count, share=share, how_sure=how_sure, examples=examples)


def _national(name: str, values: list[tuple[str, int]], cells: int) -> Iterator[Found]:
    """The kind of national identifier that nearly all of a column's values are. By chance some of ten check out."""
    tried = [value.strip() for value, _ in values[:IDS_TRIED]]
    if len(tried) < IDS_MIN:
        return
    shares = {kind: _share(kind, tried) for kind in NATIONAL if kind in kinds()}
    best = max(shares, key=lambda kind: shares[kind], default=None)
    if best and shares[best] >= IDS_SHARE:
        reader = IdentifierReader(kind=best)
        good = [(value, times) for value, times in values if reader.identifier(value)[1] is None]
        shapes = dict.fromkeys(_masked(value.strip()) for value, _ in good)
        count = sum(times for _, times in good)
        yield _found(name, f"id ({best})", count, cells, BY_FORM, tuple(list(shapes)[:EXAMPLES_SHOWN]))


def _share(kind: str, tried: list[str]) -> float:
    reader = IdentifierReader(kind=kind)
    return sum(reader.identifier(value)[1] is None for value in tried) / len(tried)


def _values(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """The different texts of a column with how often each is there, the most frequent first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if any(one(kind) for one in (pa.types.is_boolean, pa.types.is_temporal, pa.types.is_floating, pa.types.is_null)):
        return []
    counted = pc.value_counts(written(column.drop_null().combine_chunks()))
    pairs: Iterable[tuple[str, int]] = zip(
        counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True
    )
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _shape(span: Span, value: str) -> str:
    """What was found, without what it says: a secret by its kind, the rest with letters as x and digits as 0."""
    is_secret = span.kind in SECRET_FORMS or span.kind in ("password", "secret", "token")
    return span.shown if is_secret else _masked(value[span.start : span.end])


def _masked(text: str) -> str:
    shape = re.sub(r"[^\W\d_]|[^\x00-\x7f]", "x", re.sub(r"\d", "0", text))
    return shape if len(shape) <= SHAPE_MAX else f"{shape[:SHAPE_MAX]}..."
