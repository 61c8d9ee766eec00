"""Assets before their edges are known: one draft for each declaration of a project's files."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pumphouse.declare.asset import Common, Declaration, Kind
from pumphouse.declare.facts import Report
from pumphouse.declare.learning import Feature, Label
from pumphouse.declare.tables import Sql
from pumphouse.errors import Fault, Place
from pumphouse.graph.code import ModuleFacts
from pumphouse.graph.documents import PageDocument, SqlDocument
from pumphouse.graph.early import MOMENTS
from pumphouse.graph.findings import Finding
from pumphouse.graph.fingerprints import Code, NamedFiles, SpecReading, content_of, fingerprint
from pumphouse.graph.folder import SourceFile
from pumphouse.graph.functions import SERVICES_OF, Parameters, read_parameters
from pumphouse.graph.headers import declared
from pumphouse.graph.scopes import NameRead


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An asset with the names it reads as they were written, each with its place."""

    name: str
    kind: Kind
    spec: Any  # as in Asset
    common: Common
    place: Place
    content: str
    """Hash of all that decides its content, but for what other assets say."""
    reads: tuple[tuple[str, Place], ...] = ()
    services: tuple[tuple[str, str], ...] = ()
    forms: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    module: str | None = None
    variable: str | None = None
    declaration: Declaration | None = None


def draft_sql(file: SourceFile, document: SqlDocument, *, files: NamedFiles) -> tuple[Draft, list[Fault]]:
    """The asset of a `.sql` file: a table, a feature or a label. Its name is the file's stem."""
    said, wrong = declared(document.header, kind="sql")
    query = document.query
    found = [*document.faults, *wrong, *query.faults]
    if query.unparsed and said.reads is None:
        found.append(query.unparsed)
    spec: Sql | Feature | Label
    match said.kind:
        case "feature":
            spec = Feature(text=query.text, entity=said.entity)
            found += query.early
            if not query.unparsed and MOMENTS not in {read.name.lower() for read in query.names}:
                mend = "Start with FROM moments m, and join what the feature is made of."
                found.append(Finding(1, "a feature is a query over moments, and this one doesn't read them", mend))
        case "label":
            spec = Label(text=query.text, entity=said.entity, matures=said.matures)
        case _:
            spec = Sql(text=query.text, slice=said.slice, reads=said.reads)
    found += _missing_columns(said.common.key, said.entity, query.columns, said.kind)
    named = files.find((file.path.rpartition("/")[0], text) for text in query.literals)
    names = query.names if said.reads is None else tuple(NameRead(name, _header_line(document)) for name in said.reads)
    slice_ = said.slice and [said.slice.column, said.slice.unit, said.slice.lookback]
    draft = Draft(
        name=file.stem,
        kind=said.kind,  # type: ignore[arg-type]  # `declared` allows only kinds
        spec=spec,
        common=said.common,
        place=Place(file=file.path),
        content=fingerprint(
            said.kind, query.normal, content_of(said.common), slice_, said.reads, said.entity, said.matures, named
        ),
        reads=_placed(
            (read for read in names if said.kind != "feature" or read.name.lower() != MOMENTS), file=file.path
        ),
        settings=query.settings,
        files=tuple(named),
    )
    return draft, [finding.at(file.path, asset=draft.name) for finding in found]


def draft_page(file: SourceFile, document: PageDocument, *, files: NamedFiles) -> tuple[Draft | None, list[Fault]]:
    """The report of a `.md` file, or None where it has no header."""
    if document.header is None:
        return None, [finding.at(file.path) for finding in document.faults]
    said, wrong = declared(document.header, kind="report")
    found = [*document.faults, *wrong]
    if said.reads is None:
        found += document.unparsed
    title = said.title or document.title or file.stem
    named = files.find((file.path.rpartition("/")[0], text) for text in document.links)
    names = document.names
    if said.reads is not None:
        line = document.header.lines.get("reads", document.header.line)
        names = tuple(NameRead(name, line) for name in said.reads)
    draft = Draft(
        name=file.stem,
        kind="report",
        spec=Report(text=document.text, title=title),
        common=said.common,
        place=Place(file=file.path),
        content=fingerprint("report", document.text.strip(), title, said.reads, named),
        reads=_placed(names, file=file.path),
        settings=document.settings,
        files=tuple(named),
    )
    return draft, [finding.at(file.path, asset=draft.name) for finding in found]


def draft_modules(
    folder: Path,
    modules: Mapping[str, ModuleType],
    facts: Mapping[str, ModuleFacts],
    *,
    code: Code,
    files: NamedFiles,
) -> tuple[list[Draft], list[Fault]]:
    """The assets of imported modules, both by path. An import does not declare again."""
    drafts: list[Draft] = []
    faults: list[Fault] = []
    for declaration, owners in _owners(folder, modules, facts):
        path, variable = owners[0]
        place = _place(folder, declaration, path)
        if len(owners) > 1:
            names = " and ".join(f"'{name}' ({where})" for where, name in owners)
            faults.append(
                Fault(what=f"one declaration has the names {names}", place=place, mend="Declare it once for each name.")
            )
        made, wrong = _draft_declaration(
            declaration,
            variable=variable,
            place=place,
            module=modules[path],
            facts=facts,
            code=code,
            files=files,
            folder=folder,
        )
        drafts += made
        faults += wrong
    return drafts, faults


