"""Whatever makes a table can have a check, and it runs inside the commit, its settings bound."""

from __future__ import annotations

import io
import json
import sqlite3
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import pumphouse as ph
from pumphouse.declare.asset import TABLES
from pumphouse.project.receiving import take_messages
from pumphouse.project.running import Result
from pumphouse.sources.surveys.kept import stream_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MADE = {
    "source": "numbers",
    "files": "visits",
    "database": "crm_people",
    "api": "rates",
    "website": "pages",
    "messages": "sent_rows",
    "children": "lines",
    "survey": "asked",
    "survey_events": "asked_events",
    "sql": "orders",
    "table": "doubled",
    "clean": "cleaned",
    "label": "came_back",
    "scores": "chances",
}
"""A table of each kind."""

DECLARED = """
import pumphouse as ph
from pumphouse.cleaning import clean, col, fill

@ph.source(key="id")
def numbers():
    \"\"\"One row.\"\"\"
    yield {"id": 1, "lines": [{"n": 1}]}

lines = ph.children("numbers", "lines")
sent = ph.messages({"rows": {"key": "id"}})
visits = ph.files("visits.csv", time={"event": "day", "known": "day"})
crm = ph.database("db", tables={"people": {"key": "id"}})
rates = ph.api("site", "/rates", format="csv")
pages = ph.website("site", follow="a.product", key="sku", item={"sku": "h1"})
asked = ph.survey("asked.json")

@ph.table()
def doubled(orders):
    \"\"\"A relation.\"\"\"
    return orders

cleaned = clean("orders", col.pages >> fill(value=0))

@ph.model(label="came_back", features=["seen"])
def guess(train: ph.TrainingSet):
    \"\"\"Chance that somebody comes back.\"\"\"
    from sklearn.dummy import DummyClassifier
    return DummyClassifier().fit(train.X, train.y)

guess_live = ph.rollout("guess")
chances = ph.scores("guess_live")
"""
LABEL = """/* pumphouse
kind = "label"
entity = "person"
matures = "1 days" */
SELECT person, TIMESTAMPTZ '2026-03-01' AS as_of, max(day) > '2026-03-01' AS came_back FROM visits GROUP BY person"""
FEATURE = """/* pumphouse
kind = "feature"
entity = "person" */
SELECT m.person, m.as_of, count(v.pages) AS seen
FROM moments m LEFT JOIN visits v ON v.person = m.person GROUP BY ALL"""


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {"/": b"<a class=product href=/one>one</a>", "/one": b"<h1>sku-1</h1>", "/rates": b"id\n1\n"}.get(
            self.path
        )
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What one run says of each table, where no row meets the check that points at it."""
    folder = tmp_path_factory.mktemp("shop")
    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    (folder / "pumphouse.toml").write_text(
        f'[settings]\nleast = "a"\n[connections.db]\nurl = "sqlite:///crm.db"\n'
        f'[connections.site]\nurl = "http://127.0.0.1:{site.server_port}"\n'
    )
    with sqlite3.connect(folder / "crm.db") as db:
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO people VALUES (1)")
    rows = "".join(f"{person},2026-0{month},{person}\n" for person in range(1, 41) for month in ("1-05", "2-05"))
    rows += "".join(f"{person},2026-03-05,1\n" for person in range(1, 21))
    (folder / "visits.csv").write_text("person,day,pages\n" + rows)
    (folder / "asked.json").write_text(json.dumps({"elements": [{"type": "text", "name": "why"}]}))
    (folder / "orders.sql").write_text("SELECT person, pages FROM visits")
    (folder / "came_back.sql").write_text(LABEL)
    (folder / "seen.sql").write_text(FEATURE)
    checks = "".join(f'\non_{name} = ph.check("{name}", "$least = \'b\'", severity="warn")' for name in MADE.values())
    (folder / "declared.py").write_text(DECLARED + checks)
    project = ph.open(folder)
    answer = json.dumps({"version": "1", "answers": {"why": "price"}, "dropped": 0})
    project.lake.state.append(stream_of("asked"), [("answer-1", answer)], at=NOW)
    sent = [{"type": "RECORD", "stream": "rows", "record": {"id": 1}}, {"type": "STATE", "value": {}}]
    take_messages(project, "sent", io.BytesIO("".join(f"{json.dumps(one)}\n" for one in sent).encode()))
    report = project.run(now=NOW)
    project.close()
    site.shutdown()
    site.server_close()
    return {result.asset: result for result in report.results}


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_a_check_of_any_kind_of_table_runs(results: dict[str, Result], kind: str) -> None:
    result = results[MADE[kind]]
    assert result.status == "built", result.note
    assert f"check 'on_{MADE[kind]}' found" in result.warnings[0]
