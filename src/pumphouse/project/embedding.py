"""Asking functions of the project's that turn texts into vectors, as a server does: each in a process of its own.

So a question costs no start of Python and no loading of a model, and a function that never ends, dies or takes the
interpreter for itself takes no answer to anything else with it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pumphouse.declare.asset import Asset
from pumphouse.errors import LakeError, Overloaded

START_S_MAX = 120.0
"""How long the project's code may take to be imported; models are best loaded at the first question."""
QUESTION_S_MAX = 30.0
"""How long a function may take about one question, its first one too, and how long somebody waits for their turn."""
REPLY_BYTES_MAX = 4 * 1024 * 1024


class Embedding:
    """The processes that embed questions, one for each index that is asked. Threads share it.

    A process starts with the first question, and ends when none came for a while, or when this process ends.
    """

    def __init__(self, folder: Path, *, code: Callable[[], Mapping[str, str]]) -> None:
        """`code` are the project's modules as this process has `imported` them: no other text may answer."""
        self._folder, self._code = folder, code
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._processes: dict[str, _Process] = {}

    def vectors(self, asset: Asset, texts: list[str]) -> Any:  # lists of numbers, looked at by whoever asked
        """What the function of an index gives for these texts.

        Raises LakeError where it fails, dies or takes too long, Overloaded where too many ask.
        """
        with self._lock:
            turn = self._turns.setdefault(asset.name, threading.Lock())
        if not turn.acquire(timeout=QUESTION_S_MAX):
            raise Overloaded(
                f"more questions are asked of '{asset.name}' by meaning than its function answers",
                asset=asset.name,
                mend="Ask again in a moment, or by words alone.",
            )
        try:
            return self._asked(asset, texts)
        finally:
            turn.release()

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            while self._processes:
                self._processes.popitem()[1].end()

    def _asked(self, asset: Asset, texts: list[str]) -> Any:
        process = self._processes.get(asset.name)
        if process is None or not process.is_alive:
            if process is not None:
                process.end()
            with self._lock:
                process = self._processes[asset.name] = _Process(self._folder)
            order = {"module": asset.module, "variable": asset.variable, "code": dict(self._code())}
            self._told(asset, process, order, seconds=START_S_MAX)
        return self._told(asset, process, {"texts": texts}, seconds=QUESTION_S_MAX)["vectors"]

    def _told(self, asset: Asset, process: _Process, asked: Mapping[str, Any], *, seconds: float) -> dict[str, Any]:
        reply = process.ask(asked, seconds=seconds)
        if reply is not None and "failed" not in reply:
            return reply
        if reply is None or "texts" not in asked:
            process.end()
        why = reply["failed"] if reply is not None else f"it died, or took longer than {seconds:.0f} seconds"
        raise LakeError(
            f"the function that embeds texts for '{asset.name}' failed: {why}",
            asset=asset.name,
            mend="The server's error output says more. By words alone it is found all the same.",
        )


class _Process:
    """A process that has one function of the project's: `project.embedder`."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pumphouse.project.embedder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            # As builds have it: the same text has to give the same vector.
            env={**os.environ, "PYTHONHASHSEED": "0"},
            start_new_session=True,  # so that it and what it starts can be ended as one
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, asked: Mapping[str, Any], *, seconds: float) -> dict[str, Any] | None:
        """Its reply; None where none came in time, or none that can be read."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
            line = _line(self._process.stdout.fileno(), until=time.monotonic() + seconds)
            reply = json.loads(line)
            return reply if isinstance(reply, dict) else None
        return None

    def end(self) -> None:
        """End it, and what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def _line(descriptor: int, *, until: float) -> bytes:
    """What is written there up to the end of a line; nothing where that does not come in time."""
    ready, data = select.poll(), b""
    ready.register(descriptor, select.POLLIN)
    while not data.endswith(b"\n") and len(data) <= REPLY_BYTES_MAX:
        left = until - time.monotonic()
        if left <= 0 or not ready.poll(left * 1e3):
            return b""
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return b""
        data += piece
    return data
