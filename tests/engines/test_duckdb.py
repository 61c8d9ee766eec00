from __future__ import annotations

import datetime as dt
import gc
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pumphouse.engines import duckdb as module
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query, Scan, SqlFunction, Written
from pumphouse.errors import BuildError, ConfigError


def rows(engine: DuckDB, text: str, **values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in engine.read(Query(text=text, **values)).read_all().to_pylist()]


def shout(text: pa.Array, mark: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(text, mark, "")


SHOUT = SqlFunction(
    name="shout", function=shout, parameters=(pa.string(), pa.string()), returns=pa.string(), defaults=("it's!",)
)


@pytest.fixture
def engine(duck: DuckDB) -> Iterator[DuckDB]:
    fork = duck.fork()
    yield fork
    fork.close()


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_query_reads_scans_and_tables_by_name(engine: DuckDB) -> None:
    scan = Scan(
        table="numbers",
        snapshot=1,
        schema=pa.schema([("x", pa.int64())]),
        relation="SELECT i AS x FROM range(5) t(i)",
    )
    query = Query(
        text="SELECT n.x, names.name FROM numbers n JOIN names USING (x) ORDER BY x;\n",
        inputs={"numbers": scan.where("x > 1").only(["x"])},
        tables={"names": pa.table({"x": [1, 2, 3], "name": ["a", "b", "c"]})},
    )
    assert engine.schema(query) == pa.schema([("x", pa.int64()), ("name", pa.string())])
    assert engine.read(query).read_all().to_pylist() == [{"x": 2, "name": "b"}, {"x": 3, "name": "c"}]
    assert engine.read(
        Query(text="SELECT count(*) AS n FROM s", inputs={"s": scan.sample(2)})
    ).read_all().to_pylist() == [{"n": 2}]


def test_a_comment_or_a_semicolon_at_the_end_does_no_harm(engine: DuckDB, tmp_path: Path) -> None:
    for text in ("SELECT 1 AS x -- one", "SELECT 1 AS x; ", "SELECT 1 AS x -- one;"):
        assert rows(engine, text) == [(1,)]
        assert engine.schema(Query(text=text)).names == ["x"]
        assert engine.write(Query(text=text), folder=tmp_path, stem=f"c{len(text)}").rows == 1


def test_a_stream_outlives_other_queries_and_forks_see_their_own_inputs(engine: DuckDB) -> None:
    def numbers(start: int) -> Query:
        relation = f"SELECT i AS x FROM range({start}, {start + 200_000}) t(i)"
        scan = Scan(table="t", snapshot=1, schema=pa.schema([("x", pa.int64())]), relation=relation)
        return Query(text="SELECT x FROM t ORDER BY x", inputs={"t": scan})

    stream = engine.read(numbers(0))
    first = stream.read_next_batch().column(0)[0].as_py()
    assert engine.fork().read(numbers(7)).read_next_batch().column(0)[0].as_py() == 7
    assert first == 0
    assert sum(batch.num_rows for batch in stream) > 0


def test_a_names_python_variable_is_no_table(engine: DuckDB) -> None:
    secret = pa.table({"x": [1]})
    assert secret.num_rows
    with pytest.raises(BuildError, match="Table with name secret does not exist"):
        engine.read(Query(text="SELECT * FROM secret"))


def test_an_interrupt_raises_in_the_thread_that_runs(engine: DuckDB) -> None:
    fork = engine.fork()
    raised = threading.Event()

    def interrupt() -> None:
        while not raised.wait(0.1):  # one that comes before the query begins interrupts nothing
            engine.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(duckdb.InterruptException):
            fork.execute("SELECT max(xor(hash(a.i), hash(b.i))) FROM range(1000000) a(i), range(1000000) b(i)")
    finally:
        raised.set()
        thread.join()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT nowhere FROM (SELECT 1 AS x)", 'column "nowhere" not found'),
        ("SELECT 'x'::INTEGER AS i", "Could not convert string 'x' to INT32"),
        ("SELECT 9223372036854775807 + 1 AS i", "Overflow.*cast to a wider type"),
        ("SELEC 1", "syntax error"),
        ("FROM '/nowhere.parquet'", "No files found"),
    ],
)
def test_what_fails_says_why_in_one_line(engine: DuckDB, text: str, said: str) -> None:
    with pytest.raises(BuildError, match=said) as raised:
        engine.read(Query(text=text)).read_all()
    assert "\n" not in str(raised.value)


# -- no network --------------------------------------------------------------------------------------------------------


def test_nothing_is_fetched_from_outside(engine: DuckDB) -> None:
    settings = dict(engine.execute("SELECT name, value FROM duckdb_settings()"))
    assert settings["autoinstall_known_extensions"] == "false"
    assert settings["autoload_known_extensions"] == "false"
    assert settings["allow_community_extensions"] == "false"
    with pytest.raises(BuildError, match="httpfs"):
        engine.read(Query(text="FROM read_csv('https://example.org/x.csv')"))


