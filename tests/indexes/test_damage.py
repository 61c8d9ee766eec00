"""An index of which something is missing: a search is right all the same, or says so, and the next run mends it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pumphouse.errors import LakeError
from pumphouse.indexes import views
from pumphouse.indexes.build import build
from pumphouse.indexes.manifest import current, folder_of, home
from pumphouse.indexes.searching import search
from pumphouse.indexes.segments import verify
from pumphouse.lake.builds import Counts
from pumphouse.lake.commit import Commit


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[3] ^= 1
    file.write_bytes(data)


def newest(desk: Any) -> Path:
    manifest, _ = current(desk.lake, "tickets_search")
    assert manifest is not None
    return folder_of(desk.lake, "tickets_search", manifest.newest)


def changed(desk: Any, rows: pa.Table) -> int:
    commit = Commit(desk.lake, "tickets", run="load", actor="tester")
    written = desk.lake.stage(rows.to_batches(), rows.schema, stem=f"t_{desk.lake.snapshot()}")
    commit.upsert("tickets", written, key=("ticket_id",))
    commit.publish(Counts())
    return int(desk.lake.snapshot())


def with_a_bitmap(desk: Any, tickets: pa.Table, run: str) -> None:
    """A run on after which rows have left the newest state's first segment."""
    changed(desk, tickets.slice(0, 1).set_column(2, "body", [[f"Now late, and a refund, {run}."]]))
    build(desk.index(), desk.context(run=run))
    assert list(newest(desk).glob("*.del"))


def test_what_is_cut_or_missing_is_seen_and_mended(desk: Any, tickets: pa.Table) -> None:
    desk.table(pa.concat_tables([tickets, tickets.slice(1).set_column(0, "ticket_id", [[11, 12, 13]])]))
    build(desk.index(), desk.context())
    harms: list[tuple[str, Callable[[Path], None]]] = [
        ("*.term", cut), ("*.idx", Path.unlink), ("*.del", cut), ("meta.json", cut), ("files.json", Path.unlink),
        ("*.term", flip), ("*.del", flip),
    ]  # fmt: skip
    for number, (which, harm) in enumerate(harms):
        with_a_bitmap(desk, tickets, f"run-{number}")
        harm(max(newest(desk).glob(which)))
        if harm is flip:  # a search does not read all, so the next run sees it
            with pytest.raises(ValueError, match="is damaged"):
                verify(newest(desk), chance=random.Random(1))
        else:
            found = search(desk.lake, desk.index(), "refund")
            assert (which, sorted(hit.key for hit in found.hits), found.total) == (which, [(1,), (2,), (11,)], 3)
            assert found.scanned > 0
        assert build(desk.index(), desk.context(run=f"mend-{number}")).snapshot is not None
        verify(newest(desk), chance=random.Random(1))
        found = search(desk.lake, desk.index(), "refund")
        assert (found.total, found.scanned) == (3, 0)


def test_a_damaged_manifest_is_told_and_made_again(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    for left in (b"{", b"\xff\xfe", b"{}", b""):
        (home(desk.lake, "tickets_search") / "manifest.json").write_bytes(left)
        with pytest.raises(LakeError, match="the manifest of index 'tickets_search' is damaged"):
            search(desk.lake, desk.index(), "refund")
    assert build(desk.index(), desk.context(run="run-2")).snapshot is not None
    assert search(desk.lake, desk.index(), "refund").total == 2


def test_an_index_without_any_file_is_read_from_the_lake(
    desk: Any, tickets: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    for file in newest(desk).iterdir():
        file.unlink()
    assert search(desk.lake, desk.index(), "refund").scanned == 4
    monkeypatch.setattr(views, "WHOLE_ROWS_MAX", 3)
    changed(desk, tickets.slice(0, 1).set_column(0, "ticket_id", [[9]]))
    with pytest.raises(LakeError, match=r"its files are damaged at \d+, too many for a search"):
        search(desk.lake, desk.index(), "refund")


def test_a_damaged_view_is_made_again(desk: Any, tickets: pa.Table) -> None:
    desk.table(tickets)
    build(desk.index(), desk.context())
    changed(desk, tickets.slice(0, 1).set_column(0, "ticket_id", [[9]]))
    assert search(desk.lake, desk.index(), "refund").total == 3
    [view] = (home(desk.lake, "tickets_search") / "views").iterdir()
    min(view.glob("*.term")).unlink()  # to cut it would cut the state's file too, which is the same one
    found = search(desk.lake, desk.index(), "refund")
    assert (found.total, found.scanned) == (3, 1)
