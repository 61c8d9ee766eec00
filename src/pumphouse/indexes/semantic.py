"""Searching an index by meaning and by words: two rankings of the rows of one snapshot, fused.

Ranks are fused by their reciprocals, 1 / (60 + rank), as in G. V. Cormack, C. L. A. Clarke, S. Büttcher: Reciprocal
Rank Fusion outperforms Condorcet and individual Rank Learning Methods, SIGIR 2009: it needs no common scale of scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.errors import BadRequest, LakeError
from pumphouse.indexes import words
from pumphouse.indexes.excerpts import Excerpt, Marks, excerpt
from pumphouse.indexes.manifest import current
from pumphouse.indexes.queries import LENGTH_MAX
from pumphouse.indexes.searching import LIMIT_MAX, Found, Hit, SightAt, matching
from pumphouse.indexes.sights import Sight, seen
from pumphouse.indexes.vectors import Embed, nearest
from pumphouse.lake.lake import Lake
from pumphouse.lake.rows import rows_of

K = 60
"""By which the first ranks do not count so much more than the next."""
CANDIDATES_MIN = 100
"""How many rows each of the two rankings has at least."""
QUESTION_CHARACTERS_MAX = 10_000
QUESTION_WORDS_MAX = 60
"""How many of its first words are looked for, as many as one search may name."""


def search_by_meaning(
    lake: Lake,
    asset: Asset,
    question: str,
    *,
    embed: Embed | None,
    where: Mapping[str, str] | None = None,
    limit: int = 10,
    snapshot: int | None = None,
    sight: SightAt | None = None,
) -> Found:
    """The first `limit` rows of an index by the nearness of their vectors and by the words of a question, fused.

    Both rank only rows that `where` leaves, at one snapshot. `total` counts the rows that either of them ranked; rows
    whose text has no vector yet, which `scanned` counts, are found by words alone. `sight` is as in `search`: only
    rows that somebody sees are compared. Raises BadRequest where the index has no function that embeds texts, or
    somebody does not see all of a text that has a vector, and what `search` and `nearest` raise.
    """
    if embed is None:
        raise BadRequest(
            f"index '{asset.name}' is searched by words alone",
            mend="Declare a function that embeds texts: ph.search(..., embed=function).",
        )
    at = lake.snapshot() if snapshot is None else snapshot
    sees = sight(at) if sight is not None else None
    if sees is not None and not sees.plain.issuperset(asset.spec.text):
        hidden = ", ".join(one for one in asset.spec.text if one not in sees.plain)
        raise BadRequest(
            f"index '{asset.name}' can't be searched by meaning by you: its vectors are of {hidden} too",
            asset=asset.name,
            mend="By words you search what you see of it.",
        )
    if len(question) > QUESTION_CHARACTERS_MAX:
        raise BadRequest(f"a question has at most {QUESTION_CHARACTERS_MAX:,} characters", asset=asset.name)
    limit = max(1, min(limit, LIMIT_MAX))
    count = max(limit, CANDIDATES_MIN)
    among = None
    if where:
        among = matching(lake, asset, "*", where=where, snapshot=at, sight=sight).table
    elif sees is not None:
        among = seen(lake, asset.name, sees, snapshot=at).all_ids
    near = nearest(
        lake, asset.name, table=asset.spec.table, question=question, embed=embed, code=asset.code, snapshot=at,
        among=among, is_part=sees is not None, count=count,
    )  # fmt: skip
    any_of = _any_of(words.analyzer().analyze(question))
    by_words: Sequence[int] = ()
    if any_of:
        found = matching(lake, asset, any_of, where=where, snapshot=at, limit=count, sight=sight)
        by_words = found.table["_rowid"].to_pylist()
    scores = fused((near.ids, by_words))
    best = sorted(scores, key=lambda row: (-scores[row], row))[:limit]
    manifest, _ = current(lake, asset.name)
    rows, key = _rows(lake, asset, best, snapshot=at, sees=sees), manifest.key if manifest is not None else ()
    key = key if sees is None or sees.plain.issuperset(key) else ()
    hits = tuple(
        Hit(
            key=tuple(rows[row][name] for name in key),
            score=scores[row],
            row=rows[row],
            excerpts=_excerpts(asset, question, rows[row]),
        )
        for row in best
    )
    return Found(hits=hits, total=len(scores), snapshot=at, table=asset.spec.table, scanned=near.without)


def _any_of(asked: Sequence[str]) -> str:
    """A search for any of the first words of a question."""
    chosen, length = [], 0
    for word in dict.fromkeys(asked[:QUESTION_WORDS_MAX]):
        length += len(f'"{word}" OR ')
        if length > LENGTH_MAX:
            break
        chosen.append(f'"{word}"')
    return " OR ".join(chosen)


def _excerpts(asset: Asset, question: str, row: Mapping[str, Any]) -> dict[str, Excerpt]:
    """Where words of the question stand in a row, if any does."""
    languages, found = dict(asset.spec.languages), {}
    for column in asset.spec.text:
        analyzer = words.analyzer(languages.get(column))
        marks = Marks(terms=frozenset(analyzer.analyze(question)), starts=frozenset(), like=frozenset())
        part = excerpt(str(row[column]), marks=marks, analyzer=analyzer) if row.get(column) is not None else None
        if part:
            found[column] = part
    return found


def _rows(
    lake: Lake, asset: Asset, ids: Sequence[int], *, snapshot: int, sees: Sight | None
) -> dict[int, dict[str, Any]]:
    """The rows with these ids, as they are seen at a snapshot. Raises LakeError where one is not there."""
    found = rows_of(lake, asset.spec.table, ids, snapshot=snapshot, shown=sees.shown if sees is not None else None)
    if len(found) < len(ids):
        mend = f"Build it again: pumphouse run {asset.name} --full"
        raise LakeError(f"index '{asset.name}' does not fit its table any more", asset=asset.name, mend=mend)
    return found


def fused(rankings: Sequence[Sequence[int]]) -> dict[int, float]:
    """The score of each row that one of the rankings has."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, 1):
            scores[row] = scores.get(row, 0.0) + 1 / (K + rank)
    return scores
