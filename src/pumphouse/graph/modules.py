"""Importing a project's modules, always as they are in the folder now."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import keyword
import re
import stat
import sys
import traceback
from collections.abc import Sequence
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from pumphouse.declare.asset import Declaration
from pumphouse.errors import ConfigError, Fault, Place, PumphouseError, UnknownName, did_you_mean

_UNEXPECTED = re.compile(r"(?:\w+\.)*(\w+)\(\) got an unexpected keyword argument '(\w+)'.*")


def package_of(folder: Path) -> str:
    """The name under which a project's modules are imported: its folder's, or a made-up one where that is no name.

    Equal on every machine for folders of one name.
    """
    name = folder.name
    if name.isidentifier() and not keyword.iskeyword(name):
        return name
    return f"project_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def module_of(folder: Path, path: str) -> str:
    """The dotted name of the module in the file `path`, relative to the folder."""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join([package_of(folder), *parts])


def import_modules(folder: Path, paths: Sequence[str]) -> tuple[dict[str, ModuleType], list[Fault]]:
    """The modules in `paths` by path, executed anew where their text has changed, and one fault for each that fails."""
    folder = folder.resolve()
    _prepare(folder)
    _forget_changed(folder)
    modules: dict[str, ModuleType] = {}
    faults: dict[tuple[Place, str], Fault] = {}
    for path in paths:
        name = module_of(folder, path)
        if any("." in part for part in path.removesuffix(".py").split("/")):
            place = Place(file=path)
            faults[place, ""] = Fault(what="a module's name has no dot", place=place, mend="Rename the file.")
            continue
        try:
            modules[path] = importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a project's module does at import is its fault
            fault = _fault(error, folder, path)
            # A module that others import fails in each of them, at the same place.
            faults[fault.place, fault.what] = fault
    return modules, list(faults.values())


def load_declaration(folder: Path, module: str, variable: str) -> Declaration:
    """One declaration, by the `module` and `variable` of its asset. Imports that module and what it needs, no more.

    What the module raises is passed on. Raises UnknownName where the variable no longer holds a declaration.
    """
    _prepare(folder.resolve())
    declaration = getattr(importlib.import_module(module), variable, None)
    if not isinstance(declaration, Declaration):
        raise UnknownName(f"'{variable}' is not declared in {module} any more", mend="Open the project again.")
    return declaration


class ProjectFinder:
    """Finds the modules of one project, in its folder and nowhere else.

    It compiles the text as it is: Python's bytecode files can't tell two texts of one length written within a second.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = package_of(folder)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module of this project is, or None for any other."""
        first, *rest = fullname.split(".")
        if first != self.package:
            return None
        place = self.folder.joinpath(*rest)
        if not rest or (place / "__init__.py").is_file():
            return self._spec(fullname, place / "__init__.py", package=place)
        if place.with_name(f"{place.name}.py").is_file():
            return self._spec(fullname, place.with_name(f"{place.name}.py"))
        if place.is_dir():
            return self._spec(fullname, place / "__init__.py", package=place)
        return None

    def _spec(self, fullname: str, file: Path, *, package: Path | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(
            fullname,
            file,
            loader=ProjectLoader(fullname, file),
            submodule_search_locations=[str(package)] if package else None,
        )


class ProjectLoader(InspectLoader):
    """Executes one file's text. A package without `__init__.py` is empty."""

    def __init__(self, fullname: str, file: Path) -> None:
        self.fullname = fullname
        self.file = file
        self.digest = ""

    def get_code(self, fullname: str) -> CodeType:
        """The compiled text of the file."""
        text = self.file.read_bytes() if self.file.is_file() else b""
        self.digest = hashlib.sha256(text).hexdigest()
        return compile(text, str(self.file), "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str:
        """The text, for tracebacks and `inspect`."""
        return self.file.read_text(encoding="utf-8-sig") if self.file.is_file() else ""

    def is_current(self) -> bool:
        """Whether the file still holds what was executed."""
        text = self.file.read_bytes() if self.file.is_file() else b""
        return self.digest == hashlib.sha256(text).hexdigest()


def _prepare(folder: Path) -> None:
    """Makes the project importable in this process, also for what its functions import when they run."""
    finders = [finder for finder in sys.meta_path if isinstance(finder, ProjectFinder)]
    package = package_of(folder)
    if not any(finder.folder == folder for finder in finders):
        stranger = sys.modules.get(package)
        if package in sys.stdlib_module_names or (stranger and not _is_project(stranger, folder)):
            raise ConfigError(
                f"the project's folder has the name of the Python package '{package}'",
                place=Place(file=folder.name),
                mend="Give the folder another name.",
            )
        # Of two projects of one name, the one opened last is what the name means.
        for finder in finders:
            if finder.package == package:
                sys.meta_path.remove(finder)
        for name, _ in _loaded(package):
            del sys.modules[name]
        sys.meta_path.insert(0, ProjectFinder(folder))
    # A process that a library starts for itself is told sys.path, and finds the project's classes by it. Where anybody
    # may write, it would find a stranger's module as well, by the name of a package that is not installed.
    if str(folder.parent) not in sys.path and not folder.parent.stat().st_mode & stat.S_IWOTH:
        sys.path.append(str(folder.parent))


def _is_project(module: ModuleType, folder: Path) -> bool:
    return isinstance(module.__loader__, ProjectLoader) or any(
        Path(home).resolve() == folder for home in getattr(module, "__path__", ())
    )


def _forget_changed(folder: Path) -> None:
    loaded = _loaded(package_of(folder))
    # Any of the others may have imported from one that changed.
    if not all(isinstance(module.__loader__, ProjectLoader) and module.__loader__.is_current() for _, module in loaded):
        for name, _ in loaded:
            del sys.modules[name]


def _loaded(package: str) -> list[tuple[str, ModuleType]]:
    return [(name, module) for name, module in sys.modules.items() if name == package or name.startswith(f"{package}.")]


def _nearest_option(error: TypeError, trace: TracebackType, folder: Path) -> str:
    """The option that a call in the project may have meant by one that there is none of."""
    found = _UNEXPECTED.fullmatch(str(error))
    frames = [frame for frame, _ in traceback.walk_tb(trace) if Path(frame.f_code.co_filename).is_relative_to(folder)]
    if not found or not frames:
        return ""
    function, option = found.groups()
    names = frames[-1].f_globals
    modules = [one for one in names.values() if isinstance(one, ModuleType)]
    called = names.get(function) or next((vars(one)[function] for one in modules if function in vars(one)), None)
    try:
        return did_you_mean(option, inspect.signature(called).parameters) if callable(called) else ""
    except ValueError:  # it says nothing of its parameters
        return ""


def _fault(error: BaseException, folder: Path, path: str) -> Fault:
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(folder):
        file = Path(error.filename).relative_to(folder).as_posix()
        return Fault(what=f"not valid Python: {error.msg}", place=Place(file=file, line=error.lineno or 1))
    place = Place(file=path)
    trace = error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if Path(file).is_relative_to(folder):
            place = Place(file=Path(file).relative_to(folder).as_posix(), line=trace.tb_lineno)
        trace = trace.tb_next
    mend = ""
    if isinstance(error, PumphouseError):
        said, mend = error.what, error.mend or ""
    else:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = package_of(folder)
        if (folder / f"{error.name}.py").is_file():
            mend = f"Modules of the project are imported by its name: from {package}.{error.name} import ..."
        elif not error.name.startswith(f"{package}."):
            mend = f"Is '{error.name.partition('.')[0]}' installed?"
    if isinstance(error, TypeError) and error.__traceback__:
        mend = _nearest_option(error, error.__traceback__, folder)
    if isinstance(error, NameError) and error.name == "ph":
        mend = "It begins with: import pumphouse as ph"
    return Fault(what=f"the module can't be imported: {said}", place=place, mend=mend)
