"""What a column step is: it gives each cell of a column a clean value, or declines it with a reason.

A step is a frozen value; its `load` hands out the function that works on Arrow arrays. Equal cells are worked on once:
a column is taken apart into its different values, and put together again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pumphouse.errors import BuildError
from pumphouse.lake.secrets import secret

if TYPE_CHECKING:
    import pyarrow as pa

VALUES_MAX = 100_000
"""Answers that a step remembers, some 300 bytes each: a table has the same values from batch to batch."""

TOGETHER_MIN = 200
"""New values from which on it pays to look at all of them at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell after a step: its value, what came out of it besides, and why it was declined if it was."""

    value: Any  # of the type of the step's column
    extra: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A column after a step. All arrays are as long as the one that came in.

    `reasons` is text: why a cell was declined, and null where it was cleaned or was null before. `extra` is by suffix:
    "extension" becomes the column `phone__extension`.
    """

    values: pa.Array
    reasons: pa.Array
    extra: Mapping[str, pa.Array] = field(default_factory=dict)


ArrayFunction = Callable[["pa.Array", Mapping[str, "pa.Array"]], Cleaned]
"""From a column, and the columns that the step reads besides by name, to the cleaned column. Pickles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a step may read when it is loaded: files of the project in `folder`, and the project's secrets."""

    folder: Path = field(default_factory=Path)

    def secret(self, name: str, *, wanted_by: str) -> str:
        """The secret of that name. Raises ConfigError naming every place that was looked at."""
        return secret(name, folder=self.folder, wanted_by=wanted_by)


@runtime_checkable
class Step(Protocol):
    """A step over one column. Its fields, `version` among them, decide its result and are its fingerprint."""

    __slots__ = ()

    name: ClassVar[str]
    """In Python, in SQL and on the command line: also the name of the function that makes it."""
    gives: ClassVar[str]
    """The SQL type of its values, one of `TYPES`."""
    extras: ClassVar[Mapping[str, str]] = {}
    """What comes out besides: by suffix, the SQL type."""
    hides: ClassVar[bool] = False
    """Whether it masks what must not be seen. Then a quarantine keeps of the column's cells what it makes of them."""

    @property
    def version(self) -> str:
        """Changes where the same step would give another result, as with newer data behind it."""
        ...

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the columns that it looks at besides its own."""
        return ()

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the project that it reads."""
        return ()

    def target(self, column: str) -> str:
        """Name of the column that its values go to."""
        return column

    def load(self, resources: Resources) -> ArrayFunction:
        """The function that works on arrays, with all that it needs read."""
        ...

    def one(self, value: Any, /, **others: Any) -> Cell:  # any type a column may hold
        """What becomes of one value; `others` are the columns that the step looks at besides.

        Files are looked for from the working directory. `e164(default="DE").one("030 901820").value == "+4930901820"`
        """
        return one(self, value, others, resources=Resources())


def one(step: Step, value: Any, others: Mapping[str, Any], *, resources: Resources) -> Cell:
    """What `step` makes of one value. The same function as for a table's column, over one row."""
    import pyarrow as pa

    if unknown := set(others) - set(step.reads):
        raise TypeError(f"{step.name} looks at {list(step.reads) or 'no other column'}, not at {sorted(unknown)}")
    cleaned = step.load(resources)(pa.array([value]), {name: pa.array([others.get(name)]) for name in step.reads})
    extra = {suffix: column[0].as_py() for suffix, column in cleaned.extra.items() if column[0].is_valid}
    return Cell(value=cleaned.values[0].as_py(), extra=extra, reason=cleaned.reasons[0].as_py())


