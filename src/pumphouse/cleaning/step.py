"""What a column step is: it gives each cell of a column a clean value, or declines it with a reason.

A step is a frozen value; its `load` hands out the function that works on Arrow arrays. Equal cells are worked on once:
a column is taken apart into its different values, and put together again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa


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


@runtime_checkable
class Step(Protocol):
    """A step over one column. Its fields, `version` among them, decide its result and are its fingerprint."""

    __slots__ = ()

    name: ClassVar[str]
    """In Python, in SQL and on the command line."""

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

    def load(self, folder: Path) -> ArrayFunction:
        """The function that works on arrays, with all that it needs read from the project's `folder`."""
        ...

    def one(self, value: Any, /, **others: Any) -> Cell:  # any type a column may hold
        """What becomes of one value; `others` are the columns that the step looks at besides.

        Files are looked for from the working directory. `e164(default="DE").one("030 901820").value == "+4930901820"`
        """
        return one(self, value, others, folder=Path())


def one(step: Step, value: Any, others: Mapping[str, Any], *, folder: Path) -> Cell:  # any type a column may hold
    """What `step` makes of one value. The same function as for a table's column, over one row."""
    import pyarrow as pa

    if unknown := set(others) - set(step.reads):
        raise TypeError(f"{step.name} looks at {list(step.reads) or 'no other column'}, not at {sorted(unknown)}")
    cleaned = step.load(folder)(pa.array([value]), {name: pa.array([others.get(name)]) for name in step.reads})
    extra = {suffix: column[0].as_py() for suffix, column in cleaned.extra.items() if column[0].is_valid}
    return Cell(value=cleaned.values[0].as_py(), extra=extra, reason=cleaned.reasons[0].as_py())


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
        is_kind(kind) for is_kind in (types.is_large_string, types.is_string_view, types.is_integer, types.is_null)
    )


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


def each_pair(
    left: pa.Array, right: pa.Array, function: Callable[[Any, Any], Sequence[Any]], *types: pa.DataType
) -> tuple[pa.Array, ...]:  # Any: as above
    """As `each_value`, over pairs of cells. Null on the left stays null; null on the right is handed in as None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lefts, rights = left.dictionary_encode(), right.dictionary_encode()
    left_values, right_values = lefts.dictionary.to_pylist(), [*rights.dictionary.to_pylist(), None]
    width = len(right_values)
    right_codes = pc.fill_null(pc.cast(rights.indices, pa.int64()), width - 1)
    codes = pc.add(pc.multiply(pc.cast(lefts.indices, pa.int64()), width), right_codes)
    return each_value(codes, lambda code: function(left_values[code // width], right_values[code % width]), *types)
