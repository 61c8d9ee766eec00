"""From a folder to assets: names, edges, parameters, headers."""

from __future__ import annotations

import pickle

import pytest

from pumphouse.declare.asset import Slice, Time
from pumphouse.declare.facts import Report
from pumphouse.declare.learning import Feature, Label
from pumphouse.declare.tables import Sql
from pumphouse.errors import ConfigError, Place, UnknownName
from pumphouse.graph.assets import load
from pumphouse.graph.folder import walk

GATHER = """
    import pumphouse as ph

    @ph.source(connection="api", key="id", cursor="at", every="1h")
    def raw_orders(http: ph.Http, since: ph.Cursor, *, page: int = 100):
        \"\"\"Orders, as they come.\"\"\"
        yield from http.pages("/orders", params={"since": since})

    crm = ph.database("db", tables={"customers": {"key": "id", "doc": "People."}, "staff": {}})
"""


def test_names_come_from_variables_functions_stems_and_parts(loaded) -> None:
    graph = loaded({"gather.py": GATHER, "deep/down/orders.sql": "SELECT * FROM raw_orders", "notes.md": "# No header"})
    assert list(graph.assets) == ["crm_customers", "crm_staff", "orders", "raw_orders"]
    crm = graph.assets["crm_customers"]
    assert (crm.module, crm.variable, crm.place) == ("shop.gather", "crm", Place(file="gather.py", line=8))
    assert crm.common.doc == "People."
    assert graph.declaration("crm_staff") is graph.declaration("crm_customers")
    orders = graph.assets["orders"]
    assert (orders.module, orders.variable, orders.place) == (None, None, Place(file="deep/down/orders.sql"))


def test_an_api_reads_the_settings_that_its_call_names(loaded) -> None:
    code = 'import pumphouse as ph\nraw = ph.api("shop", "/$region", params={"at": ["$today", "$page"], "$top": "$$5"})'
    assert loaded({"gather.py": code}).assets["raw"].settings == ("region", "page")


def test_source_asks_for_services_and_settings(loaded) -> None:
    asset = loaded({"gather.py": GATHER}).assets["raw_orders"]
    assert asset.services == (("http", "Http"), ("since", "Cursor"))
    assert asset.settings == ("page",)
    assert asset.inputs == ()
    assert asset.common.doc == "Orders, as they come."
    assert asset.place == Place(file="gather.py", line=3)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_forms_are_known_however_they_are_imported(loaded, future: str) -> None:
    text = """
import pumphouse as ph
from typing import TYPE_CHECKING
import polars as pl
import polars
import pandas as frames
from pyarrow import Table as ArrowTable, RecordBatchReader
import duckdb
from pumphouse import TrainingSet
if TYPE_CHECKING:
    from pandas import DataFrame
a = b = c = d = e = f = g = 1

@ph.table()
def made(one, two: pl.LazyFrame, three: polars.DataFrame, four: frames.DataFrame, five: ArrowTable,
         six: RecordBatchReader, seven: duckdb.DuckDBPyRelation, eight: "DataFrame"): ...

@ph.model(label="truth", features=[])
def chance(train: TrainingSet, *, depth=3): ...
"""
    names = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    label = '/* pumphouse\nkind = "label"\nentity = "id"\nmatures = "1 day" */\nSELECT id, as_of, 1 AS truth FROM one'
    files = {f"{name}.sql": "SELECT 1 AS id, 2 AS as_of" for name in names}
    graph = loaded({"tables.py": future + text, "truth.sql": label, **files})
    made = graph.assets["made"]
    assert made.inputs == tuple(names)
    assert made.forms == (
        ("two", "pl.LazyFrame"),
        ("three", "pl.DataFrame"),
        ("four", "pd.DataFrame"),
        ("five", "pa.Table"),
        ("six", "pa.RecordBatchReader"),
        ("seven", "duckdb.DuckDBPyRelation"),
        ("eight", "pd.DataFrame"),
    )
    chance = graph.assets["chance"]
    assert (chance.inputs, chance.services, chance.settings) == (("truth",), (("train", "TrainingSet"),), ("depth",))


def test_an_import_does_not_declare_again(loaded) -> None:
    graph = loaded(
        {
            "gather.py": "import pumphouse as ph\nraw = ph.files('a.csv')\n",
            "again.py": "from shop.gather import raw\nfrom shop.gather import raw as other\nimport shop.gather\n",
            "star.py": "from shop.gather import *\n",
            "alias.py": "from shop import gather\nmine = gather.raw\n",
        }
    )
    assert list(graph.assets) == ["raw"]
    assert graph.assets["raw"].module == "shop.gather"


def test_own_name_as_parameter_is_the_previous_version_and_no_loop(loaded) -> None:
    graph = loaded({"tables.py": "import pumphouse as ph\n@ph.table()\ndef kept(kept): return kept\n"})
    assert graph.assets["kept"].inputs == ("kept",)
    assert graph.order() == ("kept",)
    assert graph.upstream("kept") == graph.downstream("kept") == ()


def test_sql_header_says_what_a_table_is(loaded) -> None:
    text = """
        -- Copyright of the shop

        /* pumphouse
        key = ["id", "line"]
        slice = "paid_at by day"
        lookback = 2
        doc = "Paid orders."
        owner = "ann"
        every = "1h"
        required = "paid_at"
        time = { event = "paid_at", known = "seen_at" }
        retries = 1
        timeout_s = 30 */
        SELECT id, line, paid_at, seen_at FROM raw;
    """
    asset = loaded({"orders.sql": text, "raw.sql": "SELECT 1 AS id"}).assets["orders"]
    assert asset.kind == "sql"
    assert asset.spec.slice == Slice(column="paid_at", unit="day", lookback=2)
    assert ";" not in asset.spec.text
    common = asset.common
    assert (common.key, common.required, common.owner, common.every) == (("id", "line"), ("paid_at",), "ann", "1h")
    assert (common.retries, common.timeout_s, common.doc) == (1, 30.0, "Paid orders.")
    assert common.time == Time(event="paid_at", known="seen_at")


