"""`pumphouse search`: hits for a person, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

import pumphouse as ph

TICKETS = """ticket_id,subject,body,account,opened_on
1,Refund please,The machine is broken.,acme,2026-01-03
2,Late delivery,"My order is late. I don't want a refund.",globex,2026-01-05
3,"Broken, broken!",,acme,2026-01-01
"""
FACTS = """import pumphouse as ph

tickets = ph.files("tickets.csv", key="ticket_id")
tickets_search = ph.search("tickets", text=["subject", "body"], filter=["account"], sort="opened_on")
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("searched")
    (folder / "pumphouse.toml").write_text('name = "shop"\n', encoding="utf-8")
    (folder / "tickets.csv").write_text(TICKETS.replace("machine", "machine\x1b[31m"), encoding="utf-8")
    (folder / "facts.py").write_text(FACTS, encoding="utf-8")
    with ph.open(str(folder)) as project:
        assert not project.run().failed
    return folder


def test_hits_for_a_person_have_their_key_their_words_and_what_they_are_filtered_by(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("search", "tickets", "refund", "--sort", "newest", cwd=shop)
    assert done.code == 0
    assert done.out.splitlines() == [
        "2  Late delivery",
        "    My order is late. I don't want a refund.",
        "    account globex  opened_on 2026-01-05",
        "1  Refund please",
        "    account acme  opened_on 2026-01-03",
        "(2 rows; snapshot 2)",
    ]
    first = pumphouse("search", "tickets", "--limit", "1", cwd=shop).out.splitlines()[-1]
    assert first == "(the first 1 of 3 rows, more with --limit; snapshot 2)"


def test_words_are_marked_on_a_terminal_alone(pumphouse: Any, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in pumphouse("search", "tickets", "broken", cwd=shop).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = pumphouse("search", "tickets", "broken", cwd=shop).out
    assert "\x1b[1;33mBroken\x1b[0m" in out
    assert "\\x1b[31m" in out  # a stranger's


def test_json_has_what_http_has_and_csv_the_rows(pumphouse: Any, shop: Path) -> None:
    told = pumphouse("search", "tickets_search", "broken", "--where", "account=acme", "--json", cwd=shop).json
    assert (told["total"], [hit["key"] for hit in told["hits"]]) == (2, [[3], [1]])
    assert told["hits"][0]["excerpts"]["subject"] == [["Broken", True], [", ", False], ["broken", True], ["!", False]]
    rows = list(csv.DictReader(io.StringIO(pumphouse("search", "tickets", "late", "--csv", cwd=shop).out)))
    assert [(row["ticket_id"], float(row["score"]) > 0) for row in rows] == [("2", True)]
    assert pumphouse("search", "tickets", "nothing", "--csv", cwd=shop).code == 0


def test_a_wrong_search_points_at_its_character(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("search", "tickets", '東京 "late', cwd=shop)
    assert done.code == 2
    assert done.err.splitlines()[:3] == [
        "error: this quote is never closed",
        '  東京 "late',
        "       ^",
    ]
    assert "Did you mean 'tickets'?" in pumphouse("search", "tikets", "late", cwd=shop).err
    assert "COLUMN=VALUE" in pumphouse("search", "tickets", "late", "--where", "acme", cwd=shop).err


def test_the_read_is_logged_of_index_and_table(pumphouse: Any, shop: Path) -> None:
    pumphouse("search", "tickets", "late", cwd=shop, actor="zoe")
    with ph.open(str(shop)) as project:
        reads = [(one.asset, one.door, one.rows) for one in project.lake.state.accesses() if one.who == "zoe"]
    assert sorted(reads) == [("tickets", "cli", 1), ("tickets_search", "cli", 1)]


def test_an_index_without_vectors_says_that_it_has_none(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("search", "tickets", "my money back", "--semantic", cwd=shop)
    assert done.code != 0
    assert "is searched by words alone" in done.err
    between = pumphouse(
        "search", "tickets", "--where", "opened_on>=2026-01-02", "--where", "opened_on<2026-01-05", cwd=shop
    )
    assert between.out.splitlines()[-1] == "(1 row; snapshot 2)"
    assert pumphouse("search", "tickets", "--where", "opened_on", cwd=shop).code != 0
