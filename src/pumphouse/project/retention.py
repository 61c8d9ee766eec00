"""How long snapshots are kept, as a project says it."""

from __future__ import annotations

import re
from datetime import timedelta

from pumphouse.errors import ConfigError
from pumphouse.lake.expiry import RETENTION_MIN

_RETENTION = re.compile(r"(\d{1,6}) ?(days?|weeks?)")


def retention_of(text: str) -> timedelta:
    """A retention as it is declared, `30 days` or `8 weeks`. Raises ConfigError for anything else, or a shorter one."""
    found = _RETENTION.fullmatch(text.strip())
    number = int(found[1]) * (7 if found[2].startswith("week") else 1) if found else 0
    if timedelta(days=number) < RETENTION_MIN:
        raise ConfigError(
            f"'{text}' is no retention" if number or found is None else f"a retention of '{text}' is too short",
            mend='Say it in days or weeks, at least "1 day": whoever reads a snapshot now has to be able to go on.',
        )
    return timedelta(days=number)
