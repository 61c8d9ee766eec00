"""A version as an ONNX file, only where it says exactly the same of every row that it learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pumphouse.errors import BuildError, MissingExtra
from pumphouse.features.frames import frame
from pumphouse.lake.lake import Lake
from pumphouse.models.estimators import load, predictions
from pumphouse.models.formats.format import Task
from pumphouse.models.learned_from import training_rows
from pumphouse.models.registry import Version

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

INPUT = "features"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file or folder that was written, and on how many rows it said the same as the version."""

    path: str
    rows: int
    note: str


def export_onnx(lake: Lake, version: Version, folder: Path) -> Exported:
    """Write `MODEL_NUMBER.onnx`: one input, a tensor of the columns in order, and what scikit-learn's converter gives.

    Numbers are 64-bit where ONNX has the operators for it, else 32-bit; either way every row of the training set must
    get the same prediction to the bit. Raises BuildError, naming the worst row, where one does not, and for a version
    that ONNX has no form for.
    """
    if version.format != "skops":
        raise _impossible(version, f"it is kept as {version.format}, which has no converter here")
    if texts := [name for name, form in version.columns.items() if form == "text"]:
        raise _impossible(version, f"a tensor holds no text, as {', '.join(texts)} is")
    estimator = load(lake.blobs.get(version.sha), format=version.format)
    rows = training_rows(lake, version)
    inputs = frame(rows, list(version.columns))
    expected = predictions(estimator, inputs, format=version.format, task=version.task)
    worst, reasons = "", []
    for bits in (64, 32):
        try:
            data, found = _converted(estimator, inputs, version.task, bits)
        except MissingExtra:
            raise
        except Exception as error:  # noqa: BLE001  # the converter and the runtime raise as many kinds as they have operators
            reasons.append(f"{bits}-bit: {str(error).strip().splitlines()[0][:200] or type(error).__name__}")
            continue
        if (found == expected).all():
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{version.model}_{version.number}.onnx"
            path.write_bytes(data)
            note = f"{bits}-bit tensors; the same to the bit on all {len(expected):,} rows it learned from"
            return Exported(path=str(path), rows=len(expected), note=note)
        worst = worst or _worst(version, rows, expected, found, bits)
    raise _impossible(version, worst or "; ".join(reasons))


def unlike(version: Version, rows: pa.Table, expected: NDArray[np.float64], found: NDArray[np.float64]) -> str:
    """How many predictions differ, and about whom the most."""
    import numpy as np

    off = np.abs(found - expected)
    off[np.isnan(off)] = np.inf
    at = int(off.argmax())
    named = [*version.entity, "as_of"]
    where = ", ".join(f"{name} = {rows[name][at].as_py()}" for name in named)
    return (
        f"{int((found != expected).sum()):,} of {len(expected):,} predictions differ, most of all that for {where}:"
        f" {float(expected[at])!r} became {float(found[at])!r}, off by {off[at]:.3g}"
    )


def _worst(
    version: Version, rows: pa.Table, expected: NDArray[np.float64], found: NDArray[np.float64], bits: int
) -> str:
    return f"with {bits}-bit tensors {unlike(version, rows, expected, found)}"


def _converted(estimator: Any, inputs: pd.DataFrame, task: Task, bits: int) -> tuple[bytes, NDArray[np.float64]]:
    """The estimator as ONNX, and what the runtime says of the rows with it."""
    import numpy as np

    try:
        import onnxruntime
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    except ImportError as error:
        raise MissingExtra("skl2onnx", extra="onnx", purpose="writing a model as ONNX") from error
    tensor = (DoubleTensorType if bits == 64 else FloatTensorType)([None, inputs.shape[1]])
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    options = {id(last): {"zipmap": False}} if task == "chance" else None
    made = to_onnx(estimator, initial_types=[(INPUT, tensor)], options=options)
    data: bytes = made.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    given = inputs.to_numpy(dtype=np.float64 if bits == 64 else np.float32)
    answers = session.run(None, {INPUT: given})
    found = np.asarray(answers[1][:, 1] if task == "chance" else np.ravel(answers[0]), dtype=np.float64)
    return data, found


def _impossible(version: Version, reason: str) -> BuildError:
    return BuildError(
        f"{version.name} can't be written as ONNX: {reason}",
        asset=version.model,
        mend="Ask it over HTTP, or export it with --format mlflow, which keeps its own format.",
    )
