"""A declaration is what a person wrote; an asset is a declaration that has a name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

from pumphouse.declare.layouts import TableLayout
from pumphouse.errors import ConfigError, Place, PumphouseError, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")

Kind = Literal[
    "source", "files", "database", "api", "website", "messages", "survey", "survey_events",
    "children", "sql", "table", "clean",
    "feature", "label", "model", "rollout", "scores", "online", "experiment",
    "report", "check", "contract", "search", "deliver", "bet", "external", "grant",
]  # fmt: skip

GATHERED: frozenset[str] = frozenset({"source", "files", "database", "api", "website", "messages", "survey"})
TABLES: frozenset[str] = GATHERED | {"survey_events", "children", "sql", "table", "clean", "label", "scores"}
"""Kinds whose build is a table in the lake, which other assets may read by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """When a row's event happened and when it was known, as names of columns.

    `known=None` means that a row is known when it was loaded. Where `known == event` for old data loaded today, a
    training set says "assumed".
    """

    event: str | None = None
    known: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """`slice = "paid_at by day"`: the column that decides which part of a table a row belongs to."""

    column: str
    unit: Literal["hour", "day", "week", "month"]
    lookback: int = 0
    """How many earlier slices of its input one slice reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What any kind of asset may declare."""

    doc: str = ""
    owner: str | None = None
    tags: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    time: Time = field(default_factory=Time)
    every: str | None = None
    retries: int = 0
    timeout_s: float | None = None
    layout: TableLayout | None = None
    """How its rows lie in its files, which decides nothing of what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several assets that a single declaration makes; it is named `<variable>_<suffix>`.

    Where the declaration is an asset itself, its parts are made from it.
    """

    suffix: str
    spec: Any  # as in Declaration
    common: Common
    kind: Kind | None = None
    """None: the declaration's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What `ph.files(...)` or `@ph.table` returns: it has a place, and gets its name from the variable that holds it.

    A decorated function can still be called, as in a test of that function alone.
    """

    kind: Kind
    spec: Any  # a frozen dataclass of the room that builds this kind; each room knows its own
    common: Common
    place: Place
    inputs: tuple[str, ...] = ()
    """Names of the assets it reads; those of a function's parameters are added when the project is loaded."""
    files: tuple[str, ...] = ()
    """Files of the project that it names, relative to the project's folder."""
    settings: tuple[str, ...] = ()
    """Names of the settings it reads; those of a function's parameters are added when the project is loaded."""
    function: Callable[..., Any] | None = None
    parts: tuple[Part, ...] = ()
    """Where one variable declares several assets: `crm` with the parts `customers` and `staff`.

    With a `spec` the variable is one of them: `exit_survey`, with the part `events`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.function is None:
            raise TypeError(f"a {self.kind} declared at {self.place} is not a function")
        return self.function(*args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A declaration with its name, the names it reads, and the fingerprint of all that decides its content.

    `module` and `variable` find the declaration again in a worker process; both are None for assets from files.
    """

    name: str
    kind: Kind
    spec: Any
    common: Common
    place: Place
    inputs: tuple[str, ...] = ()
    services: tuple[tuple[str, str], ...] = ()
    """(parameter, service) of a function's parameters that are annotated as services: ("http", "Http")."""
    forms: tuple[tuple[str, str], ...] = ()
    """(parameter, form) of a function's parameters that ask for a form: ("orders", "pl.LazyFrame")."""
    settings: tuple[str, ...] = ()
    """Names of the settings it reads: `$name` in SQL, keyword-only parameters in Python."""
    files: tuple[str, ...] = ()
    """Files of the project that it names, relative to the project's folder; their bytes are part of the fingerprint."""
    fingerprint: str = ""
    code: str = ""
    """A digest of the function that it brings, and of all that this reaches; empty where it has none."""
    module: str | None = None
    variable: str | None = None

    @property
    def makes_table(self) -> bool:
        """Whether its build is a table that others read by name."""
        return self.kind in TABLES

    @property
    def layout(self) -> TableLayout | None:
        """How rows lie in its table's files, with Bloom filters of its key; None where nothing is said of either."""
        declared = self.common.layout
        if declared is None and not (self.makes_table and self.common.key):
            return None
        declared = declared or TableLayout()
        filters = dict.fromkeys((*self.common.key, *declared.bloom_filters))
        return replace(declared, bloom_filters=tuple(filters))

    @property
    def is_gathered(self) -> bool:
        """Whether it brings data in from outside the lake."""
        return self.kind in GATHERED


def with_brackets(make: Callable[P, R]) -> Callable[P, R]:
    """A function that makes a decorator, which says so where its brackets are left out: `@ph.table`."""

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        if args and callable(args[0]):
            name = f"@ph.{make.__name__}"
            raise PumphouseError(f"{name} is written without brackets", mend=f"Write {name}(), what it takes in them.")
        return make(*args, **kwargs)

    return made


def place_of_caller(depth: int = 2) -> Place:
    """The file and line of the code that declares, `depth` frames up."""
    frame = sys._getframe(depth)
    return Place(file=frame.f_code.co_filename, line=frame.f_lineno)


def place_of_function(function: Callable[..., Any]) -> Place:
    """The file and first line of a decorated function."""
    code = function.__code__
    return Place(file=code.co_filename, line=code.co_firstlineno)


def names(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """Column names given as one name or as several: `names("a") == ("a",)`."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def time_of(given: Mapping[str, str] | None) -> Time:
    """The declared times: `time_of({"event": "paid_at"}) == Time(event="paid_at")`. Raises ConfigError for others."""
    refuse_unknown(given or {}, ("event", "known"), what="time has")
    return Time(**(given or {}))


def refuse_unknown(given: Iterable[str], known: Collection[str], *, what: str) -> None:
    """Raise ConfigError for a name that is not known: `what` is who has none of it, such as "time has"."""
    for name in given:
        if name not in known:
            raise ConfigError(
                f"{what} no '{name}'", mend=did_you_mean(name, known) or f"There are {', '.join(sorted(known))}."
            )
