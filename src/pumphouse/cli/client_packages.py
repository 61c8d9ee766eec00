"""`clients`: packages with which people read the project's tables in their language."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.clients.address import LOCAL, address_of
from pumphouse.clients.writing import PACKAGES, write
from pumphouse.errors import ConfigError


def clients(
    *tables: str,
    lang: Literal["python", "typescript", "r"],
    to: Annotated[Path | None, Parameter(metavar="FOLDER")] = None,
    server: Annotated[str, Parameter(metavar="URL")] = LOCAL,
    json: bool = False,
    call: Call,
) -> None:
    """Write a small package for a language, with the project's tables, their columns, types and docs.

    For example:

        pumphouse clients --lang python
        pumphouse clients --lang typescript --server https://data.shop.example:8484
        pumphouse clients orders customers --lang python --to ../shop-client

    Args:
        tables: Which tables; all that are declared and built unless some are named.
        lang: The language.
        to: The folder; without it `clients/` and the language, in the project. What was made there before is replaced.
        server: Where `pumphouse serve` runs; the package connects there unless told otherwise.
        json: Print what was written as JSON.
    """
    with open_project(call) as project:
        for name in tables:
            project.table(name)  # raises, with the nearest name
        known = project.tables
        chosen = tables or tuple(name for name in known if name in project.graph.assets)
        if not chosen:
            raise ConfigError("no table was built yet", mend="Build them first: pumphouse run")
        address = address_of(server, project=project.config.name, user=project.who)
        folder = to.absolute() if to else project.config.folder / "clients" / lang
        files = PACKAGES[lang]({name: known[name] for name in chosen}, address)
    write(files, folder)
    if json:
        print_json({"folder": folder, "files": sorted(files), "tables": chosen})
    else:
        print_text(f"{len(chosen)} table{'' if len(chosen) == 1 else 's'} in {folder}; README.md shows how to begin.")
