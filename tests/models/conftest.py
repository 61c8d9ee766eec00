from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pumphouse.declare.asset import Asset, Common, Declaration, Time
from pumphouse.declare.learning import Feature, Label, model
from pumphouse.declare.rollouts import rollout, scores
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import Place
from pumphouse.features import labels
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake, Location
from pumphouse.models import training

SPEND = """
SELECT m.customer_id, m.as_of, coalesce(sum(p.cents), 0) AS spend_cents, count(p.cents) AS purchases,
       max(p.channel) AS channel
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id AND p.bought_at > m.as_of - INTERVAL 26 WEEK
GROUP BY ALL
"""
RECENCY = """
SELECT m.customer_id, m.as_of, date_diff('day', max(p.bought_at), m.as_of) AS days_since
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id
GROUP BY m.customer_id, m.as_of
"""
RETURNED = """
SELECT c.customer_id, a.as_of, count(p.cents) > 0 AS returned
FROM (SELECT DISTINCT customer_id FROM purchases) c
CROSS JOIN (SELECT unnest(range(TIMESTAMPTZ '1997-03-01', TIMESTAMPTZ '1998-02-01', INTERVAL 1 MONTH)) AS as_of) a
LEFT JOIN purchases p
  ON p.customer_id = c.customer_id AND p.bought_at >= a.as_of AND p.bought_at < a.as_of + INTERVAL 8 WEEK
GROUP BY ALL
"""


class Shop:
    """A lake with purchases, and the assets that learn from them; builds are called as a run would call them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=2))
        self.assets: dict[str, Asset] = {}
        self.declared: dict[str, Declaration] = {}
        self.add("purchases", kind="files", common=Common(time=Time(event="bought_at", known="bought_at")))
        self.add("spend", kind="feature", spec=Feature(text=SPEND, entity=("customer_id",)))
        self.add("recency", kind="feature", spec=Feature(text=RECENCY, entity=("customer_id",)))
        label = Label(text=RETURNED, entity=("customer_id",), matures="8 weeks")
        self.add("returned", kind="label", spec=label, inputs=("purchases",))

    def add(self, name: str, **values: Any) -> Asset:
        given = {"spec": None, "common": Common(), "fingerprint": f"print of {name}"} | values
        self.assets[name] = Asset(name=name, place=Place(file=f"{name}.sql"), **given)
        return self.assets[name]

    def declare(self, name: str, declaration: Declaration) -> Asset:
        self.declared[name] = declaration
        services = (("train", "TrainingSet"),) if declaration.kind == "model" else ()
        spec, common = declaration.spec, declaration.common
        return self.add(name, kind=declaration.kind, spec=spec, common=common, services=services)

    def context(self, name: str, *, today: date, settings: Mapping[str, Any] | None = None) -> Context:
        return Context(
            lake=self.lake,
            engine=self.lake.engine.fork(),
            folder=self.folder,
            assets=self.assets,
            declaration=self.declared.get(name),
            now=datetime.combine(today, time(9), tzinfo=UTC),
            today=today,
            settings=settings or {},
            run="run-1",
            actor="ada",
            snapshot=self.lake.snapshot(),
            fingerprint=self.assets[name].fingerprint,
        )

    def build(self, build: Any, name: str, *, today: date, **settings: Any) -> Built:
        return build(self.assets[name], self.context(name, today=today, settings=settings))

    def buy(self, rows: list[tuple[int, date, int]]) -> None:
        """Add purchases: customer, day, cents. They were known on their day."""
        days = [day for _, day, _ in rows]
        known = [datetime.combine(day, time(), tzinfo=UTC) for day in days]
        table = pa.table(
            {
                "customer_id": pa.array([customer for customer, *_ in rows], pa.int64()),
                "bought_at": pa.array(days, pa.date32()),
                "cents": pa.array([cents for *_, cents in rows], pa.int64()),
                "channel": pa.array(["web" if cents % 2 else "shop" for *_, cents in rows]),
                "_known_at": pa.array(known, pa.timestamp("us", "UTC")),
            }
        )
        commit = Commit(self.lake, "purchases", run="run-0", actor="ada")
        commit.append("purchases", self.lake.stage(table.to_batches(), table.schema, stem=f"p{self.lake.snapshot()}"))
        commit.publish()

    def rows(self, table: str, columns: str = "*", *, order: str = "ALL") -> list[tuple[Any, ...]]:
        scan = self.lake.scan(table)
        return self.lake.engine.fork().execute(f"SELECT {columns} FROM ({scan.relation}) ORDER BY {order}")


def fit_on_recency(train):
    return make_pipeline(SimpleImputer(strategy="constant", fill_value=999), LogisticRegression()).fit(train.X, train.y)


def fit_on_spend(train):
    text = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    columns = make_column_transformer((text, ["channel"]), remainder="passthrough")
    return make_pipeline(columns, GaussianNB()).fit(train.X, train.y)


def declare_all(shop: Shop) -> None:
    shop.declare("returns", model(label="returned", features=["recency"])(fit_on_recency))
    shop.declare("returns_gbm", model(label="returned", features=["spend"])(fit_on_spend))
    shop.declare("returns_live", rollout("returns", shadow="returns_gbm", outcome="returned"))
    shop.declare("returns_scores", scores("returns_live"))


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Shops made once, to be copied: one that has sold, and one that has learned from it too."""
    sold, learned = tmp_path_factory.mktemp("sold"), tmp_path_factory.mktemp("learned")
    shop = Shop(sold)
    monthly = [(c, date(1997, month, 1 + c % 20), 100 * month + c) for c in range(1, 121, 2) for month in range(1, 13)]
    once = [(c, date(1997, 1, 1 + c % 20), 500 + c) for c in range(2, 121, 2)]
    shop.buy(sorted(monthly + once, key=lambda row: row[1]))
    shop.lake.close()
    shutil.copytree(sold, learned, dirs_exist_ok=True)
    shop = Shop(learned)
    declare_all(shop)
    shop.build(labels.build, "returned", today=date(1997, 9, 1))
    for name in ("returns", "returns_gbm"):
        shop.build(training.build, name, today=date(1997, 9, 1))
    shop.lake.close()
    return {"sold": sold, "learned": learned}


@pytest.fixture
def bought(folders: dict[str, Path], tmp_path: Path) -> Iterator[Shop]:
    """120 customers over a year: those with an odd number buy every month, the others once, in January."""
    shutil.copytree(folders["sold"], tmp_path, dirs_exist_ok=True)
    shop = Shop(tmp_path)
    yield shop
    shop.lake.close()


@pytest.fixture
def served(folders: dict[str, Path], tmp_path: Path) -> Iterator[Shop]:
    """The customers of `bought` with a label, a model, a shadow and a rollout; both models are trained."""
    shutil.copytree(folders["learned"], tmp_path, dirs_exist_ok=True)
    shop = Shop(tmp_path)
    declare_all(shop)
    yield shop
    shop.lake.close()
