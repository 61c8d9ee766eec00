"""What makes much of little is refused or ended, the process stays small and lives, and what is allowed is answered."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from tests.server.attacks.bombs import ALLOWED, BOMBS, MEMORY_MB

GROWN_MAX_MB = MEMORY_MB + 1_800
"""A text or a list may have twice the room that it fills, and the look at the memory comes late on a busy machine."""
ENDS = ("BadRequest", "TooMuch", "Late")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("bombs") / "lake"
    command = [sys.executable, "-m", "tests.server.attacks.bombs", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=400, check=False)
    assert done.returncode == 0
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def test_there_are_at_least_30() -> None:
    assert len(BOMBS) >= 30


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_or_ended(told: dict[str, dict[str, Any]], name: str) -> None:
    one = told[name]
    assert one["ended"].partition(":")[0] in ENDS
    assert one["grown_mb"] < GROWN_MAX_MB


@pytest.mark.parametrize("name", [*(f"allowed {name}" for name in ALLOWED), "afterwards"])
def test_what_is_allowed_is_answered_before_and_after(told: dict[str, dict[str, Any]], name: str) -> None:
    assert told[name]["ended"] == "answered"
