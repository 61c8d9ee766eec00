from __future__ import annotations

import importlib
import json
import pickle
import warnings
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tests.models.conftest import fit_on_spend

from pumphouse.declare.learning import model
from pumphouse.errors import BuildError, UnknownName
from pumphouse.features import labels
from pumphouse.models import training
from pumphouse.models.card import version_text
from pumphouse.models.mlflow import _library, export_mlflow, import_mlflow
from pumphouse.models.registry import live, versions

NEW_YEAR = date(1998, 1, 1)


def boosted(train):
    inputs = train.X.astype({"channel": "category"})
    return lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(inputs, train.y)


def gradient(train):
    inputs = train.X.astype({"channel": "category"})
    return xgboost.XGBClassifier(n_estimators=5, enable_categorical=True).fit(inputs, train.y)


def save(flavor: str, estimator, path: Path, **values) -> Path:
    mlflow = _library()
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    columns = values.pop("columns", ["days_since"])
    signature = ModelSignature(inputs=Schema([ColSpec("double", name, required=False) for name in columns]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module(f"mlflow.{flavor}")
        module.save_model(estimator, str(path), signature=signature, pip_requirements=[], **values)
    assert mlflow.models.Model.load(str(path)).flavors
    return path


def frame_of(rows: int = 200) -> tuple[pd.DataFrame, pd.Series]:
    days = np.random.default_rng(3).uniform(0, 300, rows)
    return pd.DataFrame({"days_since": days}), pd.Series((days < 60).astype(int))


def imported(shop, folder: Path):
    return shop.build(lambda asset, context: import_mlflow(asset, context, folder), "returns", today=NEW_YEAR)


@pytest.mark.parametrize("fit", [fit_on_spend, boosted, gradient])
def test_what_was_exported_is_loaded_by_mlflow_and_says_the_same(bought, tmp_path, fit):
    mlflow = _library()
    bought.build(labels.build, "returned", today=NEW_YEAR)
    bought.declare("returns", model(label="returned", features=["spend"])(fit))
    bought.build(training.build, "returns", today=NEW_YEAR)
    made = export_mlflow(bought.lake, live(bought.lake, "returns"), tmp_path / "out")
    assert made.rows == 1080
    assert not list((tmp_path / "out").rglob("*.pkl"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = mlflow.pyfunc.load_model(str(tmp_path / "out"))
        one = pd.DataFrame({"spend_cents": [300.0], "purchases": [2.0], "channel": pd.array([None], dtype="str")})
        assert 0 <= loaded.predict(one)[0] <= 1
    with pytest.raises(BuildError, match="is not empty"):
        export_mlflow(bought.lake, live(bought.lake, "returns"), tmp_path / "out")
    bought.build(lambda asset, context: import_mlflow(asset, context, tmp_path / "out"), "returns", today=NEW_YEAR)
    first, second = versions(bought.lake, "returns")
    assert (first.sha, first.format, first.on_training_rows) == (second.sha, second.format, second.on_training_rows)


@pytest.mark.parametrize(
    ("flavor", "fit", "values"),
    [
        (
            "sklearn",
            lambda inputs, y: make_pipeline(SimpleImputer(), LogisticRegression()).fit(inputs, y),
            {"serialization_format": "skops", "skops_trusted_types": ["numpy.dtype"]},
        ),
        ("lightgbm", lambda inputs, y: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(inputs, y).booster_, {}),
        (
            "xgboost",
            lambda inputs, y: xgboost.XGBClassifier(n_estimators=5).fit(inputs, y).get_booster(),
            {"model_format": "ubj"},
        ),
    ],
)
def test_what_mlflow_saved_becomes_the_next_version(served, tmp_path, flavor, fit, values):
    save(flavor, fit(*frame_of()), tmp_path / "given", **values)
    built = imported(served, tmp_path / "given")
    made = versions(served.lake, "returns")[-1]
    assert (made.number, live(served.lake, "returns").number) == (2, 1)
    assert made.origin == f"imported from MLflow, kept as {made.format}"
    assert built.note.startswith(f"returns@2 is {made.origin}, and was measured on 600 moments")
    assert made.on_training_rows.beats_guess
    assert made.held_out is None
    assert "held out: can't be told, it was not trained here" in version_text(made)


def test_a_pickle_is_refused_and_not_loaded(served, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("it was loaded",))

    folder = save("sklearn", LogisticRegression().fit(*frame_of()), tmp_path / "given", serialization_format="skops")
    text = (folder / "MLmodel").read_text().replace("model.skops", "model.pkl").replace(": skops", ": pickle")
    (folder / "MLmodel").write_text(text)
    (folder / "model.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BuildError, match=r"would run a stranger's code.*serialization_format=\"skops\""):
        imported(served, folder)
    assert len(versions(served.lake, "returns")) == 1


def test_other_inputs_are_refused_with_both_sides_named(served, tmp_path):
    inputs, y = frame_of()
    other = save(
        "lightgbm",
        lightgbm.LGBMClassifier(n_estimators=2, verbose=-1)
        .fit(inputs.rename(columns={"days_since": "age"}), y)
        .booster_,
        tmp_path / "other",
        columns=["age"],
    )
    with pytest.raises(BuildError, match=r"asked with age \(number\); .* give days_since \(number\)"):
        imported(served, other)


def test_what_is_no_folder_of_mlflow_or_leads_out_of_it_is_refused(served, tmp_path):
    with pytest.raises(UnknownName, match="no file MLmodel"):
        imported(served, tmp_path)
    folder = save("sklearn", LogisticRegression().fit(*frame_of()), tmp_path / "given", serialization_format="skops")
    (tmp_path / "model.skops").write_bytes((folder / "model.skops").read_bytes())
    marked = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(marked.replace("pickled_model: model.skops", "pickled_model: ../model.skops"))
    with pytest.raises(BuildError, match="names a file outside of itself"):
        imported(served, folder)
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"keras": {}}}))
    with pytest.raises(BuildError, match="none is read without running its code"):
        imported(served, folder)
