"""PostgreSQL's functions over its own tables: what may be called, with the types of what goes in and comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pumphouse.server.postgres.catalogue.lookups import Lookups

FORMAT_VALUES_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function with a number of parameters. It runs in Python, over names and numbers that are looked up."""

    name: str
    takes: tuple[str, ...]
    """Types of DuckDB; what is given is cast to them."""
    returns: str
    call: Callable[..., Any]  # what the types above say
    """Given the lookups and the arguments."""
    strict: bool = True
    """Whether it is null where an argument is."""

    @property
    def called(self) -> str:
        """Its name in the DuckDB that holds the catalogue: none of DuckDB's own."""
        return f"f_{self.name}_{len(self.takes)}"


OID, TEXT, INT, BOOL = "UINTEGER", "VARCHAR", "INTEGER", "BOOLEAN"
_OUT: Mapping[str, Callable[..., Any]] = {
    "regclass": Lookups.relation,
    "regtype": Lookups.type,
    "regproc": Lookups.function,
    "regnamespace": Lookups.schema,
    "regrole": Lookups.role,
}
FAMILIES = {"regclass": "relation", "regtype": "type", "regproc": "function", "regprocedure": "function",
            "regnamespace": "schema", "regrole": "role"}  # fmt: skip
"""Types whose values are numbers, and are written as names."""
_VISIBLE = {
    "table": ("pg_class", "relnamespace"), "type": ("pg_type", "typnamespace"), "function": ("pg_proc", "pronamespace"),
    "operator": ("pg_operator", "oprnamespace"), "opclass": ("pg_opclass", "opcnamespace"),
    "opfamily": ("pg_opfamily", "opfnamespace"), "conversion": ("pg_conversion", "connamespace"),
    "collation": ("pg_collation", "collnamespace"), "statistics_obj": ("pg_statistic_ext", "stxnamespace"),
    "ts_parser": ("pg_ts_parser", "prsnamespace"), "ts_dict": ("pg_ts_dict", "dictnamespace"),
    "ts_template": ("pg_ts_template", "tmplnamespace"), "ts_config": ("pg_ts_config", "cfgnamespace"),
}  # fmt: skip
_PRIVILEGES = {
    "table": ("relation", "select"), "any_column": ("relation", "select"), "schema": ("schema", "usage"),
    "database": ("database", "connect"), "function": ("function", "execute"), "type": ("type", "usage"),
}  # fmt: skip
_UNGRANTED = ("language", "tablespace", "sequence", "server", "foreign_data_wrapper", "parameter")
_NOTHING = {
    TEXT: (
        "pg_get_expr 2 3", "pg_get_serial_sequence 2", "pg_get_viewdef 1 2", "pg_get_triggerdef 1 2",
        "pg_get_ruledef 1 2", "pg_get_statisticsobjdef 1", "pg_get_statisticsobjdef_columns 1",
        "pg_get_statisticsobjdef_expressions 1", "pg_get_partkeydef 1", "pg_get_partition_constraintdef 1",
        "pg_get_function_sqlbody 1", "pg_get_function_arg_default 2", "shobj_description 2", "inet_server_addr 0",
        "inet_client_addr 0", "pg_relation_filepath 1", "pg_current_logfile 0 1", "pg_describe_object 3",
    ),
    INT: ("inet_server_port 0", "inet_client_port 0"),
    OID: ("pg_relation_filenode 1",),
    "BIGINT": (
        "pg_relation_size 1 2", "pg_total_relation_size 1", "pg_table_size 1", "pg_indexes_size 1",
        "pg_database_size 1", "pg_tablespace_size 1", "pg_sequence_last_value 1", "pg_stat_get_numscans 1",
        "pg_stat_get_live_tuples 1", "pg_stat_get_dead_tuples 1",
    ),
    "TIMESTAMPTZ": ("pg_stat_get_last_vacuum_time 1", "pg_stat_get_last_analyze_time 1",
                    "pg_last_xact_replay_timestamp 0"),
}  # fmt: skip
"""Functions that have nothing to tell here, by the type of their NULL, with the numbers of their arguments."""
_CONSTANTS: dict[str, str] = {
    "pg_client_encoding 0": "'UTF8'", "getdatabaseencoding 0": "'UTF8'", "pg_is_in_recovery 0": "false",
    "pg_is_wal_replay_paused 0": "false", "pg_my_temp_schema 0": "CAST(0 AS UINTEGER)",
    "pg_is_other_temp_schema 1": "false", "pg_relation_is_publishable 1": "false", "pg_trigger_depth 0": "0",
    "pg_relation_is_updatable 2": "0", "pg_column_is_updatable 3": "false", "pg_tablespace_location 1": "''",
    "pg_jit_available 0": "false", "pg_advisory_unlock_all 0": "CAST(NULL AS VARCHAR)",
    "row_security_active 1": "false", "txid_current 0": "CAST(3 AS BIGINT)",
}  # fmt: skip

