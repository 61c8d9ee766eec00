"""Addresses of the web: put together, taken apart, and never trusted to be what they look like."""

from __future__ import annotations

import ipaddress
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit

from pumphouse.errors import ConfigError
from pumphouse.lake.context import Connection


def address_of(base: str, path: str) -> str:
    """The address of a path below a base: `/orders` is the base, then `/orders`. An address stays what it is."""
    if is_web(path):
        return path
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base


def base_of(connection: Connection) -> str:
    """The connection's address without a name and password in it, and without a fragment. Raises ConfigError."""
    url = connection.url
    host = host_of(url)
    if not is_web(url) or not host:
        raise ConfigError(
            f"connection '{connection.name}' has no web address", mend='Its url is like "https://host/path".'
        )
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def is_web(url: str) -> bool:
    """Whether a text begins as an address of http or https."""
    return url.startswith(("http://", "https://"))


def joined(base: str, link: str) -> str:
    """The address that a link on a page leads to, without its fragment; nothing where the link is none."""
    try:
        return urldefrag(urljoin(base, link.strip())).url
    except ValueError:  # strangers write links
        return ""


def host_of(url: str) -> str:
    """Host and port of an address, without sign-in; a default port is left out. Nothing where there is none."""
    try:
        parts = urlsplit(url)
        name, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    name = f"[{name}]" if ":" in name else name
    return name if port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f"{name}:{port}"


def is_private(host: str) -> bool:
    """Whether a host is a numeric address that is not public: private, loopback, link-local, reserved."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return name == "localhost"
