"""A server's tables for whoever connects."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from pumphouse_client.cache import Cache, cache_folder
from pumphouse_client.descriptions import Column, Description
from pumphouse_client.errors import ClientError
from pumphouse_client.found import Found, found_of
from pumphouse_client.http import Server, is_loopback
from pumphouse_client.selects import Select, quoted
from pumphouse_client.tables import Form, Pin, Table
from pumphouse_client.tokens import find_token, token_file
from pumphouse_client.values import Value, checked

TIMEOUT_S = 330.0
"""A little longer than a server lets a query take."""


def connect(
    url: str,
    *,
    token: str | None = None,
    verify: str | Path | None = None,
    cache: bool | Cache = True,
    timeout_s: float = TIMEOUT_S,
) -> Connection:
    """The tables that a server has for you. Nothing is asked before something is wanted.

    The token is the one that is given, else of the variable PUMPHOUSE_TOKEN, else of the file `tokens.toml` in
    `~/.config/pumphouse`. `verify` is the file of the certificate, of a server that made its own. Answers are kept in
    `~/.cache/pumphouse/answers` and used again where the server says that nothing changed; `cache=False` keeps none,
    and a `Cache` has a folder and a size of its own. Raises ClientError for an address over which a token would go in
    the clear.

    For example:

        orders = connect("https://data.shop.example:8484").table("orders")
        orders.select("order_id", "amount").where(country="DE").to_polars()
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ClientError(f"'{url}' is no address of a server", mend="Write it as https://HOST:PORT.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ClientError(
            f"over {parts.scheme}://{parts.netloc} your token and the rows would go in the clear",
            mend="Use https://, or a tunnel to 127.0.0.1.",
        )
    shown = parse_qs(parts.query).get("token", [None])[0]  # the address that `pumphouse serve` prints
    plain = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    file = token_file(os.environ, home=Path.home())
    found = find_token(plain, token or shown, environment=os.environ, file=file)
    chosen = Cache(folder=cache_folder(os.environ, home=Path.home())) if cache is True else cache or None
    return Connection(Server(plain, token=found, verify=verify, timeout_s=timeout_s, cache=chosen))


class Connection:
    """A server's tables. Use it as a dictionary: `connection["orders"]`. Used from many threads at once."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """The server's address."""
        return self._server.url

    @property
    def tables(self) -> dict[str, Description]:
        """Every table that there is for you by its name: its doc, its key, and its columns with types and docs."""
        return {
            one["name"]: Description(
                name=one["name"],
                doc=one["doc"],
                key=tuple(one["key"]),
                columns=tuple(
                    Column(name=column["name"], type=column["type"], doc=column.get("doc", ""))
                    for column in one["columns"]
                ),
            )
            for one in self._server.json("/api/tables")["tables"]
        }

    def table(self, name: str, *, snapshot: int | None = None) -> Table:
        """A table at a snapshot, or the newest; it comes in any form. Nothing is asked yet."""
        asked = Select(title=name, source=quoted(name), is_table=True)
        return Table(_backend=self._server, _asked=asked, _pin=Pin(snapshot))

    def sql(self, text: str, *, snapshot: int | None = None, **parameters: Value) -> Table:
        """A query over the tables, all at one snapshot: `connection.sql("FROM orders WHERE id = $id", id=7)`."""
        values = {name: checked(name, value) for name, value in parameters.items()}
        asked = Select(title="query", source=text, is_table=False, parameters=values)
        return Table(_backend=self._server, _asked=asked, _pin=Pin(snapshot))

    def search(
        self,
        index: str,
        query: str,
        *,
        where: Mapping[str, str] | None = None,
        order: str = "score",
        facets: Sequence[str] | None = None,
        limit: int = 10,
        after: str | None = None,
        snapshot: int | None = None,
        semantic: bool = False,
    ) -> Found:
        """Rows that an index finds, the best first: `connection.search("tickets", "refund late", limit=5)`.

        The index may be named by its table. `where` names filter columns with the exact text of their value, or with
        what it is compared with: {"opened_at >=": "2026-01"}. `semantic` finds by meaning, where the index can.
        """
        asked = {"q": query, "sort": order, "limit": limit, "after": after, "snapshot": snapshot}
        given = [(name, value) for name, value in asked.items() if value is not None]
        filters = (where or {}).items()
        given += [("where", f"{column}{'' if column[-1:] in '<>=' else '='}{value}") for column, value in filters]
        given += [("facet", one) for one in facets or ()]
        given += [("semantic", 1)] if semantic else []
        return found_of(self._server.json(f"/api/search/{quote(index, safe='')}?{urlencode(given)}"))

    @overload
    def read(self, name: str, *, as_: None = None, snapshot: int | None = None) -> Any: ...
    @overload
    def read(self, name: str, *, as_: type[Form], snapshot: int | None = None) -> Form: ...
    def read(self, name: str, *, as_: type[Any] | None = None, snapshot: int | None = None) -> Any:
        """A table's rows as `as_`: pa.Table (also without it), a reader of batches, or a polars or pandas frame."""
        return self.table(name, snapshot=snapshot).to(as_)

    def close(self) -> None:
        """Let go of the connections to the server."""
        self._server.close()

    def __getitem__(self, name: str) -> Table:
        return self.table(name)

    def __contains__(self, name: str) -> bool:
        return name in self.tables

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Connection({self.url!r})"

    def _repr_html_(self) -> str:
        """The tables for a notebook: what each is, and its columns."""
        rows = "".join(
            f"<tr><td>{html.escape(one.name)}</td><td>{html.escape(one.doc.partition(chr(10))[0])}</td>"
            f"<td>{html.escape(', '.join(column.name for column in one.columns))}</td></tr>"
            for one in self.tables.values()
        )
        head = "<tr><th>table</th><th>what it is</th><th>columns</th></tr>"
        return f"<table><caption>{html.escape(self.url)}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"
