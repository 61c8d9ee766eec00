"""What somebody may ask to do harm: long, deep, loose, odd and forged searches are answered, or refused."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import msgspec
import pytest
from tests.server.searching.conftest import Found

from pumphouse.indexes import pages

LETTERS = "abcdefghijklmnopqrstuvwxyz"
QUERIES = (
    " ".join(f"w{number}" for number in range(3_000)), "a" * 50_000, "(" * 5_000 + "a" + ")" * 5_000,
    "(" * 200 + "a" + ")" * 200, "NOT " * 240 + "a", "-" * 900 + "a", " OR ".join(f"{one}*" for one in LETTERS),
    " OR ".join(f"{one}{two}c~2" for one in "abcdefghi" for two in "abcdefghi"), "abc~2", "a*", "*" * 100,
    '"' + "word " * 150 + '"~20', '"open word"~99999999999999999999', "open\0word", "\u202eopen", "\u200b",
    "o" + "\u0301" * 900, "👩‍👩‍👧‍👦", "東" * 900, "ก" * 900, "ﷺ" * 50,
    "opened_on:[2026-01-01 TO", "opened_on:[9999999 TO *]",
    "account:(" + " OR ".join(f"a{number}" for number in range(150)) + ")", "account:>" + "z" * 900,
    "a:b:c", '"":""', ":",
    "body:", "body:a " * 120, '"' * 999, "\\" * 500, "'); DROP TABLE tickets; --", "AND AND", "NOT", "\n\t\r",
)  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: repr(query[:20]))
def test_any_text_is_answered_or_refused(found: Found, query: str) -> None:
    with found.http("ann") as client:
        for address in ("/api/search/tickets", "/search/tickets", "/api/search/tickets.csv", "/api/find"):
            if len(query) < 8_000:  # of an address
                assert client.get(address, params={"q": query}).status_code in (200, 400, 404)
        asked = {"sql": "SELECT count(*) AS n FROM search('tickets', ?)", "parameters": [query]}
        assert client.post("/api/sql", json=asked).status_code in (200, 400)


def test_what_stands_for_many_words_is_bounded(found: Found) -> None:
    with found.http("ann") as client:
        for one in ("a*", "ab~", "account:a*", "account:>a"):
            ask = {"q": " OR ".join([one] * 12)}
            assert client.get("/api/search/tickets", params=ask).status_code == 200
            refused = client.get("/api/search/tickets", params={"q": f"{ask['q']} OR {one}"})
            assert refused.status_code == 400
            assert refused.json()["position"] > 50
        assert client.get("/api/search/tickets", params={"q": "*", "sort": "account," * 500}).status_code == 400
        assert client.get("/api/search/tickets", params={"q": "*", "facet": list(LETTERS)}).status_code == 400
        assert client.get("/api/search/tickets", params={"q": "*", "limit": 10**9}).status_code == 400


FORGED = (
    ("score", {"seen": [-1, -2]}), ("score", {"seen": [2**62] * 5}), ("score", {"snapshot": -1}),
    ("score", {"total": -1}),
    ("account", {"after": ["x"], "row": -1}), ("account", {"after": [5]}), ("account", {"after": ["x", "y"]}),
    ("account", {}), ("opened_on", {"after": ["x"]}), ("opened_on", {"after": [1.5]}), ("opened_on", {"after": [True]}),
    ("opened_on", {"after": [float("nan")]}), ("opened_on", {"after": [1], "row": 2**64 - 1}), ("score", {"seen": "x"}),
)  # fmt: skip


@pytest.mark.parametrize(("order", "said"), FORGED)
def test_a_forged_page_is_refused(found: Found, order: str, said: dict[str, Any]) -> None:
    page = {"snapshot": found.project.lake.snapshot(), "total": 5, **said}
    known = pages.asked("tickets_search", "*", {}, order)

    def token(data: bytes) -> str:
        return base64.urlsafe_b64encode(pages._digest(data, known) + data).decode().rstrip("=")

    with found.http("ann") as client:
        for data in (msgspec.msgpack.encode(page), b"\0" * 10_000_000, b""):
            asked = {"q": "*", "sort": order, "after": token(zlib.compress(data, 9))}
            assert client.get("/api/search/tickets", params=asked).status_code == 400
        whole = {"snapshot": 10**12, "total": 5}
        asked = {"q": "*", "after": token(zlib.compress(msgspec.msgpack.encode(whole)))}
        assert client.get("/api/search/tickets", params=asked).status_code in (400, 404)
