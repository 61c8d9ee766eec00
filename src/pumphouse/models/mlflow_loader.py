"""What an exported MLflow folder carries to be asked by MLflow. It stands alone: Pumphouse is not needed there."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

PANDAS = int(version("pandas").partition(".")[0])
"""From 3 on, text has a type of its own."""


def _load_pyfunc(path: str) -> Any:  # the name MLflow looks for
    about = json.loads((Path(path) / "about.json").read_text(encoding="utf-8"))
    return Model(about, (Path(path) / "model").read_bytes())


class Model:
    """Answers about rows with a column for each feature: a chance (0..1) or a number for each."""

    def __init__(self, about: dict[str, Any], data: bytes) -> None:
        self.about = about
        self._ask = {"skops": _skops, "lightgbm": _lightgbm, "xgboost": _xgboost}[about["format"]](about, data)

    def predict(self, rows: Any, params: Any = None) -> Any:
        """One prediction a row, in the rows' order."""
        import numpy as np
        import pandas as pd

        columns = {}
        for name, form in self.about["columns"].items():
            given = rows[name]
            if form == "number":
                columns[name] = given.to_numpy(dtype="float64", na_value=np.nan)
            else:
                texts = [None if pd.isna(one) else str(one) for one in given]
                columns[name] = pd.array(texts, dtype="str") if PANDAS >= 3 else np.array(texts, dtype=object)
        return np.asarray(self._ask(pd.DataFrame(columns)), dtype="float64")


def _skops(about: dict[str, Any], data: bytes) -> Any:
    import skops.io

    # Checked when it was exported: these are scikit-learn's own types and the boosters'.
    estimator = skops.io.loads(data, trusted=about["trusted"])
    block = about["block_rows"]

    def ask(frame: Any) -> Any:
        # Whole blocks, the last row repeated: else the last bits would depend on how many rows are asked about.
        count = len(frame)
        asked = frame.take([min(at, count - 1) for at in range(count + -count % block)])
        answers = estimator.predict_proba(asked)[:, 1] if about["task"] == "chance" else estimator.predict(asked)
        return answers[:count]

    return ask


def _lightgbm(about: dict[str, Any], data: bytes) -> Any:
    import lightgbm

    booster = lightgbm.Booster(model_str=data.decode())
    names = booster.feature_name()
    return lambda frame: booster.predict(_categories(frame[names] if set(names) <= set(frame.columns) else frame))


def _xgboost(about: dict[str, Any], data: bytes) -> Any:
    import xgboost

    booster = xgboost.Booster(model_file=bytearray(data))
    best = booster.attr("best_iteration")
    rounds = (0, int(best) + 1) if best is not None else (0, 0)
    names = booster.feature_names

    def ask(frame: Any) -> Any:
        asked = _categories(frame[names]) if names else frame.to_numpy()
        return booster.predict(xgboost.DMatrix(asked, enable_categorical=True), iteration_range=rounds)

    return ask


def _categories(frame: Any) -> Any:
    texts = [name for name, kind in frame.dtypes.items() if kind in ("str", "object", "string")]
    given = frame.astype(dict.fromkeys(texts, "category"))
    for name in texts:
        if not len(given[name].cat.categories):
            given[name] = given[name].cat.add_categories([""])
    return given
