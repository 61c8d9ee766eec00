"""Whether a survey's answers hold, said by the library that drew the form: survey-core in V8, in another process."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pumphouse.errors import ConfigError, MissingExtra, Uncheckable
from pumphouse.server.files import HERE, carried, own

START_TIMEOUT_S = 30.0
CHECK_TIMEOUT_S = 10.0
"""A check takes some 30 ms. A regular expression of the survey may never end on some text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of the answers that were sent.

    `answers` are those to questions that the survey shows; `errors` are messages by question; `dropped` are the keys of
    answers to questions that it does not have or does not show.
    """

    answers: dict[str, Any]  # JSON
    errors: dict[str, list[str]]
    dropped: list[str]


class AnswerCheck:
    """Checks answers, one after the other, from any thread. Its process starts at the first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def check(self, survey: str, answers: Mapping[str, Any]) -> Checked:
        """The answers that count and what is wrong with them. `survey` is SurveyJS JSON, `answers` JSON by question.

        Raises Uncheckable where the rules run too long or fail.
        """
        request = msgspec.json.encode([survey, msgspec.json.encode(answers).decode()]) + b"\n"
        with self._lock:
            reply = _asked(self._running(), request, timeout_s=CHECK_TIMEOUT_S)
        if not reply:
            raise Uncheckable(
                f"these answers took longer than {CHECK_TIMEOUT_S:.0f} seconds, or too much memory, to check",
                mend="Send them again. If it stays so, a regular expression of the survey does not end on such text.",
            )
        values = msgspec.json.decode(reply)
        if "failed" in values:
            raise Uncheckable("these answers could not be checked", mend=f"The survey's rules said: {values['failed']}")
        return msgspec.convert(values, Checked)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process:
                _end(self._process)
                self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            _end(self._process)
            self._process = None
        if self._process is None:
            self._process = _started()
        return self._process


def _started() -> subprocess.Popen[bytes]:
    if importlib.util.find_spec("py_mini_racer") is None:
        raise MissingExtra("mini-racer", extra="server", purpose="checking the answers to a survey")
    scripts = [carried("survey.core.min.js"), own("check.js")]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "v8_worker.py"), *map(str, scripts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if _asked(process, b"", timeout_s=START_TIMEOUT_S) != b"ready\n":
        raise ConfigError("what checks answers did not start", mend="The server's error output says why.")
    return process


def _asked(process: subprocess.Popen[bytes], request: bytes, *, timeout_s: float) -> bytes:
    """The process's next line after a request; nothing where it died or had to be killed."""
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    try:
        process.stdin.write(request)
        process.stdin.flush()
        reply = process.stdout.readline()
    except BrokenPipeError:
        reply = b""
    finally:
        timer.cancel()
    if not reply:
        _end(process)
    return reply


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
