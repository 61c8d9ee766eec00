from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.cleaning import col, dedupe, drop, e164, fill, mask
from pumphouse.cleaning.table_step import CROSSWALK, PAIRS, ROW_IDS
from pumphouse.engines.engine import Query
from pumphouse.errors import BuildError
from pumphouse.lake.builds import Counts, rows_named_in

if TYPE_CHECKING:
    from conftest import Works

ROWS = [
    {"id": 1, "phone": "030 901820", "mail": "a@x", "seen": 5},
    {"id": 2, "phone": "+49 30 901820", "mail": "a@x", "seen": 1},
    {"id": 3, "phone": "+49 30 901820", "mail": None, "seen": 1},
    {"id": 4, "phone": "+49 30 901820", "mail": None, "seen": 1},
    {"id": 5, "phone": "no", "mail": "a@x", "seen": 1},
    {"id": 6, "phone": "none", "mail": "a@x", "seen": 1},
]


def ids(works: Works) -> list[int]:
    return [row["id"] for row in works.table(order="id")]


def test_rows_that_are_equal_after_cleaning_are_merged_into_the_newest(works: Works) -> None:
    works.gather(ROWS)
    built = works.build(col.phone >> e164(default="DE"), dedupe(on=["phone", "mail"]), key="id")
    assert ids(works) == [2, 3, 4, 5, 6]  # 2 was loaded after 1; null is equal to nothing
    assert built.counts == Counts(rows_in=6, rows_out=5, merged=1, quarantined=2)


@pytest.mark.parametrize(("keep", "by", "kept"), [("first", None, 1), ("newest", "seen", 1), ("first", "seen", 2)])
def test_which_row_stays_can_be_said(works: Works, keep: Any, by: str | None, kept: int) -> None:
    works.gather(ROWS)
    works.build(col.phone >> e164(default="DE"), dedupe(on=["phone", "mail"], keep=keep, by=by), key="id")
    assert [id for id in ids(works) if id < 3] == [kept]


def test_a_sources_cursor_says_which_row_is_the_newest(works: Works) -> None:
    works.gather(ROWS)
    works.cursor = "seen"
    works.build(dedupe(on="mail"), key="id")
    assert ids(works) == [1, 3, 4]


def test_rows_that_are_as_new_as_each_other_give_the_one_with_the_largest_key(works: Works) -> None:
    works.gather([{"id": number, "x": 1, "at": 1} for number in (2, 9, 4)])
    works.build(dedupe(on="x", by="at"), key="id")
    assert ids(works) == [9]


def test_where_the_key_does_not_tell_the_same_rows_still_give_the_same_one(works: Works) -> None:
    works.gather([{"id": 1, "x": 1, "at": 1, "y": number} for number in (2, 9, 4)])
    works.build(dedupe(on="x", by="at"), key="id")
    assert [row["y"] for row in works.table()] == [9]


PEOPLE = [
    {"id": 1, "mail": "a@x", "name": None, "phone": "+4930901820", "phone__extension": "9", "at": 1},
    {"id": 2, "mail": "a@x", "name": None, "phone": "+4940123456", "phone__extension": None, "at": 2},
    {"id": 3, "mail": "a@x", "name": "Ann", "phone": "+4940123456", "phone__extension": None, "at": 0},
    {"id": 4, "mail": "a@x", "name": None, "phone": None, "phone__extension": None, "at": 3},
    {"id": 5, "mail": "b@x", "name": None, "phone": None, "phone__extension": None, "at": 3},
    {"id": 6, "mail": None, "name": None, "phone": "+49301", "phone__extension": None, "at": 9},
]


def test_the_most_complete_row_can_stay_and_of_several_the_newest(works: Works) -> None:
    works.gather(PEOPLE)
    built = works.build(dedupe(on="mail", keep="most complete", by="at"), key="id")
    assert ids(works) == [1, 5, 6]  # 1 and 3 have as many cells
    works.build(dedupe(on="mail", keep="most complete"), key="id")
    assert ids(works) == [3, 5, 6]  # 3 was loaded later
    assert built.counts == Counts(rows_in=6, rows_out=3, merged=3)


