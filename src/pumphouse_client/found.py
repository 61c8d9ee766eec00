"""What a search found: the same as an open project gives, from a server's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Pieces of a text, each with whether it is a word that was looked for."""

    pieces: tuple[tuple[str, bool], ...]

    @property
    def html(self) -> str:
        """The excerpt for a page: escaped, with words found in `<mark>`."""
        return "".join(f"<mark>{escape(text)}</mark>" if found else escape(text) for text, found in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A row that was found. Days, moments and decimals of it are texts, as JSON has them."""

    key: tuple[Any, ...]
    score: float | None
    """None where hits are in another order."""
    row: dict[str, Any]
    excerpts: dict[str, Excerpt]
    """For each text column in which a word was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """The values of a column, each with how many rows have it; `others` have another one, `missing` none."""

    counts: tuple[tuple[Any, int], ...]
    others: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to. `total` counts all rows that match, `hits` are the first of them, all at `snapshot`."""

    hits: tuple[Hit, ...]
    total: int
    snapshot: int
    table: str
    scanned: int = 0
    """How many rows were read beside the index for this."""
    facets: dict[str, Facet] = field(default_factory=dict)
    """By what was counted: each value with how many of all rows that match have it."""
    after: str | None = None
    """Where the next page begins; None where there is no other hit."""
    suggestion: str | None = None
    """A query that finds more, where this one finds next to nothing."""

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """The rows of the hits, in their order."""
        return tuple(hit.row for hit in self.hits)


def found_of(told: Mapping[str, Any]) -> Found:
    """What a server said."""
    return Found(
        hits=tuple(
            Hit(
                key=tuple(one["key"]),
                score=one["score"],
                row=one["row"],
                excerpts={
                    column: Excerpt(pieces=tuple((text, is_found) for text, is_found in pieces))
                    for column, pieces in one["excerpts"].items()
                },
            )
            for one in told["hits"]
        ),
        total=told["total"],
        snapshot=told["snapshot"],
        table=told["table"],
        scanned=told["scanned"],
        facets={
            name: Facet(counts=tuple(map(tuple, one["counts"])), others=one["others"], missing=one["missing"])
            for name, one in told["facets"].items()
        },
        after=told["after"],
        suggestion=told["suggestion"],
    )
