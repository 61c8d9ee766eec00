from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any
from unicodedata import category, normalize

import pyarrow as pa
import pytest
import regex

from pumphouse.indexes.build import build
from pumphouse.indexes.searching import matching


def words_of(text: str) -> list[str]:
    """An independent reading: runs of letters, digits and marks, compared without case and accents."""
    runs = regex.findall(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*", text)
    return ["".join(one for one in normalize("NFKD", run).casefold() if category(one) != "Mn") for run in runs]


@pytest.mark.realdata
def test_words_and_phrases_of_real_messages_are_found_in_just_those_that_hold_them(desk: Any, realdata: Path) -> None:
    lines = (realdata / "sms_messages.tsv").read_text(encoding="utf-8").splitlines()[1:]
    texts = [line.split("\t", 1)[1] for line in lines]
    desk.key = ("number",)
    desk.table(pa.table({"number": range(len(texts)), "body": texts}))
    index = desk.index(text=("body",), filter=(), sort=None)
    build(index, desk.context())
    holding: dict[str, set[int]] = defaultdict(set)
    for number, text in enumerate(texts):
        found = words_of(text)
        for at, one in enumerate(found):
            holding[one].add(number)
            if at:
                holding[f'"{found[at - 1]} {one}"'].add(number)
    chosen = sorted(holding, key=lambda query: (-len(holding[query]), query))
    everything = matching(desk.lake, index, "*").table["_rowid"].to_pylist()
    assert len(everything) == len(texts)
    first = min(everything)  # rows are numbered in the order in which they came
    for query in [*chosen[:20], *chosen[20:2_000:100], *chosen[2_000::1_500]]:
        known = matching(desk.lake, index, query).table["_rowid"].to_pylist()
        assert {row - first for row in known} == holding[query], query
