from __future__ import annotations

from typing import Any

import pytest

from pumphouse.cleaning import clean, col, drop, e164, fill, outliers, repair
from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.learning import Feature, Model
from pumphouse.declare.tables import Sql
from pumphouse.errors import BuildError, Place
from pumphouse.features.fitted import filled_reads, refuse_filled


def asset(name: str, kind: Any, spec: Any, *inputs: str) -> Asset:
    return Asset(name=name, kind=kind, spec=spec, common=Common(), place=Place(file=f"{name}.sql"), inputs=inputs)


def project(feature: str, *inputs: str, steps: tuple[Any, ...] = (), **others: Asset) -> dict[str, Asset]:
    steps = steps or (col.income >> fill("median", by="job"), col.age >> fill(value=0))
    cleaned = clean("raw", *steps)
    return {
        "raw": asset("raw", "files", None),
        "people": asset("people", "clean", cleaned.spec, "raw"),
        **others,
        "f": asset("f", "feature", Feature(text=feature, entity=("id",)), *inputs),
        "m": asset("m", "model", Model(label="y", features=("f",)), "f"),
    }


def sql(name: str, text: str, *inputs: str) -> Asset:
    return asset(name, "sql", Sql(text=text), *inputs)


def reads(assets: dict[str, Asset]) -> list[str]:
    return [
        f"{one.table}.{one.column}{' lost in ' if one.lost else ''}{one.lost}"
        for those in filled_reads(assets["m"], assets).values()
        for one in those
    ]


def over(table: str, what: str, *, where: str = "") -> str:
    return f"SELECT m.id, m.as_of, {what} AS x FROM moments m LEFT JOIN {table} t ON t.id = m.id {where} GROUP BY ALL"


def test_a_feature_that_reads_a_column_filled_by_a_fit_is_refused_with_the_way_out() -> None:
    assets = project(over("people", "avg(t.income)"), "people")
    with pytest.raises(BuildError) as caught:
        refuse_filled(assets["m"], assets)
    assert caught.value.what == (
        "feature 'f' of model 'm' reads column 'income' of 'people', whose gaps fill(\"median\", by=['job']) filled "
        "with what it learnt from rows outside of the model's training rows"
    )
    assert "Read the column from 'raw'" in str(caught.value.mend)
    assert "make_pipeline(SimpleImputer(), ...)" in str(caught.value.mend)
    assert (caught.value.asset, caught.value.place) == ("m", Place(file="f.sql"))


@pytest.mark.parametrize("what", ["avg(t.age)", "count(*)", "bool_or(t.income__filled)", "max(t.job)"])
def test_a_feature_that_reads_none_is_not_refused(what: str) -> None:
    assets = project(over("people", what), "people")
    refuse_filled(assets["m"], assets)
    assert reads(assets) == []


@pytest.mark.parametrize(
    "text",
    [
        over("people", "count(*)", where="AND t.income > 10"),
        over("people", "count(*) FILTER (t.income > 10)"),
        "SELECT m.id, m.as_of, t.income FROM moments m ASOF LEFT JOIN people t ON t.id = m.id AND t.at <= m.as_of",
    ],
)
def test_a_condition_reads_too(text: str) -> None:
    assert reads(project(text, "people")) == ["people.income"]


def test_the_column_is_followed_through_other_tables() -> None:
    rich = sql("rich", "SELECT id, income AS pay, job FROM people", "people")
    star = sql("star", "SELECT * FROM rich", "rich")
    assert reads(project(over("star", "max(t.pay)"), "star", rich=rich, star=star)) == ["people.income"]
    assert reads(project(over("star", "max(t.job)"), "star", rich=rich, star=star)) == []
    some = sql("some", "SELECT id, job FROM people WHERE income > 1000", "people")
    assert reads(project(over("some", "max(t.job)"), "some", some=some)) == ["people.income"]


def test_the_column_is_followed_through_other_cleanings() -> None:
    again = asset("again", "clean", clean("people", col.phone >> e164(region=col.income)).spec, "people")
    assert reads(project(over("again", "max(t.phone)"), "again", again=again)) == ["people.income"]
    assert reads(project(over("again", "max(t.income)"), "again", again=again)) == ["people.income"]
    assert reads(project(over("again", "max(t.job)"), "again", again=again)) == []


@pytest.mark.parametrize(
    ("step", "read", "expected"),
    [
        (col.x >> fill("mode"), "x", ["people.x"]),
        (col.x >> fill("model", using="y"), "x", ["people.x"]),
        (col.x >> fill("model", using="y"), "y", []),
        (col.x >> fill("forward", by="id", over="at"), "x", []),
        (col.x >> fill(value=1), "x", []),
        (repair("y", decides="x"), "x", ["people.x"]),
        (repair("y", decides="x"), "y", []),
        (col.x >> outliers(), "x", []),
        (drop(constant=True), "x", []),
        (col.x >> fill("mode") >> fill(value=1), "X", ["people.x"]),
    ],
)
def test_only_what_learns_from_other_rows_is_meant(step: Any, read: str, expected: list[str]) -> None:
    assert reads(project(over("people", f"max(t.{read})"), "people", steps=(step,))) == expected


def test_a_repair_by_a_filled_column_carries_it_on() -> None:
    steps = (col.zip >> fill("mode"), repair("zip", decides="city"))
    assert reads(project(over("people", "max(t.city)"), "people", steps=steps)) == ["people.city", "people.zip"]
    assert reads(project(over("people", "max(t.name)"), "people", steps=steps)) == []


def test_where_it_can_not_be_told_it_is_refused_as_that() -> None:
    function = asset("segments", "table", None, "people")
    assets = project(over("segments", "max(t.segment)"), "segments", segments=function)
    assert reads(assets) == ["people.income lost in segments"]
    with pytest.raises(BuildError, match="it can't be told whether feature 'f' of model 'm' reads column 'income'"):
        refuse_filled(assets["m"], assets)
    pivoted = sql("wide", "SELECT * FROM people PIVOT (max(income) FOR job IN ('x'))", "people")
    assert reads(project(over("wide", "max(t.x)"), "wide", wide=pivoted)) == ["people.income lost in wide"]
