from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import Works, json_reply

from pumphouse.declare.contracts import contract
from pumphouse.declare.files import files
from pumphouse.declare.services import Cursor
from pumphouse.declare.sources import source
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection

ANSWERS = ("take", "quarantine", "stop")


def gathers(works, *fetches, key=None, cursor="id", **answers):
    """A source that gives these fetches one after the other, with its contract."""
    waiting = list(fetches)

    @source(key=key, cursor=cursor)
    def raw(since: Cursor):
        yield waiting.pop(0)

    works.asset(contract("raw", **answers), "raw_contract")
    return works.asset(raw, services={"since": "Cursor"})


def test_what_comes_first_is_learned_and_a_new_column_is_taken_set_aside_or_stops(works):
    first, drifted = [{"id": 1, "a": "x"}], [{"id": 2, "a": "y", "b": 7}, {"id": 3, "a": "z", "b": None}]
    made = gathers(works, first, drifted, new="quarantine")
    works.run(made)
    built = works.run(made)
    assert works.rows("raw") == [(1, "x"), (2, "y"), (3, "z")]
    assert works.quarantine() == [("b", "7", "is of a column that 'raw_contract' does not have")]
    assert built.warnings == ("new and in quarantine by 'raw_contract': 'b'",)
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.quarantined) == (2, 2, 1)


def test_a_new_column_that_stops_the_run_shows_where_it_came_from_and_commits_nothing(works):
    made = gathers(works, [{"id": 1}], [{"id": 2, "b": n} for n in range(9)], new="stop")
    snapshot = works.run(made).snapshot
    with pytest.raises(SourceError) as stopped:
        works.run(made)
    assert stopped.value.what.count("b = ") == 5
    assert "new column 'b'" in stopped.value.what
    assert "b = 0: row 1 of rows 1 (raw " in stopped.value.what
    assert "--accept-schema" in stopped.value.mend
    assert works.lake.snapshot() == snapshot


def test_accepted_columns_are_the_ones_that_are_frozen_from_then_on(works):
    made = gathers(works, [{"id": 1}], [{"id": 2, "b": 1}], [{"id": 3, "b": 1}], [{"id": 4, "c": 1}], new="stop")
    works.run(made)
    works.run(made, accept_schema=True)
    works.run(made)
    assert works.rows("raw") == [(1, None), (2, 1), (3, 1)]
    with pytest.raises(SourceError, match="new column 'c'"):
        works.run(made)


def test_rows_of_a_visit_that_misses_a_column_are_withheld_whole_and_come_out_the_same_from_their_bytes(works):
    fetches = [[{"id": 1, "a": 1}], [{"id": 2}, {"id": 3}], [{"id": 4, "a": 1}, {"id": 5}]]
    made = gathers(works, *fetches, missing="quarantine")
    works.run(made)
    built = works.run(made)
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.withheld) == (2, 0, 2)
    works.run(made)
    expected = [(1, 1), (4, 1), (5, None)]
    assert works.rows("raw") == expected
    held_back = works.quarantine()
    assert held_back == [("*", '{"id":2}', "'a' did not come"), ("*", '{"id":3}', "'a' did not come")]
    works.run(made, mode="full")
    assert works.rows("raw") == expected
    assert works.quarantine() == held_back


def test_a_file_that_lacks_a_column_of_the_others_is_told_apart_from_them(works):
    works.write("day/1.csv", "id,a\n1,x\n")
    works.write("day/2.csv", "id\n2\n")
    works.asset(contract("raw", missing="quarantine"), "raw_contract")
    made = works.asset(files("day/*.csv"))
    works.run(made)
    assert works.rows("raw") == [(1, "x")]
    assert works.quarantine() == [("*", '{"id":"2"}', "'a' did not come")]


def test_a_missing_column_stops_by_default_and_may_be_declared_optional(works):
    made = gathers(works, [{"id": 1, "amount": 1}], [{"id": 2, "amout": 1}])
    works.run(made)
    with pytest.raises(SourceError, match=r"no column 'amount' among those that came: id, amout"):
        works.run(made)
    optional = gathers(works, [{"id": 2}], columns={"amount": {"optional": True}})
    works.run(optional)
    assert works.rows("raw") == [(1, 1), (2, None)]


def test_a_table_is_not_emptied_where_every_row_is_withheld(works):
    made = gathers(works, [{"id": 1, "a": 1}], [{"id": 2}], cursor=None, missing="quarantine")
    works.run(made)
    with pytest.raises(SourceError, match="gave no row that may go in"):
        works.run(made)
    assert works.rows("raw") == [(1, 1)]


