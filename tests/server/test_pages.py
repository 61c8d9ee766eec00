from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.server.conftest import TOKEN, make_shop, running

from pumphouse.declare.asset import Kind
from pumphouse.declare.external import External
from pumphouse.engines.duckdb import DuckDB
from pumphouse.lake.lake import Lake, Location
from pumphouse.server.files import CARRIED, OWN, WebFiles
from pumphouse.server.pages import STAGES

PAGE = {"Accept": "text/html"}


def page(served: Any, path: str) -> str:
    answer = served.owner.get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return str(answer.text)


def test_home_lists_every_asset_with_rows_and_freshness(served: Any) -> None:
    text = page(served, "/")
    for name in ("raw_orders", "orders", "exit_survey", "weekly", "tickets_search", "returns_live"):
        assert f'href="/assets/{name}"' in text
    assert "its SQL changed" in text
    assert "not built" in text
    assert ">40 <" in text


def test_every_kind_has_a_place_on_the_home_page_but_facts_about_others() -> None:
    facts = {"check", "contract", "bet", "grant"}
    assert sorted(kind for _, kinds in STAGES for kind in kinds) == sorted(set(get_args(Kind)) - facts)


def test_home_counts_what_is_read_from_the_lake_above(tmp_path: Path) -> None:
    prod = make_shop(tmp_path / "prod")
    version = prod.lake.version("tickets")
    prod.lake.close()
    engine = DuckDB(threads=1)
    above = Lake(prod.lake.location, engine=engine, alias="above", writable=False)
    lake = Lake(Location(folder=tmp_path / "dev"), engine=engine, upstream=above)
    dev = replace(prod, lake=lake)
    serving, thread = running(dev)
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {TOKEN}", **PAGE}, timeout=20) as owner:
        home = owner.get("/")
        assert home.status_code == 200, home.text
        assert ">40 <" in home.text
        assert ">2 <" in home.text
        while lake.snapshot() < version:  # its own, of another length, at what is by chance the same version
            dev.fill("tickets", pa.table({"ticket_id": range(3 + lake.snapshot())}))
        assert lake.version("tickets") == version
        assert f">{2 + version} <" in owner.get("/").text
    serving.stop()
    thread.join(20)
    lake.close()


