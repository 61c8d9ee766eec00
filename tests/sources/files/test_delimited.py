from __future__ import annotations

import codecs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.declare.formats import csv
from pumphouse.errors import ConfigError, SourceError
from pumphouse.sources.files import delimited, delimited_many

ORDERS = "id;name;price\n1;Müller, Jürgen;1,50\n2;Öztürk;2,75\n"


def test_delimiter_and_encoding_are_found_and_told_the_same_for_the_same_bytes(desk):
    for encoding in ("utf-8", "cp1252", "utf-16"):
        body = ORDERS.encode(encoding)
        came = desk.read({"orders.csv": body})
        assert came.rows == [(1, "Müller, Jürgen", "1,50"), (2, "Öztürk", "2,75")]
        said = [f'orders.csv: read as {encoding}; ph.csv(encoding="{encoding}") says so for good']
        delimiter = "orders.csv: read with ';' between cells; ph.csv(delimiter=\";\") says so for good"
        assert came.warnings == [*(said if encoding != "utf-8" else []), delimiter]
        assert desk.read({"orders.csv": body}).warnings == came.warnings
        declared = desk.read({"orders.csv": body}, csv(delimiter=";", encoding=encoding))
        assert (declared.rows, declared.warnings) == (came.rows, [])


def test_what_is_the_same_in_many_files_is_told_once(desk):
    came = desk.read({f"{at}.csv": f"a;b\n{at};x\n".encode() for at in range(3)})
    assert came.rows == [(0, "x"), (1, "x"), (2, "x")]
    assert came.warnings == [
        "3 files, the first is 0.csv: read with ';' between cells; ph.csv(delimiter=\";\") says so for good"
    ]


def test_what_is_not_right_for_all_files_is_not_proposed_for_all(desk):
    came = desk.read({"1.csv": b"a,b\n1,x\n", "2.csv": b"a;b\n2;y\n", "3.csv": b"From May\na,b\n3,z\n"})
    assert came.warnings == [
        "2.csv: read with ';' between cells",
        "3.csv: read with 1 line above the header left out, the first is 'From May'",
    ]


def test_a_declared_delimiter_that_stands_nowhere_beside_another_that_does_is_refused(desk):
    with pytest.raises(SourceError, match=r"1.csv: ';', which .* nowhere in 'a,b'; ',' makes 2 columns of it"):
        desk.read({"1.csv": b"a,b\n1,x\n", "2.csv": b"a;b\n2;y\n"}, csv(delimiter=";"))
    assert desk.read({"1.csv": b"a\n1\n"}, csv(delimiter=";")).rows == [(1,)]
    assert desk.read({"1.csv": b"name\nSmith, Ann\n"}, csv(delimiter=";")).rows == [("Smith, Ann",)]
    assert desk.read({"1.csv": b"a,b\n1,x\n"}, csv(delimiter=";", names=["text"], header_row=1)).rows == [("1,x",)]


