from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.server.access.gate import Visitor
from pumphouse.server.postgres.catalogue import catalogues, store
from pumphouse.server.postgres.catalogue.builtin import builtin
from pumphouse.server.postgres.catalogue.functions import FUNCTIONS, MACROS
from pumphouse.server.postgres.sqlstate import Refused
from pumphouse.server.postgres.types import PARAMETERS_KEY, columns_of

KNOWN = builtin()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT * FROM orders",
        "SELECT * FROM public.orders",
        "SELECT 'pg_class' AS x FROM orders",
        "SELECT current_user, order_id FROM orders",
        "SELECT count(*) FROM orders WHERE customer = current_user",
        "SELECT sum(amount) FROM (SELECT * FROM orders) o",
        "WITH pg_class AS (SELECT 1 AS x) SELECT x FROM pg_class",
        "SELECT length('a'), format('%s', 1), strpos('a', 'b'), cardinality([1])",
        "SELECT 'pg_class', " + "(" * 100 + "1" + ")" * 100 + " FROM orders",
        "SELECT customer LIKE '%pg_%' FROM orders WHERE order_id IN (" + ", ".join(map(str, range(20_000))) + ")",
        "SET search_path = public",
        "SELECT * FROM pg_catalog.read_csv('/etc/passwd')",
        "SELECT pg_class is no SQL at all (",
        "",
    ],
)
def test_what_is_not_about_the_catalogue_is_left_to_others(ask: Any, text: str) -> None:
    assert ask(text) is None


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("SELECT * FROM pg_class c JOIN orders o ON true", "0A000"),
        ("SELECT (SELECT count(*) FROM orders) FROM pg_class", "0A000"),
        ("SELECT * FROM pg_catalog.pg_nosuch", "42P01"),
        ("SELECT * FROM information_schema.nosuch", "42P01"),
        ("SELECT nosuch FROM pg_class", "42703"),
        ("SELECT pg_read_file('/etc/passwd')", "0A000"),
        ("SELECT pg_ls_dir('.')", "0A000"),
        ("SELECT pg_sleep(10)", "0A000"),
        ("SELECT pg_terminate_backend(1)", "0A000"),
        ("SELECT pg_catalog.lo_import('/etc/passwd')", "0A000"),
        ("SELECT getenv('HOME') FROM pg_class", "0A000"),
        ("SELECT * FROM duckdb_settings(), pg_class", "0A000"),
        ("SELECT * FROM pg_class, read_text('/etc/passwd')", "0A000"),
        ("SELECT * FROM pg_class, '/etc/passwd'", "0A000"),
        ("SELECT current_setting('nosuch.setting')", "42704"),
        ("SELECT 1::nosuch FROM pg_class", "42704"),
        ("SELECT relname ~~ ANY (ARRAY['a']) FROM pg_class", "0A000"),
        ("SELECT relname::xml FROM pg_class", "0A000"),
        ("SELECT 1 FROM pg_class; DROP TABLE x", "42601"),
        ("SELECT pg_get_indexdef(1, 2)", "42883"),
        ("SELECT relname INTO x FROM pg_class", "0A000"),
        ("SELECT relname FROM pg_class WHERE oid = 'x'", "22P02"),
        ("SELECT oid FROM other.pg_catalog.pg_class", "0A000"),
        ("SELECT * FROM pg_class TABLESAMPLE system (1)", "0A000"),
    ],
)
def test_what_can_not_be_answered_is_refused(ask: Any, text: str, state: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(text)
    assert refused.value.state == state
    assert "/work" not in str(refused.value)


def test_every_table_of_postgresql_has_its_columns(ask: Any) -> None:
    for name, relation in KNOWN.relations.items():
        found = ask(f"SELECT * FROM {name} LIMIT 1")
        assert found.column_names == list(relation.columns), name


def test_every_function_runs(ask: Any) -> None:
    for one in FUNCTIONS.values():
        if not one.name.startswith(("in_", "to_", "out_")):
            given = ", ".join("NULL" for _ in one.takes)
            assert ask.rows(f"SELECT {one.name}({given}) FROM pg_am LIMIT 1") in ([(None,)], [("",)]), one
    for name in MACROS:
        plain, count = name.rsplit("_", 1)
        if plain not in ("join_lists", "out_vector", "pg_expandarray", "char_length"):
            assert ask.rows(f"SELECT {plain}({', '.join(['NULL'] * int(count))}) FROM pg_am LIMIT 1")


def test_values_are_given_by_position(ask: Any) -> None:
    text = "SELECT relname FROM pg_class WHERE relkind = $1 AND oid = ANY($2) AND relname LIKE $3 LIMIT $4"
    oids = [oid for (oid,) in ask.rows("SELECT oid FROM pg_class WHERE relnamespace = 2200 AND relkind = 'r'")]
    assert ask.rows(text, "r", oids, "or%", 5) == [("orders",)]
    assert ask.rows(text, "r", "{" + ",".join(map(str, oids)) + "}", "or%", "5") == [("orders",)]
    assert ask.rows(
        "SELECT $1::regclass::oid = $2", "orders", str(ask.rows("SELECT 'orders'::regclass::oid")[0][0])
    ) == [(True,)]
    assert ask.rows("SELECT typname FROM pg_type WHERE typname = $1", "x' OR 'a' = 'a") == []


def test_what_a_statement_wants_and_gives_is_told_before_there_are_values(ask: Any) -> None:
    text = "SELECT relname, oid FROM pg_class WHERE oid = ANY($1::oid[]) AND relname = $2"
    found = ask(text, None, None)
    assert found.schema.metadata[PARAMETERS_KEY] == b"1028,19"
    assert [(column.name, column.oid) for column in columns_of(found.schema)] == [("relname", 19), ("oid", 26)]


def test_a_snapshot_is_what_was_there_then(ask: Any) -> None:
    at = ask.project.lake.version("orders")
    found = ask.catalogues(
        ask.desk,
        Visitor(who="ada", scope="read"),
        "SELECT relname FROM pg_class WHERE relnamespace = 2200",
        snapshot=at,
    )
    assert "orders" in found["relname"].to_pylist()
    assert "kinds" not in found["relname"].to_pylist()


def test_numbers_are_written_as_names(ask: Any) -> None:
    text = """SELECT oid::regtype::text, typelem::regtype::text, oid::regtype, typinput, typinput::oid = typinput,
        'int4'::regtype::oid, (SELECT t.oid::regtype)::text FROM pg_type t WHERE typname = 'int8'"""
    assert ask.rows(text) == [("bigint", "-", "bigint", "int8in", True, 23, "bigint")]
    assert ask.rows("SELECT x.t::text, indkey::text FROM (SELECT 20::oid::regtype AS t) x, pg_index LIMIT 1") == [
        ("bigint", "1")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 9000 + "1" + ")" * 9000 + " FROM pg_class",
        "SELECT * FROM " + "(SELECT * FROM " * 2000 + "pg_class" + ") x" * 2000,
        "SELECT " + "array[" * 300 + "1" + "]" * 300 + " FROM pg_class",
        "SELECT " + "not " * 5000 + "true FROM pg_class",
        "SELECT " + "case when true then " * 500 + "1" + " end" * 500 + " FROM pg_class",
        "SELECT 1" + "::int" * 4000 + " FROM pg_class",
        "SELECT " + ".".join(["a"] * 5000) + " FROM pg_class",
        "SELECT 1 FROM pg_class" + " UNION ALL SELECT 1 FROM pg_class" * 4000,
    ],
    ids=["brackets", "queries", "lists", "signs", "cases", "casts", "names", "unions"],
)
def test_what_is_nested_too_deeply_ends_nothing(ask: Any, text: str) -> None:
    with pytest.raises(Refused, match=r"too deeply|too long|depth"):
        ask(text)


