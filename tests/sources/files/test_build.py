from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import os
from decimal import Decimal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.declare.files import files
from pumphouse.declare.formats import csv, fixed_width
from pumphouse.errors import ConfigError, SourceError
from pumphouse.lake.changes import restore
from pumphouse.sources.files.build import changed

CDNOW = fixed_width(customer_id=5, bought_at="date", cds="integer", amount_usd="money")
NEW_YEAR = dt.datetime.fromisoformat("2024-01-01")
KNOWN = {"event": "bought_at", "known": "bought_at"}


def test_lines_cut_by_position_become_typed_rows_with_their_provenance(works):
    body = b" 00004 19970101  2   29.33\r\n 00004 19970118  2   29.73\r\n 00021 19970101 12    7.00\r\n"
    works.write("cdnow/a.txt.gz", gzip.compress(body))
    made = works.asset(files("cdnow/*.txt.gz", format=CDNOW, time=KNOWN))

    built = works.run(made)

    assert works.rows() == [
        (4, dt.date(1997, 1, 1), 2, Decimal("29.33")),
        (4, dt.date(1997, 1, 18), 2, Decimal("29.73")),
        (21, dt.date(1997, 1, 1), 12, Decimal("7.00")),
    ]
    types = works.types()
    assert (types["customer_id"], types["bought_at"], types["amount_usd"]) == ("BIGINT", "DATE", "DECIMAL(18,2)")
    (raw, loaded, known) = works.rows("raw", "_raw, _loaded_at, _known_at")[0]
    assert gzip.decompress(works.lake.blobs.get(raw)) == body
    assert loaded == works.now
    assert known == dt.datetime(1997, 1, 2, tzinfo=dt.UTC)  # the day was over
    assert (built.counts.rows_in, built.counts.rows_out, built.counts.withheld) == (3, 3, 0)


def test_a_width_takes_characters_where_the_column_before_ended(works):
    works.write("a.txt", "A1 007Ü\nB2 0123\n")
    works.run(works.asset(files("a.txt", format=fixed_width(code=3, number=2, rest=9))))
    assert works.rows() == [("A1", 0, "7Ü"), ("B2", 1, "23")]


def test_a_line_without_all_columns_is_withheld_and_a_cell_of_another_form_is_quarantined(works):
    works.write("a.txt", " 00001 19970101 1 11.77\n\nnot a line\n 00002 19971301 1 12.999\n")
    built = works.run(works.asset(files("a.txt", format=CDNOW)))
    assert works.rows() == [(1, dt.date(1997, 1, 1), 1, Decimal("11.77")), (2, None, 1, None)]
    assert works.quarantine() == [
        ("*", "not a line", "line 3 of a.txt does not have the columns customer_id, bought_at, cds, amount_usd"),
        ("amount_usd", "12.999", "is not a number of 2 decimals and 18 digits at most"),
        ("bought_at", "19971301", "is not a day (ISO 8601)"),
    ]
    counts = built.counts
    assert (counts.rows_in, counts.rows_out, counts.withheld, counts.quarantined) == (3, 2, 1, 2)


def test_a_form_that_does_not_exist_is_a_fault_of_the_declaration(idle):
    idle.write("a.txt", "1\n")
    with pytest.raises(ConfigError, match=r"fixed_width column 'a' is 'number'.*date, money, integer, text"):
        idle.run(idle.asset(files("a.txt", format=fixed_width(a="number"))))


