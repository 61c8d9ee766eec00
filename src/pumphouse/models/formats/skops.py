"""scikit-learn, kept by skops: what is inside is checked before any of it is made. A booster may end a pipeline."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError, MissingExtra
from pumphouse.lake.archives import lasting
from pumphouse.models.formats.format import Task, answered, can_not_say, kind_of, not_fitted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

TRUSTED = re.compile(
    r"sklearn\.[\w.]+|numpy\.(dtype|number|integer|floating)|builtins\.object|collections\.(OrderedDict|defaultdict)"
    r"|functools\.partial"
    r"|lightgbm\.(basic\.Booster|sklearn\.LGBM(Classifier|Regressor))"
    r"|xgboost\.(core\.Booster|sklearn\.XGB(Classifier|Regressor))"
)
"""Names that skops doesn't know by heart and that may be safe to load: scikit-learn's own, and the boosters'.

The abstract types are what columns are selected by (`make_column_selector(dtype_include=object)`). Of a partial, the
function is a name of its own.
"""
NO_PART_OF_MODELS = re.compile(r"\.(datasets|externals|tests|conftest|estimator_checks|_testing|_mocking)\.")
"""Modules of scikit-learn that read and write files, or exist to test it."""
WITH_FUNCTIONS = re.compile(
    r"sklearn\.(cluster|covariance|decomposition|feature_selection|gaussian_process|kernel_approximation|metrics|preprocessing)\."
)
"""Where functions are that an estimator calls: f_classif, normalize. Elsewhere a function could do anything."""
CHECKS = ("sklearn.utils.validation.check_array",)
"""Functions that estimators put into themselves: HistGradientBoosting's categories."""
OTHER_COLUMNS = re.compile(r"feature names should match|is expecting \d+ features|columns are missing")
LIBRARIES = ("lightgbm", "xgboost")


def accepts(estimator: Any) -> bool:
    """Whether it is one of scikit-learn's."""
    return type(estimator).__module__.startswith("sklearn.")


def dump(estimator: Any) -> bytes:
    """A skops archive, without the memory addresses and the time that skops writes into it."""
    data: bytes = _skops().dumps(estimator)
    return lasting(data)


def load(data: bytes) -> Any:
    """The estimator in an archive. Raises BuildError where it would run code that is not a library's we know."""
    skops_io = _skops()
    unknown = sorted(skops_io.get_untrusted_types(data=data))
    strange = [name for name in unknown if not _is_known(name)]
    if strange:
        mend = "Compute it in a feature, or use a step of scikit-learn; loading a model must run no stranger's code."
        if all(name.startswith("scipy.stats.") for name in strange):
            mend = "It is what a search draws from: return what the search found, search.best_estimator_."
        raise BuildError(f"the model holds code that is not scikit-learn's: {', '.join(strange)}", mend=mend)
    return skops_io.loads(data, trusted=unknown)


def predict(estimator: Any, inputs: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    """`predict_proba` of a classifier for label 1, `predict` of a regressor."""
    import numpy as np
    from sklearn.exceptions import NotFittedError

    is_classifier = hasattr(estimator, "predict_proba")
    if is_classifier != (task == "chance") or not hasattr(estimator, "predict"):
        raise can_not_say(estimator, task)
    try:
        answers = answered(estimator, inputs, task)
    except (NotFittedError, AttributeError) as error:
        raise not_fitted(estimator) from error
    except ValueError as error:  # what scikit-learn raises for null or text where it takes neither
        reason = str(error).strip().splitlines()[0]
        mend = "Put a step before it that fills what is missing: make_pipeline(SimpleImputer(), ...)."
        if OTHER_COLUMNS.search(reason):
            mend = "It is asked with all columns of train.X: fit it on those, or let its first step choose among them."
        raise BuildError(f"{kind_of(estimator)} can't answer: {reason}", mend=mend) from error
    return np.asarray(answers, dtype=np.float64)


def parameters(estimator: Any) -> dict[str, Any]:
    """`get_params` without the steps themselves, whose parameters follow by their own names."""
    found: dict[str, Any] = estimator.get_params()
    return {name: value for name, value in found.items() if not _is_step(value)}


def described(estimator: Any) -> str:
    """scikit-learn's own way to write it."""
    return repr(estimator)


def packages(estimator: Any) -> dict[str, str]:
    """scikit-learn and skops, and a booster that is in it."""
    modules = {type(value).__module__.partition(".")[0] for value in estimator.get_params().values()}
    boosters = {name: import_module(name).__version__ for name in LIBRARIES if name in modules}
    return {"scikit-learn": version("scikit-learn"), "skops": version("skops"), **boosters}


def _is_known(name: str) -> bool:
    """Whether a name in an archive is a class or a harmless function of a library we know, and not of another.

    A module of scikit-learn has names in it that it imported itself, such as `check_output` of `subprocess`.
    """
    if not TRUSTED.fullmatch(name) or NO_PART_OF_MODELS.search(name):
        return False
    if not name.startswith("sklearn."):
        return True
    module, _, own = name.rpartition(".")
    try:
        found = getattr(import_module(module), own)
    except (ImportError, AttributeError):
        return False
    home = f"{getattr(found, '__module__', None)}."
    if not home.startswith("sklearn.") or NO_PART_OF_MODELS.search(home):
        return False
    return inspect.isclass(found) or (callable(found) and (name in CHECKS or WITH_FUNCTIONS.match(home) is not None))


def _is_step(value: Any) -> bool:
    return hasattr(value, "get_params") or (
        isinstance(value, list | tuple) and any(isinstance(part, tuple) for part in value)
    )


def _skops() -> Any:  # the library has no types
    try:
        import skops.io as skops_io
    except ImportError as error:
        raise MissingExtra("skops", extra="models", purpose="storing a model") from error
    return skops_io
