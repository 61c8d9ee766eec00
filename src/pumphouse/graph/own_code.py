"""The project's own functions and classes by name, with a fingerprint of all code and files that they need."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pumphouse.errors import UnknownName
from pumphouse.graph.closure import Code
from pumphouse.graph.code import ModuleFacts, read_module
from pumphouse.graph.fingerprints import fingerprint
from pumphouse.graph.modules import ProjectFinder, import_modules

MODULES_MAX = 10_000
"""How many modules a piece of code may reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCode:
    """What a name of a project's module holds now, and the fingerprint of its code, files it names included."""

    value: Any  # whatever the name holds
    fingerprint: str


def own_code(module: str, name: str) -> OwnCode:
    """The project's function or class of this name, imported as it is in the folder now.

    Raises UnknownName where `module` is of no project that is open, or no longer holds the name.
    """
    package = module.partition(".")[0]
    finders = [one for one in sys.meta_path if isinstance(one, ProjectFinder) and one.package == package]
    if not finders:
        raise UnknownName(f"'{module}' is no module of a project that is open", mend=f"Is the folder called {package}?")
    folder = finders[0].folder
    facts = _reached(folder, module)
    if module not in facts:
        raise UnknownName(f"the project has no module '{module}' any more", mend="Put it back, or train anew.")
    modules, faults = import_modules(folder, [facts[module][0]])
    held = getattr(modules.get(facts[module][0]), name, None)
    if held is None:
        reason = f": {faults[0].what}" if faults else ""
        raise UnknownName(f"'{module}' has no '{name}' any more{reason}", mend="Put it back, or train anew.")
    closure = Code(facts).closure([(module, name)])
    files = {
        text: hashlib.sha256(path.read_bytes()).hexdigest()
        for home, text in closure.strings
        for path in (folder / home / text, folder / text)
        if text and len(text) < 256 and "\0" not in text and path.is_file()
    }
    return OwnCode(value=held, fingerprint=fingerprint("code", closure.digests, files))


def _reached(folder: Path, start: str) -> dict[str, tuple[str, ModuleFacts]]:
    """The modules that one imports, directly or through others, by name, each with its file and facts."""
    package = start.partition(".")[0]
    facts: dict[str, tuple[str, ModuleFacts]] = {}
    seen: set[str] = set()
    waiting = [start]
    while waiting and len(seen) < MODULES_MAX:
        module = waiting.pop()
        if module in seen or module.partition(".")[0] != package:
            continue
        seen.add(module)
        path = "/".join(module.split(".")[1:])
        found = next((one for one in (f"{path}.py", f"{path}/__init__.py") if (folder / one).is_file()), None)
        waiting += [module.rpartition(".")[0]] if "." in module else []
        if found is None:
            continue
        known = read_module((folder / found).read_text(encoding="utf-8-sig"))
        facts[module] = (found, known)
        is_package = found.endswith("__init__.py")
        targets = {*known.imports.values(), *known.stars}
        targets |= {one for statement in known.statements for one in statement.imports}
        for target in targets:
            source, _, name = target.partition(":")
            level = len(source) - len(source.lstrip("."))
            above = module.split(".")[: len(module.split(".")) - level + is_package] if level else []
            whole = ".".join([*above, *[part for part in (source.lstrip("."),) if part]])
            waiting += [whole, *([f"{whole}.{name}"] if name else [])]
    return facts