TEXTS = {
    "cp1251": "город;страна\nМосква;Россия\nКазань;Россия\nСофия;Болгария\n",
    "koi8-r": "город;страна\nМосква;Россия\nКазань;Россия\nНовосибирск;Россия\n",
    "cp1250": "miasto;kraj\nŁódź;Polska\nGdańsk;Polska\nWrocław;Polska\nŚwiętochłowice;Polska\n",
    "cp932": "都市;国\n東京とさいたま;日本\nオーサカ;日本\n",
    "gb18030": "城市;国家\n北京;中国\n上海;中国\n",
    "cp949": "도시;나라\n서울;대한민국\n부산;대한민국\n",
    "cp1253": "πόλη;χώρα\nΑθήνα;Ελλάδα\nΘεσσαλονίκη;Ελλάδα\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_old_encodings_are_told_by_words_that_read_as_words(desk, encoding):
    text = TEXTS[encoding]
    came = desk.read({"a.csv": text.encode(encoding)})
    assert [list(came.types), *map(list, came.rows)] == [line.split(";") for line in text.splitlines()]
    assert came.warnings[0].startswith(f"a.csv: read as {encoding};")


def test_where_an_encoding_can_not_be_told_a_person_is_asked(desk):
    with pytest.raises(SourceError) as caught:
        desk.read({"a.csv": "name\nEspaña\n".encode("cp1252")})
    assert "can't be told whether it is cp1252 (España) or cp1250 (Espańa)" in str(caught.value)
    assert 'ph.csv(encoding="cp1252")' in str(caught.value)
    with pytest.raises(SourceError, match=r"a\.csv: it is not utf-8: byte 21 \(0xff\), in line 4"):
        desk.read({"a.csv": "name\nMüller\nJürgen\n".encode() + b"\xff\n"})


def test_lines_above_the_header_and_comments_are_left_out_and_told(desk):
    body = b"Report of May, 2024\n# made by hand\n\nid,name,day,n\n1,x,2024-01-02,3\n2,y,2024-01-03\n"
    came = desk.read({"a.csv": body})
    assert list(came.types) == ["id", "name", "day", "n"]
    assert len(came.rows) == 1
    assert came.withheld == [("2,y,2024-01-03", "line 6 of a.csv has fewer cells than the header")]
    above = "2 lines above the header left out, the first is 'Report of May, 2024'"
    assert came.warnings == [f"a.csv: read with {above}; ph.csv(header_row=4) says so for good"]
    assert desk.read({"a.csv": body}, csv(header_row=4)).rows == came.rows


def test_a_text_without_a_header_is_told_by_its_values_or_asked_about(desk):
    came = desk.read({"a.csv": b"1,x,2024-01-02\n2,y,2024-01-03\n"})
    assert len(came.rows) == 2
    assert list(came.types) == ["column_1", "column_2", "column_3"]
    assert came.warnings == ["a.csv: read with no header; ph.csv(header_row=0) says so for good"]
    named = desk.read({"a.csv": b"1,x\n2,y\n"}, csv(names=["id", "name"]))
    assert (list(named.types), named.rows, named.warnings) == (["id", "name"], [(1, "x"), (2, "y")], [])
    with pytest.raises(SourceError, match=r"can't be told whether its first line is a header: 'country,2019,2020'"):
        desk.read({"a.csv": b"country,2019,2020\nDE,1,2\n"})
    came = desk.read({"a.csv": b"country,2019,2020\nDE,1,2\n"}, csv(header_row=1))
    assert came.rows == [("DE", 1, 2)]
    assert desk.read({"a.csv": b"id,2019,2020\n7,1,2\n"}).rows == [(7, 1, 2)]
    with pytest.raises(ConfigError, match=r"a\.csv has 2 columns, and ph\.csv names 1"):
        desk.read({"a.csv": b"1,x\n"}, csv(names=["id"]))
    with pytest.raises(ConfigError, match=r"a\.csv has no line 9"):
        desk.read({"a.csv": b"a,b\n1,x\n"}, csv(header_row=9))


def test_quotes_that_never_stand_around_a_cell_are_text(desk):
    body = b'kind\ttext\nham\tI said "no" to him\nspam\t5" of it\nham\t"so\n'
    came = desk.read({"a.tsv": body})
    assert [text for _, text in came.rows] == ['I said "no" to him', '5" of it', '"so']
    assert came.warnings == ['a.tsv: read with quotes as they are; ph.csv(quote="") says so for good']
    single = desk.read({"a.csv": b"a,b\n'x, y',2\n"}, csv(quote="'"))
    assert single.rows == [("x, y", 2)]


def test_two_delimiters_that_fit_as_well_are_asked_about(desk):
    with pytest.raises(SourceError, match=r"can't be told whether ',' or ';' stands between its cells"):
        desk.read({"a.csv": b"a,b;c\n1,2;3\n4,5;6\n"})


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", [(1, 2)]),
        (b"a,b\r1,2\r3,4", [(1, 2), (3, 4)]),
        (b"a,b,\n1,2,\n", [(1, 2, None)]),
        (b"a\n1\n2\n", [(1,), (2,)]),
        (b'"a ""x""","b\nc"\n1,2\n', [(1, 2)]),
        ("naïve,数\n1,2\n".encode(), [(1, 2)]),
        (b"a,b\n" + b"x" * 2_000_000 + b",2\n1,3\n", [("x" * 2_000_000, 2), ("1", 3)]),
        (b"a,b\n\0,2\n", [("\0", 2)]),
        (b"a;b\n1;\n", [(1, None)]),
        (codecs.BOM_UTF16_BE + "a,b\n1,2\n".encode("utf-16-be"), [(1, 2)]),
        ("a,b\n1,2\n".encode("utf-16-le"), [(1, 2)]),
    ],
)
def test_awkward_files_are_read_to_the_last_cell(desk, body, rows):
    assert desk.read({"a.csv": body}).rows == rows


def test_a_file_in_which_every_line_is_ragged_among_others(desk):
    ragged = {"1.csv": b"a,b\n1\n2\n", "2.csv": b"a,b\n3\n"}
    form = csv(header_row=1, delimiter=",")
    assert [len(desk.read(ragged, form).withheld), desk.read(ragged, form).rows] == [3, []]
    came = desk.read({**ragged, "3.csv": b"a,b\n4,5\n"}, form)
    assert (came.rows, [reason for _, reason in came.withheld][-1]) == (
        [(4, 5)],
        "line 2 of 2.csv has fewer cells than the header",
    )


