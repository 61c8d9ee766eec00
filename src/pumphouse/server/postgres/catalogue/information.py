"""PostgreSQL's views over its own tables, by "schema.name", as SQL of DuckDB. A column that one leaves out is null."""

from __future__ import annotations

_DATABASE = '(SELECT datname FROM "pg_catalog.pg_database")'
_WHO = '(SELECT usename FROM "pg_catalog.pg_user")'
_RELATION = """ FROM "pg_catalog.pg_class" c JOIN "pg_catalog.pg_namespace" n ON n.oid = c.relnamespace"""
_COLUMN = f"""{_RELATION} JOIN "pg_catalog.pg_attribute" a ON a.attrelid = c.oid AND a.attnum > 0
    JOIN "pg_catalog.pg_type" t ON t.oid = a.atttypid JOIN "pg_catalog.pg_namespace" tn ON tn.oid = t.typnamespace"""
_IS_TABLE = "c.relkind IN ('r', 'v', 'f', 'p')"
_TYPE = "CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN 'ARRAY' ELSE f_format_type_2(a.atttypid, NULL) END"
_KEY = """ FROM "pg_catalog.pg_constraint" k JOIN "pg_catalog.pg_class" c ON c.oid = k.conrelid
    JOIN "pg_catalog.pg_namespace" n ON n.oid = c.relnamespace"""
_KEY_COLUMN = f"""{_KEY} JOIN "pg_catalog.pg_attribute" a ON a.attrelid = c.oid AND list_contains(k.conkey, a.attnum)"""
_FUNCTION = """ FROM "pg_catalog.pg_proc" p JOIN "pg_catalog.pg_namespace" n ON n.oid = p.pronamespace
    JOIN "pg_catalog.pg_type" t ON t.oid = p.prorettype"""

