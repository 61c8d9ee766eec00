"""`categories`: spelling variants of a column, proposed with their evidence."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter, validators

from pumphouse.cleaning.spellings.merges import COLUMNS, lines_of, read_merges
from pumphouse.cleaning.spellings.proposals import VALUES_MAX, propose
from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.engines.parameters import quoted
from pumphouse.errors import ConfigError


def categories(
    column: str,
    /,
    *,
    file: str | None = None,
    accept: bool = False,
    method: Literal["fingerprint", "n-gram fingerprint", "phonetic", "nearest neighbour"] | None = None,
    value: str | None = None,
    limit: Annotated[int | None, Parameter(metavar="LINES", validator=validators.Number(gte=1))] = None,
    json: bool = False,
    call: Call,
) -> None:
    """Propose which spellings in a column are one, as lines for the file that `categories(...)` goes by.

    The most frequent spelling is the value. What the file has already is not proposed again; a value that is to stay by
    itself stands in it with itself, as `Bern,Bern`. The read is logged under your name.

    For example:

        pumphouse categories customers.city
        pumphouse categories customers.city --file cities.csv --accept

    Args:
        column: A table of the lake and its column, TABLE.COLUMN.
        file: The file of the project with the spellings that were accepted.
        accept: Write the lines that are printed into the file.
        method: Only proposals by this method.
        value: Only proposals for this value.
        limit: At most so many lines.
        json: Print them as JSON, with counts.
    """
    table, point, name = column.partition(".")
    if not (table and point and name):
        raise ConfigError(f"'{column}' is no column of a table", mend="Write TABLE.COLUMN, as customers.city.")
    if accept and file is None:
        raise ConfigError("accepting needs a file", mend="Name it: --file cities.csv --accept")
    with open_project(call) as project:
        path = project.config.folder / file if file is not None else None
        settled = read_merges(path).values if path is not None and path.exists() else {}
        text = (
            f"SELECT CAST({quoted(name)} AS VARCHAR) AS value, count(*) AS rows FROM {quoted(table)} "
            f"WHERE {quoted(name)} IS NOT NULL GROUP BY ALL ORDER BY rows DESC, value LIMIT {VALUES_MAX}"
        )
        counted = project.sql(text).rows
    found = [
        one
        for one in propose({row["value"]: row["rows"] for row in counted}, settled)
        if (method is None or one.method == method) and (value is None or one.value == value)
    ][:limit]
    lines = lines_of((one.variant, one.value, one.note) for one in found)
    if accept and path is not None and found:
        begun = path.read_text(encoding="utf-8") if path.exists() else ",".join(COLUMNS) + "\n"
        path.write_text(begun + ("" if begun.endswith("\n") else "\n") + lines, encoding="utf-8")
    if json:
        print_json(
            [
                {
                    "variant": one.variant,
                    "value": one.value,
                    "method": one.method,
                    "variant_rows": one.variant_count,
                    "value_rows": one.value_count,
                }
                for one in found
            ]
        )
    elif found:
        print_text(",".join(COLUMNS) + "\n" + lines.rstrip("\n"))
    else:
        print_text("No spellings that are likely one.")
