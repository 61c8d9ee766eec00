from __future__ import annotations

from pathlib import Path
from typing import Any


def test_show_says_what_an_asset_is_and_how_it_stands(pumphouse: Any, built: Path) -> None:
    done = pumphouse("show", "orders", cwd=built)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:2] == ["orders (sql, orders.sql:1)", "  Paid orders. One row per order; EUR."]
    assert any(line.split() == ["amount", "DECIMAL(38,2)"] for line in lines)
    assert any("no_negative: amount >= 0 (error)" in line for line in lines)
    described = pumphouse("show", "orders", "--json", cwd=built).json
    assert (described["rows"], described["key"], described["upstream"]) == (4, ["order_id"], ["raw_orders"])
    assert described["downstream"] == ["by_day"]


def test_show_of_an_unknown_name_offers_the_nearest(pumphouse: Any, built: Path) -> None:
    done = pumphouse("show", "by_dya", cwd=built)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: there is no asset 'by_dya'\n  Did you mean 'by_day'?\n"


def test_log_lists_runs_and_tells_what_became_of_each_asset(pumphouse: Any, broken: Path) -> None:
    assert pumphouse("run", cwd=broken).code == 3
    newest, first = pumphouse("log", "--json", cwd=broken).json
    assert (newest["status"], first["status"]) == ("failed", "done")
    assert (newest["actor"], newest["command"]) == ("ann", "run")
    lines = pumphouse("log", cwd=broken).out.splitlines()
    assert [line.split()[0] for line in lines] == [newest["run"], first["run"]]
    assert pumphouse("log", "--limit", "1", cwd=broken).out.splitlines() == lines[:1]
    told = pumphouse("log", newest["run"], cwd=broken).out.splitlines()
    assert told[0].split() == lines[0].split()
    assert [line.split()[0] for line in told[1:]] == ["failed", "skipped"]
    assert "Could not convert string" in told[1]
    one = pumphouse("log", newest["run"], "--json", cwd=broken).json
    assert [build["asset"] for build in one["builds"]] == ["broken", "after_broken"]
    unknown = pumphouse("log", newest["run"][:-1] + "x", cwd=broken)
    assert unknown.code == 2
    assert f"Did you mean '{newest['run']}'?" in unknown.err


def test_log_without_a_run_says_what_to_do(pumphouse: Any, tmp_path: Path) -> None:
    (tmp_path / "pumphouse.toml").write_text("")
    assert "pumphouse run" in pumphouse("log").out


def test_adoption_counts_what_people_read_here(pumphouse: Any, shop: Path) -> None:
    before = {use["asset"]: use for use in pumphouse("adoption", "--json", cwd=shop).json["uses"]}
    assert pumphouse("query", "FROM by_day", cwd=shop, actor="cleo").code == 0
    done = pumphouse("adoption", cwd=shop)
    assert done.code == 0
    assert "by_day (sql): 1 person in 30 days" in done.out
    assert "by cleo through cli" in done.out
    uses = {use["asset"]: use for use in pumphouse("adoption", "--json", cwd=shop).json["uses"]}
    assert (uses["by_day"]["people_7_days"], uses["by_day"]["rows_30_days"]) == (["cleo"], 3)
    assert uses["orders"]["reads_30_days"] == before["orders"]["reads_30_days"]


def test_log_says_who_restored_and_hid_what_and_why(pumphouse: Any, shop: Path) -> None:
    with (shop / "orders.sql").open("a") as file:
        file.write("WHERE order_id > 2\n")
    assert pumphouse("run", "orders", cwd=shop).code == 0
    assert pumphouse("restore", "orders", "--to", "3", cwd=shop).code == 0
    assert pumphouse("restore", "orders", "--to", "5", cwd=shop).code == 0  # changes nothing
    assert pumphouse("hide", "customer_id", "7", "--why", "asked by mail", cwd=shop, actor="cleo").code == 0
    hidden, restored, run, *_ = pumphouse("log", "--json", cwd=shop).json
    assert (hidden["actor"], hidden["command"], hidden["status"]) == ("cleo", "hide customer_id 7", "done")
    assert (hidden["snapshot"], hidden["summary"]) == (6, "asked by mail; snapshot 6.")
    assert (restored["actor"], restored["command"]) == ("ann", "restore orders --to 3")
    assert restored["summary"] == "orders as it was at 3; snapshot 5."
    assert run["command"] == "run orders"


def test_rows_and_runs_are_asked_for_from_one_on(pumphouse: Any, built: Path) -> None:
    for command in (("log", "--limit"), ("query", "FROM orders", "--limit"), ("run", "--sample")):
        done = pumphouse(*command, "-1", cwd=built)
        assert (done.code, done.out) == (2, "")
        assert "Must be >= 1" in done.err
