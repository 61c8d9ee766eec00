"""Feature values as the frame that an estimator takes, of the same types whether there are a million rows or one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

ColumnForm = Literal["number", "text"]


def frame(values: pa.Table, columns: Sequence[str]) -> pd.DataFrame:
    """The columns as a DataFrame. Numbers and true/false become float64 with null as NaN; text stays, with null as NaN.

    The type of a column never depends on the values in it: an estimator that was fit on floats is asked with floats.
    """
    return frame_of(arrays_of(values, columns))


def arrays_of(values: pa.Table, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The columns as arrays: float64 with NaN for null, and text as objects with None for null."""
    import pyarrow as pa

    arrays: dict[str, NDArray[Any]] = {}
    for name, form in column_forms(values.schema, columns).items():
        column = values[name]
        if form == "number":
            arrays[name] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        else:
            arrays[name] = column.to_numpy(zero_copy_only=False)
    return arrays


def frame_of(arrays: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Arrays as `arrays_of` gives them, in a DataFrame."""
    import pandas as pd

    return pd.DataFrame(
        {name: pd.array(array, dtype="str") if array.dtype == object else array for name, array in arrays.items()},
        columns=list(arrays),
    )


def column_forms(schema: pa.Schema, columns: Sequence[str]) -> dict[str, ColumnForm]:
    """What each column is to an estimator. Raises BuildError for types that are neither number nor text."""
    import pyarrow as pa

    types = pa.types
    forms: dict[str, ColumnForm] = {}
    for name in columns:
        kind = schema.field(name).type
        if any(test(kind) for test in (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal)):
            forms[name] = "number"
        elif types.is_string(kind) or types.is_large_string(kind):
            forms[name] = "text"
        else:
            raise BuildError(
                f"feature column '{name}' is {kind}, which an estimator can't take",
                mend="Make it a number, such as the days since: date_diff('day', max(o.at), any_value(m.as_of)).",
            )
    return forms