CELL = st.text(st.sampled_from('ab,"; 1.-é\n\r'), max_size=4)
LINE = st.one_of(
    st.lists(CELL, min_size=1, max_size=3).map(",".join),
    st.lists(CELL.map(lambda cell: '"' + cell.replace('"', '""') + '"'), min_size=2, max_size=2).map(",".join),
    st.lists(st.sampled_from(["1", "2.5", "x", "", '"q"', '"a""b"', "2024-01-02"]), min_size=2, max_size=2).map(
        ",".join
    ),
)
BODY = st.builds(
    lambda head, lines, end, last: (head + end + end.join(lines) + last).encode(),
    st.sampled_from(["a,b", "a,b", "a,b", '"a",b', "b,a", "\ufeffa,b"]),
    st.lists(LINE, max_size=5),
    st.sampled_from(["\n", "\n", "\r\n"]),
    st.sampled_from(["", "\n", "\n\n", "\r\n"]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(bodies=st.lists(BODY, min_size=2, max_size=5))
def test_reading_many_at_once_gives_what_reading_one_by_one_gives(desk, bodies):
    given_files = {f"{at}.csv": body for at, body in enumerate(bodies)}

    def read(most: int):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pumphouse.sources.files.reading.FILE_BYTES_MAX", most)
            try:
                came = desk.read(given_files, csv(header_row=1, delimiter=",", quote='"'))
            except SourceError as error:
                return str(error)
        return came.rows, came.types, came.raw, sorted(map(str, came.ledger)), came.warnings

    assert read(delimited_many.FILE_BYTES_MAX) == read(-1)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'id,v\n1,%s\n2,"b\n"\n', "it has a line of more than"),
        (b'id,v\n0,z\n1,"%s', "in line 3 begins a cell of more than"),
        (b'id,v\n0,"z\n"\n1,"%s"\n', "in line 4 begins a cell of more than"),
    ],
)
def test_a_cell_too_long_to_be_read_is_named_and_nothing_is_passed_over(desk, monkeypatch, body, where):
    # DuckDB passes over what its buffer can't hold; the bounds are brought down so that a test need not be as long.
    monkeypatch.setattr(delimited, "LINE_BYTES_MAX", 70_000)
    monkeypatch.setattr(delimited, "SURE_BYTES_MAX", 100_000)
    filler = b"x" * 3_000_000 if body.startswith(b"id,v\n1,%s") else (b"y" * 999 + b"\n") * 900
    with pytest.raises(SourceError, match=where):
        desk.read({"long.csv": body % filler})


def test_a_long_file_with_line_ends_in_its_cells_is_read_whole(desk, monkeypatch):
    monkeypatch.setattr(delimited, "SURE_BYTES_MAX", 1_000)
    body = b"id,v\n" + b"".join(b'%d,"two\nlines"\n' % n for n in range(500))
    assert len(desk.read({"long.csv": body}).rows) == 500


def test_rows_of_a_text_that_was_appended_to_elsewhere_end_in_two_ways(desk):
    came = desk.read({"a.csv": b'a,b\r\n1,"x\r\ny"\r\n2,z\n3,"p\nq"\n4\r\n5,w'})
    assert came.rows == [(1, "x\r\ny"), (2, "z"), (3, "p\nq"), (5, "w")]
    assert came.withheld == [("4", "line 7 of a.csv has fewer cells than the header")]


def test_line_ends_that_change_far_down_a_text_and_where_pieces_of_it_meet(desk):
    first = b"".join(b"%d,%s\r\n" % (at, b"x" * 90) for at in range(30_000))
    last = b"".join(b"%d,y\n" % at for at in range(30_000, 30_010))
    came = desk.read({"a.csv": b"a,b\r\n" + first + last})
    assert (len(came.rows), came.rows[-1], came.withheld) == (30_010, (30_009, "y"), [])


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("cells", [("x\ny", "z"), ("x\r\ny", "p\nq"), ("z", "p\rq")])
def test_cells_may_hold_other_line_ends_than_rows_do(desk, end, cells):
    body = "".join(f"{row}{end}" for row in ("a,b", *(f'{at},"{cell}"' for at, cell in enumerate(cells))))
    came = desk.read({"a.csv": body.encode()})
    assert (came.rows, came.withheld) == (list(enumerate(cells)), [])
