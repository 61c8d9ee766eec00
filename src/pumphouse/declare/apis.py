"""Declaring an API as a source: what is asked, where an answer has its records, and how its pages follow each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pumphouse.declare.asset import Common, Declaration, names, place_of_caller, refuse_unknown, time_of
from pumphouse.declare.layouts import layout_of
from pumphouse.declare.sources import Lag, lag_of
from pumphouse.errors import ConfigError, did_you_mean

PAGES_MAX = 10_000
AT_ONCE = 4
PARENTS_MAX = 10_000
FORMATS = ("json", "csv", "xml")
CURSOR, TODAY = "cursor", "today"
"""`$cursor` in a parameter is how far the source has been read: where that is nowhere yet, the parameter is left out.
`$today` is the day of the visit. Any other `$name` is a setting."""
OPEN = re.compile(r"\$\$|\$(?P<name>[A-Za-z_]\w*)|\{(?P<column>[A-Za-z_]\w*)\}")
"""In a path, a parameter or a body: `$name`, or `{order_id}`, that column of the row of `per`; `$$` is a dollar."""

Path = tuple[str, ...]
"""Where something stands in an answer, from its outermost field inwards."""
By = Literal["once", "next", "link", "page", "offset", "cursor"]

_WHOLE = "."
_BOUNDS = {"max", "at_once"}
_COUNTED = {"in", "size", "total", "more", *_BOUNDS}
_PAGES: dict[str, set[str]] = {
    "next": {"max"},
    "link": {"max"},
    "page": {"first", "last", *_COUNTED},
    "offset": {"first", *_COUNTED},
    "cursor": {"param", "in", "more", "max"},
    "connection": {"param", "max"},
}
"""Ways in which pages follow each other, each with what else can be said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where an answer has its records."""

    at: Path | None = None
    """None: the answer is the list of them, or has it in its field `data`."""
    whole: bool = False
    """Whether the answer itself is the one record."""
    id_into: str | None = None
    """The column for the names of an object that has a record in each of its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How the pages of an answer follow each other."""

    by: By = "once"
    at: Path = ()
    """Where an answer has the address of the next page, or its cursor."""
    rel: str = "next"
    """Which address of the header Link is that of the next page."""
    param: Path = ()
    """The parameter that says which page; below the fields of a body where it stands in one."""
    in_body: bool = False
    first: int = 0
    size: int | str | None = None
    """How many records a full page has, or the parameter that says so: a shorter one is the last."""
    total: Path = ()
    """Where an answer has the number of all records."""
    last: Path = ()
    """Where an answer has the number of the last page."""
    more: Path = ()
    """Where an answer says whether there is another page."""
    pages_max: int = PAGES_MAX
    at_once: int = AT_ONCE
    """How many pages may be asked for at once, where it is known which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked of an API, and how its answers are read."""

    path: str
    params: tuple[tuple[str, Any], ...] = ()  # values as JSON has them
    body: Any = None  # JSON
    graphql: str | None = None
    records: Records = field(default_factory=Records)
    pages: Pages = field(default_factory=Pages)
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Per:
    """The table for each of whose rows an API is asked once."""

    table: str
    columns: tuple[str, ...]
    """Those that the request names."""
    asked_max: int = PARENTS_MAX
    """How many rows one run asks for; the others wait for the next."""
    at_once: int = AT_ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Spec of kind "api"."""

    connection: str
    call: Call
    cursor: str | None
    lag: Lag
    history: bool
    per: Per | None = None


