from __future__ import annotations

import subprocess
import sys

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pumphouse.errors import BuildError
from pumphouse.models.estimators import keep, load, packages, parameters, predictions

TWICE = """
import hashlib
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from pumphouse.models.formats.skops import dump
X = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0) ** 2})
forest = RandomForestClassifier(3, random_state=0)
print(hashlib.sha256(dump(make_pipeline(SimpleImputer(), forest).fit(X, X["a"] > 20))).hexdigest())
"""


def encoded():
    return make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["channel"]), remainder="passthrough")


@pytest.mark.parametrize(
    "last",
    [
        HistGradientBoostingClassifier(max_iter=5),
        lightgbm.LGBMClassifier(n_estimators=5, verbose=-1),
        xgboost.XGBClassifier(n_estimators=5),
    ],
)
def test_a_pipeline_with_a_booster_at_its_end_says_the_same_when_it_comes_back(data, last):
    given = make_pipeline(encoded(), last).fit(data.X, data.y)
    kept = keep(given, data.X, task="chance")
    assert kept.format == "skops"
    answers = predictions(load(kept.data, format="skops"), data.X, format="skops", task="chance")
    assert np.array_equal(answers, given.predict_proba(data.X)[:, 1].astype(float))
    library = type(last).__module__.partition(".")[0]
    assert library == "sklearn" or library in packages(given, format="skops")


def test_a_regressor_says_numbers_and_no_chance(data):
    given = LinearRegression().fit(data.numbers.fillna(0), data.amount)
    filled = data.numbers.fillna(0)
    kept = keep(given, filled, task="number")
    back = load(kept.data, format="skops")
    assert np.array_equal(predictions(back, filled, format="skops", task="number"), given.predict(filled))
    with pytest.raises(BuildError, match="can't say a chance"):
        keep(given, filled, task="chance")
    with pytest.raises(BuildError, match=r"can't say a number.*Return a regressor"):
        keep(LogisticRegression().fit(filled, data.y), filled, task="number")


def test_one_that_was_not_fitted_says_so(data):
    for given in (LogisticRegression(), make_pipeline(SimpleImputer(), LogisticRegression()), LinearRegression()):
        task = "number" if isinstance(given, LinearRegression) else "chance"
        with pytest.raises(BuildError, match="not fitted"):
            keep(given, data.numbers, task=task)


def test_the_same_estimator_is_the_same_bytes_in_another_process():
    run = [sys.executable, "-c", TWICE]
    first, second = (subprocess.run(run, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second
    assert len(first.strip()) == 64


def test_parameters_are_what_json_has(data):
    given = make_pipeline(SimpleImputer(), LogisticRegression(C=0.5)).fit(data.numbers, data.y)
    found = parameters(given, format="skops")
    assert found["logisticregression__C"] == 0.5
    assert found["simpleimputer__missing_values"] == "nan"
    assert "steps" not in found
    assert "logisticregression" not in found
