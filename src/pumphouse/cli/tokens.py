"""`token make`, `token list`, `token revoke`: who may come in through the server, and for what."""

from __future__ import annotations

from typing import Literal

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_text
from pumphouse.errors import UnknownName, did_you_mean


def make(
    who: str,
    /,
    *,
    scope: Literal["all", "read", "predict", "update", "interview"] = "read",
    json: bool = False,
    call: Call,
) -> None:
    """Make a token for a person or a program. It is shown once; the lake keeps only its hash.

    For example:

        pumphouse token make checkout --scope predict

    Args:
        who: Whose it is; under this name the access log keeps what is read with it.
        scope: What it is good for: `read` tables, reports and searches, `predict`, `update` online stores, `interview`
            (typing in what others answered), or `all`.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        token = project.lake.state.make_token(who, scope=scope)
    if json:
        print_json({"who": who, "scope": scope, "token": token})
    else:
        print_text(token)


def show(*, json: bool = False, call: Call) -> None:
    """List who has a token, and what it is good for.

    For example:

        pumphouse token list

    Args:
        json: Print them as JSON.
    """
    with open_project(call) as project:
        people = project.lake.state.people()
    if json:
        print_json(people)
    elif people:
        print_columns([[person.who, person.scope] for person in people])
    else:
        print_text("Nobody has a token. Make one: pumphouse token make NAME")


def revoke(who: str, /, *, json: bool = False, call: Call) -> None:
    """Make all tokens of a person or a program worthless, at once.

    For example:

        pumphouse token revoke checkout

    Args:
        who: Whose tokens.
        json: Print what was done as JSON.
    """
    with open_project(call) as project:
        state = project.lake.state
        count = state.revoke(who)
        if not count:
            known = [person.who for person in state.people()]
            raise UnknownName(
                f"nobody called '{who}' has a token", mend=did_you_mean(who, known) or "List them: pumphouse token list"
            )
    if json:
        print_json({"who": who, "revoked": count})
    else:
        print_text(f"{count} token{'s' if count != 1 else ''} of {who} revoked.")
