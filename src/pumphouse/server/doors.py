"""What every door beside HTTP is: it has an address, and can be closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A protocol that is listened to, in threads of its own. `close` may be called from any thread, and waits."""

    name: str
    """As the access log has it: "flight", "postgres"."""
    url: str
    close: Callable[[], None]