def test_csv_columns_get_the_type_that_tells_every_cell_back(works):
    works.write(
        "a.csv",
        "id,zip,price,day,at,moment,flag,mixed,big,empty\n"
        "1,01234,1.50,2024-01-02,2024-01-02 03:04:05,2024-01-02T03:04:05+01:00,true,1,12345678901234567890,\n"
        '2,98765,2,2024-02-29,2024-01-02 03:04,2024-01-02T03:04:05Z,false,x,7,""\n',
    )
    works.run(works.asset(files("a.csv")))
    types = works.types()
    assert {
        name: types[name] for name in ("id", "zip", "price", "day", "at", "moment", "flag", "mixed", "big", "empty")
    } == {
        "id": "BIGINT",
        "zip": "VARCHAR",
        "price": "DOUBLE",
        "day": "DATE",
        "at": "TIMESTAMP",
        "moment": "TIMESTAMP WITH TIME ZONE",
        "flag": "BOOLEAN",
        "mixed": "VARCHAR",
        "big": "DECIMAL(38,0)",
        "empty": "VARCHAR",
    }
    assert works.rows("raw", "id, zip, price, mixed, big, empty")[0] == (
        1,
        "01234",
        1.5,
        "1",
        Decimal("12345678901234567890"),
        None,
    )
    assert works.rows("raw", "moment")[0][0] == dt.datetime(2024, 1, 2, 2, 4, 5, tzinfo=dt.UTC)


def test_ragged_lines_are_withheld_with_their_number_and_text(works):
    works.write("a.csv", 'a,b,c\n1,2,3\n1,2\n1,2,3,4\n"x""y",2,3\n5,"6\n')
    built = works.run(works.asset(files("a.csv")))
    assert works.rows() == [("1", 2, 3), ('x"y', 2, 3)]
    assert works.quarantine() == [
        ("*", "1,2", "line 3 of a.csv has fewer cells than the header"),
        ("*", "1,2,3,4", "line 4 of a.csv has more cells than the header"),
        ("*", '5,"6\n', "line 6 of a.csv has a quote that is not closed, or not where a cell ends"),
    ]
    counts = built.counts
    assert (counts.rows_in, counts.rows_out, counts.withheld) == (5, 2, 3)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_withheld_row_is_named_by_the_line_of_the_file_on_which_it_begins(works, ending):
    lines = ["", "a,b", '1,"x', 'y"', "2", '3,"ü', "", 'z"', "4,5,6", '"7', '8"']
    works.write("a.csv", ending.join(lines))
    works.run(works.asset(files("a.csv")))
    reasons = sorted((original, reason) for _, original, reason in works.quarantine())
    assert [(original.rstrip("\r\n"), reason.split()[1]) for original, reason in reasons] == [
        (f'"7{ending}8"', "10"),
        ("2", "5"),
        ("4,5,6", "9"),
    ]


def test_a_number_too_small_for_a_double_keeps_its_column_as_text_or_is_quarantined(works):
    path = works.write("a.csv", "n,m\n1e-400,0.5\n0.0,0e5\n")
    made = works.asset(files("a.csv"))
    works.run(made)
    assert works.rows("raw", "n, m", "m") == [("0.0", 0.0), ("1e-400", 0.5)]
    path.write_text("n,m\n1,0.5\n0,-0.01e-350\n")
    works.run(made)
    assert works.rows("raw", "n, m", "n") == [("0", None), ("1", 0.5)]
    assert works.quarantine() == [("m", "-0.01e-350", "is not a number that a double holds")]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_quoted_last_line_without_a_line_end_is_a_line(works, ending):
    works.write("a.csv", f'\ufeff{ending}"a";"b"{ending}1;"x y"{ending}2;"z"')
    works.run(works.asset(files("a.csv")))
    assert works.rows() == [(1, "x y"), (2, "z")]


def test_a_tab_separated_file_and_a_header_with_gaps(works):
    works.write("a.tsv", "\tname, first\n1\tx\n")
    works.run(works.asset(files("a.tsv")))
    assert works.rows("raw", 'column_1, "name, first"') == [(1, "x")]


def test_files_of_one_pattern_may_have_different_columns(works):
    works.write("in/a.csv", "id,a\n1,x\n")
    works.write("in/b.csv", "id,b\n2,2.5\n")
    works.run(works.asset(files("in/*.csv")))
    assert works.rows("raw", "id, a, b") == [(1, "x", None), (2, None, 2.5)]


