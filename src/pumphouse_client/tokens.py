"""Where a person's token for a server is, so that it stands in no program."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pumphouse_client.errors import ClientError

TOKEN_VARIABLE = "PUMPHOUSE_TOKEN"  # noqa: S105  # the name of a variable


def token_file(environment: Mapping[str, str], *, home: Path) -> Path:
    """The file of a person's tokens: a table for each address, with its `token`."""
    if sys.platform == "win32":
        folder = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
    else:
        folder = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return folder / "pumphouse" / "tokens.toml"


def find_token(url: str, given: str | None, *, environment: Mapping[str, str], file: Path) -> str | None:
    """The token for a server: the one that is given, else the environment's, else the file's, else None.

    Raises ClientError for a file that can't be read, or that others can read.
    """
    return given or environment.get(TOKEN_VARIABLE) or _kept(url, file)


def _kept(url: str, file: Path) -> str | None:
    try:
        mode = file.stat().st_mode
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise ClientError(f"{file} can be read by others", mend=f"Keep it to yourself: chmod 600 {file}")
        kept = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ClientError(f"{file} can't be read: {error}", mend=_form(url)) from error
    for address, entry in kept.items():
        if _origin(address) == _origin(url):
            if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
                raise ClientError(f"{file} has no token for {address}", mend=_form(url))
            return str(entry["token"])
    return None


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _form(url: str) -> str:
    return f'Write it as TOML: ["{url}"] and below it token = "...".'
