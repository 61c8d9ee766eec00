"""A source's contract at work: which columns its table has, and what becomes of values that were not promised.

A column is *new* where neither the table nor the contract has it. It is *missing* where it is not new and does not
come: in a file, a table or an Arrow batch, which name their columns also where all is null; of rows that are dicts,
which leave out what is null, where no row of the visit has it. A rebuild looks at each visit with the columns that had
come by then.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.declare.asset import Asset
from pumphouse.declare.contracts import DECIMAL_TYPE, Answer, Bound, ColumnTerms, Contract
from pumphouse.errors import ConfigError, SourceError, did_you_mean
from pumphouse.lake.context import Context
from pumphouse.lake.schemas import widens
from pumphouse.sources import columns
from pumphouse.sources.rows import RAW, as_text
from pumphouse.sources.spool import Spool, Spooled

EXAMPLES_MAX = 5
"""Values that the error of a stopped run shows."""
SHOWN_CHARACTERS_MAX = 80
"""Of each of them."""

_ARROW = {
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "DOUBLE": pa.float64(),
    "TIMESTAMP": columns.NAIVE,
    "TIMESTAMPTZ": columns.MOMENT,
    "VARCHAR": pa.string(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The contract of a source, with the columns of its table as they were frozen."""

    name: str
    asset: Asset
    says: Contract
    known: Mapping[str, pa.DataType]
    """The table's columns; empty before the first load, which learns what comes, and with --accept-schema."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of a column that go to quarantine: which rows' ones, what was there, and why."""

    column: str
    where: pa.Array
    values: pa.Array
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch under its contract: its cells, the rows withheld with why, the cells to quarantine."""

    cells: dict[str, pa.Array]
    withheld: list[tuple[pa.Array, str]]
    set_aside: list[Cells]


def terms_of(asset: Asset, context: Context, *, known: Mapping[str, pa.DataType]) -> Terms | None:
    """The contract that points at the source, or None. Its columns are the table's, unless new ones are accepted."""
    for one in context.assets.values():
        if isinstance(one.spec, Contract) and one.spec.asset == asset.name:
            return Terms(name=one.name, asset=asset, says=one.spec, known={} if context.accept_schema else known)
    return None


def tells_each_alone(asset: Asset, context: Context, spool: Spool) -> bool:
    """Whether new files need no others beside them to be judged: what rows of JSON leave out is told by all of them."""
    return spool.has_every_column or terms_of(asset, context, known={}) is None


def kinds_of(terms: Terms, spool: Spool) -> dict[str, pa.DataType]:
    """The columns of the table that is to be, each with its type. Raises SourceError for one that stops the run."""
    named = {one.name: one for one in terms.says.columns}
    new = [name for name in spool.kinds if terms.known and name not in terms.known and name not in named]
    if new and terms.says.new == "stop":
        raise _stopped(terms, f"new column{'' if len(new) == 1 else 's'} {_listed(new)}", _of_columns(spool, new))
    if new and terms.says.new == "quarantine":
        spool.warnings.append(f"new and in quarantine by '{terms.name}': {_listed(new)}")
    if unheard := [name for name, one in named.items() if name not in spool.kinds and not one.optional]:
        mends = (did_you_mean(name, spool.kinds.keys() - named.keys()) for name in unheard)
        spool.warnings.append(" ".join([f"'{terms.name}' is about {_listed(unheard)}, which did not come.", *mends]))
    kinds = {name: _kind(terms, spool, name) for name in spool.kinds if terms.says.new == "take" or name not in new}
    kinds |= {name: kind for name, kind in terms.known.items() if name not in kinds}
    declared = {name: _declared(one) for name, one in named.items()}
    return kinds | {name: kind for name, kind in declared.items() if kind is not None and name not in kinds}


def outgrows(terms: Terms, kinds: Mapping[str, pa.DataType]) -> bool:
    """Whether a column takes a type that its rows in the table would have to be read again for."""
    return any(name in kinds and not widens(kind, kinds[name]) for name, kind in terms.known.items())


