"""Two worlds that differ only in rows, words and changes that are hidden from somebody answer their searches alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import pumphouse as ph
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving, serve

WORLDS = {
    "one": "id,words,account,team\n1,open word,acme,a\n2,hidden secret,globex,b\n",
    "two": "id,words,account,team\n1,open word,acme,a\n2,another thing,initech,b\n3,word word word,umbrella,b\n",
}
SHOP = """import pumphouse as ph

notes = ph.files("notes.csv", key="id")
notes_search = ph.search("notes", text=["words"], filter=["account"])
open_notes = ph.files("open.csv", key="id")
open_search = ph.search("open_notes", text=["words"])
part = ph.grant("notes", to="bob", rows="team = 'a'")
masked = ph.grant("notes", to="cid", mask={"words": "null"})
columns = ph.grant("notes", to="dan", columns=["id", "account"])
whole = ph.grant("notes_search", to=["ann", "eve"])
whole_table = ph.grant("notes", to="ann")
"""
QUERIES = ("word", "secret", "sec*", "secrt", "account:globex", "*", '"open')
ASKED = (
    "/api/search/{0}?q={1}",
    "/api/search/{0}?q={1}&where=account=globex",
    "/api/search/{0}?q={1}&snapshot=1",
    "/api/search/{0}.csv?q={1}",
    "/api/sql?sql=FROM search('{0}', '{1}')",
    "/api/sql?sql=SELECT count(*), max(score) FROM search('{0}', '{1}')",
    "/search/{0}?q={1}",
)
"""What bob may see of `notes` is the same in both worlds."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Project, Serving]]]:
    found: dict[str, tuple[Project, Serving]] = {}
    threads = []
    for name, notes in WORLDS.items():
        folder: Path = tmp_path_factory.mktemp(name) / "shop"
        folder.mkdir()
        (folder / "pumphouse.toml").write_text('name = "shop"\n', encoding="utf-8")
        (folder / "notes.csv").write_text(notes, encoding="utf-8")
        (folder / "open.csv").write_text("id,words\n1,open word\n", encoding="utf-8")
        (folder / "shop.py").write_text(SHOP, encoding="utf-8")
        project = ph.open(str(folder))
        for asset in ("open_notes", "notes", "open_search", "notes_search"):  # the same snapshots in both worlds
            assert not project.run(asset).failed
        ready: list[Serving] = []
        options = {"port": 0, "on_ready": ready.append}
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


def answers(world: tuple[Project, Serving], who: str, index: str) -> list[tuple[int, str]]:
    project, serving = world
    token = project.lake.state.make_token(who, scope="read")
    with httpx.Client(base_url=serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as client:
        replies = [client.get(path.format(index, query)) for path in ASKED for query in QUERIES]
        return [(reply.status_code, reply.text) for reply in replies]


@pytest.mark.parametrize(
    ("who", "index"),
    [
        ("bob", "notes"),
        ("bob", "notes_search"),
        ("cid", "notes_search"),
        ("dan", "notes_search"),
        ("eve", "notes_search"),
    ],
)
def test_hidden_rows_and_words_change_no_answer(
    who: str, index: str, worlds: dict[str, tuple[Project, Serving]]
) -> None:
    one, two = (answers(world, who, index) for world in worlds.values())
    assert one == two
    assert {status for status, _ in one} == {404}


def test_what_is_shown_does_change_answers(worlds: dict[str, tuple[Project, Serving]]) -> None:
    one, two = (answers(world, "ann", "notes_search") for world in worlds.values())
    assert one != two
    assert {status for status, _ in one} == {200, 400, 404}
    assert {status for status, _ in answers(worlds["one"], "bob", "open_search")} >= {200}
