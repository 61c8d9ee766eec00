from __future__ import annotations

from datetime import date
from random import Random
from typing import TYPE_CHECKING

from pumphouse.cleaning import (
    col,
    dedupe,
    drop,
    e164,
    expand,
    fill,
    ip_country,
    outliers,
    parse_date,
    repair,
)
from pumphouse.cleaning.functions import sql_functions
from pumphouse.engines.engine import Query
from pumphouse.engines.spark import Spark

if TYPE_CHECKING:
    from conftest import Works

CUSTOMERS = [
    {
        "id": number if number % 11 else None,
        "phone": [f"030 90182{number % 7}", "ask Max", None, "212 555 0123 x4"][number % 4],
        "country": "DE" if number % 4 < 2 else "US",
        "note": ["pls call", None, "u r late"][number % 3],
        "ip": ["193.99.144.80", "10.0.0.1", "2001:4860:4860::8888", "x"][number % 4],
        "born": ["03/04/1962", "1970-02-30", "1962-04-03"][number % 3],
        "met": ["03/04/1962", "25/12/1970", "3 May 1962"][number % 3],
        "job": ["nurse", None][number % 2],
        "income": float(number) if number % 5 else None,
        "since": date(2020, 1, 1 + number % 28),
        "brand": "cdnow",
    }
    for number in range(60)
]


def test_spark_makes_the_same_table_quarantine_and_fits_as_duckdb(works: Works, spark: Spark) -> None:
    (works.folder / "words.csv").write_text("shorthand,expansion\npls,please\nu,you\n", encoding="utf-8")
    works.gather(CUSTOMERS)
    steps = [
        col.phone >> e164(region=col.country),
        col.note >> expand("words.csv"),
        col.ip >> ip_country(),
        col.born >> parse_date("%d/%m/%Y", "%Y-%m-%d"),
        col.met >> parse_date(),
        col.income >> fill("median", by=["job", "country"]),
        col.since >> fill("mode"),
        drop(mostly_null=0.9, constant=True),
        dedupe(on=["phone", "note"], gaps="fill", keep="most complete"),
        dedupe(on=["ip", "job"]),
    ]
    here = works.build(*steps, key="id")
    local = [works.table(), works.table("__quarantine"), works.table("__fit"), works.table("__crosswalk")]
    works.engine, works.name = spark, f"{works.name}_on_spark"
    there = works.build(*steps, key="id")
    remote = [works.table(), works.table("__quarantine"), works.table("__fit"), works.table("__crosswalk")]
    for rows in (local[1], remote[1]):
        for row in rows:
            del row["run"]
    assert (there.counts, there.note) == (here.counts, here.note)
    assert here.counts.merged == len(local[3]) > 0
    assert remote == local


def test_spark_merges_the_same_rows_that_are_alike(works: Works, spark: Spark) -> None:
    chance = Random(5)
    rows = [
        {
            "id": number,
            "name": "".join(chance.choice("abcdefgh") for _ in range(6)),
            "town": chance.choice(["york", "bath", "ely", "wells", "ripon", "truro"]) + str(chance.randrange(9)),
            "born": date(1950 + chance.randrange(40), 1 + chance.randrange(12), 1 + chance.randrange(28)),
            "phone": str(chance.randrange(10**6, 10**7)),
        }
        for number in range(150)
    ]
    rows += [{**row, "id": 500 + row["id"], "name": f"{row['name'][:4]}x", "phone": None} for row in rows[:50]]
    works.gather(rows)
    step = dedupe(like={"name": "name", "town": "exact", "born": "date", "phone": "code"}, keep="most complete")
    works.build(step, key="id")
    suffixes = ("", "__fit", "__crosswalk", "__pairs")
    local = [works.table(suffix) for suffix in suffixes]
    works.engine, works.name = spark, f"{works.name}_on_spark"
    works.build(step, key="id")
    assert [works.table(suffix) for suffix in suffixes] == local
    assert len(local[1]) == 1
    assert {(row["row_id"], row["survivor_id"]) for row in local[2]} <= {
        (str(500 + one), str(one)) for one in range(50)
    }
    assert len(local[2]) > 40


def test_sql_functions_give_on_spark_what_they_give_on_duckdb(works: Works, spark: Spark) -> None:
    (works.folder / "words.csv").write_text("shorthand,expansion\npls,please\nu,you\n", encoding="utf-8")
    works.gather(CUSTOMERS)
    text = """
        SELECT id, e164(phone, country) AS phone, e164(phone) AS abroad, expand(note, 'words.csv') AS note,
            ip_country(ip) AS ip_from, parse_date(born, '%d/%m/%Y') AS born
        FROM raw ORDER BY id NULLS LAST, income
    """
    scan = works.lake.scan(works.raw, files=True)
    query = Query(text=text, inputs={"raw": scan}, functions=sql_functions(works.folder))
    engine = works.lake.engine
    assert engine.schema(query).names == ["id", "phone", "abroad", "note", "ip_from", "born"]
    assert spark.read(query).read_all().to_pylist() == engine.read(query).read_all().to_pylist()


def test_steps_of_the_whole_table_are_the_same_on_spark(works: Works, spark: Spark) -> None:
    works.gather(
        [
            {**row, "id": n, "twin": row["job"], "code": f"c{n}", "late": (n % 5 == 0) or None}
            for n, row in enumerate(CUSTOMERS)
        ]
    )
    steps = [
        drop(duplicate=True, identifier=True, leaking="income"),
        col.income >> fill("forward", by="country", over="since", within="2 days"),
        col.income >> outliers("mad", by="country"),
        repair("country", decides="phone", confidence=0.6),
        repair(found=True),
    ]
    here = works.build(*steps, key="id")
    local = [works.table(), works.table("__fit")]
    works.engine, works.name = spark, f"{works.name}_on_spark"
    there = works.build(*steps, key="id")
    assert [works.table(), works.table("__fit")] == local
    assert (there.note, there.counts) == (here.note, here.counts)
    assert here.counts.quarantined
    assert {row["income__filled"] for row in local[0]} == {True, False}
    assert {"code", "twin", "income", "phone"} <= {row["column"] for row in local[1]}


def test_a_model_fills_the_same_on_spark(works: Works, spark: Spark) -> None:
    works.gather(
        [
            {
                "id": n,
                "job": ["nurse", "cook"][n % 2],
                "age": n * 7 % 40,
                "pay": None if n % 9 == 0 else n % 2 * 500.5 + n * 7 % 40,
            }
            for n in range(120)
        ]
    )
    step = col.pay >> fill("model", using=["job", "age"])
    here = works.build(step, key="id")
    local = [works.table(), works.table("__fit")]
    works.engine, works.name = spark, f"{works.name}_on_spark"
    there = works.build(step, key="id")
    assert [works.table(), works.table("__fit")] == local
    assert there.note == here.note
    assert {row["pay__filled"] for row in local[0]} == {True, False}
