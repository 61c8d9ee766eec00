from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

import pumphouse as ph
from pumphouse.errors import ConfigError, SourceError
from pumphouse.questions import choice, choices, date, matrix, number, rating, text, yes_no
from pumphouse.server.answers import AnswerCheck
from pumphouse.sources.surveys.imports.taking import Imported, take

ASKED = ph.survey(
    questions=[
        choice("reason", "Why do you leave?", {"price": "The prices", "moved": "I moved"}, other=True, required=True),
        choices("bought", "What did you buy?", {"rock": "Rock, hard", "jazz": "Jazz", "folk": "Folk"}, other=True),
        rating("recommend", "Would you recommend us?", 0, 10),
        yes_no("may_contact", "May we write?"),
        number("visits", "How often?", least=0),
        date("moved_on", "When did you move?"),
        matrix("content", "How content were you", {"price": "With prices", "speed": "With speed"}, ["good", "bad"]),
        text("better", "What should be better?", if_="{recommend} < 7"),
    ]
)
BOTH = {"price": "good", "speed": "bad"}
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def check() -> Iterator[AnswerCheck]:
    with closing(AnswerCheck()) as made:
        yield made


@pytest.fixture
def importing(surveys: Callable[..., Any], check: AnswerCheck, tmp_path: Path) -> Any:
    asked = surveys(ASKED)

    def run(content: str | bytes | Path, name: str = "paper.csv", **told: Any) -> Imported:
        file = content if isinstance(content, Path) else tmp_path / name
        if not isinstance(content, Path):
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        given: dict[str, Any] = {"mode": "import", "by": "ann", "on": None, "zone": BERLIN, "names": {}, "times": None}
        return take(asked.lake, "exit", asked.asset.spec.text, file, check=check.check, **(given | told))

    run.asked = asked  # type: ignore[attr-defined]
    return run


def stored(importing: Any) -> list[dict[str, Any]]:
    events = importing.asked.lake.state.events("survey/exit")
    return [json.loads(event.body) for event in events]


def test_spreadsheet_of_paper_forms_is_kept_with_who_and_when(importing: Any, tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(["reason", "What did you buy?", "recommend", "may_contact", "visits", "moved_on", "content.price"])
    sheet.append(["I moved", "Rock, hard; Jazz", 7, "yes", 3, datetime(2026, 5, 3), "good"])  # noqa: DTZ001
    sheet.append(["price", None, 10, None, 0.5, None, None])
    book.save(tmp_path / "paper.xlsx")
    on = datetime(2026, 5, 4, tzinfo=BERLIN)
    came = importing(tmp_path / "paper.xlsx", mode="paper", on=on)
    assert (came.rows, came.taken, came.refused, came.kept_in) == (2, 2, (), None)
    first, second = stored(importing)
    assert first["answers"] == {
        "reason": "moved",
        "bought": ["rock", "jazz"],
        "recommend": 7,
        "may_contact": True,
        "visits": 3,
        "moved_on": "2026-05-03",
        "content": {"price": "good"},
    }
    assert (first["mode"], first["by"], first["marks"]) == ("paper", "ann", {"better": "hidden"})
    assert datetime.fromisoformat(first["given_at"]) == on
    assert second["marks"]["may_contact"] == "skipped"
    importing.asked.run()
    assert importing.asked.rows("answer_mode, typed_by, reason, bought, may_contact__why") == [
        ("paper", "ann", "moved", '["rock","jazz"]', None),
        ("paper", "ann", "price", None, "skipped"),
    ]


def test_same_file_again_adds_nothing_and_equal_forms_of_two_people_are_two(importing: Any) -> None:
    content = "reason,recommend\nprice,7\nprice,7\nmoved,9\n"
    assert importing(content).taken == 3
    again = importing(content)
    assert (again.taken, again.already) == (0, 3)
    longer = importing(content + "price,7\n", name="longer.csv")
    assert (longer.taken, longer.already) == (1, 3)


def test_row_that_does_not_hold_comes_back_with_the_reason_and_is_taken_once_mended(importing: Any) -> None:
    rows = "price;99;1;\n;3;1;\nmoved;4;often;\nmoved;4;1;3 May\nmoved;4;1;\n"
    came = importing("reason;recommend;visits;moved_on\n" + rows)
    assert (came.taken, [one.row for one in came.refused]) == (1, [2, 3, 4, 5])
    whys = [one.why for one in came.refused]
    assert whys == [
        "recommend: Choose one of the ratings.",
        "reason: Response required.",
        "visits: 'often' is no number",
        "moved_on: '3 May' is no day such as 2026-12-31",
    ]
    with came.kept_in.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["_row"], row["visits"], row["_why"]) for row in rows][2] == ("4", "often", whys[2])
    mended = came.kept_in.read_text().replace("often", "12").replace("99", "9").replace("3 May", "2026-05-03")
    again = importing(mended, name="mended.csv")
    assert (again.taken, len(again.refused)) == (3, 1)