def test_a_file_that_is_written_again_within_a_second_is_read_as_it_is(engine: DuckDB, tmp_path: Path) -> None:
    path = tmp_path / "again.parquet"
    for factor in range(1, 200):
        cents = [500 * factor, 700 * factor, 500 * factor]
        path.unlink(missing_ok=True)
        pq.write_table(pa.table({"id": [1, 2, 3], "cents": cents}), path, compression="zstd")
        found = engine.fork().execute(f"SELECT cents FROM read_parquet('{path}') ORDER BY id")
        assert [row[0] for row in found] == cents


# -- exactness ---------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back_to_the_bit(engine: DuckDB, tmp_path: Path) -> None:
    text = """
        SELECT 9007199254740993 AS big, sum(9223372036854775807) AS total, 170141183460469231731::HUGEINT AS huge,
            '99999999999999999999999999999999999.99'::DECIMAL(37, 2) AS wide, 0.1::DOUBLE + 0.2::DOUBLE AS float,
            INTERVAL '-14 months 40 days -3 microseconds' AS span, NULL::INTERVAL AS no_span,
            'b'::ENUM ('a', 'b') AS answer, TIMESTAMP '0001-01-01 00:00:00.000001' AS early,
            TIMESTAMPTZ '2020-03-29 01:30:00.123456+00' AS zoned, DATE '9999-12-31' AS late, 'ü''\\' AS said,
            '\\x00\\xFF'::BLOB AS bytes, TIME '23:59:59.999999' AS clock, [1, NULL] AS items, {'a': 1, 'b': 'x'} AS pair
    """
    written = engine.write(Query(text=text), folder=tmp_path, stem="exact")
    (row,) = read_back(engine, written)
    assert row == {
        "big": 2**53 + 1,
        "total": Decimal(2**63 - 1),
        "huge": Decimal(170141183460469231731),
        "wide": Decimal("99999999999999999999999999999999999.99"),
        "float": 0.1 + 0.2,
        "span": {"interval_months": -14, "interval_days": 40, "interval_microseconds": -3},
        "no_span": None,
        "answer": "b",
        "early": dt.datetime(1, 1, 1, microsecond=1),  # noqa: DTZ001  # it has no zone
        "zoned": dt.datetime(2020, 3, 29, 1, 30, 0, 123456, tzinfo=dt.UTC),
        "late": dt.date(9999, 12, 31),
        "said": "ü'\\",
        "bytes": b"\x00\xff",
        "clock": dt.time(23, 59, 59, 999999),
        "items": [1, None],
        "pair": {"a": 1, "b": "x"},
    }
    assert written.schema.field("total").type == pa.decimal128(38, 0)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("170141183460469231731687303715884105727::HUGEINT", "cast it to VARCHAR or DOUBLE"),
        ("[1::HUGEINT]", r"can't hold exactly: inside HUGEINT\[\]"),
        ("{'a': INTERVAL 1 DAY}", "can't hold exactly: inside STRUCT"),
        ("['a'::ENUM ('a', 'b')]", r"can't hold exactly: inside ENUM\('a', 'b'\)\[\]"),
        ("'101'::BIT", "can't hold exactly: BIT"),
    ],
)
def test_what_parquet_cannot_hold_is_refused(engine: DuckDB, tmp_path: Path, expression: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        engine.write(Query(text=f"SELECT {expression} AS x"), folder=tmp_path, stem="refused")


def test_days_and_hours_are_those_of_the_engines_zone() -> None:
    berlin = DuckDB(threads=1, zone="Europe/Berlin")
    text = """
        SELECT '2020-03-29 00:30:00+00'::TIMESTAMPTZ::DATE AS day, '2020-03-29 12:00:00'::TIMESTAMPTZ AS noon,
            CAST('2020-03-29 00:30:00+00'::TIMESTAMPTZ AS VARCHAR) AS said
    """
    zone = dt.timezone(dt.timedelta(hours=2))
    expected = (dt.date(2020, 3, 29), dt.datetime(2020, 3, 29, 12, tzinfo=zone), "2020-03-29 01:30:00+01")
    assert rows(berlin, text) == [expected]
    assert rows(berlin.fork(), text) == [expected]
    berlin.close()


# -- writing -----------------------------------------------------------------------------------------------------------


def test_a_large_result_is_several_files_named_after_the_build(
    engine: DuckDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILE_BYTES_MAX", 200_000)
    query = Query(text="SELECT i, hash(i) AS h FROM range(300000) t(i)")
    written = engine.write(query, folder=tmp_path / "new", stem="many")
    assert len(written.files) > 1
    assert {file.parent for file in written.files} == {tmp_path / "new" / "many"}
    assert written.rows == 300_000 == sum(pq.read_metadata(file).num_rows for file in written.files)


def test_no_rows_are_one_file_with_the_columns(engine: DuckDB, tmp_path: Path) -> None:
    text = "SELECT 1::BIGINT AS id, INTERVAL 1 DAY AS span, sum(1) AS total WHERE FALSE GROUP BY 1, 2"
    written = engine.write(Query(text=text), folder=tmp_path, stem="none")
    assert (written.rows, len(written.files)) == (0, 1)
    assert read_back(engine, written) == []
    assert written.schema.field("total").type == pa.decimal128(38, 0)


def test_map_writes_each_output_batch_by_batch(engine: DuckDB, tmp_path: Path) -> None:
    seen: list[int] = []

    def split(batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        seen.append(batch.num_rows)
        even = pc.equal(pc.bit_wise_and(batch.column("i"), 1), 0)
        return {"even": batch.filter(even), "none": batch.slice(0, 0)}

    schema = pa.schema([("i", pa.int64())])
    query = Query(text="SELECT i FROM range(120000) t(i)")
    outputs = engine.map(query, split, outputs={"even": schema, "none": schema}, folder=tmp_path, stem="m")
    assert len(seen) > 1
    assert (outputs["even"].rows, outputs["none"].rows) == (60_000, 0)
    assert [file.name for file in outputs["none"].files] == ["m_none_0.parquet"]


def test_a_map_that_fails_leaves_nothing(engine: DuckDB, tmp_path: Path) -> None:
    def fail(batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        engine.map(
            Query(text="SELECT 1 AS i"), fail, outputs={"a": pa.schema([("i", pa.int32())])}, folder=tmp_path, stem="m"
        )
    assert list(tmp_path.iterdir()) == []


# -- functions and parameters ------------------------------------------------------------------------------------------


def test_a_call_may_leave_out_parameters_that_have_a_default(engine: DuckDB) -> None:
    text = "SELECT shout('a') AS a, upper(shout('b', '?')) AS b, SHOUT(NULL) AS c, 'shout(x)' AS d"
    assert rows(engine, text, functions=(SHOUT,)) == [("ait's!", "B?", None, "shout(x)")]


def test_a_call_with_too_many_or_too_few_values_says_how_many(engine: DuckDB) -> None:
    for call, given in (("shout()", 0), ("shout('a', 'b', 'c')", 3)):
        with pytest.raises(
            BuildError, match=f"shout takes 2 values, {given} were given. Give the last 1 or leave them out"
        ):
            rows(engine, f"SELECT {call} AS a", functions=(SHOUT,))


def test_functions_see_nulls_and_whole_columns(engine: DuckDB) -> None:
    lengths: list[int] = []

    def known(column: pa.Array) -> pa.Array:
        lengths.append(len(column))
        return pc.is_valid(column)

    function = SqlFunction(name="known", function=known, parameters=(pa.int64(),), returns=pa.bool_())
    text = "SELECT known(CASE WHEN i % 2 = 0 THEN i END) AS k FROM range(4000) t(i)"
    assert sum(row[0] for row in rows(engine, text, functions=(function,))) == 2000
    assert max(lengths) > 1000


def test_a_function_can_be_changed_by_another_fork_than_the_one_that_brought_it(engine: DuckDB) -> None:
    def named(name: str) -> SqlFunction:
        return SqlFunction(
            name="who", function=lambda column: pa.array([name] * len(column)), parameters=(pa.int64(),),
            returns=pa.string(),
        )  # fmt: skip

    text = "SELECT DISTINCT who(i) AS k FROM range(3) t(i)"
    for name in ("a", "b"):
        fork = engine.fork()
        assert rows(fork, text, functions=(named(name),)) == [(name,)]
        fork.close()
        del fork
        gc.collect()
    assert rows(engine, text, functions=(named("c"),)) == [("c",)]


def test_a_column_that_is_not_there_is_named_with_those_that_are_near(engine: DuckDB) -> None:
    with pytest.raises(BuildError, match=r'"amuont" not found.*Did you mean amount') as caught:
        rows(engine, "SELECT amuont FROM (SELECT 1 AS amount, 2 AS id)")
    assert "LINE" not in str(caught.value)


def test_parameters_are_values_and_never_sql(engine: DuckDB) -> None:
    text = "SELECT $name AS a, '$name' AS b, $n + 1 AS c, $$it's $name$$ AS d"
    assert rows(engine, text, parameters={"name": "x'; DROP TABLE t; --", "n": 41}) == [
        ("x'; DROP TABLE t; --", "$name", 42, "it's $name")
    ]
    side_by_side = "SELECT $n+$n AS a, 1 IN ($n,$n) AS b, E'it\\'s $n' AS c -- $n"
    assert rows(engine, side_by_side, parameters={"n": 41}) == [(82, False, "it's $n")]
    assert rows(engine, "SELECT 5-$n AS a, 5 -$x AS b", parameters={"n": -1, "x": float("-inf")}) == [(6, float("inf"))]
    with pytest.raises(ConfigError, match=r"setting '\$nam' has no value. Did you mean 'name'"):
        rows(engine, "SELECT $nam AS a", parameters={"name": 1})


def read_back(engine: DuckDB, written: Written) -> list[dict[str, Any]]:
    files = ", ".join(f"'{file}'" for file in written.files)
    reader = engine.read(Query(text=f"FROM read_parquet([{files}])"))
    assert reader.schema == written.schema
    found: list[dict[str, Any]] = reader.read_all().to_pylist()
    return found
