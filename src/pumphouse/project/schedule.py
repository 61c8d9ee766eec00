"""When something is due: plain words or cron, in the project's time zone, once after any downtime."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from pumphouse.errors import ConfigError

INTERVAL_MAX = timedelta(days=3660)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NAMED = {"hour": "0 * * * *", "day": "0 0 * * *", "week": "0 0 * * 1", "month": "0 0 1 * *"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FORMS = (
    '"15m", "1h", "day", "day at 02:00", "mon 07:00", "mon 07:00 Europe/Berlin", "month at 06:00"'
    ' or cron like "0 2 * * *"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """A schedule: an interval since the last time, or the points of a cron expression in a zone."""

    interval: timedelta | None = None
    cron: str | None = None
    zone: str = "UTC"

    def due_at(self, last: datetime | None) -> datetime | None:
        """When it is next due after it last ran; None is at once, because it never ran."""
        if last is None:
            return None
        if self.interval is not None:
            return last + self.interval
        assert self.cron is not None
        return next(CronSim(self.cron, last.astimezone(ZoneInfo(self.zone)))).astimezone(UTC)

    def is_due(self, last: datetime | None, *, now: datetime) -> bool:
        """Whether it has to run now. However many times were missed, it runs once."""
        at = self.due_at(last)
        return at is None or at <= now


def parse_every(text: str, *, zone: str) -> Every:
    """The schedule that a text means. Raises ConfigError with the forms there are."""
    words = text.strip().lower()
    if found := re.fullmatch(r"(\d{1,6})\s*([smhdw])", words):
        interval = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if not timedelta() < interval <= INTERVAL_MAX:
            raise _refused(text)
        return Every(interval=interval)
    if words in _NAMED:
        return Every(cron=_NAMED[words], zone=zone)
    parts = text.split()
    own_zone = zone
    if len(parts) > 1 and (("/" in parts[-1] and parts[-1][0].isalpha()) or parts[-1] == "UTC"):
        own_zone = parts.pop()
        try:
            ZoneInfo(own_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise _refused(text) from None
    words = " ".join(parts).lower()
    if found := re.fullmatch(r"(day|week|month|mon|tue|wed|thu|fri|sat|sun)(?:\s+at)?\s+(\d{1,2}):(\d{2})", words):
        hour, minute = int(found[2]), int(found[3])
        if hour < 24 and minute < 60:
            day = {"day": "* * *", "week": "* * 1", "month": "1 * *"}.get(found[1])
            if day is None:
                day = f"* * {(_DAYS.index(found[1]) + 1) % 7}"
            return Every(cron=f"{minute} {hour} {day}", zone=own_zone)
    if len(parts) == 5:
        try:
            CronSim(" ".join(parts), datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError:
            raise _refused(text) from None
        return Every(cron=" ".join(parts), zone=own_zone)
    raise _refused(text)


def _refused(text: str) -> ConfigError:
    return ConfigError(f'every = "{text}" is no schedule', mend=f"Write {FORMS}.")
