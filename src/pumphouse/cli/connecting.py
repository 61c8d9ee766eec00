"""`connect`: the lines with which a language or a tool reads a table."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_note, print_text
from pumphouse.clients.address import LOCAL, Address, address_of
from pumphouse.clients.servers import Server, running
from pumphouse.clients.snippets import DOORS, SNIPPETS, lines
from pumphouse.project.project import Project


def connect(
    table: str,
    /,
    *,
    lang: str | None = None,
    server: Annotated[str | None, Parameter(metavar="URL")] = None,
    user: Annotated[str | None, Parameter(metavar="NAME")] = None,
    certificate: Annotated[str | None, Parameter(metavar="FILE")] = None,
    json: bool = False,
    call: Call,
) -> None:
    """Print the lines that read a table in a language or a tool; without `--lang`, list for which there are some.

    No token is in them: they take it from the environment variable PUMPHOUSE_TOKEN.

    For example:

        pumphouse connect orders
        pumphouse connect orders --lang polars
        pumphouse connect orders --lang psql --user ada
        pumphouse connect orders --lang curl --server https://data.shop.example

    Args:
        table: Which table.
        lang: Language or tool: python, polars, pandas, r, julia, node, java, go, c, psql, curl, excel and others.
        server: Where `pumphouse serve` runs, with HTTP's port. Without it, where it runs now on this machine.
        user: Whose token it is, which PostgreSQL's protocol has to be told.
        certificate: The file of a certificate that the server made itself.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        project.table(table)  # raises, with the nearest name
        found = running(project.lake.folder)
        who = user or _user(project, found)
    if lang is not None:
        address, note = _address(server, found, project.config.name, who, certificate)
        text = lines(lang, table, address)
        door = SNIPPETS[lang].door
        if note and (server is None or door != "http"):
            print_note(note)
        if user is None and door == "postgres":
            print_note(f"The token is taken to be {who}'s; --user names somebody else.")
        print_json({"lang": lang, "text": text}) if json else print_text(text.rstrip())
    elif json:
        print_json([{"lang": name, "title": one.title, "door": one.door} for name, one in SNIPPETS.items()])
    else:
        print_columns([(name, one.title) for name, one in SNIPPETS.items()])


def _address(
    url: str | None, found: tuple[Server, ...], project: str, user: str, certificate: str | None
) -> tuple[Address, str]:
    """Where the doors are, and what to say where that is not known."""
    for one in found:
        if url is None or url.rstrip("/") == one.url:
            return one.address(project=project, user=user, certificate=certificate), ""
    address = address_of(url or LOCAL, project=project, user=user, certificate=certificate)
    if url is None:
        return address, "No server of this lake runs on this machine: its ports are taken to be those without options."
    doors = f"{DOORS['flight']} is taken to be at port {address.flight}, {DOORS['postgres']} at {address.postgres}"
    return address, f"{doors}: where a server has them without options."


def _user(project: Project, found: tuple[Server, ...]) -> str:
    """Whose token there is: of whoever asks where they have one, else of the owner of a server that runs."""
    has_one = project.who in {token.who for token in project.lake.state.tokens.good()}
    return found[0].owner if found and not has_one else project.who