def test_a_name_that_sql_does_not_tell_apart_from_one_before_gets_a_number_and_is_told(works):
    works.write("a.csv", "Id,id,id_2,ID\n1,2,3,4\n")
    built = works.run(works.asset(files("a.csv")))
    assert works.rows("raw", "Id, id_3, id_2, ID_4") == [(1, 2, 3, 4)]
    assert built.warnings[0] == "a.csv: column 2 is called 'id', as one before it, and becomes 'id_3'"


def test_another_encoding_is_read_and_told_until_it_is_said(works):
    works.write("a.csv", "name\nMüller\nJürgen\n".encode("cp1252"))
    built = works.run(works.asset(files("a.csv")))
    assert works.rows() == [("Jürgen",), ("Müller",)]
    assert built.warnings == ('a.csv: read as cp1252; ph.csv(encoding="cp1252") says so for good',)

    built = works.run(works.asset(files("a.csv", format=csv(encoding="cp1252"))), mode="full")
    assert works.rows() == [("Jürgen",), ("Müller",)]
    assert built.warnings == ()


def test_the_byte_of_another_encoding_is_counted_through_a_long_file(idle):
    idle.write("a.csv", b"name\n" + "ü\n".encode() * 700_000 + b"\xff\n")
    with pytest.raises(SourceError, match=r"byte 2,100,005 \(0xff\), in line 700,002"):
        idle.run(idle.asset(files("a.csv")))


def test_a_format_without_other_encodings_does_not_offer_one(idle):
    idle.write("latin.jsonl", '{"a": "é"}'.encode("latin-1"))
    with pytest.raises(
        SourceError, match=r"latin\.jsonl: it is not utf-8: byte 7 \(0xe9\), in line 1\. Save it as UTF-8\."
    ):
        idle.run(idle.asset(files("latin.jsonl")))


@pytest.mark.parametrize("pattern", ["", "/etc/*.csv"])
def test_a_pattern_outside_the_project_is_refused(idle, pattern):
    with pytest.raises(ConfigError, match="is no pattern of files"):
        idle.run(idle.asset(files(pattern)))


def test_a_delimiter_is_one_character(idle):
    idle.write("d.csv", "a||b\n")
    with pytest.raises(ConfigError, match=r"delimiter '\|\|' is not one character"):
        idle.run(idle.asset(files("d.csv", format=csv(delimiter="||"))))


def test_an_encoding_that_does_not_exist_is_named(idle):
    idle.write("a.csv", "a\n1\n")
    with pytest.raises(ConfigError, match="'latin-99' is no encoding"):
        idle.run(idle.asset(files("a.csv", format=csv(encoding="latin-99"))))


def test_a_gzip_that_was_cut_off_is_refused_and_not_read_in_half(idle):
    idle.write("a.csv.gz", gzip.compress(b"a,b\n" + os.urandom(50_000).hex().encode() + b",1\n" * 1000)[:-40])
    with pytest.raises(SourceError, match=r"a\.csv\.gz: its gzip is damaged or cut off"):
        idle.run(idle.asset(files("*.gz")))


def test_a_missing_file_names_pattern_folder_and_what_is_near(idle):
    idle.write("cdnow/purchases.txt.gz", b"")
    with pytest.raises(SourceError) as caught:
        idle.run(idle.asset(files("cdnow/purchase.txt.gz", format=CDNOW)))
    assert f"no file matches 'cdnow/purchase.txt.gz' in {idle.folder}" in str(caught.value)
    assert "there is purchases.txt.gz" in str(caught.value)


def test_a_missing_folder_names_the_one_that_is_near_and_nothing_hidden(idle):
    idle.write("visits/a.csv", b"")
    idle.write(".hidden/a.csv", b"")
    with pytest.raises(SourceError, match=r"there is visits\."):
        idle.run(idle.asset(files("visit/*.csv")))
    with pytest.raises(SourceError) as caught:
        idle.run(idle.asset(files("qqq/*.csv")))
    assert ".hidden" not in str(caught.value)


