"""`access`: who sees what, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_text
from pumphouse.declare.grants import EVERYONE, Grant
from pumphouse.lake.tokens import Token
from pumphouse.project.project import Project
from pumphouse.server.access.gate import Visitor, groups_of
from pumphouse.server.access.rights import Right, Rights

ALL_OTHERS = "all others"
"""Whoever may read and is named nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one person sees of one thing. `sees` is all, part or nothing."""

    asset: str
    kind: str
    who: str
    sees: str
    shown: tuple[str, ...]
    """What each grant shows, where it is a part."""
    why: str


def access(name: str | None = None, /, *, who: str | None = None, json: bool = False, call: Call) -> None:
    """Say who sees a table, a report or anything else, and why; without a name, all that not everybody sees in full.

    People are those who have a token, are in a group, or are named in a grant. Whoever has a token for some tables, or
    with another scope than `read`, is shown as if it were for reading everything.

    For example:

        pumphouse access
        pumphouse access orders
        pumphouse access orders --who ann

    Args:
        name: Of what.
        who: Only what this person sees.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        assets, config = project.graph.assets, project.config.access
        rights = Rights(assets, groups=config.groups, is_open=config.default == "open")
        people = _people(project, project.lake.state.tokens.good())
        if who is not None:
            people = {who: people.get(who, Visitor(who=who, scope="read", groups=groups_of(config.groups, who)))}
        else:
            people[ALL_OTHERS] = Visitor(who="", scope="read")
        names = [project.graph.asset(name).name] if name else [one for one in assets if rights.is_restricted(one)]
        found = [
            _sight(one, assets[one].kind, person, rights.of(visitor, one))
            for one in names
            if assets[one].kind != "grant"
            for person, visitor in people.items()
        ]
    if json:
        print_json(found)
    elif not found:
        print_text(
            'Nothing is restricted: whoever may read sees all. ph.grant("TABLE", to=[...]) says who sees a table.'
        )
    else:
        _print(found)


def _people(project: Project, tokens: tuple[Token, ...]) -> dict[str, Visitor]:
    groups = project.config.access.groups
    named = {one for asset in project.graph.assets.values() if asset.kind == "grant" for one in asset.spec.to}
    names = {token.who for token in tokens} | {one for people in groups.values() for one in people}
    names |= named - groups.keys() - {EVERYONE}
    signed_in: dict[str, set[str]] = {}
    for token in tokens:
        signed_in.setdefault(token.who, set()).update(token.groups)
    owners = {token.who for token in tokens if token.scope == "all"}
    return {
        one: Visitor(
            who=one,
            scope="all" if one in owners else "read",
            groups=groups_of(groups, one) | signed_in.get(one, set()),
        )
        for one in sorted(names)
    }


def _sight(name: str, kind: str, who: str, right: Right) -> Sight:
    sees = "all" if right.is_whole else "nothing" if right.is_nothing else "part"
    shown = tuple(" ".join(_shown(grant)) for grant in right.grants or ())
    return Sight(asset=name, kind=kind, who=who, sees=sees, shown=shown, why=right.why)


def _shown(grant: Grant) -> Iterator[str]:
    yield ", ".join(grant.columns) if grant.columns is not None else "all columns"
    if grant.masks:
        yield "with " + ", ".join(f"{mask.column} as {mask.said}" for mask in grant.masks)
    if grant.rows is not None:
        yield f"where {' '.join(grant.rows.split())}"


def _print(found: list[Sight]) -> None:
    for number, asset in enumerate(dict.fromkeys(one.asset for one in found)):
        of_it = [one for one in found if one.asset == asset]
        print_text(f"{chr(10) if number else ''}{asset} ({of_it[0].kind})")
        print_columns([[f"  {one.who}", "; ".join(one.shown) or one.sees, one.why] for one in of_it])
