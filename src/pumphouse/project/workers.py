"""Starting worker processes and watching over them: time, memory, and what they say."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from pumphouse.declare.asset import Asset
from pumphouse.errors import BuildTimeout, ConfigError, PumphouseError, WorkerDied
from pumphouse.lake.context import Built
from pumphouse.project.jobs import Job

WATCH_S = 0.05
TIMEOUT_S = 24 * 3600.0
"""Of a build that declares none."""
STDERR_LINES_KEPT = 20
_SIZES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def run_in_process(
    job: Job,
    assets: Mapping[str, Asset],
    *,
    timeout_s: float | None,
    memory_bytes_max: int | None,
    progress: Callable[[int], None],
    stop: threading.Event,
    lock: int,
) -> Built:
    """What the build in a process of its own gave back.

    The process holds the run's `lock` as long as it lives, and ends when this one does. Raises what the build raised;
    WorkerDied where the process died or passed its memory limit; BuildTimeout.
    """
    with tempfile.TemporaryDirectory(prefix="pumphouse-") as scratch:
        order = Path(scratch) / "job"
        order.write_bytes(pickle.dumps((job, dict(assets))))
        printed = Path(scratch) / "printed"
        with printed.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pumphouse.project.worker", str(order)],
                stdin=subprocess.PIPE,  # never written to: it closes when this process ends
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=job.config.folder,
                # The same code has to give the same rows, also where it goes through a set of texts.
                env={**os.environ, "PYTHONHASHSEED": "0"},
                pass_fds=(lock,),
                start_new_session=True,  # so that it and what it starts can be ended as one
            )
        with process:
            watch = _Watch(process, timeout_s or TIMEOUT_S, memory_bytes_max, stop)
            watch.start()
            try:
                built = _listen(process, progress)
            finally:
                watch.join()
        if built is not None:
            return built
        raise _cause_of_death(job, process, watch, printed, timeout_s, memory_bytes_max)


class _Watch(threading.Thread):
    """Ends the process when it takes too long, too much, or when the run is stopped; remembers why.

    However the process ends, what it started ends with it.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], timeout_s: float, memory_bytes_max: int | None, stop: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.timeout_s = timeout_s
        self.memory_bytes_max = memory_bytes_max
        self.stop = stop
        self.why: str | None = None

    def run(self) -> None:
        deadline = time.monotonic() + self.timeout_s
        while self.process.poll() is None:
            if self.stop.is_set():
                self.why = "stopped"
            elif time.monotonic() > deadline:
                self.why = "time"
            elif self.memory_bytes_max and _memory_bytes(self.process.pid) > self.memory_bytes_max:
                self.why = "memory"
            if self.why:
                break
            time.sleep(WATCH_S)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _memory_bytes(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
    except psutil.Error:  # it has just ended
        return 0


def _listen(process: subprocess.Popen[bytes], progress: Callable[[int], None]) -> Built | None:
    built: Built | None = None
    assert process.stdout is not None
    for line in process.stdout:
        try:
            message = json.loads(line)
        except ValueError:  # the last line of a process that was killed while it spoke
            continue
        if "progress" in message:
            progress(message["progress"])
        elif "built" in message:
            built = pickle.loads(base64.b64decode(message["built"]))  # noqa: S301  # our own child
        elif "error" in message:
            error: PumphouseError = pickle.loads(base64.b64decode(message["error"]))  # noqa: S301  # our own child
            raise error
    return built


def _cause_of_death(
    job: Job,
    process: subprocess.Popen[bytes],
    watch: _Watch,
    printed: Path,
    timeout_s: float | None,
    memory_bytes_max: int | None,
) -> PumphouseError:
    if watch.why == "time":
        return BuildTimeout(
            f"'{job.asset}' took longer than {timeout_s or TIMEOUT_S:g} s",
            asset=job.asset,
            mend="Give it longer with timeout_s, or less to do.",
        )
    if watch.why == "memory":
        assert memory_bytes_max is not None
        return WorkerDied(
            f"'{job.asset}' reached its memory limit of {memory_bytes_max / 10**6:,.0f} MB",
            asset=job.asset,
            mend="Ask for a lazy form (pl.LazyFrame, pa.RecordBatchReader), or raise memory_bytes_max.",
        )
    if watch.why == "stopped":
        return WorkerDied(f"'{job.asset}' was stopped with the run", asset=job.asset)
    last = printed.read_text(errors="replace").strip().splitlines()[-STDERR_LINES_KEPT:]
    how = f"by signal {-process.returncode}" if process.returncode < 0 else f"with exit code {process.returncode}"
    said = f" Its last words: {last[-1]}" if last else ""
    return WorkerDied(f"the process of '{job.asset}' died {how}.{said}", asset=job.asset)


def bytes_of(text: str) -> int:
    """The bytes that a size like "512MB" or "2GiB" means. Raises ConfigError with the forms there are."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?b)\s*", text.lower())
    if not found:
        raise ConfigError(f"'{text}' is no size", mend='Write it as "512MB" or "2GiB".')
    return int(float(found[1]) * _SIZES[found[2]])
