from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumphouse.declare.asset import Asset, Common
from pumphouse.declare.surveys import Survey
from pumphouse.declare.tables import Check
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import CheckFailed, Place, SchemaChange, SourceError
from pumphouse.lake.context import Built, Context
from pumphouse.lake.lake import Lake, Location
from pumphouse.sources.surveys.build import build
from pumphouse.sources.surveys.kept import stream_of

SURVEY: dict[str, Any] = {
    "pages": [
        {
            "elements": [
                {"type": "radiogroup", "name": "reason", "choices": ["price", "other"], "showOtherItem": True},
                {"type": "rating", "name": "recommend"},
                {"type": "html", "name": "intro", "html": "<b>Hello</b>"},
                {
                    "type": "panel",
                    "name": "more",
                    "elements": [
                        {"type": "checkbox", "name": "bought", "choices": ["rock", "jazz"]},
                        {"type": "boolean", "name": "may_contact"},
                        {"type": "boolean", "name": "member", "valueTrue": "yes", "valueFalse": "no"},
                        {"type": "text", "name": "visits", "inputType": "number"},
                        {"type": "rating", "name": "mood", "rateValues": ["good", "bad"]},
                    ],
                },
                {
                    "type": "paneldynamic",
                    "name": "pets",
                    "templateElements": [{"type": "text", "name": "called"}],
                },
            ]
        }
    ]
}


