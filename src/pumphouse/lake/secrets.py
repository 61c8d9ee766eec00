"""Secrets by name: from the environment, or from `secrets.toml` in the project's folder. They are never printed."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pumphouse.errors import ConfigError, Place

PREFIX = "secret:"
"""What a value begins with that names a secret: "secret:SHOP_API"."""
FILE = "secrets.toml"


def secret(name: str, *, folder: Path, wanted_by: str) -> str:
    """The secret of that name. Raises ConfigError naming every place that was looked at."""
    if name in os.environ:
        return os.environ[name]
    kept = _kept(folder / FILE)
    if name in kept:
        found = kept[name]
        if not isinstance(found, str):
            raise ConfigError(f"the secret '{name}' in {FILE} has to be text", mend=f'Write {name} = "...".')
        return found
    raise ConfigError(
        f"the secret '{name}', which {wanted_by} needs, was not found",
        mend=f"Looked at the environment variable {name} and at {FILE} in the project's folder; set it in one of them.",
    )


def _kept(path: Path) -> dict[str, Any]:  # values as TOML has them
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        # Its text is not shown: it may hold what must not be seen.
        line = re.search(r"line (\d+)", str(error)) if isinstance(error, tomllib.TOMLDecodeError) else None
        raise ConfigError(
            f"{FILE} can't be read ({type(error).__name__})",
            place=Place(file=FILE, line=int(line[1])) if line else None,
            mend="It has to be TOML that you may read.",
        ) from None
