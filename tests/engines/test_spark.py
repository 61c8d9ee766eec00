"""Spark reads what the lake holds and writes what the lake takes. DuckDB says what is right."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.engines.conftest import Both, Desk

from pumphouse.cleaning.build import build as build_cleaned
from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Engine, Query, Scan, SqlFunction, Written
from pumphouse.engines.spark import Spark
from pumphouse.errors import BuildError, MissingExtra
from pumphouse.graph.assets import load
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake, Location
from pumphouse.tables.sql import build as build_sql

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"
ROWS = """
    SELECT i AS id, 'v' || i % 3 AS v, i * 1.5 AS amount, DATE '2020-01-01' + i::INTEGER AS day FROM range({}, {}) t(i)
"""


# -- reading a lake ----------------------------------------------------------------------------------------------------


def test_a_table_reads_the_same_at_every_snapshot_through_deletes_and_merges(desk: Desk, spark: Spark) -> None:
    for start in (0, 10, 20):
        desk.commit("t", ROWS.format(start, start + 10), "append")
    desk.commit(
        "t",
        "SELECT i AS id, 'new' AS v, 0.5 AS amount, NULL::DATE AS day FROM range(5, 40, 7) t(i)",
        "upsert",
        key=("id",),
    )
    desk.commit("t", ROWS.format(0, 3), "replace_where", where="id < 8")
    desk.commit("t", ROWS.format(21, 22), "delete_keys", key=("id", "v"))

    def at_every_snapshot() -> list[list[tuple[Any, ...]]]:
        scans = [desk.scan("t", snapshot=snapshot) for snapshot in range(1, desk.lake.snapshot() + 1)]
        return [desk.same(spark, "SELECT * FROM t", scan) for scan in scans]

    before = at_every_snapshot()
    assert len({len(rows) for rows in before}) > 3
    assert any(file.delete_file for file in desk.scan("t").files)
    desk.lake.engine.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)")
    desk.lake.engine.execute("CALL ducklake_merge_adjacent_files('lake')")
    after = at_every_snapshot()
    assert after[: len(before)] == before
    assert all(rows == before[-1] for rows in after[len(before) :])


def test_files_older_than_a_column_or_narrower_are_read_as_the_table_is_now(desk: Desk, spark: Spark) -> None:
    desk.commit("t", "SELECT 1::INTEGER AS id, 'a' AS v", "append")
    desk.commit("t", "SELECT 2::BIGINT AS id, 'b' AS v, 2.5 AS more", "append")
    desk.commit("t", f"SELECT {2**40} AS id, 'c' AS v, 3.5 AS more", "append")
    assert desk.same(spark, "SELECT id, v, more FROM t", desk.scan("t")) == [
        (1, "a", None),
        (2**40, "c", Decimal("3.5")),
        (2, "b", Decimal("2.5")),
    ]
    assert desk.same(spark, "SELECT id FROM t WHERE more IS NULL", desk.scan("t")) == [(1,)]


def test_a_person_with_a_tombstone_is_hidden_even_where_the_column_is_not_selected(desk: Desk, spark: Spark) -> None:
    first = desk.commit("t", ROWS.format(0, 6), "append").snapshot
    hide(desk.lake, entity="id", value=4, why="asked", run="r", actor="a")
    hide(desk.lake, entity="id", value=5, why="asked", run="r", actor="a")
    assert desk.same(spark, "SELECT count(*) AS n, sum(amount) AS s FROM t", desk.scan("t").only(["amount"])) == [
        (4, Decimal("9.0"))
    ]
    assert desk.same(spark, "SELECT max(id) AS top FROM t", desk.scan("t", snapshot=first)) == [(3,)]


def test_conditions_and_samples_of_a_scan_hold(desk: Desk, spark: Spark) -> None:
    desk.commit("t", ROWS.format(0, 20), "append")
    sliced = desk.scan("t").where("day >= DATE '2020-01-11'").where("v = 'v1' OR date_trunc('month', day) IS NULL")
    assert desk.same(spark, "SELECT id FROM t", sliced) == [(10,), (13,), (16,), (19,)]
    assert desk.same(spark, "SELECT * FROM t", sliced.only(["amount"])) == [
        (Decimal("15.0"),),
        (Decimal("19.5"),),
        (Decimal("24.0"),),
        (Decimal("28.5"),),
    ]
    query = Query(text="SELECT count(*) AS n FROM t", inputs={"t": sliced.sample(3)})
    assert spark.read(query).read_all().to_pylist() == [{"n": 3}]


def test_an_empty_table_has_no_rows_and_its_columns(desk: Desk, spark: Spark) -> None:
    desk.commit("t", ROWS.format(0, 0), "replace")
    assert desk.same(spark, "SELECT * FROM t", desk.scan("t")) == []
    assert desk.same(spark, "SELECT count(*) AS n FROM t", desk.scan("t")) == [(0,)]


def test_a_folder_may_have_any_name(tmp_path: Path, spark: Spark) -> None:
    for name in ("it's my lake #1 50%25 ü", "a[1]{b,c}", "a*", "ab"):
        desk = Desk(Lake(Location(folder=tmp_path / name), engine=DuckDB(threads=1)))
        desk.commit("t", ROWS.format(0, 3), "append")
        assert len(desk.same(spark, "SELECT * FROM t", desk.scan("t"))) == 3
        query = Query(text="SELECT * FROM t", inputs={"t": desk.scan("t")})
        assert spark.write(query, folder=desk.lake.staging(), stem="x").rows == 3
        desk.lake.close()


def test_a_column_that_spark_has_no_type_for_stands_in_nobodys_way(desk: Desk, spark: Spark) -> None:
    desk.commit("t", "SELECT TIME '10:00:00' AS clock, i AS id FROM range(3) t(i)", "append")
    assert desk.same(spark, "SELECT max(a.id) AS top FROM t a JOIN t b USING (id)", desk.scan("t")) == [(2,)]
    with pytest.raises(BuildError, match=r"Spark has nothing that holds a TIME \('clock'\)"):
        desk.same(spark, "SELECT * FROM t", desk.scan("t"))


def test_rows_that_only_duckdb_can_reach_are_refused_not_left_out(desk: Desk, spark: Spark) -> None:
    scan = Scan(table="t", snapshot=0, schema=pa.schema([("id", pa.int32())]), relation="SELECT 1 AS id")
    with pytest.raises(BuildError, match="the files of 't' were not listed for it"):
        spark.read(Query(text="SELECT * FROM t", inputs={"t": scan}))


# -- exactness ---------------------------------------------------------------------------------------------------------

EXACT = """
    SELECT 9007199254740993 + i AS big, (9223372036854775807 - i)::HUGEINT * 3 AS huge,
        ('99999999999999999999999999999999999.' || i || '9')::DECIMAL(38, 2) AS wide,
        INTERVAL 1 MONTH + INTERVAL 2 DAY + INTERVAL 3 MICROSECOND * (i + 1) AS span,
        (CASE i % 2 WHEN 0 THEN 'no' ELSE 'yes' END)::ENUM ('yes', 'no') AS answer,
        TIMESTAMPTZ '2020-03-29 02:30:00.000001+02' + i * INTERVAL 1 HOUR AS zoned,
        TIMESTAMP '1969-12-31 23:59:59.999999' AS plain, 200::UTINYINT AS tiny, 18446744073709551615::UBIGINT AS most
    FROM range(3) t(i)