class Judge:
    """Judges one batch after the other; `warnings` are complete when all are judged."""

    def __init__(self, terms: Terms, spool: Spool, kinds: Mapping[str, pa.DataType]) -> None:
        self._terms = terms
        self._kinds = kinds
        self._needed = {*terms.asset.common.key, *terms.asset.common.required}
        self._whole = spool.has_every_column
        self._came, self._named = spool.came, spool.named
        self._rules = {
            one.name: _Rule(terms, one, kinds[one.name])
            for one in terms.says.columns
            if one.name in kinds and (one.one_of or one.pattern or one.least is not None or one.most is not None)
        }
        self._taken: Counter[str] = Counter()
        optional = {one.name for one in terms.says.columns if one.optional}
        declared = {one.name for one in terms.says.columns}
        self._expected: dict[str, int] = {}
        """Columns that have to come, each with the number of the visit from which on it has to."""
        for name in (*kinds, *(declared - kinds.keys())):
            if name not in optional:
                visits = [number for number, names in enumerate(self._came.values()) if name in names]
                self._expected[name] = 0 if name in declared or not visits else visits[0]

    @property
    def warnings(self) -> list[str]:
        """What was taken though it was not promised."""
        return [
            f"taken, and not as '{self._terms.name}' has it: {number:,} of '{name}'"
            for name, number in self._taken.items()
        ]

    def judge(self, spooled: Spooled, original: Mapping[str, pa.Array], cells: Mapping[str, pa.Array]) -> Judged:
        """What becomes of a batch. Raises SourceError, with examples, for what stops the run."""
        judged = Judged(dict(cells), [], [])
        self._judge_missing(spooled, judged)
        self._judge_new(spooled, judged)
        if self._terms.says.type == "stop":
            self._stop_for_types(spooled, original, cells)
        for name, rule in self._rules.items():
            outside = rule.broken(cells[name])
            count = pc.sum(outside).as_py() or 0
            if not count:
                continue
            answer: Answer = self._terms.says.outside
            if answer == "take":
                self._taken[name] += count
            elif answer == "stop":
                what = f"{count:,} of '{name}' {'is' if count == 1 else 'are'} not as promised: {rule.said}"
                raise _stopped(self._terms, what, _examples(spooled, name, original[name], outside))
            elif name in self._needed:
                judged.withheld.append((outside, f"'{name}' is not {rule.said}"))
            else:
                judged.set_aside.append(Cells(name, outside, original[name], f"is not {rule.said}"))
                judged.cells[name] = pc.if_else(outside, pa.scalar(None, cells[name].type), cells[name])
        return judged

    def _judge_missing(self, spooled: Spooled, judged: Judged) -> None:
        if self._terms.says.missing == "take":
            return
        number = list(self._came).index(spooled.visit)
        expected = {name for name, first in self._expected.items() if first <= number}
        for came, raws in self._together(spooled).items():
            gone = sorted(expected - came)
            if not gone:
                continue
            where = pc.is_in(spooled.columns[RAW].cast(pa.string()), value_set=pa.array(raws, pa.string()))
            if self._terms.says.missing == "stop":
                shown = ", ".join(name for name in spooled.columns if name in came)
                mends = filter(None, (did_you_mean(name, came - self._terms.known.keys()) for name in gone))
                what = f"no column {_listed(gone)} among those that came: {shown}"
                raise _stopped(self._terms, " ".join([what, *mends]), [_place(spooled, pc.index(where, True).as_py())])
            judged.withheld.append((where, f"{_listed(gone)} did not come"))

    def _together(self, spooled: Spooled) -> dict[frozenset[str], list[str]]:
        """The columns that came together, each with the stored bytes that they came in."""
        found: dict[frozenset[str], list[str]] = {}
        for raw in pc.unique(spooled.columns[RAW].cast(pa.string())).to_pylist():
            named = self._named.get(raw, spooled.columns.keys()) if self._whole else self._came[spooled.visit]
            found.setdefault(frozenset(named), []).append(raw)
        return found

    def _judge_new(self, spooled: Spooled, judged: Judged) -> None:
        for name, values in spooled.columns.items():
            if name not in self._kinds and name != RAW and values.null_count < len(values):
                reason = f"is of a column that '{self._terms.name}' does not have"
                judged.set_aside.append(Cells(name, pc.is_valid(values), values, reason))

    def _stop_for_types(
        self, spooled: Spooled, original: Mapping[str, pa.Array], cells: Mapping[str, pa.Array]
    ) -> None:
        for name, kind in self._kinds.items():
            lost = pc.and_(pc.is_valid(original[name]), pc.is_null(cells[name]))
            if count := pc.sum(lost).as_py():
                what = f"{count:,} of '{name}' {'is' if count == 1 else 'are'} not {columns.said(kind)}"
                raise _stopped(self._terms, what, _examples(spooled, name, original[name], lost))


