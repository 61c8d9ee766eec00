from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.declare.databases import database
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.databases import postgresql, scanner

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("adbc_driver_postgresql")

MEMORY = """
import resource, sys
from pathlib import Path
from pumphouse.project.project import open_project
with open_project(Path(sys.argv[1])) as project:
    for name in ("shop_small", "shop_wide"):
        assert [result.status for result in project.run(name, only=True).results] == ["built"]
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.fixture
def pg(works, postgres):
    """A way to run SQL on a PostgreSQL with an empty schema `s`, which is the connection shop_db."""
    works.connections["shop_db"] = Connection(name="shop_db", url=postgres)

    def change(*statements: str) -> None:
        with psycopg.connect(postgres) as db:
            for statement in statements:
                db.execute(statement)

    change("DROP SCHEMA IF EXISTS s CASCADE", "CREATE SCHEMA s")
    return change


@pytest.fixture
def ranges(works, pg, postgres, monkeypatch):
    """A table of many ranges, read by two connections at a time."""
    monkeypatch.setattr(postgresql, "RANGE_BLOCKS", 16)
    works.connections["shop_db"] = Connection(name="shop_db", url=postgres, options={"readers": 2})
    pg(
        "CREATE TABLE s.t (id int PRIMARY KEY, n bigint, note text)",
        "INSERT INTO s.t SELECT g, 100, repeat('x', 50) FROM generate_series(1, 20000) g",
    )
    return pg


def test_what_has_no_type_here_comes_as_the_database_writes_it(works, pg):
    pg(
        "CREATE TYPE s.mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN s.price AS numeric(8, 2)",
        "CREATE TABLE s.t (id int, m s.mood, p s.price, o oid, c money, clock time, zoned timetz, span interval,"
        " bits bit(3), r int4range, d date, at timestamp, moment timestamptz, f real, wide numeric, fix numeric(5, 1))",
        "INSERT INTO s.t VALUES (1, 'ok', 12.5, 4294967295, 12.5, '10:00:00.5', '10:00+02', '1 mon 2 days 3.5 s',"
        " '101', '[1,5)', '2024-02-29', '2024-01-01 10:00', '2024-01-01 10:00+02', 0.5, 123456789012345678901.5, 1.5)",
        "INSERT INTO s.t (id, clock, d, at, moment, fix) VALUES"
        " (2, '24:00', 'infinity', '-infinity', 'infinity', 'NaN'),"
        " (3, NULL, '0044-03-15 BC', '12024-01-01', '0001-01-01 BC', NULL)",
    )
    tables = {"s.t": {"key": "id"}, "q": {"key": "id", "query": "SELECT * FROM s.t"}}
    for name, fix in (("a_s_t", Decimal("1.5")), ("a_q", "1.5")):
        works.run(works.asset(database("shop_db", tables=tables), name))
        rows = works.rows(name, order="id")
        assert rows[0] == (
            1, "ok", Decimal("12.50"), 4294967295, "$12.50", dt.time(10, 0, 0, 500000), "10:00:00+02",
            "1 mon 2 days 00:00:03.5", "101", "[1,5)", dt.date(2024, 2, 29),
            dt.datetime.fromisoformat("2024-01-01T10:00"), dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC), 0.5,
            Decimal("123456789012345678901.5"), fix,
        )  # fmt: skip
        assert {row[:2] for row in works.quarantine(name)} >= {
            ("clock", "24:00:00"), ("d", "infinity"), ("at", "-infinity"), ("moment", "infinity"),
            ("d", "0044-03-15 BC"), ("at", "12024-01-01 00:00:00"), ("moment", "0001-01-01 00:00:00+00:00 BC"),
        }  # fmt: skip
    assert ("fix", "NaN") in {row[:2] for row in works.quarantine("a_s_t")}
    assert works.rows("a_q", "fix", order="id")[1] == ("NaN",)


def test_ranges_bring_every_row_once_and_the_same_bytes_again(works, ranges):
    made = works.asset(database("shop_db", tables={"s.t": {}}), "a_s_t")
    works.run(made)
    assert works.rows("a_s_t", "count(*), count(DISTINCT id), sum(n)") == [(20000, 20000, 2_000_000)]
    assert len(works.rows("a_s_t", "DISTINCT _raw")) > 5
    assert works.run(made).snapshot is None
    before = works.rows("a_s_t", "*, _loaded_at, _raw", order="id")
    works.run(made, mode="full")
    assert works.rows("a_s_t", "*, _loaded_at, _raw", order="id") == before


EXTREMES = """INSERT INTO s.e VALUES
    (-1, true, -32768, -2147483648, -9223372036854775808, '-Infinity', 'NaN', '', 'ü', 'infinity', '24:00', 'infinity',
     '-infinity', '\\x00ff', 'NaN', -99999999999.9999999999, 123456789012345678901234567890.123456789, 'ok', NULL,
     '{}'),
    (-2, false, 32767, 2147483647, 9223372036854775807, 'NaN', '-0', ' a ', NULL, '0044-03-15 BC', '00:00:00.000001',
     '12024-01-01', '0001-01-01 BC', '', 9999999999.99, 0.0000000001, 'NaN', 'sad', '1 mon -2 days', '[1, 2]'),
    (-3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL)"""


def test_the_scanner_brings_what_adbc_brings(works, ranges, monkeypatch):
    ranges(
        "CREATE TYPE s.mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN s.price AS numeric(12, 2)",
        "CREATE TABLE s.e (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f8 float8, f4 float4, t text,"
        " v varchar(9), d date, c time, at timestamp, moment timestamptz, raw bytea, fix s.price, wide numeric(21, 10),"
        " any_digits numeric, m s.mood, span interval, j jsonb)",
        "INSERT INTO s.e SELECT g, g % 2 = 0, g % 30000, g * 7919, g::int8 * 79190000007, g / 7.0, g / 3.0,"
        " 'note ' || g, 'v' || g % 9, date '1900-01-01' + g, time '00:00' + g * interval '1.000007 s',"
        " timestamp '1582-10-01' + g * interval '1.000007 h', timestamptz '2024-01-01' - g * interval '1 day',"
        " int4send(g), g / 7.0, -g / 9.0, g / 4.0, 'sad', g * interval '1 h', NULL FROM generate_series(1, 4000) g",
        EXTREMES,
    )
    found = {}
    for aside_bytes_max in (postgresql.ASIDE_BYTES_MAX, -1):
        monkeypatch.setattr(postgresql, "ASIDE_BYTES_MAX", aside_bytes_max)
        made = works.asset(database("shop_db", tables={"s.e": {"key": "id"}}), "a_s_e")
        works.run(made, mode="refetch")
        (sha,), *_ = works.rows("a_s_e", "_raw")
        rows = list(map(repr, works.rows("a_s_e", order="id")))
        found[works.lake.blobs.get(sha)[:4]] = rows, sorted(one[:2] for one in works.quarantine("a_s_e"))
        works.run(made, mode="full")
        assert list(map(repr, works.rows("a_s_e", order="id"))) == rows
    by_scanner = found.pop(b"PAR1")
    assert list(found.values()) == [by_scanner]
    assert ("fix", "NaN") in by_scanner[1]


def test_the_scanner_is_not_asked_for_what_it_changes_or_can_not_hold(works, ranges):
    ranges(
        "CREATE TABLE s.padded AS SELECT g AS id, 'ab'::char(5) AS c FROM generate_series(1, 9000) g",
        "CREATE TABLE s.wide AS SELECT g AS id, repeat(md5(g::text), 200) AS body FROM generate_series(1, 4000) g",
        "CREATE TABLE s.aside (id int, body text)",
        "ALTER TABLE s.aside ALTER body SET STORAGE EXTERNAL",
        "INSERT INTO s.aside SELECT g, CASE WHEN g > 6000 THEN repeat('x', 10000) ELSE repeat('x', 99) END"
        " FROM generate_series(1, 8000) g",
    )
    for name in ("padded", "wide", "aside"):
        works.run(works.asset(database("shop_db", tables={f"s.{name}": {}}), f"a_s_{name}"))
        shas = works.rows(f"a_s_{name}", "DISTINCT _raw")
        assert len(shas) > 2
        assert not any(works.lake.blobs.get(sha).startswith(b"PAR1") for (sha,) in shas)
    assert works.rows("a_s_padded", "DISTINCT c") == [("ab   ",)]


def test_the_scanner_cuts_batches_by_their_bytes_and_keeps_their_order(pg, postgres, tmp_path):
    pg("CREATE TABLE s.t AS SELECT g AS id, repeat('x', 50) AS note FROM generate_series(1, 20000) g")
    folder = tmp_path / "scratch"
    folder.mkdir()
    with psycopg.connect(postgres) as db, scanner.attached(postgres) as duck:
        db.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        (snapshot,) = db.execute("SELECT pg_export_snapshot()").fetchone()
        pg("INSERT INTO s.t VALUES (0, 'later')")
        forms = {"id": pa.int64(), "note": pa.string()}
        how = {"forms": forms, "snapshot": snapshot, "settings": {}, "folder": folder, "batch_bytes": 200_000}
        read = [pq.read_table(pa.BufferReader(one.body)) for one in scanner.read(duck, "SELECT * FROM s.t", **how)]
        assert list(scanner.read(duck, "SELECT * FROM s.t WHERE id = 0", **how)) == []
    assert len(read) > 3
    assert pa.concat_tables(read)["id"].to_pylist() == list(range(1, 20_001))
    assert list(folder.iterdir()) == []


def test_a_scan_that_breaks_off_commits_nothing_tells_no_secret_and_the_next_run_ends_right(works, ranges, postgres):
    url = postgres.replace("pumphouse@", "pumphouse:s3cr%40t@") + "&sslmode=disable"
    works.connections["shop_db"] = Connection(name="shop_db", url=url, options={"readers": 2})
    ranges(
        "CREATE TABLE s.broken AS SELECT true AS yes",
        "CREATE TYPE s.pair AS (a int)",
        "CREATE FUNCTION s.said(s.pair) RETURNS text LANGUAGE sql AS $$ SELECT ($1).a::text || CASE WHEN ($1).a = 15000"
        " AND (SELECT yes FROM s.broken) THEN pg_terminate_backend(pg_backend_pid())::text ELSE '' END $$",
        "CREATE CAST (s.pair AS text) WITH FUNCTION s.said(s.pair)",
        "ALTER TABLE s.t ADD p s.pair",
        "UPDATE s.t SET p = row(id)::s.pair",
    )
    made = works.asset(database("shop_db", tables={"s.t": {"key": "id"}}), "a_s_t")
    with pytest.raises(SourceError, match=r"connection 'shop_db'.* broke off") as raised:
        works.run(made)
    assert not any(secret in str(raised.value) for secret in ("s3cr", "postgresql://"))
    assert works.lake.tables() == ()
    assert not list(works.lake.staging().iterdir())
    ranges("UPDATE s.broken SET yes = false")
    works.run(made)
    assert works.rows("a_s_t", "count(*), sum(p::int)") == [(20000, 200_010_000)]


def test_a_scanner_that_may_not_connect_tells_no_secret(works, ranges, postgres):
    ranges(
        "DROP ROLE IF EXISTS only_one",
        "CREATE ROLE only_one LOGIN CONNECTION LIMIT 1",
        "GRANT USAGE ON SCHEMA s TO only_one",
        "GRANT SELECT ON s.t TO only_one",
    )
    url = postgres.replace("pumphouse@", "only_one@")
    works.connections["shop_db"] = Connection(name="shop_db", url=url, options={"password": "s3cr@t/", "readers": 2})
    with pytest.raises(SourceError, match="too many connections") as raised:
        works.run(works.asset(database("shop_db", tables={"s.t": {"key": "id"}}), "a_s_t"))
    assert not any(secret in str(raised.value) for secret in ("s3cr", "postgresql://"))
    ranges("DROP OWNED BY only_one", "DROP ROLE only_one")


def test_ranges_are_of_one_moment(works, ranges, postgres):
    stop = threading.Event()

    def move() -> None:
        with psycopg.connect(postgres) as db:
            for nth in range(2_000):
                if stop.is_set():
                    return
                db.execute("UPDATE s.t SET n = n - 1 WHERE id = %s", [nth % 9_000 + 1])
                db.execute("UPDATE s.t SET n = n + 1 WHERE id = %s", [20_000 - nth % 9_000])
                db.commit()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        made = works.asset(database("shop_db", tables={"s.t": {"key": "id"}}), "a_s_t")
        works.run(made)
        works.run(made)
    finally:
        stop.set()
        mover.join()
    assert works.rows("a_s_t", "count(*), sum(n)") == [(20000, 2_000_000)]


def test_a_key_that_the_database_does_not_guard_is_read_in_order_and_merged(works, ranges):
    ranges("ALTER TABLE s.t DROP CONSTRAINT t_pkey", "INSERT INTO s.t VALUES (7, 101, 'later')")
    tables = {"s.t": {"key": "id", "cursor": "n"}}
    counts = works.run(works.asset(database("shop_db", tables=tables), "a_s_t")).counts
    assert (counts.rows_in, counts.rows_out, counts.merged) == (20001, 20000, 1)
    assert works.rows("a_s_t", "id, note", order="n DESC")[0] == (7, "later")


def test_what_is_staged_while_rows_come_is_what_is_staged_of_stored_ones(works, ranges, monkeypatch):
    monkeypatch.setattr(postgresql, "BATCH_BYTES", 16 * 1024)
    ranges(
        "ALTER TABLE s.t DROP CONSTRAINT t_pkey, ALTER id DROP NOT NULL, ADD day date",
        "INSERT INTO s.t VALUES (7, 101, 'later', 'infinity'), (NULL, 102, 'no key', '2024-01-02'),"
        " (20001, 103, 'beyond', '12024-01-01')",
    )
    made = works.asset(database("shop_db", tables={"s.t": {"key": "id"}}), "a_s_t")
    counts = works.run(made).counts
    assert (counts.rows_in, counts.rows_out, counts.merged, counts.withheld) == (20003, 20001, 1, 1)
    assert counts.quarantined == 2
    before, aside = works.rows("a_s_t", "*, _loaded_at, _raw", order="id"), works.quarantine("a_s_t")
    again = works.run(made, mode="full")
    assert again.counts == counts
    assert works.rows("a_s_t", "*, _loaded_at, _raw", order="id") == before
    assert sorted(works.quarantine("a_s_t")) == sorted(aside)


def test_a_connection_that_breaks_off_commits_nothing_and_the_next_run_ends_right(works, ranges, monkeypatch):
    monkeypatch.setattr(postgresql, "BATCH_BYTES", 16 * 1024)
    ranges("CREATE TABLE s.broken AS SELECT true AS yes")
    end = "pg_terminate_backend(pg_backend_pid())"
    ranges(f"CREATE VIEW s.v AS SELECT * FROM s.t WHERE id <> 15000 OR NOT (SELECT yes FROM s.broken) OR {end}")
    tables = {"s.v": {"key": "id", "cursor": "id"}}
    made = works.asset(database("shop_db", tables=tables), "a_s_v")
    with pytest.raises(SourceError, match="connection 'shop_db'"):
        works.run(made)
    assert works.lake.tables() == ()
    assert not list(works.lake.staging().iterdir())
    ranges("UPDATE s.broken SET yes = false")
    works.run(made)
    assert works.rows("a_s_v", "count(*), sum(n)") == [(20000, 2_000_000)]


def test_what_writes_is_refused(works, pg):
    pg(
        "CREATE TABLE s.t (id int)",
        "CREATE FUNCTION s.sly() RETURNS int AS 'INSERT INTO s.t VALUES (1) RETURNING id' LANGUAGE sql",
    )
    for query in ("SELECT s.sly() AS x", "WITH x AS (DELETE FROM s.t RETURNING id) SELECT * FROM x", "SELECT 1; --"):
        with pytest.raises(SourceError, match="refuses"):
            works.run(works.asset(database("shop_db", tables={"q": {"query": query}}), "a_q"))


def test_a_lag_and_deletes_by_the_database_itself(works, pg):
    pg(
        "CREATE TABLE s.t (id int PRIMARY KEY, at timestamptz)",
        "INSERT INTO s.t VALUES (1, '2024-01-01 10:00+00'), (2, '2024-01-01 12:00+00')",
    )
    tables = {"s.t": {"key": "id", "cursor": "at", "lag": "1h", "deletes": True}}
    made = works.asset(database("shop_db", tables=tables), "a_s_t")
    works.run(made)
    assert works.run(made).snapshot is None
    pg("DELETE FROM s.t WHERE id = 1", "INSERT INTO s.t VALUES (3, '2024-01-01 11:30+00'), (4, NULL)")
    works.run(made)
    before = works.rows("a_s_t", "*, _loaded_at, _raw", order="id")
    assert [row[0] for row in before] == [2, 3, 4]
    works.run(made, mode="full")
    assert works.rows("a_s_t", "*, _loaded_at, _raw", order="id") == before


def test_memory_stays_where_it_is_however_large_the_table(tmp_path, pg, postgres):
    pg(
        "CREATE TABLE s.small AS SELECT 1 AS id, 'x' AS body",
        "CREATE TABLE s.wide AS SELECT g AS id, repeat(md5(g::text), 1000) AS body FROM generate_series(1, 20000) g",
    )  # 640 MB
    shop = tmp_path / "only" / "shop"
    shop.mkdir(parents=True)
    (shop / "pumphouse.toml").write_text(f'[connections.db]\nurl = "{postgres}"\n')
    (shop / "gather.py").write_text(
        "import pumphouse as ph\n"
        "shop = ph.database('db', tables={"
        "'small': {'query': 'SELECT * FROM s.small'}, 'wide': {'query': 'SELECT * FROM s.wide'}})\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", MEMORY, str(shop)], check=True, capture_output=True, text=True, cwd=tmp_path
    ).stdout
    before, after = map(int, out.split())
    assert after - before < 640_000_000 / 3