def test_a_type_that_changed_is_set_aside_cell_by_cell(works):
    made = gathers(works, [{"id": 1, "n": 1}], [{"id": 2, "n": "many"}, {"id": 3, "n": "4"}])
    works.run(made)
    built = works.run(made)
    assert works.rows("raw") == [(1, 1), (2, None), (3, 4)]
    assert works.quarantine() == [("n", "many", "is not a whole number of 64 bits")]
    assert built.counts.quarantined == 1


def test_a_type_that_is_taken_widens_the_column_over_all_that_ever_came(works):
    made = gathers(works, [{"id": 1, "n": 1}], [{"id": 2, "n": "many"}], [{"id": 3, "n": 7}], type="take")
    works.run(made)
    works.run(made)
    assert works.types()["n"] == "VARCHAR"
    works.run(made)
    expected = [(1, "1"), (2, "many"), (3, "7")]
    assert works.rows("raw") == expected
    works.run(made, mode="full")
    assert works.rows("raw") == expected


def test_a_type_that_stops_names_the_file_and_the_row(works):
    works.write("1.csv", "id,n\n1,5\n2,six\n")
    works.asset(contract("raw", type="stop", columns={"n": "BIGINT"}), "raw_contract")
    with pytest.raises(SourceError, match=r"1 of 'n' is not a whole number.*\n  n = 'six': row 2 of 1.csv"):
        works.run(works.asset(files("*.csv")))
    assert works.lake.tables() == ()


@pytest.mark.parametrize(
    ("terms", "fine", "outside"),
    [
        ({"min": 0, "max": 10}, [0, 10, None], [-1, 11]),
        ({"min": 0.5, "max": 2.5, "type": "BIGINT"}, [1, 2], [0, 3]),
        ({"max": 1e3, "type": "DOUBLE"}, [1.5], [float("nan"), 1000.5]),
        ({"min": "2020-01-01", "type": "DATE"}, ["2020-01-01"], ["2019-12-31"]),
        ({"one_of": ["open", "paid"]}, ["open", None], ["opened", ""]),
        ({"one_of": [1, 2]}, [1, 2], [3]),
        ({"matches": "^[A-Z]{2}$"}, ["AB"], ["abc"]),
        ({"matches": "^[0-9]{5}$"}, [12345], [1234]),
    ],
)
def test_what_is_outside_goes_to_quarantine_and_its_row_stays(works, terms, fine, outside):
    rows = [{"id": number, "v": value} for number, value in enumerate([*fine, *outside])]
    made = gathers(works, rows, columns={"v": terms})
    counts = works.run(made).counts
    assert (counts.rows_in, counts.rows_out, counts.quarantined) == (len(rows), len(rows), len(outside))
    lost = [row[0] for row in works.rows("raw", "id") if row[0] >= len(fine)]
    assert len(works.rows("raw", "id, v", order="id")) == len(rows)
    assert [row[1] for row in works.rows("raw", "id, v", order="id")][len(fine) :] == [None] * len(lost)


def test_a_key_that_is_outside_withholds_its_row_and_one_that_is_taken_is_told(works):
    made = gathers(works, [{"id": -1, "v": 1}, {"id": 5, "v": 1}], key="id", columns={"id": {"min": 0}})
    counts = works.run(made).counts
    assert (counts.rows_in, counts.rows_out, counts.withheld) == (2, 1, 1)
    assert works.quarantine() == [("*", '{"id":-1,"v":1}', "'id' is not 0 or more")]
    taken = gathers(works, [{"id": 9, "v": 99}], columns={"v": {"max": 9}}, outside="take")
    assert works.run(taken).warnings == ("taken, and not as 'raw_contract' has it: 1 of 'v'",)
    stopped = gathers(works, [{"id": 10, "v": 99}], columns={"v": {"max": 9}}, outside="stop")
    with pytest.raises(SourceError, match="1 of 'v' is not as promised: 9 at most\n  v = 99: row 1"):
        works.run(stopped)


def test_a_contract_that_contradicts_its_column_says_so(works):
    made = gathers(works, [{"id": 1, "v": "x"}], columns={"v": {"min": 0}})
    with pytest.raises(ConfigError, match="says min=0 of 'v', which holds text"):
        works.run(made)