def api(
    connection: str,
    path: str = "",
    *,
    records: str | Mapping[str, str] | None = None,
    pages: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    graphql: str | None = None,
    format: str | None = None,
    per: str | Mapping[str, Any] | None = None,
    key: str | tuple[str, ...] | None = None,
    cursor: str | None = None,
    lag: str | float | None = None,
    time: Mapping[str, str] | None = None,
    required: str | tuple[str, ...] | None = None,
    every: str | None = None,
    history: bool = False,
    layout: Mapping[str, str | tuple[str, ...]] | None = None,
    doc: str = "",
) -> Declaration:
    """A table of what an API answers below the connection's url, in JSON, CSV or XML.

    `records` is where an answer has them ("data.items"; "." makes the answer one row; {"at": "rates", "id": "currency"}
    reads an object of records by id). `pages` says how pages follow: {"next": "links.next"}, {"link": "next"}, {"page":
    "page"}, {"offset": "skip"}, {"cursor": "meta.next", "param": "cursor"} or, for GraphQL, {"connection":
    "data.orders"}. `params` are sent along, "$cursor" being how far it was read (less `lag`, for records that come
    late), "$today" the day and "$name" a setting; `body` is sent as JSON, and `graphql` is a query, whose variables are
    the `params`. `per` names a table: each row of it that is new or has changed is asked about once, `{order_id}` in
    the path or in `params` being its column. `layout` says how rows lie in the table's files, as of `ph.table`. Raises
    ConfigError for what means nothing.

    For example:

        raw_orders = ph.api(
            "shop_api",
            "/orders",
            records="data.items",
            pages={"next": "links.next"},
            params={"since": "$cursor", "limit": 200},
            key="order_id",
            cursor="updated_at",
            every="1h",
        )
        raw_refunds = ph.api("shop_api", "/orders/{order_id}/refunds", per="raw_orders", key="refund_id")
    """
    call = call_of(path, records=records, pages=pages, params=params, body=body, graphql=graphql, format=format)
    asked, late = _per(per, call, cursor), lag_of(lag, cursor=cursor, of="an API")
    return Declaration(
        kind="api",
        spec=Api(
            connection=connection,
            call=call,
            cursor=cursor,
            lag=late,
            history=history,
            per=asked,
        ),
        common=Common(
            doc=doc, key=names(key), required=names(required), time=time_of(time), every=every, layout=layout_of(layout)
        ),
        place=place_of_caller(),
        inputs=(asked.table,) if asked else (),
        settings=tuple(name for name in left_open(call, "name") if name not in (CURSOR, TODAY)),
    )


def call_of(
    path: str,
    *,
    records: str | Mapping[str, str] | None = None,
    pages: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    graphql: str | None = None,
    format: str | None = None,
) -> Call:
    """What is asked, once it is known to mean something. Raises ConfigError."""
    if body is not None and graphql is not None:
        raise ConfigError("a request has a body and a GraphQL query", mend="A query is sent in a body of its own.")
    if format is not None and format not in FORMATS:
        raise ConfigError(
            f"'{format}' is no format of an answer",
            mend=did_you_mean(format, FORMATS) or f"It is one of {', '.join(FORMATS)}.",
        )
    return Call(
        path=path,
        params=tuple((params or {}).items()),
        body=body,
        graphql=graphql,
        records=_records(records),
        pages=_pages(pages, has_body=body is not None or graphql is not None, is_graphql=graphql is not None),
        format=format,
    )


def left_open(call: Call, kind: Literal["name", "column"]) -> tuple[str, ...]:
    """The `$name`s or the `{column}`s of a call, each once."""
    texts = _texts((call.path, [value for _, value in call.params], call.body))
    return tuple(dict.fromkeys(found[kind] for text in texts for found in OPEN.finditer(text) if found[kind]))


def path_of(text: str | Iterable[str]) -> Path:
    """A place in an answer: "data.items" is the field items of the field data; one with a dot is given in a tuple."""
    return tuple(text.split(".")) if isinstance(text, str) else tuple(text)


