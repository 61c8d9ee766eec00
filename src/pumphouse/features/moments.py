"""Moments: an entity and an `as_of`, what a feature is asked about."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from pumphouse.lake.context import Context

MOMENTS = "moments"
"""The reserved name: in a feature's SQL it is the table of the moments that are asked about."""
AS_OF = "as_of"


def start_of_today(context: Context) -> datetime:
    """Midnight at which the run's `$today` begins, in the project's time zone (setting `zone`, else UTC)."""
    return datetime.combine(context.today, time(), tzinfo=ZoneInfo(context.settings.get("zone", "UTC")))
