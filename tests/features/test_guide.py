from __future__ import annotations

import doctest
import random
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

import pumphouse as ph
from pumphouse.errors import BuildError, Place
from pumphouse.features.point_in_time import FeatureDefinition, feature_shape
from pumphouse.project.results import result_text

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "features.md"


def write_project(folder: Path, guide: str) -> None:
    """The guide's files, and what it speaks of: 120 customers of 1997, some of them more eager than others."""
    for name, text in re.findall(r"```\w+\n(?:#|--) (\w+\.\w+)\n(.*?)```", guide, re.DOTALL):
        (folder / name).write_text(text)
    (folder / "pumphouse.toml").write_text('name = "club"\nlake = "lake/"\n')
    chance = random.Random(1997)
    bought = ["customer_id,bought_at,amount_usd"]
    plans = ["customer_id,since,noted_at,monthly_usd"]
    for customer in range(1, 121):
        day, eager = date(1997, 1, 1), chance.choice((10, 80))
        since = day + timedelta(days=chance.randrange(200))
        plans.append(f"{customer},{since},{since + timedelta(days=chance.randrange(20))},{chance.choice((5, 9))}.50")
        while (day := day + timedelta(days=1 + int(chance.expovariate(1 / eager)))) < date(1998, 1, 1):
            bought.append(f"{customer},{day},{chance.randint(8, 40)}.50")
    (folder / "purchases.csv").write_text("\n".join(bought) + "\n")
    (folder / "plans.csv").write_text("\n".join(plans) + "\n")


def test_what_the_guide_shows_is_what_comes_out(tmp_path: Path) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    write_project(tmp_path, guide)
    with ph.open(tmp_path) as project:
        examples = guide.replace("\n```", "\n\n```")
        test = doctest.DocTestParser().get_doctest(examples, {"p": project}, "features.md", str(GUIDE), 0)
        assert len(test.examples) == 6
        assert doctest.DocTestRunner().run(test).failed == 0
        assets = project.graph.assets
        told = {name: result_text(project.lake, assets, assets[name], folder=tmp_path) for name in ("basket", "plan")}
    assert told["basket"].splitlines() == [
        "about customer_id at as_of",
        "needs basket_usd DOUBLE of the request",
        "gives basket_usd (double)",
        "gives above_dearest_usd (double)",
        f"fingerprint {assets['basket'].fingerprint}",
    ]
    assert "gives monthly_usd (double, expires)" in told["plan"]


def test_the_refusal_it_quotes_is_the_one_that_is_given() -> None:
    early = "SELECT customer_id, sum(amount_usd) AS s FROM purchases GROUP BY 1"
    text = f"SELECT m.customer_id, m.as_of, s FROM moments m LEFT JOIN ({early}) t ON t.customer_id = m.customer_id"
    feature = FeatureDefinition(name="spend", text=text, entity=("customer_id",), place=Place(file="spend.sql"))
    with pytest.raises(BuildError) as caught:
        feature_shape(feature)
    assert f"```text\n{caught.value}\n```" in GUIDE.read_text(encoding="utf-8")