MACROS: dict[str, str] = {
    "array_upper_2": "(_a, _d) AS CASE WHEN _d = 1 AND len(_a) > 0 THEN CAST(len(_a) AS INTEGER) END",
    "array_lower_2": "(_a, _d) AS CASE WHEN _d = 1 AND len(_a) > 0 THEN 1 END",
    "array_length_2": "(_a, _d) AS CASE WHEN _d = 1 AND len(_a) > 0 THEN CAST(len(_a) AS INTEGER) END",
    "array_ndims_1": "(_a) AS CASE WHEN len(_a) > 0 THEN 1 END",
    "cardinality_1": "(_a) AS CAST(len(_a) AS INTEGER)",
    "array_position_2": "(_a, _e) AS CAST(nullif(list_position(_a, _e), 0) AS INTEGER)",
    "length_1": "(_s) AS CAST(length(CAST(_s AS VARCHAR)) AS INTEGER)",
    "char_length_1": "(_s) AS CAST(length(CAST(_s AS VARCHAR)) AS INTEGER)",
    "strpos_2": "(_s, _t) AS CAST(strpos(_s, _t) AS INTEGER)",
    "join_lists_2": "(_a, _b) AS coalesce(_a, []) || coalesce(_b, [])",
    "out_vector_1": "(_l) AS array_to_string(_l, ' ')",
    "nameconcatoid_2": "(_s, _o) AS left(_s, 52) || '_' || _o",
    "pg_expandarray_1": "(_a) AS unnest(list_transform(_a, lambda e, i: {'x': e, 'n': CAST(i AS INTEGER)}))",
    "current_schemas_1": "(_b) AS CASE WHEN _b THEN ['pg_catalog', 'public'] ELSE ['public'] END",
    "age_1": "(_x) AS CAST(0 AS INTEGER)",
    **{
        f"{name}_{count}": f"({', '.join(f'_{n}' for n in range(int(count)))}) AS CAST(NULL AS {kind})"
        for kind, functions in _NOTHING.items()
        for name, *counts in map(str.split, functions)
        for count in counts
    },
    **{
        f"{name}_{count}": f"({', '.join(f'_{n}' for n in range(int(count)))}) AS {value}"
        for (name, count), value in ((key.split(), value) for key, value in _CONSTANTS.items())
    },
}
"""Functions in SQL, by name and number of parameters; none reads a table, whose columns could take a name from them."""


