"""`survey import`: answers given on paper or to another tool, each checked by the form's own rules."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, print_text
from pumphouse.errors import ConfigError
from pumphouse.server.answers import AnswerCheck
from pumphouse.sources.surveys.imports.taking import Imported, take
from pumphouse.sources.surveys.questions import read_survey

REFUSED_SHOWN = 20


def import_(
    survey: str,
    file: Path,
    /,
    *,
    by: str,
    on: str | None = None,
    mode: Literal["import", "paper", "interview"] = "import",
    map: Annotated[
        tuple[str, ...], Parameter(metavar="HEADER=QUESTION", consume_multiple=False, show_default=False)
    ] = (),
    times: str | None = None,
    json: bool = False,
    call: Call,
) -> None:
    """Take answers from a spreadsheet (CSV, xlsx, ods), or from an export of another survey tool.

    Headers are questions, by name or title; cells are choices, by code or label. Exports of Google Forms, LimeSurvey
    (CSV and VV), Typeform, SurveyMonkey, KoBo and ODK are known by their headers. A row that does not hold is written
    to FILE.refused.csv with the reason; what was taken before is not taken again.

    For example:

        pumphouse survey import exit_survey forms.xlsx --by ann --on 2026-05-03
        pumphouse survey import exit_survey google.csv --by ann --map 'Note='

    Args:
        survey: Name of the survey.
        file: The file; of a spreadsheet, the first sheet.
        by: Who typed the answers in, where the file does not say.
        on: The day or moment at which they were given, where the file does not say; in the project's time zone.
        mode: How they were given.
        map: What a header means where it is no name and no title of a question; nothing after = leaves it out.
        times: The form of times in the file, such as "%d/%m/%Y %H:%M:%S"; "none" leaves them out.
        json: Print what came of it as JSON.
    """
    wrong = [one for one in map if "=" not in one]
    if wrong:
        raise ConfigError(f"--map {wrong[0]!r} has no =", mend="Write --map 'Header in the file=question'.")
    names = {header: question for header, _, question in (one.rpartition("=") for one in map)}
    with open_project(call) as project, closing(AnswerCheck()) as check:
        asset = project.asset(survey, kind="survey")
        zone = ZoneInfo(project.config.zone)
        came = take(
            project.lake,
            asset.name,
            read_survey(asset, project.config.folder),
            file,
            check=check.check,
            mode=mode,
            by=by,
            on=_moment(on, zone),
            zone=zone,
            names=names,
            times=times,
        )
    if json:
        refused = [{"row": one.row, "why": one.why} for one in came.refused]
        print_json(
            {
                "survey": survey, "tool": came.tool, "rows": came.rows, "taken": came.taken, "already": came.already,
                "dropped": came.dropped, "refused": refused, "kept_in": str(came.kept_in) if came.kept_in else None,
            }
        )  # fmt: skip
    else:
        print_text("\n".join(_lines(came)))


def _lines(came: Imported) -> list[str]:
    said = [f"{came.taken:,} taken", f"{came.already:,} here already", f"{len(came.refused):,} refused"]
    lines = [f"{came.rows:,} rows of a {came.tool} file: {', '.join(said)}".replace("a table file", "the file")]
    if came.dropped:
        lines.append(f"{came.dropped:,} answers were left out: the form would not have asked those questions")
    lines += [f"  row {one.row}: {one.why}" for one in came.refused[:REFUSED_SHOWN]]
    if len(came.refused) > REFUSED_SHOWN:
        lines.append(f"  and {len(came.refused) - REFUSED_SHOWN:,} more")
    if came.kept_in:
        lines.append(f"They stand in {came.kept_in}; mend them there, and import that.")
    return lines


def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--on {text!r} is no day or moment", mend="Write --on 2026-05-03.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
