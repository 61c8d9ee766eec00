from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pumphouse.cleaning import dedupe
from pumphouse.cleaning.table_steps import linking
from pumphouse.cleaning.table_steps.blocking import PAIRS_ALWAYS, RULES_MAX, rules
from pumphouse.errors import BuildError, MissingExtra
from pumphouse.lake.builds import Counts

if TYPE_CHECKING:
    from conftest import Works

LIKE = {
    "given": "name", "family": "text", "born": "date", "town": "address", "phone": "code", "sex": "exact",
    "income": "number",
}  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def people(*, persons: int = 240, again: int = 80) -> list[dict[str, Any]]:
    """Persons with ids from 0; some are there again with an error or a gap in two columns, with ids from 1000."""
    chance = random.Random(11)
    stems = ["".join(chance.choice(LETTERS) for _ in range(7)) for _ in range(60)]
    rows: list[dict[str, Any]] = [
        {
            "id": number,
            "given": chance.choice(stems),
            "family": chance.choice(stems),
            "born": f"19{chance.randint(40, 99)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
            "town": f"{chance.randint(1, 99)} {chance.choice(stems[:20])} road",
            "phone": f"+4930{chance.randint(100000, 999999)}",
            "sex": chance.choice(["f", "m"]),
            "income": chance.randint(20, 900) * 100,
        }
        for number in range(persons)
    ]
    for number in range(again):
        row = {**rows[number], "id": 1000 + number}
        for column in chance.sample(["given", "family", "born", "town", "phone"], 2):
            place = chance.randrange(3, 6)
            written = row[column]
            row[column] = None if chance.random() < 0.3 else f"{written[:place]}{place}{written[place + 1 :]}"
        rows.append(row)
    return rows


PEOPLE = people()
TRUTH = {(str(1000 + number), str(number)) for number in range(80)}


def went(works: Works) -> set[tuple[str, str]]:
    return {(row["row_id"], row["survivor_id"]) for row in works.table("__crosswalk")}


