"""DuckDB's extensions from Python wheels, so that they load with no network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from pumphouse.errors import MissingExtra

EXTRAS = {"postgres_scanner": "postgres", "mysql_scanner": "external"}
"""Which extra of Pumphouse installs an extension that is not in the base install."""


def wheel_file(name: str) -> Path:
    """The installed extension `name`, for this DuckDB. Raises MissingExtra where there is none."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(f"duckdb-extension-{name}", extra=EXTRAS.get(name, "all"), purpose=f"DuckDB's {name}")
    version = f"v{duckdb.__version__}"
    file = Path(spec.submodule_search_locations[0]) / "extensions" / version / f"{name}.duckdb_extension"
    if not file.exists():
        raise MissingExtra(
            f"duckdb-extension-{name}=={duckdb.__version__}", extra=EXTRAS.get(name, "all"), purpose=f"DuckDB {version}"
        )
    return file