def test_an_empty_file_is_refused_alone_and_told_among_others(works):
    works.write("in/a.csv", b"")
    with pytest.raises(SourceError, match=r"in/a\.csv: nothing in it"):
        works.run(works.asset(files("in/*.csv")))
    works.write("in/b.csv", "a\n1\n")
    works.write("in/c.csv", " \n\n")
    built = works.run(works.asset(files("in/*.csv")))
    assert built.warnings == ("2 of 3 files are empty, the first is in/a.csv",)
    assert works.rows() == [(1,)]


def test_a_header_without_lines_is_a_table_without_rows(works):
    works.write("a.csv", "a,b\n")
    built = works.run(works.asset(files("a.csv")))
    assert built.counts.rows_in == 0
    assert works.rows() == []
    assert list(works.types())[:2] == ["a", "b"]


def test_json_as_a_list_and_as_lines(works):
    works.write("in/a.json", msgspec.json.encode([{"id": 1, "tags": ["x", "y"]}, {"id": 2, "tags": None}]))
    works.write("in/b.jsonl", '{"id": 3, "more": {"k": 1}}\n\n{"id": 4}\n{"id": \n[5]\n')
    built = works.run(works.asset(files("in/*")))
    assert works.rows("raw", "id, tags, more") == [
        (1, '["x","y"]', None),
        (2, None, None),
        (3, None, '{"k":1}'),
        (4, None, None),
    ]
    assert works.quarantine() == [
        ("*", "[5]", "line 5 of in/b.jsonl is no object"),
        ("*", '{"id": ', "line 4 of in/b.jsonl is not JSON: it ends in the middle, after 8 characters"),
    ]
    assert built.counts.rows_in == built.counts.rows_out + built.counts.withheld == 6


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_what_a_reader_of_json_would_lose_is_withheld_with_its_reason(works, name):
    kept = ['{"id": 1, "said": "an e-mail, \\u0022quoted\\", e-123"}', '{"id": 2, "n": 0.0, "m": 1e-300}']
    lost = [
        '{"id": 3, "id": 4}',
        '{"id": 5, "more": {"a": 1, "\\u0061": 2}}',
        '{"id": 6, "n": 1e-400}',
        f'{{"id": 7, "n": 0.{"0" * 400}1}}',
    ]
    rows = [*kept, *lost]
    works.write(name, "\n".join(rows) if name == "a.jsonl" else f"[{','.join(rows)}]")
    built = works.run(works.asset(files(name)))
    assert works.rows("raw", "id, n, m") == [(1, None, None), (2, 0.0, 1e-300)]
    what = "line" if name == "a.jsonl" else "row"
    found = {original: reason for _, original, reason in works.quarantine()}
    assert list(map(found.get, lost[:3])) == [
        f"{what} 3 of {name} has 'id' 2 times",
        f"{what} 4 of {name} has 'a' 2 times",
        f"{what} 5 of {name} holds 1e-400, which is beyond what a double can hold",
    ]
    assert lost[3] in found
    assert built.counts.withheld == 4


def test_truncated_json_is_refused_naming_the_file(idle):
    idle.write("a.json", '[{"id": 1}, {"id"')
    with pytest.raises(SourceError, match=r"a\.json: it is not JSON: it ends in the middle, after 17 characters"):
        idle.run(idle.asset(files("a.json")))


def test_parquet_keeps_its_types_and_nested_values_become_json(works):
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int32()),
            "at": pa.array([NEW_YEAR] * 2, pa.timestamp("ns")),
            "tags": [["a"], None],
            "amount": pa.array([Decimal("1.25"), None], pa.decimal128(9, 2)),
        }
    )
    pq.write_table(table, works.folder / "a.parquet")
    works.run(works.asset(files("a.parquet")))
    assert works.rows() == [
        (1, NEW_YEAR, '["a"]', Decimal("1.25")),
        (2, NEW_YEAR, None, None),
    ]
    assert works.types()["id"] == "INTEGER"


