"""Names in the packages that are made: of the package, of a type for each table, of what would hide something."""

from __future__ import annotations

import re
from collections.abc import Collection


def slug(project: str) -> str:
    """The project's name as a name in any language: `my shop!` is `my_shop`."""
    plain = re.sub(r"[^a-z0-9]+", "_", project.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"p_{plain}".rstrip("_")


def camel(name: str) -> str:
    """A name as a type's: `raw_orders` is `RawOrders`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_") if part) or "Table"


def free(name: str, taken: Collection[str]) -> str:
    """The name, with underscores behind it where it would hide something."""
    while name in taken:
        name += "_"
    return name


def types_of(tables: Collection[str], *, taken: Collection[str] = ()) -> dict[str, str]:
    """A type's name for each table, no two the same: `a_b` and `aB` are `AB` and `AB_`."""
    found: dict[str, str] = {}
    for table in tables:
        found[table] = free(camel(table), {*found.values(), *taken})
    return found
