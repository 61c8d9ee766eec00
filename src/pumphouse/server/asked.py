"""What the address of rows says: columns, a condition, an order, how many, at which snapshot; and SQL of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from pumphouse.engines.parameters import quoted
from pumphouse.errors import BadRequest, UnknownName, did_you_mean
from pumphouse.server.access.policies import Policy
from pumphouse.server.formats.chosen import compression_of
from pumphouse.server.formats.form import Options
from pumphouse.server.replies import number_of

NUMBER_MAX = 2**62
OF_A_FORMAT = ("compression", "text", "encoding")
OF_A_TABLE = ("select", "where", "order", "limit", "offset", "snapshot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which rows of a table somebody wants."""

    select: Sequence[str] = ()
    where: str = ""
    order: Sequence[str] = ()
    limit: int | None = None
    offset: int | None = None
    snapshot: int | None = None

    def sql(self, policy: Policy, condition: str | None) -> str:
        """The query. Raises UnknownName for a column that is not there for them."""
        known = (*policy.columns, *policy.own)
        columns = [_column(name, known, policy) for name in self.select or policy.columns]
        text = f"SELECT {', '.join(columns)} FROM {quoted(policy.table)}"
        if condition is not None:
            text += f" WHERE {condition}"
        if self.order:
            text += f" ORDER BY {', '.join(_ordered(name, known, policy) for name in self.order)}"
        if self.limit is not None:
            text += f" LIMIT {self.limit}"
        if self.offset is not None:
            text += f" OFFSET {self.offset}"
        return text


def asked_of(parameters: QueryParams, *, limit: int | None) -> Asked:
    """What an address says, `limit` where it says none. Raises BadRequest for what can't be read."""
    limited = number_of(parameters, "limit", most=NUMBER_MAX)
    return Asked(
        select=tuple(dict.fromkeys(_names(parameters, "select"))),
        where=parameters.get("where", "").strip(),
        order=_names(parameters, "order"),
        limit=limit if limited is None else limited,
        offset=number_of(parameters, "offset", most=NUMBER_MAX),
        snapshot=number_of(parameters, "snapshot", most=NUMBER_MAX),
    )


def options_of(parameters: QueryParams, compression: str | None = None) -> Options:
    """How the address wants its format. Raises BadRequest for what there is not."""
    if "compression" in parameters:
        compression = compression_of(parameters["compression"])
    return Options(
        compression=compression,
        exact=_one_of(parameters, "text", ("safe", "exact")) == "exact",
        mark=_one_of(parameters, "encoding", ("utf-8", "utf-8-sig")) == "utf-8-sig",
    )


def only(parameters: QueryParams, known: Sequence[str]) -> None:
    """Raise BadRequest where the address has a parameter that means nothing, or one twice."""
    names = [name for name, _ in parameters.multi_items()]
    for name in names:
        if name not in known:
            mend = did_you_mean(name, known) or f"There are {', '.join(known)}."
            raise BadRequest(f"there is no parameter '{name[:40]}'", mend=mend)
    if len(set(names)) < len(names):
        raise BadRequest("a parameter is given twice", mend="Give it once; several names are parted by commas.")


def _names(parameters: QueryParams, name: str) -> list[str]:
    """Names parted by commas; one that holds a comma stands between quotes."""
    text = parameters.get(name, "")
    try:
        found = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise BadRequest(f"{name} can't be read: {error}", mend=f'Write {name}=a,b or {name}="a,b",c.') from error
    return [one.strip() for one in found if one.strip()]


def _one_of(parameters: QueryParams, name: str, known: Sequence[str]) -> str:
    value = parameters.get(name, known[0])
    if value not in known:
        raise BadRequest(f"{name} is '{value[:40]}'", mend=f"It is {' or '.join(known)}.")
    return value


def _column(name: str, known: Sequence[str], policy: Policy) -> str:
    if name not in known:
        mend = did_you_mean(name, policy.columns) or f"It has {', '.join(policy.columns)}."
        raise UnknownName(f"'{policy.table}' has no column '{name[:100]}'", asset=policy.table, mend=mend)
    return quoted(name)


def _ordered(name: str, known: Sequence[str], policy: Policy) -> str:
    if name.startswith("-") and name not in known:
        return f"{_column(name[1:], known, policy)} DESC NULLS LAST"
    return f"{_column(name, known, policy)} NULLS LAST"
