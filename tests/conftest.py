"""Where tests find what may be absent: real data from outside the repository, and a browser."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# A machine that is busy is no fault: no test judges by the clock.
settings.register_profile("pumphouse", deadline=None)
settings.load_profile("pumphouse")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = {
        "realdata": None
        if _realdata().is_dir()
        else f"no real data in {_realdata()} (PUMPHOUSE_REALDATA names the folder)",
        "browser": None if _chromium() else "no chromium: apt-get install chromium",
    }
    for item in items:
        for marker, reason in absent.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data. For tests marked `realdata`."""
    return _realdata()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. For tests marked `browser`."""
    found = _chromium()
    assert found, "a test that asks for chromium is marked `browser`"
    return found


def _realdata() -> Path:
    return Path(os.environ.get("PUMPHOUSE_REALDATA", REPOSITORY.parent / "shared" / "data"))


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