def _owners(
    folder: Path, modules: Mapping[str, ModuleType], facts: Mapping[str, ModuleFacts]
) -> Iterator[tuple[Declaration, list[tuple[str, str]]]]:
    """Each declaration with the (path, variable)s that hold it where it was declared."""
    held: dict[int, tuple[Declaration, list[tuple[str, str]]]] = {}
    for path, module in modules.items():
        known = facts[path]
        for variable, value in list(vars(module).items()):
            if not isinstance(value, Declaration):
                continue
            home = _relative(folder, value.place.file)
            if variable in known.bindings or (variable not in known.imports and home == path):
                held.setdefault(id(value), (value, []))[1].append((path, variable))
    for declaration, owners in held.values():
        home = _relative(folder, declaration.place.file)
        yield declaration, [owner for owner in owners if owner[0] == home] or owners


def _draft_declaration(
    declaration: Declaration,
    *,
    variable: str,
    place: Place,
    module: ModuleType,
    facts: Mapping[str, ModuleFacts],
    code: Code,
    files: NamedFiles,
    folder: Path,
) -> tuple[list[Draft], list[Fault]]:
    faults: list[Fault] = []
    parameters = Parameters()
    lines: Mapping[str, int] = {}
    starts: set[tuple[str, str]] = set()
    if declaration.function is not None and declaration.kind in SERVICES_OF:
        function = inspect.unwrap(declaration.function)
        home = facts.get(place.file, ModuleFacts())
        lines = home.parameters.get(function.__code__.co_firstlineno, {})
        parameters = read_parameters(
            declaration.function, kind=declaration.kind, imports=home.imports, lines={"": place.line, **lines}
        )
        faults += [finding.at(place.file, asset=variable) for finding in parameters.faults]
        starts = _starts(function, module.__name__, variable, code)
    named = declaration.files
    for text in named:
        if not (folder / text).is_file():
            faults.append(
                Fault(
                    what=f"there is no file '{text}'",
                    place=place,
                    mend="Its path is relative to the project's folder.",
                    asset=variable,
                )
            )
    reads = [(name, place) for name in declaration.inputs]
    reads += [(name, Place(file=place.file, line=lines.get(name, place.line))) for name in parameters.inputs]
    parts: Iterable[tuple[str, Any, Common]] = [
        (f"{variable}_{part.suffix}", part.spec, part.common) for part in declaration.parts
    ] or [(variable, declaration.spec, declaration.common)]
    drafts = []
    for name, spec, common in parts:
        reading = SpecReading()
        content = reading.value(spec)
        needed = starts | {
            start for used in reading.callables for start in _starts(used, module.__name__, variable, code)
        }
        if reading.opaque:
            needed = needed | {(module.__name__, variable)}
        closure = code.closure(needed)
        if declaration.kind in SERVICES_OF:
            faults += [finding.at(path, asset=variable) for path, finding in closure.impure]
        # What a pattern of files matches is the source's clock, and not its code.
        texts = [] if declaration.kind == "files" else [("", text) for text in reading.strings]
        texts += [(place.file.rpartition("/")[0], text) for _, text in texts]
        hashes = files.find([*texts, *closure.strings, *(("", text) for text in named)])
        drafts.append(
            Draft(
                name=name,
                kind=declaration.kind,
                spec=spec,
                common=common,
                place=place,
                content=fingerprint(
                    declaration.kind, content, content_of(common), declaration.inputs, closure.digests, hashes
                ),
                reads=tuple(dict.fromkeys(reads)),
                services=parameters.services,
                forms=parameters.forms,
                settings=parameters.settings,
                files=tuple(hashes),
                module=module.__name__,
                variable=variable,
                declaration=declaration,
            )
        )
    return drafts, faults


def _starts(used: Any, module: str, variable: str, code: Code) -> set[tuple[str, str]]:  # a function or a class
    """The names whose statements make a function: its own, and its variable's where another function made it."""
    home, name = getattr(used, "__module__", None) or "", used.__qualname__.partition(".")[0]
    if home not in code:
        return {(module, variable)} if home == module else set()
    starts = {(home, name)} if "<" not in name else {(module, variable)}
    if "<locals>" in used.__qualname__ or (home == module and name != variable):
        starts.add((module, variable))
    return starts


def _place(folder: Path, declaration: Declaration, path: str) -> Place:
    """Where it was declared. A decorator in between may have put the place of its wrapper."""
    line = declaration.place.line
    file = _relative(folder, declaration.place.file)
    if declaration.function is not None:
        code = inspect.unwrap(declaration.function).__code__
        line, file = code.co_firstlineno, _relative(folder, code.co_filename)
    return Place(file=file, line=line) if file else Place(file=path)


def _relative(folder: Path, file: str) -> str | None:
    prefix = f"{folder}/"
    return file.removeprefix(prefix) if file.startswith(prefix) else None


def _placed(reads: Iterable[NameRead], *, file: str) -> tuple[tuple[str, Place], ...]:
    return tuple((read.name, Place(file=file, line=read.line)) for read in reads)


def _header_line(document: SqlDocument) -> int:
    return document.header.lines.get("reads", document.header.line) if document.header else 1


def _missing_columns(
    key: tuple[str, ...], entity: tuple[str, ...], columns: tuple[str, ...] | None, kind: str
) -> Iterator[Finding]:
    if columns is None:
        return
    known = {column.lower() for column in columns}
    needed = (*entity, "as_of") if kind in ("feature", "label") else key
    for column in needed:
        if column.lower() not in known:
            what = (
                f"the query has no column '{column}', which a {kind} is known by"
                if entity
                else (f"the query has no column '{column}', which the header names as key")
            )
            yield Finding(1, what, f"Select it; the query's columns are {', '.join(columns)}.")