"""


def test_values_that_engines_round_come_back_exact(desk: Desk, spark: Spark) -> None:
    desk.commit("exact", EXACT, "replace")
    rows = desk.same(spark, "SELECT * FROM exact", desk.scan("exact"))
    assert rows[0][:3] == (2**53 + 1, 3 * (2**63 - 1), Decimal("99999999999999999999999999999999999.09"))
    assert rows[0][3] == pa.MonthDayNano([1, 2, 3000])
    assert rows[0][7:] == (200, 2**64 - 1)
    sums = "SELECT sum(big) AS a, sum(huge) AS b, answer, max(zoned) AS d FROM exact GROUP BY answer"
    assert len(desk.same(spark, sums, desk.scan("exact"))) == 2
    spans = "SELECT plain + span AS a, span + INTERVAL 1 DAY AS b, span IS NULL AS c FROM exact"
    assert len(desk.same(spark, spans, desk.scan("exact"))) == 3


def test_what_is_written_has_the_types_that_duckdb_writes(desk: Desk, spark: Spark, tmp_path: Path) -> None:
    desk.commit("exact", EXACT, "replace")
    query = Query(text="SELECT *, sum(big) OVER () AS total FROM exact", inputs={"exact": desk.scan("exact")})
    by_duckdb = desk.lake.engine.write(query, folder=tmp_path, stem="duckdb")
    by_spark = spark.write(query, folder=tmp_path, stem="spark")
    assert by_spark.schema.equals(by_duckdb.schema)
    assert by_spark.rows == 3
    assert pa.types.is_decimal(by_spark.schema.field("total").type)
    read = "SELECT * FROM read_parquet([{}])"
    for written in (by_duckdb, by_spark):
        files = ", ".join(f"'{file}'" for file in written.files)
        assert desk.lake.engine.schema(Query(text=read.format(files))).equals(by_duckdb.schema)
    assert Both.sorted(_table(by_spark)) == Both.sorted(_table(by_duckdb))


def test_a_sum_that_leaves_its_range_fails_and_does_not_wrap_around(spark: Spark) -> None:
    table = pa.table({"d": pa.array([Decimal("9" * 38)] * 3, pa.decimal128(38, 0)), "i": pa.array([2**63 - 1] * 3)})
    exact = Query(text="SELECT sum(i) AS s FROM t", tables={"t": table})
    assert spark.read(exact).read_all().to_pylist() == [{"s": Decimal(3 * (2**63 - 1))}]
    for text in ("SELECT sum(d) AS s FROM t", "SELECT sum(d) OVER () AS s FROM t"):
        with pytest.raises(BuildError, match=r"a sum may leave DECIMAL\(38, 0\)"):
            spark.read(Query(text=text, tables={"t": table})).read_all()


def test_days_and_hours_are_those_of_the_engines_zone(desk: Desk) -> None:
    pytest.importorskip("pysail", reason="the extra 'spark' is not installed")
    duck, spark = DuckDB(threads=1, zone="Europe/Berlin"), Spark(zone="Europe/Berlin")
    times = pa.array(["2020-03-28T23:30:00.000001", "2020-03-29T01:30:00", None]).cast(pa.timestamp("us"))
    table = pa.table({"zoned": times.cast(pa.timestamp("us", tz="UTC")), "plain": times})
    text = """
        SELECT zoned, plain, zoned::DATE AS day, date_trunc('day', zoned) AS start, plain::TIMESTAMPTZ AS local,
            CAST(zoned AS VARCHAR) AS said, extract(hour FROM zoned) AS hour
        FROM t ORDER BY zoned
    """
    Both(duck, spark).same(text, tables={"t": table})
    spark.close()
    duck.close()


# -- writing -----------------------------------------------------------------------------------------------------------


def test_no_rows_are_one_file_with_the_columns(spark: Spark, tmp_path: Path) -> None:
    written = spark.write(Query(text="SELECT 1::BIGINT AS id, 'a' AS v WHERE FALSE"), folder=tmp_path, stem="none")
    assert written.rows == 0
    assert [file.parent for file in written.files] == [tmp_path / "none"]
    assert pq.read_table(written.files[0]).schema.equals(pa.schema([("id", pa.int64()), ("v", pa.string())]))


def test_what_spark_wrote_is_committed_like_what_duckdb_wrote(desk: Desk, spark: Spark) -> None:
    desk.commit("raw", ROWS.format(0, 50), "append")
    text = "SELECT id, amount / 2 AS half, sum(id) OVER (ORDER BY id) AS running, day FROM raw WHERE id % 2 = 0"
    query = Query(text=text, inputs={"raw": desk.scan("raw")})
    for table, engine in (("by_duckdb", desk.lake.engine), ("by_spark", spark)):
        commit = Commit(desk.lake, table, run="r", actor="a")
        commit.replace(table, engine.write(query, folder=desk.lake.staging(), stem=f"{table}_1"), key=("id",))
        commit.publish()
    assert desk.lake.schema("by_spark").equals(desk.lake.schema("by_duckdb"))
    by_duckdb = desk.same(spark, "SELECT * FROM by_duckdb", desk.scan("by_duckdb"))
    assert desk.same(spark, "SELECT * FROM by_spark", desk.scan("by_spark")) == by_duckdb


def test_a_write_that_fails_leaves_nothing(spark: Spark, tmp_path: Path) -> None:
    table = pa.table({"v": ["1", "two"]})
    with pytest.raises(BuildError, match="Could not convert string 'two' to INT32"):
        spark.write(Query(text="SELECT CAST(v AS INTEGER) AS i FROM t", tables={"t": table}), folder=tmp_path, stem="x")
    with pytest.raises(BuildError, match="no good"):
        spark.map(
            Query(text="FROM t", tables={"t": table}), _refuse, outputs={"a": table.schema}, folder=tmp_path, stem="y"
        )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_map_writes_each_output_and_hands_over_what_duckdb_would(spark: Spark, duck: DuckDB, tmp_path: Path) -> None:
    query = Query(
        text="SELECT i AS id, INTERVAL 1 MICROSECOND * i AS span, i / 2 AS half FROM t",
        tables={"t": pa.table({"i": range(20)})},
    )
    outputs = {"even": pa.schema([("id", pa.int64()), ("span", pa.string())]), "none": pa.schema([("id", pa.int64())])}
    written = {
        name: engine.map(query, _split, outputs=outputs, folder=tmp_path / name, stem="m")
        for name, engine in (("spark", spark), ("duck", duck))
    }
    for output in outputs:
        found, expected = written["spark"][output], written["duck"][output]
        assert (found.rows, found.schema) == (expected.rows, expected.schema)
        assert Both.sorted(_table(found)) == Both.sorted(_table(expected))
    assert written["spark"]["even"].rows == 10
    assert written["spark"]["even"].files[0].name.startswith("m_even_")


# -- functions, parameters, threads ------------------------------------------------------------------------------------


def test_functions_are_called_by_name_with_their_defaults_and_parameters_are_bound(both: Both) -> None:
    cheer = SqlFunction(
        name="cheer", function=_cheer, parameters=(pa.string(), pa.string()), returns=pa.string(), defaults=("!",)
    )
    rows = both.same(
        "SELECT id, cheer(k) AS a, upper(cheer(name, $mark)) || '$mark' AS b FROM customers"
        " WHERE cheer(k) <> $not ORDER BY id",
        functions=(cheer,),
        parameters={"mark": "?'", "not": "B!"},
    )
    assert rows[0] == (1, "a!", "ANN?'$mark")
    louder = replace(cheer, function=_cheer_louder)
    changed = Query(text="SELECT cheer('a') AS a", functions=(louder,))
    assert both.spark.read(changed).read_all().to_pylist() == [{"a": "a!!"}]


def test_forks_ask_at_the_same_time_and_see_their_own_tables(spark: Spark) -> None:
    found: dict[int, Any] = {}

    def ask(number: int) -> None:
        engine = spark.fork()
        query = Query(text="SELECT sum(x + 1) AS s FROM t", tables={"t": pa.table({"x": [number] * 1000})})
        found[number] = engine.read(query).read_all().to_pylist()
        engine.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [{"s": Decimal(1000 * (number + 1))}] for number in range(4)}


def test_an_engine_at_an_address_leaves_the_server_running_when_it_is_closed(spark: Spark) -> None:
    host, port = spark._shared.server.listening_address
    guest = Spark(f"sc://{host}:{port}")
    assert guest.read(Query(text="SELECT 1 AS one")).read_all().to_pylist() == [{"one": 1}]
    guest.close()
    assert spark.read(Query(text="SELECT 2 AS two")).read_all().to_pylist() == [{"two": 2}]


def test_a_main_program_that_is_no_file_has_an_engine_as_well() -> None:
    code = "from pumphouse.engines.spark import Spark; Spark().close(); import sys; print(hasattr(sys, 'ps1'))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_where_sail_is_missing_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysail.spark", None)
    with pytest.raises(MissingExtra, match=r"pip install 'pumphouse\[spark\]'"):
        Spark()


def test_an_interrupt_raises_in_the_thread_that_runs(spark: Spark) -> None:
    engine = spark.fork()
    nap = SqlFunction(name="nap", function=_nap, parameters=(pa.int64(),), returns=pa.int64())
    query = Query(text="SELECT nap(i) AS i FROM t", tables={"t": pa.table({"i": range(400_000)})}, functions=(nap,))

    def interrupt() -> None:
        assert NAPPING.wait(60)
        engine.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(BuildError, match="it was stopped"):
        engine.fork().read(query).read_all()
    thread.join()
    assert len(NAPS) < 150  # of 196 batches


# -- the shop ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Asset]:
    return load(SHOP, cache=tmp_path_factory.mktemp("graph") / "graph.msgpack").assets


HIDDEN = "TIMESTAMPTZ '2020-01-01' AS _loaded_at, 'sha' AS _raw, TIMESTAMPTZ '1997-02-01' AS _known_at"
GATHERED = {
    "raw_purchases": """
        (i % 9)::BIGINT AS customer_id, DATE '1997-01-01' + i::INTEGER AS bought_at, i % 4 + 1 AS cds,
        (i * 1.37)::DECIMAL(12, 2) AS amount_usd""",
    "raw_orders": """
        i AS order_id, (i % 7)::BIGINT AS customer_id, TIMESTAMPTZ '1998-01-01' + INTERVAL 7 HOUR * i AS paid_at,
        i % 3 + 1 AS cds, i * 335 + 5 AS cents""",
    "raw_albums": """
        'cd-' || i AS sku, 'Title ' || i AS title, 'Artist' AS artist, 'Jazz' AS genre,
        (1960 + i)::VARCHAR AS released, '$' || i || '.99' AS price""",
}


@pytest.fixture
def gathered(desk: Desk) -> Desk:
    for table, columns in GATHERED.items():
        desk.commit(table, f"SELECT {columns}, {HIDDEN} FROM range(60) t(i)", "replace")
    return desk


def test_the_shops_sql_tables_have_equal_content(gathered: Desk, spark: Spark, shop: Mapping[str, Asset]) -> None:
    names = ("orders", "albums", "weekly_sales")
    found: dict[str, dict[str, tuple[pa.Schema, list[tuple[Any, ...]]]]] = {}
    for engine in (gathered.lake.engine, spark):
        for name in names:
            build_sql(shop[name], _context(gathered, engine, shop))
        found[engine.dialect] = {name: _content(gathered, name) for name in names}
    assert found["spark"] == found["duckdb"]
    assert all(rows for _, rows in found["spark"].values())


def test_the_shops_cleaning_has_equal_content(gathered: Desk, spark: Spark, shop: Mapping[str, Asset]) -> None:
    columns = "contact_id, customer_id, name, email, phone, country, note, signup_ip, born, income"
    contacts = """
        (1, 7, 'Ann', 'ann@x.org', '030 901820 ext. 5', 'DE', 'pls call asap', '81.2.69.142', '05/03/1970', 1000),
        (2, 7, 'Ann', 'ann@x.org', '+49 30 901820', 'DE', NULL, '8.8.8.8', '1970-03-05', NULL),
        (3, 8, 'Bob', NULL, 'not a phone', 'US', 'thx', '999.1.1.1', '31/02/1970', 3000),
        (4, 9, 'Cy', 'cy@x.org', '2125550123.0', NULL, 'usa', NULL, NULL, NULL),
        (5, NULL, 'No one', 'no@x.org', NULL, 'US', NULL, NULL, NULL, 10)
    """
    more = """
        'clerk' AS job, 'north' AS region, NULL::VARCHAR AS fax, 'shop' AS brand,
        TIMESTAMP '2020-01-01' + INTERVAL 1 DAY * contact_id AS updated_at
    """
    gathered.commit("crm_customers", f"SELECT *, {more}, {HIDDEN} FROM (VALUES {contacts}) t({columns})", "replace")
    found = {}
    tables = ("customers", "customers__quarantine", "customers__fit")
    for engine in (gathered.lake.engine, spark):
        context = replace(_context(gathered, engine, shop), settings={"refit": True})
        counts = build_cleaned(shop["customers"], context).counts
        found[engine.dialect] = counts, {name: _content(gathered, name) for name in tables}
    assert found["spark"] == found["duckdb"]
    counts, content = found["spark"]
    assert counts.rows_in == counts.rows_out + counts.withheld + counts.dropped + counts.merged
    assert counts.withheld
    assert counts.merged
    assert all(rows for _, rows in content.values())


def _context(desk: Desk, engine: Engine, assets: Mapping[str, Asset]) -> Context:
    return Context(
        lake=desk.lake,
        engine=engine.fork(),
        folder=SHOP,
        assets=assets,
        now=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        today=dt.date(2026, 1, 2),
        run="r",
        actor="a",
        snapshot=desk.lake.snapshot(),
    )


def _content(desk: Desk, table: str) -> tuple[pa.Schema, list[tuple[Any, ...]]]:
    rows = desk.lake.engine.read(Query(text="SELECT * FROM t", inputs={"t": desk.lake.scan(table)})).read_all()
    return rows.schema, Both.sorted(rows)


def _table(written: Written) -> pa.Table:
    return pa.concat_tables(pq.read_table(file) for file in written.files)


def _split(batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
    assert batch.schema.types == [pa.int64(), pa.month_day_nano_interval(), pa.float64()]
    even = batch.filter(pc.equal(pc.bit_wise_and(batch.column("id"), 1), 0))
    said = pa.array([str(span.as_py()) for span in even.column("span")], pa.string())
    rows = pa.RecordBatch.from_arrays([even.column("id"), said], names=["id", "span"])
    return {"even": rows, "none": batch.select(["id"]).slice(0, 0)}


def _refuse(batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
    raise ValueError("no good")


def _cheer(text: pa.Array, mark: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(text, mark, "")


def _cheer_louder(text: pa.Array, mark: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(text, mark, mark, "")


NAPPING = threading.Event()
NAPS: list[int] = []


def _nap(column: pa.Array) -> pa.Array:
    """Sail runs it in this process, so the test sees what it does."""
    NAPS.append(len(column))
    NAPPING.set()
    time.sleep(0.2)
    return column
