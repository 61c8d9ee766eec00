"""A person's query reads tables of the lake and reaches nothing else: no file, no address, no setting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import AccessDenied, BadRequest, PumphouseError, UnknownName
from pumphouse.project.allowed import FUNCTIONS, OPERATORS
from pumphouse.project.queries import asked, tables_in

KNOWN = ("orders", "people", "Odd Name")


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    engine = DuckDB(threads=1)
    yield engine
    engine.close()


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT 1", ()),
        ("FROM orders;", ("orders",)),
        ("FROM ORDERS", ("orders",)),
        ('SELECT * FROM "Odd Name", people', ("Odd Name", "people")),
        ("WITH orders AS (SELECT * FROM orders) FROM orders", ("orders",)),
        ("WITH t AS (FROM orders), u AS (FROM t) SELECT (SELECT max(id) FROM people) FROM u", ("orders", "people")),
        ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) FROM t", ()),
        (
            "SELECT unnest(tags) FROM orders, range(3), unnest([1]) u, LATERAL (SELECT * FROM generate_series(id))",
            ("orders",),
        ),
        ("PIVOT orders ON month IN (1, 2) USING sum(cents)", ("orders",)),
        ("SELECT id FROM orders ASOF JOIN people USING (id) QUALIFY row_number() OVER () = 1", ("orders", "people")),
        ("SUMMARIZE orders", ("orders",)),
        ("DESCRIBE orders", ("orders",)),
        (
            "SELECT list_transform([1], lambda x: x + 1), $today, '; DROP TABLE orders' FROM orders -- FROM nowhere",
            ("orders",),
        ),
    ],
)
def test_tables_that_are_read(engine: DuckDB, text: str, tables: tuple[str, ...]) -> None:
    assert sorted(tables_in(text, engine=engine, known=KNOWN)) == sorted(tables)


@pytest.mark.parametrize(
    "text",
    [
        "FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM orders, LATERAL (SELECT * FROM read_blob('/etc/passwd'))",
        "SELECT (SELECT content FROM read_text('/etc/passwd')) FROM orders",
        "WITH t AS MATERIALIZED (FROM glob('/*')) FROM t",
        "SELECT 1 ORDER BY (SELECT count(*) FROM parquet_scan('https://example.org/x'))",
        "SELECT 1 LIMIT (SELECT count(*) FROM duckdb_secrets())",
        "FROM query('FROM orders')",
        "FROM query_table('orders')",
        "FROM json_execute_serialized_sql('{}')",
        "FROM sqlite_scan('state.sqlite', 'tokens')",
        "FROM ducklake_snapshots('lake')",
        "FROM lake.set_option('a', 'b')",
        "FROM (SHOW ALL TABLES)",
        "SELECT current_setting('memory_limit')",
        "SELECT GETENV('HOME') FROM orders",
        "SELECT system.main.getvariable('x')",
        "SELECT max(id) FILTER (sleep_ms(1000) IS NULL) FROM orders",
    ],
)
def test_functions_that_reach_outside_are_refused(engine: DuckDB, text: str) -> None:
    with pytest.raises(AccessDenied, match="in a query"):
        tables_in(text, engine=engine, known=KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "FROM '/etc/passwd'",
        "FROM 'rows.parquet'",
        "FROM 'https://example.org/rows.csv'",
        "FROM lake.main.orders",
        "FROM main.orders",
        "FROM lake.pumphouse.tombstones",
        "FROM __ducklake_metadata_lake.ducklake_snapshot",
        "FROM information_schema.tables",
        "FROM pg_settings",
        "FROM sqlite_master",
        # A WITH hides a name only where DuckDB takes it for the name.
        "WITH pg_settings AS (FROM pg_settings) FROM pg_settings",
        "WITH t AS (FROM pg_settings), pg_settings AS (SELECT 1) FROM t",
        'SELECT * FROM (WITH "x.csv" AS (SELECT 1) FROM "x.csv"), \'x.csv\'',
        'WITH "x.csv" AS (SELECT 1) FROM main."x.csv"',
    ],
)
def test_what_only_looks_like_a_table_is_refused(engine: DuckDB, text: str) -> None:
    with pytest.raises(UnknownName, match="the lake has no table"):
        tables_in(text, engine=engine, known=KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "INSERT INTO orders VALUES (1)",
        "CREATE TABLE x AS FROM orders",
        "COPY orders TO '/tmp/out.csv'",
        "ATTACH '/tmp/other.db'",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "CALL ducklake_snapshots('lake')",
        "EXPLAIN ANALYZE FROM orders",
        "INSTALL httpfs",
        "PIVOT orders ON month USING sum(cents)",
    ],
)
def test_only_one_select_can_be_asked(engine: DuckDB, text: str) -> None:
    with pytest.raises(PumphouseError, match="only one SELECT"):
        tables_in(text, engine=engine, known=KNOWN)


def test_a_query_that_cannot_be_parsed_says_where(engine: DuckDB) -> None:
    with pytest.raises(PumphouseError, match='parsed: syntax error at or near "id"') as caught:
        tables_in("SELECT 'ä'\nFROM orders WHER id = 1 1", engine=engine, known=KNOWN)
    assert str(caught.value.place) == "query:2"


def test_an_unknown_table_offers_the_nearest(engine: DuckDB) -> None:
    with pytest.raises(UnknownName, match="no table 'order'") as caught:
        tables_in('SELECT *\nFROM "order"', engine=engine, known=KNOWN)
    assert (caught.value.mend, str(caught.value.place)) == ("Did you mean 'orders'?", "query:2")


SHAPES = (
    "SELECT id, 'public.orders' FROM {0} -- public.orders",
    "SELECT {1}.id FROM {0} WHERE {1}.id > 1 ORDER BY {1}.id",
    "SELECT o.id FROM {0} AS o WHERE o.id IN (SELECT max({1}.id) FROM {0})",
    "WITH orders AS (SELECT 7 AS id) SELECT {1}.id FROM {0}",
    "SELECT {1}.id, p.id FROM {0}, (SELECT 1 AS id) p",
    "SELECT count(*) FILTER ({1}.id > 1) OVER (PARTITION BY {1}.tags ORDER BY {1}.id) FROM {0}",
    'SELECT unnest({1}.tags), "ä" FROM {0}, (SELECT \'ü\' AS "ä")',
    "SELECT CASE WHEN {1}.id = 1 THEN [{1}.id] ELSE {1}.tags END FROM {0} GROUP BY ALL HAVING count(*) > 0",
    "FROM {0} UNION ALL (SELECT {1}.id, {1}.tags FROM {0} LIMIT 1)",
    "SELECT list_transform({1}.tags, lambda x: x + {1}.id) FROM {0}",
    "PIVOT {0} ON id IN (1, 2) USING count(*) GROUP BY tags",
)
QUALIFIERS = ("main", "public", "lake", "shop", "lake.main", '"shop" . "public"', "Shop /* it */ .\nMAIN", "shop.main")


@settings(max_examples=150, deadline=None)
@given(shape=st.sampled_from(SHAPES), written=st.sampled_from(QUALIFIERS), name=st.sampled_from(["orders", '"orders"']))
def test_qualified_names_mean_what_plain_ones_do(engine: DuckDB, shape: str, written: str, name: str) -> None:
    here = engine.fork()
    here.execute("CREATE OR REPLACE TEMP VIEW orders AS SELECT * FROM (VALUES (1, [1, 2]), (2, [3])) t(id, tags)")
    query = asked(
        shape.format(f"{written}.{name}", f"{written}.{name}"), engine=here, known=KNOWN, catalogues=("lake", "shop")
    )
    plain = shape.format("temp.orders", "orders")
    assert query.tables == ("orders",)
    assert here.execute(query.text) == here.execute(plain)


def test_column_that_is_called_like_a_schema_stays_itself(engine: DuckDB) -> None:
    here = engine.fork()
    here.execute("CREATE OR REPLACE TEMP VIEW orders AS SELECT 1 AS id")
    text = "SELECT public.orders.id FROM (SELECT {'id': 5} AS orders) AS public, public.orders"
    query = asked(text, engine=here, known=KNOWN, catalogues=("lake",))
    assert here.execute(query.text) == [(5,)]


HARMLESS = FUNCTIONS | OPERATORS


@pytest.mark.parametrize(
    "text",
    [
        "SELECT [1, 2], {'a': 1}, map {'a': 1}, (1, 2), 'a' || 'b', 2 ** 3, 5 // 2, id IS NOT NULL, -id FROM orders",
        "SELECT id::DECIMAL(10, 2), CAST(id AS STRUCT(a INT, b TEXT[])), id::ENUM('a') FROM orders",
        "SELECT CASE WHEN id IN (1, 2) THEN 'x' ELSE NULL END, id BETWEEN 1 AND 2, name ILIKE 'b%' FROM orders",
        "SELECT name SIMILAR TO 'a', NOT name ~ 'b', name COLLATE NOCASE, extract(year FROM paid_at) FROM orders",
        "SELECT paid_at AT TIME ZONE 'UTC', DATE '2026-01-01' + INTERVAL 1 DAY FROM orders",
        "SELECT sum(id) FILTER (id > 1) OVER w, rank() OVER (ORDER BY id) FROM orders WINDOW w AS ()",
        "SELECT tags[1], tags[1:2], s.a, list_filter(tags, x -> x > 1), [x * 2 FOR x IN tags IF x > 1] FROM orders",
        "SELECT * EXCLUDE (id) REPLACE (1 AS n) RENAME (a AS b), COLUMNS('a.*') FROM orders",
        "SELECT id, GROUPING(id) FROM orders GROUP BY CUBE (id, name) HAVING true ORDER BY 1 NULLS LAST LIMIT 10%",
        "SELECT DISTINCT ON (id) id FROM orders a NATURAL JOIN people b SEMI JOIN people c USING (id) ORDER BY ALL",
        "(SELECT 1 UNION SELECT 2) INTERSECT ALL SELECT 3 EXCEPT SELECT 4",
        "SELECT EXISTS (FROM orders), id = ANY (SELECT 1), (SELECT max(id) FROM people) FROM orders",
        "VALUES (1, 'a'), (2, 'b')",
        "SELECT #1 FROM orders ORDER BY #1",
        "FROM orders TABLESAMPLE 10%",
        "UNPIVOT orders ON a, b INTO NAME n VALUE v",
        "SELECT coalesce(a, b), nullif(a, b), greatest(a, b), try(a / b), a IS DISTINCT FROM b FROM orders",
        "SELECT name.upper().lower(), substring(name FROM 1 FOR 2), trim(both FROM name) FROM orders",
        "SELECT json->>'$.a', json->'b', format('{:,} {}', a, b), printf('%.2f', c) FROM orders",
        "SELECT current_date, now(), $1 FROM orders WHERE NOT (id = 1 AND (name = 'a' OR TRUE))",
        "WITH RECURSIVE t(n) USING KEY (n) AS (SELECT 1 UNION SELECT n + 1 FROM t) SELECT * FROM t",
        "SELECT string_agg(name, ',' ORDER BY id DESC), arg_max(name, id), count(*) FROM orders",
        "SELECT * FROM orders ASOF LEFT JOIN people ON orders.a >= people.b POSITIONAL JOIN people p",
    ],
)  # fmt: skip
def test_what_people_ask_is_known(engine: DuckDB, text: str) -> None:
    asked(text, engine=engine, known=KNOWN, functions=HARMLESS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT error('x')", "error"),
        ("SELECT stats(id) FROM orders", "stats"),
        ("SELECT json_serialize_plan('SELECT 1')", "json_serialize_plan"),
        ("SELECT pg_get_viewdef(1)", "pg_get_viewdef"),
        ("SELECT current_query()", "current_query"),
        ("SELECT txid_current()", "txid_current"),
        ("SELECT __internal_compress_string_ubigint(name) FROM orders", "__internal"),
        ("SELECT getenv('HOME') OVER () FROM orders", "getenv"),
        ("SELECT name.getvariable() FROM orders", "getvariable"),
        ("SELECT list_transform([1], x -> nextval('s'))", "nextval"),
        ("SELECT nobody_knows_it(id) FROM orders", "nobody_knows_it"),
        ("FROM repeat_row(1, num_rows := 3)", "repeat_row"),
        ("SELECT system.main.current_user()", "schema"),
        ("SELECT pg_catalog.version()", "schema"),
        ("SELECT printf('%1000000000d', 1)", "format"),
        ("SELECT format('{:>{}}', 'a', 1000000000)", "format"),
        ("SELECT format(name, 1) FROM orders", "format"),
        ("SELECT printf('%*d', 1000000000, 1)", "format"),
        ("FROM orders AT (VERSION => 3)", "AT"),
    ],
)
def test_what_is_not_known_to_be_harmless_is_refused(engine: DuckDB, text: str, says: str) -> None:
    with pytest.raises(AccessDenied, match=says):
        asked(text, engine=engine, known=KNOWN, functions=HARMLESS)


def test_refused_function_offers_the_nearest(engine: DuckDB) -> None:
    with pytest.raises(AccessDenied) as caught:
        asked("SELECT 1,\n lowr(name) FROM orders", engine=engine, known=KNOWN, functions=HARMLESS)
    assert (caught.value.mend, str(caught.value.place)) == ("Did you mean 'lower'?", "query:2")


def test_functions_of_the_list_are_functions_of_this_duckdb(engine: DuckDB) -> None:
    known = {row[0].lower() for row in engine.execute("SELECT DISTINCT function_name FROM duckdb_functions()")}
    assert HARMLESS - known == {"exists", "->"}


@pytest.mark.parametrize("depth", [400, 5_000, 200_000])
def test_query_nested_too_deeply_is_refused(engine: DuckDB, depth: int) -> None:
    for text in (f"SELECT {'(' * depth}1{')' * depth}", f"SELECT {'NOT ' * depth}true", f"SELECT {'- ' * depth}1"):
        with suppress(BadRequest):
            asked(text, engine=engine, known=KNOWN, functions=HARMLESS)


def test_what_chance_or_the_clock_changes_is_not_steady(engine: DuckDB) -> None:
    def is_steady(text: str) -> bool:
        return asked(text, engine=engine, known=KNOWN, functions=HARMLESS).is_steady

    assert is_steady("SELECT max(id), today FROM (SELECT id, 'now()' AS today FROM orders)") is False
    assert [
        is_steady(f"SELECT {one} FROM orders") for one in ("random()", "now()", "current_date", "current_user")
    ] == [False] * 4
    assert not is_steady("FROM orders TABLESAMPLE 10%")
    assert is_steady("SELECT count(*) FROM orders WHERE name = 'now()'")