def test_half_a_parquet_file_is_refused(idle):
    pq.write_table(pa.table({"id": [1, 2]}), idle.folder / "a.parquet")
    idle.write("a.parquet", (idle.folder / "a.parquet").read_bytes()[:-10])
    with pytest.raises(SourceError, match="it is no whole Parquet file"):
        idle.run(idle.asset(files("a.parquet")))


def test_an_ending_that_says_nothing_needs_a_format(idle):
    idle.write("a.txt", "1")
    with pytest.raises(ConfigError, match="its ending does not say what is in it"):
        idle.run(idle.asset(files("a.txt")))


def test_unchanged_files_change_nothing_and_a_changed_one_replaces_the_table(works):
    path = works.write("in/a.csv", "id\n1\n")
    works.write("in/b.csv", "id\n2\n")
    made = works.asset(files("in/*.csv"))
    assert changed(made[0], works.lake, works.folder)
    first = works.run(made)
    assert not changed(made[0], works.lake, works.folder)
    assert works.run(made).snapshot is None

    os.utime(path, ns=(1, 1))  # touched, same bytes
    assert not changed(made[0], works.lake, works.folder)
    assert works.run(made).snapshot is None

    assert not changed(made[0], works.lake, works.folder)
    path.write_text("id\n7\n")
    assert changed(made[0], works.lake, works.folder)
    second = works.run(made)
    assert works.rows() == [(2,), (7,)]
    assert works.lake.snapshot() == second.snapshot > first.snapshot

    path.unlink()
    assert changed(made[0], works.lake, works.folder)
    works.run(made)
    assert works.rows() == [(2,)]


def test_the_bytes_of_a_touched_file_are_looked_at_once(works, monkeypatch):
    path = works.write("a.csv", "id\n1\n")
    made, _ = pair = works.asset(files("a.csv"))
    works.run(pair)
    os.utime(path, ns=(1, 1))
    hashed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: hashed.append(file.name) or digest(file, name))
    assert [changed(made, works.lake, works.folder) for _ in range(3)] == [False] * 3
    assert hashed == [str(path)]
    path.write_text("id\n2\n")
    os.utime(path, ns=(2, 2))
    assert [changed(made, works.lake, works.folder) for _ in range(3)] == [True] * 3
    assert hashed == [str(path)] * 2


def test_what_cannot_be_looked_at_counts_as_changed(works):
    path = works.write("a.csv", "id\n1\n")
    made, _ = pair = works.asset(files("a.csv"))
    works.run(pair)
    path.unlink()
    path.symlink_to(path)
    assert changed(made, works.lake, works.folder)
    path.unlink()
    path.mkdir()
    assert changed(made, works.lake, works.folder)


def test_a_rebuild_reads_the_stored_bytes_and_not_the_folder(works):
    path = works.write("a.csv", "id,n\n1,x\n")
    made = works.asset(files("a.csv"))
    works.run(made)
    before = works.rows("raw", "*, _loaded_at, _raw")
    path.unlink()
    built = works.run(made, mode="full")
    assert built.snapshot is not None
    assert works.rows("raw", "*, _loaded_at, _raw") == before
    works.run(made, mode="full")  # from the manifest of a rebuild
    assert works.rows("raw", "*, _loaded_at, _raw") == before


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_lost_bytes_are_told_as_the_assets_own_error_and_a_refetch_mends_it(works, damage):
    works.write("a.csv", "id,n\n1,x\n")
    asset, _ = made = works.asset(files("a.csv"))
    works.run(made)
    before = works.rows()
    manifest = works.lake.blobs.path(works.lake.builds()["raw"].raw)
    manifest.unlink() if damage == "gone" else manifest.write_bytes(b"{}")
    assert changed(asset, works.lake, works.folder)
    for mode in ("normal", "full"):
        with pytest.raises(SourceError, match=r"what 'raw' gathered before can't be read.*run raw --refetch"):
            works.run(made, mode=mode)
    assert works.run(made, mode="refetch").snapshot is not None
    assert works.rows() == before
    assert not changed(asset, works.lake, works.folder)
    assert works.run(made).snapshot is None