def test_settings_are_those_of_the_session(ask: Any) -> None:
    text = "SELECT current_setting('TimeZone'), (SELECT setting FROM pg_settings WHERE name = 'timezone')"
    assert ask.rows(text, settings={"timezone": "Europe/Berlin"}) == [("Europe/Berlin", "Europe/Berlin")]
    assert ask.rows("SELECT current_setting('no.such', true)") == [(None,)]


def test_an_answer_has_a_bound(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="more than 100,000 rows"):
        ask("SELECT 1 FROM pg_attribute a, pg_attribute b")
    monkeypatch.setattr(store, "SECONDS_MAX", 2.0)
    with pytest.raises(Refused, match="did not answer") as late:
        ask("SELECT count(*) FROM pg_attribute a, pg_attribute b, pg_class c WHERE a.attname || b.attname < c.relname")
    assert late.value.state == "57014"


def test_types_of_arrow_are_those_of_the_door(ask: Any) -> None:
    found = ask("SELECT oid, relname, relkind, relhasindex, relnatts, relacl FROM pg_class LIMIT 1")
    kinds = [pa.uint32(), pa.string(), pa.string(), pa.bool_(), pa.int16(), pa.list_(pa.string())]
    assert [field.type for field in found.schema] == kinds


def test_who_wants_a_catalogue_that_is_being_made_waits_and_nobody_else(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, made = threading.Event(), threading.Event(), []

    class Slow(store.Store):
        def __init__(self, seen: Any, known: Any) -> None:
            made.append(seen.who)
            if seen.who == "slow":
                begun.set()
                assert may_end.wait(30)
            super().__init__(seen, known)

    monkeypatch.setattr(catalogues, "Store", Slow)
    text = "SELECT relname FROM pg_class WHERE relname = 'orders'"
    with ThreadPoolExecutor(4) as threads:
        slow = [threads.submit(ask.rows, text, who="slow") for _ in range(2)]
        try:
            assert begun.wait(30)
            assert threads.submit(ask.rows, text, who="quick").result(30) == [("orders",)]
            assert not any(one.done() for one in slow)
        finally:
            may_end.set()
        assert [one.result(30) for one in slow] == [[("orders",)]] * 2
    assert sorted(made) == ["quick", "slow"]
