"""Files of the project that a step names."""

from __future__ import annotations

from pathlib import Path

from pumphouse.errors import ConfigError, Place


def read_text(path: Path, *, what: str, more: str = "") -> str:
    """The text of a file, which messages call `what`. Raises ConfigError where it is not there, or is not UTF-8.

    `more` is said besides where it is not there.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"the {what} {path.name} is not there",
            place=Place(file=str(path)),
            mend=f"Its path is relative to the project's folder{more}.",
        ) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"the {what} {path.name} is not UTF-8", place=Place(file=str(path), line=line), mend="Save it as UTF-8."
        ) from None
