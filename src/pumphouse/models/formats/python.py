"""Functions and frozen dataclasses of the project, kept by name: asked only while their code is the same."""

from __future__ import annotations

import dataclasses
import inspect
import platform
from typing import TYPE_CHECKING, Any

import msgspec

from pumphouse.errors import BuildError, UnknownName
from pumphouse.graph.own_code import own_code
from pumphouse.models.formats.format import Task, kind_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is stored: where the code is and what it was, and the fields of a dataclass, as JSON."""

    module: str
    name: str
    code: str
    fields: dict[str, Any] | None = None


def accepts(estimator: Any) -> bool:
    """Whether it can be called with a frame."""
    return callable(estimator) and not inspect.isclass(estimator)


def dump(estimator: Any) -> bytes:
    """The name of the code, its fingerprint, and the fields. Raises BuildError for what has no name of its own."""
    is_function = inspect.isfunction(estimator)
    owner = estimator if is_function else type(estimator)
    if not is_function and not _is_frozen(owner):
        raise BuildError(
            f"the model's function returned {kind_of(estimator)}, of which nobody knows what it holds",
            mend="Make it a @dataclass(frozen=True) with __call__, whose fields are numbers, texts, lists or dicts.",
        )
    if "<" in owner.__qualname__ or "." in owner.__qualname__:
        raise BuildError(
            f"the model's function returned {owner.__qualname__}, which has no name of its own in its module",
            mend="Define it at the top of a module of the project.",
        )
    try:
        code = own_code(owner.__module__, owner.__qualname__)
    except UnknownName as error:
        raise BuildError(
            f"the model's function returned {owner.__module__}.{owner.__qualname__}, which is no code of the project",
            mend="Define it at the top of a module of the project.",
        ) from error
    fields = None if is_function else {one.name: getattr(estimator, one.name) for one in dataclasses.fields(owner)}
    named = Named(module=owner.__module__, name=owner.__qualname__, code=code.fingerprint, fields=fields)
    try:
        return msgspec.json.encode(named, order="deterministic")
    except (TypeError, ValueError) as error:
        raise BuildError(
            f"{kind_of(estimator)} has a field that JSON has no form for: {error}",
            mend="Keep numbers, texts, lists and dicts in it.",
        ) from error


def load(data: bytes) -> Any:
    """The function, or the dataclass with its fields. Raises BuildError where its code is no longer the same."""
    named = msgspec.json.decode(data, type=Named)
    where = f"{named.module}.{named.name}"
    try:
        code = own_code(named.module, named.name)
    except UnknownName as error:
        raise BuildError(f"the model is {where}, and {error.what}", mend=error.mend) from error
    if code.fingerprint != named.code:
        raise BuildError(
            f"the model is {where}, whose code has changed since it was kept",
            mend="Train it anew, or put the code back as it was: a version answers by its own code, or not at all.",
        )
    if named.fields is None:
        return code.value
    try:
        return msgspec.convert(named.fields, code.value)
    except msgspec.ValidationError as error:
        raise BuildError(f"the fields of {where} are not what was kept: {error}", mend="Train it anew.") from error


def predict(estimator: Any, inputs: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    """What the call returns, as numbers. It gets a frame of its own."""
    import numpy as np

    try:
        return np.asarray(estimator(inputs.copy()), dtype=np.float64)
    except Exception as error:  # whatever a project's own code does when it is asked
        text = str(error).strip().splitlines()
        said = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
        raise BuildError(
            f"{kind_of(estimator)} can't answer: {said}",
            mend="It is called with a frame as train.X is, of one row or many, and returns a number for each row.",
        ) from error


def parameters(estimator: Any) -> dict[str, Any]:
    """The fields of a dataclass."""
    if inspect.isfunction(estimator):
        return {}
    return {one.name: getattr(estimator, one.name) for one in dataclasses.fields(estimator)}


def described(estimator: Any) -> str:
    """The function's name, or the dataclass with its fields."""
    return kind_of(estimator) if inspect.isfunction(estimator) else repr(estimator)


def packages(estimator: Any) -> dict[str, str]:
    """Python: what else it imports, nobody can say for sure."""
    return {"python": platform.python_version()}


def _is_frozen(owner: type) -> bool:
    return dataclasses.is_dataclass(owner) and bool(owner.__dataclass_params__.frozen)  # type: ignore[attr-defined]
