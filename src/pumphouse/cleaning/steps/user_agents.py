"""What a browser says of itself: its family, version, system and device, and whether it is a bot, by ua-parser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import MissingExtra

LENGTH_MAX = 2_000
"""Characters of a user agent that is read: a thousand patterns look at it."""
BOT = "Spider"
"""The device of those that ua-parser knows as bots."""
Answer = tuple[str | None, str | None, str | None, str | None, bool | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAgent(Step):
    """The step that `user_agent` makes."""

    name: ClassVar[str] = "user_agent"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {
        "version": "VARCHAR", "os": "VARCHAR", "device": "VARCHAR", "is_bot": "BOOLEAN"
    }  # fmt: skip
    into: str | None = None
    version: str = field(default_factory=lambda: with_versions("1", "ua-parser", "ua-parser-builtins"), init=False)

    def target(self, column: str) -> str:
        """What the browser says stays; its family gets a column of its own."""
        return self.into or f"{column}__browser"

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, browser)


def user_agent(*, into: str | None = None) -> UserAgent:
    """A step that reads the User-Agent header: the browser's family in the column `into`, else `<column>__browser`.

    Beside it stand `version` as far as it is said ("120.0"), `os` ("iOS 17.1"), `device` ("iPhone") and `is_bot`, in
    columns that begin with the browser's. A program that ua-parser does not know is declined; what is known of its
    system and device stands there all the same. Anybody can say to be any browser.

    `user_agent().one("curl/8.1").value == "curl"`
    """
    return UserAgent(into=into)


def browser(written: str) -> Answer:
    """One header: (family, version, system, device, whether it is a bot, reason)."""
    try:
        import ua_parser
    except ImportError:
        raise MissingExtra("ua-parser", extra="cleaning", purpose="user_agent") from None

    said = written.strip()
    if said == "-":
        return _declined("a dash: none was sent")
    if len(said) > LENGTH_MAX:
        return _declined("too long for a user agent")
    read = ua_parser.parse(said)
    agent, system, device = read.user_agent, read.os, read.device
    if not (agent or system or device):
        return _declined("no known browser")
    name = agent.family if agent else None
    version = _dotted(agent.major, agent.minor, agent.patch) if agent else None
    os = " ".join(filter(None, (system.family, _dotted(system.major, system.minor)))) if system else None
    is_bot = device is not None and device.family == BOT
    model = device.family if device and not is_bot else None
    return name, version, os, model, is_bot, None if name else "no known browser"


def _dotted(*parts: str | None) -> str | None:
    """Numbers of a version, up to the first that is missing."""
    known = []
    for part in parts:
        if not part:
            break
        known.append(part)
    return ".".join(known) or None


def _declined(reason: str) -> Answer:
    return None, None, None, None, None, reason
