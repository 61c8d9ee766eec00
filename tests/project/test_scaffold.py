from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pumphouse.errors import ConfigError, SourceError
from pumphouse.project.project import open_project
from pumphouse.project.scaffold import scaffold

STRANGE = 'Order;Größe (cm);select;"a ""b"" c";;ID No\n7;15;x;é;;A1\n8;25;y;z;;A2\n'


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A server of files in tmp_path / "web"."""
    (tmp_path / "web").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "web"))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def runs(folder: Path, table: str) -> list[dict[str, object]]:
    """The table's rows after a run in which all went well."""
    with open_project(folder) as project:
        report = project.run()
        assert report.ok, [result.note for result in report.failed]
        return project[table].rows


def test_a_project_of_its_own_has_a_source_a_table_a_check_and_a_report(tmp_path: Path) -> None:
    made = scaffold(tmp_path / "shop")
    assert (made.source, made.table, made.report) == ("raw_orders", "orders", "orders_report")
    with open_project(tmp_path / "shop") as project:
        kinds = {name: asset.kind for name, asset in project.graph.assets.items()}
        assert kinds == {
            "raw_orders": "files",
            "orders": "sql",
            "orders_has_order_id": "check",
            "orders_report": "report",
        }
        assert project.graph.assets["orders"].common.key == ("order_id",)
    assert len(runs(tmp_path / "shop", "orders")) == made.rows == 40
    for name in ("README.md", ".gitignore"):
        assert "{" not in (tmp_path / "shop" / name).read_text()


def test_strange_names_of_columns_are_quoted_and_called_in_words(tmp_path: Path) -> None:
    (tmp_path / "2024 - Größe (final).CSV").write_text(STRANGE)
    made = scaffold(tmp_path / "sizes", start=str(tmp_path / "2024 - Größe (final).CSV"))
    assert made.table == "rows_2024_größe_final"
    rows = runs(made.folder, made.table)
    assert list(rows[0]) == ["Order", "größe_cm", "select", "a_b_c", "column_5", "id_no"]
    assert rows[1]["größe_cm"] == 25
    with open_project(made.folder) as project:
        assert project.graph.assets[made.table].common.key == ("id_no",)


@pytest.mark.parametrize("stem", ["order", "select", "class", "values", "main", "moments", "raw_order", "---", "date"])
def test_no_name_of_a_file_is_in_the_way(tmp_path: Path, stem: str) -> None:
    (tmp_path / f"{stem}.csv").write_text("when,what\n2024-01-02,a\n2024-01-02,b\n")
    made = scaffold(tmp_path / "made", start=str(tmp_path / f"{stem}.csv"))
    assert len(runs(made.folder, made.table)) == 2


def test_a_key_is_taken_only_where_each_row_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("order_id,lineId,what\n1,1,a\n1,2,b\n")
    made = scaffold(tmp_path / "lines", start=str(tmp_path / "lines.csv"))
    with open_project(made.folder) as project:
        assert project.graph.assets["lines"].common.key == ("lineId",)
    (tmp_path / "twice.csv").write_text("order_id,what\n1,a\n1,b\n")
    made = scaffold(tmp_path / "twice", start=str(tmp_path / "twice.csv"))
    with open_project(made.folder) as project:
        assert project.graph.assets["twice"].common.key == ()


def test_every_kind_of_file_can_be_started_from(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2], "what": ["a", "b"]})
    pq.write_table(table, tmp_path / "one.parquet")
    (tmp_path / "two.jsonl").write_text('{"id": 1, "what": "a"}\n{"id": 2, "what": "b"}\n')
    (tmp_path / "three.json").write_text('[{"id": 1, "what": "a"}, {"id": 2, "what": "b"}]')
    (tmp_path / "four.tsv").write_text("id\twhat\n1\ta\n2\tb\n")
    (tmp_path / "five.csv.gz").write_bytes(gzip.compress(b"id,what\n1,a\n2,b\n"))
    for file in ("one.parquet", "two.jsonl", "three.json", "four.tsv", "five.csv.gz"):
        name = file.partition(".")[0]
        scaffold(tmp_path / name, start=str(tmp_path / file))
        assert runs(tmp_path / name, name) == table.to_pylist()


