"""PyTorch modules, kept as their structure in JSON and their weights.

Not as a program: TorchScript is given up by PyTorch, and `torch.export.load` unpickles what an archive tells it to.
A structure is made again from its parts, torch.nn's own layers and classes of the project, by the arguments of their
`__init__`; weights are read with `weights_only=True`. Neither runs a stranger's code.
"""

from __future__ import annotations

import inspect
import io
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.errors import BuildError, UnknownName
from pumphouse.graph.own_code import own_code
from pumphouse.lake.archives import EPOCH
from pumphouse.models.formats.format import Task, kind_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

LAYERS = "torch.nn.modules."
CONTAINERS = frozenset({"Sequential", "ModuleList"})
STRUCTURE, WEIGHTS = "structure.json", "weights.pt"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One module: a class with the arguments that make it, or a container with its parts in order."""

    module: str
    name: str
    code: str = ""
    """The fingerprint of a class of the project."""
    arguments: dict[str, Any] = {}
    parts: tuple[Part, ...] = ()


def accepts(estimator: Any) -> bool:
    """Whether it is a torch.nn.Module."""
    return any(one.__module__ == f"{LAYERS}module" for one in type(estimator).__mro__)


def dump(estimator: Any) -> bytes:
    """An archive of the structure and the weights."""
    torch = _library()
    structure = msgspec.json.encode(_described(estimator), order="deterministic")
    weights = io.BytesIO()
    torch.save(estimator.state_dict(), weights)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo(STRUCTURE, EPOCH), structure)
        archive.writestr(zipfile.ZipInfo(WEIGHTS, EPOCH), weights.getvalue())
    return made.getvalue()


def load(data: bytes) -> Any:
    """The module, ready to be asked. Raises BuildError where a class of the project is no longer the same."""
    torch = _library()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        structure = msgspec.json.decode(archive.read(STRUCTURE), type=Part)
        try:
            weights = torch.load(io.BytesIO(archive.read(WEIGHTS)), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise BuildError("the model's file holds more than weights", mend="Train it anew.") from error
    try:
        estimator = _made(structure)
        dtypes = [one.dtype for one in weights.values() if one.is_floating_point()]
        if dtypes:
            estimator.to(dtype=dtypes[0])
        estimator.load_state_dict(weights)
    except (TypeError, RuntimeError) as error:
        raise BuildError(
            f"{structure.module}.{structure.name} can't be made again: {str(error).strip().splitlines()[0]}",
            mend="Give its class an __init__ that keeps each argument under its name and makes all of its layers.",
        ) from error
    return estimator.eval()


def predict(estimator: Any, inputs: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    """What `forward` gives for the rows as one tensor, their columns in order, without dropout and the like."""
    import numpy as np

    texts = [str(name) for name, kind in inputs.dtypes.items() if kind == "str"]
    if texts:
        raise BuildError(
            f"{kind_of(estimator)} can't answer: a tensor holds no text, as {', '.join(texts)} is",
            mend="Make numbers of it in a feature: CAST(channel = 'web' AS INTEGER) AS is_web.",
        )
    torch = _library()
    dtype = next((one.dtype for one in estimator.parameters()), torch.float32)
    try:
        with torch.inference_mode():
            answers = estimator.eval()(torch.tensor(inputs.to_numpy(dtype="float64"), dtype=dtype))
        found = answers.to(torch.float64).numpy()
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise BuildError(
            f"{kind_of(estimator)} can't answer: {str(error).strip().splitlines()[0]}",
            mend="Its forward takes one tensor, a row for each row and a column for each feature.",
        ) from error
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if not np.isfinite(found).all():
        raise BuildError(
            f"{kind_of(estimator)} gave a prediction that is no finite number",
            mend="What a feature does not know is NaN: begin forward with torch.nan_to_num(x).",
        )
    if task == "chance" and not ((found >= 0) & (found <= 1)).all():
        raise BuildError(f"{kind_of(estimator)} gave a chance outside 0..1", mend="End it with nn.Sigmoid().")
    return np.asarray(found, dtype=np.float64)


def parameters(estimator: Any) -> dict[str, Any]:
    """The arguments of its class, and how many weights it has."""
    own = _described(estimator).arguments
    return {**own, "weights": sum(one.numel() for one in estimator.parameters())}


def described(estimator: Any) -> str:
    """PyTorch's own way to write it."""
    return repr(estimator)


def packages(estimator: Any) -> dict[str, str]:
    """PyTorch."""
    return {"torch": str(_library().__version__)}  # its own class of text, which is no text to JSON


def _described(estimator: Any) -> Part:
    owner = type(estimator)
    if owner.__module__.startswith(LAYERS) and owner.__name__ in CONTAINERS:
        parts = tuple(_described(one) for one in estimator.children())
        return Part(module=owner.__module__, name=owner.__name__, parts=parts)
    code = ""
    if not owner.__module__.startswith(LAYERS):
        try:
            code = own_code(owner.__module__, owner.__qualname__).fingerprint
        except UnknownName as error:
            raise BuildError(
                f"the model's function returned {kind_of(estimator)}, which is no class of the project",
                mend="Define it at the top of a module of the project, or build it of torch.nn's own layers.",
            ) from error
    return Part(module=owner.__module__, name=owner.__qualname__, code=code, arguments=_arguments(estimator))


def _arguments(estimator: Any) -> dict[str, Any]:
    """The arguments that make such a module: attributes of the same names, as PyTorch's own layers have them."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(estimator).__init__).parameters.items():
        if name in ("self", "device", "dtype") or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(estimator, name, parameter.default)
        if isinstance(parameter.default, bool) and not isinstance(value, bool):
            value = value is not None  # `bias=True` becomes a tensor, `bias=False` becomes None
        if value is parameter.empty or not _is_plain(value):
            raise BuildError(
                f"nobody can tell with which '{name}' {kind_of(estimator)} was made",
                mend=f"Keep it as a number or a text: self.{name} = {name}, in its __init__.",
            )
        found[name] = value
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, bool | int | float | str)


def _made(part: Part) -> Any:
    torch = _library()
    if part.module.startswith(LAYERS):
        owner: Any = getattr(torch.nn, part.name, None)
        is_layer = inspect.isclass(owner) and issubclass(owner, torch.nn.Module)
        if not is_layer:
            raise BuildError(f"PyTorch {torch.__version__} has no layer '{part.name}'", mend="Train it anew.")
        if part.name in CONTAINERS:
            parts = [_made(one) for one in part.parts]
            return owner(*parts) if part.name == "Sequential" else owner(parts)
        return owner(**part.arguments)
    where = f"{part.module}.{part.name}"
    try:
        code = own_code(part.module, part.name)
    except UnknownName as error:
        raise BuildError(f"the model is a {where}, and {error.what}", mend=error.mend) from error
    if code.fingerprint != part.code:
        raise BuildError(
            f"the model is a {where}, whose code has changed since it was kept",
            mend="Train it anew, or put the code back as it was: a version answers by its own code, or not at all.",
        )
    return code.value(**part.arguments)


def _library() -> Any:
    try:
        import torch
    except ImportError as error:
        raise BuildError(
            "a model of PyTorch needs the package 'torch'", mend="Install it: pip install torch"
        ) from error
    return torch
