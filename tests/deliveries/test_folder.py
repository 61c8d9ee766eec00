from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pumphouse.deliveries.folder import deliver
from pumphouse.deliveries.parcel import Parcel
from pumphouse.errors import BuildError

ROWS = pa.table({"customer_id": [1, 2, 3], "note": ["a", "=1+1", None]})
MORE = pa.table({"customer_id": range(20_000), "note": ["x" * 50] * 20_000})

INTERRUPTED = """
import os, resource, signal, sys
import pyarrow as pa
from pathlib import Path
from datetime import datetime, timezone
from pumphouse.deliveries.folder import deliver
from pumphouse.deliveries.parcel import Parcel

rows = pa.table({"customer_id": range(20_000), "note": ["x" * 50] * 20_000})

def killed():
    for number, batch in enumerate(rows.to_batches(max_chunksize=5_000)):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch

if sys.argv[2] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
given = killed if sys.argv[2] == "killed" else lambda: rows.to_batches(max_chunksize=1_000)
parcel = Parcel(delivery="to_buyers", table="customers", to="folder:out", snapshot=8, version=8, fingerprint="code-1",
                made_at=datetime.now(timezone.utc), definition="", schema=rows.schema, rows=given)
try:
    deliver(parcel, folder=Path(sys.argv[1]), run="run-2")
except Exception as error:
    print(type(error).__name__, error)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_and_a_manifest_that_says_what_it_is(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    receipt = deliver(parcel(ROWS), folder=tmp_path / "out" / "buyers", run="run-1")
    folder = tmp_path / "out" / "buyers"
    data = (folder / "customers.csv").read_bytes()
    assert data.decode() == '"customer_id","note"\n1,"a"\n2,"\'=1+1"\n3,\n'
    manifest = json.loads((folder / "customers.csv.json").read_text())
    assert manifest == receipt.manifest
    assert manifest["rows"] == receipt.rows == 3
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert manifest["bytes"] == len(data)
    assert manifest["snapshot"] == 7
    assert manifest["definition"] == "One row per customer."
    assert manifest["made_at"] == "2026-11-23T06:05:00+00:00"
    assert manifest["columns"][0] == {"name": "customer_id", "type": "int64"}
    assert names(folder) == ["customers.csv", "customers.csv.json"]


def test_a_repeat_sends_nothing(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    deliver(parcel(ROWS), folder=tmp_path, run="run-1")
    before = (tmp_path / "customers.csv").stat()

    def unread() -> list[pa.RecordBatch]:
        raise AssertionError("rows were asked for again")

    receipt = deliver(parcel(ROWS, rows=unread, snapshot=9), folder=tmp_path, run="run-2")
    assert receipt.was_there
    assert receipt.rows == 3
    assert receipt.manifest["snapshot"] == 7
    assert (tmp_path / "customers.csv").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("change", [{"version": 6}, {"fingerprint": "code-2"}, {"to": "folder:other"}])
def test_another_version_or_code_is_delivered(
    tmp_path: Path, parcel: Callable[..., Parcel], change: dict[str, object]
) -> None:
    deliver(parcel(ROWS), folder=tmp_path, run="run-1")
    assert not deliver(parcel(ROWS, **change), folder=tmp_path, run="run-2").was_there


def test_a_file_that_is_not_what_its_manifest_says_is_delivered_again(
    tmp_path: Path, parcel: Callable[..., Parcel]
) -> None:
    deliver(parcel(ROWS), folder=tmp_path, run="run-1")
    right = (tmp_path / "customers.csv").read_bytes()
    (tmp_path / "customers.csv").write_bytes(right[:-5])
    assert not deliver(parcel(ROWS), folder=tmp_path, run="run-2").was_there
    assert (tmp_path / "customers.csv").read_bytes() == right
    (tmp_path / "customers.csv.json").write_text("{not json")
    assert not deliver(parcel(ROWS), folder=tmp_path, run="run-3").was_there


def test_a_full_disk_leaves_the_last_delivery_whole(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    deliver(parcel(ROWS), folder=tmp_path, run="run-1")
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED, tmp_path, "full"], capture_output=True, text=True)
    assert ran.stdout.startswith("BuildError 'customers' could not be written to"), ran.stderr
    assert "File too large" in ran.stdout
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_a_run_that_is_killed_leaves_the_last_delivery_and_the_next_one_tidies(
    tmp_path: Path, parcel: Callable[..., Parcel]
) -> None:
    deliver(parcel(ROWS), folder=tmp_path, run="run-1")
    before = (tmp_path / "customers.csv").read_bytes()
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED, tmp_path, "killed"], capture_output=True)
    assert ran.returncode == -9
    assert (tmp_path / "customers.csv").read_bytes() == before
    assert names(tmp_path)[0] == ".customers.csv.run-2.part"
    assert deliver(parcel(MORE, version=8), folder=tmp_path, run="run-3").rows == 20_000
    assert names(tmp_path) == ["customers.csv", "customers.csv.json"]


def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path, parcel: Callable[..., Parcel]) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BuildError, match=r"could not be written to .*out.*: File exists") as raised:
        deliver(parcel(ROWS), folder=tmp_path / "out", run="run-1")
    assert raised.value.asset == "to_buyers"
