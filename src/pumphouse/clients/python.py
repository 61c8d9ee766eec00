"""A typed Python package over pumphouse_client: each table with its columns, their types and what they mean."""

from __future__ import annotations

import json
import keyword
from collections.abc import Iterator, Mapping

from pumphouse.clients.address import Address
from pumphouse.clients.columns import Scalar, kind_of
from pumphouse.clients.naming import camel, free, slug, types_of
from pumphouse_client.descriptions import Column, Description

TYPES: dict[Scalar, str] = {
    "whole": "int",
    "small": "int",
    "number": "float",
    "decimal": "Decimal",
    "text": "str",
    "boolean": "bool",
    "day": "date",
    "moment": "datetime",
    "local": "datetime",
    "time": "time",
    "span": "Any",
    "bytes": "bytes",
    "record": "Any",
    "unknown": "Any",
}
_OWN = frozenset({"close", "connection"})
_TAKEN = frozenset({"Any", "Connection", "Decimal", "Literal", "Table", "TypedDict", "URL"})


def package(tables: Mapping[str, Description], address: Address) -> dict[str, str]:
    """The files of the package by their paths."""
    name = f"{slug(address.project)}_client"
    return {
        "pyproject.toml": _pyproject(name, address),
        "README.md": _readme(name, tables, address),
        f"src/{name}/__init__.py": _init(tables, address),
        f"src/{name}/tables.py": "\n".join(_module(tables, address)),
        f"src/{name}/py.typed": "",
    }


def python_type(type: str) -> str:
    """A column's type in Python: `list[int | None]` of an Arrow `list<item: int64>`."""
    kind = kind_of(type)
    text = TYPES[kind.scalar]
    for _ in range(kind.lists):
        text = f"list[{text}]" if text == "Any" else f"list[{text} | None]"
    return text


def _pyproject(name: str, address: Address) -> str:
    return f"""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = {json.dumps(name.replace("_", "-"))}
version = "0.1.0"
description = {_toml_text(f"The tables of {address.project}, with their types.")}
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["pumphouse-client>=0.1"]

[tool.hatch.build.targets.wheel]
packages = ["src/{name}"]
"""


def _readme(name: str, tables: Mapping[str, Description], address: Address) -> str:
    first = next(iter(tables))
    lines = "\n".join(f"| `{one.name}` | {_cell(one.doc)} |" for one in tables.values())
    return f"""\
# {name.replace("_", "-")}

The tables of {address.project}. Made by `pumphouse clients --lang python`; make it anew rather than change it.

```python
from {name} import connect
{slug(address.project)} = connect()     # the token is in PUMPHOUSE_TOKEN
print({slug(address.project)}.{_attribute(first)}.limit(1).rows)
```

| table | what it is |
|---|---|
{lines}
"""


def _init(tables: Mapping[str, Description], address: Address) -> str:
    types = _types(tables, address)
    names = sorted([_class(address), "connect", *(f"{one}Row" for one in types.values())])
    imported = "".join(f"    {one} as {one},\n" for one in names)
    return f'"""The tables of {_doc(address.project)}."""\n\nfrom .tables import (\n{imported})\n'


def _module(tables: Mapping[str, Description], address: Address) -> Iterator[str]:
    types = _types(tables, address)
    yield f'"""The tables of {_doc(address.project)}. Made by `pumphouse clients`."""'
    yield ""
    yield "from __future__ import annotations"
    yield ""
    yield "from datetime import date, datetime, time"
    yield "from decimal import Decimal"
    yield "from pathlib import Path"
    yield "from typing import Any, Literal, TypedDict"
    yield ""
    yield "import pumphouse_client"
    yield "from pumphouse_client import Connection, Table"
    yield ""
    yield f"URL = {_text(address.url)}"
    yield ""
    for table in tables.values():
        yield ""
        yield from _row(table, types[table.name])
        columns = ", ".join(_text(column.name) for column in table.columns)
        yield ""
        yield f"{types[table.name]}Column = Literal[{columns}]"
    yield ""
    yield ""
    yield from _tables(tables, types, address)


def _row(table: Description, type: str) -> Iterator[str]:
    if all(column.name.isidentifier() and not keyword.iskeyword(column.name) for column in table.columns):
        yield f"class {type}Row(TypedDict):"
        yield f'    """{_doc(table.doc or f"A row of {table.name}.")}"""'
        yield ""
        for column in table.columns:
            yield f"    {column.name}: {_of(column, table)}"
            if column.doc:
                yield f'    """{_doc(column.doc)}"""'
        return
    fields = ", ".join(f"{_text(column.name)}: {_of(column, table)!r}" for column in table.columns)
    yield f"{type}Row = TypedDict({_text(type + 'Row')}, {{{fields}}})"


def _tables(tables: Mapping[str, Description], types: Mapping[str, str], address: Address) -> Iterator[str]:
    yield f"class {_class(address)}:"
    yield f'    """The tables of {_doc(address.project)}, where a server has them."""'
    yield ""
    yield "    def __init__(self, connection: Connection) -> None:"
    yield "        self.connection = connection"
    for table in tables.values():
        type = types[table.name]
        yield ""
        yield "    @property"
        yield f"    def {_attribute(table.name)}(self) -> Table[{type}Row, {type}Column]:"
        yield f'        """{_doc(table.doc or f"The table {table.name}.")}"""'
        yield f"        return self.connection.table({_text(table.name)})"
    yield ""
    yield "    def close(self) -> None:"
    yield '        """Let go of the connections to the server."""'
    yield "        self.connection.close()"
    yield ""
    yield f"    def __enter__(self) -> {_class(address)}:"
    yield "        return self"
    yield ""
    yield "    def __exit__(self, *_: object) -> None:"
    yield "        self.close()"
    yield ""
    yield ""
    parameters = "url: str = URL, *, token: str | None = None, verify: str | Path | None = None"
    yield f"def connect({parameters}) -> {_class(address)}:"
    yield '    """The tables that the server has for you; the token is in PUMPHOUSE_TOKEN where it is not given."""'
    yield f"    return {_class(address)}(pumphouse_client.connect(url, token=token, verify=verify))"
    yield ""


def _of(column: Column, table: Description) -> str:
    """The type of a column's cells: only a key is never null."""
    type = python_type(column.type)
    return type if column.name in table.key or type == "Any" else f"{type} | None"


def _types(tables: Mapping[str, Description], address: Address) -> dict[str, str]:
    return types_of(tables, taken={*_TAKEN, _class(address)})


def _class(address: Address) -> str:
    return free(camel(slug(address.project)), _TAKEN)


def _attribute(table: str) -> str:
    return free(f"{table}_" if keyword.iskeyword(table) else table, _OWN)


def _doc(text: str) -> str:
    """A text inside a docstring, whatever is in it."""
    escaped = text.strip().replace("\\", "\\\\").replace('"', '\\"')
    return "".join(char if char.isprintable() or char == "\n" else " " for char in escaped).replace("\n", "\n    ")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _toml_text(value: str) -> str:
    return json.dumps("".join(char if char.isprintable() else " " for char in value), ensure_ascii=False)


def _cell(doc: str) -> str:
    """The first line of a doc as a cell of a Markdown table, as plain text."""
    line = doc.strip().partition("\n")[0]
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in line)
