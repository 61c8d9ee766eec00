"""What goes wrong while files are found and kept: it is told, nothing is lost, and nothing comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from pumphouse.declare.files import files
from pumphouse.errors import LakeError, SourceError
from pumphouse.lake.blobs import Blobs
from pumphouse.sources.files import build, keeping, listing
from pumphouse.sources.files.build import changed
from pumphouse.sources.files.listing import matching, opened

NOBODY = 65534


@pytest.fixture
def made(works):
    for day in range(6):
        works.write(f"days/{day}.csv", f"id\n{day}\n")
    return works.asset(files("days/*.csv"))


@contextmanager
def as_somebody() -> Iterator[None]:
    """As a user to whom permissions apply."""
    own = os.geteuid()
    os.seteuid(NOBODY if own == 0 else own)
    try:
        yield
    finally:
        os.seteuid(own)


KILLED = """
import os, signal, sys
from pathlib import Path
from pumphouse.declare.files import files
from pumphouse.lake.blobs import Blobs
from pumphouse.sources.files import keeping
from pumphouse.sources.files.listing import Found, opened

folder, after = Path(sys.argv[1]), int(sys.argv[2])
keeping.PACK_BYTES_MAX = 8  # a pack for every few files

class Dying(Blobs):
    packed = 0
    def put_many(self, files):
        def dying():
            for one in files:
                if self.packed == after:
                    os.kill(os.getpid(), signal.SIGKILL)
                self.packed += 1
                yield one
        return super().put_many(dying())

found = [Found(f"days/{day}.csv", 5, 1) for day in range(6)]
keeping.PACK_FILES_MIN = 1
keeping.kept(found, Dying(folder / "lake" / "blobs"), known={}, opening=lambda some: opened(some, folder))
"""


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_run_that_is_killed_while_it_stores_leaves_nothing_half_and_the_next_has_all(works, made, after):
    command = [sys.executable, "-c", KILLED, str(works.folder), str(after)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(works.lake.blobs.arriving.iterdir())) == 1  # swept by a run of tomorrow
    works.run(made)
    assert works.rows() == [(day,) for day in range(6)]
    for (raw,) in works.rows("raw", "_raw"):
        assert works.lake.blobs.get(raw).startswith(b"id\n")


def test_on_a_full_disk_nothing_is_stored_and_the_next_run_goes_on(tmp_path, made, works):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        blobs = Blobs(disk / "blobs")
        works.write("days/big.csv", "id\n" + "7\n" * 2_000_000)
        found = matching(made[0], works.folder)
        with pytest.raises(LakeError, match=r"the lake's disk is full; nothing was changed.*Free some space"):
            keeping.kept(found, blobs, known={}, opening=lambda some: opened(some, works.folder))
        assert list(blobs.arriving.iterdir()) == []
        small = [one for one in found if one.size_bytes < 100]
        kept = keeping.kept(small, blobs, known={}, opening=lambda some: opened(some, works.folder))
        assert [blobs.get(one.sha) for one in kept] == [b"id\n%d\n" % day for day in range(6)]
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_file_that_goes_between_the_listing_and_the_copy_is_told(works, made, monkeypatch):
    def going(asset, folder):
        found = matching(asset, folder)
        (folder / "days/3.csv").unlink()
        return found

    monkeypatch.setattr(build, "matching", going)
    with pytest.raises(SourceError, match=r"days/3\.csv can't be read: No such file or directory"):
        works.run(made)
    monkeypatch.undo()
    works.run(made)
    assert works.rows() == [(0,), (1,), (2,), (4,), (5,)]


def test_of_a_file_that_grows_while_it_is_copied_what_was_copied_is_read(works, made, monkeypatch):
    def growing(wanted, folder):
        for one, file in zip(wanted, opened(wanted, folder), strict=True):
            if one.name == "days/3.csv":
                with (folder / one.name).open("a") as more:
                    more.write("33\n")
            yield file

    monkeypatch.setattr(build, "opened", growing)
    works.run(made)
    monkeypatch.undo()
    assert (33,) in works.rows()
    assert not changed(made[0], works.lake, works.folder)
    with (works.folder / "days/3.csv").open("a") as more:
        more.write("333\n")
    assert changed(made[0], works.lake, works.folder)
    assert works.run(made).counts.rows_in == 3
    assert len(works.rows()) == 8


def test_a_file_or_a_folder_that_may_not_be_read_is_told(works, made):
    works.write("days/deeper/1.csv", "id\n1\n")
    for path in (works.folder, *works.folder.parents):
        if path.stat().st_uid == os.geteuid() and len(path.parts) > 2:
            path.chmod(0o755)
    (works.folder / "days/deeper").chmod(0)
    asset, _ = works.asset(files("days/**/*.csv"), name="deep")
    try:
        with as_somebody(), pytest.raises(SourceError, match=r"days/deeper/? can't be read: Permission denied.*yours"):
            matching(asset, works.folder)
    finally:
        (works.folder / "days/deeper").chmod(0o755)


def test_names_may_hold_anything_that_is_text(works):
    names = ["a\nb.csv", "ünï — 日本.csv", "q'uo\"te.csv", "%20#?.csv", " .csv", ".hidden.csv", "[1].csv"]
    for number, name in enumerate(names):
        works.write(f"in/{name}", f"id\n{number}\n")
    asset, _ = made = works.asset(files("in/*.csv"))
    works.run(made)
    assert works.rows() == [(number,) for number in range(len(names))]
    assert not changed(asset, works.lake, works.folder)
    works.write("in/more.csv", "id\n9\n")
    assert works.run(made).counts.rows_in == 1

    with suppress(OSError):  # a file system may refuse such names
        os.close(os.open(os.fsencode(works.folder) + b"/in/\xff.csv", os.O_CREAT | os.O_WRONLY))
        with pytest.raises(SourceError, match=r"name is no text in UTF-8: b'in/\\xff\.csv'"):
            works.run(made)


def test_links_that_lead_in_circles_end(works):
    works.write("in/a.csv", "id\n1\n")
    works.write("in/deep/b.csv", "id\n2\n")
    (works.folder / "in/deep/loop").symlink_to(works.folder / "in")
    (works.folder / "in/self.csv").symlink_to("self.csv")
    (works.folder / "in/nothing.csv").symlink_to("not there")
    (works.folder / "in/link.csv").symlink_to("a.csv")
    found = {
        pattern: [one.name for one in matching(works.asset(files(pattern), name="t")[0], works.folder)]
        for pattern in ("in/**/*.csv", "in/*/loop/*.csv", "in/**", "**/b.csv", "in/deep/../a.csv")
    }
    assert found == {
        "in/**/*.csv": ["in/a.csv", "in/deep/b.csv", "in/link.csv"],
        "in/*/loop/*.csv": ["in/deep/loop/a.csv", "in/deep/loop/link.csv"],
        "in/**": ["in/a.csv", "in/deep/b.csv", "in/link.csv"],
        "**/b.csv": ["in/deep/b.csv"],
        "in/deep/../a.csv": ["in/deep/../a.csv"],
    }


def test_more_files_or_folders_than_the_bound_are_refused(works, made, monkeypatch):
    monkeypatch.setattr(listing, "FILES_MAX", 5)
    with pytest.raises(SourceError, match=r"more than 5 files match 'days/\*\.csv'.*fewer and larger"):
        works.run(made)
    monkeypatch.setattr(listing, "FOLDERS_MAX", 1)
    works.write("days/deeper/1.csv", "id\n1\n")
    with pytest.raises(SourceError, match="leads into more than 1 folders"):
        works.run(works.asset(files("days/**/1.csv")))
