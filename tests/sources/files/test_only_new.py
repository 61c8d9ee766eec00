"""Only files that are new or changed are read again, and the table is the one that reading all of them makes."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import Works

from pumphouse.declare.files import files
from pumphouse.errors import SchemaChange, SourceError
from pumphouse.sources import fetch
from pumphouse.sources.files.build import changed

ALL = "*, _loaded_at, _raw, _known_at"


@pytest.fixture
def readings(monkeypatch):
    """Names of the files that were read, build by build. The reader itself is the real one."""
    from pumphouse.sources.files import build

    names: list[list[str]] = []
    real = build.read_all

    def watched(asset, visit, came, spool, engine):
        names.append([one.address for one in came])
        real(asset, visit, came, spool, engine)

    monkeypatch.setattr(build, "read_all", watched)
    return names


def write_days(works, *days: int) -> None:
    for day in days:
        path = works.write(f"days/{day:02}.csv", f"id,day,n\n{day}1,{day},1\n{day}2,{day},2\n")
        os.utime(path, (1_700_000_000, 1_700_000_000 + day))  # written long ago: its time alone tells it apart


def same_as_rebuilt(works, made) -> bool:
    """Whether a rebuild from the stored bytes gives the rows and the quarantine that are there."""
    before = works.rows("raw", ALL), works.rows("raw__quarantine", 'row_id, "column", original, reason')
    works.run(made, mode="full")
    return before == (works.rows("raw", ALL), works.rows("raw__quarantine", 'row_id, "column", original, reason'))


def test_a_new_file_adds_its_rows_and_the_others_stay_as_they_are(works, readings):
    write_days(works, 1, 2, 3, 4, 5)
    made = works.asset(files("days/*.csv"))
    works.run(made)
    first = works.now
    write_days(works, 6)
    built = works.run(made)
    assert readings[1:] == [["days/06.csv"]]
    assert (built.counts.rows_in, built.counts.rows_out) == (2, 2)
    assert len(works.rows()) == 12
    assert {at for day, at in works.rows("raw", "day, _loaded_at") if day < 6} == {first}
    assert {at for day, at in works.rows("raw", "day, _loaded_at") if day == 6} == {works.now}
    assert same_as_rebuilt(works, made)
    assert works.run(made).snapshot is None


def test_a_changed_file_replaces_its_rows_and_what_was_held_back_of_it(works, readings):
    write_days(works, 1, 2, 3, 4, 5)
    works.write("days/02.csv", "id,day,n\n21,2,1,extra\n22,2,2\n")
    works.write("days/04.csv", "id,day,n\n41,4\n42,4,2\n")
    made = works.asset(files("days/*.csv"))
    works.run(made)
    assert len(works.quarantine()) == 2
    works.write("days/02.csv", "id,day,n\n21,2,1\n23,2,3\n24,2\n")
    works.run(made)
    assert readings[1:] == [["days/02.csv"]]
    assert [row for row in works.rows() if row[1] == 2] == [(21, 2, 1), (23, 2, 3)]
    assert sorted(original for _, original, _ in works.quarantine()) == ["24,2", "41,4"]
    assert same_as_rebuilt(works, made)


def test_rows_of_a_file_that_went_go_and_those_of_a_renamed_one_stay(works, readings):
    write_days(works, 1, 2, 3, 4, 5)
    made = works.asset(files("days/*.csv"))
    works.run(made)
    (works.folder / "days/03.csv").unlink()
    assert works.run(made).snapshot is not None
    assert {day for _, day, _ in works.rows()} == {1, 2, 4, 5}
    (works.folder / "days/05.csv").rename(works.folder / "days/99.csv")
    assert works.run(made).snapshot is None
    assert readings[1:] == [[], []]
    assert not changed(made[0], works.lake, works.folder)
    assert same_as_rebuilt(works, made)


def test_the_same_bytes_under_two_names_are_rows_twice(works):
    write_days(works, 1, 2, 3, 4, 5)
    made = works.asset(files("days/*.csv"))
    works.run(made)
    copy = works.write("days/copy.csv", (works.folder / "days/01.csv").read_bytes())
    works.run(made)
    assert len(works.rows()) == 12
    assert same_as_rebuilt(works, made)
    copy.unlink()
    works.run(made)
    assert len(works.rows()) == 10
    assert same_as_rebuilt(works, made)


@pytest.mark.parametrize(
    "content",
    ["id,day,n\n61,6,12345678901234567890\n", "id,day,n,more\n61,6,1,x\n"],
    ids=["a wider type", "a new column"],
)
def test_what_the_table_has_no_place_for_is_a_reason_to_read_all(works, readings, content):
    write_days(works, 1, 2, 3, 4, 5)
    made = works.asset(files("days/*.csv"))
    works.run(made)
    works.write("days/06.csv", content)
    works.run(made)
    assert [len(names) for names in readings] == [5, 1, 6]
    assert len(works.rows()) == 11
    assert same_as_rebuilt(works, made)


def test_other_code_reads_all_from_the_stored_bytes(works, readings):
    write_days(works, 1, 2, 3, 4, 5)
    made = works.asset(files("days/*.csv"))
    works.run(made)
    write_days(works, 6)
    works.run(made, fingerprint="code-2")
    assert [len(names) for names in readings] == [5, 6]


def test_with_a_key_files_after_all_others_upsert_and_else_all_is_compared(works, readings):
    write_days(works, 2, 3, 4, 5)
    made = works.asset(files("days/*.csv", key="id"))
    works.run(made)
    works.write("days/06.csv", "id,day,n\n21,6,9\n61,6,1\n")
    works.run(made)
    assert readings[1:] == [["days/06.csv"]]
    assert works.rows("raw", "id, n")[0] == (21, 9)
    write_days(works, 1)
    (works.folder / "days/06.csv").unlink()
    works.run(made)
    assert len(readings[2]) == 5
    assert works.rows("raw", "id, n")[:3] == [(11, 1), (12, 2), (21, 1)]
    rows = works.rows()
    works.run(made, mode="full")
    assert works.rows() == rows


def test_a_cursor_appends_what_is_later_and_rows_of_files_that_went_stay(works, readings):
    path = works.write("log/a.csv", "at,n\n1,1\n2,2\n")
    made = works.asset(files("log/*.csv", cursor="at"))
    works.run(made)
    path.write_text("at,n\n1,1\n2,2\n3,3\n")
    works.write("log/b.csv", "at,n\n2,0\n4,4\n")
    counts = works.run(made).counts
    assert works.rows() == [(1, 1), (2, 0), (2, 2), (3, 3), (4, 4)]  # what stands at the cursor may be late
    assert (counts.rows_in, counts.rows_out, counts.dropped) == (5, 3, 2)
    path.unlink()
    works.write("log/c.csv", "at,n\n5,5\n")
    works.run(made)
    assert readings == [["log/a.csv"], ["log/a.csv", "log/b.csv"], ["log/c.csv"]]
    assert len(works.rows()) == 6
    assert same_as_rebuilt(works, made)


def test_a_key_and_a_cursor_upsert_from_new_files(works, readings):
    works.write("log/a.csv", "id,at\n1,1\n2,1\n")
    made = works.asset(files("log/*.csv", key="id", cursor="at"))
    works.run(made)
    works.write("log/b.csv", "id,at\n2,2\n3,2\n")
    works.run(made)
    assert readings[1:] == [["log/b.csv"]]
    assert works.rows() == [(1, 1), (2, 2), (3, 2)]
    assert same_as_rebuilt(works, made)


def test_history_appends_versions_from_new_files(works, readings):
    works.write("daily/1.csv", "id,n\n1,a\n2,b\n")
    made = works.asset(files("daily/*.csv", key="id", history=True))
    works.run(made)
    works.write("daily/2.csv", "id,n\n1,a\n2,c\n")
    works.run(made)
    assert readings[1:] == [["daily/2.csv"]]
    assert works.rows("raw", "id, n", "_loaded_at, id") == [(1, "a"), (2, "b"), (2, "c")]
    assert same_as_rebuilt(works, made)


def test_rows_without_what_is_required_are_withheld_by_their_place(works):
    write_days(works, 1, 2, 3, 4)
    works.write("days/05.csv", "id,day,n\n51,5,\n52,5,2\n51,5,\n")
    made = works.asset(files("days/*.csv", required="n"))
    works.run(made)
    assert len(works.quarantine()) == 2
    write_days(works, 6)
    works.run(made)
    assert len(works.quarantine()) == 2
    assert same_as_rebuilt(works, made)


def test_a_file_that_is_touched_is_not_copied_twice(works):
    write_days(works, 1, 2, 3, 4, 5)
    made = works.asset(files("days/*.csv"))
    works.run(made)
    kept = sorted(path.name for path in (works.lake.folder / "blobs").rglob("*"))
    os.utime(works.folder / "days/01.csv", ns=(1, 1))
    assert not changed(made[0], works.lake, works.folder)
    assert works.run(made).snapshot is None
    assert sorted(path.name for path in (works.lake.folder / "blobs").rglob("*")) == kept


def test_a_manifest_is_written_as_what_is_other_and_read_whole(works, monkeypatch):
    monkeypatch.setattr(fetch, "STEPS_MAX", 3)
    write_days(works, *range(10, 30))
    made = works.asset(files("days/*.csv"))
    works.run(made)
    sizes, steps = [], []
    for day in range(30, 36):
        write_days(works, day)
        (works.folder / f"days/{day - 20}.csv").unlink()
        works.run(made)
        stored = works.lake.blobs.get(works.lake.builds()["raw"].raw)
        manifest = fetch.load(works.lake.blobs, works.lake.builds()["raw"].raw, asset="raw")
        assert [one.address for one in manifest.exchanges] == [f"days/{n}.csv" for n in range(day - 19, day + 1)]
        sizes.append(len(stored))
        steps.append(manifest.steps)
    assert steps == [1, 2, 3, 0, 1, 2]
    assert sizes[0] * 5 < sizes[3]
    assert same_as_rebuilt(works, made)
    write_days(works, 36)  # after a rebuild, told by the visit that it was rebuilt from
    works.run(made)
    assert same_as_rebuilt(works, made)


CELLS = st.sampled_from(["1", "2", "07", "2.5", "x", "", "2024-01-01"])
CONTENTS = st.lists(st.tuples(CELLS, CELLS), max_size=4).map(
    lambda rows: "a,b\n" + "".join(f"{a},{b}\n" for a, b in rows) + "1,1\n"
)
CHANGES = st.dictionaries(st.sampled_from("abcdefgh"), st.none() | CONTENTS, max_size=3)


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(CHANGES, min_size=1, max_size=3))
def test_whatever_happens_to_the_folder_a_rebuild_is_equal(tmp_path_factory, steps):
    works = Works(tmp_path_factory.mktemp("law"))
    with closing(works.lake):
        for name in "stuvwxyz":
            works.write(f"in/{name}.csv", "a,b\n1,2\n3,4\n")
        made = works.asset(files("in/*.csv"))
        works.run(made)
        for change in steps:
            for name, content in change.items():
                path = Path(works.folder / f"in/{name}.csv")
                path.unlink(missing_ok=True)
                if content is not None:
                    path.write_text(content)
            try:
                works.run(made)
            except SchemaChange:  # a person has to say what to do; the table stays as it was
                continue
        assert same_as_rebuilt(works, made)


def test_another_pattern_is_looked_up_and_not_answered_from_what_is_stored(works):
    for name in ("a/1.csv", "a/2.csv", "b/3.csv"):
        works.write(name, f"n\n{name[2]}\n")
    works.run(works.asset(files("*/*.csv")))
    narrower = works.asset(files("a/*.csv"))
    works.run(narrower, mode="full", fingerprint="code-2")  # as a run of changed code does
    assert works.rows("raw", "n") == [(1,), (2,)]
    with pytest.raises(SourceError, match="no file matches 'c/"):
        works.run(works.asset(files("c/*.csv")), mode="full", fingerprint="code-3")
    works.run(narrower, mode="full", fingerprint="code-2")
    assert works.rows("raw", "n") == [(1,), (2,)]


@pytest.mark.parametrize("more", [{}, {"key": "id"}, {"cursor": "id"}])
def test_where_code_and_files_changed_one_build_takes_both(works, more):
    write_days(works, 1, 2)
    works.run(works.asset(files("days/*.csv", **more)))
    write_days(works, 3)
    made = works.asset(files("days/*.csv", required="n", **more))
    built = works.run(made, mode="full", fingerprint="code-2")
    assert [row[0] for row in works.rows()] == [11, 12, 21, 22, 31, 32]
    assert built.note == "after all that is stored was read by the new code"
    assert not changed(made[0], works.lake, works.folder)
    assert works.run(made, fingerprint="code-2").snapshot is None
    assert same_as_rebuilt(works, made)


def test_where_the_code_changed_and_no_file_is_left_what_is_stored_is_read(works):
    write_days(works, 1)
    works.run(works.asset(files("days/*.csv")))
    (works.folder / "days/01.csv").unlink()
    works.run(works.asset(files("days/*.csv", required="n")), mode="full", fingerprint="code-2")
    assert [row[0] for row in works.rows()] == [11, 12]