def _per(given: str | Mapping[str, Any] | None, call: Call, cursor: str | None) -> Per | None:
    named = left_open(call, "column")
    if given is None:
        if in_path := [found[0] for found in OPEN.finditer(call.path) if found["column"]]:
            raise ConfigError(
                f"'{call.path}' names {in_path[0]}, and no table whose column that is",
                mend='Say which: per="raw_orders".',
            )
        return None
    options = {"table": given} if isinstance(given, str) else dict(given)
    refuse_unknown(options, {"table", "max", "at_once"}, what="the options of per have")
    if "table" not in options:
        raise ConfigError("per names no table", mend='Say {"table": "raw_orders", "max": 1000}.')
    if not named:
        raise ConfigError(
            f"'{call.path}' is the same for each row of '{options['table']}'",
            mend='Name a column of it in the path or in params: "/orders/{order_id}/refunds".',
        )
    if cursor is not None:
        raise ConfigError(
            f"a cursor and per='{options['table']}' are declared: each row of it is asked about from the start",
            mend="Leave out cursor; a key keeps what is there.",
        )
    bounds: dict[str, Any] = {"max": options.get("max", PARENTS_MAX), "at_once": options.get("at_once", AT_ONCE)}
    for name, value in bounds.items():
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"per has a '{name}' of {value!r}", mend="It is a whole number, 1 or more.")
    return Per(table=options["table"], columns=named, asked_max=bounds["max"], at_once=bounds["at_once"])


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case Mapping():
            yield from _texts(list(value.values()))
        case list() | tuple():
            for item in value:
                yield from _texts(item)


def _records(given: str | Mapping[str, str] | tuple[str, ...] | None) -> Records:
    if given is None:
        return Records()
    if isinstance(given, Mapping):
        refuse_unknown(given, {"at", "id"}, what="records have")
        if "id" not in given:
            raise ConfigError("records by id name no column for the id", mend='Say {"at": "rates", "id": "currency"}.')
        return Records(at=path_of(given["at"]) if "at" in given else None, id_into=given["id"])
    return Records(whole=True) if given == _WHOLE else Records(at=path_of(given))


def _pages(given: Mapping[str, Any] | None, *, has_body: bool, is_graphql: bool) -> Pages:
    if not given:
        return Pages()
    ways = [name for name in given if name in _PAGES]
    if len(ways) != 1:
        known = {*_PAGES, *(name for options in _PAGES.values() for name in options)}
        wrong = next((name for name in given if name not in known), "")
        raise ConfigError(
            f"pages say {' and '.join(map(repr, ways)) or 'nothing'} of how they follow each other",
            mend=did_you_mean(wrong, _PAGES) or f"Say one of {', '.join(_PAGES)}.",
        )
    way = ways[0]
    refuse_unknown(given, {way, *_PAGES[way]}, what=f"pages by {way} have")
    for name in ("max", "at_once"):
        if name in given and (not isinstance(given[name], int) or given[name] < 1):
            raise ConfigError(f"pages have a '{name}' of {given[name]!r}", mend="It is a whole number, 1 or more.")
    in_body = given.get("in", "body" if has_body else "query")
    if in_body not in ("body", "query"):
        raise ConfigError(f"pages stand in '{in_body}'", mend='A page is named in the "query" or in the "body".')
    common: dict[str, Any] = {
        "in_body": in_body == "body",
        "pages_max": given.get("max", PAGES_MAX),
        "at_once": given.get("at_once", AT_ONCE),
        "size": given.get("size"),
        **{name: path_of(given[name]) for name in ("total", "last", "more") if name in given},
    }
    inside = ("variables",) if is_graphql else ()
    match way:
        case "next":
            return Pages(by="next", at=path_of(given["next"]), **common)
        case "link":
            return Pages(by="link", rel=given["link"], **common)
        case "page" | "offset" as by:
            first = given.get("first", 1 if by == "page" else 0)
            return Pages(by=by, param=(*inside, *path_of(given[by])), first=first, **common)
        case "cursor":
            param = (*inside, *path_of(given.get("param", "cursor")))
            return Pages(by="cursor", at=path_of(given["cursor"]), param=param, **common)
    info = (*path_of(given["connection"]), "pageInfo")
    common["more"] = (*info, "hasNextPage")
    param = (*inside, *path_of(given.get("param", "after")))
    return Pages(by="cursor", at=(*info, "endCursor"), param=param, **common)
