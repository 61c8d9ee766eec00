from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.declare.facts import search as declared
from pumphouse.errors import BuildError
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import current
from pumphouse.indexes.searching import search
from pumphouse.indexes.synonyms import read

SAID = 'refund,"money back",reimbursement\nRückerstattung,refund\ntv,television\n\n東京都,tokyo\n"a, b",c d\n'
TEXTS = pa.table(
    {
        "ticket_id": [1, 2, 3, 4, 5, 6],
        "subject": [
            "A refund",
            "my money back",
            "reimbursements",
            "Rückerstattung bitte",
            "money, but not back",
            "東京都の television",
        ],
        "body": [None] * 6,
    }
)


@pytest.fixture(scope="module")
def find(shared_desk: Any) -> Any:
    (shared_desk.folder / "synonyms.csv").write_text(SAID, encoding="utf-8")
    shared_desk.table(TEXTS)
    english = (("subject", "english"), ("body", "german"))
    index = shared_desk.index(filter=(), sort=None, languages=english, synonyms="synonyms.csv")
    build(index, shared_desk.context())
    return lambda query: search(shared_desk.lake, index, query)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("refund", {1, 2, 3, 4}),
        ("refunds", {1, 2, 3, 4}),
        ("reimbursement", {1, 2, 3}),
        ("money back", {1, 2, 3, 5}),
        ("my money back", {2}),
        ('"money back"', {2}),
        ('"refund"', {1}),
        ("refund*", {1}),
        ("subject:refund", {1, 2, 3, 4}),
        ("body:refund", set()),
        ("refund -my", {1, 3, 4}),
        ("my -refund", set()),
        ("money -refund", {5}),
        ("tv", {6}),
        ("tokyo tv", {6}),
        ("(tokyo OR reimbursement) -back", {1, 3, 6}),
        ("back money", {2, 5}),
    ],
)
def test_a_word_finds_what_means_the_same(find: Any, query: str, wanted: set[int]) -> None:
    assert {hit.key[0] for hit in find(query).hits} == wanted


def test_an_excerpt_marks_what_means_the_same(find: Any) -> None:
    marked = {hit.key[0]: hit.excerpts["subject"].html for hit in find("reimbursement").hits}
    assert marked[2] == "my <mark>money</mark> <mark>back</mark>"
    assert marked[1] == "A <mark>refund</mark>"


def test_a_changed_file_is_used_without_another_index(desk: Any, tickets: pa.Table) -> None:
    (desk.folder / "words.csv").write_text("refund,thanks\n")
    desk.table(tickets)
    index = desk.index(synonyms="words.csv")
    build(index, desk.context())
    before, _ = current(desk.lake, "tickets_search")
    assert build(index, desk.context(run="run-2")).snapshot is None
    assert {hit.key[0] for hit in search(desk.lake, index, "refund").hits} == {1, 2, 4}
    (desk.folder / "words.csv").write_text("refund,leaks\nthanks,leaks\n")
    assert build(index, desk.context(run="run-3")).snapshot is not None
    after, _ = current(desk.lake, "tickets_search")
    assert before
    assert after
    assert (before.shape, before.states) == (after.shape, after.states)
    assert {hit.key[0] for hit in search(desk.lake, index, "refund").hits} == {1, 2}
    assert {hit.key[0] for hit in search(desk.lake, index, "leaks").hits} == {1, 2, 4}


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"a,b\n\nrefund\n", 3, "nothing means the same as 'refund' here"),
        (b"a,b\nc, ,\n", 2, "nothing means the same as 'c' here"),
        (b'a,b\n"c,d\n', 2, "this is no CSV"),
        (b"a,b\n&&,c\n", 2, "'&&' holds no letter or digit"),
        (b"a,one two three four five six seven eight nine\n", 1, "has more than 8 words"),
        (b"a,\xff\n", 1, "is not UTF-8"),
        (b"\n" + ",".join(map(str, range(60))).encode() + b"\n", 2, "at most 50 texts mean the same"),
    ],
)
def test_a_wrong_line_is_pointed_at(tmp_path: Path, content: bytes, line: int, said: str) -> None:
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(BuildError) as raised:
        read(tmp_path / "s.csv", name="s.csv", languages=[None])
    assert said in str(raised.value)
    assert raised.value.place is not None
    assert (raised.value.place.file, raised.value.place.line) == ("s.csv", line)


def test_what_is_in_several_lines_means_what_each_says_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("a,b\nb,c,B\nc,a d\n")
    said = read(tmp_path / "s.csv", name="s.csv", languages=[None])
    assert said == {"": {"a": ("b",), "b": ("a", "c"), "c": ("b", "B", "a d"), "a d": ("c",)}}


def test_a_declared_file_is_part_of_the_declaration() -> None:
    assert declared("t", text="a", synonyms="synonyms.csv").files == ("synonyms.csv",)
    assert declared("t", text="a").files == ()
