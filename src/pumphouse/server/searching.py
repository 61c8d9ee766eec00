"""Searching over HTTP: what an address asks of an index, and the answer as JSON or as rows in any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import anyio.to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.engines.parameters import literal
from pumphouse.errors import BadRequest, did_you_mean
from pumphouse.project.found import Found, as_json
from pumphouse.project.search_calls import index_of, where_of
from pumphouse.server.access.desk import Statement
from pumphouse.server.asked import NUMBER_MAX, OF_A_FORMAT, options_of
from pumphouse.server.formats.chosen import ending_of
from pumphouse.server.replies import json_reply, number_of
from pumphouse.server.shared import Shared, admitted, reads, shared
from pumphouse.server.streams import RowsReply

DOOR = "search"
HITS = 20
HITS_MAX = 200
OF_A_SEARCH = ("q", "where", "sort", "facet", "limit", "after", "snapshot", "semantic")
OF_A_FILE = ("q", "limit", "snapshot")
REPEATED = ("where", "facet")
WHERE_MAX = 20
FACETS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody asks of an index."""

    q: str
    where: tuple[tuple[str, str], ...] = ()
    """Columns with the value that a row has to have there, or what it is compared with where the column ends so."""
    sort: str | None = None
    facets: tuple[str, ...] = ()
    """Columns whose values are counted; without any, those that are declared."""
    limit: int = HITS
    after: str | None = None
    snapshot: int | None = None
    semantic: bool = False
    """Whether it is found by meaning, and not by words alone."""

    @property
    def filters(self) -> tuple[str, ...]:
        """`where` as an address has it."""
        return tuple(f"{column}{'' if column[-1] in '<>=' else '='}{value}" for column, value in self.where)

    @property
    def address(self) -> str:
        """The same as the parameters of an address; what is as usual is left out."""
        said: list[tuple[str, str]] = [("q", self.q)] if self.q else []
        said += [("where", text) for text in self.filters]
        said += [("facet", one) for one in self.facets]
        others = {
            "sort": self.sort,
            "after": self.after,
            "limit": None if self.limit == HITS else self.limit,
            "snapshot": self.snapshot,
            "semantic": 1 if self.semantic else None,
        }
        return urlencode([*said, *((name, str(value)) for name, value in others.items() if value is not None)])

    def with_where(self, column: str, value: str) -> Question:
        """The same of rows that have this value."""
        return replace(self.without_where(column), where=(*self.without_where(column).where, (column, value)))

    def without_where(self, column: str) -> Question:
        """The same of rows with any value there."""
        return replace(self, where=tuple(one for one in self.where if one[0] != column), after=None)


def question_of(parameters: QueryParams) -> Question:
    """What an address asks. Raises BadRequest for what can't be read."""
    _only(parameters, OF_A_SEARCH)
    where = []
    for text in parameters.getlist("where"):
        pair = where_of(text)
        if pair is None:
            mend = "Write where=COLUMN=VALUE, or COLUMN>=VALUE, and that again for another."
            raise BadRequest(f"where is '{text[:40]}'", mend=mend)
        where.append(pair)
    if len(where) > WHERE_MAX:
        raise BadRequest(f"more than {WHERE_MAX} columns are filtered by")
    if len({column for column, _ in where}) < len(where):
        raise BadRequest("a column is filtered by twice", mend="Give each column once.")
    facets = dict.fromkeys(parameters.getlist("facet"))
    if len(facets) > FACETS_MAX:
        raise BadRequest(f"more than {FACETS_MAX} columns are counted by")
    limit = number_of(parameters, "limit", most=HITS_MAX)
    if limit == 0:
        raise BadRequest("limit is 0", mend="Ask for one hit at least.")
    return Question(
        q=parameters.get("q", "").strip(),
        where=tuple(where),
        sort=parameters.get("sort") or None,
        facets=tuple(facets),
        after=parameters.get("after") or None,
        limit=HITS if limit is None else limit,
        snapshot=number_of(parameters, "snapshot", most=NUMBER_MAX),
        semantic=number_of(parameters, "semantic", most=1) == 1,
    )


async def search(request: Request) -> Any:  # an ASGI application
    """`GET /api/search/NAME?q=`: what an index finds, as JSON; `/api/search/NAME.csv?q=`: all of it, in any format."""
    reads(request)
    name, form = ending_of(request.path_params["name"])
    if form is None:
        return await anyio.to_thread.run_sync(partial(_hits, request, name), limiter=shared(request).searching)
    parameters, here, visitor = request.query_params, shared(request), reads(request)
    _only(parameters, (*OF_A_FILE, *OF_A_FORMAT))
    query, limit = _words(parameters, name), number_of(parameters, "limit", most=NUMBER_MAX)
    snapshot = number_of(parameters, "snapshot", most=NUMBER_MAX)

    def ask() -> Statement:
        index = index_of(name, here.desk.policies.indexes(visitor, snapshot=here.desk.at(snapshot)))
        text = f"FROM search({literal(index)}, ?) ORDER BY score DESC"
        text += "" if limit is None else f" LIMIT {limit}"
        return here.desk.ask(visitor, text, door=DOOR, parameters=[query], snapshot=snapshot)

    return RowsReply(ask=ask, form=form, options=options_of(parameters), filename=f"{name}.{form.name}")


def found_by(here: Shared, request: Request, name: str, question: Question, *, door: str) -> tuple[str, Found]:
    """The index, and what it finds, recorded as read. Raises UnknownName where there is no such index for them."""
    visitor = reads(request)
    at, policies = here.desk.at(question.snapshot), here.desk.policies
    index = index_of(name, indexes := policies.indexes(visitor, snapshot=at))
    found = here.project.search(
        index,
        question.q or "*",
        where=dict(question.where),
        order=question.sort or "score",
        facets=question.facets or None,
        limit=question.limit,
        after=question.after,
        snapshot=question.snapshot if question.after else at,  # the page before names its own
        semantic=question.semantic,
        sight=lambda at: policies.of(visitor, indexes[index], snapshot=at).sight,
    )
    for read in (index, found.table):
        way = admitted(request, read, door=door)
        way.seen(snapshot=found.snapshot, rows=len(found.hits), detail=question.q)
    return index, found


def _hits(request: Request, name: str) -> Response:
    _words(request.query_params, name)
    question = question_of(request.query_params)
    _, found = found_by(shared(request), request, name, question, door=DOOR)
    return json_reply(as_json(found))


def _words(parameters: QueryParams, name: str) -> str:
    text = parameters.get("q", "").strip()
    if not text:
        raise BadRequest("there is nothing to look for", mend=f"Ask as /api/search/{name}?q=WORDS; * is everything.")
    return text


def _only(parameters: QueryParams, known: Sequence[str]) -> None:
    """Raise BadRequest where the address has a parameter that means nothing, or one twice that is one."""
    names = [name for name, _ in parameters.multi_items()]
    for name in names:
        if name not in known:
            mend = did_you_mean(name, known) or f"There are {', '.join(known)}."
            raise BadRequest(f"there is no parameter '{name[:40]}'", mend=mend)
    once = [name for name in names if name not in REPEATED]
    if len(set(once)) < len(once):
        raise BadRequest("a parameter is given twice", mend="Give it once.")
