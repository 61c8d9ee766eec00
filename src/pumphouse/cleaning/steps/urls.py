"""URLs in one form, by RFC 3986 and the URL standard of browsers where both agree; what they read apart is declined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args
from urllib.parse import quote

from pumphouse.cleaning.hosts import NoHost, host
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step

PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
"""The schemes that are read, and the port that goes without saying."""
PORT_MAX = 65_535
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
BEFORE_PORT = re.compile(r"[0-9]+(?:[/?#]|$)")
"""What follows the colon in example.com:8080, which is no scheme."""
ENCODED = re.compile(r"%([0-9A-Fa-f]{2})|(%)|([^!$&'()*+,\-./0-9:;=?@A-Z_a-z~#\[\]]+)")
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Url(Step):
    """The step that `url` makes."""

    name: ClassVar[str] = "url"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"host": "VARCHAR"}
    scheme: str | None = None
    version: str = field(default_factory=lambda: with_versions("1", "idna"), init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, UrlReader(scheme=self.scheme).url)


def url(*, scheme: Literal["http", "https"] | None = None) -> Url:
    """A step that writes URLs in one form, so that two of one page are mostly the same text.

    Scheme and host are in small letters, the host in ASCII, the scheme's own port is left out, dots in the path are
    resolved, percent-encoding is as short as it can be. Query and fragment keep their order and all their parts. What
    has no scheme is read with `scheme`, and declined without. Declined are other schemes than http, https, ftp, ws and
    wss (`javascript:` among them), and URLs with a user or a password in them.

    `url(scheme="https").one("Example.com:443/%7Emax/../a b").value == "https://example.com/a%20b"`
    """
    if scheme is not None and scheme not in get_args(Literal["http", "https"]):
        raise ValueError(f"url's scheme is http or https, not {scheme!r}")
    return Url(scheme=scheme)


class UrlReader:
    """Reads one URL after the other."""

    def __init__(self, *, scheme: str | None) -> None:
        self.scheme = scheme

    def url(self, written: str) -> tuple[str | None, str | None, str | None]:
        """One URL: (URL, host, reason)."""
        scheme, rest, why = self._scheme(re.sub(r"[\t\r\n]", "", written.strip()))
        if why:
            return None, None, why
        body, hash, fragment = rest.partition("#")
        body, mark, query = body.partition("?")
        body = body.replace("\\", "/")  # as browsers do
        if not body.startswith("//"):
            return None, None, f"no // after {scheme}:"
        authority, _, path = body[2:].partition("/")
        if "@" in authority:
            return None, None, "a user or a password in it"
        try:
            name, port = _host_and_port(authority, scheme)
        except NoHost as error:
            return None, None, str(error)
        address = f"{scheme}://{name}{port}/{_resolved(_encoded(path))}"
        return f"{address}{mark}{_encoded(query)}{hash}{_encoded(fragment)}", name, None

    def _scheme(self, written: str) -> tuple[str, str, str | None]:
        """(scheme, what follows its colon, reason)."""
        found = SCHEME.match(written)
        if found and not BEFORE_PORT.match(written, found.end()):
            scheme = found[1].lower()
            if scheme not in PORTS:
                return "", "", "not a URL of a page: another scheme than http, https, ftp, ws and wss"
            return scheme, written[found.end() :], None
        if self.scheme is None:
            return "", "", "no scheme, as https:// is one"
        return self.scheme, "//" + written.removeprefix("//"), None


def _host_and_port(authority: str, scheme: str) -> tuple[str, str]:
    bare, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        return host(authority, purpose="url"), ""
    if port and (not re.fullmatch("[0-9]+", port) or int(port[:9]) > PORT_MAX):
        raise NoHost("a port that can't be one")
    given = int(port[:9]) if port else PORTS[scheme]
    return host(bare, purpose="url"), "" if given == PORTS[scheme] else f":{given}"


def _encoded(part: str) -> str:
    """A part with percent-encoding where it is needed, in capitals, and nowhere else."""
    return ENCODED.sub(_encode, part)


def _encode(found: re.Match[str]) -> str:
    if found[1]:
        byte = int(found[1], 16)
        return chr(byte) if byte in UNRESERVED else f"%{byte:02X}"
    return "%25" if found[2] else quote(found[3], safe="")


def _resolved(path: str) -> str:
    """A path without its first slash, with `.` and `..` gone through."""
    parts: list[str] = []
    names = path.split("/")
    for place, name in enumerate(names):
        is_last = place == len(names) - 1
        if name not in (".", ".."):
            parts.append(name)
            continue
        if name == ".." and parts:
            parts.pop()
        if is_last:
            parts.append("")
    return "/".join(parts)
