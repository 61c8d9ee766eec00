"""How declarations in a project's Python modules become drafts of assets."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pumphouse.declare.asset import Common, Declaration, Kind
from pumphouse.declare.checks import FailingRows
from pumphouse.declare.tables import Check
from pumphouse.errors import Fault, Place
from pumphouse.graph.cache import Cache
from pumphouse.graph.closure import Code
from pumphouse.graph.code import ModuleFacts
from pumphouse.graph.drafts import Draft
from pumphouse.graph.fingerprints import SpecReading, content_of, fingerprint
from pumphouse.graph.functions import SERVICES_OF, Parameters, read_parameters
from pumphouse.graph.named_files import NamedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """A project's imported modules and what is known of their text, both by path."""

    folder: Path
    imported: Mapping[str, ModuleType]
    facts: Mapping[str, ModuleFacts]
    code: Code
    files: NamedFiles
    cache: Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A declaration, and the variable that names it."""

    declaration: Declaration
    module: str
    variable: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    """One asset of a declaration; `reads` are those of the same declaration that it is made from."""

    name: str
    kind: Kind
    spec: Any  # as in Declaration
    common: Common
    reads: tuple[str, ...] = ()


def draft_modules(modules: Modules) -> tuple[list[Draft], list[Fault]]:
    """The assets that the modules declare. An import does not declare again."""
    drafts: list[Draft] = []
    faults: list[Fault] = []
    for declaration, owners in _owners(modules):
        path, variable = owners[0]
        held = _Held(
            declaration=declaration,
            module=modules.imported[path].__name__,
            variable=variable,
            place=_place(declaration, path, modules.folder),
        )
        if len(owners) > 1:
            names = " and ".join(f"'{name}' ({where})" for where, name in owners)
            what = f"one declaration has the names {names}"
            faults.append(Fault(what=what, place=held.place, mend="Declare it once for each name."))
        faults += _missing_files(held, modules.folder)
        parameters = _parameters(held, modules)
        faults += [finding.at(held.place.file, asset=variable) for finding in parameters.faults]
        if declaration.kind == "check":
            parameters, wrong = _of_check(held, modules.cache)
            faults += wrong
        for part in _parts(held):
            draft, wrong = _draft(held, part, parameters, modules)
            drafts.append(draft)
            faults += wrong
    return drafts, faults


def _owners(modules: Modules) -> Iterator[tuple[Declaration, list[tuple[str, str]]]]:
    """Each declaration with the (path, variable)s that hold it where it was declared."""
    held: dict[int, tuple[Declaration, list[tuple[str, str]]]] = {}
    for path, module in modules.imported.items():
        known = modules.facts[path]
        for variable, value in list(vars(module).items()):
            if not isinstance(value, Declaration):
                continue
            here = _relative(modules.folder, value.place.file) == path
            if variable in known.bindings or (variable not in known.imports and here):
                held.setdefault(id(value), (value, []))[1].append((path, variable))
    for declaration, owners in held.values():
        home = _relative(modules.folder, declaration.place.file)
        yield declaration, [owner for owner in owners if owner[0] == home] or owners


def _parts(held: _Held) -> Iterator[_One]:
    declared = held.declaration
    own = (held.variable,) if declared.spec is not None else ()
    if own or not declared.parts:
        yield _One(name=held.variable, kind=declared.kind, spec=declared.spec, common=declared.common)
    for part in declared.parts:
        yield _One(
            name=f"{held.variable}_{part.suffix}",
            kind=part.kind or declared.kind,
            spec=part.spec,
            common=part.common,
            reads=own,
        )


def _draft(held: _Held, one: _One, parameters: Parameters, modules: Modules) -> tuple[Draft, list[Fault]]:
    declaration, place, name = held.declaration, held.place, one.name
    reading = SpecReading()
    content = reading.value(one.spec)
    used = [*reading.callables]
    if declaration.function is not None:
        used.append(inspect.unwrap(declaration.function))
    needed = {start for code in used for start in _starts(code, held, modules.code)}
    if reading.opaque:
        needed.add((held.module, held.variable))
    closure = modules.code.closure(needed)
    folder_of_module = place.file.rpartition("/")[0]
    texts = [("", text) for text in declaration.files]
    if declaration.kind != "files":  # what a pattern of files matches is the source's clock, and not its code
        texts += [(folder_of_module, text) for text in reading.strings]
    hashes = modules.files.find([*texts, *closure.strings])
    reads = [(read, place) for read in (*declaration.inputs, *one.reads)]
    reads += [(read, Place(file=place.file, line=line)) for read, line in parameters.inputs.items()]
    draft = Draft(
        name=name,
        kind=one.kind,
        spec=one.spec,
        common=one.common,
        place=place,
        content=fingerprint(one.kind, content, content_of(one.common), declaration.inputs, closure.digests, hashes),
        reads=tuple(reads),
        services=parameters.services,
        forms=parameters.forms,
        settings=(*declaration.settings, *parameters.settings),
        files=tuple(hashes),
        module=held.module,
        variable=held.variable,
        declaration=declaration,
        code=fingerprint(closure.digests) if declaration.function is not None else "",
    )
    if declaration.kind not in SERVICES_OF:
        return draft, []
    return draft, [finding.at(path, asset=name) for path, finding in closure.impure]


def _parameters(held: _Held, modules: Modules) -> Parameters:
    function = held.declaration.function
    if function is None or held.declaration.kind not in SERVICES_OF:
        return Parameters()
    known = modules.facts.get(held.place.file, ModuleFacts())
    lines = known.parameters.get(inspect.unwrap(function).__code__.co_firstlineno, {"": held.place.line})
    return read_parameters(function, kind=held.declaration.kind, imports=known.imports, lines=lines)


def _of_check(held: _Held, cache: Cache) -> tuple[Parameters, list[Fault]]:
    """The tables and settings that a check's SQL reads, and what is wrong with it."""
    spec: Check = held.declaration.spec
    settings: dict[str, None] = {}
    faults: list[Fault] = []
    for text in (spec.condition, spec.where):
        if isinstance(text, str):
            facts = cache.condition(text)
            found = [(finding.what, finding.mend) for finding in facts.faults]
            if facts.unparsed:
                mend = "Write a condition on the columns of one row, such as amount_usd >= 0."
                found.append((facts.unparsed.what, mend))
            for read in facts.names:
                what = f"it reads '{read.name}', but a condition sees one row of its own table"
                found.append((what, 'Write it as query("SELECT ..."), which gives the rows that should not be.'))
            faults += _in_check(held, "condition", found)
            settings |= dict.fromkeys(facts.settings)
    inputs: dict[str, int] = {}
    if isinstance(spec.condition, FailingRows):
        facts = cache.query(spec.condition.text)
        found = [(finding.what, finding.mend) for finding in facts.faults]
        if facts.unparsed:
            found.append((facts.unparsed.what, "Write one SELECT that gives the rows that should not be."))
        faults += _in_check(held, "query", found)
        settings |= dict.fromkeys(facts.settings)
        inputs = {read.name: held.place.line for read in facts.names}
    return Parameters(settings=tuple(settings), inputs=inputs), faults


