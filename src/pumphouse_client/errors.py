"""What goes wrong for whoever reads tables. Each error says what and how to mend, and keeps both as values.

ClientError
├── NotFound         a table, a column or a snapshot that is not there, or not for whoever asks
├── Denied           the token is missing, unknown, ended, or not good for this
├── Unreachable      the server can't be reached, or has no answer now; tried for as long as is allowed
└── MissingPackage   a library that is only needed for one form of rows is not installed
"""

from __future__ import annotations


class ClientError(Exception):
    """Something went wrong that a person can mend: `what` says so, `mend` how; `status` is the server's, if any."""

    def __init__(self, what: str, *, mend: str | None = None, status: int | None = None) -> None:
        self.what = what
        self.mend = mend
        self.status = status
        super().__init__(what)

    def __str__(self) -> str:
        how = f" {self.mend}" if self.mend else ""
        return f"{self.what}{how}" if self.what.endswith((".", "?", "!")) else f"{self.what}.{how}"


class NotFound(ClientError):
    """A table, a column or a snapshot that is not there, or not for whoever asks."""


class Denied(ClientError):
    """The token is missing, unknown, ended, or not good for this."""


class Unreachable(ClientError):
    """The server can't be reached, or has no answer now; it was tried for as long as is allowed."""


class MissingPackage(ClientError):
    """A library that is only needed for one form of rows is not installed; the text names it."""

    def __init__(self, package: str, *, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package '{package}'", mend=f"Install it: pip install {package}")
        self.package = package
