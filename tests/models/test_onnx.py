from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from pumphouse.declare.learning import Feature, model
from pumphouse.errors import BuildError
from pumphouse.features import labels
from pumphouse.features.frames import frame
from pumphouse.models import training
from pumphouse.models.estimators import load, predictions
from pumphouse.models.onnx import export_onnx, training_rows
from pumphouse.models.registry import live

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")
NUMBERS = """
SELECT m.customer_id, m.as_of, coalesce(sum(p.cents), 0) AS spend_cents, count(p.cents) AS purchases, m.customer_id AS n
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id
GROUP BY m.customer_id, m.as_of
"""


def split_by_hand(train):
    return DecisionTreeClassifier().fit(train.X, train.X["n"] % 2)


def logistic(train):
    return make_pipeline(SimpleImputer(), LogisticRegression(max_iter=2000)).fit(train.X / 100, train.y)


def trained(shop, fit, features=("numbers",)):
    shop.add("numbers", kind="feature", spec=Feature(text=NUMBERS, entity=("customer_id",)))
    shop.build(labels.build, "returned", today=date(1998, 1, 1))
    shop.declare("returns", model(label="returned", features=list(features))(fit))
    shop.build(training.build, "returns", today=date(1998, 1, 1))
    return live(shop.lake, "returns")


def test_a_version_that_says_the_same_to_the_bit_is_written(bought, tmp_path):
    made = trained(bought, split_by_hand)  # each leaf is all true or all false: 0 and 1 are the same in 32 bits
    written = export_onnx(bought.lake, made, tmp_path / "out")
    assert written.path.endswith("returns_1.onnx")
    assert "the same to the bit on all 1,080 rows" in written.note
    inputs = frame(training_rows(bought.lake, made), list(made.columns))
    session = onnxruntime.InferenceSession(written.path, providers=["CPUExecutionProvider"])
    found = session.run(None, {"features": inputs.to_numpy(dtype=np.float32)})[1][:, 1]
    estimator = load(bought.lake.blobs.get(made.sha), format=made.format)
    assert found.tolist() == predictions(estimator, inputs, format="skops", task="chance").tolist()


def test_one_that_is_off_in_the_last_digit_is_refused_with_its_worst_row(bought, tmp_path):
    made = trained(bought, lambda train: LogisticRegression(max_iter=2000).fit(train.X, train.y))
    with pytest.raises(
        BuildError, match=r"predictions differ, most of all that for customer_id = \d+, as_of = .*off by"
    ):
        export_onnx(bought.lake, made, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_onnx_has_no_form_for_says_so(bought, tmp_path):
    made = trained(bought, split_by_hand)
    with pytest.raises(BuildError, match=r"it is kept as lightgbm"):
        export_onnx(bought.lake, replace(made, format="lightgbm"), tmp_path)
    with pytest.raises(BuildError, match=r"a tensor holds no text, as channel is"):
        export_onnx(bought.lake, replace(made, columns={"channel": "text"}), tmp_path)
