"""A package for R over DBI: a function for each table, with a help page that says what its columns are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pumphouse.clients.address import Address
from pumphouse.clients.columns import Scalar, kind_of
from pumphouse.clients.naming import free, slug
from pumphouse_client.descriptions import Description

TYPES: dict[Scalar, tuple[str, str]] = {
    "whole": ("exact", "a whole number"),
    "small": ("integer", "a whole number"),
    "number": ("numeric", "a number"),
    "decimal": ("exact", "a number"),
    "text": ("character", "text"),
    "boolean": ("logical", "TRUE or FALSE"),
    "day": ("Date", "a day"),
    "moment": ("POSIXct", "a moment"),
    "local": ("POSIXct", "a time without a zone, given in UTC"),
    "time": ("character", "a time of day, as text"),
    "span": ("character", "a span of time, as text"),
    "bytes": ("hex", "bytes, as hexadecimal text"),
    "record": ("character", "a record, as text"),
    "unknown": ("character", "text"),
}
"""For each kind what the column is made to be, and what the help page calls it."""
_OWN = frozenset({"connect", "disconnect"})
_WORDS = frozenset("if else repeat while function for next break TRUE FALSE NULL Inf NaN NA in".split())


def package(tables: Mapping[str, Description], address: Address) -> dict[str, str]:
    """The files of the package by their paths."""
    name = f"{slug(address.project).replace('_', '')}client"
    functions = {table: free(f"{table}_" if table in _WORDS else table, _OWN) for table in tables}
    exported = "\n".join(f"export({_name(one)})" for one in ("connect", "disconnect", *functions.values()))
    return {
        "DESCRIPTION": _description(name, address),
        "NAMESPACE": exported + "\n",
        "README.md": _readme(name, tables, functions, address),
        "R/pumphouse.R": Path(__file__).with_name("r.R").read_text(encoding="utf-8"),
        "R/tables.R": "\n".join(_module(tables, functions, address)),
        "man/connect.Rd": _connect_page(name, address),
        **{f"man/table_{at}.Rd": _page(tables[table], functions[table]) for at, table in enumerate(tables, 1)},
    }


def _description(name: str, address: Address) -> str:
    return f"""\
Package: {name}
Title: The Tables of {_line(address.project)}
Version: 0.1.0
Description: Reads the tables of {_line(address.project)} from its server.
Authors@R: person("Pumphouse", role = c("aut", "cre"), email = "nobody@invalid.example")
License: Apache License (>= 2)
Encoding: UTF-8
Depends: R (>= 4.0)
Imports: DBI
Suggests: RPostgres, RPostgreSQL
"""


def _readme(name: str, tables: Mapping[str, Description], functions: Mapping[str, str], address: Address) -> str:
    first = functions[next(iter(tables))]
    lines = "\n".join(f"| `{functions[one.name]}` | {_cell(one.doc)} |" for one in tables.values())
    variable = slug(address.project)
    return f"""\
# {name}

The tables of {address.project}. Made by `pumphouse clients --lang r`; make it anew rather than change it. Install it
with `R CMD INSTALL .`; it needs DBI, and RPostgres or RPostgreSQL.

```r
library({name})
{variable} <- connect()     # the token is in PUMPHOUSE_TOKEN
{_name(first)}({variable}, limit = 1)
```

`?{first}` says what its columns are. A number with more digits than R's numbers hold is refused rather than rounded;
`digits = "text"` gives such columns as text.

| function | what it reads |
|---|---|
{lines}
"""


def _module(tables: Mapping[str, Description], functions: Mapping[str, str], address: Address) -> Iterator[str]:
    yield "# Made by `pumphouse clients`."
    yield (
        f"connect <- function(host = {_text(address.host)}, port = {address.postgres}L, user = {_text(address.user)},"
        f' token = Sys.getenv("PUMPHOUSE_TOKEN"), sslmode = {_text("require" if address.tls else "disable")}) {{'
    )
    yield f"  .connect(host, port, {_text(address.project)}, user, token, sslmode)"
    yield "}"
    for table in tables.values():
        kinds = ", ".join(f"{_text(one.name)} = {_text(_class(one.type))}" for one in table.columns)
        yield ""
        yield (
            f"{_name(functions[table.name])} <- function(connection, columns = NULL, where = NULL, ..., order = NULL,"
            ' limit = Inf, digits = "number") {'
        )
        yield f"  .read(connection, {_text(table.name)}, c({kinds}), columns, where, list(...), order, limit, digits)"
        yield "}"
    yield ""


def _class(type: str) -> str:
    kind = kind_of(type)
    return "character" if kind.lists else TYPES[kind.scalar][0]


def _page(table: Description, function: str) -> str:
    items = "\n".join(
        f"  \\item{{\\code{{{_rd(one.name)}}}}}{{{_rd(_meaning(one.type, one.doc))}}}" for one in table.columns
    )
    return f"""\
\\name{{{_rd(function)}}}
\\alias{{{_rd(function)}}}
\\title{{{_rd(_line(table.doc) or table.name)}}}
\\description{{{_rd(table.doc or f"The table {table.name}.")}}}
\\usage{{
{_name(function)}(connection, columns = NULL, where = NULL, ..., order = NULL, limit = Inf, digits = "number")
}}
\\arguments{{
  \\item{{connection}}{{what \\code{{connect()}} gave}}
  \\item{{columns}}{{names of the columns that are wanted; all without it}}
  \\item{{where}}{{a condition in SQL, as in \\code{{"amount > ?least"}}}}
  \\item{{...}}{{values of the condition, as in \\code{{least = 10}}; they are quoted}}
  \\item{{order}}{{names of columns, with a minus before those that go from the last to the first}}
  \\item{{limit}}{{at most so many rows}}
  \\item{{digits}}{{\\code{{"number"}}, or \\code{{"text"}} for all digits of whole numbers and decimals}}
}}
\\value{{A data frame with the columns
\\describe{{
{items}
}}}}
"""


def _meaning(type: str, doc: str) -> str:
    kind = kind_of(type)
    said = "a list, as text" if kind.lists else TYPES[kind.scalar][1]
    return f"{said}. {doc}" if doc else f"{said}."


def _connect_page(name: str, address: Address) -> str:
    return f"""\
\\name{{connect}}
\\alias{{connect}}
\\alias{{disconnect}}
\\title{{Connect to the server}}
\\description{{The server that has the tables of {_rd(_line(address.project))}, by the protocol of PostgreSQL.}}
\\usage{{
connect(host, port, user, token, sslmode)
disconnect(connection)
}}
\\arguments{{
  \\item{{host, port}}{{where the server is}}
  \\item{{user}}{{whose token it is}}
  \\item{{token}}{{the token; without it the one in the environment variable PUMPHOUSE_TOKEN}}
  \\item{{sslmode}}{{"require" where the server has a certificate}}
  \\item{{connection}}{{what \\code{{connect()}} gave}}
}}
\\value{{A connection of DBI, for the functions of {_rd(name)}.}}
"""


def _line(text: str) -> str:
    """The first line, as one of plain characters."""
    return "".join(char if char.isprintable() else " " for char in text.strip().partition("\n")[0])


def _rd(text: str) -> str:
    """A text in a help page."""
    plain = "".join(char if char.isprintable() or char == "\n" else " " for char in text.strip())
    return re.sub(r"([\\%{}])", r"\\\1", plain)


def _name(name: str) -> str:
    """A name that R takes as it is, or between backticks."""
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", name) else f"`{name}`"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(doc: str) -> str:
    """The first line of a doc as a cell of a Markdown table, as plain text."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in _line(doc))
