"""`survey invite`, `survey show`: who is asked by a link of their own, and how far a survey has come."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_text
from pumphouse.clients.address import LOCAL
from pumphouse.errors import ConfigError
from pumphouse.sources.surveys.events import WITHDRAWN
from pumphouse.sources.surveys.invitations import invite as invite_people
from pumphouse.sources.surveys.invitations import invited
from pumphouse.sources.surveys.kept import stream_of

LINKS_MAX = 100_000
LINK = "link"


def invite(
    survey: str,
    /,
    *,
    count: Annotated[int | None, Parameter(metavar="N")] = None,
    to: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    at: Annotated[str, Parameter(metavar="URL")] = LOCAL,
    json: bool = False,
    call: Call,
) -> None:
    """Make links to a survey, one for each person, each good for one answer. They are shown once.

    Only a hash of each is kept. A link may be opened often, also on another device, until answers are sent by it.
    What stands behind its # is sent to no server but in the answers themselves, so no log has it.

    For example:

        pumphouse survey invite exit_survey --count 50 > links.txt
        pumphouse survey invite exit_survey --to people.csv > mails.csv

    Args:
        survey: Name of the survey.
        count: How many links, for nobody in particular.
        to: CSV file with a header and a line for each person: it comes back with a column `link`. The lake keeps who
            was invited, and each answer says which invitation brought it.
        at: Address at which people reach the server.
        json: Print them as JSON.
    """
    if (count is None) == (to is None):
        raise ConfigError("say how many links, or for whom", mend="Give --count 50, or --to people.csv.")
    people: list[dict[str, str]] = _people(to) if to else [{} for _ in range(count or 0)]
    if not 0 < len(people) <= LINKS_MAX:
        raise ConfigError(f"{len(people):,} links are asked for", mend=f"From 1 to {LINKS_MAX:,} are made at once.")
    with open_project(call) as project:
        name = project.asset(survey, kind="survey").name
        keys = invite_people(project.lake.state, name, people)
    links = [f"{at.rstrip('/')}/surveys/{name}#{key}" for key in keys]
    rows = [{**person, LINK: link} for person, link in zip(people, links, strict=True)]
    if json:
        print_json(rows)
    elif to:
        text = io.StringIO()
        writer = csv.DictWriter(text, [*people[0], LINK], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        print_text(text.getvalue().rstrip("\n"))
    else:
        print_text("\n".join(links))


def show(survey: str, /, *, json: bool = False, call: Call) -> None:
    """Show how many have answered a survey, how many took their answers back, and who was invited and has not answered.

    For example:

        pumphouse survey show exit_survey

    Args:
        survey: Name of the survey.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        asset = project.asset(survey, kind="survey")
        state = project.lake.state
        answers, withdrawn = state.counted(stream_of(asset.name), ending=WITHDRAWN)
        people = invited(state, asset.name)
    waiting = [{"id": one.id, "invited": event.at, **one.to} for event, one, is_answered in people if not is_answered]
    spec = asset.spec
    told = {
        "survey": asset.name,
        "access": spec.access,
        "closes": spec.closes,
        "quota": spec.quota,
        "answers": answers - withdrawn,
        "withdrawn": withdrawn,
        "invited": len(people),
        "waiting": waiting,
    }
    if json:
        print_json(told)
        return
    rows = [[name, f"{value:,}" if isinstance(value, int) else value] for name, value in told.items() if value]
    print_columns([row for row in rows if row[0] not in ("survey", "waiting")])
    if any(one.keys() - {"id", "invited"} for one in waiting):
        print_text("Invited, and not answered yet:")
        print_columns([[str(value) for name, value in one.items() if name not in ("id", "invited")] for one in waiting])


def _people(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            people = [{name: value or "" for name, value in row.items() if name} for row in reader]
            names = reader.fieldnames or []
    except (OSError, UnicodeError, csv.Error) as error:
        raise ConfigError(f"{file} can't be read: {error}", mend="It is a CSV file in UTF-8 with a header.") from error
    if LINK in names:
        raise ConfigError(f"{file} has a column '{LINK}' already", mend="Give the list as it was before.")
    return people
