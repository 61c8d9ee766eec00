"""A typed TypeScript package over apache-arrow: each table with its columns, their types and what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pumphouse.clients.address import Address
from pumphouse.clients.columns import Scalar, kind_of
from pumphouse.clients.naming import camel, free, slug, types_of
from pumphouse_client.descriptions import Column, Description

ARROW_VERSION = "21.2.0"
"""Of the npm package apache-arrow; the one with which a package is compiled and run in our tests."""
TYPES: dict[Scalar, tuple[str, str]] = {
    "whole": ("bigint", "plain"),
    "small": ("number", "plain"),
    "number": ("number", "plain"),
    "decimal": ("string", "text"),
    "text": ("string", "plain"),
    "boolean": ("boolean", "plain"),
    "day": ("string", "text"),
    "moment": ("string", "moment"),
    "local": ("string", "local"),
    "time": ("string", "text"),
    "span": ("string", "text"),
    "bytes": ("Uint8Array", "plain"),
    "record": ("unknown", "plain"),
    "unknown": ("unknown", "plain"),
}
"""For each kind its type, and the form in which it is asked for, so that nothing is rounded."""
_SAID: dict[Scalar, str] = {
    "decimal": "Text with all digits.",
    "day": "Text: 2026-11-01.",
    "moment": "Text in UTC: 2026-11-01T12:00:00.000000Z.",
    "local": "Text without a time zone: 2026-11-01T12:00:00.000000.",
    "time": "Text: 12:00:00.",
    "span": "Text: 1 day 02:00:00.",
}
_OWN = frozenset({"constructor", "server"})
_TAKEN = frozenset({"Server", "Table", "PumphouseError", "Value", "URL", "Options", "Form"})


def package(tables: Mapping[str, Description], address: Address) -> dict[str, str]:
    """The files of the package by their paths."""
    name = f"{slug(address.project).replace('_', '-')}-client"
    about = {
        "name": name,
        "version": "0.1.0",
        "description": f"The tables of {address.project}, with their types.",
        "type": "module",
        "exports": {".": {"types": "./dist/index.d.ts", "default": "./dist/index.js"}},
        "files": ["dist"],
        "scripts": {"prepare": "tsc"},
        "dependencies": {"apache-arrow": f"^{ARROW_VERSION}"},
        "devDependencies": {"@types/node": ">=20", "typescript": ">=5.4"},
        "engines": {"node": ">=20"},
    }
    options = {
        "target": "ES2022", "module": "NodeNext", "moduleResolution": "NodeNext", "strict": True, "declaration": True,
        "skipLibCheck": True, "rootDir": "src", "outDir": "dist", "types": ["node"],
        "lib": ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"],
    }  # fmt: skip
    return {
        "package.json": json.dumps(about, indent=2, ensure_ascii=False) + "\n",
        "tsconfig.json": json.dumps({"compilerOptions": options, "include": ["src"]}, indent=2) + "\n",
        "README.md": _readme(name, tables, address),
        "src/pumphouse.ts": Path(__file__).with_name("typescript.ts").read_text(encoding="utf-8"),
        "src/index.ts": "\n".join(_module(tables, address)),
    }


def typescript_type(type: str) -> str:
    """A column's type in TypeScript: `(bigint | null)[]` of an Arrow `list<item: int64>`."""
    kind = kind_of(type)
    text = TYPES[kind.scalar][0]
    for _ in range(kind.lists):
        text = "unknown[]" if text == "unknown" else f"({text} | null)[]"
    return text


def _form(type: str) -> str:
    """In which form a column is asked for."""
    kind = kind_of(type)
    form = TYPES[kind.scalar][1]
    if form == "plain":
        return form
    return "text" + "[]" * kind.lists if kind.lists or type.startswith("timestamp[ns") else form


def _readme(name: str, tables: Mapping[str, Description], address: Address) -> str:
    first = next(iter(tables))
    lines = "\n".join(f"| `{one.name}` | {_cell(one.doc)} |" for one in tables.values())
    variable = slug(address.project)
    return f"""\
# {name}

The tables of {address.project}. Made by `pumphouse clients --lang typescript`; make it anew rather than change it.
`npm install` compiles it.

```ts
import {{ connect }} from "{name}";
const {variable} = connect();     // the token is in PUMPHOUSE_TOKEN
console.log(await {variable}.{_member(first)}.limit(1).all());
```

`rows()` gives them one by one as they come, and `arrow()` a table of apache-arrow. Whole numbers of 64 bits are
`bigint`; decimals, days and times are text, so that none is rounded.

| table | what it is |
|---|---|
{lines}
"""


def _module(tables: Mapping[str, Description], address: Address) -> Iterator[str]:
    shop = free(camel(slug(address.project)), _TAKEN)
    types = types_of(tables, taken={*_TAKEN, shop})
    yield f"// The tables of {_comment(address.project)}. Made by `pumphouse clients`."
    yield 'import { Server, Table } from "./pumphouse.js";'
    yield 'export { PumphouseError, Server, Table, type Value } from "./pumphouse.js";'
    for table in tables.values():
        yield ""
        yield f"/** {_comment(table.doc or f'A row of {table.name}.')} */"
        yield f"export interface {types[table.name]}Row {{"
        for column in table.columns:
            if said := _said(column):
                yield f"  /** {_comment(said)} */"
            nullable = "" if column.name in table.key or typescript_type(column.type) == "unknown" else " | null"
            yield f"  {_text(column.name)}: {typescript_type(column.type)}{nullable};"
        yield "}"
    yield ""
    yield f"/** The tables of {_comment(address.project)}, where a server has them. */"
    yield f"export class {shop} {{"
    yield "  constructor(readonly server: Server) {}"
    for table in tables.values():
        forms = ", ".join(f"[{_text(column.name)}]: {_text(_form(column.type))}" for column in table.columns)
        yield ""
        yield f"  /** {_comment(table.doc or f'The table {table.name}.')} */"
        yield f"  get {_member(table.name)}(): Table<{types[table.name]}Row> {{"
        yield f"    return new Table(this.server, {_text(table.name)}, {{ {forms} }});"
        yield "  }"
    yield "}"
    yield ""
    yield "/** The tables that the server has for you; the token is in PUMPHOUSE_TOKEN where it is not given. */"
    yield f"export function connect(options: {{ url?: string; token?: string }} = {{}}): {shop} {{"
    yield f"  return new {shop}(new Server(options.url ?? {_text(address.url)}, options.token));"
    yield "}"
    yield ""


def _said(column: Column) -> str:
    kind = kind_of(column.type)
    return " ".join(filter(None, (column.doc, _SAID.get(kind.scalar, "") if not kind.lists else "")))


def _member(table: str) -> str:
    return free(table, _OWN)


def _comment(text: str) -> str:
    """A text inside a comment, whatever is in it."""
    plain = "".join(char if char.isprintable() else " " for char in text.strip())
    return plain.replace("*/", "* /")


def _text(value: str) -> str:
    return json.dumps(value)


def _cell(doc: str) -> str:
    """The first line of a doc as a cell of a Markdown table, as plain text."""
    line = doc.strip().partition("\n")[0]
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in line)