def test_table_that_lies_elsewhere_is_on_the_pages_with_its_rows_as_they_are_now(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.declare("clicks", "external", spec=External(connection=None, pattern="far/*.parquet"), doc="Clicks there.")
    (shop.folder / "far").mkdir()
    pq.write_table(pa.table({"page": ["/a", "/b"], "seen": [1, 2]}), shop.folder / "far" / "a.parquet")
    serving, thread = running(shop)
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {TOKEN}", **PAGE}, timeout=20) as owner:
        assert 'href="/assets/clicks"' in owner.get("/").text
        there = owner.get("/assets/clicks").text
        assert "2, as they are there now" in there
        assert "/api/tables/clicks.csv" in there
        assert "bigint" in there
        assert "clicks" in owner.get("/catalog").text
        (shop.folder / "far" / "a.parquet").unlink()
        gone = owner.get("/assets/clicks")
        assert (gone.status_code, "can&#39;t be read there just now" in gone.text) == (200, True)
    serving.stop()
    thread.join(20)
    shop.lake.close()


def test_home_finds_assets_by_name_or_doc(served: Any) -> None:
    text = page(served, "/?find=customers+WROTE")
    assert 'href="/assets/tickets"' in text
    assert 'href="/assets/orders"' not in text
    assert "No asset is called" in page(served, "/?find=zzyzx-qqq")


def test_asset_page_tells_what_it_is_and_where_it_stands(served: Any) -> None:
    text = page(served, "/assets/orders")
    for said in (
        "Paid orders. One row per order; USD.",
        "order_id",
        "timestamp with time zone",
        'href="/assets/raw_orders"',
        'href="/assets/weekly"',
        "amount &gt;= 0",
        "the first 20",
        "SELECT order_id, customer, amount FROM raw_orders",
        "Who read it",
    ):
        assert said in text, said


def test_what_is_seen_on_a_page_is_recorded(served: Any) -> None:
    before = len(served.shop.lake.state.accesses(asset="orders"))
    page(served, "/assets/orders")
    (read,) = served.shop.lake.state.accesses(asset="orders")[before:]
    assert (read.door, read.rows, read.run) == ("page", 20, None)
    assert "page" in page(served, "/assets/orders")


@pytest.mark.parametrize(
    "path", ["/", "/assets/orders", "/assets/tickets", "/search/tickets_search?q=late", "/runs", "/catalog"]
)
def test_strangers_text_is_escaped(path: str, served: Any) -> None:
    assert "<script>alert" not in page(served, path)


def test_strangers_text_is_shown_as_it_is(served: Any) -> None:
    escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"
    assert page(served, "/assets/orders").count(escaped) == 3  # a doc, a cell, a reason
    assert escaped in page(served, "/search/tickets_search?q=late")
    assert escaped in page(served, "/runs")


def test_search_that_is_half_typed_says_so_on_its_page(served: Any) -> None:
    assert "never closed" in page(served, '/search/tickets_search?q="late')


def test_query_is_escaped_where_it_is_repeated(served: Any) -> None:
    text = page(served, '/search/tickets_search?q=""><script>1</script>')
    assert "<script>1" not in text
    assert "<script>1" not in page(served, '/?find="><script>1</script>')
    missing = served.owner.get("/assets/<script>1<%2Fscript>", headers=PAGE)
    assert missing.status_code == 404
    assert "<script>1" not in missing.text


def test_runs_show_what_became_of_each_asset(served: Any) -> None:
    text = page(served, "/runs")
    assert "run-1" not in text
    assert "2 built" in text
    assert 'href="/assets/orders"' in text


def test_what_keeps_old_snapshots_is_told_with_its_size(served: Any) -> None:
    assert 'href="/snapshots"' in page(served, "/runs")
    text = page(served, "/snapshots")
    (kept,) = served.shop.expiring().kept
    assert "orders that &lt;0&gt; was made from<br>" in text
    assert "and 2 more" in text
    assert f'title="{kept.at.astimezone(ZoneInfo("Europe/Berlin")):%Y-%m-%d %H:%M:%S %Z}"' in text
    assert f"<dd>{len(served.shop.expiring().snapshots):,}</dd>" in text
    assert f'<td class="number">{kept.bytes:,}</td>' in text


def test_report_may_run_nothing_and_load_nothing(served: Any) -> None:
    answer = served.owner.get("/reports/weekly", headers=PAGE)
    policy = answer.headers["content-security-policy"]
    assert "<h1>Weekly</h1>" in answer.text
    assert policy.startswith("sandbox;")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    read = served.shop.lake.state.accesses(asset="weekly")[-1]
    assert (read.door, read.rows) == ("report", 1)


def test_report_of_an_earlier_snapshot_is_kept(served: Any) -> None:
    made = [one.snapshot for one in served.shop.lake.artefacts("weekly")]
    served.shop.report("weekly", "<h1>Later</h1>")
    assert "Later" in served.owner.get("/reports/weekly").text
    assert "<h1>Weekly</h1>" in served.owner.get(f"/reports/weekly?snapshot={made[0]}").text
    missing = served.owner.get("/reports/weekly?snapshot=999")
    assert missing.status_code == 404
    assert str(made[0]) in missing.json()["mend"]
    assert served.owner.get("/reports/orders").status_code == 404


def test_rows_of_a_report_are_handed_out_as_a_file_and_counted(served: Any) -> None:
    answer = served.owner.get("/reports/weekly/by_week.csv")
    assert answer.content.startswith(b"week,note")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == "attachment"
    assert served.shop.lake.state.accesses(asset="weekly")[-1].rows == 2
    assert served.owner.get("/reports/weekly/other.csv").status_code == 404
    assert served.owner.get("/reports/returns_live/live").status_code == 404


def test_catalog_says_who_reads_what_and_how_bets_stand(served: Any) -> None:
    page(served, "/assets/orders")
    text = page(served, "/catalog")
    assert "which titles to reorder" in text
    assert "too early" in text
    assert 'href="/assets/orders"' in text


def test_every_file_a_page_names_is_served_and_kept_by_its_hash(served: Any) -> None:
    files = WebFiles()
    for name in (*OWN, *CARRIED):
        answer = served.stranger.get(files.address(name))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.content == files.file(name).data
        assert gzip.decompress(files.file(name).zipped) == answer.content


@pytest.mark.parametrize("name", ["check.js", "..%2Fserve.py", "LICENSES.txt", "%2Fetc%2Fpasswd"])
def test_no_other_file_is_served(name: str, served: Any) -> None:
    assert served.stranger.get(f"/static/{name}").status_code == 404
