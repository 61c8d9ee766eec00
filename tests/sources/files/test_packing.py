from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import pyarrow as pa
import pytest

from pumphouse.declare.formats import csv
from pumphouse.errors import SourceError
from pumphouse.sources.files import packing

ROWS = b"id,name\n1,x\n2,y\n"
PACKED = {
    "a.csv.gz": gzip.compress(ROWS),
    "a.csv.zst": pa.compress(ROWS, codec="zstd", asbytes=True),
    "a.csv.bz2": bz2.compress(ROWS),
    "a.csv.xz": lzma.compress(ROWS),
}


def zipped(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return sink.getvalue()


def test_what_is_packed_is_read_by_its_bytes_and_named_by_the_ending_before(desk):
    for name, body in PACKED.items():
        assert desk.read({name: body}).rows == [(1, "x"), (2, "y")]
    several = PACKED["a.csv.gz"] + gzip.compress(b"3,z\n")
    assert desk.read({"a.csv": several}).rows == [(1, "x"), (2, "y"), (3, "z")]
    assert desk.read({"a.csv": b"BZh,b\n1,2\n"}).types == {"BZh": "int64", "b": "int64"}


@pytest.mark.parametrize("name", [*PACKED, "a.zip"])
def test_what_was_cut_off_or_changed_is_refused_naming_the_file(desk, name):
    body = PACKED.get(name) or zipped(("a.csv", ROWS * 20))
    with pytest.raises(SourceError, match=rf"{name}.*is damaged or cut off.*Fetch the file again"):
        desk.read({name: body[: len(body) * 2 // 3]})
    if name.endswith("zst"):  # written without a checksum
        return
    middle = 45 if name == "a.zip" else len(body) // 2
    damaged = body[:middle] + bytes([body[middle] ^ 0xFF, body[middle + 1] ^ 0xFF]) + body[middle + 2 :]
    with pytest.raises(SourceError, match="is damaged or cut off"):
        desk.read({name: damaged})


def test_members_of_a_zip_that_end_as_what_is_read_are_read_and_rows_say_from_which(desk):
    body = zipped(
        ("in/Ä.csv", b"id\n1\n"),
        ("b.csv.gz", gzip.compress(b"id\n2\n3,4\n")),
        ("readme.txt", b"hello"),
        ("__MACOSX/in/._a.csv", b"\0"),
        ("in/", b""),
    )
    came = desk.read({"a.zip": body})
    assert came.rows == [(1,), (2,)]
    assert [raw.partition("/")[2] for raw in came.raw] == ["in/Ä.csv", "b.csv.gz"]
    assert came.withheld == [("3,4", "line 3 of a.zip/b.csv.gz has more cells than the header")]
    assert came.ledger[0]["row_id"].endswith("/b.csv.gz:3")
    assert came.warnings == ["a.zip: 1 file in it is not read, the first is readme.txt"]


def test_a_zip_with_a_declared_format_is_read_by_its_usual_endings_else_whole(desk):
    semicolons = csv(delimiter=";")
    body = zipped(("a.txt", b"id;n\n1;2\n"), ("about.pdf", b"%PDF"))
    assert desk.read({"a.zip": body}, semicolons).rows == [(1, 2)]
    assert desk.read({"a.zip": zipped(("a.2024", b"id;n\n1;2\n"))}, semicolons).rows == [(1, 2)]
    with pytest.raises(SourceError, match=r"a\.zip: no file in it ends as one that is read: about\.pdf"):
        desk.read({"a.zip": zipped(("about.pdf", b"%PDF"))})
    with pytest.raises(SourceError, match="nothing in it"):
        desk.read({"a.zip": zipped()})
    with pytest.raises(SourceError, match="it is a zip in a zip"):
        desk.read({"a.zip": zipped(("b.csv", zipped(("c.csv", ROWS))))})


def test_a_bomb_is_refused_as_soon_as_it_is_too_large(desk, monkeypatch):
    monkeypatch.setattr(packing, "UNPACKED_BYTES_MAX", 100_000)
    zeros = bytes(3_000_000)
    for name, body in {
        "a.csv.gz": gzip.compress(zeros),
        "a.csv.xz": lzma.compress(zeros),
        "a.zip": zipped(("a.csv", zeros)),
        "b.zip": zipped(*((f"{at}.csv", b"a\n" + bytes(99_000)) for at in range(9))),
    }.items():
        with pytest.raises(SourceError, match=rf"{name}: its [\d,]+ bytes become more than"):
            desk.read({name: body})


def test_a_member_behind_a_password_is_refused(desk):
    body = bytearray(zipped(("a.csv", ROWS)))
    at = body.index(b"PK\x01\x02")
    body[6] |= 1
    body[at + 8] |= 1
    with pytest.raises(SourceError, match=r"a\.zip/a\.csv: it is protected by a password"):
        desk.read({"a.zip": bytes(body)})
