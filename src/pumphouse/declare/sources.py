"""Declaring where data comes from: a function, files, a database, a website, a survey."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pumphouse.declare.asset import (
    Common,
    Declaration,
    Part,
    Time,
    names,
    place_of_caller,
    place_of_function,
    with_brackets,
)

Mode = Literal["replace", "append", "upsert", "compare"]


def mode(*, key: tuple[str, ...], cursor: str | None) -> Mode:
    """How what was fetched meets what is there.

    Key and cursor upsert, a cursor alone appends, a key alone compares the whole, neither replaces.
    """
    if cursor:
        return "upsert" if key else "append"
    return "compare" if key else "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSource:
    """Spec of kind "source": a generator function over services."""

    connection: str | None
    cursor: str | None
    history: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWidth:
    """Lines cut by position, after white space is taken off: `fixed_width(customer_id=5, bought_at="date", ...)`.

    A column is either a width in characters (read as an integer where all of it is digits, else text), or the name of
    a form: "date" (YYYYMMDD), "money" (a decimal), "integer", "text", which reaches to the next white space.
    """

    columns: tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimited:
    """CSV or TSV with a header line; `delimiter=None` finds it."""

    delimiter: str | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Spec of kind "files". `format=None` goes by the file's ending."""

    pattern: str
    format: FixedWidth | Delimited | None
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTable:
    """Spec of kind "database": one table of a connection."""

    connection: str
    table: str
    cursor: str | None
    history: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """Spec of kind "website": where to start, which links to follow, what one item is made of (CSS selectors)."""

    connection: str
    start: str
    follow: tuple[str, ...]
    item: tuple[tuple[str, str], ...]
    pages_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Spec of kind "survey": a SurveyJS JSON file of the project. Answers arrive through the server."""

    path: str


@with_brackets
def source(
    *,
    connection: str | None = None,
    key: str | tuple[str, ...] | None = None,
    cursor: str | None = None,
    time: Mapping[str, str] | None = None,
    every: str | None = None,
    history: bool = False,
) -> Callable[[Callable[..., Any]], Declaration]:
    """A decorator for a generator function that yields rows (dicts, lists of dicts, Arrow) of an outside system.

    `key` and `cursor` upsert, a `cursor` alone appends, a `key` alone compares the whole, neither replaces.
    `history=True` keeps every version of a key. `time` names the columns of the event's time and of when it was known.
    `connection` names one of pumphouse.toml, `every` says when to look again: "1h", "day at 02:00".

    For example:

        @ph.source(connection="shop_api", key="order_id", cursor="updated_at", time={"event": "paid_at"}, every="1h")
        def raw_orders(http: ph.Http, since: ph.Cursor):
            '''Orders of the shop's API. One row per order; US cents.'''
            yield from http.pages("/orders", params={"since": since})
    """

    def declare(function: Callable[..., Any]) -> Declaration:
        return Declaration(
            kind="source",
            spec=FunctionSource(connection=connection, cursor=cursor, history=history),
            common=Common(doc=(function.__doc__ or "").strip(), key=names(key), time=Time(**(time or {})), every=every),
            place=place_of_function(function),
            function=function,
        )

    return declare


def files(
    pattern: str,
    *,
    format: FixedWidth | Delimited | None = None,
    key: str | tuple[str, ...] | None = None,
    time: Mapping[str, str] | None = None,
    every: str | None = None,
    doc: str = "",
) -> Declaration:
    """A table made of all files that match `pattern`, relative to the project's folder (an address also works).

    New or changed files are seen at each run; the bytes of each are stored before they are read. Without `format` the
    ending tells: csv, tsv, json, jsonl, parquet, each also as .gz.

    For example:

        raw_visits = ph.files("visits/*.csv.gz", key="visit_id", time={"event": "began_at"})
    """
    return Declaration(
        kind="files",
        spec=Files(pattern=pattern, format=format),
        common=Common(doc=doc, key=names(key), time=Time(**(time or {})), every=every),
        place=place_of_caller(),
    )


def fixed_width(**columns: int | str) -> FixedWidth:
    """A format of lines cut by position: each column is a width in characters, or a form that reads to the next blank.

    A width is read as an integer where all of it is digits, else as text. The forms are "date" (YYYYMMDD), "money" (a
    decimal), "integer" and "text".

    For example:

        lines = ph.fixed_width(customer_id=5, bought_at="date", cds="integer", amount_usd="money")
        raw_purchases = ph.files("purchases/*.txt", format=lines)
    """
    return FixedWidth(columns=tuple(columns.items()))


def csv(*, delimiter: str | None = None, encoding: str = "utf-8") -> Delimited:
    """A format of delimited lines with a header, for files whose ending or encoding doesn't tell.

    Without `delimiter` it is found in the file.

    For example:

        raw_bookings = ph.files("bookings/*.txt", format=ph.csv(delimiter=";", encoding="latin-1"))
    """
    return Delimited(delimiter=delimiter, encoding=encoding)


def database(
    connection: str, *, tables: Mapping[str, Mapping[str, Any]], every: str | None = None, history: bool = False
) -> Declaration:
    """Tables of a database, each an asset named `<variable>_<table>`.

    `tables` maps a table to its `key`, `cursor`, `time`, `required` and `doc`, all optional. `history=True` keeps every
    version of a key.

    For example, the assets `crm_customers` and `crm_staff`:

        crm = ph.database("shop_db", tables={"customers": {"key": "customer_id", "cursor": "updated_at"}, "staff": {}})
    """
    parts = []
    for table, options in tables.items():
        known = {"key", "cursor", "time", "doc", "required"}
        if unknown := set(options) - known:
            raise TypeError(f"database table '{table}' has no option {sorted(unknown)}; it has {sorted(known)}")
        parts.append(
            Part(
                suffix=table.replace(".", "_"),
                spec=DatabaseTable(connection=connection, table=table, cursor=options.get("cursor"), history=history),
                common=Common(
                    doc=options.get("doc", ""),
                    key=names(options.get("key")),
                    required=names(options.get("required")),
                    time=Time(**options.get("time", {})),
                    every=every,
                ),
            )
        )
    return Declaration(
        kind="database", spec=None, common=Common(every=every), place=place_of_caller(), parts=tuple(parts)
    )


def website(
    connection: str,
    *,
    item: Mapping[str, str],
    follow: str | tuple[str, ...] = (),
    start: str = "/",
    key: str | tuple[str, ...] | None = None,
    pages_max: int = 10_000,
) -> Declaration:
    """Items of a website: one row for each page on which the first selector of `item` is found.

    `follow` selects the links to walk, from `start`; robots.txt is honoured; pages are stored, so that a changed
    selector reads them again without a visit. Raises SourceError where more than `pages_max` pages are linked.

    For example:

        raw_products = ph.website("shop_site", follow="a.product", key="sku", item={"sku": "[data-sku]", "name": "h1"})
    """
    return Declaration(
        kind="website",
        spec=Website(
            connection=connection, start=start, follow=names(follow), item=tuple(item.items()), pages_max=pages_max
        ),
        common=Common(key=names(key)),
        place=place_of_caller(),
    )


def survey(path: str, *, doc: str = "") -> Declaration:
    """Answers to a survey, one row an answer. `path` is a SurveyJS JSON file of the project.

    The server asks the questions, at /surveys/ and the asset's name, and checks each answer by the same file.

    For example:

        exit_survey = ph.survey("surveys/exit.json", doc="What leaving customers answered.")
    """
    return Declaration(
        kind="survey",
        spec=Survey(path=path),
        common=Common(doc=doc, key=("answer_id",), time=Time(event="answered_at")),
        place=place_of_caller(),
        files=(path,),
    )
