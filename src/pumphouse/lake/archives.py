"""Archives that are the same bytes whenever they hold the same: those of skops have a time and addresses in them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

EPOCH = (1980, 1, 1, 0, 0, 0)
"""When the files of an archive were made, as far as it says."""


def lasting(data: bytes) -> bytes:
    """The archive with its objects numbered in order of appearance, so that one estimator is always the same bytes."""
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}

    def renamed(node: Any) -> Any:
        if isinstance(node, list):
            return [renamed(one) for one in node]
        if not isinstance(node, dict):
            return node
        kept: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__" and isinstance(value, int):
                kept[key] = numbers.setdefault(value, len(numbers) + 1)
            elif key == "file" and isinstance(value, str):
                ending = value.rpartition(".")[2]
                kept[key] = names.setdefault(value, f"{len(names) + 1}.{ending}")
            else:
                kept[key] = renamed(value)
        return kept

    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(made, "w") as archive:
        schema = renamed(json.loads(given.read("schema.json")))
        for name, short in names.items():
            archive.writestr(zipfile.ZipInfo(short, EPOCH), given.read(name))
        archive.writestr(zipfile.ZipInfo("schema.json", EPOCH), json.dumps(schema))
    return made.getvalue()
