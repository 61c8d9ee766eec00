from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tests.models.conftest import RECENCY

from pumphouse.declare.learning import Feature, model
from pumphouse.features import labels
from pumphouse.models import training
from pumphouse.models.diff import difference, difference_text
from pumphouse.models.registry import versions

NEW_YEAR = date(1998, 1, 1)


def guess(train):
    return make_pipeline(SimpleImputer(), DummyClassifier()).fit(train.X, train.y)


def learn(train, *, c: float = 1.0):
    never = SimpleImputer(strategy="constant", fill_value=999)
    return make_pipeline(never, LogisticRegression(C=c)).fit(train.X, train.y), {"c": c}


@pytest.fixture
def trained(bought):
    """A shop with a model of which a guess is the first version, and two that learned follow."""
    bought.build(labels.build, "returned", today=date(1997, 9, 1))
    for number, (function, settings) in enumerate(((guess, {}), (learn, {}), (learn, {"c": 0.5}))):
        bought.declare("returns", model(label="returned", features=["recency"])(function))
        bought.assets["returns"] = replace(bought.assets["returns"], fingerprint=f"print {function.__name__}")
        bought.build(training.build, "returns", today=NEW_YEAR, **settings)
        if number == 1:
            bought.add("recency", kind="feature", spec=Feature(text=f"{RECENCY}-- edited\n", entity=("customer_id",)))
            bought.build(labels.build, "returned", today=NEW_YEAR)
    return bought


def test_what_differs_is_told_and_which_is_better_where_that_is_sure(trained):
    first, second, _ = versions(trained.lake, "returns")
    found = difference(trained.lake, first, second)
    assert not found.same_code
    assert "-def guess(train):" in found.code
    assert "+def learn(train, *, c: float = 1.0):" in found.code
    assert found.same_rows
    assert found.compared.better
    assert found.compared.rows == second.held_out.rows
    assert found.compared.low < found.compared.smaller_by < found.compared.high
    assert found.said.mean_absolute_difference > 0.3
    assert found.said.correlation is None  # the guess says the same of everyone
    assert [one.name for one in found.metrics] == ["c"]
    back = difference(trained.lake, second, first).compared
    assert (back.better, back.smaller_by) == (False, -found.compared.smaller_by)
    told = difference_text(found)
    for line in ("returns@2 is better, on ", "learned from the same 600 moments", "+ Pipeline(", "code differs:"):
        assert line in told


def test_an_edited_feature_and_other_rows_are_told(trained):
    _, second, third = versions(trained.lake, "returns")
    found = difference(trained.lake, second, third, act_above=0.8)
    assert found.same_code
    assert found.code == ""
    assert "+-- edited" in found.features["recency"]
    assert [(one.name, one.before, one.after) for one in found.settings] == [("c", 1.0, 0.5)]
    assert ("logisticregression__C", 1.0, 0.5) in [(one.name, one.before, one.after) for one in found.parameters]
    before, after = found.learned_from
    assert (before.rows, after.rows) == (600, 1080)
    assert before.last < after.last
    assert found.compared.rows == second.held_out.rows  # the moments that both held out
    assert found.said is None or found.said.crossed == 0.8


def test_against_itself_nothing_differs(trained):
    first = versions(trained.lake, "returns")[1]
    found = difference(trained.lake, first, first)
    assert found.same_content
    assert (found.features, found.columns, found.settings, found.parameters) == ({}, (), (), ())
    assert found.compared.better is None
    assert (found.said.mean_absolute_difference, found.said.crossing) == (0.0, 0.0)


def test_what_can_not_be_compared_says_why(trained):
    first, second, _ = versions(trained.lake, "returns")
    found = difference(trained.lake, replace(first, held_out_rows=None), replace(second, task="number"))
    assert found.not_compared == "nothing was held out from returns@1"
    assert found.not_said == "one says a chance, the other a number"
    other = difference(trained.lake, first, replace(second, label="else"))
    assert other.not_compared == "they are asked about different things"
    assert "which is better can't be told: they are asked about different things" in difference_text(other)
