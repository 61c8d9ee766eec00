"""What there is to read, as drivers ask for it: catalogues, schemas, tables, columns, keys, types.

A visitor is told of what their policies show, and of nothing else. The project is the one catalogue, and SCHEMA the one
schema; a statement names a table without either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pumphouse.errors import UnknownName
from pumphouse.lake.column_docs import docs_of
from pumphouse.lake.lake import Lake
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Visitor
from pumphouse.server.access.policies import Policies
from pumphouse.server.flight import information
from pumphouse.server.flight.messages import (
    CommandGetCatalogs,
    CommandGetCrossReference,
    CommandGetDbSchemas,
    CommandGetExportedKeys,
    CommandGetImportedKeys,
    CommandGetPrimaryKeys,
    CommandGetSqlInfo,
    CommandGetTables,
    CommandGetTableTypes,
    CommandGetXdbcTypeInfo,
    Question,
)
from pumphouse.server.flight.types import NULLABLE, SEARCHABLE, TYPES, type_name
from pumphouse.server.served import ServedProject

SCHEMA = "public"
"""As PostgreSQL's door calls it."""
TABLE = "TABLE"
PATTERN_LETTERS_MAX = 1000


def _columns(*columns: tuple[str, pa.DataType] | tuple[str, pa.DataType, bool]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=not required) for name, kind, *required in columns])


_TEXT, _INT32, _BOOL = pa.string(), pa.int32(), pa.bool_()
_NAMES = (("catalog_name", _TEXT), ("db_schema_name", _TEXT))
_TABLES = _columns(*_NAMES, ("table_name", _TEXT, True), ("table_type", _TEXT, True))
_REFERENCES = _columns(
    ("pk_catalog_name", _TEXT),
    ("pk_db_schema_name", _TEXT),
    ("pk_table_name", _TEXT, True),
    ("pk_column_name", _TEXT, True),
    ("fk_catalog_name", _TEXT),
    ("fk_db_schema_name", _TEXT),
    ("fk_table_name", _TEXT, True),
    ("fk_column_name", _TEXT, True),
    ("key_sequence", _INT32, True),
    ("fk_key_name", _TEXT),
    ("pk_key_name", _TEXT),
    ("update_rule", pa.uint8(), True),
    ("delete_rule", pa.uint8(), True),
)
_SCHEMAS: dict[type[Question], pa.Schema] = {
    CommandGetCatalogs: _columns(("catalog_name", _TEXT, True)),
    CommandGetDbSchemas: _columns(("catalog_name", _TEXT), ("db_schema_name", _TEXT, True)),
    CommandGetTables: _TABLES,
    CommandGetTableTypes: _columns(("table_type", _TEXT, True)),
    CommandGetPrimaryKeys: _columns(
        *_NAMES,
        ("table_name", _TEXT, True),
        ("column_name", _TEXT, True),
        ("key_name", _TEXT),
        ("key_sequence", _INT32, True),
    ),
    CommandGetExportedKeys: _REFERENCES,
    CommandGetImportedKeys: _REFERENCES,
    CommandGetCrossReference: _REFERENCES,
    CommandGetSqlInfo: information.SCHEMA,
    CommandGetXdbcTypeInfo: _columns(
        ("type_name", _TEXT, True),
        ("data_type", _INT32, True),
        ("column_size", _INT32),
        ("literal_prefix", _TEXT),
        ("literal_suffix", _TEXT),
        ("create_params", pa.list_(pa.field("item", _TEXT, nullable=False))),
        ("nullable", _INT32, True),
        ("case_sensitive", _BOOL, True),
        ("searchable", _INT32, True),
        ("unsigned_attribute", _BOOL),
        ("fixed_prec_scale", _BOOL, True),
        ("auto_increment", _BOOL),
        ("local_type_name", _TEXT),
        ("minimum_scale", _INT32),
        ("maximum_scale", _INT32),
        ("sql_data_type", _INT32, True),
        ("datetime_subcode", _INT32),
        ("num_prec_radix", _INT32),
        ("interval_precision", _INT32),
    ),
}


