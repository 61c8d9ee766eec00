"""`pumphouse.toml`: where things are. It says nothing of what they mean; that is the project's code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pumphouse.declare.grants import EVERYONE
from pumphouse.engines.sizes import bytes_of
from pumphouse.errors import ConfigError, Place, did_you_mean
from pumphouse.lake.lake import Location
from pumphouse.project.retention import retention_of
from pumphouse.project.schedule import Every, parse_every

FILE = "pumphouse.toml"
BASE_ENV = "prod"
"""The environment that the file describes outside any `[env.*]`."""
_Keys = Mapping[str, type]
_KEYS: _Keys = {
    "name": str, "lake": str, "catalogue": str, "zone": str, "engine": dict, "settings": dict, "connections": dict,
    "failures": dict, "groups": dict, "access": dict, "sign_in": dict, "server": dict, "find": dict, "upkeep": dict,
    "owners": dict, "tags": dict, "env": dict,
}  # fmt: skip
_ENV_KEYS: _Keys = {
    "lake": str, "catalogue": str, "inputs_from": str, "engine": dict, "settings": dict, "connections": dict,
    "failures": dict, "server": dict,
}  # fmt: skip
_ENGINE_KEYS: _Keys = {
    "kind": str, "url": str, "memory": str, "threads": int, "workers": int, "worker_memory": str
}  # fmt: skip
_FAILURE_KEYS: _Keys = {"command": str, "webhook": str, "mail": str, "server": str}
_SERVER_KEYS: _Keys = {"memory": str, "threads": int, "seconds": int, "rows": int}
_UPKEEP_KEYS: _Keys = {"every": str, "retention": str, "longer": dict}
_ACCESS_KEYS: _Keys = {"default": str}
_FIND_KEYS: _Keys = {"values": list}
_SIGN_IN_KEYS: _Keys = {
    "issuer": str, "client_id": str, "client_secret": str, "people_claim": str, "groups_claim": str, "scopes": list,
    "domains": list, "scope": str, "hours": int, "address": str,
}  # fmt: skip
_SIGN_IN_HOURS_MAX = 24 * 7
_ISSUER = re.compile(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])([:/]|$)")
_ADDRESS = re.compile(r"https?://[^/?#\s]+/?")
_FORMS = {str: "text", int: "a whole number, 1 or more", dict: "a table", list: "a list of texts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """`[engine]`: which one, and how much of the machine it may take."""

    kind: str = "duckdb"
    url: str | None = None
    """Of a Spark Connect server; None runs Sail in this process."""
    memory: str | None = None
    threads: int | None = None
    workers: int = 2
    """Builds at once."""
    worker_memory: str | None = None
    """What one worker process may take; None is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """`[server]`: what those who ask through its doors may take."""

    memory: str = "1GB"
    """Of all their queries together; what does not fit goes to the disk for a while."""
    threads: int | None = None
    """Of the machine's cores; None is all."""
    seconds: int = 300
    """Of the engine's work for one query."""
    rows: int | None = None
    """That one query may give; None is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """`[sign_in]`: the OpenID provider at which people sign in to pages."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    """Or the name of a secret. None is a public client, which PKCE alone guards."""
    people_claim: str = "email"
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("email", "profile")
    """What the provider is asked for beside `openid`."""
    domains: tuple[str, ...] = ()
    """Those of mail addresses that may come in; none is all whom the provider signs in."""
    scope: Literal["read", "all"] = "read"
    """Of the token that who signs in has."""
    hours: int = 12
    """How long somebody stays signed in."""
    address: str | None = None
    """Of this server, as browsers reach it; None is as they ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`[groups]`, `[access]` and `[sign_in]`: who belongs together, who comes in, who sees what has no grant.

    They are the same in all environments.
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Each with its people; those that whoever signs them in says are added to them."""
    default: Literal["open", "closed"] = "open"
    sign_in: SignIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepConfig:
    """`[upkeep]`: when the lake is tidied up, and how long snapshots are kept; the same in all environments."""

    every: Every | None = None
    """None is when somebody calls for it."""
    retention: timedelta | None = None
    """None is for ever."""
    longer: Mapping[str, timedelta] = field(default_factory=dict)
    """For how long tables can be read as they were that have a longer retention than the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One environment of a project, as its file says."""

    folder: Path
    name: str
    env: str
    lake: Location
    inputs_from: tuple[Location, ...] = ()
    """Lakes in which to look, one after the other, for what the own one has not built."""
    zone: str = "UTC"
    engine: EngineConfig = field(default_factory=EngineConfig)
    server: ServerConfig = field(default_factory=ServerConfig)
    settings: Mapping[str, Any] = field(default_factory=dict)  # values as TOML has them
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: Mapping[str, Any] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    found_values: tuple[str, ...] = ()
    """`[find] values`: columns, as TABLE.COLUMN, of which the catalogue is searched by their values too."""
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Who owns which assets, by names or patterns of names."""
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which assets have which tags, likewise."""
    upkeep: UpkeepConfig = field(default_factory=UpkeepConfig)
    outlets: frozenset[str] | None = None
    """Connections to which deliveries may go from a lake that is not the file's own; None is the file's own lake, from
    which they may go anywhere."""

    @property
    def cache(self) -> Path:
        """The folder for what can be made again: parsed files, samples."""
        return self.folder / ".pumphouse"


def read_config(folder: Path, *, env: str | None = None) -> Config:
    """The configuration of a project's folder in one environment.

    Raises ConfigError where there is no such file or environment, where it isn't TOML, or where it has a key that
    means nothing.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = (
            next((str(child.parent) for child in sorted(folder.glob(f"*/{FILE}"))), None) if folder.is_dir() else None
        )
        raise ConfigError(
            f"there is no {FILE} in {folder}",
            mend=f"Did you mean the folder {near}?" if near else "Make a project: pumphouse new NAME",
        ) from None
    except (PermissionError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}", mend="It has to be UTF-8 text that you may read.") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfigError(
            f"{FILE} is not TOML: {error}",
            place=Place(file=FILE, line=int(line[1]) if line else 1),
            mend="Mend that line.",
        ) from None
    _check(values, _KEYS, text, where="")
    tables = {
        "engine": _ENGINE_KEYS, "failures": _FAILURE_KEYS, "server": _SERVER_KEYS, "access": _ACCESS_KEYS,
        "find": _FIND_KEYS, "sign_in": _SIGN_IN_KEYS, "upkeep": _UPKEEP_KEYS,
    }  # fmt: skip
    for table, known in tables.items():
        _check(values.get(table, {}), known, text, where=f"{table}.")
    for table in ("connections", "env"):
        _check(values.get(table, {}), dict.fromkeys(values.get(table, {}), dict), text, where=f"{table}.")
    environments: dict[str, Any] = {BASE_ENV: {}, **values.get("env", {})}
    chosen = env or BASE_ENV
    own = _environment(environments, chosen)
    _check(own, _ENV_KEYS, text, where=f"env.{chosen}.")
    _check(own.get("engine", {}), _ENGINE_KEYS, text, where=f"env.{chosen}.engine.")
    lake = _location(folder, own, default=values, env=chosen)
    base = environments[BASE_ENV]
    connections = own.get("connections", {})
    _check(own.get("failures", {}), _FAILURE_KEYS, text, where=f"env.{chosen}.failures.")
    _check(own.get("server", {}), _SERVER_KEYS, text, where=f"env.{chosen}.server.")
    return Config(
        folder=folder,
        name=values.get("name", folder.absolute().name),
        env=chosen,
        lake=lake,
        inputs_from=_above(folder, environments, chosen, lake=lake, default=values, text=text),
        zone=_zone(values.get("zone", "UTC"), text),
        engine=EngineConfig(**{**values.get("engine", {}), **own.get("engine", {})}),
        settings={**values.get("settings", {}), **own.get("settings", {})},
        connections={**values.get("connections", {}), **connections},
        failures=own.get("failures", values.get("failures", {}) if chosen == BASE_ENV else {}),
        access=_access(values, text),
        upkeep=_upkeep(values.get("upkeep", {}), text, zone=values.get("zone", "UTC")),
        found_values=_found_values(values.get("find", {}).get("values", []), text),
        owners=_labels(values, "owners", text),
        tags=_labels(values, "tags", text),
        server=_server({**values.get("server", {}), **own.get("server", {})}, text),
        outlets=None if lake == _location(folder, base, default=values, env=BASE_ENV) else frozenset(connections),
    )


