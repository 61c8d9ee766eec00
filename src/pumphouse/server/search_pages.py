"""The page on which people search a table: what was found, with the words marked, and ways to narrow it down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Search
from pumphouse.errors import QueryError
from pumphouse.indexes.values import typed
from pumphouse.project.found import Found, Hit
from pumphouse.project.search_calls import index_of
from pumphouse.server.access.policies import Policy
from pumphouse.server.drawing import cell
from pumphouse.server.searching import Question, found_by, question_of
from pumphouse.server.shared import reads, shared

TEXT_CHARACTERS_MAX = 240
"""How much of a text is shown in which no word was found."""
COLUMNS_SHOWN = 6
"""Columns beside those that are searched, of an index that filters and sorts by none."""

Pieces = Sequence[tuple[str, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A cell of a row that was found; `address` finds the rows that have the same."""

    column: str
    value: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHit:
    """A row that was found, ready to be shown."""

    key: str
    title: Pieces
    texts: Sequence[tuple[str, Pieces]]
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A link to the same search, a little different."""

    label: str
    address: str
    is_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A value of a column, with how many of the rows found have it."""

    label: str
    count: int
    address: str
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFacet:
    """A column by which the rows found can be narrowed down."""

    column: str
    by: str
    values: Sequence[Counted]
    others: int
    missing: int


async def page(request: Request) -> Response:
    """`/search/NAME?q=`: what an index finds. Without words it is all rows."""
    return await anyio.to_thread.run_sync(_page, request, limiter=shared(request).searching)


def _page(request: Request) -> Response:
    here, visitor = shared(request), reads(request)
    indexes = here.desk.policies.indexes(visitor, snapshot=here.desk.at(None))
    name = index_of(request.path_params["name"], indexes)
    asset = here.project.assets[name]
    policy = here.desk.policies.of(visitor, indexes[name], snapshot=here.desk.at(None))
    spec = _seen(asset.spec, policy)
    question = question_of(_filled(request.query_params))
    if question.semantic and not question.q:
        question = replace(question, semantic=False)
    if not question.q and question.sort is None and spec.sort:
        question = replace(question, sort="newest")
    address = f"/search/{quote(name)}"
    found, complaint = None, None
    try:
        _, found = found_by(here, request, name, question, door="page")
    except QueryError as error:  # somebody is still typing
        complaint = error
    return here.drawing.page(
        "search.html",
        who=visitor.who,
        name=name,
        table=spec.table,
        doc=asset.common.doc,
        text_columns=spec.text,
        is_part=not policy.is_whole,
        is_told=name in here.known(visitor),
        question=question,
        address=address,
        found=found,
        complaint=complaint,
        hits=[_shown(hit, spec, question, address) for hit in found.hits] if found else [],
        filters=[_without(column, value, question, address) for column, value in question.where],
        orders=_orders(spec, question, address),
        manners=_manners(question, address) if question.q and _has_meaning(asset, policy) else [],
        facets=list(_facets(found, question, address)) if found else [],
        other=_other(found, question, address),
        more=_more(found, question, address),
        snapshot=found.snapshot if found else here.desk.at(None),
    )


def _seen(spec: Search, policy: Policy) -> Search:
    """The index as its page names it to somebody: with the columns that are there for them."""
    there, sight = frozenset(policy.columns), policy.sight
    plain = there if sight is None else sight.plain
    return replace(
        spec,
        text=tuple(one for one in spec.text if one in there),
        filter=tuple(one for one in spec.filter if one in there),
        facet=tuple(one for one in spec.facet if one in there),
        sort=spec.sort if spec.sort in plain else None,
        sorts=tuple(one for one in spec.sorts if one in there),
    )


def _filled(parameters: QueryParams) -> QueryParams:
    """The parameters that say something: a form sends its empty fields too."""
    return QueryParams([(name, value) for name, value in parameters.multi_items() if value.strip()])