def test_the_row_that_stays_takes_what_it_lacks_from_the_best_that_has_it_where_that_is_declared(works: Works) -> None:
    works.gather(PEOPLE)
    works.build(dedupe(on="mail", by="at"), key="id")
    assert works.table(order="id")[0] == PEOPLE[3]
    works.build(dedupe(on="mail", by="at", gaps="fill"), key="id")
    # The extension belongs to another number: it does not come with this one.
    filled = {**PEOPLE[3], "name": "Ann", "phone": "+4940123456"}
    assert works.table(order="id") == [filled, PEOPLE[4], PEOPLE[5]]
    gave = [(row["row_id"], row["survivor_id"], row["gave"]) for row in works.table("__crosswalk", order="row_id")]
    assert gave == [("1", "4", None), ("2", "4", "phone"), ("3", "4", "name")]
    works.build(dedupe(on="mail", by="at", gaps=["name"]), key="id")
    assert works.table(order="id")[0] == {**PEOPLE[3], "name": "Ann"}


@pytest.mark.parametrize(("gaps", "second"), [((), 0), ("name", 2), ("phone", 0)])
def test_a_row_that_took_from_others_is_known_when_the_last_of_them_was(works: Works, gaps: Any, second: int) -> None:
    works.gather([{**PEOPLE[0], "id": number, "name": name} for number, name in enumerate([None, None, "Ann"])])
    works.build(dedupe(on="mail", keep="first", gaps=gaps), key="id")
    known = Query(text="SELECT second(_known_at) AS s FROM found", inputs={"found": works.lake.scan(works.name)})
    assert works.lake.engine.read(known).read_all().to_pylist() == [{"s": second}]


def test_a_crosswalk_says_which_row_became_which_and_by_what_rule(works: Works) -> None:
    works.gather(ROWS)
    built = works.build(col.phone >> e164(default="DE"), dedupe(on=["phone", "mail"]), key="id")
    went = {"row_id": "1", "survivor_id": "2", "rule": "equal phone, mail", "probability": 1.0, "gave": None}
    assert works.table("__crosswalk") == [went]
    assert built.counts.merged == 1


def test_a_row_that_went_to_one_that_went_on_leads_to_the_one_that_stays(works: Works) -> None:
    rows = [{"id": 1, "x": 1, "y": 1}, {"id": 2, "x": 1, "y": 2}, {"id": 3, "x": 3, "y": 2}, {"id": 4, "x": 4, "y": 9}]
    works.gather(rows)
    works.build(dedupe(on="x"), dedupe(on="y"), dedupe(on="id"), key="id")
    went = [(row["row_id"], row["survivor_id"], row["rule"]) for row in works.table("__crosswalk", order="row_id")]
    assert went == [("1", "3", "equal x"), ("2", "3", "equal y")]


def test_without_a_key_rows_are_merged_and_there_is_no_crosswalk(works: Works) -> None:
    works.gather(ROWS)
    assert works.build(dedupe(on="mail")).counts.merged == 3
    assert not works.lake.has(f"{works.name}__crosswalk")


def test_a_crosswalk_names_rows_by_their_masked_key_where_a_later_step_masks_it(works: Works) -> None:
    rows = [{"id": "4111 1111 1111 1111", "x": 1}, {"id": "4012 8888 8888 1881", "x": 1}]
    works.gather(rows)
    works.build(dedupe(on="x", keep="first"), col.id >> mask(), key="id")
    went = [(row["row_id"], row["survivor_id"]) for row in works.table("__crosswalk")]
    masked = [mask().one(row["id"]).value for row in rows]
    assert went == [(masked[1], masked[0])]
    works.build(dedupe(on="x", keep="first"), col.id >> mask(), key=["id", "x"])
    assert works.table("__crosswalk") == []  # what is a part of an id can't be told from the rest