def _environment(environments: Mapping[str, Any], name: str) -> dict[str, Any]:  # values as TOML has them
    if name not in environments:
        mend = did_you_mean(name, environments) or f"Add [env.{name}] to {FILE}."
        raise ConfigError(f"there is no environment '{name}'", mend=mend)
    return dict(environments[name])


def _above(
    folder: Path,
    environments: Mapping[str, Any],  # values as TOML has them, as are those of `default`
    env: str,
    *,
    lake: Location,
    default: Mapping[str, Any],
    text: str,
) -> tuple[Location, ...]:
    """The lakes that an environment reads from, nearest first: that of its `inputs_from`, and of its in turn."""
    found: list[Location] = []
    values = _environment(environments, env)
    while above := values.get("inputs_from"):
        values = _environment(environments, above)
        _check(values, _ENV_KEYS, text, where=f"env.{above}.")
        location = _location(folder, values, default=default, env=above)
        if location.folder in {lake.folder, *(one.folder for one in found)}:
            raise ConfigError(
                f"environment '{env}' would write to the lake of '{above}', from which it reads its inputs"
                if location.folder == lake.folder
                else f"environment '{env}' would read its inputs twice from the lake of '{above}'",
                place=_line_of("inputs_from", text),
                mend=f'Give each one of its own: lake = "{env}-lake" in [env.{env}].',
            )
        found.append(location)
    return tuple(found)