class _Rule:
    """What the values of one column have to be; null passes."""

    def __init__(self, terms: Terms, says: ColumnTerms, kind: pa.DataType) -> None:
        self._says, self._kind = says, kind
        self._least = self._bound(terms, says.least, "min", math.ceil)
        self._most = self._bound(terms, says.most, "max", math.floor)
        self._values = pa.array([self._value(terms, value, "one_of") for value in says.one_of], kind)
        words = [
            *([f"{says.least} or more"] if says.least is not None else []),
            *([f"{says.most} at most"] if says.most is not None else []),
            *([f"one of {', '.join(map(str, says.one_of[:EXAMPLES_MAX]))}"] if says.one_of else []),
            *([f"what {says.pattern} finds"] if says.pattern is not None else []),
        ]
        self.said = ", ".join(words)

    def broken(self, cells: pa.Array) -> pa.Array:
        """Which of the values are outside."""
        fine = []
        if self._least is not None:
            fine.append(pc.greater_equal(cells, self._least))
        if self._most is not None:
            fine.append(pc.less_equal(cells, self._most))
        if len(self._values):
            fine.append(pc.is_in(cells, value_set=self._values))
        if self._says.pattern is not None:
            fine.append(pc.match_substring_regex(columns.fit(cells, pa.string()), self._says.pattern))
        whole = fine[0]
        for one in fine[1:]:
            whole = pc.and_(whole, one)
        return pc.and_(pc.is_valid(cells), pc.fill_null(pc.invert(whole), False))  # noqa: FBT003

    def _bound(self, terms: Terms, value: Bound | None, what: str, whole: Any) -> pa.Scalar | None:  # ceil or floor
        if value is None:
            return None
        if pa.types.is_integer(self._kind) and isinstance(value, float) and math.isfinite(value):
            value = whole(value)
        if pa.types.is_string(self._kind) and not isinstance(value, str):
            raise _contradicted(terms, f"{what}={value!r}", self._says.name, self._kind)
        return self._value(terms, value, what)

    def _value(self, terms: Terms, value: Bound, what: str) -> pa.Scalar:
        fitted = columns.fit(pa.array([as_text(value)]), self._kind)[0]
        if not fitted.is_valid:
            raise _contradicted(terms, f"{what} {value!r}", self._says.name, self._kind)
        return fitted


def _kind(terms: Terms, spool: Spool, name: str) -> pa.DataType:
    """The type of a column that came: as promised, as the table has it, or what all of it is."""
    says = terms.says.terms_of(name)
    promised = (_declared(says) if says else None) or terms.known.get(name)
    if promised is None:
        return spool.kind_of(name, known=None)
    if terms.says.type != "take" or _all_fit(spool, name, promised):
        return promised
    return columns.natural({*spool.kinds[name], promised})


def _all_fit(spool: Spool, name: str, kind: pa.DataType) -> bool:
    if kind == pa.string() or spool.kinds[name] <= {kind}:
        return True
    found = (spooled.columns[name] for spooled in spool.read() if name in spooled.columns)
    return all(spool.cells_of(name, values, kind).null_count == values.null_count for values in found)


def _declared(says: ColumnTerms) -> pa.DataType | None:
    if says.type is None:
        return None
    decimal = re.fullmatch(DECIMAL_TYPE, says.type)
    return pa.decimal128(int(decimal[1]), int(decimal[2])) if decimal else _ARROW[says.type]


def _contradicted(terms: Terms, what: str, column: str, kind: pa.DataType) -> ConfigError:
    return ConfigError(
        f"'{terms.name}' says {what} of '{column}', which holds {columns.said(kind)}",
        asset=terms.asset.name,
        mend=f'Declare what it is to hold: "{column}": {{"type": ...}}.',
    )


def _stopped(terms: Terms, what: str, examples: Iterable[str]) -> SourceError:
    shown = "".join(f"\n  {one}" for one in examples)
    return SourceError(
        f"'{terms.asset.name}' breaks '{terms.name}': {what}{shown}",
        asset=terms.asset.name,
        mend=(
            "Nothing was committed, and what came is stored. Mend the source, change the contract's answer, or take "
            f"the columns as they come now: pumphouse run {terms.asset.name} --accept-schema"
        ),
    )


def _of_columns(spool: Spool, names: list[str]) -> list[str]:
    """The first values of new columns."""
    found: list[str] = []
    for spooled in spool.read():
        for name in names:
            if name in spooled.columns and len(found) < EXAMPLES_MAX:
                values = spooled.columns[name]
                found += _examples(spooled, name, values, pc.is_valid(values))
        if found:
            break
    return found[:EXAMPLES_MAX]


def _examples(spooled: Spooled, name: str, values: pa.Array, where: pa.Array) -> list[str]:
    rows = pc.indices_nonzero(where)[:EXAMPLES_MAX].to_pylist()
    return [f"{name} = {_shown(values[at].as_py())}: {_place(spooled, at)}" for at in rows]


def _place(spooled: Spooled, at: int) -> str:
    """Where a row came from: the file or address, the stored bytes, and its number among the rows of its visit."""
    sha = spooled.columns[RAW][at].as_py()
    asked = next((one.address for one in spooled.visit.exchanges if one.sha == sha), "")
    return f"row {spooled.first_row + at:,} of {asked or 'what came'} (raw {sha[:12]})"


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else as_text(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[: SHOWN_CHARACTERS_MAX - 1]}…"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
