"""Searching by meaning over HTTP, on the page, from the client: with the project's function in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import pumphouse as ph
from pumphouse.project import embedding
from pumphouse.project.project import Project
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving, serve
from pumphouse_client import connect

SHOP = """
import os
import time

import pumphouse as ph

WORDS = {"money": 0, "refund": 0, "back": 0, "late": 1, "slow": 1, "broken": 2}

def embed(texts):
    print("what a function prints is no answer")
    for text in texts:
        if text == "raise":
            raise ValueError("of /home/somebody")
        if text == "die":
            os._exit(3)
        if text == "hang":
            time.sleep(60)
    words = [text.lower().split() for text in texts]
    return [[float(sum(WORDS.get(word) == at for word in of_one)) for at in range(3)] for of_one in words]

tickets = ph.files("tickets.csv", key="id")
tickets_search = ph.search("tickets", text="body", filter="account", sort="id", embed=embed)
notes = ph.files("notes.csv", key="id")
notes_search = ph.search("notes", text="body", sort="id")
part = ph.grant("tickets", to="bob", rows="account = 'a'")
masked = ph.grant("tickets", to="cid", mask={"body": "first 3"})
all_of_it = ph.grant("tickets", to="ann")
"""
TICKETS = "id,body,account\n1,Refund please,a\n2,It is slow,a\n3,Refund now,b\n4,All broken,b\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Serving]]:
    folder: Path = tmp_path_factory.mktemp("meaning")
    (folder / "pumphouse.toml").write_text('name = "shop"\n', encoding="utf-8")
    for name, text in {"tickets.csv": TICKETS, "notes.csv": TICKETS, "shop.py": SHOP}.items():
        (folder / name).write_text(text, encoding="utf-8")
    project = ph.open(str(folder))
    assert not project.run().failed
    ready: list[Serving] = []
    is_ready = threading.Event()
    options = {"port": 0, "on_ready": lambda serving: (ready.append(serving), is_ready.set())}
    thread = threading.Thread(target=serve, args=(Served(project),), kwargs=options)
    thread.start()
    assert is_ready.wait(120)
    yield project, ready[0]
    ready[0].stop()
    thread.join(20)
    project.close()


def client(shop: tuple[Project, Serving], who: str) -> httpx.Client:
    token = shop[0].lake.state.make_token(who, scope="read")
    return httpx.Client(base_url=shop[1].url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


ASKED = {"q": "give my money back", "semantic": 1}


def test_rows_are_found_by_meaning_and_logged(shop: tuple[Project, Serving]) -> None:
    with client(shop, "ann") as ann:
        told = ann.get("/api/search/tickets", params=ASKED).json()
        assert {hit["key"][0] for hit in told["hits"][:2]} == {1, 3}
        assert told["total"] == 4
        only = ann.get("/api/search/tickets", params={**ASKED, "where": "account=b"}).json()
        assert [hit["key"] for hit in only["hits"]] == [[3], [4]]
        assert ann.get("/api/search/tickets", params={**ASKED, "semantic": 0}).json()["total"] == 0
        for wrong in ({"sort": "newest"}, {"facet": "account"}, {"semantic": "yes"}):
            assert ann.get("/api/search/tickets", params={**ASKED, **wrong}).status_code == 400
        long = " ".join(f"{number:030}" for number in range(300))
        assert ann.get("/api/search/tickets", params={**ASKED, "q": f"refund {long}"}).json()["total"] == 4
        assert ann.get("/api/search/tickets", params={**ASKED, "q": "a" * 10_001}).status_code == 400
        assert "by words alone" in ann.get("/api/search/notes", params=ASKED).json()["error"]
    read = shop[0].lake.state.accesses(asset="tickets_search")
    assert {(one.who, one.door, one.detail) for one in read} >= {("ann", "search", ASKED["q"])}


def test_who_sees_a_part_is_compared_with_that_part_alone(shop: tuple[Project, Serving]) -> None:
    with client(shop, "bob") as bob, client(shop, "cid") as cid:
        told = bob.get("/api/search/tickets", params=ASKED).json()
        assert [hit["key"] for hit in told["hits"]] == [[1], [2]]
        assert told["total"] == 2
        refused = cid.get("/api/search/tickets", params=ASKED)
        assert refused.status_code == 400
        assert "its vectors are of body too" in refused.json()["error"]
        assert "by meaning" in bob.get("/search/tickets", params={"q": "refund"}).text
        assert "by meaning" not in cid.get("/search/tickets", params={"q": "refund"}).text


def test_the_page_and_the_client_have_it(shop: tuple[Project, Serving]) -> None:
    with client(shop, "ann") as ann:
        shown = ann.get("/search/tickets", params=ASKED).text
        assert "<strong>4</strong> rows compared" in shown
        assert shown.index("Refund") < shown.index("It is slow")
        assert 'name="semantic" value="1"' in shown
        marked = ann.get("/search/tickets", params={"q": "a refund, please", "semantic": 1}).text
        assert "<mark>Refund</mark> <mark>please</mark>" in marked
        words = ann.get("/search/tickets", params={"q": "refund"}).text
        assert 'href="/search/tickets_search?q=refund&amp;semantic=1"' in words
        assert "by meaning" not in ann.get("/search/notes", params={"q": "refund"}).text
        assert ann.get("/search/tickets", params={"semantic": 1}).status_code == 200
    token = shop[0].lake.state.make_token("ann", scope="read")
    with connect(shop[1].url, token=token, cache=False) as connection:
        assert connection.search("tickets", ASKED["q"], semantic=True, limit=1).rows[0]["id"] in (1, 3)


def test_a_function_that_fails_dies_or_never_ends_is_told_of(
    shop: tuple[Project, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(shop, "ann") as ann:
        failed = ann.get("/api/search/tickets", params={**ASKED, "q": "raise"})
        assert (failed.status_code, "it raised ValueError" in failed.json()["error"]) == (500, True)
        assert "somebody" not in failed.text
        assert ann.get("/api/search/tickets", params=ASKED).status_code == 200
        assert "it died" in ann.get("/api/search/tickets", params={**ASKED, "q": "die"}).json()["error"]
        monkeypatch.setattr(embedding, "QUESTION_S_MAX", 0.5)
        assert (
            "it died, or took longer" in ann.get("/api/search/tickets", params={**ASKED, "q": "hang"}).json()["error"]
        )
        monkeypatch.undo()
        assert ann.get("/api/search/tickets", params=ASKED).json()["total"] == 4
        assert ann.get("/api/search/tickets", params={"q": "refund"}).json()["total"] == 2
