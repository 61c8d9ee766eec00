"""What a session has set: what drivers set when they start, and what changes how values are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pumphouse.server.postgres.moments import Zone, zone_named
from pumphouse.server.postgres.sqlstate import Refused

SERVER_VERSION = "15.14"
"""The PostgreSQL whose protocol and catalogue this is."""
SERVER_VERSION_NUMBER = "150014"
SETTINGS_MAX = 200
"""How many a session may have of its own making (`some.name`)."""
VALUE_CHARACTERS_MAX = 10_000
REPORTED = {
    name.lower(): name
    for name in (
        "application_name", "client_encoding", "DateStyle", "default_transaction_read_only", "in_hot_standby",
        "integer_datetimes", "IntervalStyle", "is_superuser", "server_encoding", "server_version",
        "session_authorization", "standard_conforming_strings", "TimeZone",
    )
}  # fmt: skip
"""What clients are told of at the start and when it changes, as it is spelled."""
_DEFAULTS = {
    "application_name": "", "bytea_output": "hex", "client_encoding": "UTF8", "client_min_messages": "notice",
    "datestyle": "ISO, MDY", "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on", "default_transaction_deferrable": "off", "enable_seqscan": "on",
    "escape_string_warning": "on", "extra_float_digits": "1", "geqo": "on", "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0", "in_hot_standby": "off", "integer_datetimes": "on", "intervalstyle": "postgres",
    "is_superuser": "off", "jit": "off", "lc_collate": "C", "lc_ctype": "C.UTF-8", "lc_messages": "C",
    "lc_monetary": "C", "lc_numeric": "C", "lc_time": "C", "lock_timeout": "0", "max_identifier_length": "63",
    "max_index_keys": "32", "max_connections": "200", "quote_all_identifiers": "off", "role": "none",
    "row_security": "on", "search_path": '"$user", public', "server_encoding": "UTF8",
    "server_version": SERVER_VERSION, "server_version_num": SERVER_VERSION_NUMBER, "session_authorization": "",
    "standard_conforming_strings": "on", "statement_timeout": "0", "synchronize_seqscans": "on", "timezone": "UTC",
    "transaction_deferrable": "off", "transaction_isolation": "repeatable read", "transaction_read_only": "on",
    "tcp_keepalives_idle": "0", "work_mem": "4MB", "xmloption": "content", "pumphouse.snapshot": "",
}  # fmt: skip
_FIXED = frozenset({
    "in_hot_standby", "integer_datetimes", "is_superuser", "lc_collate", "lc_ctype", "max_identifier_length",
    "max_index_keys", "max_connections", "server_encoding", "server_version", "server_version_num",
})  # fmt: skip
_UNITS_MS = {"": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(slots=True)
class Settings:
    """The settings of one session."""

    defaults: dict[str, str] = field(default_factory=lambda: dict(_DEFAULTS))
    """What RESET goes back to."""
    values: dict[str, str] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)
    """What is set until the transaction ends."""
    saved: dict[str, str] | None = None
    """`values` as they were when the transaction began."""

    def get(self, name: str) -> str | None:
        """A value, or None where there is no such setting."""
        for level in (self.local, self.values, self.defaults):
            if name in level:
                return level[name]
        return None

    def show(self, name: str) -> str:
        """A value as it is shown. Raises Refused where there is no such setting."""
        value = self.get(name)
        if value is None:
            raise Refused(f'unrecognized configuration parameter "{name}"', state="42704")
        return value

    def all(self) -> dict[str, str]:
        """All that there are, by name."""
        return {**self.defaults, **self.values, **self.local}

    def put(self, name: str, values: tuple[str, ...] | None, *, local: bool = False) -> None:
        """Set one; None is its default. Raises Refused for what can't be set, or not to that."""
        if name not in self.defaults and "." not in name:
            raise Refused(f'unrecognized configuration parameter "{name}"', state="42704")
        if name in _FIXED and values is not None and ", ".join(values) != self.get(name):
            raise Refused(f'parameter "{name}" cannot be changed', state="55P02")
        level = self.local if local else self.values
        if values is None:
            level.pop(name, None)
            if local:
                level[name] = self.defaults.get(name, "")
            return
        text = ", ".join(values)
        if len(text) > VALUE_CHARACTERS_MAX or (name not in level and len(level) >= SETTINGS_MAX):
            raise Refused("too much is set in this session", state="53400")
        check = _CHECKS.get(name)
        level[name] = check(text, self.defaults[name]) if check else text

    def start(self, options: Mapping[str, str], *, who: str, zone: str) -> None:
        """Set what a client sets as it starts, which is where RESET goes back to. Raises Refused."""
        self.defaults["session_authorization"] = who
        self.defaults["timezone"] = zone
        for name, value in options.items():
            self.put(name.lower(), (value,))
        self.defaults.update(self.values)
        self.values.clear()

    def reset(self) -> None:
        """All as they were at the start."""
        self.values.clear()
        self.local.clear()

    def begin(self) -> None:
        """A transaction begins."""
        self.saved = dict(self.values)

    def end(self, *, commits: bool) -> None:
        """It ends; what was set in one that is rolled back was never set."""
        if self.saved is not None and not commits:
            self.values = self.saved
        self.saved = None
        self.local.clear()

    @property
    def zone(self) -> Zone:
        """The time zone in which moments are written."""
        return zone_named(self.get("timezone") or "UTC") or Zone()

    @property
    def timeout_s(self) -> float | None:
        """How long a statement may take; None is as long as the server lets it."""
        return int(self.get("statement_timeout") or 0) / 1000 or None

    @property
    def snapshot(self) -> int | None:
        """The lake's snapshot at which the session reads; None is the newest."""
        value = self.get("pumphouse.snapshot")
        return int(value) if value else None


