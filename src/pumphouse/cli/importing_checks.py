"""`checks import`: checks of another tool as Python to paste."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pumphouse.checks.dbt import from_dbt
from pumphouse.checks.great_expectations import from_great_expectations
from pumphouse.cli.call import Call
from pumphouse.cli.output import print_json, print_text
from pumphouse.errors import ConfigError


def import_(
    file: Annotated[Path, Parameter(metavar="FILE")],
    /,
    *,
    table: Annotated[str | None, Parameter(metavar="NAME")] = None,
    json: bool = False,
    call: Call,
) -> None:
    """Turn tests of dbt (schema.yml) or an expectation suite of Great Expectations (JSON) into Python to paste.

    What can't be converted is listed as comments, each with the reason.

    For example:

        pumphouse checks import models/schema.yml
        pumphouse checks import expectations/orders.json --table orders

    Args:
        file: The file: `.yml` or `.yaml` of dbt, `.json` of Great Expectations.
        table: The table that a suite is about. Without it, the one that the suite's name begins with.
        json: Print what was found as JSON.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} can't be read: {error}") from error
    if file.suffix.lower() in (".yml", ".yaml"):
        found = from_dbt(text, source=f"{file.name} of dbt")
    elif file.suffix.lower() == ".json":
        found = from_great_expectations(text, source=f"{file.name} of Great Expectations", table=table)
    else:
        raise ConfigError(
            f"{file} is neither .yml nor .json", mend="dbt's tests are YAML, expectation suites are JSON."
        )
    if json:
        print_json(found.to_dict())
    else:
        print_text(found.to_python())
