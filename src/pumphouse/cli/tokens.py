"""`token make`, `token list`, `token revoke`: who may come in through the server, for what, and until when."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Literal

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_text
from pumphouse.errors import ConfigError, UnknownName, did_you_mean
from pumphouse.lake.tokens import LASTS
from pumphouse.project.project import Project

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def make(
    who: str,
    /,
    *,
    scope: Literal["all", "read", "predict", "update", "interview"] = "read",
    tables: str | None = None,
    expires: str = f"{LASTS.days}d",
    json: bool = False,
    call: Call,
) -> None:
    """Make a token for a person or a program. It is shown once; the lake keeps only its hash.

    For example:

        pumphouse token make checkout --scope predict
        pumphouse token make bob --tables orders,customers --expires 30d

    Args:
        who: Whose it is; under this name the access log keeps what is read with it.
        scope: What it is good for: `read` tables, reports and searches, `predict`, `update` online stores, `interview`
            (typing in what others answered), or `all`.
        tables: The only tables that can be read with it, with commas between. It gives nobody more than they may see.
        expires: When it ends: hours, days or weeks from now, such as 12h, 30d or 8w, or `never`.
        json: Print it as JSON.
    """
    lasts = _lasts(expires)
    with open_project(call) as project:
        only = None if tables is None else _tables(project, tables)
        token = project.lake.state.tokens.make(who, scope=scope, tables=only, lasts=lasts)
    if json:
        print_json({"who": who, "scope": scope, "tables": only, "token": token})
    else:
        print_text(token)


def show(*, json: bool = False, call: Call) -> None:
    """List the tokens that are good: whose they are, what for, until when, and when each was used last.

    The first column names a token for `pumphouse token revoke`; it is no part of the token.

    For example:

        pumphouse token list

    Args:
        json: Print them as JSON.
    """
    with open_project(call) as project:
        tokens = project.lake.state.tokens.good()
    if json:
        print_json(tokens)
    elif tokens:
        print_columns(
            [
                [
                    one.id,
                    one.who,
                    one.scope,
                    "signed in" if one.signed_in else "token",
                    f"until {_day(one.expires)}" if one.expires else "for ever",
                    f"used {_day(one.used)}" if one.used else "never used",
                    "all tables" if one.tables is None else ", ".join(one.tables),
                ]
                for one in tokens
            ]
        )
    else:
        print_text("Nobody has a token. Make one: pumphouse token make NAME")


def revoke(who: str, /, *, json: bool = False, call: Call) -> None:
    """Make a token, or all tokens of a person or a program, worthless; no server lets them in 5 seconds later.

    Whoever signed in through a browser is signed out.

    For example:

        pumphouse token revoke checkout
        pumphouse token revoke 1f0c93ab

    Args:
        who: Whose tokens, or the id of one, as `pumphouse token list` shows it.
        json: Print what was done as JSON.
    """
    with open_project(call) as project:
        tokens = project.lake.state.tokens
        count = tokens.revoke(who)
        if not count:
            known = [name for token in tokens.good() for name in (token.who, token.id)]
            raise UnknownName(
                f"nobody called '{who}' has a token", mend=did_you_mean(who, known) or "List them: pumphouse token list"
            )
    if json:
        print_json({"who": who, "revoked": count})
    else:
        print_text(f"{count} token{'s' if count != 1 else ''} of {who} revoked.")


def _lasts(text: str) -> timedelta | None:
    if text == "never":
        return None
    found = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if found is None or not int(found[1]):
        raise ConfigError(f"a token can't expire in '{text}'", mend="Say it like 12h, 30d or 8w, or never.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _tables(project: Project, text: str) -> tuple[str, ...]:
    known = {*project.graph.assets, *project.lake.versions()}
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    for name in names:
        if name not in known:
            raise UnknownName(f"there is no table '{name}'", asset=name, mend=did_you_mean(name, known) or None)
    return names


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
