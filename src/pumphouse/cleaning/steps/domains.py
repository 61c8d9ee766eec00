"""The domain that somebody registered: `example.co.uk` of `https://www.example.co.uk/a` or `max@mail.example.co.uk`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.hosts import NoHost, host, is_address, public_suffixes, why_unknown
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step

SCHEME = re.compile(r"\A(?:[A-Za-z][A-Za-z0-9+.-]*:(?=//)|mailto:)", re.IGNORECASE)
END = re.compile(r"[/?#\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain(Step):
    """The step that `domain` makes."""

    name: ClassVar[str] = "domain"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"suffix": "VARCHAR"}
    into: str | None = None
    version: str = field(default_factory=lambda: with_versions("1", "publicsuffixlist", "idna"), init=False)

    def target(self, column: str) -> str:
        """With `into` the column stays as it is."""
        return self.into or column

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, read_domain)


def domain(*, into: str | None = None) -> Domain:
    """A step that finds the registrable domain of a host, a URL or an e-mail address, and its public suffix besides.

    It goes by the public suffix list, with the suffixes of companies that give domains away (github.io). With `into`
    the domain goes to a column of that name, and the column stays as it is. An IP address has none, and is declined.

    `domain().one("https://www.example.co.uk/a").value == "example.co.uk"`
    """
    return Domain(into=into)


def read_domain(written: str) -> tuple[str | None, str | None, str | None]:
    """One domain: (domain, suffix, reason)."""
    try:
        name = host(_host_in(written.strip()), purpose="domain").removesuffix(".")
    except NoHost as error:
        return None, None, str(error)
    if is_address(name):
        return None, None, "an IP address, which is no domain"
    if why := why_unknown(name, purpose="domain"):
        return None, None, why
    suffixes = public_suffixes(purpose="domain")
    registered = suffixes.privatesuffix(name)
    if registered is None:
        return None, None, "a public suffix, under which others register"
    return registered, suffixes.publicsuffix(registered), None


def _host_in(written: str) -> str:
    """The part of a host, a URL or an e-mail address that may be a host."""
    authority = END.split(SCHEME.sub("", written, count=1).removeprefix("//"), maxsplit=1)[0]
    bare = authority.rpartition("@")[2].removesuffix(">")
    return bare if bare.startswith("[") and bare.endswith("]") else re.sub(r":[0-9]*$", "", bare)
