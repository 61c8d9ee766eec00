"""Stored bytes that nothing names are told of, and whatever names some is heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pumphouse.lake.strays import strays

from .conftest import Desk

LATER = datetime.now(UTC) + timedelta(days=2)


def test_what_a_build_a_list_an_answer_or_the_memory_names_is_no_stray(desk: Desk) -> None:
    blobs, state = desk.lake.blobs, desk.lake.state
    pack, _ = blobs.put_many([("ab" * 32, b"one"), ("cd" * 32, b"two")])
    page, page_sha = b"{'a page': 1}", blobs.put(b"{'a page': 1}")
    listed = blobs.put(b'{"exchanges": [{"sha": "%s"}, {"pack": "%s"}]}' % (page_sha.encode(), pack.encode()))
    made, version = blobs.put(b"a model"), blobs.put(b"a training set")
    upload, text = blobs.put(b"an upload"), blobs.put(b"a survey")
    left = blobs.put(b"left behind")
    assert strays(desk.lake).files == 0  # somebody may be about to name them
    assert strays(desk.lake, now=LATER).files == 8
    commit = desk.commit("orders")
    commit.replace("orders", desk.written("SELECT 1 AS id"))
    commit.raw(listed)
    commit.artefact("model", made, {"training_set": version})
    commit.publish()
    state.append("survey/exit", [("1", f'{{"sha256": "{upload}"}}')])
    state.append("predictions/x", [("1", "{}")])
    state.remember(f"survey:exit:{text}", "1")
    found = strays(desk.lake, now=LATER)
    assert (found.files, found.bytes, found.all_files) == (1, len(b"left behind"), 8)
    assert blobs.has(left)
    assert page == blobs.get(page_sha)