def _location(folder: Path, values: Mapping[str, Any], *, default: Mapping[str, Any], env: str) -> Location:
    """The lake that an environment names, else the file's own. A catalogue belongs to one folder, and goes with it."""
    if "lake" not in values and "catalogue" in values:
        raise ConfigError(
            f"environment '{env}' names a catalogue and no lake: two catalogues can't share a folder",
            mend=f'Add lake = "{env}-lake" to [env.{env}].',
        )
    named = values if "lake" in values else default
    return Location(folder=(folder / named.get("lake", "lake")).absolute(), catalogue=named.get("catalogue"))


def _access(values: Mapping[str, Any], text: str) -> Access:  # as TOML has them
    groups = values.get("groups", {})
    for name, people in groups.items():
        if not isinstance(people, list) or not all(isinstance(one, str) and one for one in people):
            raise ConfigError(
                f"the group '{name}' has to be a list of people",
                place=_line_of(name, text),
                mend=f'Write it like {name} = ["ann", "bob"]; those whom a sign-in puts into it need not be named.',
            )
    if EVERYONE in groups:
        raise ConfigError(f"'{EVERYONE}' is no group of yours: it is whoever may read", place=_line_of(EVERYONE, text))
    default = values.get("access", {}).get("default", "open")
    if default not in ("open", "closed"):
        raise ConfigError(
            f"'access.default' is 'open' or 'closed', not '{default}'",
            place=_line_of("default", text),
            mend="It says who sees a table without a grant: whoever may read, or the owner alone.",
        )
    return Access(
        groups={name: tuple(people) for name, people in groups.items()},
        default=default,
        sign_in=_sign_in(values["sign_in"], text) if "sign_in" in values else None,
    )


