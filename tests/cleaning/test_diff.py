from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pumphouse.cleaning import col, dedupe, drop, e164, expand, fill, ip_country, mask, plain_text
from pumphouse.cleaning.diff import Diff, Example, diff
from pumphouse.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Works

ROWS = [
    {"id": number, "phone": phone, "note": note, "ip": ip, "income": income, "brand": "cdnow"}
    for number, (phone, note, ip, income) in enumerate(
        [
            ("030 901820", "pls call", "8.8.8.8", 10.0),
            ("030 901820", "fine", "10.0.0.1", None),
            ("+4930901820", "pls call", "8.8.8.8", 30.0),
            ("12", None, None, 20.0),
            ("12", "pls", "8.8.8.8", 20.0),
        ]
    )
]


def seen(works: Works, *steps: Any, **options: Any) -> Diff:
    works.build(*steps, **options)
    return diff(works.assets[works.name], works.context())


@pytest.fixture
def found(works: Works) -> Diff:
    (works.folder / "words.csv").write_text("shorthand,expansion\npls,please\n", encoding="utf-8")
    works.gather(ROWS)
    return seen(
        works,
        col.phone >> e164(default="DE"),
        col.note >> expand("words.csv"),
        col.ip >> ip_country(into="country"),
        col.income >> fill("median"),
        drop(constant=True),
        dedupe(on="phone"),
        key="id",
    )


def test_each_step_says_what_it_changed_with_before_and_after(found: Diff) -> None:
    phone = {one.column: one for one in found.steps[0].columns}["phone"]
    assert (phone.cells, phone.changed, phone.declined, phone.emptied) == (5, 2, 2, 2)
    assert phone.examples == (Example(before="030 901820", after="+4930901820", times=2),)
    (note,) = found.steps[1].columns
    assert (note.cells, note.changed, note.declined) == (4, 3, 0)
    assert note.examples[0] == Example(before="pls call", after="please call", times=2)


def test_what_was_declined_is_told_with_its_reason(found: Diff) -> None:
    phone = {one.column: one for one in found.steps[0].columns}["phone"]
    assert phone.rejected == (Example(before="12", after="the area code is missing", times=2),)


def test_a_step_that_adds_a_column_makes_values_and_a_fill_fills(found: Diff) -> None:
    columns = {one.column: one for one in found.steps[2].columns}
    assert (columns["country"].made, columns["country"].cells) == (3, 0)
    assert columns["ip"].rejected == (Example(before="10.0.0.1", after="a private network", times=1),)
    filled = {one.column: one for one in found.steps[3].columns}["income"]
    assert (filled.filled, filled.examples) == (1, (Example(before=None, after="20", times=1),))


def test_steps_of_the_table_tell_columns_dropped_and_rows_merged(found: Diff) -> None:
    assert found.steps[4].told == ("dropped the column brand: the same in all 5 rows",)
    assert found.steps[5].merged == 2
    assert (found.rows_in, found.rows_out, found.withheld, found.merged) == (5, 3, 0, 2)


def test_a_diff_builds_nothing_and_knows_rules_that_were_never_built(works: Works) -> None:
    works.gather(ROWS)
    works.build(col.phone >> e164(default="DE"), key="id")
    snapshot, staged = works.lake.snapshot(), works.staged()
    works.declare(col.phone >> e164(default="US"), key="id")
    found = diff(works.assets[works.name], works.context())
    assert found.steps[0].columns[0].declined == 4
    assert (works.lake.snapshot(), works.staged()) == (snapshot, staged)


def test_counts_are_exact_and_examples_the_same_however_rows_are_batched(works: Works) -> None:
    (works.folder / "words.csv").write_text("shorthand,expansion\npls,please\n", encoding="utf-8")
    rows = [{"id": number, "note": f"pls {number % 3000}"} for number in range(9000)]
    works.gather(rows)
    one = seen(works, col.note >> expand("words.csv"), key="id").steps[0].columns[0]
    works.gather(list(reversed(rows)))
    assert diff(works.assets[works.name], works.context()).steps[0].columns[0] == one
    assert one.changed == 9000
    assert {example.times for example in one.examples} == {3}


def test_only_a_cleaned_table_has_steps(works: Works) -> None:
    works.gather(ROWS)
    works.build(key="id")
    with pytest.raises(ConfigError, match="not made by cleaning"):
        diff(works.assets[works.raw], works.context())


def test_examples_of_what_a_step_masks_are_masked_and_its_counts_are_true(works: Works) -> None:
    works.gather(ROWS)
    (phone,) = seen(works, col.phone >> mask(keep=2), key="id").steps[0].columns
    assert phone.changed == 5
    assert {example.before for example in phone.examples} == {"*2", "********20", "*********20"}


def test_before_and_after_never_look_the_same(works: Works) -> None:
    works.gather(
        [
            {"id": 1, "note": "Ann  Lee\u00a0", "card": "4111 1111 1111 1111"},
            {"id": 2, "note": f"{'x' * 80}  end", "card": None},
            {"id": 3, "note": "cafe\u0301", "card": None},
        ]
    )
    found = seen(works, col.note >> plain_text(), col.card >> mask(keep=4), key="id")
    lines = found.to_text().splitlines()
    assert "        'Ann  Lee\\xa0' -> Ann Lee" in lines
    assert f"        …'{'x' * 19}  end' -> …{'x' * 19} end" in lines
    assert "        'cafe\\u0301' -> 'caf\\xe9'" in lines
    assert "        (not shown) -> ***************1111" in lines


def test_a_reason_is_told_whole_and_as_a_reason(works: Works) -> None:
    works.gather([{"id": 1, "ip": "193.99.144.80, 10.0.0.1"}])
    found = seen(works, col.ip >> ip_country(into="country"), key="id")
    text = " ".join(found.to_text().split())
    assert "-> declined: a list of addresses, and forwarded does not say which one is meant" in text
    assert max(map(len, found.to_text().splitlines())) <= 100