def _shown(hit: Hit, spec: Search, question: Question, address: str) -> ShownHit:
    texts = [(column, _pieces(hit, column)) for column in spec.text]
    (_, title), *others = texts
    named = [name for name in spec.whole if name in hit.row]
    if not named:
        named = [name for name in hit.row if name not in spec.text][:COLUMNS_SHOWN]
    return ShownHit(
        key=", ".join(cell(value) or "" for value in hit.key),
        title=title,
        texts=[(column, pieces) for column, pieces in others if pieces],
        facts=list(_cells(hit, dict.fromkeys(named), spec, question, address)),
    )


def _pieces(hit: Hit, column: str) -> Pieces:
    """A text with its words marked, or the beginning of it."""
    if column in hit.excerpts:
        return hit.excerpts[column].pieces
    text = hit.row.get(column)
    if text is None:
        return ()
    text = str(text)
    return ((text if len(text) <= TEXT_CHARACTERS_MAX else text[:TEXT_CHARACTERS_MAX] + "…", False),)


def _cells(
    hit: Hit, columns: Sequence[str] | dict[str, Any], spec: Search, question: Question, address: str
) -> Iterator[Fact]:
    for column in columns:
        value = hit.row[column]
        shown = cell(value)
        if shown is None:
            continue
        link = None
        if column in spec.whole and isinstance(value, str):
            link = f"{address}?{question.with_where(column, value).address}"
        yield Fact(column=column, value=shown, address=link)


def _without(column: str, value: str, question: Question, address: str) -> Way:
    label = f"{column} {value}" if column[-1] in "<>=" else f"{column}: {value}"
    return Way(label=label, address=f"{address}?{question.without_where(column).address}", is_on=True)


def _orders(spec: Search, question: Question, address: str) -> list[Way]:
    """The orders there are, where there is more than one."""
    if not spec.sort or question.semantic:
        return []
    ways = (("best first", None if question.q else "score"), (f"newest by {spec.sort}", "newest"))
    return [
        Way(
            label=label,
            address=f"{address}?{replace(question, sort=sort, after=None).address}",
            is_on=(question.sort or "score") == (sort or "score"),
        )
        for label, sort in ways
    ]


def _has_meaning(asset: Asset, policy: Policy) -> bool:
    """Whether somebody may find rows by the vectors of their text."""
    return bool(asset.code) and (policy.sight is None or policy.sight.plain.issuperset(asset.spec.text))


def _manners(question: Question, address: str) -> list[Way]:
    """By words, or by meaning too."""
    plain = replace(question, after=None, sort=None, facets=())
    return [
        Way(
            label=label,
            address=f"{address}?{replace(plain, semantic=is_semantic).address}",
            is_on=question.semantic == is_semantic,
        )
        for label, is_semantic in (("by words", False), ("by meaning", True))
    ]


def _more(found: Found | None, question: Question, address: str) -> Way | None:
    if found is None or found.after is None:
        return None
    return Way(label="Next page", address=f"{address}?{replace(question, after=found.after).address}")


def _other(found: Found | None, question: Question, address: str) -> Way | None:
    """What may have been meant."""
    if found is None or found.suggestion is None:
        return None
    meant = replace(question, q=found.suggestion, after=None)
    return Way(label=found.suggestion, address=f"{address}?{meant.address}")


def _facets(found: Found, question: Question, address: str) -> Iterator[ShownFacet]:
    """What rows can be narrowed down to: a value that was chosen takes itself away."""
    chosen = dict(question.where)
    for facet in found.facets.values():
        ways = []
        for value, count in facet.counts:
            text = typed(value)
            is_on = chosen.get(facet.column) == text
            other = question.without_where(facet.column) if is_on else question.with_where(facet.column, text)
            label = cell(value) or "(empty)"
            ways.append(Counted(label=label, count=count, address=f"{address}?{other.address}", is_on=is_on))
        if ways:
            yield ShownFacet(column=facet.column, by=facet.by, values=ways, others=facet.others, missing=facet.missing)
