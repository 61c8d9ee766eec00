from __future__ import annotations

from datetime import UTC, datetime

from pumphouse.sources.surveys.events import AnswerEvent, decode, encode


def test_event_of_before_has_the_defaults_of_what_came_later() -> None:
    event = decode('{"version":"v1","answers":{"reason":"price"},"dropped":2}')
    assert event == AnswerEvent(version="v1", answers={"reason": "price"}, dropped=2)
    assert (event.mode, event.marks, event.withdrawn) == ("self", {}, None)


def test_event_comes_back_as_it_was_and_says_only_what_is_not_usual() -> None:
    event = AnswerEvent(
        version="v1",
        answers={"reason": "price"},
        marks={"better": "hidden"},
        mode="paper",
        by="ada",
        given_at=datetime(2026, 5, 3, tzinfo=UTC),
    )
    assert decode(encode(event)) == event
    assert encode(AnswerEvent(version="v1")) == '{"version":"v1"}'
