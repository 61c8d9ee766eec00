"""From a folder of declarations to the graph of its assets."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pumphouse.declare.asset import Asset, Declaration
from pumphouse.errors import ConfigError, Fault, Place, ProjectFaults, UnknownName, did_you_mean
from pumphouse.graph.cache import Cache
from pumphouse.graph.checks import column_faults, waits_of_checks
from pumphouse.graph.children import with_keys
from pumphouse.graph.closure import Code
from pumphouse.graph.contracts import contract_faults
from pumphouse.graph.declarations import Modules, draft_modules
from pumphouse.graph.drafts import Draft, draft_page, draft_sql
from pumphouse.graph.edges import find_edges, find_loops, sort_by_edges
from pumphouse.graph.fingerprints import fingerprint
from pumphouse.graph.folder import SourceFile, walk
from pumphouse.graph.grants import draft_grants, grant_faults
from pumphouse.graph.modules import import_modules, module_of
from pumphouse.graph.named_files import NamedFiles
from pumphouse.graph.names import name_faults

CACHE_FILE = ".pumphouse/graph.msgpack"

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What a load took: files in the folder, files opened, files parsed. The cache saved the rest."""

    files: int
    read: int
    parsed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The assets of a project's folder and who reads whom."""

    folder: Path
    assets: Mapping[str, Asset]
    """By name, sorted; a plain dict, for it is sent to worker processes. Places are relative to the folder."""
    loading: Loading
    waits: Mapping[str, tuple[str, ...]]
    """What the checks of a table compare it with, and a run builds before it (see `graph.checks`)."""
    _order: tuple[str, ...]
    _readers: Mapping[str, tuple[str, ...]]
    _declarations: Mapping[str, Declaration]

    def __repr__(self) -> str:
        return f"Graph({str(self.folder)!r}, {len(self.assets)} assets)"

    def order(self) -> tuple[str, ...]:
        """All names, each after those it reads."""
        return self._order

    def asset(self, name: str) -> Asset:
        """The asset of this name. Raises UnknownName with the nearest one."""
        if name not in self.assets:
            raise UnknownName(f"there is no asset '{name}'", mend=did_you_mean(name, self.assets) or None)
        return self.assets[name]

    def upstream(self, name: str) -> tuple[str, ...]:
        """All that the asset reads, directly or through others, in the order of building."""
        return self._reached(name, {one: asset.inputs for one, asset in self.assets.items()})

    def downstream(self, name: str) -> tuple[str, ...]:
        """All that read the asset, directly or through others, in the order of building."""
        return self._reached(name, self._readers)

    def checks_of(self, name: str) -> tuple[str, ...]:
        """Names of the checks that point at the asset."""
        self.asset(name)
        found = (self.assets[one] for one in self._readers.get(name, ()))
        return tuple(one.name for one in found if one.kind == "check" and one.spec.asset == name)

    def declaration(self, name: str) -> Declaration:
        """The declaration of an asset in Python, with its function. Raises UnknownName for one that is a file."""
        asset = self.asset(name)
        if name not in self._declarations:
            raise UnknownName(f"'{name}' is declared by a file, not in Python", asset=name, place=asset.place)
        return self._declarations[name]

    def _reached(self, name: str, edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        self.asset(name)
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            for one in edges.get(waiting.pop(), ()):
                if one not in reached and one != name:
                    reached.add(one)
                    waiting.append(one)
        return tuple(one for one in self._order if one in reached) if reached else ()


def load(folder: Path, *, cache: Path | None = None, ignore: Collection[str] = ()) -> Graph:
    """The graph of all that the folder's files declare. Raises ProjectFaults with every fault that was found.

    `ignore` names folders in it that hold no declarations, such as a lake. What was parsed is kept in `cache`
    (`.pumphouse/graph.msgpack` in the folder), and files that have not changed since are not parsed again.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise ConfigError(f"there is no folder '{folder}'", mend="Make a project with: pumphouse new NAME")
    found = walk(folder, ignore=ignore)
    faults = list(found.faults)
    kept = Cache(cache or folder / CACHE_FILE)
    facts = _read_all(found.python, kept.module, faults)
    documents = _read_all(found.sql, kept.sql, faults)
    pages = _read_all(found.pages, kept.page, faults)

    faults += [known.fault.at(file.path) for file, known in facts if known.fault]
    sound = {file.path: known for file, known in facts if not known.fault}
    modules, failed = import_modules(folder, list(sound))
    faults += failed

    own = {file.path for file in (*found.python, *found.sql)} | {file.path for file, page in pages if page.header}
    code = Code({module_of(folder, path): (path, known) for path, known in sound.items()})
    files = NamedFiles(str(folder), cache=kept, own=own, ignore=ignore)
    drafts, wrong = draft_modules(
        Modules(folder=folder, imported=modules, facts=sound, code=code, files=files, cache=kept)
    )
    faults += wrong
    for file, document in documents:
        draft, wrong = draft_sql(file, document, files=files)
        drafts.append(draft)
        faults += wrong
    for file, page in pages:
        report, wrong = draft_page(file, page, files=files)
        drafts += [report] if report else []
        faults += wrong
    headers = [*((file, one.header) for file, one in documents), *((file, one.header) for file, one in pages)]
    for file, header in headers:
        granted, wrong = draft_grants(file, header)
        drafts += granted
        faults += wrong
    faults += name_faults(drafts)
    faults += grant_faults(drafts, kept)
    kept.save()

    named = {draft.name: draft for draft in sorted(drafts, key=lambda draft: draft.name)}
    lost = {name for path, known in sound.items() if path not in modules for name in known.bindings}
    lost |= {name for file, known in facts if known.fault for name in _names_in_broken(file)}
    edges, wrong = find_edges(named, unreadable=lost)
    faults += wrong
    faults += (loops := list(find_loops(named, edges)))
    if not loops:
        named, wrong = with_keys(named, edges)
        faults += wrong
    faults += column_faults(named)
    faults += contract_faults(named)
    if faults:
        raise ProjectFaults(list(dict.fromkeys(faults)))
    loading = Loading(files=len(facts) + len(documents) + len(pages), read=kept.read, parsed=kept.parsed)
    return _graph(folder, named, edges, loading)


def _graph(folder: Path, drafts: Mapping[str, Draft], edges: Mapping[str, tuple[str, ...]], loading: Loading) -> Graph:
    readers: dict[str, list[str]] = {}
    for name, inputs in edges.items():
        for one in inputs:
            if one != name:
                readers.setdefault(one, []).append(name)
    assets = {}
    for name, draft in drafts.items():
        about = (drafts[one] for one in readers.get(name, ()))
        facts = [one.content for one in about if one.kind in ("check", "contract") and one.spec.asset == name]
        assets[name] = Asset(
            name=name,
            kind=draft.kind,
            spec=draft.spec,
            common=draft.common,
            place=draft.place,
            inputs=edges[name],
            services=draft.services,
            forms=draft.forms,
            settings=draft.settings,
            files=draft.files,
            fingerprint=fingerprint(draft.content, sorted(facts)) if facts else draft.content,
            code=draft.code,
            module=draft.module,
            variable=draft.variable,
        )
    waits = waits_of_checks(drafts, edges)
    ordered = {name: (*inputs, *waits.get(name, ())) for name, inputs in edges.items()}
    return Graph(
        folder=folder,
        assets=assets,
        loading=loading,
        waits=waits,
        _order=sort_by_edges(ordered, allowed_self=assets),
        _readers={name: tuple(names) for name, names in readers.items()},
        _declarations={name: draft.declaration for name, draft in drafts.items() if draft.declaration},
    )


def _read_all(
    files: Iterable[SourceFile], read: Callable[[SourceFile], Facts], faults: list[Fault]
) -> list[tuple[SourceFile, Facts]]:
    facts = []
    for file in files:
        place = Place(file=file.path)
        try:
            facts.append((file, read(file)))
        except OSError as error:
            mend = "Give the user who runs Pumphouse permission to read it."
            faults.append(Fault(what=f"can't be read: {error.strerror or error}", place=place, mend=mend))
        except UnicodeDecodeError as error:
            what = f"is not UTF-8 text (byte {error.start})"
            faults.append(Fault(what=what, place=place, mend="Save it as UTF-8."))
    return facts


def _names_in_broken(file: SourceFile) -> list[str]:
    # What can't be parsed may well declare what others seem to miss.
    text = Path(file.full).read_text(encoding="utf-8", errors="replace")
    return re.findall(r"^(?:def\s+)?(\w+)\s*[=(:]", text, re.MULTILINE)
