"""The languages there are packages for, and a package on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pumphouse.clients import python, r, typescript
from pumphouse.clients.address import Address
from pumphouse.errors import ConfigError
from pumphouse.graph.folder import CLIENT_FILE
from pumphouse_client.descriptions import Description

PACKAGES: dict[str, Callable[[Mapping[str, Description], Address], dict[str, str]]] = {
    "python": python.package,
    "typescript": typescript.package,
    "r": r.package,
}
"""What makes the files of a package, by language."""


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write a package. Raises ConfigError where the folder has something in it that was not made so."""
    if folder.exists() and any(folder.iterdir()) and not (folder / CLIENT_FILE).is_file():
        raise ConfigError(f"{folder} has other files in it", mend="Name an empty folder: --to FOLDER")
    for path, text in {CLIENT_FILE: "Made by `pumphouse clients`.\n", **files}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
