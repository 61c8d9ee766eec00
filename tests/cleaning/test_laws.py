"""What holds of every column step that the registry names. A new one is covered when it stands in EXAMPLES."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.functions import sql_functions
from pumphouse.cleaning.named import STEPS, make, options_of
from pumphouse.cleaning.step import ArrayFunction, Cleaned, Resources, Step, arrow_type, one
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.engines.parameters import literal
from pumphouse.engines.spark import Spark

FILES = {
    "shorthand.csv": "shorthand,expansion\npls,please\nu,you\n東京,Tokyo\nas far,so far\n",
    "runs.csv": "shorthand,expansion,inside\nu,thou,\n京都,Kyoto,yes\nas far as,until,\n",
    "cities.csv": "variant,value\nKoeln,Köln\nnew york,New York\n東京,東京都\nBern,Bern\n",
    "secrets.toml": 'PSEUDONYM_KEY = "a key that only tests know"\n',
}

EXAMPLES: dict[str, tuple[dict[str, Any], list[str]]] = {
    # options (a column that it reads by a value), and cells that it should meet
    "domain": ({}, ["https://www.x.co.uk/a", "max@mail.BÜCHER.de", "co.uk", "1.1", "[::1]:80", "x.github.io", "a.con"]),
    "e164": (
        {"default": "DE", "region": "US"},
        ["030 901820", "+1 212 555 0123 x4", "112", "1-800-FLOWERS", "4.155552671E9", "+1 (415) 555-2671 / 72"],
    ),
    "categories": (
        {"file": "cities.csv"},
        ["Koeln", " new\u00a0 york", "New York", "New York ", "NEW YORK", "東京", "Ko\u0308ln", "N/A", "Bern"],
    ),
    "country_code": ({}, ["NA", "na", "Deutschland", "U.S.", "Congo", "276", "🇩🇪", "İtalya", "中国", "no", "N/A"]),
    "email": (
        {},
        ["Max <max+a@X.de>", "mailto:max@BÜCHER.de", "max@gmail.con", "a@b@c.de", '"a b"@x.de', "a@[1.2.3.4]"],
    ),
    "expand": (
        {"dictionary": "shorthand.csv|runs.csv"},
        [
            "pls call u",
            "Pls.",
            "東京都",
            "İstanbul u.s.",
            "C++11 <br>u &amp; #u @u",
            "as  far as\nfar",
            "a東京都u",
        ],
    ),
    "expansions": ({"dictionary": "shorthand.csv"}, ["pls call u", "as far u", "東京都"]),
    "identifier": ({"kind": "iban"}, ["DE89 3704 0044 0532 0130 00", "DE88370400440532013000", "0123"]),
    "ip_address": (
        {"forwarded": "first"},
        ["2001:DB8::0:1", "[::1]:80", "fe80::1%eth0", "::ffff:8.8.8.8", "8.8.8.8, 1.1"],
    ),
    "ip_country": ({}, ["8.8.8.8", "10.0.0.1", "::1", "::ffff:8.8.8.8", "1.1", "008.008.008.008", "fe80::1%eth0"]),
    "ip_owner": ({"forwarded": "first public"}, ["8.8.8.8:53", "10.0.0.1, 8.8.8.8", "::1", "2606:4700::1111", "1.1"]),
    "mask": ({"keep": 3}, ["4111 1111 1111 1111", "***1111", "ab", " x ", "東京都"]),
    "mask_cards": ({}, ["4242 4242 4242 4242 4242 4242 4242", "**4111-1111-1111-1111**", "DE89370400440532013000"]),
    "mask_personal": (
        {"kind": "email|phone|ip|card|iban|id|secret|de.idnr"},
        [
            "max@x.de +4930901820 1.1.1.1 ::1",
            "4242 4242 4242 4242 4242 4242 4242",
            "36574261809 536-90-4399",
            "a@b.c@d.e",
        ],
    ),
    "mask_secrets": ({}, ["password=hunter2 pwd: 'a b c'", "https://u:p@ss@x.de", "token=eyJhbGciOi.eyJzdWIiOi.x"]),
    "coordinates": (
        {},
        [
            "52.52, 13.405",
            "52°31'12\"N 13°24'18\"E",
            "geo:52.52,13.405",
            "13.4E 52.5N",
            "0,0",
            "120,50",
            "1 2 3",
            "91,1",
        ],
    ),
    "quantity": (
        {"to": "kg"},
        ["5 lb", "2,5 kg", "1.234 kg", "5 lb 3 oz", "6'2\"", "1 ton", "5", "72°F", "2 ** 9 kg", "-1 g", "1e5 kg"],
    ),
    "money": (
        {"currency": "USD", "decimal": "."},
        ["-5 USD", "1.234,56", "free", "$1k", "(5)", "€ 5,-", "R$ 12", "5 kr", "1e5", "0.00001", "12%"],
    ),
    "number": (
        {},
        ["1.234,56", "1,234.56", "1.234", "(5)", "5-", "007", "-0", "1.5M", "12 %", "inf", "9007199254740993", "1e400"],
    ),
    "parse_timestamp": (
        {"zone": "Europe/Berlin"},
        [
            "2024-03-31 02:30",
            "2024-10-27 02:30",
            "2024-07-01T12:00:00Z",
            "03/04/1962 1:00 pm",
            "2024-13-01 10:00",
            "10",
        ],
    ),
    "parse_date": ({"format": "%d/%m/%Y|%Y-%m-%d"}, ["03/04/1962", "1962-04-03", "31/02/1962", "2024-13-01", "10"]),
    "person_name": (
        {},
        ["SMITH, JOHN", "Dr. Max O'BRIEN III", "van der Berg", "東京太郎", "Acme Inc.", "a, b"],
    ),
    "postal_address": (
        {"default": "US"},
        ["1 Main St Apt 4, Springfield Illinois 62701", "PO Box 1, Boston MA", "x"],
    ),
    "postcode": ({"country": "GB", "lost_zeros": True}, ["sw1a1aa", "SW1A-1AA", "BFPO 61", "501", "gir0aa", "1234AB"]),
    "pseudonym": ({"length": 20}, ["max@example.com", "MAX@example.com", "a" * 20, "4111111111111111"]),
    "json_path": (
        {"path": "$.a[0]"},
        [
            '{"a": [1.50]}',
            '{"a": [{"c": 1e400, "b": "\\ud800"}]}',
            '{"a": []}',
            '{"a": NaN}',
            '{"a":1,"a":2}',
            "[" * 5000,
            "1" * 5000,
        ],
    ),
    "language": (
        {},
        ["Wo ist bitte der nächste Bahnhof?", "ok", "12345", "できるだけ早くお電話ください。", "asdf qwer " * 9],
    ),
    "language_code": ({}, ["Deutsch", "ger", "en-GB", "na", "Bokmål", "zh_Hant", "日本語", "Norwegisch", "N/A"]),
    "null_if": ({}, ["N/A", "n/a", "NA", "None", "none", "-", " \ufeffnull ", "#N/A", "Null"]),
    "parse_boolean": ({"languages": "de|fr"}, ["Ja", "nein", "OUI", "1.0", "0", "yes", "j", "ｙｅｓ", "on"]),
    "plain_text": (
        {"html": True, "straight_quotes": True, "half_width": True},
        [
            "cafÃ©",
            "&amp;amp;lt;",
            "<3 a < b",
            "<p>a<br>b &amp; c</p><script>x()</script>",
            "&lt;b&gt;",
            "<<b>b>",
            "i\u0307",
            "Ｐｕｍｐ　１０：３０、ﾎﾟﾝﾌﾟ",
            "“quoted” it’s",
            "a\u00a0\u200b b\r\n\r\n\r\nc\u2028",
            "\u202eabc",
            "👩\u200d💻",
            "שלום\u200f, 1",
            "<<!---->script>",
            "&Atilde;&copy;",
            "&#x3c;i&#62;",
            "\x1b\x1b[1m[1m",
            "x<y>z",
        ],
    ),
    "user_agent": ({}, ["curl/8.1", "-", "Mozilla/5.0 (Windows NT 10.0)", "Googlebot/2.1", "x" * 2001]),
    "url": (
        {"scheme": "https"},
        [
            "HTTP://Example.com:80/%7ea/../b?q=%c3#ü",
            "javascript:alert(1)",
            "https://u:p@x.de",
            "x.de:8080",
            "http://1.1",
            "http://[::FFFF:8.8.8.8]/%2e%2E/%",
            "http://008.008.008.008",
            "http:x",
            "//x.de/%%341",
        ],
    ),
    "region_code": (
        {"country": "Germany", "default": "US"},
        ["Bavaria", "BY", "DE-BY", "US-CA", "Georgia", "N/A", "Ürümqi"],
    ),
}
CELLS = [
    "", " ", "\ufeff", "\u00a0", "x", "N/A", "-", "0", "-1", "1e400", "NaN", "a" * 300, "\x00", "🙈", "٣", "<b>", "%s",
    "' OR 1",
]  # fmt: skip


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    folder = tmp_path_factory.mktemp("project")
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    return Resources(folder=folder)


def columns_of(name: str) -> dict[str, str]:
    options = EXAMPLES[name][0]
    return {one.name: options[one.name] for one in options_of(name) if one.kind is Column and one.name in options}


def applied(step: Step, resources: Resources, cells: list[str | None], beside: dict[str, str]) -> Cleaned:
    return call(step.load(resources), step, cells, beside)


def call(function: ArrayFunction, step: Step, cells: list[str | None], beside: dict[str, str]) -> Cleaned:
    column = pa.array(cells, pa.string())
    return function(column, {name: pa.array([beside.get(name)] * len(cells), pa.string()) for name in step.reads})


def listed(cleaned: Cleaned) -> list[tuple[object, ...]]:
    arrays = (cleaned.values, cleaned.reasons, *cleaned.extra.values())
    return list(zip(*(array.to_pylist() for array in arrays), strict=True))


def test_every_step_has_an_example() -> None:
    assert set(EXAMPLES) == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_no_step_throws_and_none_depends_on_rows_around(name: str, resources: Resources, data: st.DataObject) -> None:
    options, cells = EXAMPLES[name]
    strange = st.one_of(st.sampled_from([*cells, *CELLS]), st.text(max_size=40), st.none())
    column = data.draw(st.lists(strange, max_size=12))
    step, beside = make(name, options), columns_of(name)
    together = applied(step, resources, column, beside)
    rows = listed(together)
    assert (together.values.type, together.reasons.type) == (arrow_type(step.gives), pa.string())
    assert list(together.extra) == list(step.extras)
    assert len(rows) == len(column)
    # One by one from the last to the first, and in any other order, each cell becomes the same.
    alone = step.load(resources)
    assert [listed(call(alone, step, [cell], beside))[0] for cell in reversed(column)] == rows[::-1]
    order = data.draw(st.permutations(range(len(column))))
    assert listed(applied(step, resources, [column[place] for place in order], beside)) == [rows[i] for i in order]
    # Each cell is clean, or null with a reason, or was a gap.
    for cell, (value, reason, *_) in zip(column, rows, strict=True):
        assert value is None or reason is None
        assert reason is None or (reason.strip() and cell is not None)
        assert cell is not None or value is None


@pytest.mark.parametrize("name", STEPS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_every_step_is_idempotent(name: str, resources: Resources, data: st.DataObject) -> None:
    options, cells = EXAMPLES[name]
    step, beside = make(name, options), columns_of(name)
    if step.target("cell") != "cell":
        pytest.skip("its values go to another column: the one it reads stays as it is")
    cell = data.draw(st.one_of(st.sampled_from([*cells, *CELLS]), st.text(max_size=40)))
    first = applied(step, resources, [cell], beside)
    others = {other: pa.array([beside.get(other)], pa.string()) for other in step.reads}
    again = step.load(resources)(first.values, others)
    assert again.values.to_pylist() == first.values.to_pylist()
    assert again.reasons.null_count == 1


@pytest.mark.parametrize("name", STEPS)
def test_three_ways_give_the_same(name: str, resources: Resources, engine: DuckDB) -> None:
    options, cells = EXAMPLES[name]
    step, beside = make(name, options), columns_of(name)
    column: list[str | None] = [*cells, *(cell for cell in CELLS if "\x00" not in cell), None]
    whole = applied(step, resources, column, beside)
    single = [one(step, cell, beside, resources=resources) for cell in column]
    assert [(cell.value, cell.reason) for cell in single] == [row[:2] for row in listed(whole)]
    given = ", ".join(
        literal(options[option.name]) if option.name in options else "NULL" for option in options_of(name)
    )
    call = f"(cell{', ' if given else ''}{given})"
    query = Query(
        text=f"SELECT {name}{call} AS value, {name}_cell{call} AS cell FROM cells",
        tables={"cells": pa.table({"cell": pa.array(column, pa.string())})},
        functions=sql_functions(resources.folder),
    )
    found = engine.read(query).read_all()
    assert found.column("value").to_pylist() == whole.values.to_pylist()
    extras = [cleaned.to_pylist() for cleaned in whole.extra.values()]
    expected = zip(whole.values.to_pylist(), *extras, whole.reasons.to_pylist(), strict=True)
    assert [tuple(cell.values()) for cell in found.column("cell").to_pylist()] == list(expected)


@pytest.mark.timeout(300)  # it holds every step
def test_spark_gives_what_duckdb_gives(resources: Resources, engine: DuckDB, spark: Spark) -> None:
    calls = []
    for name, (options, _) in EXAMPLES.items():
        given = ", ".join(["cell", *(literal(options.get(option.name)) for option in options_of(name))])
        calls += [f"{name}({given}) AS {name}", f"{name}_cell({given}) AS {name}_cell"]
    cells = sorted({cell for _, cells in EXAMPLES.values() for cell in [*cells, *CELLS] if "\x00" not in cell})
    query = Query(
        text=f"SELECT cell, {', '.join(calls)} FROM cells ORDER BY cell",
        tables={"cells": pa.table({"cell": pa.array([*cells, None], pa.string())})},
        functions=sql_functions(resources.folder),
    )
    here, there = (one.read(query).read_all() for one in (engine, spark))
    for column in here.column_names:
        assert there.column(column).to_pylist() == here.column(column).to_pylist(), column


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("kind", [pa.string(), pa.null()])
def test_columns_without_a_row_or_a_value_are_cleaned(name: str, kind: pa.DataType, resources: Resources) -> None:
    step = make(name, EXAMPLES[name][0])
    for length in (0, 1, 3):
        nothing = pa.nulls(length, kind)
        cleaned = step.load(resources)(nothing, {other: pa.nulls(length, pa.string()) for other in step.reads})
        assert cleaned.values.equals(pa.nulls(length, arrow_type(step.gives)))
        assert cleaned.reasons.null_count == length


@pytest.mark.parametrize("name", STEPS)
def test_a_loaded_step_pickles_for_workers(name: str, resources: Resources) -> None:
    options, cells = EXAMPLES[name]
    step = make(name, options)
    others = {other: pa.nulls(len(cells), pa.string()) for other in step.reads}
    function = step.load(resources)
    column = pa.array(cells, pa.string())
    assert listed(pickle.loads(pickle.dumps(function))(column, others)) == listed(function(column, others))


def test_a_cell_can_be_taken_apart_in_sql(resources: Resources, engine: DuckDB) -> None:
    query = Query(
        text="SELECT (e164_cell(phone, 'US')).extension AS extension, (e164_cell(phone)).reason AS reason FROM cells",
        tables={"cells": pa.table({"phone": ["(212) 555-0123 ext. 9"]})},
        functions=sql_functions(Path()),
    )
    assert engine.read(query).read_all().to_pylist() == [
        {"extension": "9", "reason": "no country code, and no region to read it by"}
    ]