def test_a_contract_holds_for_answers_of_an_api_and_for_arrow(works, world):
    works.connections["shop_api"] = Connection(name="shop_api", url=world.url)
    world.replies["/orders"] = [json_reply({"data": [{"id": 1, "status": "open"}, {"id": 2, "status": "lost"}]})]
    works.asset(contract("raw", columns={"status": {"one_of": ["open"]}}), "raw_contract")

    @source(connection="shop_api")
    def raw(http):
        yield from http.pages("/orders")

    works.run(works.asset(raw, services={"http": "Http"}))
    assert works.rows("raw") == [(1, "open"), (2, None)]

    @source()
    def raw():
        yield pa.table({"id": [1], "status": ["gone"]})

    works.run(works.asset(raw))
    assert works.quarantine() == [("status", "gone", "is not one of open")]


def test_the_guides_contract_holds(works):
    guide = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "contracts.md").read_text(encoding="utf-8")
    declared: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0], declared)
    works.write("orders/1.csv", "order_id,amount_usd,status,sku,note\n1,5,paid,ABC-1,x\n2,-5,lost,abc,\n")
    works.asset(declared["orders_contract"], "orders_contract")
    works.run(works.asset(declared["raw_orders"], "raw_orders"))
    assert works.rows("raw_orders") == [(1, 5.0, "paid", "ABC-1", "x", None), (2, None, None, None, None, None)]
    assert [row[:2] for row in works.quarantine("raw_orders")] == [
        ("amount_usd", "-5"),
        ("sku", "abc"),
        ("status", "lost"),
    ]


CELL = st.none() | st.integers(-3, 3) | st.sampled_from(["x", "2", 0.5])
DRIFTS = ("new", "missing", "type", "outside")
ROW = st.fixed_dictionaries({"a": CELL}, optional={"b": st.integers(0, 3), "c": CELL})
FETCHES = st.lists(st.lists(ROW, min_size=1, max_size=4), min_size=2, max_size=3)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(fetches=FETCHES, answers=st.fixed_dictionaries(dict.fromkeys(DRIFTS, st.sampled_from(ANSWERS))))
def test_no_drift_loses_a_value_whatever_is_answered_and_all_of_it_is_told_again_from_the_bytes(fetches, answers):
    number = count(1)
    fetches = [[{"id": next(number), **row} for row in rows] for rows in fetches]
    with tempfile.TemporaryDirectory() as folder:
        works = Works(Path(folder))
        made = gathers(works, *fetches, columns={"b": {"max": 2}}, **answers)
        came = []
        for rows in fetches:
            try:
                counts = works.run(made).counts
            except SourceError:
                assert "stop" in answers.values()
                break
            assert counts.rows_in == counts.rows_out + counts.withheld + counts.dropped + counts.merged
            came += rows
        if came:
            expected = Counter((row["id"], told(value)) for row in came for value in row.values() if value is not None)
            assert values_in(works) == expected
            before = (works.rows("raw"), works.quarantine())
            works.run(made, mode="full")
            assert (works.rows("raw"), works.quarantine()) == before
        works.lake.close()


def values_in(works) -> Counter:
    """Each value with its row's id, of the table and of its quarantine."""
    columns = works.lake.scan("raw").columns
    rows = [dict(zip(columns, row, strict=True)) for row in works.rows("raw")]
    found = Counter((row["id"], told(value)) for row in rows for value in row.values() if value is not None)
    by_raw: dict[str, list[int]] = {}
    for raw, identity in works.rows("raw", "_raw, id", order="id"):
        by_raw.setdefault(raw[:12], []).append(identity)
    firsts = {}
    for row_id, column, original in works.rows("raw__quarantine", 'row_id, "column", original'):
        if column == "*":
            row = json.loads(original)
            found.update((row["id"], told(value)) for value in row.values())
        else:
            firsts.setdefault(row_id, []).append(original)
    for row_id, originals in firsts.items():
        raw, at = row_id.split(":")
        ids = works.rows("raw", "min(id)") if raw not in by_raw else by_raw[raw]
        found.update((identity_of(ids, int(at)), told(original)) for original in originals)
    return found


def identity_of(ids: list[int], at: int) -> int:
    """The id of a visit's row by its number in it: ids count on, and all rows of a visit are withheld or none."""
    return ids[0] + at - 1


def told(value: object) -> str:
    try:
        return str(float(str(value)))
    except ValueError:
        return str(value)


def test_a_column_that_one_of_many_small_files_lacks_is_missing(works):
    works.write("orders/a.csv", "id,amount_usd\n1,5\n")
    works.write("orders/z.csv", "id,amount\n2,6\n")
    made = works.asset(files("orders/*.csv"))
    works.asset(contract("raw", columns={"amount_usd": {"type": "BIGINT"}}), "promised")
    with pytest.raises(SourceError, match="no column 'amount' among those that came: id, amount_usd"):
        works.run(made)
