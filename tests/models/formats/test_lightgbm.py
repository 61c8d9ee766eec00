from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest

from pumphouse.errors import BuildError
from pumphouse.models.estimators import described, keep, load, packages, parameters, predictions

QUIET = {"verbose": -1, "num_threads": 1}


def classifier(**values):
    return lightgbm.LGBMClassifier(n_estimators=8, **QUIET, **values)


def booster(inputs, y, **values):
    return lightgbm.train({"objective": "binary", **QUIET, **values}, lightgbm.Dataset(inputs, y), 8)


def test_the_class_and_the_booster_say_the_same_when_they_come_back(data):
    for given, expected in (
        ((one := classifier().fit(data.categories, data.y)), one.predict_proba(data.categories)[:, 1]),
        ((one := booster(data.categories, data.y)), one.predict(data.categories)),
    ):
        kept = keep(given, data.X, task="chance")
        assert kept.format == "lightgbm"
        assert kept.data.startswith(b"tree\n")
        back = load(kept.data, format="lightgbm")
        assert np.array_equal(predictions(back, data.X, format="lightgbm", task="chance"), expected)


def test_text_is_a_category_also_where_a_request_brings_one_nobody_knows(data):
    kept = keep(classifier().fit(data.categories, data.y), data.X, task="chance")
    back = load(kept.data, format="lightgbm")
    row = data.X.head(1).assign(channel=pd.array(["fax"], dtype="str"))
    missing = data.X.head(1).assign(channel=pd.array([None], dtype="str"))
    unknown, none = (predictions(back, one, format="lightgbm", task="chance")[0] for one in (row, missing))
    assert unknown == none


def test_a_model_of_some_of_the_columns_is_asked_about_those(data):
    kept = keep(classifier().fit(data.X[["days"]], data.y), data.X, task="chance")
    back = load(kept.data, format="lightgbm")
    swapped = predictions(back, data.X[["channel", "days", "spend"]], format="lightgbm", task="chance")
    assert np.array_equal(swapped, predictions(back, data.X, format="lightgbm", task="chance"))


def test_numbers_are_said_by_a_regressor(data):
    given = lightgbm.LGBMRegressor(n_estimators=8, **QUIET).fit(data.numbers, data.amount)
    kept = keep(given, data.numbers, task="number")
    back = load(kept.data, format="lightgbm")
    answers = predictions(back, data.numbers, format="lightgbm", task="number")
    assert np.array_equal(answers, given.predict(data.numbers))
    with pytest.raises(BuildError, match="can't say a chance"):
        keep(given, data.numbers, task="chance")


def test_one_that_stopped_early_answers_with_its_best_trees(data):
    given = lightgbm.LGBMClassifier(n_estimators=200, learning_rate=0.5, **QUIET).fit(
        data.numbers[:150],
        data.y[:150],
        eval_X=data.numbers[150:],
        eval_y=data.y[150:],
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
    )
    kept = keep(given, data.numbers, task="chance")
    assert load(kept.data, format="lightgbm").num_trees() == given.best_iteration_ < 200


def test_trained_again_it_is_the_same_bytes(data):
    first, second = (keep(classifier().fit(data.categories, data.y), data.X, task="chance") for _ in range(2))
    assert first.data == second.data


@pytest.mark.parametrize(
    ("fit", "reason"),
    [
        (lambda data: classifier(), "not fitted"),
        (lambda data: classifier().fit(data.numbers, data.y + 1), "other labels than 0 and 1"),
        (lambda data: classifier().fit(data.numbers, data.y + (data.X["days"] > 45)), "other labels than 0 and 1"),
        (lambda data: booster(data.numbers, data.y, objective="multiclass", num_class=2), "can't say a chance"),
        (lambda data: booster(data.numbers, data.amount, objective="regression"), "outside 0..1"),
        (lambda data: classifier().fit(data.numbers[["days"]].to_numpy(), data.y), "can't answer.*number of features"),
    ],
)
def test_what_can_not_answer_is_refused(data, fit, reason: str):
    with pytest.raises(BuildError, match=reason):
        keep(fit(data), data.X, task="chance")


def test_what_is_no_model_of_its_is_refused():
    with pytest.raises(BuildError, match="no text of LightGBM's"):
        load(b"tree\nnothing", format="lightgbm")


def test_it_is_told_as_its_author_wrote_it(data):
    given = classifier().fit(data.numbers, data.y)
    assert "LGBMClassifier(n_estimators=8" in described(given, format="lightgbm")
    assert parameters(given, format="lightgbm")["trees"] == 8
    assert packages(given, format="lightgbm")["lightgbm"] == lightgbm.__version__
    plain = booster(data.numbers, data.y)
    assert described(plain, format="lightgbm").startswith("lightgbm.Booster(objective='binary'")
