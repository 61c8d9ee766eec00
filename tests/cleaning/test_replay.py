from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pumphouse.cleaning import col, dedupe, e164, expand, fill, ip_country, parse_date
from pumphouse.cleaning.build import build
from pumphouse.errors import ConfigError
from pumphouse.lake.context import Built

if TYPE_CHECKING:
    from conftest import Works

ROWS: list[dict[str, Any]] = [
    {"id": 1, "born": "24/12/1970", "phone": "030 901820"},
    {"id": 2, "born": "1971-05-01", "phone": "030 901821"},
    {"id": 3, "born": "1972-05-01", "phone": "x"},
    {"id": 4, "born": "soon", "phone": None},
]
OLD = [col.born >> parse_date("%d/%m/%Y"), col.phone >> e164(default="DE")]
MENDED = [col.born >> parse_date("%d/%m/%Y", "%Y-%m-%d"), col.phone >> e164(default="DE")]


def replayed(works: Works, *steps: Any, **options: Any) -> Built:
    works.declare(*steps, **options)
    return build(works.assets[works.name], works.context(settings={"replay": True}))


def test_only_rows_that_were_set_aside_are_cleaned_again_and_the_table_is_as_if_built_whole(works: Works) -> None:
    works.gather(ROWS)
    works.build(*OLD, key="id")
    assert len(works.table("__quarantine")) == 4
    built = replayed(works, *MENDED, key="id")
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.quarantined) == (3, 3, 2)
    assert built.note == (
        "cleaned the 3 rows that were set aside again; 1 of the others were looked at and come out the same, and all of"
        " them stand"
    )
    rows, quarantine = works.table(), works.table("__quarantine")
    works.build(*MENDED, key="id")
    assert rows == works.table()
    for cells in (quarantine, whole := works.table("__quarantine")):
        for cell in cells:
            del cell["run"]
    assert quarantine == whole


def test_rows_that_were_withheld_come_in_and_rows_that_a_stricter_rule_withholds_go(works: Works) -> None:
    works.gather(ROWS)
    works.build(*OLD, key="id", required="born")
    assert [row["id"] for row in works.table()] == [1]
    built = replayed(works, *MENDED, key="id", required="born")
    assert [row["id"] for row in works.table()] == [1, 2, 3]
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.withheld) == (3, 2, 1)
    built = replayed(works, *MENDED, key="id", required=("born", "phone"))
    assert [row["id"] for row in works.table()] == [1, 2]
    assert built.counts.withheld == 2


def test_a_rule_that_changes_rows_that_were_clean_is_refused_and_nothing_changes(works: Works) -> None:
    (works.folder / "words.csv").write_text("shorthand,expansion\npls,please\n", encoding="utf-8")
    works.gather([{**row, "note": "pls"} for row in ROWS])
    works.build(*OLD, col.note >> expand("words.csv"), key="id")
    before, snapshot = works.table(), works.lake.snapshot()
    (works.folder / "words.csv").write_text("shorthand,expansion\npls,kindly\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="1 of 1 rows that were clean come out otherwise"):
        replayed(works, *MENDED, col.note >> expand("words.csv"), key="id")
    assert (works.table(), works.lake.snapshot()) == (before, snapshot)


def test_a_rule_that_declines_what_was_clean_is_refused(works: Works) -> None:
    works.gather(ROWS)
    works.build(*OLD, key="id")
    with pytest.raises(ConfigError, match="1 of 1 rows that were clean come out otherwise"):
        replayed(works, col.born >> parse_date("%Y-%m-%d"), col.phone >> e164(default="DE"), key="id")


@pytest.mark.parametrize(
    ("steps", "options", "why"),
    [
        (OLD, {}, "it has no key"),
        ([*OLD, dedupe(on="phone", by="id")], {"key": "id"}, "dedupe looks at all rows at once"),
        ([*OLD, col.phone >> fill("mode")], {"key": "id"}, "fill has not learnt yet"),
        ([*OLD, col.id >> e164(default="DE")], {"key": "id"}, "e164 changes its key"),
        ([*OLD, col.phone >> ip_country(into="whence")], {"key": "id"}, "its columns become id, .*, whence"),
    ],
)
def test_what_only_a_whole_build_can_do_right_is_refused(
    works: Works, steps: list[Any], options: dict[str, Any], why: str
) -> None:
    works.gather(ROWS)
    works.build(*OLD, key="id")
    with pytest.raises(ConfigError, match=why) as refused:
        replayed(works, *steps, **options)
    assert refused.value.mend == f"Build all of it: pumphouse run {works.name}"


def test_an_input_that_changed_or_a_table_that_was_never_built_is_refused(works: Works) -> None:
    works.gather(ROWS)
    with pytest.raises(ConfigError, match="it was not built yet"):
        replayed(works, *MENDED, key="id")
    works.build(*OLD, key="id")
    works.gather(ROWS[:3])
    with pytest.raises(ConfigError, match=f"'{works.raw}' changed since it was built"):
        replayed(works, *MENDED, key="id")


def test_rows_without_a_key_that_were_withheld_are_cleaned_again_too(works: Works) -> None:
    works.gather([{**row, "id": None if row["id"] == 2 else row["id"]} for row in ROWS])
    works.build(*OLD, key="id")
    built = replayed(works, *MENDED, key="id")
    assert (built.counts.rows_in, built.counts.withheld) == (3, 1)
    assert [row["id"] for row in works.table()] == [1, 3, 4]


def test_a_row_that_is_named_by_a_moment_is_found_again(works: Works) -> None:
    works.gather([{**row, "at": datetime(2024, 1, 1, row["id"], tzinfo=UTC)} for row in ROWS])
    works.build(*OLD, key=("id", "at"))
    assert replayed(works, *MENDED, key=("id", "at")).counts.rows_in == 3


def test_a_row_outside_the_sample_that_lacks_what_is_required_now_is_noticed(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pumphouse.cleaning.replay.COMPARED_ROWS", 1)
    others = [{"id": number, "born": "01/01/1970", "phone": "030 901820"} for number in range(6, 30)]
    works.gather([*ROWS, {"id": 5, "born": "01/01/1970", "phone": None}, *others])
    works.build(*OLD, key="id")
    with pytest.raises(ConfigError, match="1 row that was clean lacks the required phone"):
        replayed(works, *MENDED, key="id", required="phone")
