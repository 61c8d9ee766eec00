"""Addresses of the web: put together, taken apart, and never trusted to be what they look like."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit

from pumphouse.errors import ConfigError
from pumphouse.lake.context import Connection

_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?=/|$)", re.IGNORECASE)
_CARRYING_IPV4 = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
"""IPv6 addresses whose last 32 bits are an address of IPv4 that is really asked."""


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
    """The address that a link on a page leads to, without its fragment; nothing where the link is none.

    It is the address that will be asked: `/a/../b` is `/b`, which is what a robots.txt speaks of.
    """
    try:
        url = urldefrag(urljoin(base, link.strip())).url
        parts = urlsplit(url)
    except ValueError:  # strangers write links
        return ""
    return urlunsplit(parts._replace(path=_straight(parts.path))) if _DOTS.search(parts.path) else url


def _straight(path: str) -> str:
    """A path without `.` and `..` in it, however they are written (RFC 3986, section 5.2.4)."""
    kept: list[str] = []
    names = path.split("/")
    for at, name in enumerate(names):
        plain = re.sub("%2e", ".", name, flags=re.IGNORECASE)
        if plain not in (".", ".."):
            kept.append(name)
            continue
        if plain == ".." and len(kept) > 1:
            kept.pop()
        if at == len(names) - 1:
            kept.append("")
    return "/".join(kept)


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
        return not is_public(name)
    except ValueError:
        return name == "localhost"


def is_public(address: str) -> bool:
    """Whether a number is an address that everybody may reach. Raises ValueError where it is no address.

    An address of IPv6 that carries one of IPv4 (mapped, NAT64, 6to4) is what that is.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if inner := found.sixtofour:
            return is_public(str(inner))
        if any(found in network for network in _CARRYING_IPV4):
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found.is_site_local:
            return False
    return found.is_global and not found.is_multicast