class Catalogue:
    """Answers drivers. Used from many threads at once."""

    def __init__(self, project: ServedProject, desk: Desk) -> None:
        self._project = project
        self._lake: Lake = project.lake
        self._desk = desk
        keywords = self._lake.engine.fork().execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved' ORDER BY 1"
        )
        self._information = information.information(
            statement_timeout_s=desk.bounds.seconds, keywords=[row[0] for row in keywords]
        )

    def schema(self, question: Question) -> pa.Schema:
        """The columns of the answer; they are the same for everybody."""
        schema = _SCHEMAS[type(question)]
        if isinstance(question, CommandGetTables) and question.include_schema:
            return schema.append(pa.field("table_schema", pa.binary(), nullable=False))
        return schema

    @property
    def _policies(self) -> Policies:
        return self._desk.policies

    def answer(self, question: Question, visitor: Visitor) -> pa.Table:
        """What there is for this visitor."""
        if isinstance(question, CommandGetSqlInfo):
            return information.answer(self._information, question.info)
        return pa.Table.from_pylist(list(self._rows(question, visitor)), self.schema(question))

    def _rows(self, question: Question, visitor: Visitor) -> Iterable[Mapping[str, Any]]:
        here = {"catalog_name": self._project.name, "db_schema_name": SCHEMA}
        match question:
            case CommandGetCatalogs():
                return [{"catalog_name": self._project.name}]
            case CommandGetDbSchemas():
                seen = self._in_catalogue(question.catalog) and like([SCHEMA], question.db_schema_filter_pattern)
                return [here] if seen else []
            case CommandGetTables():
                return [{**here, **row} for row in self._tables(question, visitor)]
            case CommandGetTableTypes():
                return [{"table_type": TABLE}]
            case CommandGetPrimaryKeys():
                return [{**here, **row} for row in self._key(question, visitor)]
            case CommandGetXdbcTypeInfo():
                return [one for one in _TYPES if question.data_type in (None, one["data_type"])]
        return []  # no table of the lake declares foreign keys

    def _tables(self, asked: CommandGetTables, visitor: Visitor) -> Iterable[Mapping[str, Any]]:
        of_kind = not asked.table_types or TABLE in asked.table_types
        if not (of_kind and self._in_catalogue(asked.catalog) and like([SCHEMA], asked.db_schema_filter_pattern)):
            return []
        at = self._lake.snapshot()
        names = like(self._policies.listed(visitor, snapshot=at), asked.table_name_filter_pattern)
        if not asked.include_schema:
            return [{"table_name": name, "table_type": TABLE} for name in names]
        found = []
        for name in names:
            docs = docs_of(self._lake, name, snapshot=at)
            _, shown = self._policies.told(visitor, name, snapshot=at)
            described = [self._described(column, name, docs.get(column.name)) for column in shown]
            schema = pa.schema(described).serialize().to_pybytes()
            found.append({"table_name": name, "table_type": TABLE, "table_schema": schema})
        return found

    def _described(self, column: pa.Field, table: str, doc: str | None) -> pa.Field:
        """The column with what JDBC's getColumns asks for."""
        told = {
            "ARROW:FLIGHT:SQL:CATALOG_NAME": self._project.name,
            "ARROW:FLIGHT:SQL:SCHEMA_NAME": SCHEMA,
            "ARROW:FLIGHT:SQL:TABLE_NAME": table,
            "ARROW:FLIGHT:SQL:TYPE_NAME": type_name(column.type),
            "ARROW:FLIGHT:SQL:IS_AUTO_INCREMENT": "0",
            "ARROW:FLIGHT:SQL:IS_CASE_SENSITIVE": "1",
            "ARROW:FLIGHT:SQL:IS_READ_ONLY": "1",
            "ARROW:FLIGHT:SQL:IS_SEARCHABLE": "1",
        }
        if pa.types.is_decimal(column.type):
            told["ARROW:FLIGHT:SQL:PRECISION"] = str(column.type.precision)
            told["ARROW:FLIGHT:SQL:SCALE"] = str(column.type.scale)
        if doc:
            told["ARROW:FLIGHT:SQL:REMARKS"] = doc
        return column.with_metadata({**(column.metadata or {}), **told})

    def _key(self, asked: CommandGetPrimaryKeys, visitor: Visitor) -> Iterable[Mapping[str, Any]]:
        if not self._in_catalogue(asked.catalog) or asked.db_schema not in (None, SCHEMA):
            return []
        try:
            policy, _ = self._policies.told(visitor, asked.table, snapshot=self._lake.snapshot())
        except UnknownName:  # for a driver that is an empty answer
            return []
        return [
            {"table_name": asked.table, "column_name": column, "key_name": None, "key_sequence": number}
            for number, column in enumerate(policy.key(self._project.assets.get(asked.table)), start=1)
        ]

    def _in_catalogue(self, catalog: str | None) -> bool:
        return catalog in (None, self._project.name)


def like(names: Sequence[str], pattern: str | None) -> list[str]:
    """Those that a pattern of SQL's LIKE matches, in a time that grows with both lengths alone."""
    if pattern is None:
        return list(names)
    matched = pc.match_like(pa.array(names, pa.string()), pattern[:PATTERN_LETTERS_MAX]).to_pylist()
    return [name for name, matches in zip(names, matched, strict=True) if matches]


_TYPES: tuple[Mapping[str, Any], ...] = tuple(
    {
        "type_name": one.name,
        "data_type": one.code,
        "column_size": one.size,
        "literal_prefix": one.quote,
        "literal_suffix": "'" if one.quote else None,
        "create_params": list(one.parameters) or None,
        "nullable": NULLABLE,
        "case_sensitive": one.name == "VARCHAR",
        "searchable": SEARCHABLE,
        "unsigned_attribute": one.unsigned,
        "fixed_prec_scale": False,
        "auto_increment": False if one.radix else None,
        "local_type_name": one.name,
        "minimum_scale": 0 if one.scale_max else None,
        "maximum_scale": one.scale_max,
        "sql_data_type": 9 if one.subcode else one.code,
        "datetime_subcode": one.subcode,
        "num_prec_radix": one.radix,
        "interval_precision": None,
    }
    for one in sorted(TYPES, key=lambda one: one.code)
)
