"""`diff`, `suggest`, `personal`: what cleaning does to a table, what it could do, and what must not be seen in it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter, validators

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.project.rehearsing import personal_data_in, suggestions


def diff(
    asset: str,
    /,
    *,
    sample: Annotated[int | None, Parameter(metavar="ROWS", validator=validators.Number(gte=1))] = None,
    json: bool = False,
    call: Call,
) -> None:
    """Say what each cleaning step does to a table: cells changed, before and after, what is declined and why.

    The steps as they are written now run over the input as it is now; nothing is built.

    For example:

        pumphouse diff customers
        pumphouse diff customers --sample 10000

    Args:
        asset: Name of a table that clean(...) makes.
        sample: Look at about so many rows of the input instead of all.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        found = project.diff(asset, sample=sample)
    if json:
        print_json(found.to_dict())
    else:
        print_text(found.to_text())


def suggest(table: str, /, *, json: bool = False, call: Call) -> None:
    """Propose cleaning steps for a table, each with its evidence, as code that can be pasted.

    The steps are tried on about 20,000 rows, of columns with many different values on up to 2,000. Where it isn't sure
    it says nothing. What a person has to decide, as which spellings are one, stands apart, with how to go on.

    For example:

        pumphouse suggest raw_customers

    Args:
        table: Name of a table of the lake.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        found = suggestions(project, table)
    if json:
        print_json(found.to_dict())
    else:
        print_text(found.to_text())


def personal(table: str, /, *, region: str | None = None, json: bool = False, call: Call) -> None:
    """Say which columns of a table hold personal data or secrets, in how many cells, and how sure that is.

    About 20,000 rows are looked at. What the cells hold is not shown: an example is a shape, with letters as x and
    digits as 0. The read is logged under your name.

    For example:

        pumphouse personal raw_customers
        pumphouse personal raw_customers --region DE --json

    Args:
        table: Name of a table of the lake.
        region: Region of telephone numbers without a country code, as an ISO 3166 code.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        found = personal_data_in(project, table, region=region)
    if json:
        print_json(found.to_dict())
    else:
        print_text(found.to_text())
