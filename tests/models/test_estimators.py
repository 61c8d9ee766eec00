from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from pumphouse.models.estimators import predictions

SIZES = (1, 2, 3, 7, 16, 33, 64, 65, 100, 999)


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (LogisticRegression(), "chance"),
        (make_pipeline(PolynomialFeatures(2), LogisticRegression()), "chance"),
        (LinearDiscriminantAnalysis(), "chance"),
        (QuadraticDiscriminantAnalysis(), "chance"),
        (LinearRegression(), "number"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
@pytest.mark.parametrize("width", [3, 20])
def test_an_answer_is_the_same_to_the_bit_however_many_are_asked_about(estimator, task, width):
    chance = np.random.default_rng(width)
    inputs = pd.DataFrame(chance.normal(size=(3_000, width)), columns=[f"c{number}" for number in range(width)])
    inputs = inputs.mask(chance.random(inputs.shape) < 0.1)
    outcome = (inputs.sum(axis=1) > chance.normal(size=len(inputs))).astype(int)
    fitted = make_pipeline(SimpleImputer(), StandardScaler(), estimator).fit(inputs, outcome)
    together = predictions(fitted, inputs, format="skops", task=task)
    for size in SIZES:
        for start in range(0, min(len(inputs), 20 * size), size):
            some = predictions(fitted, inputs[start : start + size], format="skops", task=task)
            assert np.array_equal(some, together[start : start + size]), (size, start)
