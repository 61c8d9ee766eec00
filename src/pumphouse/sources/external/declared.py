"""What is wrong with the declaration of an external table, as far as that can be told without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pumphouse.declare.asset import Asset
from pumphouse.errors import Fault, did_you_mean
from pumphouse.sources.external.databases import SCANNERS

FILES = ("sqlite", "duckdb")
SECRET = "secret:"  # noqa: S105  # how a value begins that is kept elsewhere
PARTS_MAX = 2


def fault_of(asset: Asset, connections: Mapping[str, Mapping[str, Any]]) -> Fault | None:
    """The fault of an external table whose connections are declared so; None where it may be right."""
    what, mend = _wrong(asset, connections)
    return Fault(what=what, place=asset.place, mend=mend, asset=asset.name) if what else None


def _wrong(asset: Asset, connections: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    called, name = f"external table '{asset.name}'", asset.spec.connection
    if name is not None and name not in connections:
        mend = did_you_mean(name, connections) or f"Add [connections.{name}] with its url."
        return f"{called} is of connection '{name}', which pumphouse.toml does not have", mend
    if asset.spec.table is None:
        return "", ""
    parts = asset.spec.table.split(".")
    if len(parts) > PARTS_MAX or not all(parts):
        return f"{called} is '{asset.spec.table}', which names no table", "Write it with its schema: public.accounts"
    url = connections[name].get("url", "")
    if not isinstance(url, str) or url.startswith(SECRET):
        return "", ""  # what it is shows when it is read
    return _wrong_url(called, name, url)


def _wrong_url(called: str, name: str, url: str) -> tuple[str, str]:
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError:
        return f"{called} is of connection '{name}', whose url is none", "Write it as postgresql://USER@HOST/DATABASE."
    kind = address.scheme.partition("+")[0]
    if kind not in SCANNERS:
        what = f"{called} is of connection '{name}', a '{kind}', which can't be read where it is"
        return what, f"External tables are of {', '.join(SCANNERS)}; gather others with ph.database."
    if kind in FILES and (address.netloc or not address.path.startswith("/") or not address.path.strip("/")):
        what = f"{called} is of connection '{name}', whose url names no file"
        return what, f"It is {kind}:///shop.db, or {kind}:////data/shop.db."
    return "", ""
