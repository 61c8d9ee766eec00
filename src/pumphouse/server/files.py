"""Files that pages load: our own, and those that the package carries from npm. Nothing is loaded from elsewhere."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from pumphouse.errors import ConfigError, UnknownName

HERE = Path(__file__).resolve().parent
OWN = ("pumphouse.css", "form.css", "form.js", "withdraw.js")
CARRIED = ("htmx.min.js", "survey.core.min.js", "survey-js-ui.min.js", "survey-core.fontless.min.css")
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """One file as it is sent. `tag` changes with its content, so browsers may keep it for ever."""

    data: bytes
    zipped: bytes
    kind: str
    tag: str


class WebFiles:
    """The files by name, read once each."""

    def __init__(self) -> None:
        self._read: dict[str, WebFile] = {}

    def file(self, name: str) -> WebFile:
        """The file called `name`. Raises UnknownName: only files that pages name are served."""
        if name not in self._read:
            if name not in (*OWN, *CARRIED):
                raise UnknownName(f"there is no file '{name}'")
            data = (own(name) if name in OWN else carried(name)).read_bytes()
            self._read[name] = WebFile(
                data=data,
                zipped=gzip.compress(data, mtime=0),
                kind=KINDS[Path(name).suffix],
                tag=hashlib.sha256(data).hexdigest()[:16],
            )
        return self._read[name]

    def address(self, name: str) -> str:
        """Where pages load the file from."""
        return f"/static/{name}?v={self.file(name).tag}"


def own(name: str) -> Path:
    """The path of a file of ours."""
    return HERE / "web" / name


def carried(name: str) -> Path:
    """The path of a file that the package carries. Raises ConfigError where it was not built."""
    path = HERE / "static" / name
    if not path.exists():
        raise ConfigError(
            f"the package lacks its browser part '{name}'", mend="Fetch them from npm with `make assets`."
        )
    return path
