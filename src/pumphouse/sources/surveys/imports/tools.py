"""What a table of answers came from, told by its header, and the same in one form: rows with who and when.

Sources: the header rows that Google Forms, LimeSurvey (CSV, and VV of its `export_helper`), Typeform, SurveyMonkey,
KoBo and ODK write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import zip_longest

from pumphouse.errors import ConfigError, SourceError

NOT_SHOWN = "{question_not_shown}"
_VV = {"{newline}": "\n", "{cr}": "\r", "{tab}": "\t", "{quote}": '"', "{lbrace}": "{"}
"""How VV writes what would break a line; the brace is read back last."""
NAME_OF_ROW, REASON = "_row", "_why"
"""Columns of a file of refused rows, which is imported again once it is mended."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
LIMESURVEY_OTHER = "-oth-"
SPREADSHEET_FORMATS = ("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """How one tool's table is read. Headers are compared in lower case."""

    name: str
    id: tuple[str, ...] = ()
    given_at: tuple[str, ...] = ()
    began_at: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    formats: tuple[str, ...] = ()
    """Forms of its moments beside ISO 8601."""
    is_utc: bool = False
    needs_end: bool = False
    """Whether a row without `given_at` was never sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One person's answers: the cells by the number of their header."""

    number: int
    """Of its line or row in the file, the first being 1."""
    cells: tuple[str, ...]
    id: str = ""
    given_at: str = ""
    began_at: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Answers as one form. `headers` has (header, part of it) for each cell; ("", "") is left alone."""

    tool: Tool
    headers: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    original: tuple[tuple[str, ...], ...]
    """The rows of the header, as the file has them."""


PLAIN = Tool(
    name="table",
    id=("answer_id",),
    given_at=("answered_at",),
    began_at=("began_at",),
    by=("typed_by",),
    ignored=frozenset({NAME_OF_ROW, REASON, "survey_version", "answer_mode", "invitation_id", "consent_version"}),
)
GOOGLE = Tool(
    name="Google Forms",
    given_at=("timestamp",),
    ignored=frozenset({"username", "email address", "score"}),
    formats=("%Y/%m/%d %I:%M:%S %p %Z%z", *SPREADSHEET_FORMATS),
)
LIMESURVEY = Tool(
    name="LimeSurvey",
    id=("id", "response id"),
    given_at=("submitdate", "date submitted"),
    began_at=("startdate", "date started"),
    ignored=frozenset(
        "token|lastpage|last page|startlanguage|start language|seed|datestamp|date last action|ipaddr|ip address|refurl"
        "|referrer url".split("|")
    ),
    needs_end=True,
)
TYPEFORM = Tool(
    name="Typeform",
    id=("#",),
    given_at=("submit date (utc)",),
    began_at=("start date (utc)",),
    ignored=frozenset({"response type", "stage date (utc)", "network id", "tags", "ending", "score"}),
    is_utc=True,
)
SURVEYMONKEY = Tool(
    name="SurveyMonkey",
    id=("respondent id",),
    given_at=("end date",),
    began_at=("start date",),
    ignored=frozenset(
        "collector id|date created|date modified|ip address|email address|first name|last name|custom data 1".split("|")
    ),
    formats=("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S"),
)
KOBO = Tool(
    name="KoBo or ODK",
    id=("_uuid", "meta/instanceid", "meta-instanceid", "key"),
    given_at=("_submission_time", "submissiondate"),
    began_at=("start",),
    by=("_submitted_by", "submittername", "username"),
    ignored=frozenset(
        "end|today|deviceid|subscriberid|simserial|phonenumber|__version__|formhub/uuid|meta/rootuuid|meta/instancename"
        "|meta-instancename|instanceid|instancename|submitterid|attachmentspresent|attachmentsexpected|status"
        "|reviewstate|edits|formversion|meta/deprecatedid".split("|")
    ),
    is_utc=True,
)


def table_of(rows: Sequence[Sequence[str]]) -> Table:
    """The answers that rows of a file hold. Raises SourceError where there is no header with rows below it."""
    if len(rows) < 2:
        raise SourceError("the file has no rows below a header", mend="Its first row names the questions.")
    first = [cell.casefold() for cell in rows[0]]
    second = [cell.casefold() for cell in rows[1]]
    if {"id", "submitdate"} <= set(second) and len(rows) > 2:
        decoded = [[_decoded(cell) for cell in row] for row in rows[2:]]
        return _table(LIMESURVEY, [(cell, "") for cell in rows[1]], decoded, rows[:2])
    if first[0] == "respondent id" and "collector id" in first:
        return _table(SURVEYMONKEY, _below(rows[0], rows[1]), rows[2:], rows[:2])
    return _table(_tool(set(first), first[0]), [(cell, "") for cell in rows[0]], rows[1:], rows[:1])


def moments(texts: Iterable[str], tool: Tool, *, zone: tzinfo, form: str | None) -> dict[str, datetime | None]:
    """What moments a column's texts say, all of them in one form. None where a text is empty.

    Raises ConfigError where they can be read in two ways, or in none.
    """
    wanted = sorted({text for text in texts if text})
    here: tzinfo = UTC if tool.is_utc else zone
    readings: dict[tuple[datetime, ...], dict[str, datetime | None]] = {}
    for one in (form,) if form else (None, *tool.formats):
        try:
            found = {text: _moment(text, one, here) for text in wanted}
        except ValueError:
            continue
        readings.setdefault(tuple(found.values()), dict(found))
    if len(readings) == 1 or not wanted:
        return {"": None, **(next(iter(readings.values())) if readings else {})}
    said = "in more than one way" if readings else "as no moment"
    raise ConfigError(
        f"the times of answers can be read {said}: {wanted[0]!r}",
        mend='Say their form: --times "%d/%m/%Y %H:%M:%S", or leave them out: --times none',
    )


def _moment(text: str, form: str | None, zone: tzinfo) -> datetime:
    if form is None:
        moment = datetime.fromisoformat(text)
    elif "%Z%z" in form:  # 2026/05/03 3:04:05 PM GMT+2
        clock, _, offset = text.rpartition(" ")
        sign, hours = (offset[3:4] or "+"), (offset[4:] or "0").partition(":")
        if not offset.startswith(("GMT", "UTC")):
            raise ValueError(text)
        with_offset = f"{clock} {sign}{int(hours[0]):02}{int(hours[2] or 0):02}"
        moment = datetime.strptime(with_offset, form.replace("%Z%z", "%z"))  # noqa: DTZ007  # it has one
    else:
        moment = datetime.strptime(text, form)  # noqa: DTZ007  # the zone is put in below
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _tool(headers: set[str], first: str) -> Tool:
    if first == "#" and headers & {"submit date (utc)", "start date (utc)"}:
        return TYPEFORM
    if headers & {"_uuid", "meta/instanceid", "meta-instanceid"}:
        return KOBO
    if "submitdate" in headers or {"response id", "date submitted"} <= headers:
        return LIMESURVEY
    return GOOGLE if first == "timestamp" else PLAIN


def _table(
    tool: Tool,
    headers: Sequence[tuple[str, str]],
    rows: Iterable[Sequence[str]],
    original: Sequence[Sequence[str]],
) -> Table:
    names = [header.casefold() for header, _ in headers]
    places = {
        one: next((names.index(name) for name in getattr(tool, one) if name in names), None)
        for one in ("id", "given_at", "began_at", "by")
    }
    own = {*tool.id, *tool.given_at, *tool.began_at, *tool.by, *tool.ignored, NAME_OF_ROW, REASON}
    is_ours = REASON in names
    kept = tuple(("", "") if _is_own(name, tool, own) else header for name, header in zip(names, headers, strict=True))
    made = []
    for number, cells in enumerate(rows, start=len(original) + 1):
        padded = [*cells[: len(headers)], *[""] * (len(headers) - len(cells))]
        full = tuple(_meant(cell, tool, is_ours=is_ours) for cell in padded)
        told = {one: full[place] if place is not None else "" for one, place in places.items()}
        row = Row(
            number=number,
            cells=full,
            id=told["id"],
            given_at=told["given_at"],
            began_at=told["began_at"],
            by=told["by"],
        )
        made.append(row)
    return Table(tool=tool, headers=kept, rows=tuple(made), original=tuple(map(tuple, original)))


def _meant(cell: str, tool: Tool, *, is_ours: bool) -> str:
    """A cell without what was put before it so that no spreadsheet runs it, and with our code for "other"."""
    if is_ours and cell[:1] == "'" and cell[1:].startswith(FORMULA_STARTS):
        return cell[1:]
    return "other" if tool is LIMESURVEY and cell == LIMESURVEY_OTHER else cell


def _is_own(name: str, tool: Tool, own: set[str]) -> bool:
    return name in own or (tool is KOBO and name.startswith(("_", "meta/")))


def _below(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    """Headers of two rows: a question stands once, above its first column."""
    found: list[tuple[str, str]] = []
    question = ""
    for header, part in zip_longest(first, second, fillvalue=""):
        question = header or question
        found.append((question, "" if part.casefold() in ("response", "open-ended response") else part))
    return found


def _decoded(cell: str) -> str:
    if cell == NOT_SHOWN:
        return ""
    for written, meant in _VV.items():
        cell = cell.replace(written, meant)
    return cell


def by_name(headers: Iterable[tuple[str, str]], names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers with those that somebody gave another name: a question, or nothing to leave them alone."""
    return tuple((names[header], part) if header in names else (header, part) for header, part in headers)