def _in_check(held: _Held, part: str, found: Iterable[tuple[str, str]]) -> list[Fault]:
    return [
        Fault(what=f"the {part} of '{held.variable}': {what}", place=held.place, mend=mend, asset=held.variable)
        for what, mend in found
    ]


def _missing_files(held: _Held, folder: Path) -> Iterator[Fault]:
    for text in held.declaration.files:
        if not (folder / text).is_file():
            what, mend = f"there is no file '{text}'", "Its path is relative to the project's folder."
            yield Fault(what=what, place=held.place, mend=mend, asset=held.variable)


def _starts(used: Any, held: _Held, code: Code) -> set[tuple[str, str]]:  # a function or a class
    """The names whose statements make a function: its own, and its variable's where another function made it."""
    own = (held.module, held.variable)
    home, name = getattr(used, "__module__", None) or "", used.__qualname__.partition(".")[0]
    if home not in code:
        return set()
    if name.startswith("<"):
        return {own}
    return {(home, name), own} if "<locals>" in used.__qualname__ or home == held.module else {(home, name)}


def _place(declaration: Declaration, path: str, folder: Path) -> Place:
    """Where it was declared. A decorator in between may have put the place of its wrapper."""
    file, line = declaration.place.file, declaration.place.line
    if declaration.function is not None:
        code = inspect.unwrap(declaration.function).__code__
        file, line = code.co_filename, code.co_firstlineno
    within = _relative(folder, file)
    return Place(file=within, line=line) if within else Place(file=path)


def _relative(folder: Path, file: str) -> str | None:
    return Path(file).relative_to(folder).as_posix() if Path(file).is_relative_to(folder) else None