def test_features_labels_and_reports_have_their_specs(loaded) -> None:
    graph = loaded(
        {
            "raw.sql": "SELECT 1 AS id, 2 AS as_of, 3 AS amount",
            "spend.sql": '/* pumphouse\nkind = "feature"\nentity = "id" */\n'
            "SELECT m.id, m.as_of, sum(amount) AS spend FROM Moments m LEFT JOIN raw USING (id) GROUP BY ALL",
            "truth.sql": '/* pumphouse\nkind = "label"\nentity = "id"\nmatures = "90 days" */\n'
            "SELECT id, as_of, amount > 1 AS truth FROM raw",
            "page.md": '<!-- pumphouse\ndoc = "A page" -->\n# Sales of *today*\n\n```sql days\n'
            "SELECT * FROM raw WHERE id < $cut\n```\n\n```sql\nSELECT * FROM days JOIN truth USING (id)\n```\n",
        }
    )
    spend, truth, page = (graph.assets[name] for name in ("spend", "truth", "page"))
    assert isinstance(spend.spec, Feature)
    assert (spend.spec.entity, spend.inputs, spend.makes_table) == (("id",), ("raw",), False)
    assert truth.spec == Label(text=truth.spec.text, entity=("id",), matures="90 days")
    assert truth.common.key == ("id", "as_of")
    assert isinstance(page.spec, Report)
    assert (page.spec.title, page.inputs, page.settings) == ("Sales of *today*", ("raw", "truth"), ("cut",))
    assert "pumphouse" not in page.spec.text


def test_settings_may_stand_side_by_side(loaded) -> None:
    graph = loaded(
        {"raw.sql": "SELECT 1 AS a", "odd.sql": "SELECT $low+$high AS x, '$no' FROM raw WHERE a IN ($low,$b)"}
    )
    assert (graph.assets["odd"].settings, graph.assets["odd"].inputs) == (("low", "high", "b"), ("raw",))


def test_text_that_the_parser_can_not_read_declares_its_edges(loaded) -> None:
    text = '/* pumphouse\nreads = ["raw"] */\nSELECT * FROM raw AT (WHATEVER => 1) GO x y z WHERE a > $cut'
    graph = loaded({"raw.sql": "SELECT 1 AS a", "odd.sql": text})
    odd = graph.assets["odd"]
    assert isinstance(odd.spec, Sql)
    assert (odd.inputs, odd.settings, odd.spec.reads) == (("raw",), ("cut",), ("raw",))
    commented = loaded({"odd.sql": text.replace("SELECT *", "SELECT * -- all\n")})
    assert commented.assets["odd"].fingerprint == odd.fingerprint


def test_order_upstream_and_downstream(loaded) -> None:
    graph = loaded(
        {
            "a.sql": "SELECT 1 AS x",
            "d.sql": "SELECT * FROM B JOIN C USING (x)",
            "b.sql": "SELECT * FROM A",
            "c.sql": "WITH a AS (SELECT * FROM a) SELECT * FROM a",
            "facts.py": "import pumphouse as ph\nnice = ph.check('d', 'x > 0')\nfine = ph.check('d', 'x > 1')\n",
        }
    )
    assert graph.order() == ("a", "b", "c", "d", "fine", "nice")
    assert graph.upstream("d") == ("a", "b", "c")
    assert graph.downstream("b") == ("d", "fine", "nice")
    assert graph.checks_of("d") == ("fine", "nice")
    assert graph.assets["d"].inputs == ("b", "c")
    with pytest.raises(UnknownName, match="there is no asset 'dd'"):
        graph.upstream("dd")
    with pytest.raises(UnknownName, match="'a' is declared by a file"):
        graph.declaration("a")


def test_thousand_tables_in_a_row_are_put_in_order(loaded) -> None:
    names = [f"t{number}" for number in range(1_200)]
    text = "".join(f"@ph.table()\ndef {name}({names[at - 1] if at else ''}): ...\n" for at, name in enumerate(names))
    graph = loaded({"tables.py": "import pumphouse as ph\n" + text})
    assert graph.order() == tuple(names)
    assert graph.upstream("t1199") == tuple(names[:-1])


def test_assets_can_be_sent_to_another_process(loaded) -> None:
    graph = loaded({"gather.py": GATHER, "orders.sql": "SELECT * FROM raw_orders"})
    assert pickle.loads(pickle.dumps(graph.assets)) == graph.assets


def test_tests_hidden_folders_environments_other_projects_and_ignored_ones_are_left_out(write) -> None:
    folder = write(
        {
            "a.sql": "SELECT 1 AS a",
            "test_a.py": "raise SystemExit",
            "conftest.py": "raise SystemExit",
            "tests/b.sql": "nonsense",
            ".hidden/b.sql": "nonsense",
            "env/pyvenv.cfg": "",
            "env/b.sql": "nonsense",
            "inner/pumphouse.toml": "",
            "inner/b.sql": "nonsense",
            "lake/b.sql": "nonsense",
            "out/reports/b.sql": "nonsense",
        }
    )
    assert list(load(folder, ignore=["lake", "out/reports/"]).assets) == ["a"]
    (folder / "round").symlink_to(folder)
    assert [file.path for file in walk(folder, ignore=["lake", "out"]).sql] == ["a.sql"]


def test_missing_folder_says_how_to_make_one(tmp_path) -> None:
    with pytest.raises(ConfigError, match="pumphouse new"):
        load(tmp_path / "nowhere")
