"""Two worlds that differ only in rows, words and changes that are hidden from somebody answer their searches alike."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi as adbc
import httpx
import psycopg
import pytest

import pumphouse as ph
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving, serve

WORDS = ("open", "opened", "word", "wordy", "machine", "broken", "late", "refund", "café", "delivery")
"""Of which the rows that are shown consist; hidden ones have others that are like them, and these much more often."""
HIDDEN = ("secret", "secrets", "refunds", "openly", "maschine", "lately", "word", "open", "globex", "deliver")
SHOP = """import pumphouse as ph

notes = ph.files("notes.csv", key="id")
notes_search = ph.search("notes", text=["words", "told"], facet=["account", "day"], filter=["code"], sort="day")
told_search = ph.search("notes", text=["told"])
open_notes = ph.files("open.csv", key="id")
open_search = ph.search("open_notes", text=["words"])
part = ph.grant("notes", to=["bob", "fay"], rows="team = 'a'", columns=["id", "words", "account", "day"])
more = ph.grant("notes", to="fay", rows="team = 'a' AND id % 2 = 0", columns=["id", "code"], mask={"code": "first 1"})
masked = ph.grant("notes", to="cid", rows="team = 'a'", mask={"told": "null", "code": "first 1"})
columns = ph.grant("notes", to="dan", columns=["id", "account"])
whole = ph.grant("told_search", to=["ann", "eve"])
whole_table = ph.grant("notes", to="ann")
"""
"""What bob, fay and cid may see of `notes` is the same in both worlds."""
QUERIES = (
    "word", "secret", "sec*", "refnud", "delivry", "open OR late", "account:globex", "*", '"open', "o*", "worb~2",
    "told:secret", "words:word", "-words:*", "day:>=2026-03", "code:x*", '"open word"~3',
)  # fmt: skip
FEW = ("refnud", "o*")
ASKED = (
    "/api/search/{0}?q={1}",
    "/api/search/{0}?q={1}&where=account=globex",
    "/api/search/{0}?q={1}&where=account>=b&facet=day by day&facet=account&limit=3",
    "/api/search/{0}?q={1}&sort=account desc, day&limit=3",
    "/api/search/{0}?q={1}&sort=newest&facet=code",
    "/api/search/{0}?q={1}&limit=2&snapshot=2",
    "/api/search/{0}?q={1}&snapshot=1",
    "/api/search/{0}.csv?q={1}",
    "/search/{0}?q={1}",
    "/search/{0}?q={1}&sort=newest&where=day=2026-02",
)
ATTACKS = (
    "SELECT _rowid FROM search('{0}', '{1}')",
    "SELECT rowid, _row_since FROM search('{0}', '{1}')",
    "SELECT * FROM search('{0}', '{1}') WHERE team = 'b' OR told IS NOT NULL OR code > ''",
    "SELECT count(*) FROM search('{0}', '{1}') RIGHT JOIN notes USING (id)",
    "SELECT score, count(*) FROM search('{0}', '{1}') GROUP BY ALL ORDER BY ALL",
    "SELECT * FROM (SELECT 1 / (score - score) AS x, id FROM search('{0}', '{1}')) WHERE id = 9999",
    "SELECT error(words) FROM search('{0}', '{1}') WHERE account = 'globex'",
    'FROM "search {0} {1}"',
    'FROM "matches of search {0} {1}"',
    'FROM "numbers of notes"',
    "FROM notes WHERE id IN (SELECT id FROM search('{0}', '{1}')) ORDER BY id",
    "EXPLAIN FROM search('{0}', '{1}')",
    "SUMMARIZE FROM search('{0}', '{1}')",
    "DESCRIBE FROM search('{0}', '{1}')",
    "FROM search('told_search', '{1}')",
    "FROM search('{0}', (SELECT words FROM notes LIMIT 1))",
    "FROM search('{0}', 'told:{1}')",
    "FROM search('{0}', '{1}') USING SAMPLE 3 ROWS (reservoir, 1)",
)
"""What asks a search in SQL for more than it shows."""
SQL = (
    "FROM search('{0}', '{1}')",
    "SELECT count(*), max(score), min(score) FROM search('{0}', '{1}')",
    "SELECT a.id, b.score FROM search('{0}', '{1}') a JOIN search('{0}', 'open') b USING (id) ORDER BY 1",
)


def shown_rows() -> list[dict[str, Any]]:
    chance = random.Random(7)
    return [
        {
            "id": 1_000 + 10 * number,
            "words": " ".join(chance.choices(WORDS, k=chance.randint(1, 9))),
            "account": chance.choice(("acme", "initech", "umbrella", "")),
            "day": f"2026-{chance.randint(1, 4):02}-{chance.randint(1, 28):02}",
            "team": "a",
        }
        for number in range(40)
    ]


def rows_of(world: str, *, later: bool) -> list[dict[str, Any]]:
    """What is hidden differs in number, words, values and changes, and stands between what is shown."""
    chance, two, found = random.Random(world), world == "two", []
    for row in shown_rows():
        if two:
            found += [
                {
                    "id": row["id"] + one + 1,
                    "words": " ".join(chance.choices(HIDDEN, k=chance.randint(1, 30))) + (" later" if later else ""),
                    "account": chance.choice(("globex", "acme")),
                    "day": "2025-12-31",
                    "team": "b",
                }
                for one in range(chance.randint(0, 5))
            ]
        found.append(row)
    found.append({"id": 9_999, "words": "hidden secret", "account": "globex", "day": "2027-01-01", "team": "b"})
    told = "secret refund" if two else "nothing"
    return [{**row, "told": f"{told} {chance.choice(HIDDEN)}", "code": f"x{chance.randint(0, 99)}"} for row in found]


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (folder / "notes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Project, Serving]]]:
    found: dict[str, tuple[Project, Serving]] = {}
    threads = []
    for name in ("one", "two"):
        folder: Path = tmp_path_factory.mktemp(name) / "shop"
        folder.mkdir()
        (folder / "pumphouse.toml").write_text('name = "shop"\n', encoding="utf-8")
        write(folder, rows_of(name, later=False))
        (folder / "open.csv").write_text("id,words\n1,open word\n", encoding="utf-8")
        (folder / "shop.py").write_text(SHOP, encoding="utf-8")
        project = ph.open(str(folder))
        for asset in (
            "open_notes",
            "notes",
            "open_search",
            "notes_search",
            "told_search",
        ):  # the same snapshots in both worlds
            assert not project.run(asset).failed
        # After that only hidden rows change, in one of the worlds, and no index follows.
        write(folder, rows_of(name, later=True))
        (folder / "open.csv").write_text(f"id,words\n1,{'one' if name == 'one' else 'open word'}\n", encoding="utf-8")
        assert not project.run("notes" if name == "two" else "open_notes").failed
        ready: list[Serving] = []
        options = {"port": 0, "flight_port": 0, "postgres_port": 0, "on_ready": ready.append}
        thread = threading.Thread(target=serve, args=(Served(project),), kwargs=options)
        thread.start()
        threads.append(thread)
        until = time.monotonic() + 20
        while not ready and time.monotonic() < until:
            time.sleep(0.02)
        found[name] = project, ready[0]
    yield found
    for project, serving in found.values():
        serving.stop()
        project.close()
    for thread in threads:
        thread.join(20)


def over_http(
    world: tuple[Project, Serving], who: str, index: str, *, queries: Sequence[str] = QUERIES
) -> list[tuple[int, str, str]]:
    """What each address answers, and its next page."""
    project, serving = world
    token = project.lake.state.make_token(who, scope="read")
    answers = []
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as client:
        for number, path in enumerate((*ASKED, *(f"/api/sql?sql={text}" for text in SQL))):
            for query in FEW if number and len(queries) > 1 else queries:
                address = path.format(index, query)
                reply = client.get(address)
                tag = reply.headers.get("etag", "").rpartition("-")[2]  # before it, of when the snapshot was made
                answers.append((reply.status_code, tag, reply.text))
                if after := re.search(r'"after":"([^"]+)"', reply.text):
                    reply = client.get(f"{address}&after={after[1]}".replace("&snapshot=2", ""))
                    answers.append((reply.status_code, "", reply.text))
    return answers


def over_wires(world: tuple[Project, Serving], who: str, index: str) -> list[str]:
    project, serving = world
    token = project.lake.state.make_token(who, scope="read")
    urls = {one.name: one.url for one in serving.doors}
    port = int(urls["postgres"].rpartition(":")[2].partition("/")[0])
    login = {"host": "127.0.0.1", "port": port, "dbname": "shop", "user": who, "password": token}
    header = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    answers = []
    with (
        adbc.connect(urls["flight"], db_kwargs=header, autocommit=True) as flight,
        psycopg.connect(**login, autocommit=True, connect_timeout=60) as session,
    ):
        for text in SQL:
            for query in FEW:
                with flight.cursor() as cursor:
                    try:
                        cursor.execute(text.format(index, query))
                        answers.append(str(sorted(map(repr, cursor.fetchall()))))
                    except adbc.Error as error:
                        answers.append(str(error))
                try:
                    answers.append(str(sorted(map(repr, session.execute(text.format(index, query)).fetchall()))))
                except psycopg.Error as error:
                    answers.append(str(error))
    return answers


@pytest.mark.parametrize("who", ["bob", "fay", "cid"])
def test_hidden_rows_words_and_changes_change_no_answer(who: str, worlds: dict[str, tuple[Project, Serving]]) -> None:
    one, two = (over_http(world, who, "notes") for world in worlds.values())
    assert one == two
    assert {status for status, _, _ in one} == {200, 400, 404}
    assert sum(status == 200 for status, _, _ in one) > 40
    assert any('"after":"' in text for _, _, text in one)
    one_wire, two_wire = (over_wires(world, who, "notes_search") for world in worlds.values())
    assert one_wire == two_wire


@pytest.mark.parametrize("who", ["bob", "cid"])
def test_attacks_in_sql_tell_nothing_that_is_hidden(who: str, worlds: dict[str, tuple[Project, Serving]]) -> None:
    answers = []
    for project, serving in worlds.values():
        token = project.lake.state.make_token(who, scope="read")
        with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            texts = [text.format("notes_search", word) for text in ATTACKS for word in ("o*", "secret")]
            replies = [client.post("/api/sql", json={"sql": text}) for text in texts]
            answers.append([(reply.status_code, reply.text) for reply in replies])
    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} >= {200, 400, 404}
    assert "globex" not in "".join(text for _, text in answers[0])


@pytest.mark.parametrize(("who", "index"), [("dan", "notes_search"), ("eve", "told_search"), ("cid", "told_search")])
def test_without_text_a_table_or_a_grant_there_is_no_index(
    who: str, index: str, worlds: dict[str, tuple[Project, Serving]]
) -> None:
    one, two = (over_http(world, who, index, queries=["o*"]) for world in worlds.values())
    assert one == two
    assert {status for status, _, _ in one} == {404}


def test_what_is_shown_does_change_answers(worlds: dict[str, tuple[Project, Serving]]) -> None:
    one, two = (over_http(world, "ann", "notes_search", queries=["word"]) for world in worlds.values())
    assert one != two
    assert {status for status, _, _ in over_http(worlds["one"], "bob", "open_search", queries=["word"])} >= {200}


def test_scores_are_those_of_the_rows_that_are_shown_alone(worlds: dict[str, tuple[Project, Serving]]) -> None:
    project, serving = worlds["two"]
    token = project.lake.state.make_token("bob", scope="read")
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as client:
        reply = client.get("/api/search/notes?q=refund&limit=200")
        assert reply.status_code == 200, reply.text
        found = reply.json()
    expected = [row for row in shown_rows() if "refund" in row["words"].split()]
    assert sorted(hit["row"]["id"] for hit in found["hits"]) == [row["id"] for row in expected]
    assert found["total"] == len(expected)
    assert set(found["hits"][0]["row"]) == {"id", "words", "account", "day"}
    assert found["facets"]["account"]["missing"] == sum(row["account"] == "" for row in expected)