def _functions() -> list[Function]:
    made = [
        Function(name="quote_ident", takes=(TEXT,), returns=TEXT, call=Lookups.quote),
        Function(name="quote_literal", takes=(TEXT,), returns=TEXT, call=lambda at, text: at.format("%L", text)),
        Function(name="format_type", takes=(OID, INT), returns=TEXT, call=Lookups.type, strict=False),
        Function(name="out_list", takes=(f"{TEXT}[]",), returns=TEXT, call=lambda at, items: at.array(items)),
        Function(name="pg_get_userbyid", takes=(OID,), returns=TEXT, call=Lookups.owner),
        Function(name="pg_get_indexdef", takes=(OID,), returns=TEXT, call=Lookups.index),
        Function(name="pg_get_indexdef", takes=(OID, INT, BOOL), returns=TEXT,
                 call=lambda at, oid, column, pretty: at.index(oid, column, schema="" if pretty else "public.")),
        Function(name="pg_get_constraintdef", takes=(OID,), returns=TEXT, call=Lookups.constraint),
        Function(name="pg_get_constraintdef", takes=(OID, BOOL), returns=TEXT,
                 call=lambda at, oid, pretty: at.constraint(oid)),
        Function(name="obj_description", takes=(OID,), returns=TEXT, call=Lookups.doc),
        Function(name="obj_description", takes=(OID, TEXT), returns=TEXT, call=Lookups.doc),
        Function(name="col_description", takes=(OID, INT), returns=TEXT,
                 call=lambda at, oid, column: at.doc(oid, "pg_class", column)),
        Function(name="pg_size_pretty", takes=("BIGINT",), returns=TEXT, call=lambda at, number: at.size(number)),
        Function(name="pg_encoding_to_char", takes=(INT,), returns=TEXT,
                 call=lambda at, number: {0: "SQL_ASCII", 6: "UTF8"}.get(number, "")),
        Function(name="pg_char_to_encoding", takes=(TEXT,), returns=INT,
                 call=lambda at, name: 6 if name.lower() in ("utf8", "utf-8", "unicode") else -1),
        Function(name="pg_get_function_arguments", takes=(OID,), returns=TEXT, call=Lookups.arguments),
        Function(name="pg_get_function_identity_arguments", takes=(OID,), returns=TEXT, call=Lookups.arguments),
        Function(name="pg_get_function_result", takes=(OID,), returns=TEXT, call=Lookups.returns),
        Function(name="pg_get_functiondef", takes=(OID,), returns=TEXT, call=Lookups.definition),
        Function(name="has_column_privilege", takes=(TEXT, TEXT, TEXT), returns=BOOL,
                 call=lambda at, table, column, what: at.may("relation", "select", table, what)),
        Function(name="has_column_privilege", takes=(TEXT, TEXT, TEXT, TEXT), returns=BOOL,
                 call=lambda at, user, table, column, what: at.may("relation", "select", table, what)),
        Function(name="pg_has_role", takes=(TEXT, TEXT), returns=BOOL, call=lambda at, role, what: at.is_role(role)),
        Function(name="pg_has_role", takes=(TEXT, TEXT, TEXT), returns=BOOL,
                 call=lambda at, user, role, what: at.is_role(role)),
    ]  # fmt: skip
    for kind, family in FAMILIES.items():
        made.append(Function(name=f"in_{kind}", takes=(TEXT,), returns=OID, call=_number(family)))
        made.append(Function(name=f"to_{kind}", takes=(TEXT,), returns=OID, call=_found(family)))
        out = _OUT.get(kind, _OUT["regproc"])
        made.append(Function(name=f"out_{kind}", takes=(OID,), returns=TEXT, call=out))
    for kind, (table, column) in _VISIBLE.items():
        made.append(Function(name=f"pg_{kind}_is_visible", takes=(OID,), returns=BOOL, call=_visible(table, column)))
    for kind, (family, granted) in _PRIVILEGES.items():
        two, three = _may(family, granted), _may_as(family, granted)
        made.append(Function(name=f"has_{kind}_privilege", takes=(TEXT, TEXT), returns=BOOL, call=two))
        made.append(Function(name=f"has_{kind}_privilege", takes=(TEXT, TEXT, TEXT), returns=BOOL, call=three))
    for kind in _UNGRANTED:
        made.append(Function(name=f"has_{kind}_privilege", takes=(TEXT, TEXT), returns=BOOL, call=_never))
        made.append(Function(name=f"has_{kind}_privilege", takes=(TEXT, TEXT, TEXT), returns=BOOL, call=_never))
    made += [
        Function(name="format", takes=(TEXT,) * (count + 1), returns=TEXT, call=Lookups.format, strict=False)
        for count in range(FORMAT_VALUES_MAX + 1)
    ]
    return made


def _number(family: str) -> Callable[..., Any]:
    return lambda at, name: at.number(family, name)


def _found(family: str) -> Callable[..., Any]:
    return lambda at, name: at.find(family, name)


def _visible(table: str, column: str) -> Callable[..., Any]:
    return lambda at, oid: at.visible(table, column, oid)


def _may(family: str, granted: str) -> Callable[..., Any]:
    return lambda at, thing, what: at.may(family, granted, thing, what)


def _may_as(family: str, granted: str) -> Callable[..., Any]:
    return lambda at, user, thing, what: at.may(family, granted, thing, what)


def _never(at: Lookups, *arguments: Any) -> bool:
    return False


FUNCTIONS: Mapping[str, Function] = {one.called: one for one in _functions()}
NAMES = frozenset(one.name for one in FUNCTIONS.values()) | frozenset(name.rsplit("_", 1)[0] for name in MACROS)
"""What may be called, by name."""
PLAIN = frozenset(
    """
    age array_length array_lower array_ndims array_position array_upper cardinality char_length format join_lists length
    nameconcatoid out_vector pg_expandarray strpos
    """.split()
)
"""Those that a query over the lake may call as well, or that nobody calls: they make no question for the catalogue."""
SPECIFIC = NAMES - PLAIN
