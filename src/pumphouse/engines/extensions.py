"""DuckDB's extensions from Python wheels, so that they load with no network."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import duckdb

from pumphouse.errors import MissingExtra

EXTRAS = {"postgres_scanner": "postgres", "mysql_scanner": "external"}
"""Which extra of Pumphouse installs an extension that is not in the base install."""


def extension_folder() -> Path:
    """The private folder in which DuckDB looks for extensions; made on first use.

    It holds symlinks to the installed wheels, named after both, so that two environments never share one.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pumphouse"
    environment = hashlib.sha256(sys.prefix.encode()).hexdigest()[:12]
    try:
        folder = cache / "extensions" / environment
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that can't be written to
        folder = Path(tempfile.gettempdir()) / f"pumphouse-{os.getuid()}" / "extensions" / environment
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def link(name: str, *, into: Path, platform: str) -> None:
    """Put the installed extension `name` where DuckDB finds it. Raises MissingExtra where it has no wheel."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(f"duckdb-extension-{name}", extra=EXTRAS.get(name, "all"), purpose=f"DuckDB's {name}")
    version = f"v{duckdb.__version__}"
    file = Path(spec.submodule_search_locations[0]) / "extensions" / version / f"{name}.duckdb_extension"
    if not file.exists():
        raise MissingExtra(
            f"duckdb-extension-{name}=={duckdb.__version__}", extra=EXTRAS.get(name, "all"), purpose=f"DuckDB {version}"
        )
    target = into / version / platform / file.name
    if target.is_symlink() and target.resolve() == file.resolve():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{file.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(file)
    scratch.replace(target)  # atomic: another process may be doing the same
