"""`search`: rows of a table by their words, for a person or a program."""

from __future__ import annotations

import sys
from typing import Annotated

import pyarrow as pa
from cyclopts import Parameter, validators
from rich.console import Console
from rich.text import Text

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, visible
from pumphouse.declare.facts import Search
from pumphouse.engines import csv as csv_files
from pumphouse.errors import ConfigError
from pumphouse.indexes.searching import Found, Hit
from pumphouse.project.found import as_json
from pumphouse.project.search_calls import index_of, where_of

HITS = 10
HITS_MAX = 1_000
TEXT_CHARACTERS_MAX = 160
"""How much of a text is shown in which no word was found."""
MARKED = "bold yellow"


def search(
    index: str,
    query: str = "*",
    /,
    *,
    where: Annotated[list[str] | None, Parameter(metavar="COLUMN=VALUE", negative_iterable=())] = None,
    sort: Annotated[str | None, Parameter(metavar="ORDER")] = None,
    facet: Annotated[list[str] | None, Parameter(metavar="COLUMN", negative_iterable=())] = None,
    limit: Annotated[int, Parameter(metavar="ROWS", validator=validators.Number(gte=1, lte=HITS_MAX))] = HITS,
    after: str | None = None,
    snapshot: int | None = None,
    semantic: Annotated[bool, Parameter(negative=())] = False,
    json: bool = False,
    csv: bool = False,
    call: Call,
) -> None:
    """Search the text of a table that has an index. The read is logged under your name.

    Words are all looked for; OR, NOT, "a phrase", deliver* and subject:word say more. * is everything.

    For example:

        pumphouse search tickets "refund late"
        pumphouse search tickets "refund -broken" --where account=acme --sort newest
        pumphouse search tickets_search "deliver*" --csv > found.csv
        pumphouse search tickets "how do I get my money back" --semantic

    Args:
        index: The index, or its table where that has only one.
        query: What to look for.
        where: Only rows that have exactly this value in a filter column, or are of this year, month or day; also
            "COLUMN>=VALUE", >, < and <=. May be given again for another column.
        sort: score, the best first; newest; or columns of the index, as "amount desc, opened_at".
        facet: Count the values of this column among all that match; may be given again. "opened_at by month" counts
            months.
        limit: How many rows to show.
        after: Where to go on: `after` of the page before, which --json has.
        snapshot: Search the table as it was at this snapshot.
        semantic: Find by meaning and by words, of an index that declares `embed`.
        json: Print the hits as JSON, with key, score, row and excerpts.
        csv: Print the rows as CSV, with their score.
    """
    values = dict(_pair(one) for one in where or ())
    with open_project(call) as project:
        indexes = {name: one.spec.table for name, one in project.graph.assets.items() if one.kind == "search"}
        name = index_of(index, indexes)
        spec: Search = project.graph.assets[name].spec
        found = project.search(
            name,
            query,
            semantic=semantic,
            where=values,
            order=sort or "score",
            facets=facet,
            limit=limit,
            after=after,
            snapshot=snapshot,
        )
    if json:
        print_json(as_json(found))
    elif csv:
        rows = pa.Table.from_pylist([{**hit.row, "score": hit.score} for hit in found.hits])
        csv_files.write_csv(rows.to_batches(), rows.schema, sink=sys.stdout.buffer)
    else:
        _print_hits(found, spec)


def _pair(text: str) -> tuple[str, str]:
    pair = where_of(text)
    if pair is None:
        raise ConfigError(f"--where is '{text}'", mend='Write --where COLUMN=VALUE, or --where "COLUMN>=VALUE".')
    return pair


def _print_hits(found: Found, spec: Search) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for hit in found.hits:
        _print_hit(console, hit, spec)
    for facet in found.facets.values():
        values = [f"{_line(str(value))} {count:,}" for value, count in facet.counts]
        values += [f"{said} {count:,}" for said, count in (("others", facet.others), ("none", facet.missing)) if count]
        if values:
            console.print(Text(f"{facet.column}{' by ' + facet.by if facet.by else ''}: {', '.join(values)}"))
    if found.suggestion:
        console.print(Text(f"Did you mean: {visible(found.suggestion)}"))
    rows = f"{found.total:,} row{'' if found.total == 1 else 's'}"
    said = rows if found.total == len(found.hits) else f"the first {len(found.hits):,} of {rows}, more with --limit"
    beside = f"; {found.scanned:,} read beside the index" if found.scanned else ""
    console.print(Text(f"({said}; snapshot {found.snapshot}{beside})", style="dim"))


def _print_hit(console: Console, hit: Hit, spec: Search) -> None:
    """A row: its first text and its key, the other texts in which words were found, what it is filtered by."""
    first, *others = spec.text
    key = ", ".join(map(str, hit.key))
    console.print(Text.assemble((f"{visible(key)}  ", "dim"), _marked(hit, first)))
    for column in others:
        if column in hit.excerpts:
            console.print(Text.assemble("    ", _marked(hit, column)))
    facts = [name for name in (*spec.filter, spec.sort) if name and hit.row.get(name) is not None]
    if facts:
        said = "  ".join(f"{name} {_line(str(hit.row[name]))}" for name in dict.fromkeys(facts))
        console.print(Text(f"    {said}", style="dim"))


def _marked(hit: Hit, column: str) -> Text:
    if column in hit.excerpts:
        pieces = hit.excerpts[column].pieces
        return Text.assemble(*((_line(text), MARKED if is_found else "") for text, is_found in pieces))
    text = _line(str(hit.row.get(column) or ""))
    return Text(text if len(text) <= TEXT_CHARACTERS_MAX else text[:TEXT_CHARACTERS_MAX] + "…")


def _line(text: str) -> str:
    return visible(text).replace("\n", " ").replace("\t", " ")
