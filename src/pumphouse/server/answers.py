"""Whether a survey's answers hold, said by the library that drew the form: survey-core in V8, in other processes."""

from __future__ import annotations

import hashlib
import importlib.util
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pumphouse.errors import ConfigError, MissingExtra, Uncheckable
from pumphouse.server.files import HERE, carried, own
from pumphouse.sources.surveys.events import Mark

START_TIMEOUT_S = 30.0
CHECK_TIMEOUT_S = 10.0
"""A check takes a few ms, the first of a survey some 30. A regular expression of it may never end on some text."""
CHECKERS = 2
"""Processes that check at the same time; one more than the first is started when there is work for it."""
UNKNOWN = b'{"unknown":true}\n'
"""What a process says that wants the survey's text."""
KNOWN_MAX = 8
"""Versions of surveys whose text a process is taken to know; it may have let go of one, and then asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of the answers that were sent.

    `answers` are those to questions that the survey shows; `errors` are messages by question; `dropped` are the keys of
    answers to questions that it does not have, does not show, or fills in itself. `marks` say why a question has no
    answer; `files` are the keys of answers that are files.
    """

    answers: dict[str, Any]  # JSON
    errors: dict[str, list[str]]
    dropped: list[str]
    marks: dict[str, Mark]
    files: list[str]


@dataclass(slots=True, kw_only=True)
class Checker:
    """One process that checks, and the versions that it knows."""

    process: subprocess.Popen[bytes]
    known: set[str] = field(default_factory=set)


class AnswerCheck:
    """Checks answers from any thread, CHECKERS at a time. Its processes start at their first use."""

    def __init__(self) -> None:
        self._idle: list[Checker] = []
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(CHECKERS)

    def check(
        self, survey: str, answers: Mapping[str, Any], *, cleared: Sequence[str] = (), version: str | None = None
    ) -> Checked:
        """The answers that count and what is wrong with them. `survey` is SurveyJS JSON, `answers` JSON by question.

        `cleared` are the keys of answers that were given and taken back; `version` is the SHA-256 of `survey`, where
        that is known. Raises Uncheckable where the rules run too long or fail.
        """
        version = version or hashlib.sha256(survey.encode()).hexdigest()
        sent = msgspec.json.encode({"answers": answers, "cleared": cleared}).decode()
        with self._turns:
            reply = self._asked(version, survey, sent)
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
        """End the processes; those that check at this moment end with what they check."""
        with self._turns, self._lock:
            while self._idle:
                _end(self._idle.pop().process)

    def _asked(self, version: str, survey: str, sent: str) -> bytes:
        """The reply of a process that is idle; nothing where it had to be ended."""
        checker = self._taken()
        if len(checker.known) >= KNOWN_MAX:
            checker.known.clear()
        text = "" if version in checker.known else survey
        reply = _asked(checker.process, msgspec.json.encode([version, text, sent]) + b"\n", timeout_s=CHECK_TIMEOUT_S)
        if reply == UNKNOWN:
            request = msgspec.json.encode([version, survey, sent]) + b"\n"
            reply = _asked(checker.process, request, timeout_s=CHECK_TIMEOUT_S)
        if reply:
            checker.known.add(version)
            with self._lock:
                self._idle.append(checker)
        return reply

    def _taken(self) -> Checker:
        """A process for the caller alone, which gives it back."""
        with self._lock:
            while self._idle:
                checker = self._idle.pop()
                if checker.process.poll() is None:
                    return checker
                _end(checker.process)
        return Checker(process=_started())


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
    answered = select.poll()
    answered.register(process.stdout, select.POLLIN)
    try:
        process.stdin.write(request)
        process.stdin.flush()
        reply = process.stdout.readline() if answered.poll(timeout_s * 1e3) else b""
    except BrokenPipeError:
        reply = b""
    if not reply:
        _end(process)
    return reply


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
