"""Models to and from MLflow: a folder that `mlflow.pyfunc` loads, and one whose model becomes a version here."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildError, MissingExtra, UnknownName
from pumphouse.features.frames import column_forms, frame
from pumphouse.features.training_sets import TrainingData, training_set
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake
from pumphouse.models import mlflow_loader
from pumphouse.models.estimators import BLOCK_ROWS, load, predictions
from pumphouse.models.learned_from import training_rows
from pumphouse.models.onnx import Exported, unlike
from pumphouse.models.registry import Version
from pumphouse.models.versions import Fitted, store

LOADER = "pumphouse_model"
"""The module that an exported folder carries, by which MLflow loads it."""
CARRIED = ("skops", "lightgbm", "xgboost")
"""Forms that stand alone: the others need the project's code."""
MODEL_BYTES_MAX = 2**32
NUMBERS = frozenset({"double", "float", "integer", "long", "boolean"})
RESAVE = {
    "sklearn": 'mlflow.sklearn.save_model(model, path, serialization_format="skops", signature=...)',
    "lightgbm": "mlflow.lightgbm.save_model(model.booster_, path, signature=...)",
    "xgboost": 'mlflow.xgboost.save_model(model.get_booster(), path, model_format="ubj", signature=...)',
}


def export_mlflow(lake: Lake, version: Version, folder: Path) -> Exported:
    """Write a folder that `mlflow.pyfunc.load_model` loads: the model in its own format and a small loader, no pickle.

    It is loaded back and asked about every row of the training set. Raises BuildError where it says anything else, for
    a folder that is not empty, and for a version that is made of the project's own code.
    """
    mlflow = _library()
    if version.format not in CARRIED:
        raise BuildError(
            f"{version.name} is made of the project's own code, which an MLflow folder can't carry",
            asset=version.model,
            mend="Ask it over HTTP.",
        )
    if folder.exists() and any(folder.iterdir()):
        raise BuildError(f"'{folder}' is not empty", asset=version.model, mend="Name a folder that is not there yet.")
    data = lake.blobs.get(version.sha)
    rows = training_rows(lake, version)
    inputs = frame(rows, list(version.columns))
    expected = predictions(load(data, format=version.format), inputs, format=version.format, task=version.task)
    about = {
        "model": version.name,
        "format": version.format,
        "task": version.task,
        "columns": version.columns,
        "trusted": _trusted(data) if version.format == "skops" else [],
        "label": version.label,
        "block_rows": BLOCK_ROWS,
    }
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own deprecations
        home = Path(scratch) / "version"
        home.mkdir()
        (home / "model").write_bytes(data)
        (home / "about.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
        code = Path(scratch) / f"{LOADER}.py"
        code.write_bytes(Path(mlflow_loader.__file__).read_bytes())
        mlflow.pyfunc.save_model(
            str(folder),
            loader_module=LOADER,
            data_path=str(home),
            code_paths=[str(code)],
            signature=_signature(version),
            pip_requirements=[f"{name}=={number}" for name, number in version.packages.items()],
            metadata={"pumphouse": version.name, "snapshot": version.snapshot, "content": version.sha},
        )
        found = mlflow.pyfunc.load_model(str(folder)).predict(inputs)
    if not (found == expected).all():
        raise BuildError(
            f"{version.name} can't be exported: loaded by MLflow, {unlike(version, rows, expected, found)}",
            asset=version.model,
            mend="Ask it over HTTP.",
        )
    note = f"loaded by MLflow {mlflow.__version__}, the same to the bit on all {len(expected):,} rows it learned from"
    return Exported(path=str(folder), rows=len(expected), note=note)


def import_mlflow(asset: Asset, context: Context, folder: Path) -> Built:
    """The model in an MLflow folder as the next version of a declared model, measured on its training set as of now.

    MLflow itself loads nothing: the file is read in its own format. Raises BuildError where that is a pickle, which
    would run a stranger's code, and where the folder's inputs are not the model's features.
    """
    about = _about(asset, folder)
    form, data = _model_file(asset, folder, about)
    set_ = training_set(context, asset)
    _refuse_other_inputs(asset, about, set_)
    fitted = Fitted(
        estimator=load(data, format=form),
        settings={},
        metrics={},
        training_s=None,
        held_out=None,
        origin=f"imported from MLflow, kept as {form}",
    )
    try:
        return store(asset, context, set_, fitted)
    except BuildError as error:
        raise BuildError(error.what, asset=asset.name, place=error.place or asset.place, mend=error.mend) from error


def _about(asset: Asset, folder: Path) -> Any:
    mlflow = _library()
    if not (folder / "MLmodel").is_file():
        raise UnknownName(
            f"'{folder}' is no folder of an MLflow model: it has no file MLmodel",
            asset=asset.name,
            mend="Name the folder that MLflow's save_model wrote.",
        )
    try:
        return mlflow.models.Model.load(str(folder / "MLmodel"))
    except Exception as error:  # whatever a stranger's YAML makes of MLflow's reader
        raise BuildError(f"'{folder / 'MLmodel'}' can't be read: {error}", asset=asset.name) from error


def _model_file(asset: Asset, folder: Path, about: Any) -> tuple[str, bytes]:
    """The form and the bytes of the model in a folder."""
    flavors: dict[str, dict[str, Any]] = about.flavors
    own = flavors.get("python_function", {})
    if own.get("loader_module") == LOADER:
        home = _inside(folder, str(own.get("data", "data")))
        return json.loads((home / "about.json").read_text(encoding="utf-8"))["format"], _read(home / "model")
    for name, key, forms in (
        ("sklearn", "pickled_model", {".skops": "skops"}),
        ("lightgbm", "data", {".lgb": "lightgbm", ".txt": "lightgbm", ".skops": "skops"}),
        ("xgboost", "data", {".ubj": "xgboost", ".json": "xgboost", ".xgb": "xgboost", ".skops": "skops"}),
    ):
        if name not in flavors:
            continue
        file = _inside(folder, str(flavors[name].get(key, "")))
        if file.suffix in forms and file.is_file():
            return forms[file.suffix], _read(file)
        raise BuildError(
            f"the model in '{folder}' is kept as '{file.name}', and loading that would run a stranger's code",
            asset=asset.name,
            mend=f"Save it anew where it is trusted: {RESAVE[name]}",
        )
    raise BuildError(
        f"the model in '{folder}' is of {', '.join(flavors) or 'no kind'}; none is read without running its code",
        asset=asset.name,
        mend="Save it as scikit-learn's (skops), LightGBM's or XGBoost's own.",
    )


def _refuse_other_inputs(asset: Asset, about: Any, data: TrainingData) -> None:
    """Raise BuildError where what the folder says it is asked with is not what the model's features give."""
    signature = about.signature
    if signature is None or not signature.inputs or not signature.inputs.has_input_names():
        raise BuildError(
            "the MLflow folder does not say by which columns its model is asked",
            asset=asset.name,
            mend="Save it anew with signature=mlflow.models.infer_signature(X).",
        )
    named = {one.name: "number" if one.type.name in NUMBERS else "text" for one in signature.inputs.inputs}
    own = dict(column_forms(data.rows.schema, data.columns))
    if list(named.items()) != list(own.items()):
        raise BuildError(
            f"the MLflow model is asked with {_listed(named)}; the features of '{asset.name}' give {_listed(own)}",
            asset=asset.name,
            place=asset.place,
            mend="They have to be the same columns in the same order.",
        )


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({form})" for name, form in columns.items()) or "nothing"


def _inside(folder: Path, name: str) -> Path:
    """A path in the folder. Raises BuildError for one that leads out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BuildError(
            f"'{folder}' names a file outside of itself: {name}", mend="It is no folder that MLflow wrote."
        )
    return path


def _read(file: Path) -> bytes:
    if file.stat().st_size > MODEL_BYTES_MAX:
        raise BuildError(f"'{file}' has more than {MODEL_BYTES_MAX:,} bytes")
    return file.read_bytes()


def _trusted(data: bytes) -> list[str]:
    import skops.io

    return sorted(skops.io.get_untrusted_types(data=data))


def _signature(version: Version) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    inputs: list[Any] = [
        ColSpec("double" if form == "number" else "string", name, required=False)
        for name, form in version.columns.items()
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema([ColSpec("double")]))


def _library() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it would tell its makers what is called
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own type hints
            import mlflow
            import mlflow.models
            import mlflow.pyfunc
    except ImportError as error:
        raise MissingExtra("mlflow-skinny", extra="mlflow", purpose="a model of MLflow") from error
    return mlflow
