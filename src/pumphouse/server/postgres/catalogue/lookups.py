"""What PostgreSQL's functions over its own tables look up: names by numbers and numbers by names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pumphouse.server.postgres.catalogue.builtin import Builtin
from pumphouse.server.postgres.catalogue.contents import PG_CATALOG, PUBLIC, Rows
from pumphouse.server.postgres.catalogue.names import identifier, spellings
from pumphouse.server.postgres.catalogue.refusals import no_function, no_relation, no_type
from pumphouse.server.postgres.sqlstate import Refused

IN_PATH = frozenset({PG_CATALOG, PUBLIC})
NUMERIC = 1700
_CUT = frozenset({1042, 1043})
_SHOWN = {
    "bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real",
    "float8": "double precision", "bpchar": "character", "varchar": "character varying",
    "time": "time without time zone", "timetz": "time with time zone", "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone", "bit": "bit", "varbit": "bit varying", "numeric": "numeric",
    "interval": "interval", "char": '"char"',
}  # fmt: skip
_ALSO = {"int4": ("int",), "numeric": ("decimal", "dec"), "float8": ("float",), "varchar": ("varchar",),
         "bpchar": ("char",), "bool": ("bool",)}  # fmt: skip
_SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")
_FORMAT = re.compile(r"%(?:([sIL])|(%))")

Row = Mapping[str, Any]


class Lookups:
    """The names and numbers of one visitor's catalogue."""

    def __init__(self, rows: Rows, known: Builtin, *, who: str) -> None:
        self._who = who
        self._rows = rows
        self._reserved = frozenset(word[0] for word in known.keywords if word[1] != "U")
        self._schemas: dict[int, str] = {row["oid"]: row["nspname"] for row in rows["pg_catalog.pg_namespace"]}
        self._by_oid: dict[str, dict[int, Row]] = {}
        self._types = self._shown_types()
        self._names = {
            "relation": self._ways("pg_class", "relname", "relnamespace"),
            "type": self._ways("pg_type", "typname", "typnamespace") | self._type_ways(),
            "function": self._ways("pg_proc", "proname", "pronamespace"),
            "schema": {way: oid for oid, name in self._schemas.items() for way in spellings(name)},
            "role": self._plain("pg_roles", "rolname"),
            "database": self._plain("pg_database", "datname"),
        }
        self._columns: dict[int, dict[int, str]] = {}
        for row in rows["pg_catalog.pg_attribute"]:
            self._columns.setdefault(row["attrelid"], {})[row["attnum"]] = row["attname"]
        self._docs = {
            (row["objoid"], row["classoid"], row["objsubid"]): row["description"]
            for row in rows.get("pg_catalog.pg_description", ())
        }

    # -- names to numbers ----------------------------------------------------------------------------------------------

    def find(self, kind: str, name: str) -> int | None:
        """The number of a name as SQL writes it, or None."""
        return self._names[kind].get(name.strip() if '"' in name else name.strip().lower())

    def number(self, kind: str, name: str) -> int:
        """The number of a name, or of a number. Raises Refused where there is no such thing."""
        if name.isdigit():
            return int(name)
        if name == "-":
            return 0
        found = self.find(kind, name)
        if found is None:
            if kind == "relation":
                raise no_relation(name.replace('"', ""))
            if kind == "type":
                raise no_type(name)
            if kind == "function":
                raise no_function(f'"{name}"')
            raise Refused(f'{kind} "{name}" does not exist', state="3F000" if kind == "schema" else "42704")
        return found

    # -- numbers to names ----------------------------------------------------------------------------------------------

    def relation(self, oid: int) -> str:
        row = self._row("pg_class", oid)
        if row is None:
            return self._bare(oid)
        name = self.quote(row["relname"])
        return name if row["relnamespace"] in IN_PATH else f"{self.quote(self._schemas[row['relnamespace']])}.{name}"

    def function(self, oid: int) -> str:
        row = self._row("pg_proc", oid)
        return self.quote(row["proname"]) if row is not None else self._bare(oid)

    def schema(self, oid: int) -> str:
        return self.quote(self._schemas[oid]) if oid in self._schemas else self._bare(oid)

    def role(self, oid: int) -> str:
        row = self._row("pg_roles", oid)
        return self.quote(row["rolname"]) if row is not None else self._bare(oid)

    def owner(self, oid: int) -> str:
        row = self._row("pg_roles", oid)
        return str(row["rolname"]) if row is not None else f"unknown (OID={oid})"

    def type(self, oid: int | None, modifier: int | None = None) -> str | None:
        """A type's name in words, as `format_type` has it."""
        if oid is None:
            return None
        if oid == 0:
            return "-"
        if oid not in self._types:
            return "???"
        base, shown, suffix = self._types[oid]
        detail = ""
        if modifier is not None and modifier >= 4:
            if base == NUMERIC:
                detail = f"({(modifier - 4) >> 16},{(modifier - 4) & 0x7FF})"
            elif base in _CUT:
                detail = f"({modifier - 4})"
        return f"{shown}{detail}{suffix}"

    def quote(self, name: str) -> str:
        """A name as SQL writes it."""
        return identifier(name, self._reserved)

    # -- what is said of things ----------------------------------------------------------------------------------------

    def visible(self, table: str, column: str, oid: int) -> bool | None:
        """Whether a thing is found by its name alone."""
        row = self._row(table, oid)
        return None if row is None else row[column] in IN_PATH

    def doc(self, oid: int, catalogue: str | None = None, column: int = 0) -> str | None:
        if catalogue is None:
            return next((text for (one, _, sub), text in self._docs.items() if one == oid and sub == column), None)
        classoid = self.find("relation", f"pg_catalog.{catalogue}")
        return self._docs.get((oid, classoid or 0, column))

    def index(self, oid: int, column: int = 0, *, schema: str = "public.") -> str | None:
        """The statement that would make an index, or one of its columns."""
        row = next((one for one in self._rows.get("pg_catalog.pg_index", ()) if one["indexrelid"] == oid), None)
        if row is None:
            return None
        columns = self._columns.get(oid, {})
        if column:
            return self.quote(columns[column]) if column in columns else None
        index, table = self._row("pg_class", oid), self._row("pg_class", row["indrelid"])
        assert index is not None
        assert table is not None
        listed = ", ".join(self.quote(columns[number]) for number in sorted(columns))
        unique = "UNIQUE " if row["indisunique"] else ""
        names = f"{self.quote(index['relname'])} ON {schema}{self.quote(table['relname'])}"
        return f"CREATE {unique}INDEX {names} USING btree ({listed})"

    def constraint(self, oid: int) -> str | None:
        row = self._row("pg_constraint", oid)
        if row is None:
            return None
        columns = self._columns[row["conrelid"]]
        return f"PRIMARY KEY ({', '.join(self.quote(columns[number]) for number in row['conkey'])})"

    def arguments(self, oid: int) -> str | None:
        """The parameters of a function, with their types."""
        row = self._row("pg_proc", oid)
        if row is None:
            return None
        types = [str(self.type(kind)) for kind in row["proargtypes"]]
        named = row["proargnames"] or [""] * len(types)
        pairs = zip(named, types, strict=True)
        return ", ".join(f"{self.quote(name)} {kind}" if name else kind for name, kind in pairs)

    def returns(self, oid: int) -> str | None:
        row = self._row("pg_proc", oid)
        return self.type(row["prorettype"]) if row is not None else None

    def definition(self, oid: int) -> str | None:
        row = self._row("pg_proc", oid)
        if row is None:
            return None
        return (
            f"CREATE OR REPLACE FUNCTION {self._schemas[row['pronamespace']]}.{self.quote(row['proname'])}"
            f"({self.arguments(oid)})\n RETURNS {self.returns(oid)}\n LANGUAGE internal\n IMMUTABLE\n"
            f"AS $function${row['prosrc']}$function$\n"
        )

    def may(self, kind: str, granted: str, thing: str, privileges: str) -> bool | None:
        """Whether the visitor holds one of the privileges of a list; None for a thing that is not there."""
        if thing.isdigit():
            tables = {"relation": "pg_class", "type": "pg_type", "function": "pg_proc", "schema": "pg_namespace",
                      "database": "pg_database"}  # fmt: skip
            if self._row(tables[kind], int(thing)) is None:
                return None
        elif kind in ("schema", "database"):
            self.number(kind, self.quote(thing))
        else:
            self.number(kind, thing)
        return granted in [one.strip().lower() for one in privileges.split(",")]

    def is_role(self, role: str) -> bool:
        """Whether the visitor has a role, which is their own only."""
        mine = self._names["role"].get(spellings(self._who)[0])
        return role == self._who or role == str(mine)

    # -- text ----------------------------------------------------------------------------------------------------------

    @staticmethod
    def array(items: Sequence[Any] | None) -> str | None:
        """A list as PostgreSQL writes it: `{a,"b c",NULL}`."""
        if items is None:
            return None
        return "{" + ",".join(map(_item, items)) + "}"

    @staticmethod
    def size(number: int) -> str:
        """A number of bytes as people read it."""
        unit, value = 0, abs(number)
        while value >= 10 * 1024 and unit < len(_SIZES) - 1:
            value = (value + 512) >> 10 if unit else (value + 512) // 1024
            unit += 1
        return f"{'-' if number < 0 else ''}{value} {_SIZES[unit]}"

    def format(self, text: str | None, *values: str | None) -> str | None:
        """A text with `%s`, `%I` and `%L` replaced by values, in order."""
        if text is None:
            return None
        waiting = list(values)

        def put(found: re.Match[str]) -> str:
            if found[2]:
                return "%"
            if not waiting:
                raise Refused("too few arguments for format()", state="22023")
            value = waiting.pop(0)
            if found[1] == "s":
                return value or ""
            if found[1] == "L":
                return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
            if value is None:
                raise Refused("null values cannot be formatted as an SQL identifier", state="22004")
            return self.quote(value)

        return _FORMAT.sub(put, text)

    # -- how they are made ---------------------------------------------------------------------------------------------

    def _row(self, table: str, oid: int) -> Row | None:
        if table not in self._by_oid:
            self._by_oid[table] = {row["oid"]: row for row in self._rows.get(f"pg_catalog.{table}", ())}
        return self._by_oid[table].get(oid)

    @staticmethod
    def _bare(oid: int) -> str:
        return str(oid) if oid else "-"

    def _ways(self, table: str, name: str, schema: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self._rows.get(f"pg_catalog.{table}", ()):
            home = self._schemas[row[schema]]
            full = [f"{first}.{last}" for first in spellings(home) for last in spellings(row[name])]
            bare = spellings(row[name]) if row[schema] in IN_PATH else ()
            for way in (*bare, *full):
                found.setdefault(way, row["oid"])
        return found

    def _plain(self, table: str, name: str) -> dict[str, int]:
        return {way: row["oid"] for row in self._rows[f"pg_catalog.{table}"] for way in spellings(row[name])}

    def _shown_types(self) -> dict[int, tuple[int, str, str]]:
        types = {row["oid"]: row for row in self._rows["pg_catalog.pg_type"]}
        found = {}
        for oid, row in types.items():
            is_array = row["typcategory"] == "A" and row["typlen"] == -1 and row["typelem"] in types
            base = types[row["typelem"]] if is_array else row
            shown = _SHOWN.get(base["typname"]) if base["typnamespace"] == PG_CATALOG else None
            found[oid] = base["oid"], shown or self.quote(base["typname"]), "[]" if is_array else ""
        return found

    def _type_ways(self) -> dict[str, int]:
        found = {}
        names = {row["oid"]: row["typname"] for row in self._rows["pg_catalog.pg_type"]}
        for oid, (base, shown, suffix) in self._types.items():
            for way in (shown, *_ALSO.get(names[base], ())):
                found[f"{way}{suffix}"] = oid
            if suffix:
                found |= {f"{way}[]": oid for way in spellings(names[base]) if names[base] != "char"}
        return found


def _item(item: Any) -> str:
    if item is None:
        return "NULL"
    text = ("t" if item else "f") if isinstance(item, bool) else str(item)
    if re.fullmatch(r'[^\s{},"\\]+', text) and text.lower() != "null":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
