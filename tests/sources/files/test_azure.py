"""Files in Azure's storage, as a server that speaks like it has them: found, kept, read again where they changed."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pumphouse.declare.files import files
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection

SERVER = Path(__file__).parent / "azure" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The one account that it has, as its documentation names it."""


@pytest.fixture
def container(works):
    """A function that writes a blob into a container, and the connection to that as `drops`."""
    if shutil.which("node") is None or not SERVER.exists():
        pytest.skip("no server of Azure's storage: make tests/sources/files/azure/node_modules/.ready")
    from pyarrow.fs import AzureFileSystem

    options = ("--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck")
    with subprocess.Popen(["node", SERVER, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = (re.search(r"listens on http://(127\.0\.0\.1:\d+)", line) for line in process.stdout)
        place = next(found[1] for found in said if found)
        where = dict.fromkeys(("blob_storage_authority", "dfs_storage_authority"), place)
        how = dict.fromkeys(("blob_storage_scheme", "dfs_storage_scheme"), "http")
        system = AzureFileSystem(ACCOUNT, account_key=KEY, **where, **how)
        system.create_dir("drops")
        works.connections["drops"] = Connection(
            name="drops",
            url="az://drops",
            options={"endpoint": f"http://{place}", "account": ACCOUNT, "account_key": KEY},
        )

        def put(path: str, body: bytes) -> None:
            with system.open_output_stream(f"drops/{path}", compression=None) as stream:
                stream.write(body)

        yield put
        process.terminate()


def test_blobs_that_match_become_rows_and_only_changed_ones_are_read_again(works, container):
    for day in range(3):
        container(f"days/{day}.csv.gz", gzip.compress(b"id\n%d\n" % day))
    container("days/readme.txt", b"no table")
    container("in/2024/a b.csv", b"id\n7\n")
    made = works.asset(files("az://drops/days/*.csv.gz", connection="drops"))
    works.run(made)
    assert works.rows() == [(0,), (1,), (2,)]
    assert works.run(made).snapshot is None
    container("days/1.csv.gz", gzip.compress(b"id\n11\n"))
    container("days/4.csv.gz", gzip.compress(b"id\n4\n"))
    assert works.run(made).counts.rows_in == 2
    assert works.rows() == [(0,), (2,), (4,), (11,)]

    works.run(works.asset(files("az://drops/in/2024/a b.csv", connection="drops"), name="one"))
    works.run(works.asset(files("az://drops/**/a*.csv", connection="drops"), name="deep"))
    assert works.rows("one") == works.rows("deep") == [(7,)]
    with pytest.raises(SourceError, match="there is nothing at drops/nothing"):
        works.run(works.asset(files("az://drops/nothing/*.csv", connection="drops"), name="none"))
    works.connections["drops"].options["account_key"] = "AAAA"
    with pytest.raises(SourceError, match="access was denied") as denied:
        works.run(works.asset(files("az://drops/**/a*.csv", connection="drops"), name="denied"))
    assert "AAAA" not in str(denied.value)