class Asked:
    """A survey with its lake, and one run after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=1))
        self.assets: dict[str, Asset] = {}
        self.asset = self.declare("exit", "survey", Survey(path="exit.json"))
        self.now = datetime(2026, 11, 23, 6, tzinfo=UTC)
        self.change(SURVEY)

    def declare(self, name: str, kind: Any, spec: Any) -> Asset:
        self.assets[name] = Asset(name=name, kind=kind, spec=spec, common=Common(), place=Place(file="gather.py"))
        return self.assets[name]

    def change(self, survey: Any) -> None:
        (self.folder / "exit.json").write_text(json.dumps(survey), encoding="utf-8")

    def answer(self, key: str, answers: dict[str, Any], *, version: str = "v1") -> None:
        body = json.dumps({"version": version, "answers": answers, "dropped": 0})
        self.lake.state.append(stream_of("exit"), [(key, body)], at=self.now)

    def run(self, **changes: Any) -> Built:
        self.now += timedelta(hours=1)
        context = Context(
            lake=self.lake,
            engine=self.lake.engine.fork(),
            folder=self.folder,
            assets=self.assets,
            now=self.now,
            today=self.now.date(),
            run="run-1",
            actor="tester",
            snapshot=self.lake.snapshot(),
            **changes,
        )
        return build(self.asset, context)

    def rows(self, columns: str = "*", table: str = "exit") -> list[tuple[Any, ...]]:
        scan = self.lake.scan(table)
        shown = ", ".join(f'"{name}"' for name in scan.columns) if columns == "*" else columns
        return self.lake.engine.fork().execute(f"SELECT {shown} FROM ({scan.relation}) ORDER BY ALL")

    def types(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.lake.engine.fork().execute(f"DESCRIBE {self.lake.name_of('exit')}")}


@pytest.fixture
def asked(tmp_path: Path) -> Any:
    made = Asked(tmp_path)
    yield made
    made.lake.close()


def test_each_question_is_a_column_of_its_type_before_anybody_answered(asked: Asked) -> None:
    assert asked.run().snapshot is not None
    assert asked.types() == {
        "answer_id": "VARCHAR",
        "answered_at": "TIMESTAMP WITH TIME ZONE",
        "survey_version": "VARCHAR",
        "reason": "VARCHAR",
        "reason__comment": "VARCHAR",
        "recommend": "DOUBLE",
        "bought": "VARCHAR",
        "may_contact": "BOOLEAN",
        "member": "VARCHAR",
        "visits": "DOUBLE",
        "mood": "VARCHAR",
        "pets": "VARCHAR",
        "reason__why": "VARCHAR",
        "recommend__why": "VARCHAR",
        "bought__why": "VARCHAR",
        "may_contact__why": "VARCHAR",
        "member__why": "VARCHAR",
        "visits__why": "VARCHAR",
        "mood__why": "VARCHAR",
        "pets__why": "VARCHAR",
        "_loaded_at": "TIMESTAMP WITH TIME ZONE",
        "_raw": "VARCHAR",
        "_known_at": "TIMESTAMP WITH TIME ZONE",
    }


def test_answers_become_rows(asked: Asked) -> None:
    answered_at = asked.now
    asked.answer(
        "first",
        {
            "reason": "other",
            "reason-Comment": "moved",
            "recommend": 7,
            "bought": ["rock", "jazz"],
            "may_contact": True,
            "pets": [{"called": "Rex"}],
        },
    )
    built = asked.run()
    assert (built.counts.rows_in, built.counts.rows_out) == (1, 1)
    assert asked.rows("answer_id, answered_at, survey_version, reason, reason__comment, recommend, may_contact") == [
        ("first", answered_at, "v1", "other", "moved", 7.0, True)
    ]
    ((bought, pets, visits),) = asked.rows("bought, pets, visits")
    assert (json.loads(bought), json.loads(pets), visits) == (["rock", "jazz"], [{"called": "Rex"}], None)
    ((loaded, known, raw),) = asked.rows("_loaded_at, _known_at, _raw")
    assert loaded == known == asked.now
    assert b"moved" in asked.lake.blobs.get(raw)


def test_only_what_arrived_since_is_added_and_nothing_new_is_nothing_done(asked: Asked) -> None:
    asked.answer("first", {"reason": "price"})
    first = asked.run()
    assert asked.run().snapshot is None
    asked.answer("second", {"reason": "price"})
    second = asked.run()
    assert first.snapshot is not None
    assert second.snapshot is not None
    assert second.counts.rows_in == 1
    assert [row[0] for row in asked.rows("answer_id")] == ["first", "second"]
    assert asked.lake.builds()["exit"].cursor == asked.lake.state.events(stream_of("exit"))[-1].seq


def test_rebuild_from_stored_answers_gives_the_same_table(asked: Asked) -> None:
    for number in range(3):
        asked.answer(f"answer-{number}", {"recommend": number, "reason-Comment": "<b>=1+1</b>"})
        asked.run()
    before = asked.rows()
    for mode in ("full", "refetch"):
        asked.run(mode=mode)
        assert asked.rows() == before
    asked.answer("answer-3", {"recommend": 3})
    asked.run()
    assert len(asked.rows()) == 4


def test_many_answers_come_in_batches_each_stored_first(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pumphouse.sources.surveys.kept.EVENTS_PER_BATCH", 3)
    for number in range(8):
        asked.answer(f"answer-{number}", {"recommend": number})
    done: list[int] = []
    assert asked.run(progress=done.append).counts.rows_in == 8
    assert done == [3, 6, 8]
    assert len({row[0] for row in asked.rows("_raw")}) == 3


def test_new_question_adds_a_column_and_a_removed_one_keeps_its_own(asked: Asked) -> None:
    asked.answer("first", {"reason": "price", "recommend": 3})
    asked.run()
    asked.change({"elements": [{"type": "comment", "name": "better"}, {"type": "rating", "name": "recommend"}]})
    asked.answer("second", {"better": "more jazz", "recommend": 5}, version="v2")
    asked.answer("late", {"reason": "price"}, version="v1")
    asked.run()
    assert asked.rows("answer_id, survey_version, reason, better, recommend") == [
        ("first", "v1", "price", None, 3.0),
        ("late", "v1", "price", None, None),
        ("second", "v2", None, "more jazz", 5.0),
    ]


def test_question_of_another_type_is_a_persons_choice(asked: Asked) -> None:
    asked.answer("first", {"recommend": 3})
    asked.run()
    asked.change({"elements": [{"type": "comment", "name": "recommend"}]})
    asked.answer("second", {"recommend": "very"})
    with pytest.raises(SchemaChange, match="recommend"):
        asked.run()
    assert [row[0] for row in asked.rows("answer_id")] == ["first"]
    asked.change(SURVEY)
    assert asked.run().counts.quarantined == 1  # the answer came, its column can't hold it


def test_what_a_column_cannot_hold_is_kept_with_the_reason(asked: Asked) -> None:
    asked.answer("first", {"recommend": "a lot", "may_contact": "yes", "never_asked": {"a": 1}, "reason": "price"})
    built = asked.run()
    assert built.counts.quarantined == 3
    assert asked.rows("answer_id, reason, recommend, may_contact") == [("first", "price", None, None)]
    kept = asked.rows('row_id, "column", original, reason', table="exit__quarantine")
    assert kept == [
        ("first", "may_contact", "yes", "is no bool"),
        ("first", "never_asked", '{"a":1}', "the survey has no such question any more"),
        ("first", "recommend", "a lot", "is no double"),
    ]


def test_answer_cannot_pose_as_one_of_the_tables_own_columns(asked: Asked) -> None:
    asked.answer("first", {"answer_id": "second", "_raw": "x", "reason": "price"})
    asked.run()
    assert asked.rows("answer_id, reason") == [("first", "price")]
    assert len(asked.rows(table="exit__quarantine")) == 2


def test_check_on_answers_runs_inside_the_commit(asked: Asked) -> None:
    asked.run()
    asked.declare("sane", "check", Check(asset="exit", condition="recommend <= 10", severity="error"))
    asked.answer("first", {"recommend": 11})
    with pytest.raises(CheckFailed):
        asked.run()
    assert asked.rows() == []


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("{", "can't be read"),
        ("[]", "no object"),
        ('{"elements": [{"type": "text", "name": "answer_id"}]}', "answer_id"),
        ('{"elements": [{"type": "text", "name": "a"}, {"type": "text", "name": "A"}]}', "'a' and 'A'"),
        ('{"elements": [{"type": "text", "name": "_raw"}]}', "the lake's own"),
    ],
)
def test_survey_that_is_none_is_refused_with_a_reason(content: str, match: str, asked: Asked) -> None:
    (asked.folder / "exit.json").write_text(content)
    with pytest.raises(SourceError, match=match):
        asked.run()


def test_survey_whose_file_is_missing_is_named(asked: Asked) -> None:
    (asked.folder / "exit.json").unlink()
    with pytest.raises(SourceError, match=r"exit\.json"):
        asked.run()


def test_sample_takes_only_so_many(asked: Asked) -> None:
    for number in range(5):
        asked.answer(f"answer-{number}", {})
    assert asked.run(sample=2).counts.rows_in == 2


@settings(max_examples=8, deadline=None)
@given(sent=st.lists(st.one_of(st.integers(0, 9), st.none()), max_size=30))
def test_every_answer_is_one_row_however_often_it_is_sent_and_whenever_it_is_fetched(
    sent: list[int | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    asked = Asked(tmp_path_factory.mktemp("law"))
    try:
        for key in sent:  # None is a run
            if key is None:
                asked.run()
            else:
                asked.answer(f"answer-{key}", {"visits": key})
        asked.run()
        wanted = sorted({key for key in sent if key is not None})
        assert asked.rows("answer_id, visits") == [(f"answer-{key}", float(key)) for key in wanted]
        assert sum(build.counts.rows_in for build in asked.lake.history("exit")) == len(wanted)
    finally:
        asked.lake.close()