def _encoding(value: str, _: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", value.lower())
    if plain in ("utf8", "unicode", "utf88", ""):
        return "UTF8"
    if plain == "sqlascii":
        return "SQL_ASCII"
    raise Refused(f'invalid value for parameter "client_encoding": "{value}"', state="22023", hint="Text is UTF8 here.")


def _date_style(value: str, default: str) -> str:
    words = [word.strip().upper() for word in value.split(",")]
    orders = {"MDY": "MDY", "DMY": "DMY", "YMD": "YMD", "US": "MDY", "EURO": "DMY", "EUROPEAN": "DMY"}
    order = default.rpartition(" ")[2]
    for word in words:
        if word in orders:
            order = orders[word]
        elif word not in ("ISO", "DEFAULT"):
            raise Refused(
                f'invalid value for parameter "DateStyle": "{value}"', state="22023", hint="Dates are written as ISO."
            )
    return f"ISO, {order}"


def _only(name: str, *allowed: str) -> Callable[[str, str], str]:
    def check(value: str, _: str) -> str:
        if value.lower() not in allowed:
            raise Refused(
                f'invalid value for parameter "{name}": "{value}"', state="22023", hint=f"It is {allowed[0]} here."
            )
        return allowed[0]

    return check


def _zone(value: str, default: str) -> str:
    if value.strip().lower() in ("default", "local"):
        return default
    zone = zone_named(value)
    if zone is None:
        raise Refused(
            f'invalid value for parameter "TimeZone": "{value}"',
            state="22023",
            hint="Name it as the tz database does: Europe/Berlin, UTC, +02:00.",
        )
    return zone.name


def _timeout(value: str, _: str) -> str:
    found = re.fullmatch(r"\s*(\d{1,9})\s*(ms|s|min|h|d|)\s*", value)
    if not found:
        raise Refused(f'invalid value for parameter "statement_timeout": "{value}"', state="22023")
    return str(int(found[1]) * _UNITS_MS[found[2]])


def _snapshot(value: str, _: str) -> str:
    if value.strip().lower() in ("", "newest", "latest"):
        return ""
    if not re.fullmatch(r"\s*\d{1,18}\s*", value):
        raise Refused(
            f'invalid value for parameter "pumphouse.snapshot": "{value}"',
            state="22023",
            hint="It is the number of a snapshot of the lake, or 'newest'.",
        )
    return value.strip()


_CHECKS: dict[str, Callable[[str, str], str]] = {
    "client_encoding": _encoding,
    "datestyle": _date_style,
    "intervalstyle": _only("IntervalStyle", "postgres"),
    "bytea_output": _only("bytea_output", "hex"),
    "standard_conforming_strings": _only("standard_conforming_strings", "on", "true", "1"),
    "session_authorization": lambda value, default: _only("session_authorization", default)(value, default),
    "role": _only("role", "none"),
    "timezone": _zone,
    "statement_timeout": _timeout,
    "pumphouse.snapshot": _snapshot,
}
