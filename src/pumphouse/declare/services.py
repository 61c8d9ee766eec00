"""What a function may ask for by annotating a parameter, as in `http: ph.Http`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    import pyarrow as pa


class Http(Protocol):
    """The connection of a source, for a parameter annotated `http: ph.Http`.

    Addresses are relative to the connection's `url`, its sign-in is added, every answer's bytes are stored. A rebuild
    from stored bytes (`run --full`) answers from the store and asks nobody.
    """

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: Any = None,
        graphql: str | None = None,
    ) -> Any:
        """The JSON value of one answer. Raises SourceError naming the address, the status and what was tried.

        With `body`, which is sent as JSON, or a `graphql` query with `params` as its variables it is a POST.
        """
        ...

    def pages(
        self,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        records: str | Mapping[str, str] | None = None,
        pages: Mapping[str, Any] | None = None,
        body: Any = None,
        graphql: str | None = None,
        format: str | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """The records of each page until there is no next one, said in the words of `ph.api`.

        Without `records` an answer is the list of them, or has it in its field `data`; without `pages` the address of
        the next page is in its field `next`. Raises SourceError when a page comes twice, when the bound on pages is
        reached, or when an answer can't be read.
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

    Features and label at the moments that the label's table asks about, as they were known then: every row of that
    table whose label is not null, once.
    """

    X: pd.DataFrame
    """One column a feature; one row a moment."""
    y: pd.Series[Any]
    """The label, in the order of X: 0 or 1 for a chance, float64 for a number."""
    task: Literal["chance", "number"]
    """What the label asks for: the chance that it is true, or the number that it is expected to be."""
    moments: pa.Table
    """The entity's columns, `as_of` and what requests bring along, in the order of X and y."""
    snapshot: int
    """The lake's snapshot that all of it was read at."""

    def split(self, *, by: Literal["time", "entity"], share: float = 0.2) -> tuple[TrainingSet, TrainingSet]:
        """Two sets, to learn from and to test on: about `share` of the rows are in the second.

        By time, the second holds the last moments, and the cut lies between two distinct `as_of`. A row whose label was
        not certain yet at the first of them (`as_of` + `matures` lies after it) is in neither: its label saw days that
        the second set asks about. By entity, the value of an entity alone decides where all its moments go. Raises
        BuildError where one of the two would be empty.
        """
        ...


SERVICES: dict[str, type] = {"Http": Http, "Cursor": Cursor, "TrainingSet": TrainingSet}
FORMS: frozenset[str] = frozenset(
    {"pl.LazyFrame", "pl.DataFrame", "pd.DataFrame", "pa.Table", "pa.RecordBatchReader", "duckdb.DuckDBPyRelation"}
)
"""Forms in which a function may ask for a table, by the text of the annotation."""
