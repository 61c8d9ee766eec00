"""One at a time; who has to wait is told for whom; a dead holder holds nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pumphouse.errors import LakeBusy
from pumphouse.lake.locks import held

HOLD = (
    "import sys, time; from pathlib import Path; from pumphouse.lake.locks import held\n"
    "with held(Path(sys.argv[1]), purpose='run nightly', wait_s=0): print('held', flush=True); time.sleep(60)"
)


def test_the_second_is_told_who_holds_it_and_a_killed_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(LakeBusy, match=f"run nightly by .* process {holder.pid}"),
            held(path, purpose="x", wait_s=0.1),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with held(path, purpose="after", wait_s=1):
        assert "after" in path.read_text()