def test_answer_to_a_question_that_the_form_would_not_ask_is_left_out_and_counted(importing: Any) -> None:
    came = importing("reason,recommend,better\nprice,9,everything\nprice,3,everything\n")
    assert (came.taken, came.dropped) == (2, 1)
    assert ["better" in one["answers"] for one in stored(importing)] == [False, True]


def test_words_of_ones_own_are_other(importing: Any) -> None:
    importing('reason,reason__comment,bought\nthe weather,,"Jazz, Polka"\nother,the noise,folk\n')
    assert [one["answers"] for one in stored(importing)] == [
        {"reason": "other", "reason-Comment": "the weather", "bought": ["jazz", "other"], "bought-Comment": "Polka"},
        {"reason": "other", "reason-Comment": "the noise", "bought": ["folk"]},
    ]


def test_header_that_no_question_has_is_named_and_can_be_mapped_or_left_out(importing: Any) -> None:
    content = "Reason?,Note,recommend\nprice,ok,7\n"
    with pytest.raises(SourceError, match=r"'Reason\?', 'Note'") as refused:
        importing(content)
    assert "--map" in refused.value.mend
    assert importing(content, names={"Reason?": "reason", "Note": ""}).taken == 1


GOOGLE = (
    '"Timestamp","Why do you leave?","What did you buy?","How content were you [With prices]","May we write?"\n'
    '"2026/05/03 3:04:05 PM GMT+2","The prices","Rock, hard;Folk","bad","Yes"\n'
)
LIMESURVEY = (
    '"id";"submitdate";"lastpage";"startlanguage";"seed";"startdate";"reason";"reason[other]";"bought[rock]";"bought[jazz]";'
    '"bought[other]";"content[speed]"\n'
    '"4";"2026-05-03 15:04:05";"2";"en";"1";"2026-05-03 15:00:00";"-oth-";"noise";"Y";"";"polka";"good"\n'
    '"5";"";"1";"en";"1";"2026-05-03 15:00:00";"price";"";"";"";"";""\n'
)
VV = (
    "Response ID\tDate submitted\tWhy do you leave?\tRock\tJazz\tWhat should be better?\n"
    "id\tsubmitdate\treason\tbought_rock\tbought_jazz\tbetter\n"
    "4\t2026-05-03 15:04:05\tprice\t{question_not_shown}\tY\t{question_not_shown}\n"
)
TYPEFORM = (
    '#,Why do you leave?,"Rock, hard",Jazz,Folk,Other,May we write?,Start Date (UTC),Submit Date (UTC),Tags\n'
    "x1,I moved,,Jazz,,Polka,1,2026-05-03 13:00:00,2026-05-03 13:04:05,\n"
)
SURVEYMONKEY = (
    "Respondent ID,Collector ID,Start Date,End Date,Why do you leave?,,What did you buy?,,How content were you,\n"
    ',,,,Response,Other (please specify),"Rock, hard",Jazz,With prices,With speed\n'
    "11,2,05/03/2026 03:00:00 PM,05/03/2026 03:04:05 PM,I moved,,,Jazz,good,bad\n"
)
KOBO = (
    "start;end;about/reason;bought;bought/rock;bought/jazz;recommend;_id;_uuid;_submission_time;_submitted_by\n"
    "2026-05-03T15:00:00.000+02:00;2026-05-03T15:03:00.000+02:00;moved;rock jazz;1;1;7;9;u-1;2026-05-03T13:04:05;bob\n"
)


