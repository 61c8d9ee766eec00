from __future__ import annotations

import datetime as dt
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import BuildError
from pumphouse.reports.charts import Chart, draw, read
from pumphouse.reports.document import Block

SVG = "{http://www.w3.org/2000/svg}"
DAYS = [dt.date(1997, 1, 1) + dt.timedelta(days=30 * month) for month in range(6)]


def chart(text: str) -> Chart:
    block = Block(kind="chart", name="sales", text=text, line=10)
    return read(block, file="a.md", queries=("weekly",))


def drawn(rows: dict[str, Any], **said: Any) -> tuple[ET.Element, str]:
    drawing = draw(
        Chart(**{"name": "sales", "data": "weekly", "mark": "bar", "x": "x", "y": "y"} | said),
        pa.table(rows),
        zone="Europe/Berlin",
    )
    return ET.fromstring(drawing.wide), drawing.note


def words(svg: ET.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def marks(svg: ET.Element, kind: str) -> list[ET.Element]:
    return [path for group in svg.iter(f"{SVG}g") if f"mark-{kind}" in group.get("class", "") for path in group]


def test_a_block_says_what_is_drawn() -> None:
    assert chart("data = 'weekly'\nmark = 'bar'\nx = 'week'\ny = 'usd'\ntitle = 'Sales'") == Chart(
        name="sales", data="weekly", mark="bar", x="week", y="usd", title="Sales"
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("data = 'weekly'\nmark = bar", 11, "is not TOML"),
        ("data = 'weekly'\nmark = 'bar'", 10, "does not say x and y"),
        ("data = 'weekly'\nmark = 'bar'\nx = 'a'\ny = 'b'\ncolour = 'c'", 14, "Did you mean 'color'?"),
        ("data = 'weekly'\nmark = 'pie'\nx = 'a'\ny = 'b'", 11, "There are bar, line, area, point."),
        ("data = 'weakly'\nmark = 'bar'\nx = 'a'\ny = 'b'", 10, "Did you mean 'weekly'?"),
        ("data = 'weekly'\nmark = 'bar'\nx = 'a'\ny = 3", 13, "is text in quotes, not 3"),
    ],
)
def test_what_is_wrong_in_a_chart_names_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(BuildError) as raised:
        chart(text)
    assert said in str(raised.value)
    assert f"(a.md:{line})" in str(raised.value)


def test_a_column_that_the_block_does_not_have_is_named() -> None:
    with pytest.raises(BuildError, match=r"draws 'weak', which block 'weekly' does not have\. Did you mean 'week'\?"):
        draw(
            Chart(name="sales", data="weekly", mark="bar", x="weak", y="usd"),
            pa.table({"week": [1], "usd": [1]}),
            zone="UTC",
        )


@pytest.mark.parametrize("mark", ["bar", "line", "area", "point"])
def test_each_mark_draws_days_and_numbers_with_words_for_those_who_hear_it(mark: str) -> None:
    svg, note = drawn({"x": DAYS, "y": range(6)}, mark=mark, title="Sales & <returns>")
    title, about = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None
    assert about is not None
    assert title.text == "Sales & <returns>"
    assert about.text == f"{mark.capitalize()} chart of Y by X, 6 values."
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == f"{title.get('id')} {about.get('id')}"
    assert note == ""


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_a_day_is_drawn_as_that_day_wherever_the_machine_is(zone: str) -> None:
    program = (
        "import datetime as dt, pyarrow as pa\n"
        "from pumphouse.reports.charts import Chart, draw\n"
        "rows = pa.table({'x': [dt.date(2026, 1, 1), dt.date(2026, 1, 11)], 'y': [1, 2]})\n"
        "print(draw(Chart(name='a', data='a', mark='line', x='x', y='y'), rows, zone='UTC').wide)"
    )
    ran = subprocess.run([sys.executable, "-c", program], env={"TZ": zone}, capture_output=True, text=True, check=True)
    drawn_days = [word for word in words(ET.fromstring(ran.stdout)) if "2026" in word or "2025" in word]
    assert drawn_days[0] == "1 Jan 2026"
    assert drawn_days[-1] == "11 Jan 2026"


def test_moments_are_drawn_as_clocks_of_the_zone() -> None:
    at = [dt.datetime(2026, 1, 1, hour, tzinfo=dt.UTC) for hour in (11, 13)]
    svg, _ = drawn({"x": pa.array(at, pa.timestamp("us", tz="UTC")), "y": [1, 2]}, mark="line")
    assert words(svg)[0] == "1 Jan, 12:00"


def test_one_bar_for_each_row_as_wide_as_its_step() -> None:
    svg, _ = drawn({"x": [DAYS[0], DAYS[1], DAYS[3]], "y": [1, 2, 3]})
    assert len(marks(svg, "rect")) == 3
    single, _ = drawn({"x": [DAYS[0]], "y": [1]})
    assert len(marks(single, "rect")) == 1


def test_texts_of_strangers_are_text() -> None:
    svg, _ = drawn({"x": ["<script>x</script>", "b"], "y": [1, 2], "z": ["<b>", None]}, color="z")
    assert not list(svg.iter("script"))
    assert {"<script>x</script>", "<b>", "–"} <= set(words(svg))


def test_whole_numbers_have_whole_ticks() -> None:
    svg, _ = drawn({"x": ["a", "b"], "y": [1, 2]})
    assert {"0", "1", "2"} == {word for word in words(svg) if word[0].isdigit()}


def test_a_text_that_looks_like_an_id_stays_as_it_is() -> None:
    svg, _ = drawn({"x": ['id="a', "url(#b"], "y": [1, 2]})
    assert {'id="a', "url(#b"} <= set(words(svg))


def test_more_texts_or_series_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(BuildError, match="chart 'sales' has 61 different texts as x, and 60 can be told apart"):
        drawn({"x": [f"title {number}" for number in range(61)], "y": range(61)})
    with pytest.raises(BuildError, match="has 9 different texts as color, and 8 can be told apart"):
        drawn({"x": range(9), "y": range(9), "z": list("abcdefghi")}, color="z")


def test_rows_without_a_value_are_counted() -> None:
    svg, note = drawn({"x": ["a", None, "c", "d"], "y": [1.0, 2.0, None, float("nan")]})
    assert note == "3 rows without a value not drawn."
    assert len(marks(svg, "rect")) == 1


def test_no_rows_draw_empty_axes() -> None:
    svg, note = drawn({"x": pa.array([], pa.date32()), "y": pa.array([], pa.int64())})
    assert note == ""
    assert marks(svg, "rect") == []


def test_drawings_of_one_page_share_no_ids() -> None:
    rows = pa.table({"x": [1, 2], "y": [1, 2]})
    found: list[str] = []
    for name in ("a", "b"):
        drawing = draw(Chart(name=name, data="weekly", mark="area", x="x", y="y"), rows, zone="UTC")
        for svg in (drawing.wide, drawing.narrow):
            found += [element.get("id", "") for element in ET.fromstring(svg).iter() if element.get("id")]
    assert len(found) == len(set(found)) >= 8
