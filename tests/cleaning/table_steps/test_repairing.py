from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.cleaning import repair
from pumphouse.cleaning.batch import Batch
from pumphouse.cleaning.table_steps.repairing import RepairCells
from pumphouse.errors import BuildError, UnknownName

if TYPE_CHECKING:
    from conftest import Works


def places(*rows: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"id": n, "zip": zip_code, "city": city} for n, (zip_code, city) in enumerate(rows)]


SURE = [("10115", "Berlin")] * 9
ZIPS = places(
    *SURE, ("10115", "Bonn"), ("10115", None), ("53111", "Bonn"), ("53111", None), (None, "Rome"), (None, None)
)


def cities(works: Works) -> list[tuple[Any, ...]]:
    return [(row["city"], row["city__original"], row["city__filled"]) for row in works.table(order="id")]


def test_a_cell_that_contradicts_a_sure_group_is_repaired_and_its_original_kept(works: Works) -> None:
    works.gather(ZIPS)
    built = works.build(repair("zip", decides="city"), key="id")
    assert cities(works) == [
        *[("Berlin", None, False)] * 9,
        ("Berlin", "Bonn", False),
        ("Berlin", None, True),
        # One row is no support: nothing contradicts it, and nothing is filled from it.
        ("Bonn", None, False),
        (None, None, False),
        ("Rome", None, False),
        (None, None, False),
    ]
    assert works.table("__quarantine") == []
    [fit] = works.table("__fit")
    assert (fit["column"], fit["group"], fit["value"], fit["evidence"]) == (
        "city", '["10115"]', '{"value": "Berlin", "sure": true}', "9 of 10 rows",
    )  # fmt: skip
    assert built.note == ""


def test_a_cell_that_contradicts_an_unsure_group_is_declined(works: Works) -> None:
    works.gather(places(("1", "Ulm"), ("1", "Ulm"), ("1", "Bonn"), ("1", None), ("2", "Ulm"), ("2", "Bonn")))
    built = works.build(repair("zip", decides="city"), key="id")
    assert [city for city, _, _ in cities(works)] == ["Ulm", "Ulm", None, None, None, None]
    declined = {row["row_id"]: (row["column"], row["original"], row["reason"]) for row in works.table("__quarantine")}
    assert declined == {
        "2": ("city", "Bonn", "rows of its zip disagree, none is sure: another one is in 2 of 3 rows"),
        "4": ("city", "Ulm", "rows of its zip disagree, none is sure: the most frequent one is in 1 of 2 rows"),
        "5": ("city", "Bonn", "rows of its zip disagree, none is sure: the most frequent one is in 1 of 2 rows"),
    }
    assert built.note == "no sure city for 2 of 2 values of zip"
    assert built.counts.quarantined == 3


def test_what_was_learnt_stays_until_refit(works: Works) -> None:
    works.gather(ZIPS)
    works.build(repair("zip", decides="city"), key="id")
    works.gather(places(*[("10115", "Potsdam")] * 20, ("53111", "Bonn")))
    works.build(repair("zip", decides="city"), key="id")
    assert cities(works)[0] == ("Berlin", "Potsdam", False)
    works.build(repair("zip", decides="city"), key="id", settings={"refit": True})
    assert cities(works)[0] == ("Potsdam", None, False)


def test_several_columns_decide_together_and_any_flat_type_is_decided(works: Works) -> None:
    rows = [
        {"id": n, "land": land, "zip": 1, "day": date(2026, 1, day)}
        for n, (land, day) in enumerate([("DE", 1)] * 9 + [("DE", 2)] + [("FR", 3)] * 3)
    ]
    works.gather(rows)
    works.build(repair("land", "zip", decides="day"), key="id")
    assert [row["day"].day for row in works.table(order="id")] == [1] * 10 + [3] * 3
    assert works.table(order="id")[9]["day__original"] == "2026-01-02"


