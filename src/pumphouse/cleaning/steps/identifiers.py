"""National and product identifiers with their check digits, by python-stdnum: `iban`, `isbn`, `de.vat`, `us.ssn`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra, did_you_mean

LIBRARY = "stdnum"
ALIAS = re.compile(r"^from stdnum\.(\w+) import (\w+) as (\w+)", re.MULTILINE)
NO_KINDS = frozenset({"exceptions", "iso9362", "numdb", "util"})
"""Modules of the library that check nothing, and an old name of `bic`."""
CLOCKED = frozenset(
    {
        "be.bis", "be.nn", "be.ssn", "dk.cpr", "kr.rrn", "no.fodselsnummer", "ro.onrc", "se.personnummer", "sg.uen",
        "za.idnr",
    }
)  # fmt: skip
"""What the library holds against today's date: the same table would be cleaned in another way tomorrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier(Step):
    """The step that `identifier` makes."""

    name: ClassVar[str] = "identifier"
    gives: ClassVar[str] = "VARCHAR"
    kind: str
    version: str = field(default_factory=lambda: with_versions("1", "python-stdnum"), init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, IdentifierReader(kind=self.kind).identifier)


def identifier(kind: str) -> Identifier:
    """A step that checks identifiers of one kind, and writes them without separators.

    The kind is one of python-stdnum's: `isbn`, `ean`, `iban`, `luhn`, or with a country `de.vat`, `us.ssn`, `br.cpf`.
    Leading zeros stay, and are needed. Nothing is asked of anybody: a number that checks out may belong to nobody.
    Raises ValueError for a kind that is not there, with the nearest, or that the library holds against today's date.

    `identifier("isbn").one("978-0-471-11709-4").value == "9780471117094"`
    """
    known = kinds()
    if known and kind not in known:
        raise ValueError(
            f"there is no identifier '{kind}'. {did_you_mean(kind, known) or 'Kinds are as iban, de.vat.'}"
        )
    if known.get(kind, kind) in CLOCKED:
        raise ValueError(f"the identifier '{kind}' is held against today's date, and a step may not look at the clock")
    return Identifier(kind=kind)


@cache
def kinds() -> Mapping[str, str]:
    """Every kind, and the module of the library that checks it. Empty where the library is missing; imports nothing."""
    spec = find_spec(LIBRARY)
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0])
    files = [*folder.glob("*.py"), *folder.glob("*/*.py")]
    named = {".".join(file.relative_to(folder).with_suffix("").parts): file for file in sorted(files)}
    found = {name: name for name in named if not name.endswith("__init__") and name not in NO_KINDS}
    for name, file in named.items():
        if name.endswith(".__init__"):
            package = name.removesuffix(".__init__")
            for source, module, alias in ALIAS.findall(file.read_text(encoding="utf-8")):
                found.setdefault(f"{package}.{alias}", f"{source}.{module}")
    # in and is are words of Python, and called in_ and is_ there.
    return {name.replace("_.", ".").removesuffix("_"): module for name, module in found.items()}


class IdentifierReader:
    """Checks one identifier after the other."""

    def __init__(self, *, kind: str) -> None:
        self.kind = kind
        self.validate = _validator(kind)

    def identifier(self, written: str) -> tuple[str | None, str | None]:
        """One identifier: (compact form, reason)."""
        from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidFormat, InvalidLength

        reasons: dict[type[Exception], str] = {
            InvalidChecksum: "a wrong check digit",
            InvalidLength: "too short or too long",
            InvalidComponent: "a part that is not given out",
            InvalidFormat: f"not written as {self.kind} is",
        }
        try:
            value = self.validate(written.strip())
            is_stable = self.validate(value) == value
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # strange text meets the library's slips
            return None, next((why for kind, why in reasons.items() if isinstance(error, kind)), f"not a {self.kind}")
        return (value, None) if is_stable else (None, f"not a {self.kind}")

    def __reduce__(self) -> tuple[object, ...]:
        return (_reader, (self.kind,))


def _reader(kind: str) -> IdentifierReader:
    return IdentifierReader(kind=kind)


def _validator(kind: str) -> Callable[[str], str]:
    known = kinds()
    if not known:
        raise MissingExtra("python-stdnum", extra="cleaning", purpose="identifier")
    validate: Callable[[str], str] = import_module(f"{LIBRARY}.{known[kind]}").validate
    return validate
