"""Opening a project, where it lies or where it is served."""

from __future__ import annotations

import os
from typing import overload

from pumphouse.errors import ConfigError
from pumphouse.project.project import Project, open_project
from pumphouse_client.connections import Connection, connect


@overload
def open_anywhere(where: str | os.PathLike[str] = ".", *, env: str | None = None) -> Project: ...
@overload
def open_anywhere(where: str, *, token: str | None) -> Connection: ...
def open_anywhere(
    where: str | os.PathLike[str] = ".", *, env: str | None = None, token: str | None = None
) -> Project | Connection:
    """The project in a folder, in one environment, or its tables at its server's address.

    Nothing is read but `pumphouse.toml` until it is needed. Tables and queries are the same objects for both; a
    `Connection` has only those, and `pumphouse_client.connect` says what else it takes. Raises ConfigError where there
    is no project.

    For example:

        p = ph.open("shop")
        p.run("orders")
        p["orders"].to_polars()
    """
    text = os.fspath(where)
    if not text.startswith(("http://", "https://")):
        if token is not None:
            raise ConfigError("a folder takes no token", mend="Leave it out, or open a server's address: https://...")
        return open_project(text, env=env)
    if env is not None:
        raise ConfigError("a server has one environment, its own", mend="Leave out env=.")
    return connect(text, token=token)
