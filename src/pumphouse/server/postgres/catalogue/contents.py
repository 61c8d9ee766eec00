"""The rows of PostgreSQL's own tables for what one visitor may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pumphouse.server.postgres.catalogue.builtin import Builtin, Relation
from pumphouse.server.postgres.catalogue.names import Oids, identifier
from pumphouse.server.postgres.catalogue.visible import Column, Table, Visible

OWNER, OWNER_OID = "pumphouse", 10
"""Who everything belongs to; a visitor of this name is the same role."""
PG_CATALOG, PG_TOAST, PUBLIC = 11, 99, 2200
HEAP, BTREE = 2, 403
UTF8 = 6
INTERNAL = 12
"""The language of functions that are written in C."""
_HIDDEN = "*" * 8
ASCENDING, NULLS_LAST = 0, 0
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def rows_of(seen: Visible, known: Builtin) -> Rows:
    """Rows by the names of relations, "schema.name"; relations that are not among them are empty."""
    rows = _Rows(seen, known)
    rows.schemas()
    rows.database()
    rows.roles()
    for relation in known.relations.values():
        rows.system(relation)
    for table in seen.tables:
        rows.table(table)
    rows.functions()
    return rows.found


class _Rows:
    """Rows as they are collected."""

    def __init__(self, seen: Visible, known: Builtin) -> None:
        self._seen = seen
        self._known = known
        self._oids = Oids(known)
        self._types = {row["oid"]: row for row in known.rows["pg_type"]}
        self._classes = {row["opcintype"]: row["oid"] for row in known.rows["pg_opclass"] if row["opcdefault"]}
        self._information = self._oids.of("schema", "information_schema")
        self.found: dict[str, list[Mapping[str, Any]]] = {
            f"pg_catalog.{name}": list(rows) for name, rows in known.rows.items()
        }

    def schemas(self) -> None:
        names = {PG_CATALOG: "pg_catalog", PG_TOAST: "pg_toast", PUBLIC: "public"} | {
            self._information: "information_schema"
        }
        for oid, name in names.items():
            acl = None if name == "pg_toast" else self._granted("U")
            self._add("pg_namespace", oid=oid, nspname=name, nspowner=OWNER_OID, nspacl=acl)

        for oid, doc in ((PG_CATALOG, "system catalog schema"), (PUBLIC, "standard public schema")):
            self._doc(oid, 0, doc, of="pg_namespace")

    def database(self) -> None:
        name = self._seen.database
        self._add(
            "pg_database", oid=self._oids.of("database", name), datname=name, datdba=OWNER_OID, encoding=UTF8,
            datlocprovider="c", datallowconn=True, datconnlimit=-1, dattablespace=1663, datcollate="C.UTF-8",
            datctype="C.UTF-8", datacl=self._granted("c"),
        )  # fmt: skip

    def roles(self) -> None:
        who = self._seen.who
        roles = {OWNER: OWNER_OID} | ({who: self._oids.of("role", who)} if who != OWNER else {})
        for name, oid in roles.items():
            login = name == who
            self._add(
                "pg_roles", oid=oid, rolname=name, rolsuper=False, rolinherit=True, rolcreaterole=False,
                rolcreatedb=False, rolcanlogin=login, rolreplication=False, rolconnlimit=-1, rolbypassrls=False,
                rolpassword=_HIDDEN,
            )  # fmt: skip
            self._add("pg_authid", oid=oid, rolname=name, rolinherit=True, rolcanlogin=login, rolconnlimit=-1)
            if login:
                self._add("pg_user", usename=name, usesysid=oid, usecreatedb=False, usesuper=False, userepl=False,
                          usebypassrls=False, passwd=_HIDDEN)  # fmt: skip

    def system(self, one: Relation) -> None:
        """A table or view of PostgreSQL's own."""
        self._add(
            "pg_class", oid=one.oid, relname=one.name, relowner=OWNER_OID, relkind=one.kind, relpersistence="p",
            relnamespace=PG_CATALOG if one.schema == "pg_catalog" else self._information, reltuples=-1.0,
            relam=HEAP if one.kind == "r" else 0, relnatts=len(one.columns), relispopulated=True, relreplident="n",
            relacl=self._granted("r"),
        )  # fmt: skip
        for number, (name, kind) in enumerate(one.columns.items(), 1):
            oid = self._known.types.get(kind, self._known.types["text"])
            column = Column(name=name, type=oid, modifier=-1, required=name in one.required)
            self._column(one.oid, number, column)

    def table(self, table: Table) -> None:
        """A table of the lake, with its row's type and its key."""
        oid = self._oids.of("table", table.name)
        row, array = self._oids.of("type", table.name), self._oids.of("array", table.name)
        self._add(
            "pg_class", oid=oid, relname=table.name, relnamespace=PUBLIC, reltype=row, relowner=OWNER_OID,
            relfilenode=oid, relam=HEAP, reltuples=-1.0, relpersistence="p", relkind="r", relnatts=len(table.columns),
            relhasindex=bool(table.key), relispopulated=True, relreplident="d",
            relacl=[f"{OWNER}=arwdDxt/{OWNER}", *(self._granted("r") if self._seen.who != OWNER else ())],
        )  # fmt: skip
        common = {
            "typnamespace": PUBLIC, "typowner": OWNER_OID, "typlen": -1, "typisdefined": True, "typdelim": ",",
            "typtypmod": -1, "typstorage": "x", "typalign": "d",
        }  # fmt: skip
        self._add(
            "pg_type", oid=row, typname=table.name, typtype="c", typcategory="C", typrelid=oid, typarray=array,
            typinput=2290, typoutput=2291, typreceive=2402, typsend=2403, **common,
        )  # fmt: skip
        self._add(
            "pg_type", oid=array, typname=f"_{table.name}", typtype="b", typcategory="A", typelem=row, typinput=750,
            typoutput=751, typreceive=2400, typsend=2401, typanalyze=3816, typsubscript=6179, **common,
        )  # fmt: skip
        for number, column in enumerate(table.columns, 1):
            self._column(oid, number, column)
            self._doc(oid, number, column.doc)
        self._doc(oid, 0, table.doc)
        if table.key:
            self._key(oid, table)

    def functions(self) -> None:
        for one in self._seen.functions:
            self._add(
                "pg_proc", oid=self._oids.of("function", one.name), proname=one.name, pronamespace=PUBLIC,
                proowner=OWNER_OID, prolang=INTERNAL, procost=1.0, prokind="f", provolatile="i", proparallel="s",
                pronargs=len(one.parameters), pronargdefaults=one.defaults, prorettype=one.returns,
                proargtypes=list(one.parameters), proargnames=list(one.names) or None, prosrc=one.name,
                proacl=self._granted("X"),
            )  # fmt: skip

    def _column(self, relation: int, number: int, column: Column) -> None:
        kind = self._types[column.type]
        self._add(
            "pg_attribute", attrelid=relation, attname=column.name, atttypid=column.type, attstattarget=-1,
            attlen=kind["typlen"], attnum=number, attndims=int(kind["typcategory"] == "A"), attcacheoff=-1,
            atttypmod=column.modifier, attbyval=kind["typbyval"], attalign=kind["typalign"],
            attstorage=kind["typstorage"], attnotnull=column.required, attislocal=True,
            attcollation=kind["typcollation"],
        )  # fmt: skip

    def _key(self, relation: int, table: Table) -> None:
        name = f"{table.name}_pkey"
        oid, constraint = self._oids.of("key", table.name), self._oids.of("constraint", table.name)
        columns = {column.name: (number, column) for number, column in enumerate(table.columns, 1)}
        numbers = [columns[one][0] for one in table.key]
        kinds = [self._types[columns[one][1].type] for one in table.key]
        self._add(
            "pg_class", oid=oid, relname=name, relnamespace=PUBLIC, relowner=OWNER_OID, relam=BTREE, relfilenode=oid,
            reltuples=-1.0, relpersistence="p", relkind="i", relnatts=len(numbers), relispopulated=True,
            relreplident="n",
        )  # fmt: skip
        self._add(
            "pg_index", indexrelid=oid, indrelid=relation, indnatts=len(numbers), indnkeyatts=len(numbers),
            indisunique=True, indisprimary=True, indimmediate=True, indisvalid=True, indisready=True, indislive=True,
            indkey=numbers, indcollation=[kind["typcollation"] for kind in kinds],
            indclass=[self._classes.get(kind["oid"], 0) for kind in kinds],
            indoption=[ASCENDING | NULLS_LAST] * len(numbers),
        )  # fmt: skip
        self._add(
            "pg_constraint", oid=constraint, conname=name, connamespace=PUBLIC, contype="p", convalidated=True,
            conrelid=relation, conindid=oid, conislocal=True, connoinherit=True, conkey=numbers, confupdtype=" ",
            confdeltype=" ", confmatchtype=" ",
        )  # fmt: skip
        for number, one in enumerate(table.key, 1):
            self._column(oid, number, columns[one][1])

    def _doc(self, oid: int, number: int, doc: str, *, of: str = "pg_class") -> None:
        if doc:
            classoid = self._known.relations[f"pg_catalog.{of}"].oid
            self._add("pg_description", objoid=oid, classoid=classoid, objsubid=number, description=doc)

    def _granted(self, privileges: str) -> list[str]:
        """What the visitor may do with a thing, as PostgreSQL writes it: `ada=r/pumphouse`."""
        return [f"{identifier(self._seen.who)}={privileges}/{OWNER}"]

    def _add(self, name: str, **values: Any) -> None:
        full = f"pg_catalog.{name}"
        self.found.setdefault(full, []).append(self._known.relations[full].row(**values))
