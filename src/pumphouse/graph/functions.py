"""What a declared function asks for by its parameters: tables, services, settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pumphouse.declare.services import FORMS, SERVICES
from pumphouse.errors import did_you_mean
from pumphouse.graph.findings import Finding

CLOCK_SETTING = "today"
"""The setting that comes from the run's clock, and so needs no default."""
SERVICES_OF: Mapping[str, frozenset[str]] = {
    "source": frozenset({"Http", "Cursor"}),
    "table": frozenset(),
    "model": frozenset({"TrainingSet"}),
}
"""Which services a function of each kind may ask for."""

_PACKAGES = {"polars": "pl", "pandas": "pd", "pyarrow": "pa", "_duckdb": "duckdb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A function's parameters, sorted by what they ask for."""

    inputs: Mapping[str, int] = field(default_factory=dict)
    """The names of tables, each with the line it stands in."""
    services: tuple[tuple[str, str], ...] = ()
    forms: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, ...] = ()
    faults: tuple[Finding, ...] = ()


def read_parameters(
    function: Callable[..., Any], *, kind: str, imports: Mapping[str, str], lines: Mapping[str, int]
) -> Parameters:
    """What the function asks for.

    `imports` are its module's (see ModuleFacts); `lines` says where each parameter is, and under "" where its `def` is.
    """
    inputs: dict[str, int] = {}
    services: list[tuple[str, str]] = []
    forms: list[tuple[str, str]] = []
    settings: list[str] = []
    faults: list[Finding] = []
    for name, parameter in inspect.signature(function).parameters.items():
        line = lines.get(name, lines[""])
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            faults.append(
                Finding(line, f"'{stars}{name}' names no table", "Name each table as a parameter of its own.")
            )
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            settings.append(name)
            if parameter.default is parameter.empty and name != CLOCK_SETTING:
                what = f"the setting '{name}' has no default"
                faults.append(Finding(line, what, f"Give it one: {name}=..."))
            continue
        if parameter.default is not parameter.empty:
            what = f"'{name}' has a default, but a parameter before the * is a table"
            faults.append(Finding(line, what, f"Put it after a *, as a setting: *, {name}={parameter.default!r}"))
            continue
        annotation = _text(parameter.annotation, imports)
        service = annotation.rpartition(".")[2]
        if annotation and service in SERVICES:
            services.append((name, service))
            if service not in SERVICES_OF[kind]:
                allowed = " and ".join(f"ph.{known}" for known in sorted(SERVICES_OF[kind]))
                what = f"a {kind} can't ask for ph.{service}"
                faults.append(Finding(line, what, f"A {kind} may ask for {allowed or 'tables and settings'}."))
        elif annotation and annotation not in FORMS:
            known = sorted(FORMS) + [f"ph.{service}" for service in SERVICES]
            mend = did_you_mean(annotation, known) or f"It is one of {', '.join(known)}, or left out."
            faults.append(Finding(line, f"'{name}: {annotation}' is neither a form of a table nor a service", mend))
        elif kind == "table":
            inputs[name] = line
            if annotation:
                forms.append((name, annotation))
        else:
            allowed = ", ".join(f"ph.{known}" for known in sorted(SERVICES_OF[kind]))
            what = f"a {kind} reads no tables, so '{name}' means nothing"
            faults.append(Finding(line, what, f"Annotate it with one of {allowed}, or put it after a * as a setting."))
    return Parameters(
        inputs=inputs,
        services=tuple(services),
        forms=tuple(forms),
        settings=tuple(settings),
        faults=tuple(faults),
    )


def _text(annotation: object, imports: Mapping[str, str]) -> str:
    """The annotation as FORMS writes it, be it a class or (after `from __future__ import annotations`) a text."""
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, type):
        if annotation in SERVICES.values():
            return annotation.__name__
        package = annotation.__module__.partition(".")[0]
        return f"{_PACKAGES.get(package, package)}.{annotation.__qualname__}"
    text = annotation if isinstance(annotation, str) else str(annotation)
    text = text.strip("\"' ")
    root, _, rest = text.partition(".")
    # An import under `if TYPE_CHECKING` is not among the function's globals, but it is in the module's text.
    module, _, name = imports.get(root, f"{root}:").partition(":")
    package = _PACKAGES.get(module.partition(".")[0], module.partition(".")[0])
    return ".".join(part for part in (package, name, rest) if part)
