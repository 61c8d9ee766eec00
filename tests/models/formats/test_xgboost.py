from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost

from pumphouse.errors import BuildError
from pumphouse.models.estimators import described, keep, load, packages, parameters, predictions


def classifier(**values):
    return xgboost.XGBClassifier(n_estimators=8, nthread=1, enable_categorical=True, **values)


def booster(inputs, y, **values):
    matrix = xgboost.DMatrix(inputs, y, enable_categorical=True)
    return xgboost.train({"objective": "binary:logistic", "nthread": 1, **values}, matrix, 8)


def test_the_class_and_the_booster_say_the_same_when_they_come_back(data):
    for given, expected in (
        ((one := classifier().fit(data.categories, data.y)), one.predict_proba(data.categories)[:, 1]),
        (
            (one := booster(data.categories, data.y)),
            one.predict(xgboost.DMatrix(data.categories, enable_categorical=True)),
        ),
    ):
        kept = keep(given, data.X, task="chance")
        assert kept.format == "xgboost"
        back = load(kept.data, format="xgboost")
        assert np.array_equal(predictions(back, data.X, format="xgboost", task="chance"), expected.astype(float))


def test_one_row_knows_its_category_among_those_of_training(data):
    kept = keep(classifier().fit(data.categories, data.y), data.X, task="chance")
    back = load(kept.data, format="xgboost")
    together = predictions(back, data.X.head(30), format="xgboost", task="chance")
    alone = [predictions(back, data.X[at : at + 1], format="xgboost", task="chance")[0] for at in range(30)]
    assert alone == together.tolist()


def test_a_category_nobody_knows_is_as_if_it_were_missing(data):
    back = load(keep(classifier().fit(data.categories, data.y), data.X, task="chance").data, format="xgboost")
    rows = [data.X.head(1).assign(channel=pd.array([one], dtype="str")) for one in ("fax", None)]
    unknown, none = (predictions(back, row, format="xgboost", task="chance")[0] for row in rows)
    assert unknown == none


def test_numbers_are_said_by_a_regressor(data):
    given = xgboost.XGBRegressor(n_estimators=8).fit(data.numbers, data.amount)
    kept = keep(given, data.numbers, task="number")
    answers = predictions(load(kept.data, format="xgboost"), data.numbers, format="xgboost", task="number")
    assert np.array_equal(answers, given.predict(data.numbers).astype(float))


def test_one_that_stopped_early_answers_with_its_best_rounds(data):
    given = xgboost.XGBClassifier(n_estimators=200, learning_rate=0.9, early_stopping_rounds=3).fit(
        data.numbers[:150], data.y[:150], eval_set=[(data.numbers[150:], data.y[150:])], verbose=False
    )
    kept = keep(given, data.numbers, task="chance")
    answers = predictions(load(kept.data, format="xgboost"), data.numbers, format="xgboost", task="chance")
    assert np.array_equal(answers, given.predict_proba(data.numbers)[:, 1].astype(float))


def test_trained_again_it_is_the_same_bytes(data):
    first, second = (keep(classifier().fit(data.categories, data.y), data.X, task="chance") for _ in range(2))
    assert first.data == second.data


@pytest.mark.parametrize(
    ("fit", "reason"),
    [
        (lambda data: classifier(), "not fitted"),
        (lambda data: classifier(missing=-1).fit(data.numbers, data.y), "does not keep"),
        (lambda data: booster(data.numbers, data.amount, objective="reg:squarederror"), "outside 0..1"),
        (lambda data: xgboost.XGBRegressor(n_estimators=2).fit(data.numbers, data.y), "can't say a chance"),
    ],
)
def test_what_can_not_answer_is_refused(data, fit, reason: str):
    with pytest.raises(BuildError, match=reason):
        keep(fit(data), data.numbers, task="chance")


def test_what_is_no_model_of_its_is_refused():
    with pytest.raises(BuildError, match="no UBJSON or JSON of XGBoost's"):
        load(b"{}", format="xgboost")


def test_it_is_told_as_its_author_wrote_it(data):
    given = classifier(max_depth=3).fit(data.numbers, data.y)
    assert "max_depth=3" in described(given, format="xgboost")
    assert parameters(given, format="xgboost")["rounds"] == 8
    assert packages(given, format="xgboost")["xgboost"] == xgboost.__version__
