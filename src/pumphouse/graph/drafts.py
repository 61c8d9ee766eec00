"""Assets before their edges are known, and how `.sql` and `.md` files become such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pumphouse.declare.asset import Common, Declaration, Kind
from pumphouse.declare.facts import Report
from pumphouse.declare.learning import Feature, Label
from pumphouse.declare.tables import Sql
from pumphouse.errors import Fault, Place
from pumphouse.graph.documents import PageDocument, SqlDocument
from pumphouse.graph.findings import Finding
from pumphouse.graph.fingerprints import content_of, fingerprint
from pumphouse.graph.folder import SourceFile
from pumphouse.graph.headers import Header, declared
from pumphouse.graph.moments import MOMENTS
from pumphouse.graph.named_files import NamedFiles
from pumphouse.graph.sql_scopes import NameRead


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
    code: str = ""
    """As in Asset."""
    columns: tuple[str, ...] | None = None
    """Of a table, where its SQL alone says them."""


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
            spec = Feature(text=query.text, entity=said.entity, request=said.request)
            found += query.early
            if not query.unparsed and MOMENTS not in {read.name.lower() for read in query.names}:
                mend = "Start with FROM moments m, and join what the feature is made of."
                found.append(Finding(1, "a feature is a query over moments, and this one doesn't read them", mend))
        case "label":
            spec = Label(text=query.text, entity=said.entity, matures=said.matures)
        case _:
            spec = Sql(text=query.text, slice=said.slice, reads=said.reads)
    found += _missing_columns(said.common.key, said.entity, query.columns, said.kind)
    if said.kind != "feature" and said.common.layout is not None:
        found += _missing(said.common.layout.columns, query.columns, "by which its layout is declared")
    named = files.find((file.path.rpartition("/")[0], text) for text in query.literals)
    names = _with_declared(query.names, said.reads, document.header)
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
        columns=query.columns,
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
    names = _with_declared(document.names, said.reads, document.header)
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


def _placed(reads: Iterable[NameRead], *, file: str) -> tuple[tuple[str, Place], ...]:
    return tuple((read.name, Place(file=file, line=read.line)) for read in reads)


def _with_declared(
    names: tuple[NameRead, ...], declared_reads: tuple[str, ...] | None, header: Header | None
) -> tuple[NameRead, ...]:
    line = header.lines.get("reads", header.line) if header else 1
    known = {read.name.lower() for read in names}
    return (*names, *(NameRead(name, line) for name in declared_reads or () if name.lower() not in known))


def _missing_columns(
    key: tuple[str, ...], entity: tuple[str, ...], columns: tuple[str, ...] | None, kind: str
) -> Iterator[Finding]:
    if kind in ("feature", "label"):
        return _missing((*entity, "as_of"), columns, f"which a {kind} is known by")
    return _missing(key, columns, "which the header names as key")


def _missing(needed: tuple[str, ...], columns: tuple[str, ...] | None, why: str) -> Iterator[Finding]:
    if columns is None:
        return
    known = {column.lower() for column in columns}
    for column in dict.fromkeys(needed):
        if column.lower() not in known:
            mend = f"Select it; the query's columns are {', '.join(columns)}."
            yield Finding(1, f"the query has no column '{column}', {why}", mend)
