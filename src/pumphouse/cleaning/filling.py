"""Filling gaps, and saying which cells were gaps. What they are filled with is a fit: computed once and stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pumphouse.cleaning.step import Cleaned
from pumphouse.declare.asset import names
from pumphouse.errors import BuildError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

How = Literal["median", "mode", "constant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """The step that `fill` makes."""

    name: ClassVar[str] = "fill"
    how: How
    value: Any = None  # any type that a column may hold
    by: tuple[str, ...] = ()
    version: str = field(default="1", init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that make the groups."""
        return self.by

    @property
    def has_fit(self) -> bool:
        """Whether what it fills with comes from the data."""
        return self.how != "constant"

    def fit_name(self, column: str) -> str:
        """What its fit is stored under; another one where anything that decides the fit changes."""
        groups = f" by {', '.join(self.by)}" if self.by else ""
        return f"fill {column} with its {self.how}{groups}, version {self.version}"


def fill(
    how: Literal["median", "mode"] | None = None, *, value: Any = None, by: list[str] | tuple[str, ...] | str = ()
) -> Fill:  # Any: as in Fill
    """A step that fills gaps (null) and says in `<column>__filled` which cells it filled.

    With the "median" (of an even count the lower of the two in the middle, so that it is a value of the column), the
    "mode" (of equally frequent ones the smallest), or one `value`; `by` columns, one for each group. What was computed
    is stored as `<table>__fit` and used again until `--refit`. A group that had no value when it was computed keeps its
    gaps.

    `col.income >> fill("median", by=["job", "region"])`, `col.orders >> fill(value=0)`
    """
    if how is not None and how not in ("median", "mode"):
        near = did_you_mean(str(how), ("median", "mode"))
        raise ValueError(
            f"fill has no '{how}'. {near or 'There are median and mode'}; a constant is fill(value={how!r})"
        )
    if (how is None) == (value is None):
        raise ValueError("fill takes either how, as in fill('median'), or a constant, as in fill(value=0)")
    if how is None and by:
        raise ValueError("fill with a constant has no groups: leave out 'by'")
    return Fill(how=how or "constant", value=value, by=names(by))


def filled(column: pa.Array, groups: list[pa.Array], values: Mapping[tuple[str | None, ...], str | None]) -> Cleaned:
    """The column with its gaps filled from `values` (as text, by the text of the group), and which ones were filled."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gaps = pc.is_null(column)
    keys = [as_text(group.filter(gaps)).to_pylist() for group in groups]
    wanted = (
        [values.get(key) for key in zip(*keys, strict=True)]
        if keys
        else [values.get(())] * pc.sum(gaps, min_count=0).as_py()
    )
    try:
        replacements = pc.cast(pa.array(wanted, pa.string()), column.type)
    except pa.ArrowInvalid as error:
        raise BuildError(
            f"what the gaps are filled with does not fit the column's type, {column.type}: {error}",
            mend="Compute it anew with --refit, or give another value.",
        ) from None
    result = pc.replace_with_mask(column, gaps, replacements)
    return Cleaned(
        values=result,
        reasons=pa.nulls(len(column), pa.string()),
        extra={"filled": pc.and_(gaps, pc.is_valid(result))},
    )


def as_text(column: pa.Array) -> pa.Array:
    """A column of any flat type as text that can be cast back to it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    flat = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return pc.cast(flat, pa.string())