def test_what_is_found_is_proposed_and_not_applied(works: Works) -> None:
    cities = {"1": "Ulm", "2": "Bonn", "3": "Rome", "4": "Ulm"}
    rows = [
        {"id": n, "zip": str(n % 4 + 1), "city": cities[str(n % 4 + 1)], "age": n * 37 % 50, "land": "DE"}
        for n in range(200)
    ]
    rows[0]["city"] = "Bonn"
    works.gather(rows)
    built = works.build(repair(found=True), key="id")
    assert built.note == (
        "found that zip decides city in 199 of 200 rows with 4 different values: if that is so, declare "
        'repair("zip", decides="city")'
    )
    assert works.table(order="id") == rows
    works.gather([{**row, "city": "Ulm"} for row in rows])
    assert works.build(repair(found=True), key="id").note == built.note


@pytest.mark.parametrize("rows", [[], places(("1", "Ulm")), places((None, None), (None, None))])
def test_little_is_learnt_from_little(works: Works, rows: list[dict[str, Any]]) -> None:
    works.gather(rows, schema=pa.schema({"id": pa.int64(), "zip": pa.string(), "city": pa.string()}))
    works.build(repair("zip", decides="city"), repair(found=True), key="id")
    assert [city for city, _, _ in cities(works)] == [row["city"] for row in rows]
    assert works.lake.has(f"{works.name}__fit") == bool(rows)


def test_what_makes_no_sense_is_refused(works: Works) -> None:
    for arguments, options, what in [
        ((), {"decides": "city"}, "what decides"),
        (("zip",), {}, "what is decided"),
        (("zip",), {"decides": "zip"}, "decide itself"),
        (("zip",), {"decides": "city", "support": 1}, "support is 2"),
        (("zip",), {"decides": "city", "confidence": 0.5}, "above 0.5"),
        (("zip",), {"found": True}, "leave them out"),
    ]:
        with pytest.raises(ValueError, match=what):
            repair(*arguments, **options)  # type: ignore[arg-type]
    works.gather([{"id": 1, "zip": "1", "city": ["Ulm"]}])
    with pytest.raises(BuildError, match="can't be part of a repair"):
        works.build(repair("zip", decides="city"), key="id")
    with pytest.raises(UnknownName, match="no column 'zipp'"):
        works.build(repair("zipp", decides="city"), key="id")


PAIRS = st.lists(st.tuples(st.sampled_from(["1", "2", "3", None]), st.sampled_from(["a", "b", None])), max_size=20)


@given(PAIRS)
def test_no_cell_is_lost_and_repairing_twice_is_repairing_once(pairs: list[tuple[str | None, str | None]]) -> None:
    step = RepairCells(
        by=("zip",),
        decides="city",
        version="1",
        majorities={("1",): ("a", True, "9 of 9 rows"), ("2",): ("b", False, "2 of 3 rows")},
    )

    def once(cities: list[str | None]) -> tuple[Batch, list[str | None]]:
        source = pa.record_batch(
            {"zip": pa.array([z for z, _ in pairs], pa.string()), "city": pa.array(cities, pa.string())}
        )
        batch = Batch(
            source=source,
            row_ids=pa.array([str(n) for n in range(len(pairs))], pa.string()),
            run="run",
            columns=dict(zip(source.schema.names, source.columns, strict=True)),
        )
        step(batch)
        return batch, batch.column("city").to_pylist()

    batch, cleaned = once([city for _, city in pairs])
    declined = {int(row["row_id"]): row["original"] for part in batch.cells for row in part.to_pylist()}
    originals = batch.column("city__original").to_pylist()
    for n, (_, city) in enumerate(pairs):
        kept = declined.get(n) or originals[n] or (None if batch.column("city__filled")[n].as_py() else cleaned[n])
        assert kept == city
    again, twice = once(cleaned)
    assert twice == cleaned
    assert again.cells == []
