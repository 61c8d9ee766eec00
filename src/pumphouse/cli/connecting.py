"""`connect`: the lines with which a language or a tool reads a table."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_text
from pumphouse.clients.address import LOCAL, address_of
from pumphouse.clients.snippets import SNIPPETS, lines


def connect(
    table: str,
    /,
    *,
    lang: str | None = None,
    server: Annotated[str, Parameter(metavar="URL")] = LOCAL,
    certificate: Annotated[str | None, Parameter(metavar="FILE")] = None,
    json: bool = False,
    call: Call,
) -> None:
    """Print the lines that read a table in a language or a tool; without `--lang`, list for which there are some.

    No token is in them: they take it from the environment variable PUMPHOUSE_TOKEN.

    For example:

        pumphouse connect orders
        pumphouse connect orders --lang polars
        pumphouse connect orders --lang psql --server https://data.shop.example:8484

    Args:
        table: Which table.
        lang: Language or tool: python, polars, pandas, r, julia, node, java, go, c, psql, curl, excel and others.
        server: Where `pumphouse serve` runs, with HTTP's port; the other protocols are at the ports after it.
        certificate: The file of a certificate that the server made itself.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        project.table(table)  # raises, with the nearest name
        address = address_of(server, project=project.config.name, user=project.who, certificate=certificate)
    if lang is not None:
        text = lines(lang, table, address)
        print_json({"lang": lang, "text": text}) if json else print_text(text.rstrip())
    elif json:
        print_json([{"lang": name, "title": one.title, "door": one.door} for name, one in SNIPPETS.items()])
    else:
        print_columns([(name, one.title) for name, one in SNIPPETS.items()])
