from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from pumphouse.cleaning import col, dedupe, drop, e164, expand, fill, ip_country, parse_date
from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError, KeyConflict, UnknownName
from pumphouse.lake.builds import QUARANTINE_SCHEMA, Counts

if TYPE_CHECKING:
    from conftest import Works

CUSTOMERS = [
    {
        "id": 1,
        "phone": "030 901820 x5",
        "country": "DE",
        "note": "pls call",
        "ip": "193.99.144.80",
        "born": "03/04/1962",
    },
    {"id": 2, "phone": "ask Max", "country": "US", "note": "u", "ip": "10.0.0.1", "born": "31/02/1962"},
    {"id": 3, "phone": None, "country": None, "note": None, "ip": None, "born": None},
]


def test_columns_are_cleaned_and_what_was_declined_is_kept_with_its_reason(works: Works) -> None:
    (works.folder / "shorthand.csv").write_text("shorthand,expansion\npls,please\nu,you\n", encoding="utf-8")
    works.gather(CUSTOMERS)
    built = works.build(
        col.phone >> e164(region=col.country),
        col.note >> expand("shorthand.csv"),
        col.ip >> ip_country(into="ip_from"),
        col.born >> parse_date("%d/%m/%Y"),
        key="id",
    )
    assert built.counts == Counts(rows_in=3, rows_out=3, quarantined=3)
    assert built.snapshot == works.lake.snapshot()
    first, second, third = works.table(order="id")
    assert first == {
        "id": 1, "phone": "+4930901820", "phone__extension": "5", "phone__kind": "fixed line", "phone__country": "DE",
        "country": "DE", "note": "please call", "ip": "193.99.144.80", "ip_from": "DE", "born": date(1962, 4, 3),
    }  # fmt: skip
    assert list(first) == [
        "id", "phone", "phone__extension", "phone__kind", "phone__country", "country", "note", "ip", "ip_from", "born"
    ]  # fmt: skip
    assert (second["phone"], second["note"], second["ip"], second["ip_from"], second["born"]) == (
        None,
        "you",
        "10.0.0.1",
        None,
        None,
    )
    assert set(third.values()) == {3, None}
    quarantine = works.table("__quarantine")
    assert works.schema("__quarantine") == QUARANTINE_SCHEMA
    assert [
        (row["row_id"], row["column"], row["original"], row["step"], row["reason"], row["run"]) for row in quarantine
    ] == [
        ("2", "born", "31/02/1962", "parse_date", "February 1962 has no day 31", "run-2"),
        ("2", "ip", "10.0.0.1", "ip_country", "a private network", "run-2"),
        ("2", "phone", "ask Max", "e164", "not a phone number", "run-2"),
    ]
    assert "phonenumbers" in quarantine[2]["step_version"]


def test_when_a_row_was_known_goes_with_it(works: Works) -> None:
    works.gather(CUSTOMERS)
    works.build(col.phone >> e164(), dedupe(on="phone"), key="id")
    names = works.schema().names
    assert "_known_at" in names
    assert "_loaded_at" not in names
    assert "_raw" not in names
    query = Query(text="SELECT id, _known_at FROM t ORDER BY id", inputs={"t": works.lake.scan(works.name)})
    known = works.lake.engine.read(query).read_all().to_pylist()
    assert known[1] == {"id": 2, "_known_at": datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)}


def test_a_row_without_its_key_or_a_required_column_is_withheld_whole(works: Works) -> None:
    works.gather([
        {"id": "1", "phone": "+4930901820", "mail": "a@x"},
        {"id": None, "phone": "+4930901820", "mail": "b@x"},
        {"id": "3", "phone": "none", "mail": None},
    ])  # fmt: skip
    built = works.build(col.phone >> e164(), key="id", required=["phone", "mail"])
    assert built.counts == Counts(rows_in=3, rows_out=1, quarantined=1, withheld=2)
    assert [row["id"] for row in works.table()] == ["1"]
    withheld = [row for row in works.table("__quarantine") if row["column"] == "*"]
    assert [(row["row_id"], json.loads(row["original"]), row["reason"]) for row in withheld] == [
        ("3", {"id": "3", "phone": "none", "mail": None}, "phone and mail are null"),
        (None, {"id": None, "phone": "+4930901820", "mail": "b@x"}, "id is null"),
    ]


def test_the_quarantine_is_that_of_the_table_as_it_stands(works: Works) -> None:
    works.gather([{"id": 1, "phone": "x"}, {"id": 2, "phone": "y"}])
    works.build(col.phone >> e164(), key="id")
    works.gather([{"id": 1, "phone": "+4930901820"}, {"id": 2, "phone": "y"}])
    works.build(col.phone >> e164(), key="id")
    assert [row["row_id"] for row in works.table("__quarantine")] == ["2"]