@pytest.mark.parametrize(
    ("tool", "content", "answers"),
    [
        (
            "Google Forms",
            GOOGLE,
            {"reason": "price", "bought": ["rock", "folk"], "content": {"price": "bad"}, "may_contact": True},
        ),
        (
            "LimeSurvey",
            LIMESURVEY,
            {
                "reason": "other",
                "reason-Comment": "noise",
                "bought": ["rock", "other"],
                "bought-Comment": "polka",
                "content": {"speed": "good"},
            },
        ),
        (
            "LimeSurvey",
            LIMESURVEY.replace('"Y";"";"polka"', '"";"Y";""'),
            {"reason": "other", "reason-Comment": "noise", "bought": ["jazz"], "content": {"speed": "good"}},
        ),
        ("LimeSurvey", VV, {"reason": "price", "bought": ["jazz"]}),
        (
            "Typeform",
            TYPEFORM,
            {"reason": "moved", "bought": ["jazz", "other"], "bought-Comment": "Polka", "may_contact": True},
        ),
        (
            "SurveyMonkey",
            SURVEYMONKEY,
            {"reason": "moved", "bought": ["jazz"], "content": BOTH},
        ),
        ("KoBo or ODK", KOBO, {"reason": "moved", "bought": ["rock", "jazz"], "recommend": 7}),
    ],
)
def test_export_of_another_tool_is_known_by_its_header(
    tool: str, content: str, answers: dict[str, Any], importing: Any
) -> None:
    came = importing(content)
    assert came.tool == tool
    assert came.taken == 1
    (event,) = stored(importing)
    assert event["answers"] == answers
    assert datetime.fromisoformat(event["given_at"]) == datetime(2026, 5, 3, 13, 4, 5, tzinfo=UTC)
    assert event["by"] == ("bob" if tool == "KoBo or ODK" else "ann")
    assert importing(content).taken == 0


def test_other_answers_under_an_id_that_was_taken_are_refused(importing: Any) -> None:
    importing(KOBO)
    came = importing(KOBO.replace(";7;", ";8;"))
    assert (came.taken, came.refused[0].why) == (0, "other answers were kept before under its id 'u-1'")


def test_time_that_can_be_read_in_two_ways_is_a_persons_choice(importing: Any) -> None:
    content = "Timestamp,reason\n5/3/2026 15:04:05,price\n"
    with pytest.raises(ConfigError, match="in more than one way"):
        importing(content)
    assert importing(content, times="%d/%m/%Y %H:%M:%S").taken == 1
    assert stored(importing)[0]["given_at"].startswith("2026-03-05T14:04:05")
    assert importing(content.replace("5/3", "15/3")).taken == 1
    assert importing(content, times="none").taken == 1


def test_withdrawn_answers_do_not_come_back_with_the_file(importing: Any) -> None:
    importing("reason\nprice\nmoved\n")
    asked = importing.asked
    first = asked.lake.state.events("survey/exit")[0].key
    asked.withdraw(first)
    asked.run()
    assert importing("reason\nprice\nmoved\n").already == 2
    asked.run()
    assert asked.rows("reason") == [("moved",)]


def test_table_of_ours_taken_out_and_in_again_is_what_it_was(importing: Any) -> None:
    importing("reason,bought,recommend\nprice,rock;jazz,7\n")
    importing.asked.run()
    ((id, reason, bought),) = importing.asked.rows("answer_id, reason, bought")
    quoted = bought.replace('"', '""')
    content = f'answer_id,reason,bought,recommend\n{id},{reason},"{quoted}",7\n'
    came = importing(content, name="own.csv")
    assert (came.taken, came.already) == (0, 1)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [("a.csv", "reason\n", "no rows"), ("a.xlsx", b"PK", "no spreadsheet"), ("a.csv", "", "no rows")],
)
def test_what_is_no_table_is_refused(name: str, content: Any, match: str, importing: Any) -> None:
    with pytest.raises(SourceError, match=match):
        importing(content, name=name)


def test_text_in_the_encoding_of_a_spreadsheet_program_is_read(importing: Any) -> None:
    importing("reason;better;recommend\nprice;größer;3\n".encode("cp1252"))
    importing("reason\tbetter\trecommend\nprice\tschöner\t3\n".encode("utf-16"), name="b.csv")
    assert [one["answers"]["better"] for one in stored(importing)] == ["größer", "schöner"]


def test_cell_that_a_spreadsheet_would_run_is_quoted_in_the_refused_rows_and_itself_when_mended(importing: Any) -> None:
    came = importing("reason,recommend,better\nprice,99,=1+1\n")
    assert ",'=1+1," in came.kept_in.read_text()
    assert importing(came.kept_in.read_text().replace("99", "3"), name="mended.csv").taken == 1
    assert stored(importing)[0]["answers"]["better"] == "=1+1"