VIEWS: dict[str, str] = {
    "pg_catalog.pg_tables": f"""SELECT n.nspname AS schemaname, c.relname AS tablename,
        f_pg_get_userbyid_1(c.relowner) AS tableowner, c.relhasindex AS hasindexes,
        c.relhasrules AS hasrules, c.relhastriggers AS hastriggers, c.relrowsecurity AS rowsecurity
        {_RELATION} WHERE c.relkind IN ('r', 'p')""",
    "pg_catalog.pg_views": f"""SELECT n.nspname AS schemaname, c.relname AS viewname,
        f_pg_get_userbyid_1(c.relowner) AS viewowner {_RELATION} WHERE c.relkind = 'v'""",
    "pg_catalog.pg_indexes": """SELECT n.nspname AS schemaname, t.relname AS tablename, c.relname AS indexname,
        NULL::VARCHAR AS tablespace, f_pg_get_indexdef_1(i.indexrelid) AS indexdef FROM "pg_catalog.pg_index" i
        JOIN "pg_catalog.pg_class" t ON t.oid = i.indrelid JOIN "pg_catalog.pg_class" c ON c.oid = i.indexrelid
        JOIN "pg_catalog.pg_namespace" n ON n.oid = t.relnamespace""",
    "pg_catalog.pg_stat_user_tables": f"""SELECT c.oid AS relid, n.nspname AS schemaname, c.relname AS relname
        {_RELATION} WHERE c.relkind = 'r' AND n.nspname = 'public'""",
    "information_schema.information_schema_catalog_name": f"SELECT {_DATABASE} AS catalog_name",
    "information_schema.schemata": f"""SELECT {_DATABASE} AS catalog_name, n.nspname AS schema_name,
        f_pg_get_userbyid_1(n.nspowner) AS schema_owner
        FROM "pg_catalog.pg_namespace" n WHERE n.nspname <> 'pg_toast'""",
    "information_schema.tables": f"""SELECT {_DATABASE} AS table_catalog, n.nspname AS table_schema,
        c.relname AS table_name, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN' ELSE 'BASE TABLE' END
        AS table_type,
        'NO' AS is_insertable_into, 'NO' AS is_typed {_RELATION} WHERE {_IS_TABLE}""",
    "information_schema.views": f"""SELECT {_DATABASE} AS table_catalog, n.nspname AS table_schema,
        c.relname AS table_name, 'NONE' AS check_option, 'NO' AS is_updatable,
        'NO' AS is_insertable_into, 'NO' AS is_trigger_updatable, 'NO' AS is_trigger_deletable,
        'NO' AS is_trigger_insertable_into {_RELATION} WHERE c.relkind = 'v'""",
    "information_schema.columns": f"""SELECT {_DATABASE} AS table_catalog, n.nspname AS table_schema,
        c.relname AS table_name, a.attname AS column_name, CAST(a.attnum AS INTEGER) AS ordinal_position,
        CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END AS is_nullable,
        {_TYPE} AS data_type,
        CASE WHEN t.oid IN (25, 1042, 1043) THEN 1073741824 END AS character_octet_length,
        CASE t.oid WHEN 21 THEN 16 WHEN 23 THEN 32 WHEN 20 THEN 64 WHEN 700 THEN 24 WHEN 701 THEN 53
            WHEN 1700 THEN CASE WHEN a.atttypmod >= 4 THEN ((a.atttypmod - 4) >> 16) & 65535 END END
            AS numeric_precision,
        CASE WHEN t.oid IN (20, 21, 23, 700, 701) THEN 2 WHEN t.oid = 1700 THEN 10 END AS numeric_precision_radix,
        CASE WHEN t.oid IN (20, 21, 23) THEN 0 WHEN t.oid = 1700 AND a.atttypmod >= 4
            THEN (a.atttypmod - 4) & 2047 END AS numeric_scale,
        CASE WHEN t.oid = 1082 THEN 0 WHEN t.oid IN (1083, 1114, 1184, 1186, 1266) THEN 6 END AS datetime_precision,
        {_DATABASE} AS udt_catalog, tn.nspname AS udt_schema, t.typname AS udt_name,
        CAST(a.attnum AS VARCHAR) AS dtd_identifier, 'NO' AS is_self_referencing, 'NO' AS is_identity,
        'NO' AS identity_cycle, 'NEVER' AS is_generated, 'NO' AS is_updatable {_COLUMN} WHERE {_IS_TABLE}""",
    "information_schema.table_constraints": f"""SELECT {_DATABASE} AS constraint_catalog,
        n.nspname AS constraint_schema, k.conname AS constraint_name, {_DATABASE} AS table_catalog,
        n.nspname AS table_schema, c.relname AS table_name, 'PRIMARY KEY' AS constraint_type, 'NO' AS is_deferrable,
        'NO' AS initially_deferred, 'YES' AS enforced, 'YES' AS nulls_distinct {_KEY}""",
    "information_schema.key_column_usage": f"""SELECT {_DATABASE} AS constraint_catalog,
        n.nspname AS constraint_schema, k.conname AS constraint_name, {_DATABASE} AS table_catalog,
        n.nspname AS table_schema, c.relname AS table_name, a.attname AS column_name,
        CAST(list_position(k.conkey, a.attnum) AS INTEGER) AS ordinal_position {_KEY_COLUMN}""",
    "information_schema.constraint_column_usage": f"""SELECT {_DATABASE} AS table_catalog, n.nspname AS table_schema,
        c.relname AS table_name, a.attname AS column_name, {_DATABASE} AS constraint_catalog,
        n.nspname AS constraint_schema, k.conname AS constraint_name {_KEY_COLUMN}""",
    "information_schema.table_privileges": f"""SELECT 'pumphouse' AS grantor, {_WHO} AS grantee,
        {_DATABASE} AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
        'SELECT' AS privilege_type, 'NO' AS is_grantable, 'YES' AS with_hierarchy {_RELATION} WHERE {_IS_TABLE}""",
    "information_schema.role_table_grants": f"""SELECT 'pumphouse' AS grantor, {_WHO} AS grantee,
        {_DATABASE} AS table_catalog, n.nspname AS table_schema, c.relname AS table_name,
        'SELECT' AS privilege_type, 'NO' AS is_grantable, 'YES' AS with_hierarchy {_RELATION} WHERE {_IS_TABLE}""",
    "information_schema.column_privileges": f"""SELECT 'pumphouse' AS grantor, {_WHO} AS grantee,
        {_DATABASE} AS table_catalog, n.nspname AS table_schema, c.relname AS table_name, a.attname AS column_name,
        'SELECT' AS privilege_type, 'NO' AS is_grantable {_COLUMN} WHERE {_IS_TABLE}""",
    "information_schema.routines": f"""SELECT {_DATABASE} AS specific_catalog, n.nspname AS specific_schema,
        p.proname || '_' || p.oid AS specific_name, {_DATABASE} AS routine_catalog, n.nspname AS routine_schema,
        p.proname AS routine_name, 'FUNCTION' AS routine_type, f_format_type_2(t.oid, NULL) AS data_type,
        {_DATABASE} AS type_udt_catalog, 'pg_catalog' AS type_udt_schema, t.typname AS type_udt_name,
        'EXTERNAL' AS routine_body, p.proname AS external_name,
        'INTERNAL' AS external_language, 'GENERAL' AS parameter_style, 'YES' AS is_deterministic,
        'INVOKER' AS security_type {_FUNCTION} WHERE n.nspname = 'public'""",
    "information_schema.enabled_roles": f"SELECT {_WHO} AS role_name",
    "information_schema.character_sets": f"""SELECT 'UTF8' AS character_set_name, 'UCS' AS character_repertoire,
        'UTF8' AS form_of_use, {_DATABASE} AS default_collate_catalog, 'pg_catalog' AS default_collate_schema,
        'C.UTF-8' AS default_collate_name""",
}
