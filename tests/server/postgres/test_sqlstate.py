from __future__ import annotations

import pytest

from pumphouse.errors import PumphouseError, TooMuch, Unreachable
from pumphouse.server.postgres.sqlstate import refusal


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TooMuch("the query gives more than the 10 rows that one may"), "54000"),
        (TooMuch("the query needs more memory than queries may take here"), "53200"),
        (Unreachable("'accounts' lies elsewhere, and can't be read there just now"), "58000"),
    ],
)
def test_what_is_no_fault_of_ours_is_not_told_as_one(error: PumphouseError, state: str) -> None:
    refused = refusal(error)
    assert (refused.state, refused.what) == (state, error.what)
