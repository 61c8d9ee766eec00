from __future__ import annotations

from datetime import date

import pytest

from pumphouse.errors import BuildError, LakeError, UnknownName
from pumphouse.models import training
from pumphouse.models.formats.skops import load
from pumphouse.models.predictions import loaded
from pumphouse.models.promotion import promote
from pumphouse.models.registry import live, parse_version, version, versions

DAY = date(1997, 9, 1)


def test_promoting_pins_a_version_and_pinning_an_older_one_rolls_back(served):
    served.build(training.build, "returns", today=DAY)
    promote(served.lake, "returns", 2, run="run-2", actor="grace")
    assert live(served.lake, "returns").number == 2
    assert served.lake.builds()["returns"].actor == "grace"
    promote(served.lake, "returns", 1, run="run-3", actor="ada")
    assert live(served.lake, "returns").number == 1
    assert len(versions(served.lake, "returns")) == 2


def test_builds_that_move_what_is_live_say_so(served):
    served.build(training.build, "returns", today=DAY)
    promote(served.lake, "returns", 2, run="run-2", actor="ada")
    assert [build.detail.get("live") for build in served.lake.history("returns")] == [1, None, 2]


def test_a_promoted_model_counts_as_trained_from_the_same_code(served):
    served.build(training.build, "returns", today=DAY)
    trained = served.lake.builds()["returns"]
    promoted = promote(served.lake, "returns", 2, run="run-2", actor="ada")
    assert (promoted.fingerprint, promoted.inputs) == (trained.fingerprint, trained.inputs)


def test_unknown_versions_name_those_there_are(served):
    with pytest.raises(UnknownName, match=r"'returns' has no version 5.*There is returns@1"):
        promote(served.lake, "returns", 5, run="run-2", actor="ada")
    with pytest.raises(UnknownName, match="pumphouse run nothing"):
        version(served.lake, "nothing", 1)
    with pytest.raises(UnknownName, match="pumphouse run nothing"):
        live(served.lake, "nothing")


@pytest.mark.parametrize("text", ["returns", "returns@", "returns@x", "returns@-1", "@"])
def test_a_version_is_written_with_an_at_sign(text: str):
    with pytest.raises(UnknownName, match="returns@7"):
        parse_version(text)
    assert parse_version("returns@7") == ("returns", 7)


def test_a_model_whose_bytes_changed_on_disk_is_refused(served):
    made = live(served.lake, "returns")
    path = served.lake.blobs.path(made.sha)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(LakeError, match="not what was stored"):
        loaded(served.lake, made)


def test_bytes_that_would_run_other_code_are_refused():
    import skops.io

    with pytest.raises(BuildError, match="code that is not scikit-learn's"):
        load(skops.io.dumps({"run": pytest.Item}))