@pytest.mark.parametrize(
    ("name", "site", "stored", "said"),
    [
        ("access_log.txt", "", "access_log.log", "ph.access_log()"),
        ("Access.log.2.GZ", "", "access_log_2.log.gz", "ph.access_log()"),
        ("access.dat", "example.org:443 ", "access.log", 'ph.access_log("vhost_combined")'),
    ],
)
def test_an_access_log_is_told_by_its_lines(tmp_path: Path, name: str, site: str, stored: str, said: str) -> None:
    lines = [
        f'{site}192.0.2.{number} - - [17/May/2015:10:05:0{number} +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"\n'
        for number in range(1, 5)
    ]
    text = "".join([lines[0], "cut off\n", *lines[1:]]).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("GZ") else text)
    made = scaffold(tmp_path / "made", start=str(tmp_path / name))
    assert (made.rows, made.withheld) == (4, 1)
    assert f'ph.files("data/{stored}", format={said})' in (made.folder / "gather.py").read_text()
    with open_project(made.folder) as project:
        assert project.graph.assets[made.table].common.key == ()  # that four addresses differ says nothing


def test_an_access_log_at_an_address_is_told_by_its_lines_too(tmp_path: Path, web: str) -> None:
    line = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5\n'
    (tmp_path / "web" / "log").write_text(line * 2)
    (tmp_path / "web" / "unknown").write_text("a b c\n")
    (tmp_path / "web" / "none").touch()
    made = scaffold(tmp_path / "made", start=f"{web}/log")
    assert [row["status"] for row in runs(made.folder, made.table)] == [200] * 2
    with pytest.raises(ConfigError, match=r"ph\.fixed_width"):
        scaffold(tmp_path / "lost", start=f"{web}/unknown")
    with pytest.raises(SourceError, match="nothing in it"):
        scaffold(tmp_path / "lost", start=f"{web}/none")
    assert not (tmp_path / "lost").exists()


def test_an_address_is_downloaded_into_the_project(tmp_path: Path, web: str) -> None:
    (tmp_path / "web" / "My Quakes.csv").write_text("id,size\n1,4.5\n2,5.0\n")
    made = scaffold(tmp_path / "quakes", start=f"{web}/My%20Quakes.csv?day=1")
    assert (made.table, made.rows) == ("my_quakes", 2)
    assert (tmp_path / "quakes" / "data" / "my_quakes.csv").exists()
    with pytest.raises(SourceError, match="answered 404"):
        scaffold(tmp_path / "lost", start=f"{web}/lost.csv")
    with pytest.raises(SourceError, match="can't be downloaded"):
        scaffold(tmp_path / "lost", start="http://127.0.0.1:9/lost.csv")
    assert not (tmp_path / "lost").exists()


def test_a_file_with_a_header_alone_still_makes_a_project(tmp_path: Path) -> None:
    (tmp_path / "later.csv").write_text("id,what\n")
    made = scaffold(tmp_path / "later", start=str(tmp_path / "later.csv"))
    assert made.rows == 0
    assert runs(made.folder, made.table) == []


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.csv", b"", "nothing in it"),
        ("other.csv", b"id,was\n1,\x81\n", "other.csv: it is not utf-8"),
        ("cut.json", b'[{"id": 1}, {"id"', "not JSON"),
        ("no.parquet", b"PAR1", "no whole Parquet file"),
        ("what.doc", b"PK", "its ending does not say"),
        ("half.log.gz", b"\x1f\x8b\x08cut", "of no web server's access log"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_and_leaves_nothing(
    tmp_path: Path, name: str, content: bytes, error: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "made").mkdir()
    with pytest.raises((SourceError, ConfigError)) as raised:
        scaffold(tmp_path / "made", start=str(tmp_path / name))
    assert error in str(raised.value)
    assert str(tmp_path / name) in str(raised.value) or name == "twice.csv"
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.parametrize(("name", "said"), [("latin.csv", ""), ("latin.tsv", 'delimiter="\\t", ')])
def test_a_file_that_is_not_utf8_is_read_in_what_it_likely_is_and_gather_says_so(
    tmp_path: Path, name: str, said: str
) -> None:
    gap = "\t" if name.endswith("tsv") else ","
    (tmp_path / name).write_bytes(f"id{gap}was\n1{gap}Größe 5 €\n2\n".encode("cp1252"))
    made = scaffold(tmp_path / "made", start=str(tmp_path / name))
    assert (made.encoding, made.rows, made.withheld) == ("cp1252", 1, 1)
    assert f'format=ph.csv({said}encoding="cp1252")' in (tmp_path / "made" / "gather.py").read_text()
    assert runs(tmp_path / "made", "raw_latin")[0]["was"] == "Größe 5 €"


def test_a_folder_that_is_taken_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        scaffold(tmp_path / "taken")
    with pytest.raises(ConfigError, match="is a file"):
        scaffold(tmp_path / "taken" / "mine.txt")
    with pytest.raises(ConfigError, match="can't be made"):
        scaffold(tmp_path / "taken" / "mine.txt" / "shop")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine.txt"]
