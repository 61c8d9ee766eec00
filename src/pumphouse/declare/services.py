"""What a function may ask for by annotating a parameter, as in `http: ph.Http`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    import pyarrow as pa


class Http(Protocol):
    """The connection of a source, for a parameter annotated `http: ph.Http`.

    Addresses are relative to the connection's `url`, its sign-in is added, every answer's bytes are stored. A rebuild
    from stored bytes (`run --full`) answers from the store and asks nobody.
    """

    def get(self, path: str, *, params: Mapping[str, object] | None = None) -> Any:
        """The JSON value of one answer. Raises SourceError naming the address, the status and what was tried."""
        ...

    def pages(
        self, path: str, *, params: Mapping[str, object] | None = None, records: str = "data", next_page: str = "next"
    ) -> Iterator[list[dict[str, Any]]]:
        """The records of each page until there is no next one. `records` and `next_page` name the fields of an answer.

        Raises SourceError when a page comes twice, when the bound on pages is reached, or when an answer is not JSON.
        """
        ...


class Cursor(Protocol):
    """How far a source has been read, for a parameter annotated `since: ph.Cursor`.

    `value` is the largest value of the source's cursor column that is committed, or None the first time. As a request
    parameter the cursor is that value as text (ISO 8601 for times), and is left out when there is none.
    """

    value: Any  # of the type of the cursor column

    def __bool__(self) -> bool: ...
    def __str__(self) -> str: ...


class TrainingSet(Protocol):
    """What a model learns from, for a parameter annotated `train: ph.TrainingSet`.

    Features and label at the moments that the label's table asks about, as they were known then.
    """

    X: pd.DataFrame
    """One column a feature; one row a moment."""
    y: pd.Series[Any]
    """The label, in the order of X."""
    moments: pa.Table
    """The entity's columns and `as_of`, in the order of X and y."""
    snapshot: int
    """The lake's snapshot that all of it was read at."""


SERVICES: dict[str, type] = {"Http": Http, "Cursor": Cursor, "TrainingSet": TrainingSet}
FORMS: frozenset[str] = frozenset(
    {"pl.LazyFrame", "pl.DataFrame", "pd.DataFrame", "pa.Table", "pa.RecordBatchReader", "duckdb.DuckDBPyRelation"}
)
"""Forms in which a function may ask for a table, by the text of the annotation."""
