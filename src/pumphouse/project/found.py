"""What a search found, in the forms in which it is handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Excerpt(Protocol):
    """A part of a text, as `indexes.excerpts.Excerpt` is."""

    @property
    def pieces(self) -> Sequence[tuple[str, bool]]: ...


class Hit(Protocol):
    """A row that was found, as `indexes.searching.Hit` says what each value means."""

    @property
    def key(self) -> Sequence[Any]: ...  # cells of any type
    @property
    def score(self) -> float | None: ...
    @property
    def row(self) -> Mapping[str, Any]: ...  # cells of any type
    @property
    def excerpts(self) -> Mapping[str, Excerpt]: ...


class Facet(Protocol):
    """How many rows have each value of a column, as `indexes.facets.Facet` says what each value means."""

    @property
    def column(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def counts(self) -> Sequence[tuple[Any, int]]: ...
    @property
    def others(self) -> int: ...
    @property
    def missing(self) -> int: ...


class Found(Protocol):
    """What a search found, as `indexes.searching.Found` says what each value means."""

    @property
    def snapshot(self) -> int: ...
    @property
    def table(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def scanned(self) -> int: ...
    @property
    def hits(self) -> Sequence[Hit]: ...
    @property
    def facets(self) -> Mapping[str, Facet]: ...
    @property
    def after(self) -> str | None: ...
    @property
    def suggestion(self) -> str | None: ...


def as_json(found: Found) -> Mapping[str, Any]:
    """What was found, for programs. Excerpts are pieces, each with whether it is a word that was looked for."""
    return {
        "snapshot": found.snapshot,
        "table": found.table,
        "total": found.total,
        "scanned": found.scanned,
        "hits": [
            {
                "key": hit.key,
                "score": hit.score,
                "row": hit.row,
                "excerpts": {column: one.pieces for column, one in hit.excerpts.items()},
            }
            for hit in found.hits
        ],
        "facets": {
            name: {"counts": facet.counts, "others": facet.others, "missing": facet.missing}
            for name, facet in found.facets.items()
        },
        "after": found.after,
        "suggestion": found.suggestion,
    }
