from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """300 rows as a training set has them: a number that is sometimes missing, another, and a text."""

    X: pd.DataFrame
    y: pd.Series
    amount: pd.Series

    @property
    def numbers(self) -> pd.DataFrame:
        return self.X[["spend", "days"]]

    @property
    def categories(self) -> pd.DataFrame:
        return self.X.astype({"channel": "category"})


@pytest.fixture(scope="session")
def data() -> Data:
    chance = np.random.default_rng(7)
    spend, days = chance.gamma(2, 40, 300), chance.uniform(0, 90, 300)
    channel = chance.choice(["web", "shop", "phone"], 300)
    y = (spend / 80 - days / 60 + (channel == "web") + chance.normal(0, 0.4, 300) > 0.4).astype("int64")
    inputs = pd.DataFrame(
        {
            "spend": np.where(chance.random(300) < 0.1, np.nan, spend),
            "days": days,
            "channel": pd.array(channel, dtype="str"),
        }
    )
    return Data(X=inputs, y=pd.Series(y, name="returned"), amount=pd.Series(spend * 2 + days, name="amount"))
