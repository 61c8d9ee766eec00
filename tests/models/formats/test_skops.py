from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import lightgbm
import numpy as np
import pytest
import xgboost
from scipy.stats import loguniform
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, normalize

from pumphouse.errors import BuildError
from pumphouse.models.estimators import keep, load, packages, parameters, predictions
from pumphouse.models.formats.skops import dump

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


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_one_that_was_fitted_on_fewer_columns_is_told_that_it_is_asked_with_all(data):
    filled = data.numbers.fillna(0)
    for given in (filled[["days"]], filled[["days"]].to_numpy()):
        with pytest.raises(BuildError, match=r"asked with all columns of train\.X"):
            keep(LogisticRegression().fit(given, data.y), filled, task="chance")


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


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("sklearn.utils._testing", "check_output"),  # the one of subprocess
        ("sklearn.datasets._svmlight_format_io", "dump_svmlight_file"),
        ("sklearn.base", "clone"),
        ("functools", "reduce"),
    ],
)
def test_what_a_module_of_scikit_learn_has_imported_is_not_its_own(data, module, function):
    """An archive that asks for the shell by such a name had it."""
    shell = {"shell": True, "executable": "/bin/bash"}
    filled = data.numbers.fillna(0)
    given = make_pipeline(FunctionTransformer(normalize), LogisticRegression()).fit(filled, data.y)
    given.steps[0][1].kw_args = shell
    kept = keep_archive(given, normalize.__module__, module, function)
    with pytest.raises(BuildError, match=f"{module}.{function}"):
        load(kept, format="skops")


@pytest.mark.filterwarnings("ignore:For backward compatibility")  # pandas 3 of object, which is what many write
@pytest.mark.parametrize("texts", [{"dtype_include": object}, {"dtype_exclude": np.number}])
def test_columns_may_be_selected_by_a_type_of_all_texts_or_numbers(data, texts):
    by_type = (OneHotEncoder(), make_column_selector(**texts))
    given = make_pipeline(make_column_transformer(by_type), LogisticRegression()).fit(data.X, data.y)
    back = load(keep(given, data.X, task="chance").data, format="skops")
    assert np.array_equal(back.predict_proba(data.X), given.predict_proba(data.X))


def test_trees_with_categories_of_their_own_come_back(data):
    given = HistGradientBoostingClassifier(max_iter=5, categorical_features=["channel"]).fit(data.X, data.y)
    back = load(keep(given, data.X, task="chance").data, format="skops")
    assert np.array_equal(back.predict_proba(data.X), given.predict_proba(data.X))


def test_a_search_that_holds_what_it_drew_from_is_told_to_give_what_it_found(data):
    filled = data.numbers.fillna(0)
    search = RandomizedSearchCV(LogisticRegression(), {"C": loguniform(0.1, 1)}, n_iter=1, cv=2).fit(filled, data.y)
    with pytest.raises(BuildError, match=r"scipy.*search\.best_estimator_"):
        keep(search, filled, task="chance")
    assert keep(search.best_estimator_, filled, task="chance").format == "skops"


def test_functions_that_belong_to_an_estimator_come_back(data):
    filled = data.numbers.fillna(0)
    steps = SelectKBest(f_classif, k=1), FunctionTransformer(normalize), LogisticRegression()
    given = make_pipeline(*steps).fit(filled, data.y)
    back = load(keep(given, filled, task="chance").data, format="skops")
    assert np.array_equal(back.predict_proba(filled), given.predict_proba(filled))


def keep_archive(given, own_module: str, module: str, function: str) -> bytes:
    """The archive of an estimator, with a function of another name in place of `normalize`."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(dump(given))) as archive, zipfile.ZipFile(made, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "schema.json":
                data = data.replace(b'"normalize"', f'"{function}"'.encode())
                data = data.replace(own_module.encode(), module.encode())
            other.writestr(name, data)
    return made.getvalue()