TYPES = (
    "VARCHAR", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DOUBLE", "BIGINT", "BOOLEAN", "DECIMAL(18,4)",
    "VARCHAR[]",
)  # fmt: skip
"""Types that a step may give, as SQL names them. A moment is in microseconds; with time zone it is in UTC."""


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of one of `TYPES`."""
    import pyarrow as pa

    kinds = {
        "VARCHAR": pa.string(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
        "DOUBLE": pa.float64(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
        "DECIMAL(18,4)": pa.decimal128(18, 4),
        "VARCHAR[]": pa.list_(pa.string()),
    }
    return kinds[name]


class EachValue:
    """An ArrayFunction that asks `answer` once for each different value of a column, as text.

    `answer(text)` gives (value, one for each of the step's extras, reason). Blank text is a gap, and is not asked about
    but where `blank_is_text`. A step with a column beside its own (`reads`) is asked `answer(text, other, ...)`, with
    None where the other is null. Up to VALUES_MAX answers are remembered, then all forgotten. It pickles if `answer`
    does.

    Where many are asked at once, `together` gives the same answers as arrays, one of each kind. It is handed the values
    as `different` writes them, blank ones among them.
    """

    def __init__(
        self,
        step: Step,
        answer: Callable[..., Sequence[Any]],
        *,
        blank_is_text: bool = False,
        together: Callable[[list[str]], Sequence[pa.Array]] | None = None,
    ) -> None:
        self.step = step
        self.answer = answer
        self.blank_is_text = blank_is_text
        self.together = together
        self.places: dict[str, int] = {}
        """Where in `answers` a value's answer stands, or that of a row of values."""
        self.answers: tuple[pa.Array, ...] = ()
        self.lock = Lock()

    def asked(self, written: str, *others: str | None) -> Sequence[Any]:  # Any: as `answer` gives
        """The answer, with nothing of a gap."""
        if not self.blank_is_text and not written.strip():
            return (None,) * (len(self.step.extras) + 2)
        return self.answer(written, *others)

    def __call__(self, column: pa.Array, others: Mapping[str, pa.Array]) -> Cleaned:
        """Values, extras and reasons, each as long as the column."""
        kinds = [arrow_type(kind) for kind in (self.step.gives, *self.step.extras.values(), "VARCHAR")]
        if column.type == kinds[0] and self.step.gives != "VARCHAR" and not self.step.extras:
            return Cleaned(values=column, reasons=_no_reasons(len(column)))  # what it gives, it leaves as it is
        columns = [text(each, step=self.step.name) for each in (column, *(others[name] for name in self.step.reads))]
        asked, codes = different(columns)
        with self.lock:
            values, *extras, reasons = self._answered(asked, codes, kinds)
        return Cleaned(values=values, reasons=reasons, extra=dict(zip(self.step.extras, extras, strict=True)))

    def _answered(self, asked: list[str], codes: pa.Array, kinds: Sequence[pa.DataType]) -> list[pa.Array]:
        """Values, extras and reasons for each code, which is a place in `asked`."""
        import pyarrow as pa

        if not asked:
            return [pa.nulls(len(codes), kind) for kind in kinds]
        places = list(map(self.places.get, asked))
        new = [each for each, place in zip(asked, places, strict=True) if place is None] if None in places else []
        if new:
            if len(self.places) + len(new) > VALUES_MAX:
                self.places, self.answers, new = {}, (), asked
            made = self._made(new, kinds)
            if self.places:
                made = [pa.concat_arrays([old, more]) for old, more in zip(self.answers, made, strict=True)]
            start = len(self.places)
            self.answers = tuple(made)
            self.places.update(zip(new, range(start, start + len(new)), strict=True))
            places = list(map(self.places.get, asked))
        rows = pa.array(places, pa.int32()).take(codes)
        return [answers.take(rows) for answers in self.answers]

    def _made(self, new: list[str], kinds: Sequence[pa.DataType]) -> list[pa.Array]:
        """Values, extras and reasons for each of these, asked for the first time."""
        import pyarrow as pa

        if self.together is not None and len(new) >= TOGETHER_MIN:
            return list(self.together(new))
        # Of `kinds`, one behind the other: tuples that are kept would wake the garbage collector.
        answers: list[Any] = []
        others = len(self.step.reads)
        for each in new:
            answers += self.asked(*row_of(each, others)) if others else self.asked(each)
        return [pa.array(answers[place :: len(kinds)], kind) for place, kind in enumerate(kinds)]

    def __reduce__(self) -> tuple[object, ...]:
        return (_each_value, (self.step, self.answer, self.blank_is_text, self.together))


def _each_value(
    step: Step,
    answer: Callable[..., Sequence[Any]],
    is_text: bool,  # noqa: FBT001  # pickle
    together: Callable[[list[str]], Sequence[pa.Array]] | None,
) -> EachValue:
    return EachValue(step, answer, blank_is_text=is_text, together=together)


def _no_reasons(length: int) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(length, pa.string())


def text(column: pa.Array, *, step: str) -> pa.Array:
    """The column as text. A number that is whole is written without a point or an exponent.

    Raises BuildError where the column holds something that is no text at all, as a list.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_dictionary(kind):
        return text(column.dictionary_decode(), step=step)
    if pa.types.is_floating(kind):
        # 2**53: beyond it a float no longer tells neighbours apart, and its digits are not what was typed.
        whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), float(2**53)))
        digits = pc.cast(pc.cast(pc.if_else(whole, column, None), pa.int64()), pa.string())
        return pc.coalesce(digits, pc.cast(column, pa.string()))
    if pa.types.is_decimal(kind):
        return pc.replace_substring_regex(pc.cast(column, pa.string()), r"\.0+$", "")
    if _has_text(kind):
        return pc.cast(column, pa.string())
    raise BuildError(f"{step} reads text, and was given a column of type {kind}")


def _has_text(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    return any(
        is_kind(kind)
        for is_kind in (
            types.is_large_string, types.is_string_view, types.is_integer, types.is_null, types.is_boolean,
            types.is_date, types.is_timestamp, types.is_time,
        )
    )  # fmt: skip


def as_text(column: pa.Array) -> pa.Array:
    """A column of any flat type as text that can be cast back to it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    flat = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return pc.cast(flat, pa.string())


def each_value(
    column: pa.Array, function: Callable[[Any], Sequence[Any]], *types: pa.DataType
) -> tuple[pa.Array, ...]:  # Any: values of the column, and of `types`
    """One array of each of `types`: `function` is asked once for each different value and answers with one of each.

    Null is not asked about, and stays null in all of them.
    """
    import pyarrow as pa

    encoded = column.dictionary_encode()
    answers = [function(value) for value in encoded.dictionary.to_pylist()]
    columns = zip(*answers, strict=True) if answers else ((),) * len(types)
    return tuple(pa.array(values, kind).take(encoded.indices) for values, kind in zip(columns, types, strict=True))


def each_row(
    columns: Sequence[pa.Array], function: Callable[..., Sequence[Any]], *types: pa.DataType
) -> tuple[pa.Array, ...]:  # Any: as above
    """As `each_value`, over rows of several columns. Null in the first stays null; the others are handed in as None."""
    import pyarrow as pa

    rows, codes = different(columns)
    answers = (
        zip(*(function(*row_of(row, len(columns) - 1)) for row in rows), strict=True) if rows else ((),) * len(types)
    )
    return tuple(pa.array(values, kind).take(codes) for values, kind in zip(answers, types, strict=True))


def different(columns: Sequence[pa.Array]) -> tuple[list[str], pa.Array]:
    """(the different values of a text column, for each row the place of its own); of several columns, rows as one text.

    Null in the first column has no place: its code is null. `row_of` takes a row apart again.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    first, *others = columns
    if others:
        marked = []
        for other in others:
            encoded = other.dictionary_encode()
            known = pa.array([value.translate(ESCAPES) for value in encoded.dictionary.to_pylist()], pa.string())
            marked.append(pc.fill_null(known.take(encoded.indices), NULL))
        first = pc.binary_join_element_wise(*marked, first, BETWEEN)
    encoded = first.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices


BETWEEN, ESCAPE = "\x1f", "\x1e"
NULL = ESCAPE + "2"
ESCAPES = str.maketrans({ESCAPE: ESCAPE + "0", BETWEEN: ESCAPE + "1"})


def row_of(key: str, others: int) -> tuple[Any, ...]:  # Any: text, and text or None
    """The row that one text of `different` stands for: the first column's value, and those of so many others."""
    if not others:
        return (key,)
    if others == 1:
        other, _, first = key.partition(BETWEEN)
        return first, _unescaped(other)
    *beside, first = key.split(BETWEEN, others)
    return (first, *map(_unescaped, beside))


def _unescaped(part: str) -> str | None:
    if ESCAPE not in part:
        return part
    return None if part == NULL else part.replace(ESCAPE + "1", BETWEEN).replace(ESCAPE + "0", ESCAPE)
