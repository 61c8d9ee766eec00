"""Where a project is served, as somebody who connects has to say it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from pumphouse.errors import ConfigError
from pumphouse_client.http import is_loopback

PORT = 8484
LOCAL = f"http://127.0.0.1:{PORT}"
"""Where `pumphouse serve` is unless told otherwise."""
FLIGHT_AFTER = 1
POSTGRES_AFTER = 2
"""Where the other protocols are unless told otherwise: so many ports after HTTP's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The doors of one server."""

    project: str
    """What PostgreSQL's protocol calls the database."""
    user: str
    host: str = "127.0.0.1"
    http: int = PORT
    flight: int | None = PORT + FLIGHT_AFTER
    """None where it is not spoken."""
    postgres: int | None = PORT + POSTGRES_AFTER
    tls: bool = False
    certificate: str | None = None
    """The file of a certificate that the server made itself."""

    @property
    def url(self) -> str:
        """Of HTTP."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.http}"

    @property
    def flight_uri(self) -> str:
        """Of Flight SQL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'grpc+tls' if self.tls else 'grpc'}://{host}:{self.flight}"

    @property
    def conninfo(self) -> str:
        """Of PostgreSQL's protocol, as libpq reads it; the password comes beside it."""
        values = {"host": self.host, "port": str(self.postgres), "dbname": self.project, "user": self.user}
        values["sslmode"] = ("verify-full" if self.certificate else "require") if self.tls else "disable"
        if self.certificate:
            values["sslrootcert"] = self.certificate
        return " ".join(f"{name}={_conninfo_value(value)}" for name, value in values.items())


def address_of(url: str, *, project: str, user: str, certificate: str | None = None) -> Address:
    """The doors of the server at this address, the other protocols at their usual ports.

    Raises ConfigError for what is none, or would send tokens in the clear.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"'{url}' is no address of a server", mend="Write it as https://HOST:PORT.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError(f"to {url} tokens and rows would go in the clear", mend="Use https://.")
    http = port or (443 if parts.scheme == "https" else 80)
    return Address(
        project=project,
        user=user,
        host=parts.hostname,
        http=http,
        flight=http + FLIGHT_AFTER,
        postgres=http + POSTGRES_AFTER,
        tls=parts.scheme == "https",
        certificate=certificate,
    )


def _conninfo_value(value: str) -> str:
    if value and shlex.quote(value) == value:
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