def test_a_restored_table_stays_until_its_files_change_again(works):
    path = works.write("a.csv", "id\n1\n")
    asset, _ = made = works.asset(files("a.csv"))
    first = works.run(made)
    path.write_text("id\n22\n")
    works.run(made)
    restore(works.lake, "raw", to=first.snapshot, run="r", actor="ann")
    assert works.rows() == [(1,)]
    assert not changed(asset, works.lake, works.folder)
    path.write_text("id\n1\n")  # what the restored content was made from
    assert not changed(asset, works.lake, works.folder)
    path.write_text("id\n333\n")
    assert changed(asset, works.lake, works.folder)
    works.run(made)
    assert works.rows() == [(333,)]


def test_a_file_with_a_key_is_compared_whole(works):
    path = works.write("a.csv", "id,n\n1,x\n2,y\n3,z\n3,zz\n,lost\n")
    made = works.asset(files("a.csv", key="id"))
    counts = works.run(made).counts
    assert works.rows() == [(1, "x"), (2, "y"), (3, "zz")]
    assert (counts.rows_in, counts.rows_out, counts.merged, counts.withheld) == (5, 3, 1, 1)
    assert works.quarantine() == [("*", '{"n":"lost"}', "key 'id' is null")]

    path.write_text("id,n\n2,y\n3,new\n4,w\n")
    works.run(made)
    assert works.rows() == [(2, "y"), (3, "new"), (4, "w")]
    loaded = dict(works.rows("raw", "id, _loaded_at"))
    assert loaded[2] < loaded[3] == loaded[4] == works.now


def test_a_sample_stops_early(works):
    works.write("a.csv", "id\n" + "\n".join(map(str, range(300_000))) + "\n")
    assert works.run(works.asset(files("a.csv")), sample=10).counts.rows_out == 10
    assert len(works.rows()) == 10


def test_a_file_at_an_address_is_stored_and_read(works, world):
    world.replies["/data/a.csv"] = csv_reply = _reply("id\n1\n")
    made = works.asset(files(f"{world.url}/data/a.csv"))
    works.run(made)
    assert works.rows() == [(1,)]
    assert works.run(made).snapshot is None
    csv_reply.status = 404
    with pytest.raises(SourceError, match=r"/data/a\.csv answered 404"):
        works.run(made)


def test_an_emptied_file_does_not_empty_the_table_unasked(works):
    path = works.write("a.csv", "id\n1\n")
    made = works.asset(files("a.csv"))
    works.run(made)
    path.write_text("id\n")
    with pytest.raises(SourceError, match="gave no row, and its table would be emptied"):
        works.run(made)
    assert works.rows() == [(1,)]
    works.run(made, mode="refetch")
    assert works.rows() == []


@pytest.mark.realdata
def test_real_files_are_read_to_the_last_row(works, realdata):
    for name in ("hillstrom.csv", "sms_messages.tsv"):
        works.write(f"in/{name}", (realdata / name).read_bytes())
        works.run(works.asset(files(f"in/{name}"), name.partition(".")[0]))
    assert len(works.rows("hillstrom", "spend")) == 64_000
    assert works.types("hillstrom")["spend"] == "DOUBLE"
    # Messages with a lone quote: each is withheld with the lines up to where it could close, and none is lost.
    withheld = [line for _, text, _ in works.quarantine("sms_messages") for line in text.rstrip("\n").split("\n")]
    header = 1
    assert header + len(works.rows("sms_messages")) + len(withheld) == 5_575


def _reply(body: str):
    from http import HTTPStatus

    class Reply:
        def __init__(self) -> None:
            self.body, self.status, self.headers, self.declared_length = body.encode(), HTTPStatus.OK, {}, None

    return Reply()
