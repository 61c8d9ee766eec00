"""Which text of the project's modules this process runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from pumphouse.errors import BuildError
from pumphouse.graph.modules import ProjectLoader, package_of


def imported(folder: Path) -> dict[str, str]:
    """The modules of a project that were imported here, each with the hash of the text that was executed."""
    package = package_of(folder.resolve())
    return {
        name: module.__loader__.digest
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == package and isinstance(module.__loader__, ProjectLoader)
    }


def refuse_changed(folder: Path, planned: Mapping[str, str], *, asset: str) -> None:
    """Raise BuildError where a module that was imported here is not as it was `imported` when the run was planned.

    What is built from it would be recorded under the fingerprint of the other text.
    """
    changed = [name for name, digest in imported(folder).items() if planned.get(name) != digest]
    if changed:
        raise BuildError(
            f"its code changed during the run ({', '.join(sorted(changed))})",
            asset=asset,
            mend=f"Run again: pumphouse run {asset}",
        )
