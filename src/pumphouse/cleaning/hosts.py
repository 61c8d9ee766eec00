"""Names of hosts as one sure form: small letters, ASCII, an address of version 4 or 6 as such."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

HOST_MAX, LABEL_MAX = 253, 63
WRITTEN_MAX = 4 * HOST_MAX
"""Characters that are looked at: as another script writes it, a host is hardly longer."""
LABEL = re.compile(r"[a-z0-9_~-]+")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A host whose last part is one of these is an address of version 4 to a browser."""
V4 = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})(?:\.(?!$)|$)){4}")


class NoHost(Exception):
    """A text that is no host. Its text is the reason."""


def host(written: str, *, purpose: str) -> str:
    """The host in one form: ASCII in small letters, IDN in punycode, IPv6 in brackets. Raises NoHost.

    `host("BÜCHER.example", purpose="url") == "xn--bcher-kva.example"`
    """
    if not written:
        raise NoHost("no host")
    if written.startswith("["):
        return _v6(written)
    try:
        decoded = unquote_to_bytes(written).decode("utf-8")
    except UnicodeDecodeError:
        raise NoHost("a host that is no text") from None
    if len(decoded) > WRITTEN_MAX:
        raise NoHost("a host that is too long")
    ascii = decoded.lower() if decoded.isascii() else _punycode(decoded, purpose=purpose)
    labels = ascii.removesuffix(".").split(".")
    if NUMBER.fullmatch(labels[-1]):
        return _v4(ascii)
    if len(ascii) > HOST_MAX or any(len(label) > LABEL_MAX for label in labels):
        raise NoHost("a host that is too long")
    if not all(LABEL.fullmatch(label) for label in labels):
        raise NoHost("a host that can't be one")
    return ascii


def is_address(host: str) -> bool:
    """Whether a host as `host` gives it is an IP address."""
    return host.startswith("[") or V4.fullmatch(host) is not None


@cache
def public_suffixes(*, purpose: str) -> PublicSuffixList:
    """The public suffix list, without its default rule for what is not on it. Raises MissingExtra."""
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        raise MissingExtra("publicsuffixlist", extra="cleaning", purpose=purpose) from None
    return PublicSuffixList(accept_unknown=False)


def why_unknown(host: str, *, purpose: str) -> str | None:
    """Why a host's last part can't be right; None where there is such a top-level domain."""
    last = host.removesuffix(".").rpartition(".")[2]
    if public_suffixes(purpose=purpose).publicsuffix(last) is None:
        return f"there is no top-level domain .{last}" if len(last) <= LABEL_MAX // 2 else "no top-level domain"
    return None


def _punycode(decoded: str, *, purpose: str) -> str:
    try:
        import idna
    except ImportError:
        raise MissingExtra("idna", extra="cleaning", purpose=purpose) from None
    try:
        return idna.encode(decoded, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise NoHost("a host that can't be one") from None


def _v4(written: str) -> str:
    if V4.fullmatch(written):
        try:
            return str(ipaddress.IPv4Address(written))
        except ValueError:
            pass
    # 1.1, 0x7f.1 and 010.0.0.1 are addresses to some, and other ones to others.
    raise NoHost("an address of numbers that is not four of 0 to 255, without leading zeros")


def _v6(written: str) -> str:
    if "%" in written:
        raise NoHost("an address with a zone, which is of one machine")
    try:
        return f"[{ipaddress.IPv6Address(written.removeprefix('[').removesuffix(']')).compressed}]"
    except ValueError:
        raise NoHost("a host that can't be one") from None