def test_rows_that_are_alike_are_merged_by_what_was_learnt_of_the_table(
    works: Works, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    works.gather(PEOPLE)
    built = works.build(dedupe(like=LIKE, keep="first"), key="id")
    assert went(works) == TRUTH
    assert built.counts == Counts(rows_in=320, rows_out=240, merged=80)
    assert [row["id"] for row in works.table(order="id")] == list(range(240))
    assert {row["rule"] for row in works.table("__crosswalk")} == {f"alike in {', '.join(LIKE)}"}
    assert all(0.95 <= row["probability"] <= 1 for row in works.table("__crosswalk"))
    assert capfd.readouterr() == ("", "")  # Splink says nothing

    fit = works.table("__fit")
    assert f'"splink": "{sys.modules["splink"].__version__}"' in fit[0]["value"]

    # The same rows in another order: the same model to the bit, and the same rows merged.
    works.gather(random.Random(3).sample(PEOPLE, len(PEOPLE)))
    works.build(dedupe(like=LIKE, keep="first", by="id"), key="id", settings={"refit": True})
    assert works.table("__fit") == fit
    assert went(works) == TRUTH

    # Of other rows nothing is learnt until somebody asks. A threshold is not learnt.
    works.gather(PEOPLE[80:] + PEOPLE[:10])
    works.build(dedupe(like=LIKE, threshold=1.0, review=0.9, keep="first", by="id"), key="id")
    assert works.table("__fit") == fit
    assert went(works) == set()
    pairs = works.table("__pairs")
    twice = {frozenset((str(1000 + one), str(one))) for one in range(10)}
    assert {frozenset((row["row_id"], row["other_id"])) for row in pairs} == twice
    assert {row["reason"] for row in pairs} == {"less likely than 1.0"}
    said = {name for row in pairs for told in ("same", "close", "different") for name in (row[told] or "").split(", ")}
    assert said - {""} == set(LIKE)

    # More rows than can be one are proposed, however likely each pair is.
    monkeypatch.setattr(linking, "CLUSTER_ROWS_MAX", 1)
    works.build(dedupe(like=LIKE, keep="first", by="id"), key="id")
    assert went(works) == set()
    told = {(frozenset((row["row_id"], row["other_id"])), row["reason"]) for row in works.table("__pairs")}
    assert told == {(pair, "one of a chain of 2 rows: too many to be one") for pair in twice}


@pytest.mark.parametrize("rows", [[], PEOPLE[:1], [dict.fromkeys(PEOPLE[0]) | {"id": n} for n in range(60)]])
def test_where_too_little_is_there_to_learn_of_nothing_is_merged_and_it_is_said(
    works: Works, rows: list[dict[str, Any]]
) -> None:
    import pyarrow as pa

    works.gather(rows, schema=pa.Table.from_pylist(PEOPLE[:1]).schema)
    built = works.build(dedupe(like=LIKE), key="id")
    assert built.counts == Counts(rows_in=len(rows), rows_out=len(rows))
    assert built.note.startswith(
        "dedupe merged nothing by likeness, for it could not learn it: there are fewer than 50"
    )
    assert works.table("__crosswalk") == works.table("__pairs") == []
    assert not works.lake.has(f"{works.name}__fit")


def test_it_needs_a_key_that_names_one_row(works: Works) -> None:
    works.gather([*PEOPLE[:3], PEOPLE[0], {**PEOPLE[5], "id": None}])
    with pytest.raises(BuildError, match=r"needs a key: .* Name it: clean\(\.\.\., key='customer_id'\)"):
        works.build(dedupe(like=LIKE))
    with pytest.raises(BuildError, match=r"1 rows have the id of another.*First merge those: dedupe\(on=\['id'\]\)"):
        works.build(dedupe(like=LIKE), key="id")
    assert works.build(dedupe(on="id"), dedupe(like=LIKE), key="id").counts.withheld == 1


def test_without_splink_it_says_what_to_install(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    works.gather(PEOPLE)
    with pytest.raises(MissingExtra, match=r"pip install 'pumphouse\[dedupe\]'"):
        works.build(dedupe(like=LIKE), key="id")


def test_rows_are_compared_that_share_what_few_share() -> None:
    counts = {("c0",): 5, ("c1",): 10**7, ("c2",): 10**8, ("c1", "c2"): 900}
    found = rules(["code", "exact", "exact"], rows=1000, pairs=lambda parts: counts[parts])
    assert [(rule.condition, rule.pairs) for rule in found] == [
        ("l.c0 = r.c0", 5),
        ("l.c1 = r.c1 AND l.c2 = r.c2", 900),
    ]
    assert found[1].columns == {"c1", "c2"}
    names = rules(["name", "name"], rows=1000, pairs=lambda parts: 7 if len(parts) == 2 else 0)
    assert [rule.condition for rule in names] == [
        "substr(l.c0, 1, 4) = substr(r.c0, 1, 4) AND substr(l.c1, 1, 4) = substr(r.c1, 1, 4)"
    ]
    assert rules(["exact", "exact"], rows=1000, pairs=lambda parts: 0) == []
    assert len(rules(["name"] * 12, rows=1000, pairs=len)) == RULES_MAX


def test_more_pairs_than_can_be_compared_are_refused() -> None:
    with pytest.raises(BuildError, match=f"at least {PAIRS_ALWAYS + 1:,} pairs of 10 rows.*dedupe\\(on="):
        rules(["exact", "exact"], rows=10, pairs=lambda parts: PAIRS_ALWAYS + 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"like": {"a": "nam", "b": "date"}}, "can't compare 'a' as 'nam'. Did you mean 'name'"),
        ({"like": {"a": "name"}}, "two columns or more"),
        ({"like": {"a": "name", "b": "date"}, "on": "a"}, "in which rows are equal"),
        ({"like": {"a": "name", "b": "date"}, "threshold": 0.4}, "not 0.5 and 0.4"),
        ({}, "in which rows are equal"),
    ],
)
def test_what_can_not_be_meant_is_refused_where_it_is_declared(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dedupe(**options)
