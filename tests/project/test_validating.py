"""A column filled by a fit is no feature: `validate` says so, training refuses it, and the way out works."""

from __future__ import annotations

import pytest
from tests.project.conftest import Folder, failure, statuses
from tests.project.test_project import LEARNED

from pumphouse.errors import BuildError, ProjectFaults
from pumphouse.project.validating import validate

CLEANED = """
from pumphouse.cleaning import clean, col, fill

cleaned = clean("bought", col.n >> fill("median"), time={"event": "at", "known": "at"})
"""
SPEND = LEARNED["spend.sql"].replace("JOIN bought", "JOIN sold")
SOLD = "SELECT customer_id, at, n AS paid, n__filled AS guessed FROM cleaned"


def test_a_feature_of_a_filled_column_is_refused_and_one_of_its_input_is_trained(folder: Folder) -> None:
    folder.write({**LEARNED, "clean.py": CLEANED, "sold.sql": SOLD, "spend.sql": SPEND.replace("b.n", "b.paid")})
    with pytest.raises(
        ProjectFaults, match="feature 'spend' of model 'returns' reads column 'n' of 'cleaned'"
    ) as caught:
        validate(folder.open().graph)
    assert [(fault.asset, fault.place.file) for fault in caught.value.faults] == [("returns", "spend.sql")]
    report = folder.run("returns")
    assert statuses(report) == {
        "bought": "built",
        "cleaned": "built",
        "sold": "built",
        "returned": "built",
        "returns": "failed",
    }
    assert type(report.failed[0].error) is BuildError
    assert "Read the column from 'bought'" in failure(report, "returns")
    folder.write({"spend.sql": SPEND.replace("coalesce(sum(b.n), 0)", "count(b.guessed)")})
    validate(folder.open().graph)
    folder.write({"spend.sql": LEARNED["spend.sql"]})
    validate(folder.open().graph)
    assert folder.run("returns").ok


SCORED = """
import pumphouse as ph

returns_scores = ph.scores("returns_live")
"""


def test_scores_of_everybody_by_what_only_a_request_knows_are_a_fault(folder: Folder) -> None:
    asking = LEARNED["spend.sql"].replace('"feature"', '"feature"\nrequest = { basket = "DOUBLE" }')
    folder.write({**LEARNED, "spend.sql": asking, "scored.py": SCORED})
    with pytest.raises(ProjectFaults, match=r"'returns_scores' scores everybody, and spend .* needs basket"):
        validate(folder.open().graph)
    folder.write({"spend.sql": LEARNED["spend.sql"]})
    validate(folder.open().graph)
