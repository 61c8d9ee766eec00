"""Every error Pumphouse raises on purpose. Each says what, where, and how to mend, and keeps those as values.

PumphouseError
├── ProjectFaults        a folder of declarations with one or more faults, all of them at once
├── ConfigError          pumphouse.toml, a secret or a setting is missing or wrong
├── UnknownName          a table, command target or version that does not exist
│   └── SnapshotExpired  a snapshot that left the lake, by the retention that the project declares
├── MissingExtra         an optional part of Pumphouse is not installed
├── AccessDenied         somebody asked for what they may not see
├── LakeError            the lake can't do it
│   ├── LakeBusy         somebody else holds the lake; tried for as long as was allowed
│   ├── LakeTooNew       made by a newer Pumphouse
│   ├── SchemaChange     a column was narrowed, renamed or dropped: a person has to choose
│   └── KeyConflict      two rows with one key
├── SourceError          a source could not be read: a file, a database, an API, a website
├── RequestError         somebody asked for what can't be answered as it was asked
│   ├── QueryError       a search can't be read
│   ├── RequestRefused   a prediction for keys that are not the entity's
│   ├── BadRequest       a query, or a request, is not what is taken here
│   ├── Overloaded       more is asked at once than the server takes
│   ├── Unreachable      a table stays elsewhere, and can't be read there just now
│   ├── Late             no answer within its time, and nothing to say instead
│   ├── Cancelled        whoever asked has ended it
│   ├── TooMuch          a query takes more memory, or gives more rows, than one may
│   └── Uncheckable      the survey's own rules could not be run over some answers
└── BuildError           a build failed
    ├── CheckFailed      a check of severity "error" found rows; the previous version stands
    ├── PromotionRefused a version could not answer where it would have to: all the reasons at once
    ├── OutOfMemory      a query needs more memory than the engine may take
    ├── WorkerDied       a worker process died or reached its memory limit
    └── BuildTimeout     a build took longer than it may
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a file, as a person would look it up. `file` is relative to the project's folder where there is one."""

    file: str
    line: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class PumphouseError(Exception):
    """Something went wrong that a person can mend.

    `what` is the sentence that says so, `asset` and `place` say where, `mend` says how. They stay values: a page or a
    program reads the attributes, a terminal prints the text.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, asset: str | None = None, place: Place | None = None, mend: str | None = None
    ) -> None:
        self.what = what
        self.asset = asset
        self.place = place
        self.mend = mend
        super().__init__(what)

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        how = f" {self.mend}" if self.mend else ""
        return f"{self.what}{where}.{how}" if not self.what.endswith((".", "?", "!")) else f"{self.what}{where}{how}"

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross from worker processes; the default would drop the keyword-only values.
        return (_rebuild, (type(self), dict(self.__dict__)))


def _rebuild(kind: type[PumphouseError], values: dict[str, object]) -> PumphouseError:
    error = kind.__new__(kind)
    Exception.__init__(error, values.get("what"))
    error.__dict__.update(values)
    return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in a project's folder: what, where, and how to mend."""

    what: str
    place: Place
    mend: str = ""
    asset: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" + (f"\n    {self.mend}" if self.mend else "")


class ProjectFaults(PumphouseError):
    """A project can't be opened; `faults` holds all that was found, sorted by place."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.place.file, fault.place.line, fault.what)))
        count = len(self.faults)
        super().__init__(f"{count} fault{'s' if count != 1 else ''} in the project")

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.what}:", *(f"  {str(fault).replace(chr(10), chr(10) + '  ')}" for fault in self.faults)]
        )


class ConfigError(PumphouseError):
    """`pumphouse.toml`, a secret or a setting is missing or wrong."""

    exit_code = 2


class UnknownName(PumphouseError):
    """A table, asset, version or step that does not exist."""

    exit_code = 2


class SnapshotExpired(UnknownName):
    """A snapshot that left the lake; `mend` names those that are kept nearest to it."""


class MissingExtra(PumphouseError):
    """An optional part of Pumphouse is not installed; the text names the extra."""

    exit_code = 2

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}'", mend=f"Install it: pip install 'pumphouse[{extra}]'"
        )
        self.package = package
        self.extra = extra


class AccessDenied(PumphouseError):
    """Somebody asked for what they may not see."""


class LakeError(PumphouseError):
    """The lake can't do what was asked."""


class LakeBusy(LakeError):
    """Somebody else holds the lake; it was tried for as long as was allowed."""

    exit_code = 4


class LakeTooNew(LakeError):
    """The lake was made by a newer Pumphouse."""


class SchemaChange(LakeError):
    """A column was narrowed, renamed or dropped: a person has to choose."""


class KeyConflict(LakeError):
    """Two rows with one key, or a row without one."""


class SourceError(PumphouseError):
    """A source could not be read. What was read before stays stored; the next run goes on."""


class RequestError(PumphouseError):
    """Somebody asked for what can't be answered as it was asked."""


class Uncheckable(RequestError):
    """The survey's own rules could not be run over these answers: the survey's fault, or a stranger's trick."""


class BadRequest(RequestError):
    """What was sent is not what is taken here."""


class Overloaded(RequestError):
    """More came at once than can be done; the same may be sent again in a moment."""


class Unreachable(RequestError):
    """A table stays elsewhere and can't be read there just now. Why is in the server's log alone."""


class Late(RequestError):
    """There was no answer within its time, and nothing was declared that is said instead."""


class Cancelled(RequestError):
    """Whoever asked has ended it, or is gone."""


class TooMuch(RequestError):
    """A query of somebody's takes more memory, or gives more rows, than one may."""


class RequestRefused(RequestError):
    """A request that can't be answered as it is: a key is missing, unknown, or of the wrong type."""

    exit_code = 2


class QueryError(RequestError):
    """A search can't be read; `position` is the character, from 0, at which it goes wrong, `fault` what is wrong."""

    exit_code = 2

    def __init__(self, what: str, *, query: str, position: int, mend: str | None = None) -> None:
        super().__init__(f"{what} (character {position + 1} of: {query})", mend=mend)
        self.fault = what
        self.query = query
        self.position = position


class BuildError(PumphouseError):
    """A build failed; the version before it stands."""


class CheckFailed(BuildError):
    """A check of severity "error" found rows; the version before stands and the rows are kept."""


class PromotionRefused(BuildError):
    """A version of a model could not answer where it would have to; `faults` holds all the reasons."""

    def __init__(self, version: str, faults: Sequence[str], *, asset: str, mend: str) -> None:
        self.faults = tuple(faults)
        reasons = "".join(f"\n- {fault}" for fault in self.faults)
        super().__init__(f"{version} can't be promoted:{reasons}\n", asset=asset, mend=mend)

    def __str__(self) -> str:
        return f"{self.what}{self.mend}"


class OutOfMemory(BuildError):
    """A query needs more memory than the engine may take: `memory` under `[engine]`, or the machine's."""


class WorkerDied(BuildError):
    """A worker process died or reached its memory limit; the other builds went on."""


class BuildTimeout(BuildError):
    """A build took longer than it may."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that offers the nearest known name, or nothing: `Did you mean 'orders'?`."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else ""
