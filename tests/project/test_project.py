"""An open project: a dictionary of tables, and what a notebook shows of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.project.conftest import Folder

import pumphouse as ph
from pumphouse.errors import ConfigError, ProjectFaults, UnknownName
from pumphouse_client import ClientError

PROJECT = {
    "pumphouse.toml": 'name = "<i>shop"\n[engine]\nthreads = 1\n',
    "raw.csv": "id,name\n1,<script>\n2,b\n",
    "gather.py": "import pumphouse as ph\n\nraw = ph.files('raw.csv', doc='What <b>came</b>.\\nMore of it.')\n",
    "later.sql": "SELECT id FROM raw",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder(tmp_path_factory.mktemp("project") / "shop")
    folder.write(PROJECT)
    assert folder.run("raw").ok
    folder.close()
    return folder.path


def test_a_table_comes_in_the_form_that_is_asked_for(shop: Path) -> None:
    with ph.open(shop) as p:
        assert p["raw"].to_polars().shape == (2, 2)
        for form in (pl.LazyFrame, pl.DataFrame, pd.DataFrame, pa.Table, pa.RecordBatchReader):
            assert isinstance(p.read("raw", as_=form), form)
        assert isinstance(p.read("raw"), pa.Table)
        with pytest.raises(ClientError, match="can't be read as dict"):
            p.read("raw", as_=dict)
        with pytest.raises(UnknownName, match=r"no table 'raws'.*Did you mean 'raw'"):
            p["raws"]
        assert ("raw" in p, "later" in p, "raws" in p) == (True, True, False)


def test_reads_are_logged_under_the_name_of_who_reads(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPHOUSE_ACTOR", "ann")
    with ph.open(shop) as p:
        before = len(p.lake.state.accesses())
        assert p.sql("SELECT count(*) AS n FROM raw").rows == [{"n": 2}]
        (read,) = p.lake.state.accesses()[before:]
        assert (read.who, read.door, read.asset, read.rows, read.run) == ("ann", "python", "raw", 1, None)


def test_a_notebook_shows_the_assets_escaped(shop: Path) -> None:
    with ph.open(shop) as p:
        assert repr(p) == "Project('<i>shop', env='prod', 2 assets)"
        shown = p._repr_html_()
    assert "<td>raw</td><td>files</td><td>2</td>" in shown
    assert "<td>What &lt;b&gt;came&lt;/b&gt;.</td>" in shown
    assert "<td>later</td><td>sql</td><td></td><td>never</td>" in shown
    assert "&lt;i&gt;shop, environment prod" in shown
    assert "<script>" not in shown


def test_opening_reads_nothing_but_the_configuration(folder: Folder) -> None:
    folder.write({"broken.py": "import nothing_of_that_name\n", "other.sql": "SELECT FROM"})
    p = ph.open(folder.path)
    assert not (folder.path / "lake").exists()
    with pytest.raises(ProjectFaults, match="2 faults in the project"):
        _ = p.graph
    assert not (folder.path / "lake").exists()


def test_a_plan_reads_well_and_changes_nothing(shop: Path) -> None:
    with ph.open(shop) as p:
        snapshot = p.lake.snapshot()
        assert str(p.plan()) == "1 build, 1 asset up to date\n  later  never built; reads 2 rows of raw"
        assert p.lake.snapshot() == snapshot


def test_a_project_can_be_used_again_after_it_was_closed(shop: Path) -> None:
    p = ph.open(shop)
    assert p.run("raw", full=True).ok
    p.close()
    assert p["raw"].to_arrow().num_rows == 2
    assert p.run("raw", full=True).ok
    p.close()
    p.close()


SEARCHED = {
    "raw.csv": "id,name\n1,ann\n2,bob\n",
    "gather.py": """
        import pumphouse as ph

        raw = ph.files("raw.csv", key="id")
        found = ph.search("raw", text=["name"])
        out = ph.deliver("joined", to="folder:out", format="csv")
    """,
    "copied.sql": "SELECT id FROM raw",
    "joined.sql": "SELECT r.id FROM raw r JOIN copied c ON c.id = r.id",
}


def test_a_run_logs_what_it_reads_in_its_own_name_and_nothing_where_nothing_is_stale(folder: Folder) -> None:
    folder.write(SEARCHED)
    report = folder.run()
    log = folder.open().lake.state
    reads = sorted((read.detail, read.asset, read.rows, read.offered) for read in log.accesses())
    assert reads == [
        ("for copied", "raw", 2, False),
        ("for found", "raw", 2, False),
        ("for joined", "copied", 0, True),
        ("for joined", "raw", 0, True),
        ("for out", "joined", 2, False),
    ]
    assert {(read.run, read.door) for read in log.accesses()} == {(report.run, "run")}
    assert folder.run().results == ()
    assert len(log.accesses()) == len(reads)
    assert folder.open().search("found", "ann").rows
    searched = log.accesses()[len(reads) :]
    assert {(read.asset, read.rows, read.run, read.detail) for read in searched} == {
        ("found", 1, None, "ann"),
        ("raw", 1, None, "ann"),
    }
    assert len(searched) == 2


LEARNED = {
    "bought.csv": "customer_id,at,n\n"
    + "".join(f"{one},2024-01-01T10:00:00Z,{one}\n{one},2024-03-0{1 + one % 2}T10:00:00Z,1\n" for one in range(1, 41)),
    "learn.py": """
        import pumphouse as ph
        from sklearn.linear_model import LogisticRegression

        bought = ph.files("bought.csv", time={"event": "at", "known": "at"})


        @ph.model(label="returned", features=["spend"])
        def returns(train: ph.TrainingSet):
            return LogisticRegression().fit(train.X, train.y)


        returns_live = ph.rollout("returns", outcome="returned")
        badge = ph.experiment(
            unit="customer_id", arms={"control": 1, "badge": 1}, metrics={"spend": ph.mean("bought.n", within_days=1)}
        )
    """,
    "spend.sql": """
        /* pumphouse
        kind = "feature"
        entity = "customer_id" */
        SELECT m.customer_id, m.as_of, coalesce(sum(b.n), 0) AS spend
        FROM moments m LEFT JOIN bought b ON b.customer_id = m.customer_id GROUP BY ALL
    """,
    "returned.sql": """
        /* pumphouse
        kind = "label"
        entity = "customer_id"
        matures = "2 days" */
        SELECT c.customer_id, TIMESTAMPTZ '2024-02-29' AS as_of, count(b.n) > 0 AS returned
        FROM (SELECT DISTINCT customer_id FROM bought) c
        LEFT JOIN bought b
          ON b.customer_id = c.customer_id AND b.at >= TIMESTAMPTZ '2024-02-29' AND b.at < TIMESTAMPTZ '2024-03-02'
        GROUP BY ALL
    """,
}


def test_what_a_person_asks_a_rollout_or_an_experiment_is_logged(folder: Folder) -> None:
    folder.write(LEARNED)
    p = folder.open()
    report = p.run()
    assert report.ok, [result.note for result in report.failed]
    before = len(p.lake.state.accesses())
    answer = p.predict("returns_live", {"customer_id": 7})
    judgement = p.judge("returns_live")
    verdict = p.verdict("badge")
    assert [
        (read.asset, read.door, read.snapshot, read.rows, read.detail) for read in p.lake.state.accesses()[before:]
    ] == [
        ("returns_live", "python", answer.snapshot, 1, answer.id),
        ("returns_live", "python", judgement.snapshot, 0, "judged"),
        ("badge", "python", verdict.snapshot, 0, "verdict"),
    ]
    p.close()
    assert p.predict("returns_live", {"customer_id": 7}).prediction == answer.prediction
    p.close()


def test_a_plan_counts_the_rows_of_tables_and_not_of_their_last_builds(folder: Folder) -> None:
    folder.write({"raw.csv": "id\n1\n2\n", "made.py": "import pumphouse as ph\nraw = ph.files('raw.csv', key='id')\n"})
    folder.run()
    folder.write({"raw.csv": "id\n1\n2\n3\n"})
    folder.run()
    folder.write({"later.sql": "SELECT id FROM raw"})
    project = folder.open()
    assert str(project.plan()).endswith("never built; reads 3 rows of raw")
    project.restore("raw", to=1)
    assert str(project.plan("later", only=True)).endswith("never built; reads 2 rows of raw")


def test_a_sample_of_no_rows_is_refused(shop: Path) -> None:
    with ph.open(shop) as p, pytest.raises(ConfigError, match=r"no sample of 0 rows\. A sample has at least 1"):
        p.run(sample=0)