def _sign_in(values: Mapping[str, Any], text: str) -> SignIn:  # as TOML has them
    for key in ("issuer", "client_id"):
        if key not in values:
            mend = "The provider told it when this server was made known to it."
            raise ConfigError(f"[sign_in] has no {key}", place=_line_of("sign_in", text), mend=mend)
    said: dict[str, Any] = dict(values)
    forms = {
        "issuer": (_ISSUER.match(said["issuer"]), "an address with https://, or on this machine"),
        "address": (_ADDRESS.fullmatch(said.get("address", "https://x")), "like https://data.example, without a path"),
        "scope": (said.get("scope", "read") in ("read", "all"), "'read' or 'all'"),
        "hours": (said.get("hours", 1) <= _SIGN_IN_HOURS_MAX, f"a number of hours up to {_SIGN_IN_HOURS_MAX}"),
    }
    for key in ("scopes", "domains"):
        texts = said.get(key, [])
        forms[key] = (all(isinstance(one, str) for one in texts), "a list of texts")
        said |= {key: tuple(texts)} if key in said else {}
    for key, (is_right, form) in forms.items():
        if not is_right:
            raise ConfigError(f"'sign_in.{key}' has to be {form}", place=_line_of(key, text))
    return SignIn(**said)


def _server(values: Mapping[str, Any], text: str) -> ServerConfig:  # as TOML has them
    found = ServerConfig(**values)
    if bytes_of(found.memory) is None:
        raise ConfigError(
            f"'server.memory' is no size: '{found.memory}'",
            place=_line_of("memory", text),
            mend='Write it like memory = "2GB".',
        )
    return found


def _upkeep(values: Mapping[str, Any], text: str, *, zone: str) -> UpkeepConfig:  # as TOML has them
    key = "every"
    try:
        every = parse_every(values[key], zone=zone) if key in values else None
        key = "retention"
        retention = retention_of(values[key]) if key in values else None
        longer = {}
        for key, kept in values.get("longer", {}).items():
            longer[key] = retention_of(str(kept))
            if retention is None or longer[key] <= retention:
                raise ConfigError(
                    f"'{key}' is kept no longer than the rest: {kept}",
                    mend="A snapshot is of all tables: [upkeep] retention is how long any is kept, longer is for some.",
                )
    except ConfigError as error:
        error.place = _line_of(key, text)
        raise
    return UpkeepConfig(every=every, retention=retention, longer=longer)


def _found_values(columns: list[Any], text: str) -> tuple[str, ...]:  # as TOML has them
    for one in columns:
        if not isinstance(one, str) or not re.fullmatch(r"[^.]+\.[^.]+", one):
            raise ConfigError(
                f"'find.values' has to be a list of columns, which '{one}' is not",
                place=_line_of("values", text),
                mend='Write them as TABLE.COLUMN: values = ["orders.status"].',
            )
    return tuple(columns)


def _labels(values: Mapping[str, Any], table: str, text: str) -> dict[str, tuple[str, ...]]:  # as TOML has them
    found = {}
    for label, names in values.get(table, {}).items():
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise ConfigError(
                f"'{table}.{label}' has to be a list of assets",
                place=_line_of(label, text),
                mend=f'Write {label} = ["raw_orders", "crm_*"].',
            )
        found[label] = tuple(names)
    return found


def _zone(name: str, text: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"'{name}' is no time zone",
            place=_line_of("zone", text),
            mend='Use a name like zone = "Europe/Berlin" or "UTC".',
        ) from None
    return name


def _check(values: Mapping[str, Any], known: _Keys, text: str, *, where: str) -> None:
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"{FILE} has no setting '{where}{key}'",
                place=_line_of(key, text),
                mend=did_you_mean(key, known) or f"It has: {', '.join(known)}.",
            )
        if not _is(known[key], value):
            raise ConfigError(f"'{where}{key}' has to be {_FORMS[known[key]]}", place=_line_of(key, text))


def _is(form: type, value: Any) -> bool:  # as TOML has them
    if form is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, form)


def _line_of(key: str, text: str) -> Place:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[?[\w.]*\b{re.escape(key)}\b", line):
            return Place(file=FILE, line=number)
    return Place(file=FILE)
