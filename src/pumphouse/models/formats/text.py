"""Text features for libraries that take categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def as_categories(inputs: pd.DataFrame) -> pd.DataFrame:
    """The frame with each column of text as a category; a library maps them to those that it was fitted on."""
    texts = [name for name, kind in inputs.dtypes.items() if kind == "str"]
    if not texts:
        return inputs
    given = inputs.astype(dict.fromkeys(texts, "category"))
    for name in texts:
        if not len(given[name].cat.categories):  # all are missing, and XGBoost takes no category without a value
            given[name] = given[name].cat.add_categories([""])
    return given
