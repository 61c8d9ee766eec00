"""`find`: which asset it was."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter, validators

from pumphouse.catalog.finding import LIMIT_MAX
from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.project.finding import HITS


def find(
    *words: Annotated[str, Parameter(negative=())],
    limit: Annotated[int, Parameter(metavar="ASSETS", validator=validators.Number(gte=1, lte=LIMIT_MAX))] = HITS,
    json: bool = False,
    call: Call,
) -> None:
    """Find assets by words of their names, columns, docs, owners and tags, what people use first.

    A part of a name, its beginning, and a word with a wrong letter find it too.

    For example:

        pumphouse find refund
        pumphouse find customer mail

    Args:
        words: What it is called or described like.
        limit: How many to list.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        found = project.find(" ".join(words), limit=limit)
    if json:
        print_json(found.to_dict())
    else:
        print_text(found.to_text())
