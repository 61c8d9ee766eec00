"""What a function may ask for by annotating a parameter: `http: ph.Http`, `since: ph.Cursor`, `train: ph.TrainingSet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    import pyarrow as pa


class Http(Protocol):
    """The connection of a source: addresses are relative to its `url`, its sign-in is added, every answer's bytes are stored.

    A rebuild from stored bytes (`run --full`) answers from the store and asks nobody.
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
    """How far a source has been read: the largest value of its cursor column that is committed, or None the first time.

    As a request parameter it is that value as text (ISO 8601 for times), and is left out when there is none.
    """

    value: Any

    def __bool__(self) -> bool: ...
    def __str__(self) -> str: ...


class TrainingSet(Protocol):
    """Features and label at the moments a label table asks about, as they were known then."""

    X: pd.DataFrame
    """One column a feature; one row a moment."""
    y: pd.Series[Any]
    moments: pa.Table
    """The entity's columns and `as_of`, in the order of X and y."""
    snapshot: int


SERVICES: dict[str, type] = {"Http": Http, "Cursor": Cursor, "TrainingSet": TrainingSet}
FORMS: frozenset[str] = frozenset(
    {"pl.LazyFrame", "pl.DataFrame", "pd.DataFrame", "pa.Table", "pa.RecordBatchReader", "duckdb.DuckDBPyRelation"}
)
"""Forms in which a function may ask for a table, by the text of the annotation."""
