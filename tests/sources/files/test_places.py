"""Files in object storage: found by a pattern, kept and read like those of a folder, and told well where that fails."""

from __future__ import annotations

import gzip
import socket
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.declare.files import files
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.context import Connection
from pumphouse.sources.files.build import changed

SECRET = "do-not-show-this-key"
BUCKETS = count(1)


@pytest.fixture
def bucket(works, s3):
    """A bucket of its own for each test, and the connection to it."""
    name = f"drops{next(BUCKETS)}"
    s3.put(name)
    connect(works, f"s3://{name}", endpoint=s3.url)
    return name


def connect(works, url, **options):
    keys = {"access_key": "AKID", "secret_key": SECRET} if url.startswith("s3") else {}
    works.connections["drops"] = Connection(name="drops", url=url, options={**keys, **options})


def test_objects_that_match_become_rows_and_only_new_ones_are_read_again(works, s3, bucket):
    for day in range(5):
        s3.put(f"{bucket}/days/{day}.csv.gz", gzip.compress(f"id\n{day}\n".encode()))
    s3.put(f"{bucket}/days/readme.txt", b"no table")
    s3.put(f"{bucket}/days/deeper/9.csv.gz", gzip.compress(b"id\n9\n"))
    asset, _ = made = works.asset(files(f"s3://{bucket}/days/*.csv.gz", connection="drops"))
    works.run(made)
    assert works.rows() == [(0,), (1,), (2,), (3,), (4,)]
    first = works.now
    assert not changed(asset, works.lake, works.folder)  # an address is asked by a run only
    assert works.run(made).snapshot is None

    s3.put(f"{bucket}/days/5.csv.gz", gzip.compress(b"id\n5\n"))
    s3.delete(f"{bucket}/days/0.csv.gz")
    built = works.run(made)
    assert built.counts.rows_in == 1
    assert works.rows("raw", "id, _loaded_at") == [(id, first if id < 5 else works.now) for id in range(1, 6)]
    before = works.rows("raw", "*, _loaded_at, _raw")
    s3.delete(f"{bucket}/days/1.csv.gz")
    works.run(made, mode="full")  # asks nobody
    assert works.rows("raw", "*, _loaded_at, _raw") == before
    raw = works.rows("raw", "_raw", "id")[0][0]
    assert gzip.decompress(works.lake.blobs.get(raw)) == b"id\n1\n"


def test_two_stars_stand_for_any_folders_and_a_key_alone_for_itself(works, s3, bucket, tmp_path):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    body = (tmp_path / "a.parquet").read_bytes()
    for key in ("a.parquet", "in/2024/a.parquet", "in/2024/01/b b.parquet", "in/c.parquet", "in/c.json"):
        s3.put(f"{bucket}/{key.replace(' ', '%20')}", body)
    for pattern, rows in (("in/**/*.parquet", 3), ("in/*/*.parquet", 1), ("in/c.parquet", 1), ("**/a.parquet", 2)):
        name = f"t{rows}{len(pattern)}"
        works.run(works.asset(files(f"s3://{bucket}/{pattern}", connection="drops"), name=name))
        assert len(works.rows(name)) == rows, pattern


def test_a_listing_of_more_than_one_page_is_read_to_its_end(works, s3, bucket):
    for number in range(1000):  # as many as a page has
        s3.put(f"{bucket}/many/{number:04}.txt")
    for number in range(5):
        s3.put(f"{bucket}/many/later{number}.csv", b"id\n%d\n" % number)
    works.run(works.asset(files(f"s3://{bucket}/many/*.csv", connection="drops")))
    assert works.rows() == [(0,), (1,), (2,), (3,), (4,)]
    assert len(list(works.lake.blobs.packs.iterdir())) == 1


def test_a_large_object_is_stored_by_itself(works, s3, bucket):
    body = b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"x" * 100) for number in range(4000))
    s3.put(f"{bucket}/large.csv", body)
    works.run(works.asset(files(f"s3://{bucket}/large.csv", connection="drops")))
    assert works.rows("raw", "count(*)") == [(4000,)]
    (raw,) = {raw for (raw,) in works.rows("raw", "_raw")}
    assert works.lake.blobs.path(raw).read_bytes() == body


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("s3://{bucket}/nothing/*.csv", r"there is nothing at {bucket}/nothing"),
        ("s3://{bucket}/nothing.csv", r"no object matches 's3://{bucket}/nothing\.csv'"),
        ("s3://{bucket}", r"names no bucket and key.*Write s3://bucket/folder"),
        ("s3://other/a.csv", r"is not below s3://{bucket}.*declare a connection for this one"),
    ],
)
def test_a_place_without_files_is_told(works, bucket, pattern, said):
    made = works.asset(files(pattern.format(bucket=bucket), connection="drops"))
    with pytest.raises((SourceError, ConfigError), match=said.format(bucket=bucket)):
        works.run(made)


def test_no_bucket_no_right_and_no_answer_are_told_without_the_key(works, s3, bucket, caplog):
    s3.put(f"{bucket}/a.csv", b"id\n1\n")
    connect(works, "s3://nosuchbucket", endpoint=s3.url)
    told = []
    with pytest.raises(SourceError, match="there is no bucket 'nosuchbucket'") as caught:
        works.run(works.asset(files("s3://nosuchbucket/*.csv", connection="drops")))
    told.append(str(caught.value))

    connect(works, f"s3://{bucket}", endpoint=s3.url)
    made = works.asset(files(f"s3://{bucket}/*.csv", connection="drops"))
    s3.ask_for_keys(after=0)
    try:
        with pytest.raises(SourceError, match=r"access was denied.*\[connections\.drops\] needs the right") as caught:
            works.run(made)
    finally:
        s3.ask_for_keys(after=10**9)
    told.append(str(caught.value))

    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        connect(works, f"s3://{bucket}", endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(SourceError, match="could not be reached, in 3 tries") as caught:
            works.run(made)
    told.append(str(caught.value))
    assert SECRET not in "".join((*told, caplog.text))
    assert works.lake.tables() == ()


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("s3://b", {"regoin": "x"}, r"says 'regoin', which s3:// has no use for.*Did you mean 'region'"),
        ("s3://b", {"endpoint": "minio:9000"}, r"can't be opened.*it takes endpoint, region"),
        ("az://b", {"account_key": SECRET}, r"can't be opened.*of which account is needed"),
        ("gs://b", {"region": "x"}, r"gs:// has no use for.*It takes endpoint, anonymous"),
    ],
)
def test_what_a_connection_can_not_say_is_told_with_what_it_can(idle, url, options, said):
    connect(idle, url, **options)
    with pytest.raises(ConfigError, match=said) as caught:
        idle.run(idle.asset(files(f"{url}/*.csv", connection="drops")))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options"),
    [("gs://b", {"anonymous": True}), ("az://b", {"account": "acc", "account_key": "c2VjcmV0"})],
)
def test_other_storage_that_does_not_answer_is_told(idle, url, options, monkeypatch):
    from pumphouse.sources.files import places

    monkeypatch.setattr(places, "TRYING_S_MAX", 1)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        connect(idle, url, endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}", **options)
        with pytest.raises(SourceError, match="b could not be reached"):
            idle.run(idle.asset(files(f"{url}/*.csv", connection="drops")))
