from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pumphouse.cleaning.dictionaries.files import read_dictionaries
from pumphouse.cleaning.dictionaries.history import accept, read_history, refuse, refused
from pumphouse.errors import ConfigError

AT = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)


def told(path: Path) -> list[tuple[str, str, str, str, str]]:
    return [(event.who, event.did, event.shorthand, event.expansion, event.before) for event in read_history(path)]


def test_accepting_adds_an_entry_and_writes_who_did_it_and_when(tmp_path: Path) -> None:
    path = tmp_path / "shorthand.csv"
    entry, _ = accept(path, "asap", "as  soon as possible, really", note="yes", who="ann", at=AT)
    assert (entry.line, entry.owner, entry.since, entry.note) == (2, "ann", "2026-11-29", "yes")
    assert path.read_text() == (
        'shorthand,expansion,note,owner,since\nasap,"as  soon as possible, really",yes,ann,2026-11-29\n'
    )
    accept(path, "u", "you", who="ben", at=AT)
    assert read_dictionaries(tmp_path, ["shorthand.csv"]).expand("u") == "you"
    assert told(path) == [
        ("ann", "accepted", "asap", "as soon as possible, really", ""),
        ("ben", "accepted", "u", "you", ""),
    ]
    assert read_history(path)[0].at == "2026-11-29T08:30:00+00:00"


def test_a_dictionary_keeps_its_own_columns_and_its_owner_above_them(tmp_path: Path) -> None:
    path = tmp_path / "shorthand.csv"
    path.write_text("# owner: team\nshorthand,expansion\npls,please")
    accept(path, "u", "you", note="not kept: there is no column for it", who="ben", at=AT)
    assert path.read_text() == "# owner: team\nshorthand,expansion\npls,please\nu,you\n"
    assert told(path) == [("ben", "found", "pls", "please", ""), ("ben", "accepted", "u", "you", "")]


def test_what_was_done_by_hand_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "shorthand.csv"
    accept(path, "u", "you", who="ann", at=AT)
    accept(path, "r", "are", who="ann", at=AT)
    path.write_text("shorthand,expansion\nu,thou\npls,please\n")
    refuse(path, "wk", "week", who="ben", at=AT)
    assert told(path)[2:] == [
        ("ben", "removed by hand", "r", "", "are"),
        ("ben", "changed by hand", "u", "thou", "you"),
        ("ben", "added by hand", "pls", "please", ""),
        ("ben", "refused", "wk", "week", ""),
    ]
    refuse(path, "wk", "", who="ben", at=AT)
    assert len(told(path)) == 7


def test_what_was_refused_is_so_until_it_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "shorthand.csv"
    path.write_text("shorthand,expansion\n")
    refuse(path, "wk", "week", who="ben", at=AT)
    refuse(path, "UK", "", who="ben", at=AT)
    assert refused(read_history(path)) == {("wk", "week"), ("UK", "")}
    accept(path, "wk", "week", who="ann", at=AT)
    assert refused(read_history(path)) == {("UK", "")}


@pytest.mark.parametrize(
    ("shorthand", "expansion", "said"),
    [
        ("u", "thou", "'u' already stands for 'you'"),
        ("u", "you", "'u' already stands for 'you'"),
        ("ya", "u all", "'ya' becomes 'u all', and 'u' becomes 'you'"),
        ("", "x", "shorthand or expansion is empty"),
    ],
)
def test_what_contradicts_the_dictionary_changes_nothing(
    tmp_path: Path, shorthand: str, expansion: str, said: str
) -> None:
    path = tmp_path / "shorthand.csv"
    path.write_text("shorthand,expansion\nu,you\n")
    with pytest.raises(ConfigError, match=said):
        accept(path, shorthand, expansion, who="ann", at=AT)
    assert path.read_text() == "shorthand,expansion\nu,you\n"
    assert read_history(path) == ()


def test_an_entry_that_is_there_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "shorthand.csv"
    path.write_text("shorthand,expansion\nr,are\nu,you\n")
    with pytest.raises(ConfigError) as told:
        accept(path, "u", "you", who="ann", at=AT)
    assert str(told.value.place) == "shorthand.csv:3"


def test_a_history_that_was_changed_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "shorthand.csv"
    accept(path, "u", "you", who="ann", at=AT)
    with (tmp_path / "shorthand.history.csv").open("a") as file:
        file.write("yesterday,ann,did something\n")
    with pytest.raises(ConfigError, match="line 3 of the history is not"):
        read_history(path)
