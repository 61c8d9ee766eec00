"""What a form of estimators is: whose it takes, how it becomes bytes and comes back, and how it is asked."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pumphouse.errors import BuildError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Task = Literal["chance", "number"]
"""A chance (0..1) that a label is true, or a number that it is expected to be."""


class Format(Protocol):
    """A module of this folder. What it raises on purpose is a BuildError that says how to mend it.

    `load` gives what `predict` takes; `predict` takes what a training function returned as well.
    """

    def accepts(self, estimator: Any) -> bool:
        """Whether it is one of this form. Imports no library."""
        ...

    def dump(self, estimator: Any) -> bytes:
        """The estimator as bytes, the same ones for the same estimator."""
        ...

    def load(self, data: bytes) -> Any:
        """The estimator in the bytes. Raises BuildError where loading would run a stranger's code."""
        ...

    def predict(self, estimator: Any, inputs: pd.DataFrame, task: Task) -> NDArray[np.float64]:
        """Its answer for each row of `inputs`, as it is: the caller looks at its range."""
        ...

    def parameters(self, estimator: Any) -> dict[str, Any]:
        """What its author set, by name; values may be anything."""
        ...

    def described(self, estimator: Any) -> str:
        """The estimator as its author would write it."""
        ...

    def packages(self, estimator: Any) -> dict[str, str]:
        """The libraries that decide what it says, with their versions."""
        ...


def kind_of(estimator: Any) -> str:
    """The estimator's class, or the function that it is, by its full name."""
    named = estimator if inspect.isfunction(estimator) else type(estimator)
    return f"{named.__module__}.{named.__qualname__}"


def can_not_say(estimator: Any, task: Task) -> BuildError:
    """The error where an estimator does not do what its label asks for."""
    what = "a chance, which its label asks for" if task == "chance" else "a number, which its label asks for"
    kinds = {
        "chance": "a classifier: LogisticRegression, LGBMClassifier, XGBClassifier, alone or as the end of a pipeline",
        "number": "a regressor: LinearRegression, LGBMRegressor, XGBRegressor, alone or as the end of a pipeline",
    }
    return BuildError(
        f"the model's function returned {kind_of(estimator)}, which can't say {what}", mend=f"Return {kinds[task]}."
    )


def answered(estimator: Any, inputs: Any, task: Task) -> Any:
    """What one with scikit-learn's methods answers: the chance of label 1, or the number."""
    if task == "number":
        return estimator.predict(inputs)
    if list(estimator.classes_) != [0, 1]:
        raise other_labels(estimator)
    return estimator.predict_proba(inputs)[:, 1]


def one_each(answers: Any, estimator: Any, task: Task) -> NDArray[np.float64]:
    """Answers as numbers. Raises BuildError where there are several for a row."""
    import numpy as np

    found = np.asarray(answers, dtype=np.float64)
    if found.ndim != 1:
        raise can_not_say(estimator, task)
    return found


def not_fitted(estimator: Any) -> BuildError:
    """The error where an estimator has learned nothing yet."""
    return BuildError(
        f"the model's function returned a {kind_of(estimator)} that was not fitted",
        mend="Fit it first: return estimator.fit(train.X, train.y).",
    )


def other_labels(estimator: Any) -> BuildError:
    """The error where a classifier knows other classes than the label's."""
    return BuildError(
        f"{kind_of(estimator)} was fitted on other labels than 0 and 1",
        mend="Fit it on train.X and train.y as they are.",
    )