def test_the_lake_knows_which_columns_of_these_tables_name_rows_and_hides_people_there() -> None:
    known = [rows_named_in(f"customers__{suffix}") for suffix in (CROSSWALK, PAIRS)]
    assert {of for of, _ in filter(None, known)} == {"customers"}
    assert {name for _, names in filter(None, known) for name in names} == set(ROW_IDS)


def test_a_crosswalk_says_nothing_once_no_step_merges(works: Works) -> None:
    works.gather(ROWS)
    works.build(dedupe(on="mail"), key="id")
    assert len(works.table("__crosswalk")) == 3
    works.build(key="id")
    assert works.table("__crosswalk") == []


@pytest.mark.parametrize("rows", [[], [{"id": 1, "x": None}], [{"id": 1, "x": None}, {"id": 2, "x": None}]])
def test_tables_with_nothing_to_merge_stay_as_they_are(works: Works, rows: list[dict[str, Any]]) -> None:
    works.gather(rows, schema=pa.schema({"id": pa.int64(), "x": pa.string()}))
    works.build(dedupe(on="x", gaps="fill", keep="most complete"), key="id")
    assert works.table(order="id") == rows
    assert works.table("__crosswalk") == []


def test_a_row_without_its_key_does_not_take_the_place_of_one_that_has_it(works: Works) -> None:
    works.gather([{"id": 1, "x": 1}, {"id": None, "x": 1}])
    built = works.build(dedupe(on="x"), key="id")
    assert ids(works) == [1]
    assert built.counts == Counts(rows_in=2, rows_out=1, withheld=1)


def test_a_required_column_that_is_filled_later_does_not_withhold_before(works: Works) -> None:
    works.gather([{"id": 1, "x": 1, "y": None}, {"id": 2, "x": 2, "y": 3}])
    built = works.build(dedupe(on="x"), col.y >> fill("median"), key="id", required="y")
    assert built.counts == Counts(rows_in=2, rows_out=2)
    assert [row["y"] for row in works.table(order="id")] == [3, 3]


def test_steps_go_on_after_rows_were_merged(works: Works) -> None:
    works.gather(ROWS)
    steps = [dedupe(on="phone"), col.phone >> e164(default="DE"), dedupe(on=["phone", "mail"]), drop(constant=True)]
    assert works.build(*steps, key="id").counts == Counts(rows_in=6, rows_out=4, merged=2, quarantined=2)
    assert ids(works) == [1, 4, 5, 6]
    assert list(works.table()[0]) == [
        "id", "phone", "phone__extension", "phone__kind", "phone__country", "mail", "seen"
    ]  # fmt: skip


def test_an_input_that_does_not_say_when_rows_were_loaded_needs_a_column_to_go_by(works: Works) -> None:
    works.gather(ROWS)
    works.build(key="id")
    works.raw, works.name = works.name, f"{works.name}_again"
    said = r"can't tell which row is the newest.*by='updated_at'\), or clean 'raw_\d+' itself, which says so"
    with pytest.raises(BuildError, match=said):
        works.build(dedupe(on="mail"), key="id")
    works.build(dedupe(on="mail", by="seen"), key="id")
    assert ids(works) == [1, 3, 4]


CELL = st.sampled_from(["030 901820", "+49 30 901820", "x", "", None])


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, None]), CELL, CELL), max_size=30))
def test_every_row_is_accounted_for(works: Works, rows: list[tuple[int | None, str | None, str | None]]) -> None:
    schema = pa.schema({"id": pa.int64(), "phone": pa.string(), "fax": pa.string()})
    works.gather([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
    counts = works.build(
        col.phone >> e164(default="DE"),
        dedupe(on=["phone", "fax"]),
        col.fax >> e164(),
        dedupe(on="id"),
        key="id",
        required="phone",
    ).counts
    quarantine = works.table("__quarantine")
    assert counts.rows_in == len(rows) == counts.rows_out + counts.withheld + counts.merged
    assert counts.rows_out == len(works.table())
    assert counts.withheld == sum(row["column"] == "*" for row in quarantine)
    assert counts.quarantined == sum(row["column"] != "*" for row in quarantine)
