from __future__ import annotations

import datetime as dt
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import BuildError
from pumphouse.reports.build import PAGE, build

ORDERS = pa.table(
    {
        "order_id": range(1, 7),
        "customer": ["Ann", "Bo", "<script>alert(1)</script>", "=1+1", None, "Ann"],
        "amount_usd": [1234.5, 20.25, 7.0, None, 3.5, 1.0],
        "paid_on": [dt.date(1997, 1, 6 + day) for day in range(6)],
    }
)
TEXT = """
In all **{{ headline.amount_usd }}** dollars from {{ headline.orders }} orders.

```sql headline
SELECT count(*) AS orders, sum(amount_usd) AS amount_usd FROM orders
```

```sql by_day
SELECT paid_on, sum(amount_usd) AS amount_usd FROM orders GROUP BY ALL ORDER BY ALL
```

```chart daily
data = "by_day"
mark = "bar"
x = "paid_on"
y = "amount_usd"
```

```sql latest
SELECT order_id, customer, amount_usd, paid_on FROM orders ORDER BY order_id DESC
```
"""


class Asked(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "iframe", "img", "object", "embed"):
            self.found.append(tag)
        self.found += [f"{name}={value}" for name, value in attrs if name in ("src", "srcset", "onclick", "onerror")]


def made(desk: Any, name: str = PAGE) -> str:
    newest = [artefact for artefact in desk.lake.artefacts("weekly") if artefact.name == name][-1]
    return str(desk.lake.blobs.get(newest.sha).decode())


def test_a_report_becomes_a_page_and_one_csv_for_each_block(desk: Any) -> None:
    read = desk.table("orders", ORDERS, doc="Paid orders. One row per order; USD.")
    built = build(desk.report(TEXT, "orders"), desk.context())
    assert built.snapshot == read + 1
    assert built.counts.rows_out == 1 + 6 + 6
    artefacts = desk.lake.artefacts("weekly")
    assert [artefact.name for artefact in artefacts] == [PAGE, "headline.csv", "by_day.csv", "latest.csv"]
    assert {artefact.snapshot for artefact in artefacts} == {read}
    html = made(desk)
    assert '<span class="value number">1,266.25</span>' in html
    assert "Paid orders. One row per order; USD." in html
    assert f"as it was at snapshot {read}" in html
    assert f"pumphouse run weekly --only --snapshot {read}" in html
    assert "made 23 Nov 2026, 07:05 Europe/Berlin" in html
    assert html.count("<svg") == 2
    assert ">6 Jan 1997<" in html


def test_a_page_asks_nobody_for_anything_and_runs_nothing_of_strangers(desk: Any) -> None:
    desk.table("orders", ORDERS)
    build(desk.report(TEXT, "orders"), desk.context())
    html = made(desk)
    page = Asked()
    page.feed(html)
    assert page.found == []
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_a_csv_holds_all_rows_and_no_formula(desk: Any) -> None:
    desk.table("orders", ORDERS)
    build(desk.report(TEXT, "orders"), desk.context())
    lines = made(desk, "latest.csv").splitlines()
    assert lines[0] == '"order_id","customer","amount_usd","paid_on"'
    assert lines[1:4] == ['6,"Ann",1,1997-01-11', "5,,3.5,1997-01-10", '4,"\'=1+1",,1997-01-09']
    assert len(lines) == 7


def test_the_same_snapshot_and_code_give_the_same_bytes_whenever_it_is_made(desk: Any) -> None:
    read = desk.table("orders", ORDERS)
    report = desk.report(TEXT, "orders")
    build(report, desk.context())
    first = made(desk)
    desk.table("orders", ORDERS.slice(0, 2))
    later = desk.context(snapshot=read, now=dt.datetime(2027, 1, 1, tzinfo=dt.UTC), run="run-2")
    again = build(report, later)
    assert again.snapshot is None
    assert again.note == "the same page as before"
    other_lake_state = build(report, desk.context())
    assert other_lake_state.snapshot is not None
    assert made(desk) != first


def test_a_report_reads_its_snapshot_and_not_what_came_later(desk: Any) -> None:
    read = desk.table("orders", ORDERS)
    desk.table("orders", ORDERS.slice(0, 2))
    build(desk.report(TEXT, "orders"), desk.context(snapshot=read))
    assert len(made(desk, "latest.csv").splitlines()) == 7


def test_a_block_reads_those_above_it(desk: Any) -> None:
    desk.table("orders", ORDERS)
    text = (
        "```sql days\nSELECT paid_on, $floor + amount_usd AS usd FROM orders;\n```\n"
        "```sql best\nSELECT max(usd) AS usd FROM days\n```\nBest: {{ best.usd }}"
    )
    build(desk.report(text, "orders"), desk.context(settings={"zone": "UTC", "floor": 1000}))
    assert ">2,234.50</span>" in made(desk)


def test_a_long_result_is_shown_in_part_and_kept_whole(desk: Any) -> None:
    desk.table("numbers", pa.table({"n": range(20_000), "note": ["x" * 20] * 20_000}))
    build(desk.report("```sql all_of_it\nSELECT * FROM numbers ORDER BY n\n```", "numbers"), desk.context())
    html = made(desk)
    assert "The first 50 of 20,000 rows." in html
    assert "kept as <code>all_of_it.csv</code>" in html
    assert html.count("<tr>") == 51
    assert len(made(desk, "all_of_it.csv").splitlines()) == 20_001


def test_a_result_without_rows_says_so(desk: Any) -> None:
    desk.table("orders", ORDERS)
    build(desk.report("```sql none\nSELECT * FROM orders WHERE false\n```", "orders"), desk.context())
    assert "No rows." in made(desk)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a\n\n```sql bad\n\nSELECT order_id\nFORM orders\n```", 6, "block 'bad': Parser Error: syntax error"),
        ("```sql bad\nSELECT nothing FROM orders\n```", 2, 'Referenced column "nothing" not found'),
        ("```sql bad\nSELECT 1;\nSELECT 2\n```", 2, "Parser Error"),
        ("```sql bad\nSELECT CAST(customer AS INT) FROM orders\n```", 2, "Could not convert string"),
        ("```sql bad\nSELECT $missing FROM orders\n```", 2, "setting '$missing' has no value"),
        ("```sql orders\nSELECT 1\n```", 1, "has the name of a table"),
        ("```sql a\nSELECT 1 AS n\n```\n\ntext\n{{ a.m }}", 6, "block 'a' has no column 'm'"),
        ("```sql a\nSELECT n FROM range(2) t(n)\n```\n{{ a.n }}", 4, "needs a block of one row; 'a' has 2"),
        ("```sql a\nSELECT 1 AS n\n```\n```chart c\ndata='a'\nmark='bar'\nx='n'\ny='m'\n```", 5, "draws 'm'"),
        (
            "```sql a\nSELECT n FROM range(5001) t(n)\n```\n```chart c\ndata='a'\nmark='bar'\nx='n'\ny='n'\n```",
            5,
            "would draw 5,001 rows",
        ),
    ],
)
def test_an_error_names_the_line_of_the_report(desk: Any, text: str, line: int, said: str) -> None:
    desk.table("orders", ORDERS)
    before = desk.lake.snapshot()
    with pytest.raises(BuildError, match=r"weekly\.md") as raised:
        build(desk.report(text, "orders"), desk.context())
    assert said in str(raised.value)
    assert raised.value.place is not None
    assert raised.value.place.line == line
    assert desk.lake.snapshot() == before
