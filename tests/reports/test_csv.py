from __future__ import annotations

from pathlib import Path

import pumphouse.deliveries.csv
import pumphouse.reports.csv


def test_reports_and_deliveries_write_csv_alike() -> None:
    # Rooms do not import each other, so each has the module; what one guards against, the other must too.
    ours, theirs = (Path(str(module.__file__)) for module in (pumphouse.reports.csv, pumphouse.deliveries.csv))
    assert ours.read_bytes() == theirs.read_bytes()
