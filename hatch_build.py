"""Sees to it that a built wheel carries what comes from npm, also where nobody ran `make assets` before."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs assets/build.py unless its files are there, as they are after `make` and in an unpacked source archive."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hatchling calls it before it collects the files."""
        assets = runpy.run_path(str(Path(self.root) / "assets" / "build.py"))
        if not assets["is_built"]():
            assets["build"]()
