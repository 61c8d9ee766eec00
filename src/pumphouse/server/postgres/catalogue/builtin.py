"""What every database of PostgreSQL 15 has before anybody made a table in it, from builtin.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import msgspec

USER_OIDS = 16_384
"""The first oid of what people make; what PostgreSQL brings is below."""
PHYSICAL = {
    "bool": "BOOLEAN", "bytea": "BLOB", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "FLOAT",
    "float8": "DOUBLE", "numeric": "DECIMAL(38, 9)", "date": "DATE", "time": "TIME", "timetz": "TIMETZ",
    "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ", "interval": "INTERVAL", "uuid": "UUID",
    "oid": "UINTEGER", "xid": "UINTEGER", "cid": "UINTEGER", "regproc": "UINTEGER", "regprocedure": "UINTEGER",
    "regclass": "UINTEGER", "regtype": "UINTEGER", "regnamespace": "UINTEGER", "regrole": "UINTEGER",
    "regoper": "UINTEGER", "regoperator": "UINTEGER", "regcollation": "UINTEGER", "regconfig": "UINTEGER",
    "regdictionary": "UINTEGER",
    "int2vector": "SMALLINT[]", "oidvector": "UINTEGER[]",
}  # fmt: skip
"""Types of PostgreSQL that are not text in the DuckDB that holds the catalogue; UINTEGER is an oid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or view of PostgreSQL's own."""

    schema: str
    name: str
    oid: int
    kind: str
    columns: Mapping[str, str]
    """Their types, by name."""
    required: frozenset[str]

    @property
    def stored_as(self) -> str:
        """The name of its table in the DuckDB that holds the catalogue."""
        return f"{self.schema}.{self.name}"

    def row(self, **values: Any) -> dict[str, Any]:
        """A whole row: what is not given is null, or zero where it can't be."""
        zeros = {name: _zero(kind) for name, kind in self.columns.items() if name in self.required}
        return {name: values.get(name, zeros.get(name)) for name in self.columns}


KEYWORDS = Relation(
    schema="pg_catalog",
    name="pg_get_keywords",
    oid=0,
    kind="f",
    columns={"word": "text", "catcode": "char", "barelabel": "bool", "catdesc": "text", "baredesc": "text"},
    required=frozenset(),
)
"""The rows of a function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """PostgreSQL's own relations, by "schema.name", and the rows that some of them always have."""

    relations: Mapping[str, Relation]
    rows: Mapping[str, tuple[Mapping[str, Any], ...]]
    keywords: tuple[tuple[Any, ...], ...]
    types: Mapping[str, int]
    """The oids of types, by name."""


def builtin() -> Builtin:
    """What builtin.json says; read it once, and hand it around."""
    read = msgspec.json.decode((files(__package__) / "builtin.json").read_bytes())
    relations = {}
    for full, one in read["relations"].items():
        schema, name = full.split(".")
        relations[full] = Relation(
            schema=schema,
            name=name,
            oid=one["oid"],
            kind=one["kind"],
            columns={column[0]: column[1] for column in one["columns"]},
            required=frozenset(column[0] for column in one["columns"] if len(column) > 2),
        )
    rows = {
        name: tuple(dict(zip(one["columns"], row, strict=True)) for row in one["rows"])
        for name, one in read["rows"].items()
    }
    return Builtin(
        relations=relations,
        rows=rows,
        keywords=tuple(map(tuple, read["keywords"])),
        types={row["typname"]: row["oid"] for row in rows["pg_type"]},
    )


def physical(kind: str) -> str:
    """The type of DuckDB that holds a type of PostgreSQL: `physical("_oid") == "UINTEGER[]"`."""
    if kind.startswith("_") and kind != "_":
        return f"{physical(kind[1:])}[]"
    return PHYSICAL.get(kind, "VARCHAR")


def _zero(kind: str) -> Any:
    stored = physical(kind)
    if stored.endswith("[]"):
        return []
    return {"BOOLEAN": False, "VARCHAR": "", "TIMESTAMPTZ": None, "INTERVAL": None, "BLOB": None}.get(stored, 0)