def test_the_original_is_what_came_in_however_many_steps_came_before(works: Works) -> None:
    (works.folder / "digits.csv").write_text("shorthand,expansion\nzero,0\n", encoding="utf-8")
    works.gather([{"id": 1, "phone": "zero"}])
    works.build(col.phone >> expand("digits.csv") >> e164(default="DE"), key="id")
    assert [row["original"] for row in works.table("__quarantine")] == ["zero"]


def test_a_key_of_two_columns_names_rows_by_both(works: Works) -> None:
    works.gather([{"shop": "a", "id": 1, "phone": "x"}])
    works.build(col.phone >> e164(), key=["shop", "id"])
    assert [row["row_id"] for row in works.table("__quarantine")] == ["a|1"]


def test_any_type_of_column_comes_through_unchanged(works: Works) -> None:
    schema = pa.schema(
        {
            "id": pa.int64(),
            "list": pa.list_(pa.int64()),
            "struct": pa.struct([("a", pa.string())]),
            "money": pa.decimal128(30, 2),
            "blob": pa.binary(),
            "at": pa.timestamp("us", "UTC"),
        }
    )
    at = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"id": 1, "list": [1, 2], "struct": {"a": "x"}, "money": Decimal("12.30"), "blob": b"\xff", "at": at}
    works.gather([row, {**row, "id": None}], schema=schema)
    works.build(dedupe(on="id"), key="id")
    assert works.table() == [row]
    assert json.loads(works.table("__quarantine")[0]["original"]) == {
        "id": None, "list": [1, 2], "struct": {"a": "x"}, "money": "12.30", "blob": "ff", "at": str(at),
    }  # fmt: skip


def test_no_steps_and_no_rows_are_a_table_too(works: Works) -> None:
    works.gather([], schema=pa.schema([("id", pa.int64()), ("phone", pa.string()), ("income", pa.float64())]))
    built = works.build(
        col.phone >> e164(), col.income >> fill("median"), drop(constant=True), dedupe(on="id"), key="id"
    )
    assert built.counts == Counts()
    assert works.schema().names == [
        "id",
        "phone",
        "phone__extension",
        "phone__kind",
        "phone__country",
        "income",
        "income__filled",
        "_known_at",
    ]
    assert works.table("__quarantine") == []


@pytest.mark.parametrize(
    ("steps", "options", "said"),
    [
        ([col.phnoe >> e164()], {}, r"no column 'phnoe'.*Did you mean 'phone'\?"),
        ([col.phone >> e164(region=col.land)], {}, "no column 'land'"),
        ([col.phone >> fill("mode", by="job")], {}, "no column 'job'"),
        ([col.nothing >> fill("mode")], {}, "no column 'nothing'"),
        ([dedupe(on="mail")], {}, "no column 'mail'"),
        ([], {"key": "customer_id"}, "no column 'customer_id'"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_the_declarations_place(
    works: Works, steps: list[Any], options: dict[str, Any], said: str
) -> None:
    works.gather(CUSTOMERS)
    before = works.staged()
    with pytest.raises(UnknownName, match=said) as raised:
        works.build(*steps, **options)
    assert raised.value.asset == works.name
    assert raised.value.place is not None
    assert raised.value.place.file.endswith("conftest.py")
    assert not works.lake.has(works.name)
    assert works.staged() == before


def test_two_rows_with_one_key_stop_the_build(works: Works) -> None:
    works.gather([{"id": 1, "n": 1}, {"id": 1, "n": 2}])
    with pytest.raises(KeyConflict, match="id = 1 comes 2 times"):
        works.build(key="id")


def test_a_column_that_a_step_adds_may_not_be_there_already(works: Works) -> None:
    works.gather([{"id": 1, "phone": "x", "phone__extension": "1"}])
    with pytest.raises(BuildError, match="adds the column 'phone__extension'"):
        works.build(col.phone >> e164())


def test_rows_done_are_told_as_they_are_done(works: Works) -> None:
    works.gather(CUSTOMERS)
    works.build(col.phone >> e164(), key="id")
    assert works.progress[-1] == 3


def test_a_sample_reads_only_so_many_rows(works: Works) -> None:
    works.gather([{"id": number} for number in range(50)])
    assert works.build(key="id", sample=10).counts == Counts(rows_in=10, rows_out=10)


def test_nothing_is_left_in_staging_but_what_was_committed(works: Works) -> None:
    works.gather(CUSTOMERS)
    before = works.staged()
    works.build(col.phone >> e164(), dedupe(on="phone"), col.phone >> fill("mode"), drop(constant=True), key="id")
    assert all(name.endswith(".parquet") for name in works.staged() - before)
